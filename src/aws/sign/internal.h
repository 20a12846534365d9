/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a signature: the canonical request, and the key. */
#ifndef XC_AWS_SIGN_INTERNAL_H
#define XC_AWS_SIGN_INTERNAL_H

#include <string.h>

#include "aws/sign/sigv4.h"
#include "base/hash.h"

/* For texts that hold a session token: reserve them whole, so that growing leaves no copies. */
static inline void xc_secret_buf_release(struct xc_buf *buf)
{
	if (buf->data)
		explicit_bzero(buf->data, buf->cap_bytes);
	xc_buf_release(buf);
}
#define cleanup_secret_buf __attribute__((cleanup(xc_secret_buf_release)))

/*
 * Append the canonical headers, a line each, of host, request->headers and
 * `added`, and their names with ';' between them.
 */
void xc_sigv4_canonical_headers(const struct xc_sigv4_request *request,
				const struct xc_strlist *added, struct xc_buf *ret_lines,
				struct xc_buf *ret_names);
void xc_sigv4_canonical_path(const struct xc_sigv4_request *request, struct xc_buf *out);
/* Of any query, also one that is not encoded well: decoded, encoded, sorted. */
void xc_sigv4_canonical_query(const char *query, struct xc_buf *out);

/* What a signing key is derived from. */
struct xc_sigv4_scope {
	const char *date; /* YYYYMMDD */
	const char *region, *service;
};

/* The signature of `text` as hex digits; the key is kept for the next one. */
void xc_sigv4_signature(struct xc_sigv4 *signer, const struct xc_sigv4_scope *scope,
			const char *secret, const struct xc_buf *text,
			char ret_hex[XC_SHA256_HEX + 1]);

#endif
