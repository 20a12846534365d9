/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growable byte buffer with a ceiling. The bytes are followed by a NUL
 * that does not count, so that text can be used as a C string.
 *
 * Growing past the ceiling is a defect of the caller or hostile input:
 * appending then fails and the buffer stays as it was. A buffer is used by
 * one thread at a time.
 */
#ifndef XC_BASE_BUF_H
#define XC_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>

#include "base/compiler.h"

struct xc_buf {
	char *data; /* never NULL after the first append */
	size_t len_bytes;
	size_t cap_bytes;
	size_t max_bytes; /* ceiling; 0 stands for XC_BUF_MAX_DEFAULT */
};

#define XC_BUF_MAX_DEFAULT ((size_t)1 << 30)
#define XC_BUF_INIT                                                                                \
	{                                                                                          \
		0                                                                                  \
	}

/* An empty buffer that may grow to `max_bytes`. */
void xc_buf_init(struct xc_buf *buf, size_t max_bytes);
/* Gives the memory back; the buffer may be used again. */
void xc_buf_release(struct xc_buf *buf);
/* Empty, but the memory is kept. */
void xc_buf_clear(struct xc_buf *buf);
/* Cut to `len_bytes`, at most what is there. */
void xc_buf_truncate(struct xc_buf *buf, size_t len_bytes);

/*
 * Room for `extra_bytes` more behind the end; returns where, or NULL over the ceiling.
 * What is written there counts from xc_buf_grow_by on.
 */
char *xc_buf_reserve(struct xc_buf *buf, size_t extra_bytes) XC_CHECK;

/* The first `length_bytes` of what was reserved have been written: they are the buffer's now. */
static inline void xc_buf_grow_by(struct xc_buf *buf, size_t length_bytes)
{
	buf->len_bytes += length_bytes;
	buf->data[buf->len_bytes] = '\0';
}

/* Append; return 0, or -1 over the ceiling with the buffer as it was. */
int xc_buf_try_add(struct xc_buf *buf, const void *data, size_t length_bytes) XC_CHECK;

/* Append what this program bounds itself: over the ceiling the program ends. */
void xc_buf_add(struct xc_buf *buf, const void *data, size_t length_bytes);
void xc_buf_add_str(struct xc_buf *buf, const char *text);
void xc_buf_add_char(struct xc_buf *buf, char c);
void xc_buf_addf(struct xc_buf *buf, const char *format, ...) XC_PRINTF(2, 3);
void xc_buf_vaddf(struct xc_buf *buf, const char *format, va_list args) XC_PRINTF(2, 0);

/* The bytes as a heap string that the caller frees; the buffer is left empty. */
char *xc_buf_steal(struct xc_buf *buf);

static inline const char *xc_buf_str(const struct xc_buf *buf)
{
	return buf->data ? buf->data : "";
}

#define cleanup_buf __attribute__((cleanup(xc_buf_release)))

#endif
