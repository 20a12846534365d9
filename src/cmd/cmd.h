/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The subcommands. Each takes its own name and arguments, prints what came of
 * it and returns the exit code of the program; see xc_cmd_finish.
 */
#ifndef XC_CMD_CMD_H
#define XC_CMD_CMD_H

#include <stddef.h>

#include "base/err.h"

enum xc_exit {
	XC_EXIT_DONE = 0, /* or hit */
	XC_EXIT_FAILED = 1,
	XC_EXIT_USAGE = 2,
	XC_EXIT_MISS = 3,
};

int xc_cmd_restore(int argc, char **argv);
int xc_cmd_save(int argc, char **argv);
int xc_cmd_mount(int argc, char **argv);
int xc_cmd_unmount(int argc, char **argv);
int xc_cmd_mounter(int argc, char **argv); /* mount/mounter.h; not for people */
int xc_cmd_lookup(int argc, char **argv);
int xc_cmd_list(int argc, char **argv);
int xc_cmd_inspect(int argc, char **argv);
int xc_cmd_remove(int argc, char **argv);
int xc_cmd_gc(int argc, char **argv);
int xc_cmd_stats(int argc, char **argv);
int xc_cmd_verify(int argc, char **argv);
int xc_cmd_doctor(int argc, char **argv);
int xc_cmd_lifecycle(int argc, char **argv);
int xc_cmd_action(int argc, char **argv);
int xc_cmd_version(int argc, char **argv);

/* The exit code that belongs to a kind of error. */
int xc_cmd_exit_code(enum xc_err_kind kind);

/* Make sure that all output was written. Returns the exit code: a failure if it was not. */
int xc_cmd_finish(int code);

#endif
