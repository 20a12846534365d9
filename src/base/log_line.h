/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a CI runner takes for a command in a line of a log, so that foreign
 * text can be kept from it: "::" at the beginning of a line, behind any white
 * space, and "##[" anywhere.
 *
 * Source: actions/runner, src/Runner.Common/ActionCommand.cs.
 */
#ifndef XC_BASE_LOG_LINE_H
#define XC_BASE_LOG_LINE_H

#include <stdbool.h>

struct xc_log_line {
	const char *text;
	const char *first; /* behind what a runner may trim */
};

/* `text` is borrowed. */
struct xc_log_line xc_log_line_of(const char *text);

/* Whether `at`, which points into the text, would make a command of it if written as it is. */
bool xc_log_line_commands(const struct xc_log_line *line, const char *at);

#endif
