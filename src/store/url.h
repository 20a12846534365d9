/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The URLs that name stores, by RFC 3986: what follows the scheme's colon
 * is taken apart here, and each back end judges the pieces. Everything that
 * fails says USAGE with the offending piece and how to write it instead.
 */
#ifndef XC_STORE_URL_H
#define XC_STORE_URL_H

#include <stdbool.h>

#include "base/err.h"

struct xc_url {
	char *host;    /* between "//" and the path, as written; "" without "//" */
	char *path;    /* percent-decoded; starts with '/' unless it is empty or lacks "//" */
	char *options; /* behind '?', as written; "" without one */
};

/* Take apart `rest`; the result is released with xc_url_release. */
int xc_url_parse(const char *rest, struct xc_url *ret_url, struct xc_err *err) XC_CHECK;
void xc_url_release(struct xc_url *url);
#define cleanup_url __attribute__((cleanup(xc_url_release)))

/* The bytes that `length` characters of percent-encoded text stand for, as a heap string. */
int xc_url_decode(const char *text, size_t length, char **ret_bytes, struct xc_err *err) XC_CHECK;

/* `path` as a heap string that xc_url_parse reads back as the same path. */
char *xc_url_encode_path(const char *path);

/*
 * The length of the scheme that `url` starts with (RFC 3986, 3.1), its colon
 * not counted; 0 if there is none.
 */
size_t xc_url_scheme_length(const char *url);

#endif
