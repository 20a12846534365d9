/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/internal.h"

static const struct xc_option options[] = {
	XC_OPTION("key", TEXT, key, "KEY",
		  "Entry to mount; if it does not exist, the\n"
		  "newest whose key starts with KEY"),
	XC_OPTION_RESTORE_KEY,
	XC_OPTION_SAVED_PATH,
	XC_OPTION("lazy", FLAG, lazy, NULL,
		  "Be ready at once: a content is fetched when it is\n"
		  "read, and the rest meanwhile"),
	XC_OPTION("read-only", FLAG, read_only, NULL,
		  "Nothing can be changed, and reading is faster"),
	XC_OPTION_WATCH,
};

static const struct xc_command command = {
	.name = "mount",
	.usage = "--key KEY [--restore-key PREFIX]... --path PATH...",
	.about =
		"Mount an entry where a restore would extract it: no file is created, and changes\n"
		"go to a directory of their own. \"xcache unmount\" ends it, and so does the end\n"
		"of the job. Takes Linux, root or sudo without a password, and paths that are\n"
		"absent or empty directories; \"xcache restore --mount auto\" extracts elsewhere.",
	.options = options,
	.option_count = ARRAY_LEN(options),
	.needs = XC_NEEDS_KEY | XC_NEEDS_PATHS,
	.examples = "  xcache mount --key npm-1f2e3d --path node_modules\n"
		    "  xcache mount --lazy --read-only --key sdk-34 --path /opt/sdk",
	.exits = "  0  mounted\n"
		 "  1  failed; nothing was changed\n"
		 "  2  wrong usage\n"
		 "  3  no entry matches",
};

int xc_cmd_mount(int argc, char **argv)
{
	cleanup_args struct xc_args args = XC_ARGS_INIT;
	int code;

	if (xc_cmd_begin(&command, argc, argv, &args, &code))
		return code;
	return xc_cmd_run_restore(&command, &args,
				  &(struct xc_mount_opts){
					  .mode = args.lazy ? XC_MOUNT_LAZY : XC_MOUNT_EAGER,
					  .read_only = args.read_only,
					  .must = true,
					  .watch = (pid_t)args.watch,
				  });
}
