/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/internal.h"

#include <time.h>

static int check_args(const struct xc_command *command, const struct xc_args *args,
		      struct xc_err *err)
{
	if ((command->needs & XC_NEEDS_KEY) && !args->key)
		return xc_err_set(err, XC_ERR_USAGE, "Input required and not supplied: key");
	if ((command->needs & XC_NEEDS_PATHS) && args->paths.count == 0)
		return xc_err_set(err, XC_ERR_USAGE,
				  "Path Validation Error: At least one directory or file path "
				  "is required");
	if ((command->needs & XC_NEEDS_OPERANDS) && args->operands.count == 0)
		return xc_err_set(err, XC_ERR_USAGE, "nothing is named: xcache %s %s",
				  command->name, command->usage);
	if (args->parent_keys.count > 0) {
		const struct xc_strlist rest = { .items = args->parent_keys.items + 1,
						 .count = args->parent_keys.count - 1 };

		if (xc_key_check(args->parent_keys.items[0], &rest, err) < 0)
			return xc_err_wrap(err, "--parent-key");
	}
	return args->key ? xc_key_check(args->key, &args->restore_keys, err) : 0;
}

bool xc_cmd_begin(const struct xc_command *command, int argc, char **argv, struct xc_args *ret_args,
		  int *ret_code)
{
	struct xc_err err;

	if (xc_options_parse(command, argc, argv, ret_args, &err) < 0) {
		*ret_code = xc_cmd_fail(command, ret_args, NULL, &err);
		return true;
	}
	if (ret_args->help) {
		xc_options_help(command, stdout);
		*ret_code = XC_EXIT_DONE;
		return true;
	}
	if (check_args(command, ret_args, &err) < 0) {
		*ret_code = xc_cmd_fail(command, ret_args, NULL, &err);
		return true;
	}
	return false;
}

struct xc_query xc_cmd_query(const struct xc_args *args)
{
	return (struct xc_query){
		.key = args->key,
		.restore_keys = &args->restore_keys,
		.paths = &args->paths,
		.legacy_layout = args->legacy_layout,
	};
}

const char *xc_cmd_version_of(const struct xc_args *args, char room[XC_VERSION_HEX + 1])
{
	if (args->paths.count == 0)
		return NULL;
	xc_key_version(&args->paths, room);
	return room;
}

FILE *xc_cmd_people(const struct xc_args *args)
{
	return args->quiet ? NULL : args->json ? stderr : stdout;
}

int64_t xc_cmd_now_s(void)
{
	return (int64_t)time(NULL);
}
