/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/internal.h"

#include "base/human.h"
#include "cmd/background.h"
#include "mount/mount.h"
#include "report/document.h"
#include "report/summary.h"
#include "restore/restore.h"

static const struct xc_option options[] = {
	XC_OPTION("key", TEXT, key, "KEY",
		  "Entry to restore; if it does not exist, the\n"
		  "newest whose key starts with KEY"),
	XC_OPTION_RESTORE_KEY,
	XC_OPTION_SAVED_PATH,
	XC_OPTION_LEGACY_LAYOUT,
	XC_OPTION("lookup-only", FLAG, lookup_only, NULL,
		  "Only look for the entry, as lookup does"),
	XC_OPTION("mount", TEXT, mount, "MODE",
		  "Mount the files instead of extracting them, where\n"
		  "that is possible: off (default), eager (all contents\n"
		  "first), lazy (contents as they are read) or auto;\n"
		  "docs/MOUNT.md tells what suits it"),
	XC_OPTION_WATCH,
};

static const struct xc_command command = {
	.name = "restore",
	.usage = "--key KEY [--restore-key PREFIX]... --path PATH...",
	.about = "Restore the files of an entry to where they were saved from.\n"
		 "Existing files are replaced, other files stay. If anything fails, nothing is\n"
		 "changed.",
	.options = options,
	.option_count = ARRAY_LEN(options),
	.needs = XC_NEEDS_KEY | XC_NEEDS_PATHS,
	.examples = "  xcache restore --key npm-1f2e3d --restore-key npm- --path node_modules\n"
		    "  xcache restore --key build --path target || make build",
	.exits = "  0  restored\n"
		 "  1  failed; nothing was changed\n"
		 "  2  wrong usage\n"
		 "  3  no entry matches",
};

static void say_how(const struct xc_mount *mount, FILE *people)
{
	const char *obstacle = xc_mount_obstacle(mount);

	if (obstacle)
		fprintf(people, "Extracted, not mounted: %s\n", obstacle);
	else if (xc_mount_way(mount) != XC_MOUNT_BY_NOTHING)
		fprintf(people, "Mounted%s: %s\n",
			xc_mount_is_served(mount) ? ", contents follow as they are read" : "",
			xc_mount_way_name(xc_mount_way(mount)));
}

static void report(const struct xc_command *asked, const struct xc_args *args,
		   const struct xc_session *session, const struct xc_restore_result *result,
		   const struct xc_mount *mount)
{
	const struct xc_query query = xc_cmd_query(args);
	FILE *people = xc_cmd_people(args);

	xc_cmd_warn_broken(asked, args, session);
	if (result->owner_dropped)
		xc_cmd_warn(asked, args,
			    "file ownership was not restored: this process may not change owners");
	if (result->copied_links > 0)
		xc_cmd_warn(asked, args,
			    "%s %s: the files are on different file systems, or one has as many "
			    "hard links as its file system allows",
			    XC_COUNTED(result->copied_links, "hard link", "hard links"),
			    result->copied_links == 1 ? "was restored as a copy"
						      : "were restored as copies");
	if (result->left_out > 0)
		xc_cmd_warn(asked, args, "left out %s",
			    XC_COUNTED(result->left_out, "special file", "special files"));
	if (args->json) {
		cleanup_json json_t *document = xc_document_restore(&query, result);
		enum xc_mount_way way = xc_mount_way(mount);

		xc_document_set_mount(document,
				      way == XC_MOUNT_BY_NOTHING ? NULL : xc_mount_way_name(way),
				      xc_mount_obstacle(mount));
		xc_document_print(document, stdout);
	}
	if (!people)
		return;
	xc_summary_restore(&query, &session->scopes, result, people);
	say_how(mount, people);
	if (args->verbose)
		xc_summary_restore_times(result, people);
	if (args->verbose && result->unrecorded.kind != XC_ERR_NONE)
		fprintf(people, "The next save will read all files: %s\n", result->unrecorded.msg);
}

/* What the arguments ask for. USAGE for a word that is no mode. */
static int mount_opts(const struct xc_args *args, struct xc_mount_opts *ret_opts,
		      struct xc_err *err)
{
	*ret_opts = (struct xc_mount_opts){ .watch = (pid_t)args->watch };
	if (args->mount && !xc_mount_mode_parse(args->mount, &ret_opts->mode))
		return xc_err_set(err, XC_ERR_USAGE, "--mount is %s; write " XC_MOUNT_MODES,
				  XC_QUOTE(args->mount));
	return 0;
}

int xc_cmd_restore(int argc, char **argv)
{
	cleanup_args struct xc_args args = XC_ARGS_INIT;
	struct xc_mount_opts opts;
	struct xc_err err;
	int code;

	if (xc_cmd_begin(&command, argc, argv, &args, &code))
		return code;
	if (mount_opts(&args, &opts, &err) < 0)
		return xc_cmd_fail(&command, &args, NULL, &err);
	if (args.lookup_only)
		return xc_cmd_run_lookup(&command, &args);
	return xc_cmd_run_restore(&command, &args, &opts);
}

int xc_cmd_run_restore(const struct xc_command *asked, const struct xc_args *args,
		       const struct xc_mount_opts *opts)
{
	cleanup_session struct xc_session session = XC_SESSION_INIT;
	cleanup_restore_result struct xc_restore_result result = XC_RESTORE_RESULT_INIT;
	struct xc_query query = xc_cmd_query(args);
	struct xc_mount *mount = NULL;
	struct xc_err err;

	if (opts->mode == XC_MOUNT_LAZY)
		xc_background_begin();
	if (xc_session_open(&session, args, &err) < 0 ||
	    xc_cache_mount(&session.cache, &query, opts, &result, &mount, &err) < 0)
		return xc_cmd_fail(asked, args, &session, &err);
	xc_session_finish(&session);
	report(asked, args, &session, &result, mount);
	if (xc_mount_is_served(mount)) {
		xc_background_ready(xc_cmd_finish(XC_EXIT_DONE));
		xc_mount_serve(mount);
	}
	xc_mount_free(mount);
	return XC_EXIT_DONE;
}
