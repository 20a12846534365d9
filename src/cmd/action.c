/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "action/action.h"
#include "action/commands.h"
#include "cmd/background.h"
#include "cmd/internal.h"
#include "report/progress.h"

/* The second name of the program in the root action's image. */
#define POST_NAME "xcache-post"

static int run_root(const struct xc_action_host *host)
{
	return xc_action_root(host, strcmp(program_invocation_short_name, POST_NAME) == 0);
}

static const struct {
	const char *name;
	const char *help;
	int (*run)(const struct xc_action_host *host);
} entries[] = {
	{ "restore", XC_REPOSITORY "/restore: restore, and set the outputs", xc_action_restore },
	{ "save", XC_REPOSITORY "/save: save", xc_action_save },
	{ "main", XC_REPOSITORY ": restore, and record the result for post", xc_action_main },
	{ "post", XC_REPOSITORY " at the end of the job: save", xc_action_post },
	{ "root", "post if the program's name is " POST_NAME ", else main", run_root },
};

struct work {
	struct xc_progress progress;
	struct xc_reporter *reporter;
};

static void begin_work(void *context)
{
	struct work *work = context;

	xc_signals_begin();
	if (!work->reporter)
		work->reporter = xc_reporter_start(&work->progress);
}

static void end_work(void *context)
{
	struct work *work = context;

	xc_reporter_stop(STEAL_PTR(work->reporter));
	xc_signals_end();
}

static void go_background(void *context)
{
	(void)context;
	xc_background_begin();
}

static void be_ready(void *context, int code)
{
	(void)context;
	xc_background_ready(xc_cmd_finish(code));
}

static void print_help(FILE *out)
{
	fputs("Usage: xcache action restore | save | main | post | root\n\n"
	      "What the GitHub actions run: reads their inputs from INPUT_* and GitHub's\n"
	      "variables, and writes outputs where GITHUB_OUTPUT says. docs/ACTIONS.md explains\n"
	      "the inputs.\n\n",
	      out);
	for (size_t i = 0; i < ARRAY_LEN(entries); i++)
		fprintf(out, "  %-8s %s\n", entries[i].name, entries[i].help);
	fputs("\nExit status:\n"
	      "  0  done, a hit or a miss; whatever else went wrong is a warning\n"
	      "  1  invalid inputs, a miss with fail-on-cache-miss, or interrupted\n"
	      "  2  wrong usage\n",
	      out);
}

static int run_entry(int (*run)(const struct xc_action_host *host))
{
	struct work work = { 0 };
	struct xc_action_host host = {
		.threads = xc_defaults_threads(),
		.cancel = xc_signals_cancel(),
		.progress = &work.progress,
		.begin = begin_work,
		.end = end_work,
		.background = go_background,
		.ready = be_ready,
		.context = &work,
	};
	struct xc_err err;

	/* No setting that goes astray may fail a job. */
	if (xc_defaults_connections(&host.connections, &err) < 0)
		xc_action_command("warning", "%s", err.msg);
	if (xc_defaults_expire_days(&host.expire_days, &err) < 0)
		xc_action_command("warning", "%s", err.msg);
	return run(&host);
}

int xc_cmd_action(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
		print_help(stdout);
		return XC_EXIT_DONE;
	}
	for (size_t i = 0; argc == 2 && i < ARRAY_LEN(entries); i++)
		if (strcmp(name, entries[i].name) == 0)
			return run_entry(entries[i].run);
	print_help(stderr);
	return XC_EXIT_USAGE;
}
