/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which proxy a request goes through, by the environment as libcurl reads it
 * (curl manual, "Environment variables"): http_proxy in lower case alone,
 * https_proxy, all_proxy and no_proxy in both. Decided here rather than by
 * libcurl, because addresses are chosen for connections without a proxy only.
 */
#ifndef XC_HTTP_NET_PROXY_H
#define XC_HTTP_NET_PROXY_H

#include <stdbool.h>

#include "base/compiler.h"

struct xc_proxies {
	char *http, *https, *none; /* on the heap; NULL: unset or empty */
};

void xc_proxies_read(struct xc_proxies *ret_proxies);
/* Call `secret` with each password in the URLs of proxies, as written and decoded. */
void xc_proxies_report(const struct xc_proxies *proxies,
		       void (*secret)(void *context, const char *value), void *context);
void xc_proxies_release(struct xc_proxies *proxies);

/* The proxy for a host (no brackets), or NULL; borrowed from `proxies`. */
const char *xc_proxies_choose(const struct xc_proxies *proxies, bool https, const char *host);

/*
 * Whether `host` stands in a no_proxy list, split at commas and blanks: "*",
 * the name itself or a domain above it (a dot in front does not matter), an
 * address, or a block of them as 10.0.0.0/8.
 */
bool xc_proxy_excluded(const char *list, const char *host);

/* Whether a proxy's URL is of a kind that libcurl goes through; http if it has no scheme. */
bool xc_proxy_is_known(const char *proxy);

#endif
