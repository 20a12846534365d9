/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The GitHub actions: what each of them does from inputs to outputs. They
 * print to standard output, as a runner reads it, and what goes wrong with a
 * cache is a warning, not a failure of the job.
 *
 * The messages and outputs are those of actions/cache 5.0 (actions/cache,
 * src/restoreImpl.ts and src/saveImpl.ts; actions/toolkit, packages/cache).
 */
#ifndef XC_ACTION_ACTION_H
#define XC_ACTION_ACTION_H

#include <stdbool.h>

#include "base/cancel.h"
#include "base/progress.h"

/* What only the program knows. All borrowed; the hooks may be NULL. */
struct xc_action_host {
	unsigned threads;     /* at least 1 */
	unsigned connections; /* 0: as many as are worth having */
	long expire_days;     /* of the store, see save/save.h; -1: as its kind has it */
	const struct xc_cancel *cancel;
	struct xc_progress *progress;
	/* Around what takes long: catch signals and show the progress, and no longer. */
	void (*begin)(void *context);
	void (*end)(void *context);
	/*
	 * Before the work of a lazy mount begins: go on in a process that outlives the
	 * step; and when the step is done, end it with its exit code. NULL: there are none.
	 */
	void (*background)(void *context);
	void (*ready)(void *context, int code);
	void *context;
};

/*
 * Each returns the exit code of its step: 0, or 1 for invalid inputs,
 * for a miss with fail-on-cache-miss, and for an interrupted run. A save
 * fails for nothing else than the last.
 */
int xc_action_restore(const struct xc_action_host *host); /* restore/action.yml */
int xc_action_save(const struct xc_action_host *host);    /* save/action.yml */
int xc_action_main(const struct xc_action_host *host);    /* action.yml: restore, keep state */
int xc_action_post(const struct xc_action_host *host);    /* action.yml, at the end: save */

/*
 * main or, at the end of the job, post: a Docker action has the same arguments for both. Post does
 * nothing where main did not run, as after a container that could not be started.
 */
int xc_action_root(const struct xc_action_host *host, bool at_end);

#endif
