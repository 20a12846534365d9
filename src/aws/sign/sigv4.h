/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS Signature Version 4 (AWS, "Create a signed AWS API request"; for S3
 * "Signature Calculations for the Authorization Header"). Pure: the time and
 * the keys come in, header values come out.
 *
 * A signer may be shared by threads; it keeps the signing key of the last
 * day, region, service and secret.
 */
#ifndef XC_AWS_SIGN_SIGV4_H
#define XC_AWS_SIGN_SIGV4_H

#include <stdbool.h>
#include <time.h>

#include "base/buf.h"
#include "base/strlist.h"
#include "base/uri.h"

#define XC_SIGV4_UNSIGNED "UNSIGNED-PAYLOAD"

struct xc_sigv4;

struct xc_sigv4_keys {
	const char *access_key_id;
	const char *secret_access_key;
	const char *session_token; /* NULL without one */
};

struct xc_sigv4_request {
	const char *method;
	const char *host; /* with :port unless it is the scheme's own */
	const char *path; /* encoded as it is sent; "/" at least */
	/*
	 * As it is sent, without '?'; "" without one. Signed as
	 * servers read it: sorted, encoded.
	 */
	const char *query;
	/* "Name: value" each, to be signed beside host and the x-amz-* that signing adds. */
	const struct xc_strlist *headers;
	const char *payload; /* 64 hex digits, or XC_SIGV4_UNSIGNED */
	const char *region, *service;
	time_t time; /* by the server's clock */
	/* S3 takes the path as it is; others normalise it and encode it twice. */
	bool path_as_is;
	/* x-amz-content-sha256 is added: S3 wants it, AWS's vectors of other services do not. */
	bool payload_header;
};

struct xc_sigv4 *xc_sigv4_new(void);
void xc_sigv4_free(struct xc_sigv4 *signer); /* NULL is allowed; wipes the key */

/*
 * Append to `ret_headers` what signs the request: x-amz-date, with
 * payload_header x-amz-content-sha256, with a token x-amz-security-token, and
 * Authorization. All of them but the last are signed, and so are the headers
 * given that are not hop-by-hop ones (Connection, User-Agent, Expect,
 * Accept-Encoding).
 */
void xc_sigv4_sign(struct xc_sigv4 *signer, const struct xc_sigv4_request *request,
		   const struct xc_sigv4_keys *keys, struct xc_strlist *ret_headers);

#endif
