/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log_line.h"
#include "base/utf8.h"

static void XC_PRINTF(2, 0) set_message(struct xc_err *err, const char *format, va_list args)
{
	/* Arguments may point into the old message. */
	char message[sizeof(err->msg)];

	vsnprintf(message, sizeof(message), format, args);
	memcpy(err->msg, message, sizeof(message));
}

int xc_err_set(struct xc_err *err, enum xc_err_kind kind, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set_message(err, format, args);
	va_end(args);
	err->kind = kind;
	err->sys = 0;
	err->http = 0;
	return -1;
}

int xc_err_sys(struct xc_err *err, int errno_value, const char *format, ...)
{
	char reason[128];
	size_t used;
	va_list args;

	va_start(args, format);
	set_message(err, format, args);
	va_end(args);
	used = strlen(err->msg);
	snprintf(err->msg + used, sizeof(err->msg) - used, ": %s",
		 strerror_r(errno_value, reason, sizeof(reason)));
	err->kind = XC_ERR_IO;
	err->sys = errno_value;
	err->http = 0;
	return -1;
}

int xc_err_wrap(struct xc_err *err, const char *format, ...)
{
	char before[sizeof(err->msg)], inner[sizeof(err->msg)];
	va_list args;

	va_start(args, format);
	vsnprintf(before, sizeof(before), format, args);
	va_end(args);
	memcpy(inner, err->msg, sizeof(inner));
	if (snprintf(err->msg, sizeof(err->msg), "%.300s: %s", before, inner) >=
	    (int)sizeof(err->msg))
		memcpy(err->msg + sizeof(err->msg) - 4, "...", 4);
	return -1;
}

const char *xc_err_quote(const char *text, char *out, size_t out_size)
{
	const struct xc_log_line line = xc_log_line_of(text);
	size_t used = 0;

	while (*text != '\0') {
		size_t length = xc_utf8_sequence(text);
		bool plain = length > 1 || (length == 1 && *text != '\\' && *text >= 0x20 &&
					    *text != 0x7f && !xc_log_line_commands(&line, text));
		size_t need = plain ? length : 4;

		/* "..." and the terminator must still fit behind. */
		if (used + need + 4 > out_size) {
			if (used + 4 <= out_size) {
				memcpy(out + used, "...", 3);
				used += 3;
			}
			break;
		}
		if (plain) {
			memcpy(out + used, text, length);
			text += length;
		} else {
			snprintf(out + used, 5, "\\x%02x", (unsigned char)*text);
			text++;
		}
		used += need;
	}
	out[used] = '\0';
	return out;
}

void xc_out_of_memory(void)
{
	static const char message[] = "xcache: out of memory\n";
	ssize_t ignored = write(STDERR_FILENO, message, sizeof(message) - 1);

	(void)ignored;
	abort();
}

void *xc_malloc(size_t size_bytes)
{
	void *ptr = malloc(size_bytes ? size_bytes : 1);

	if (!ptr)
		xc_out_of_memory();
	return ptr;
}

void *xc_calloc(size_t count, size_t size_bytes)
{
	void *ptr = calloc(count ? count : 1, size_bytes ? size_bytes : 1);

	if (!ptr)
		xc_out_of_memory();
	return ptr;
}

void *xc_realloc(void *ptr, size_t size_bytes)
{
	void *moved = realloc(ptr, size_bytes ? size_bytes : 1);

	if (!moved)
		xc_out_of_memory();
	return moved;
}

char *xc_strndup(const char *text, size_t length)
{
	char *copy = xc_malloc(length + 1);

	memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

char *xc_strdup(const char *text)
{
	return xc_strndup(text, strlen(text));
}

char *xc_asprintf(const char *format, ...)
{
	va_list args;
	char *text = NULL;
	int length;

	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0)
		xc_out_of_memory();
	return text;
}
