/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a job builds what a cache would have brought: from the restore
 * step that did not bring it to the save step. The entry keeps it, so that a
 * later hit can tell what it saved. Between the steps the time is that of an
 * empty file in the runner's folder for such things, which is emptied at the
 * end of each job.
 *
 * Source: docs.github.com, "Variables reference", RUNNER_TEMP.
 */
#ifndef XC_ACTION_BUILD_TIME_H
#define XC_ACTION_BUILD_TIME_H

#include "action/context.h"
#include "base/strlist.h"

/* The building begins. That this cannot be noted hurts nobody, and is not said. */
void xc_action_build_begin(const struct xc_action_context *context, const char *key,
			   const struct xc_strlist *paths);

/* Milliseconds since it began; 0 if no step of this job has noted that. */
uint64_t xc_action_build_ms(const struct xc_action_context *context, const char *key,
			    const struct xc_strlist *paths);

#endif
