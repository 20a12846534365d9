/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"

void xc_buf_init(struct xc_buf *buf, size_t max_bytes)
{
	*buf = (struct xc_buf){ .max_bytes = max_bytes };
}

void xc_buf_release(struct xc_buf *buf)
{
	free(buf->data);
	*buf = (struct xc_buf){ .max_bytes = buf->max_bytes };
}

void xc_buf_clear(struct xc_buf *buf)
{
	xc_buf_truncate(buf, 0);
}

void xc_buf_truncate(struct xc_buf *buf, size_t len_bytes)
{
	if (len_bytes >= buf->len_bytes)
		return;
	buf->len_bytes = len_bytes;
	buf->data[len_bytes] = '\0';
}

char *xc_buf_reserve(struct xc_buf *buf, size_t extra_bytes)
{
	size_t max_bytes = buf->max_bytes ? buf->max_bytes : XC_BUF_MAX_DEFAULT;
	size_t need_bytes, cap_bytes;

	if (buf->len_bytes > max_bytes || extra_bytes > max_bytes - buf->len_bytes)
		return NULL;
	need_bytes = buf->len_bytes + extra_bytes + 1;
	if (need_bytes > buf->cap_bytes) {
		cap_bytes = XC_MAX(buf->cap_bytes + buf->cap_bytes / 2, (size_t)64);
		cap_bytes = XC_MIN(cap_bytes, max_bytes + 1);
		cap_bytes = XC_MAX(cap_bytes, need_bytes);
		buf->data = xc_realloc(buf->data, cap_bytes);
		buf->cap_bytes = cap_bytes;
		buf->data[buf->len_bytes] = '\0';
	}
	return buf->data + buf->len_bytes;
}

int xc_buf_try_add(struct xc_buf *buf, const void *data, size_t length_bytes)
{
	char *at = xc_buf_reserve(buf, length_bytes);

	if (!at)
		return -1;
	if (length_bytes > 0)
		memcpy(at, data, length_bytes);
	xc_buf_grow_by(buf, length_bytes);
	return 0;
}

void xc_buf_add(struct xc_buf *buf, const void *data, size_t length_bytes)
{
	if (xc_buf_try_add(buf, data, length_bytes) < 0)
		xc_out_of_memory();
}

void xc_buf_add_str(struct xc_buf *buf, const char *text)
{
	xc_buf_add(buf, text, strlen(text));
}

void xc_buf_add_char(struct xc_buf *buf, char c)
{
	xc_buf_add(buf, &c, 1);
}

void xc_buf_vaddf(struct xc_buf *buf, const char *format, va_list args)
{
	va_list again;
	int length;
	char *at;

	va_copy(again, args);
	length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (length < 0)
		xc_out_of_memory();
	at = xc_buf_reserve(buf, (size_t)length);
	if (!at)
		xc_out_of_memory();
	vsnprintf(at, (size_t)length + 1, format, args);
	xc_buf_grow_by(buf, (size_t)length);
}

void xc_buf_addf(struct xc_buf *buf, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	xc_buf_vaddf(buf, format, args);
	va_end(args);
}

char *xc_buf_steal(struct xc_buf *buf)
{
	char *text = buf->data ? STEAL_PTR(buf->data) : xc_strdup("");

	*buf = (struct xc_buf){ .max_bytes = buf->max_bytes };
	return text;
}
