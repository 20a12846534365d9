/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/internal.h"

static const struct xc_command command = {
	.name = "unmount",
	.usage = "PATH...",
	.about = "Unmount what \"xcache mount\" or \"xcache restore --mount\" mounted on these "
		 "paths.\n"
		 "What was changed there is gone with it: save it before. A process that still\n"
		 "uses files there keeps them until it ends.",
	.standalone = true,
	.needs = XC_NEEDS_OPERANDS,
	.examples = "  xcache unmount node_modules",
	.exits = "  0  unmounted\n"
		 "  1  failed\n"
		 "  2  wrong usage, or nothing of xcache is mounted there",
};

int xc_cmd_unmount(int argc, char **argv)
{
	cleanup_args struct xc_args args = XC_ARGS_INIT;
	struct xc_err err;
	int code;

	if (xc_cmd_begin(&command, argc, argv, &args, &code))
		return code;
	for (size_t i = 0; i < args.operands.count; i++)
		if (xc_unmount(args.operands.items[i], &err) < 0)
			return xc_cmd_fail(&command, &args, NULL, &err);
	return XC_EXIT_DONE;
}
