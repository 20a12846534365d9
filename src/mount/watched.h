/* SPDX-License-Identifier: Apache-2.0 */
/* The process with whose end a job ends. */
#ifndef XC_MOUNT_WATCHED_H
#define XC_MOUNT_WATCHED_H

#include <sys/types.h>

#include "base/compiler.h"

/*
 * The worker of GitHub's runner (actions/runner, Runner.Worker) that this process descends from:
 * one for each job. -1 if there is none.
 */
int xc_watched_worker(pid_t *ret_pid) XC_CHECK;

#endif
