/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/cmd.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

int xc_cmd_exit_code(enum xc_err_kind kind)
{
	switch (kind) {
	case XC_ERR_NONE:
		return XC_EXIT_DONE;
	case XC_ERR_USAGE:
		return XC_EXIT_USAGE;
	case XC_ERR_NOT_FOUND:
		return XC_EXIT_MISS;
	default:
		return XC_EXIT_FAILED;
	}
}

int xc_cmd_finish(int code)
{
	bool failed = ferror(stdout) != 0;
	struct xc_err err;

	errno = 0;
	failed |= fflush(stdout) != 0;
	xc_err_sys(&err, errno, "cannot write to standard output");
	if (!failed)
		return code;
	/* A reader that has seen enough, such as head, is no one to complain to. */
	if (err.sys != EPIPE)
		fprintf(stderr, "xcache: %s\n", err.msg);
	return code ? code : XC_EXIT_FAILED;
}
