/* SPDX-License-Identifier: Apache-2.0 */
#include "action/commands.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/log_line.h"

void xc_action_escape_data(const char *text, struct xc_buf *out)
{
	for (; *text != '\0'; text++) {
		if (*text == '%' || *text == '\r' || *text == '\n')
			xc_buf_addf(out, "%%%02X", (unsigned char)*text);
		else
			xc_buf_add_char(out, *text);
	}
}

void xc_action_escape_line(const char *text, struct xc_buf *out)
{
	const struct xc_log_line line = xc_log_line_of(text);

	for (const char *at = text; *at != '\0'; at++) {
		unsigned char c = (unsigned char)*at;

		if (xc_log_line_commands(&line, at) || c < 0x20 || c == 0x7f)
			xc_buf_addf(out, "\\x%02x", c);
		else
			xc_buf_add_char(out, (char)c);
	}
}

/* One write, so that lines of several threads do not mix. */
static void put_line(struct xc_buf *line)
{
	xc_buf_add_char(line, '\n');
	fwrite(line->data, 1, line->len_bytes, stdout);
	fflush(stdout);
}

static void XC_PRINTF(2, 0) put_command(const char *command, const char *format, va_list list)
{
	cleanup_buf struct xc_buf message = XC_BUF_INIT, line = XC_BUF_INIT;

	xc_buf_vaddf(&message, format, list);
	xc_buf_addf(&line, "::%s::", command);
	xc_action_escape_data(xc_buf_str(&message), &line);
	put_line(&line);
}

void xc_action_info(const char *format, ...)
{
	cleanup_buf struct xc_buf message = XC_BUF_INIT, line = XC_BUF_INIT;
	va_list list;

	va_start(list, format);
	xc_buf_vaddf(&message, format, list);
	va_end(list);
	xc_action_escape_line(xc_buf_str(&message), &line);
	put_line(&line);
}

void xc_action_command(const char *command, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	put_command(command, format, list);
	va_end(list);
}

void xc_action_trace(void *unused, const char *line)
{
	(void)unused;
	xc_action_command("debug", "%s", line);
}

void xc_action_group(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	put_command("group", format, list);
	va_end(list);
}

void xc_action_endgroup(void)
{
	xc_action_command("endgroup", "%s", "");
}

void xc_action_mask(const char *secret)
{
	while (secret && *secret != '\0') {
		size_t length = strcspn(secret, "\r\n");
		cleanup_free char *line = xc_strndup(secret, length);

		/* A mask of nothing is refused; one of blanks would mask the whole log. */
		if (line[strspn(line, " \t")] != '\0')
			xc_action_command("add-mask", "%s", line);
		secret += length + (secret[length] != '\0');
	}
}
