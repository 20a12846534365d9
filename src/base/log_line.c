/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_line.h"

#include <string.h>

struct xc_log_line xc_log_line_of(const char *text)
{
	struct xc_log_line line = { .text = text, .first = text };

	/* It trims all of Unicode's white space; to know which that is would gain nothing. */
	while (*line.first == ' ' || (unsigned char)*line.first >= 0x80)
		line.first++;
	return line;
}

bool xc_log_line_commands(const struct xc_log_line *line, const char *at)
{
	if (*at == '[')
		return at >= line->text + 2 && memcmp(at - 2, "##", 2) == 0;
	return at == line->first && strncmp(at, "::", 2) == 0;
}
