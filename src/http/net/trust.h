/* SPDX-License-Identifier: Apache-2.0 */
/* Where the certificates of the authorities lie that a server must be signed by. */
#ifndef XC_HTTP_NET_TRUST_H
#define XC_HTTP_NET_TRUST_H

#include "base/err.h"

struct xc_trust {
	char *path; /* a PEM file; NULL if there is none at all: https then fails, http works */
	char *note; /* which variable names a file that is not there; NULL: none does */
};

void xc_trust_release(struct xc_trust *trust);
#define cleanup_trust __attribute__((cleanup(xc_trust_release)))

/*
 * The PEM file to trust: `given` if not NULL, else the first that is set of
 * XCACHE_CA_BUNDLE, AWS_CA_BUNDLE, CURL_CA_BUNDLE, SSL_CERT_FILE, else the
 * first that exists of where distributions keep it, else ca-certificates.crt
 * in the folder of this program (/proc/self/exe): images of containers often
 * have none of their own. A variable whose file does not exist is passed over
 * with a note: jobs hand such variables on to containers that lack the file.
 * Any other file that was named and cannot be read is IO with its name and who
 * named it. The caller releases *ret_trust.
 */
int xc_trust_find(const char *given, struct xc_trust *ret_trust, struct xc_err *err) XC_CHECK;

#endif
