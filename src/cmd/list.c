/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/internal.h"

#include <inttypes.h>

#include "base/human.h"
#include "report/document.h"
#include "report/entries.h"

static const struct xc_option options[] = {
	XC_OPTION("key-prefix", ANY_TEXT, key_prefix, "PREFIX",
		  "Only entries whose key starts with PREFIX"),
	XC_OPTION("path", LINES, paths, "PATH",
		  "Only entries saved with exactly these --path lines;\n"
		  "may be repeated (default: all)"),
	XC_OPTION("keys-only", FLAG, keys_only, NULL,
		  "Print only keys, one per line; fast, because no\n"
		  "entry is read"),
};

static const struct xc_command command = {
	.name = "list",
	.usage = "[--key-prefix PREFIX] [--path PATH]...",
	.about = "List the entries of the scopes, the newest first.\n"
		 "SIZE is the size of the files, STORED the size in the store. VERSION identifies\n"
		 "the --path lines of an entry: a restore finds it only with the same lines.",
	.options = options,
	.option_count = ARRAY_LEN(options),
	.examples = "  xcache list\n"
		    "  xcache list --key-prefix npm- --scope refs/heads/main\n"
		    "  xcache list --json | jq -r '.entries[].key'",
	.exits = "  0  listed, even if there is nothing\n"
		 "  1  failed\n"
		 "  2  wrong usage",
};

struct listing {
	const struct xc_args *args;
	struct xc_table table;
	json_t *entries;
	int64_t now_s;
	uint64_t count, unreadable;
	uint64_t cut;         /* names that do not tell the key */
	struct xc_err reason; /* of the first that is unreadable */
};

static void list_key(struct listing *listing, const struct xc_entry *entry)
{
	cleanup_buf struct xc_buf line = XC_BUF_INIT;

	if (!entry->key) {
		listing->cut++;
		return;
	}
	xc_human_quote(entry->key, &line);
	puts(xc_buf_str(&line));
}

static int found(const struct xc_entry *entry, void *context, struct xc_err *err)
{
	struct listing *listing = context;

	(void)err;
	listing->count++;
	if (entry->manifest_err) {
		if (listing->unreadable++ == 0)
			listing->reason = *entry->manifest_err;
	}
	if (listing->args->json)
		json_array_append_new(listing->entries, xc_entries_json(entry));
	else if (listing->args->keys_only)
		list_key(listing, entry);
	else
		xc_entries_add(&listing->table, entry, listing->now_s);
	return 0;
}

static void report(struct listing *listing, const struct xc_session *session)
{
	const struct xc_args *args = listing->args;

	if (args->json) {
		cleanup_json json_t *document = xc_document_new();

		json_object_set(document, "entries", listing->entries);
		xc_document_print(document, stdout);
	} else if (!args->keys_only && listing->count > 0) {
		xc_table_print(&listing->table, stdout);
	} else if (!args->keys_only && !args->quiet) {
		cleanup_free char *scopes = xc_session_scopes(session);

		fprintf(stderr, "There are no entries%s in %s of %s\n",
			args->key_prefix || args->paths.count ? " that match" : "", scopes,
			session->store->display_url);
	}
	if (listing->unreadable > 0)
		xc_cmd_warn(&command, args, "cannot read the manifest of %s: %s",
			    XC_COUNTED(listing->unreadable, "entry", "entries"),
			    listing->reason.msg);
	if (listing->cut > 0)
		xc_cmd_warn(&command, args,
			    "%s not shown, because names in the store are truncated: list "
			    "without --keys-only",
			    XC_COUNTED(listing->cut, "long key is", "long keys are"));
}

int xc_cmd_list(int argc, char **argv)
{
	cleanup_args struct xc_args args = XC_ARGS_INIT;
	cleanup_session struct xc_session session = XC_SESSION_INIT;
	cleanup_json json_t *entries = json_array();
	struct listing listing = { .args = &args, .entries = entries, .now_s = xc_cmd_now_s() };
	char version[XC_VERSION_HEX + 1];
	struct xc_list_opts opts;
	struct xc_err err;
	int code;

	if (xc_cmd_begin(&command, argc, argv, &args, &code))
		return code;
	opts = (struct xc_list_opts){
		.key_prefix = args.key_prefix,
		.version = xc_cmd_version_of(&args, version),
		.with_manifests = !args.keys_only,
	};
	if (xc_session_open(&session, &args, &err) < 0)
		return xc_cmd_fail(&command, &args, &session, &err);
	xc_entries_init(&listing.table, session.scopes.count > 1);
	if (xc_cache_list(&session.cache, &opts, found, &listing, &err) < 0) {
		xc_table_release(&listing.table);
		return xc_cmd_fail(&command, &args, &session, &err);
	}
	xc_session_finish(&session);
	report(&listing, &session);
	xc_table_release(&listing.table);
	return XC_EXIT_DONE;
}
