/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/internal.h"

#include "base/human.h"
#include "report/document.h"
#include "report/entries.h"

static const struct xc_option options[] = {
	XC_OPTION("key", TEXT, key, "KEY", "Remove the entry of exactly this key"),
	XC_OPTION("key-prefix", TEXT, key_prefix, "PREFIX",
		  "Remove all entries whose key starts with PREFIX"),
	XC_OPTION("all", FLAG, all, NULL, "Remove all entries of the scope"),
	XC_OPTION("path", LINES, paths, "PATH",
		  "Only entries saved with exactly these --path lines;\n"
		  "may be repeated (default: all)"),
};

static const struct xc_command command = {
	.name = "remove",
	.usage = "(--key KEY | --key-prefix PREFIX | --all) [--path PATH]...",
	.about = "Remove entries from the first scope, so that no lookup finds them any more.\n"
		 "Their data stays for restores that are running.",
	.options = options,
	.option_count = ARRAY_LEN(options),
	.examples = "  xcache remove --key npm-1f2e3d\n"
		    "  xcache remove --scope refs/heads/feature --key-prefix npm-\n"
		    "  xcache remove --scope refs/pull/7/merge --all",
	.exits = "  0  removed\n"
		 "  1  failed; the entries it listed are removed\n"
		 "  2  wrong usage\n"
		 "  3  there is no such entry; not with --all",
};

struct removal {
	const struct xc_args *args;
	json_t *entries;
};

static int removed(const struct xc_entry *entry, void *context, struct xc_err *err)
{
	struct removal *removal = context;
	FILE *people = xc_cmd_people(removal->args);

	(void)err;
	if (people)
		fprintf(people, "Removed %s (version %s)\n",
			entry->key ? XC_QUOTE(entry->key) : "an entry with a long key",
			XC_QUOTE(entry->version));
	if (removal->args->json)
		json_array_append_new(removal->entries, xc_entries_json(entry));
	return 0;
}

static int check(const struct xc_args *args, struct xc_err *err)
{
	int given = (args->key != NULL) + (args->key_prefix != NULL) + args->all;

	if (given == 0)
		return xc_err_set(err, XC_ERR_USAGE,
				  "say what to remove with --key, --key-prefix or --all");
	if (given > 1)
		return xc_err_set(err, XC_ERR_USAGE,
				  "give one of --key, --key-prefix and --all, not several");
	return 0;
}

static int run(struct removal *removal, struct xc_session *session, struct xc_err *err)
{
	const struct xc_args *args = removal->args;
	char version[XC_VERSION_HEX + 1];
	struct xc_remove_opts opts = {
		.key = args->key,
		.key_prefix = args->all ? "" : args->key_prefix,
		.version = xc_cmd_version_of(args, version),
	};
	uint64_t count = 0;

	if (check(args, err) < 0 || xc_session_open(session, args, err) < 0 ||
	    xc_cache_remove(&session->cache, &opts, removed, removal, &count, err) < 0)
		return -1;
	/* All of none is what was asked for. */
	if (count == 0 && !args->all)
		return xc_err_set(err, XC_ERR_NOT_FOUND,
				  "there is no entry whose key %s %s in scope %s",
				  args->key ? "is" : "starts with",
				  XC_QUOTE(args->key ? args->key : args->key_prefix),
				  XC_QUOTE(session->scopes.items[0]));
	return 0;
}

int xc_cmd_remove(int argc, char **argv)
{
	cleanup_args struct xc_args args = XC_ARGS_INIT;
	cleanup_session struct xc_session session = XC_SESSION_INIT;
	cleanup_json json_t *entries = json_array(), *document = NULL;
	struct removal removal = { .args = &args, .entries = entries };
	struct xc_err err;
	int code;

	if (xc_cmd_begin(&command, argc, argv, &args, &code))
		return code;
	if (run(&removal, &session, &err) < 0)
		return xc_cmd_fail(&command, &args, &session, &err);
	xc_session_finish(&session);
	if (!args.json)
		return XC_EXIT_DONE;
	document = xc_document_new();
	json_object_set(document, "removed", entries);
	xc_document_print(document, stdout);
	return XC_EXIT_DONE;
}
