/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/internal.h"

#include "base/human.h"
#include "report/document.h"
#include "report/entries.h"
#include "report/gc.h"

#define HOUR_NS     (3600 * INT64_C(1000000000))
#define GRACE_HOURS 24 /* GitHub ends a job after 6, and what it found first may be needed last */

static const struct xc_option options[] = {
	{ .name = "grace",
	  .kind = XC_OPTION_NUMBER,
	  .offset = offsetof(struct xc_args, grace),
	  .value = "HOURS",
	  .help = "How long packs stay after their last entry is gone,\n"
		  "for jobs that still need them (default: 24)",
	  .min = 0,
	  .max = 8760 },
	{ .name = "max-age",
	  .kind = XC_OPTION_NUMBER,
	  .offset = offsetof(struct xc_args, max_age),
	  .value = "DAYS",
	  .help = "Remove entries that were last saved longer ago",
	  .min = 1,
	  .max = 3650 },
	XC_OPTION("max-size", TEXT, max_size, "SIZE",
		  "Remove the entries that were saved first, until the\n"
		  "packs of the others have at most SIZE, such as 500M\n"
		  "or 20G. The newest entry of each kind of key stays:\n"
		  "of those with one scope, one version, and one\n"
		  "beginning up to the last \"-\""),
	XC_OPTION("dry-run", FLAG, dry_run, NULL, "Remove nothing, print what would be removed"),
	XC_OPTION("force", FLAG, force, NULL, "Allow --grace 0: only if no job is running"),
};

static const struct xc_command command = {
	.name = "gc",
	.usage = "[--grace HOURS] [--max-age DAYS] [--max-size SIZE] [--dry-run]",
	.about = "Free what no entry of the repository needs any more, in all of its scopes.\n"
		 "Saves and restores may run at the same time. What was removed or replaced just\n"
		 "now goes in a later run: run it once a day or a week.",
	.options = options,
	.option_count = ARRAY_LEN(options),
	.examples = "  xcache gc --dry-run\n"
		    "  xcache gc --max-age 30 --max-size 50G",
	.exits = "  0  done\n"
		 "  1  failed; what was removed so far was not needed\n"
		 "  2  wrong usage",
};

struct collection {
	const struct xc_args *args;
	json_t *entries;
};

static int removed(const struct xc_entry *entry, void *context, struct xc_err *err)
{
	const struct collection *collection = context;
	FILE *people = xc_cmd_people(collection->args);

	(void)err;
	if (people)
		fprintf(people, "%s %s (scope %s)\n",
			collection->args->dry_run ? "Would remove" : "Removed",
			XC_QUOTE(entry->key), XC_QUOTE(entry->scope));
	if (collection->args->json)
		json_array_append_new(collection->entries, xc_entries_json(entry));
	return 0;
}

static int make_opts(const struct xc_args *args, struct xc_gc_opts *opts, struct xc_err *err)
{
	if (args->grace < 1 && !args->force)
		return xc_err_set(err, XC_ERR_USAGE,
				  "--grace below 1 hour takes packs away from running jobs; if "
				  "none is running, add --force");
	if (args->max_size && xc_human_parse_size(args->max_size, &opts->max_bytes) < 0)
		return xc_err_set(err, XC_ERR_USAGE,
				  "--max-size takes a size such as 500M, 20G or 1T, not %s",
				  XC_QUOTE(args->max_size));
	opts->grace_ns = args->grace * HOUR_NS;
	opts->max_age_ns = args->max_age * 24 * HOUR_NS;
	opts->has_max_bytes = args->max_size != NULL;
	opts->dry_run = args->dry_run;
	return 0;
}

int xc_cmd_gc(int argc, char **argv)
{
	cleanup_args struct xc_args args = { .grace = GRACE_HOURS };
	cleanup_session struct xc_session session = XC_SESSION_INIT;
	cleanup_json json_t *entries = json_array(), *document = NULL;
	struct collection collection = { .args = &args, .entries = entries };
	struct xc_gc_opts opts = { .removed = removed, .context = &collection };
	struct xc_gc_result result;
	struct xc_err err;
	int code;

	if (xc_cmd_begin(&command, argc, argv, &args, &code))
		return code;
	if (make_opts(&args, &opts, &err) < 0 || xc_session_open(&session, &args, &err) < 0 ||
	    xc_gc(&session.cache, &opts, &result, &err) < 0)
		return xc_cmd_fail(&command, &args, &session, &err);
	xc_session_finish(&session);
	if (xc_cmd_people(&args))
		xc_gc_print(&opts, &result, xc_cmd_people(&args));
	if (!args.json)
		return XC_EXIT_DONE;
	document = xc_gc_document(&opts, &result, json_incref(entries));
	xc_document_print(document, stdout);
	return XC_EXIT_DONE;
}
