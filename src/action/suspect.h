/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An entry that a restore step found broken, for the save step of the same
 * job: it looks at that entry more closely and replaces it if it agrees. So
 * what the note says is only a reason to look, and nobody gains by forging it.
 * Between the steps it is a small file in the runner's folder for such things
 * (RUNNER_TEMP), or in the system's.
 */
#ifndef XC_ACTION_SUSPECT_H
#define XC_ACTION_SUSPECT_H

#include "action/internal.h"

/* Note the entry of the run's own key and scope, if it is among run->broken. */
void xc_action_suspect_note(const struct xc_action_run *run);

/* The tag of the manifest that was noted for the run's key, on the heap; NULL without a note. */
char *xc_action_suspect_take(const struct xc_action_run *run);

#endif
