/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/internal.h"

#include "base/human.h"
#include "report/document.h"
#include "report/stats.h"

static const struct xc_option options[] = {
	XC_OPTION("fast", FLAG, fast, NULL,
		  "Do not read the indexes of packs: what is dead in\n"
		  "them is not counted"),
};

static const struct xc_command command = {
	.name = "stats",
	.usage = "[--fast]",
	.about =
		"Show what the entries of the repository take, in all of its scopes, and what\n"
		"nobody needs. \"Dead\" is what no entry restores any more, in packs that entries\n"
		"still need for something else.",
	.options = options,
	.option_count = ARRAY_LEN(options),
	.examples = "  xcache stats\n"
		    "  xcache stats --json | jq .unnamed.bytes",
	.exits = "  0  counted\n"
		 "  1  failed\n"
		 "  2  wrong usage",
};

int xc_cmd_stats(int argc, char **argv)
{
	cleanup_args struct xc_args args = XC_ARGS_INIT;
	cleanup_session struct xc_session session = XC_SESSION_INIT;
	cleanup_json json_t *document = NULL;
	struct xc_stats stats;
	struct xc_err err;
	int code;

	if (xc_cmd_begin(&command, argc, argv, &args, &code))
		return code;
	if (xc_session_open(&session, &args, &err) < 0 ||
	    xc_stats(&session.cache, args.fast, &stats, &err) < 0)
		return xc_cmd_fail(&command, &args, &session, &err);
	xc_session_finish(&session);
	if (stats.unreadable > 0)
		xc_cmd_warn(&command, &args,
			    "%s cannot be read, so what they need is not counted: %s",
			    XC_COUNTED(stats.unreadable, "object", "objects"), stats.reason.msg);
	if (stats.missing > 0)
		xc_cmd_warn(
			&command, &args, "%s missing; \"xcache verify --all\" tells which",
			XC_COUNTED(stats.missing, "pack of an entry is", "packs of entries are"));
	if (args.json) {
		document = xc_stats_document(&stats);
		xc_document_print(document, stdout);
	} else {
		xc_stats_print(&stats, stdout);
	}
	return XC_EXIT_DONE;
}
