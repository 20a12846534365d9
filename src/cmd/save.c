/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/internal.h"

#include "report/document.h"
#include "report/summary.h"
#include "save/notes.h"
#include "save/save.h"

static const struct xc_option options[] = {
	XC_OPTION("key", TEXT, key, "KEY",
		  "Name to save under; something that changes with the\n"
		  "contents, such as linux-<hash of the lock file>"),
	XC_OPTION("path", LINES, paths, "PATH",
		  "What to save: a path or a pattern (* ? [] **);\n"
		  "with a leading \"!\" what to leave out. May be\n"
		  "repeated, and one value may hold several lines"),
	XC_OPTION("update", FLAG, update, NULL,
		  "Replace the entry of this key, if the content\n"
		  "changed. If another job replaced it in the meantime,\n"
		  "its entry stays"),
	XC_OPTION("parent-key", LINES, parent_keys, "KEY",
		  "Build on this entry, or the newest whose key starts\n"
		  "with KEY: send only what it lacks. May be repeated.\n"
		  "What restore brought back here goes first, and is\n"
		  "known without this option"),
	XC_OPTION("full", FLAG, full, NULL, "Build on no entry: send everything"),
	{ .name = "expire-days",
	  .kind = XC_OPTION_NUMBER,
	  .offset = offsetof(struct xc_args, expire_days),
	  .value = "N",
	  .help = "After how many days the store removes what was\n"
		  "written, 0 for never: parts of an entry that are\n"
		  "older than a third of that are sent anew\n"
		  "(default: $XCACHE_EXPIRE_DAYS, else 14 for s3, as\n"
		  "lifecycle has it, and 0 for folders)",
	  .min = 0,
	  .max = XC_EXPIRE_DAYS_MAX },
	{ .name = "level",
	  .kind = XC_OPTION_NUMBER,
	  .offset = offsetof(struct xc_args, level),
	  .value = "N",
	  .help = "Compression, from 1 (fast) to 19 (small); default 3",
	  .min = XC_LEVEL_MIN,
	  .max = XC_LEVEL_MAX },
};

static const struct xc_command command = {
	.name = "save",
	.usage = "--key KEY --path PATH...",
	.about =
		"Save files and directories as one entry of the store.\n"
		"If the key has an entry already, nothing is saved, unless that entry is broken\n"
		"or you give --update: then it is replaced.\n"
		"Only what is new is sent: the rest is shared with the entry that restore brought\n"
		"back here before, with the same paths.",
	.options = options,
	.option_count = ARRAY_LEN(options),
	.needs = XC_NEEDS_KEY | XC_NEEDS_PATHS,
	.examples = "  xcache save --key npm-$(sha256sum < package-lock.json | cut -c1-16) \\\n"
		    "      --path node_modules --path ~/.npm\n"
		    "  xcache save --key build --update --path target --path '!target/**/*.tmp'\n"
		    "  xcache save --key nightly-2 --parent-key nightly- --path data",
	.exits = "  0  saved, or the key has an entry already\n"
		 "  1  failed, or no file matches; nothing was saved\n"
		 "  2  wrong usage",
};

static void warn_skipped(const struct xc_args *args, const struct xc_skipped *skipped)
{
	cleanup_buf struct xc_buf text = XC_BUF_INIT;

	xc_summary_skipped(skipped, &text);
	if (text.len_bytes > 0)
		xc_cmd_warn(&command, args,
			    "left out %s: only files, directories and links are saved", text.data);
}

static void warn_notes(const struct xc_args *args, const struct xc_save_result *result)
{
	cleanup_strlist struct xc_strlist sentences = XC_STRLIST_INIT;

	xc_save_notes(result, &sentences);
	for (size_t i = 0; i < sentences.count; i++)
		xc_cmd_warn(&command, args, "%s", sentences.items[i]);
}

static void report(const struct xc_args *args, const struct xc_query *query,
		   const struct xc_save_result *result)
{
	FILE *people = xc_cmd_people(args);

	warn_skipped(args, &result->skipped);
	warn_notes(args, result);
	if (!result->exists && result->healed.kind != XC_ERR_NONE)
		xc_cmd_warn(&command, args, "replaced the broken entry of this key: %s",
			    result->healed.msg);
	if (result->doubt.kind != XC_ERR_NONE)
		xc_cmd_warn(&command, args, "saved, but %s", result->doubt.msg);
	if (args->json) {
		cleanup_json json_t *document = xc_document_save(query, result);

		xc_document_print(document, stdout);
	}
	if (!people)
		return;
	xc_summary_save(query->key, result, people);
	if (args->verbose && !result->exists)
		xc_summary_save_times(result, people);
}

/* As the command line, the environment or the kind of store has it. */
static int set_expire_days(const struct xc_session *session, const struct xc_args *args,
			   struct xc_save_opts *opts, struct xc_err *err)
{
	long days = args->expire_days;

	if (days < 0 && xc_defaults_expire_days(&days, err) < 0)
		return -1;
	opts->expire_days = xc_save_expire_days(days, session->store);
	return 0;
}

int xc_cmd_save(int argc, char **argv)
{
	cleanup_args struct xc_args args = XC_ARGS_INIT;
	cleanup_session struct xc_session session = XC_SESSION_INIT;
	cleanup_save_result struct xc_save_result result = XC_SAVE_RESULT_INIT;
	struct xc_save_opts opts;
	struct xc_query query;
	struct xc_err err;
	int code;

	if (xc_cmd_begin(&command, argc, argv, &args, &code))
		return code;
	query = xc_cmd_query(&args);
	opts = (struct xc_save_opts){
		.level = args.level == 0 ? XC_LEVEL_DEFAULT : (int)args.level,
		.update = args.update,
		.parent_keys = &args.parent_keys,
		.full = args.full,
	};
	if (xc_session_open(&session, &args, &err) < 0 ||
	    set_expire_days(&session, &args, &opts, &err) < 0 ||
	    xc_cache_save(&session.cache, &query, &opts, &result, &err) < 0)
		return xc_cmd_fail(&command, &args, &session, &err);
	xc_session_finish(&session);
	report(&args, &query, &result);
	return XC_EXIT_DONE;
}
