/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that holds secrets: wiped before it is given back. The same for all
 * of them, so that none is forgotten on an early return.
 */
#ifndef XC_AWS_CREDENTIALS_SECRET_H
#define XC_AWS_CREDENTIALS_SECRET_H

#include <string.h>

#include "base/buf.h"
#include "base/err.h"

/* Wipes and frees *text and leaves NULL. */
static inline void xc_secret_free(char **text)
{
	if (*text)
		explicit_bzero(*text, strlen(*text));
	free(*text);
	*text = NULL;
}
#define cleanup_secret __attribute__((cleanup(xc_secret_free)))

static inline void xc_secret_buf_release(struct xc_buf *buf)
{
	if (buf->data)
		explicit_bzero(buf->data, buf->cap_bytes);
	xc_buf_release(buf);
}
/* Gets all its room at the start: growing would leave copies behind. */
static inline void xc_secret_buf_init(struct xc_buf *buf, size_t max_bytes)
{
	xc_buf_init(buf, max_bytes);
	if (!xc_buf_reserve(buf, max_bytes))
		xc_out_of_memory();
}
#define cleanup_secret_buf __attribute__((cleanup(xc_secret_buf_release)))

#endif
