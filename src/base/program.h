/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another program whose output is wanted: run without a shell, in a process
 * group of its own, for a limited time. It gets an empty standard input, no
 * signal blocked or ignored, and no descriptor of this program's.
 */
#ifndef XC_BASE_PROGRAM_H
#define XC_BASE_PROGRAM_H

#include "base/buf.h"
#include "base/cancel.h"
#include "base/err.h"

/* All borrowed. */
struct xc_program {
	const char *name;         /* what errors call it: "git" */
	char *const *argv;        /* ends in NULL; the first is a path, or looked for in PATH */
	char *const *environment; /* ends in NULL */
	bool quiet;               /* its standard error goes nowhere, instead of where ours goes */
	unsigned timeout_ms;
	enum xc_err_kind late_kind;     /* of the error if it takes longer */
	const struct xc_cancel *cancel; /* may be NULL */
};

/*
 * Append what it prints to `out`, which is never grown past its max_bytes and
 * not moved if that much was reserved. Returns 0 once it has ended, however
 * that was: `ret_status` is as from waitpid(2). Else it is killed with its
 * group: `late_kind` after the time, CORRUPT if it prints more than `out`
 * takes, CANCELED, IO.
 */
int xc_program_run(const struct xc_program *program, struct xc_buf *out, int *ret_status,
		   struct xc_err *err) XC_CHECK;

#endif
