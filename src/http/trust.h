/* SPDX-License-Identifier: Apache-2.0 */
/* Where the certificates of the authorities lie that a server must be signed by. */
#ifndef XC_HTTP_TRUST_H
#define XC_HTTP_TRUST_H

#include "base/err.h"

/*
 * The PEM file to trust: `given` if not NULL, else the first that is set of
 * XCACHE_CA_BUNDLE, AWS_CA_BUNDLE, CURL_CA_BUNDLE, SSL_CERT_FILE, else the
 * first that exists of where distributions keep it, else ca-certificates.crt
 * in the folder of this program (/proc/self/exe): images of containers often
 * have none of their own. A file that was named and cannot be read is IO with
 * its name and who named it. *ret_path is on the heap; NULL if there is none at
 * all: https then fails, http works.
 */
int xc_trust_find(const char *given, char **ret_path, struct xc_err *err) XC_CHECK;

#endif
