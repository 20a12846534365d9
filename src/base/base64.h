/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648, 4), padded. */
#ifndef XC_BASE_BASE64_H
#define XC_BASE_BASE64_H

#include "base/buf.h"

/* Append the text of `length` bytes. */
void xc_base64_encode(const void *data, size_t length, struct xc_buf *out);

/*
 * Append the bytes that `length` characters stand for. -1, nothing appended, if
 * they are no base64, or are more than `out` may hold.
 */
int xc_base64_decode(const char *text, size_t length, struct xc_buf *out) XC_CHECK;

#endif
