/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/internal.h"

#include <inttypes.h>

#include "base/human.h"
#include "report/document.h"
#include "report/entries.h"
#include "upkeep/verify.h"

static const struct xc_option options[] = {
	XC_OPTION("key", TEXT, key, "KEY", "Check the entries of exactly this key"),
	XC_OPTION("path", LINES, paths, "PATH",
		  "Only entries saved with exactly these --path lines;\n"
		  "may be repeated (default: all)"),
	XC_OPTION("all", FLAG, all, NULL, "Check every entry of the repository, in all scopes"),
};

static const struct xc_command command = {
	.name = "verify",
	.usage = "(--key KEY | --all) [--path PATH]...",
	.about = "Check that entries can be restored: all of their bytes are read, compared with\n"
		 "their checksums and decoded. Nothing is written. What several entries share is\n"
		 "read once.",
	.options = options,
	.option_count = ARRAY_LEN(options),
	.examples = "  xcache verify --key npm-1f2e3d\n"
		    "  xcache verify --all --json | jq '.entries[] | select(.error)'",
	.exits = "  0  all of them are good\n"
		 "  1  something is broken, or the check failed\n"
		 "  2  wrong usage\n"
		 "  3  no entry has this key",
};

struct check {
	const struct xc_args *args;
	json_t *entries;
	struct xc_strlist lines; /* what is wrong, told after the progress */
};

static void add_line(struct check *check, const struct xc_entry *entry, const struct xc_err *broken)
{
	const char *name = entry->key ? entry->key : entry->object;

	if (broken->kind == XC_ERR_FORMAT)
		xc_strlist_take(&check->lines,
				xc_asprintf("%s in scope %s: not checked: %s", XC_QUOTE(name),
					    XC_QUOTE(entry->scope), broken->msg));
	else
		xc_strlist_take(&check->lines,
				xc_asprintf("%s in scope %s is broken: %s\n"
					    "hint: \"xcache remove --key %s --scope %s\" removes "
					    "it; a save under the key replaces it",
					    XC_QUOTE(name), XC_QUOTE(entry->scope), broken->msg,
					    XC_QUOTE(name), XC_QUOTE(entry->scope)));
}

static void checked(const struct xc_entry *entry, const struct xc_err *broken, void *context)
{
	struct check *check = context;
	struct xc_entry told = *entry;

	told.manifest_err = broken;
	if (broken)
		add_line(check, entry, broken);
	if (check->args->json)
		json_array_append_new(check->entries, xc_entries_json(&told));
}

static void print_result(const struct check *check, const struct xc_verify_result *result)
{
	FILE *people = xc_cmd_people(check->args);

	for (size_t i = 0; i < check->lines.count; i++)
		fprintf(stderr, "xcache verify: %s\n", check->lines.items[i]);
	if (!people)
		return;
	fprintf(people, "%s checked, %s broken: %s, %s read\n",
		XC_COUNTED(result->entries, "entry", "entries"), XC_COUNT(result->broken),
		XC_COUNTED(result->packs, "pack", "packs"), XC_SIZE(result->bytes));
	if (result->unnamed > 0)
		fprintf(people, "%s, %s, without an entry: \"xcache gc\" frees what nobody needs\n",
			XC_COUNTED(result->unnamed, "pack", "packs"),
			XC_SIZE(result->unnamed_bytes));
}

static void print_document(const struct check *check, const struct xc_verify_result *result)
{
	cleanup_json json_t *document = xc_document_new();

	json_object_set_new(document, "ok", json_boolean(result->broken == 0));
	json_object_set(document, "entries", check->entries);
	json_object_set_new(document, "broken", json_integer((json_int_t)result->broken));
	json_object_set_new(document, "packs", json_integer((json_int_t)result->packs));
	json_object_set_new(document, "bytes", json_integer((json_int_t)result->bytes));
	if (check->args->all)
		json_object_set_new(document, "unnamed",
				    json_pack("{sIsI}", "count", (json_int_t)result->unnamed,
					      "bytes", (json_int_t)result->unnamed_bytes));
	xc_document_print(document, stdout);
}

static int run(struct check *check, struct xc_session *session, struct xc_verify_result *ret_result,
	       struct xc_err *err)
{
	const struct xc_args *args = check->args;
	char version[XC_VERSION_HEX + 1];
	const struct xc_verify_opts opts = {
		.key = args->key,
		.version = xc_cmd_version_of(args, version),
		.checked = checked,
		.context = check,
	};

	if (!args->key == !args->all)
		return xc_err_set(err, XC_ERR_USAGE, "say what to check: --key KEY, or --all");
	if (xc_session_open(session, args, err) < 0)
		return -1;
	return xc_verify(&session->cache, &opts, ret_result, err);
}

int xc_cmd_verify(int argc, char **argv)
{
	cleanup_args struct xc_args args = XC_ARGS_INIT;
	cleanup_session struct xc_session session = XC_SESSION_INIT;
	cleanup_json json_t *entries = json_array();
	struct check check = { .args = &args, .entries = entries };
	struct xc_verify_result result;
	struct xc_err err;
	int code;

	if (xc_cmd_begin(&command, argc, argv, &args, &code))
		return code;
	if (run(&check, &session, &result, &err) < 0) {
		xc_strlist_release(&check.lines);
		return xc_cmd_fail(&command, &args, &session, &err);
	}
	xc_session_finish(&session);
	print_result(&check, &result);
	if (args.json)
		print_document(&check, &result);
	xc_strlist_release(&check.lines);
	return result.broken > 0 ? XC_EXIT_FAILED : XC_EXIT_DONE;
}
