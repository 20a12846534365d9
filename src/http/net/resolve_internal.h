/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of the resolver reach for: name servers and a clock of their own. */
#ifndef XC_HTTP_NET_RESOLVE_INTERNAL_H
#define XC_HTTP_NET_RESOLVE_INTERNAL_H

#include <stdint.h>

#include "http/net/addresses.h"

/* Names at once; the one that was not asked for longest makes room for another. */
#define XC_RESOLVE_HOSTS_MAX 64

/* Ask these instead of the system's: "ADDRESS:PORT,...". */
int xc_resolver_set_servers(struct xc_resolver *resolver, const char *servers,
			    struct xc_err *err) XC_CHECK;
/* Milliseconds that never go back; for what is kept and set aside, not for timeouts of DNS. */
void xc_resolver_set_clock(struct xc_resolver *resolver, uint64_t (*now_ms)(void));

#endif
