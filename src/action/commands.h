/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a runner reads in a step's log: workflow commands, and plain lines
 * that must never become one. Everything goes to standard output, a line at
 * once, so that threads may print.
 *
 * Sources: docs.github.com, "Workflow commands"; src/Runner.Common/ActionCommand.cs
 * of actions/runner.
 */
#ifndef XC_ACTION_COMMANDS_H
#define XC_ACTION_COMMANDS_H

#include "base/buf.h"
#include "base/compiler.h"

/* Append `text` as the data of a command: "%", CR and LF are percent-encoded. */
void xc_action_escape_data(const char *text, struct xc_buf *out);

/*
 * Append `text` as one line that no runner takes for a command, neither
 * "::name::" nor the older "##[name]", which is read anywhere in a line:
 * what would be one, and control characters, become \xNN.
 */
void xc_action_escape_line(const char *text, struct xc_buf *out);

/* A plain line; the newline is added. */
void xc_action_info(const char *format, ...) XC_PRINTF(1, 2);

/* "::<command>::<message>", such as error, warning, notice, debug. */
void xc_action_command(const char *command, const char *format, ...) XC_PRINTF(2, 3);

/* A line for debugging runs, as struct xc_store_opts and struct xc_http_opts take it. */
void xc_action_trace(void *unused, const char *line);

/* Lines until xc_action_endgroup are folded below `format`. */
void xc_action_group(const char *format, ...) XC_PRINTF(1, 2);
void xc_action_endgroup(void);

/* Keep `secret`, and each of its lines, out of the log. NULL and "" are no secrets. */
void xc_action_mask(const char *secret);

#endif
