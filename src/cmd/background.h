/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command whose work outlives it: the process that was started waits for
 * another, which does the work, tells when the command is done, and stays.
 */
#ifndef XC_CMD_BACKGROUND_H
#define XC_CMD_BACKGROUND_H

/*
 * Go on in a child, before there is a second thread. The parent never returns
 * from here: it hands signals on, and ends as xc_background_ready says, or as the child does.
 * Descriptors but the first three are closed in the child. Without a child, as of
 * fork(2), this process itself goes on.
 */
void xc_background_begin(void);

/*
 * The command is done, with this exit code: the parent ends. This process goes
 * on without a terminal, current directory and output, and is no longer one
 * that GitHub's runner ends with the job (RUNNER_TRACKING_ID). Nothing if
 * there was no begin.
 */
void xc_background_ready(int code);

#endif
