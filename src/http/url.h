/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine needs to know of a URL. Pure. */
#ifndef XC_HTTP_URL_H
#define XC_HTTP_URL_H

#include <stdbool.h>

#include "base/err.h"

#define XC_HTTP_HOST_MAX 256

struct xc_target {
	bool https;
	char host[XC_HTTP_HOST_MAX]; /* without brackets */
	char port[8];
};

/* USAGE for what is no absolute URL of http or https. */
int xc_target_parse(const char *url, struct xc_target *ret_target, struct xc_err *err) XC_CHECK;
bool xc_target_same(const struct xc_target *a, const struct xc_target *b);

/* What stands for a URL that cannot be shown without risk. */
#define XC_URL_HIDDEN "(a URL with a password)"

/*
 * The URL without its query, its fragment, and all up to its last '@': what
 * may stand in a message. XC_URL_HIDDEN where an '@' follows a '?' or '#', as
 * nobody can tell then whether a password ends there. Quoted as by
 * xc_err_quote. Returns `out`.
 */
const char *xc_url_public(const char *url, char *out, size_t out_bytes);

#endif
