/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/internal.h"

#include "report/document.h"
#include "report/summary.h"

static const struct xc_option options[] = {
	XC_OPTION("key", TEXT, key, "KEY",
		  "Entry to look for; if it does not exist, the\n"
		  "newest whose key starts with KEY"),
	XC_OPTION_RESTORE_KEY,
	XC_OPTION_SAVED_PATH,
	XC_OPTION_LEGACY_LAYOUT,
};

static const struct xc_command command = {
	.name = "lookup",
	.usage = "--key KEY [--restore-key PREFIX]... --path PATH...",
	.about = "Show which entry a restore with the same options would use.",
	.options = options,
	.option_count = ARRAY_LEN(options),
	.needs = XC_NEEDS_KEY | XC_NEEDS_PATHS,
	.examples =
		"  xcache lookup --key npm-1f2e3d --path node_modules || npm ci\n"
		"  xcache lookup --json --key npm-1f2e3d --restore-key npm- --path node_modules",
	.exits = "  0  found\n"
		 "  1  failed\n"
		 "  2  wrong usage\n"
		 "  3  no entry matches",
};

static void report(const struct xc_args *args, const struct xc_session *session,
		   const struct xc_query *query, const struct xc_match *match)
{
	FILE *people = xc_cmd_people(args);

	if (args->json) {
		cleanup_json json_t *document = xc_document_lookup(query, match);

		xc_document_print(document, stdout);
	}
	if (people)
		xc_summary_lookup(query, &session->scopes, match, xc_cmd_now_s(), people);
}

int xc_cmd_run_lookup(const struct xc_command *asked, const struct xc_args *args)
{
	cleanup_session struct xc_session session = XC_SESSION_INIT;
	cleanup_match struct xc_match match = XC_MATCH_INIT;
	struct xc_query query = xc_cmd_query(args);
	struct xc_err err;

	if (xc_session_open(&session, args, &err) < 0 ||
	    xc_cache_lookup(&session.cache, &query, &match, &err) < 0)
		return xc_cmd_fail(asked, args, &session, &err);
	xc_session_finish(&session);
	xc_cmd_warn_broken(asked, args, &session);
	report(args, &session, &query, &match);
	return XC_EXIT_DONE;
}

int xc_cmd_lookup(int argc, char **argv)
{
	cleanup_args struct xc_args args = XC_ARGS_INIT;
	int code;

	if (xc_cmd_begin(&command, argc, argv, &args, &code))
		return code;
	return xc_cmd_run_lookup(&command, &args);
}
