/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Percent-encoding as AWS's signatures want it (AWS, "Create a signed AWS API
 * request", UriEncode; RFC 3986, 2.3): what is sent must be what is signed.
 */
#ifndef XC_BASE_URI_H
#define XC_BASE_URI_H

#include <stdbool.h>

#include "base/buf.h"

/* Percent-encode all but A-Z a-z 0-9 - _ . ~ and, if `keep_slash`, '/'. Appended. */
void xc_uri_encode(const char *bytes, size_t length, bool keep_slash, struct xc_buf *out);

/* Append "name=value" to a query, both encoded, with '&' before it where needed. */
void xc_uri_add_query(struct xc_buf *query, const char *name, const char *value);

/*
 * Append the bytes that percent-encoded text stands for; '+' is itself.
 * False, and all there was appended, if a '%' has no two digits behind it: it is then kept.
 */
bool xc_uri_decode(const char *text, size_t length, struct xc_buf *out);

#endif
