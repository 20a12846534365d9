/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names to addresses, by c-ares: it asks /etc/hosts and the name servers
 * without loading plug-ins, as a static program must. Answers are kept for a
 * while and handed out in turn, so that connections spread over all the
 * machines behind a name; an address that failed is left out for a time.
 *
 * Used by the engine's thread alone. Nothing here blocks: the descriptors to
 * wait for go into the engine's own poll.
 */
#ifndef XC_HTTP_NET_RESOLVE_H
#define XC_HTTP_NET_RESOLVE_H

#include <poll.h>
#include <stdbool.h>

#include "base/err.h"

#define XC_ADDRESS_TEXT_MAX 64
#define XC_RESOLVE_POLL_MAX 16
/* Names at once; the one that was not asked for longest makes room for another. */
#define XC_RESOLVE_HOSTS_MAX 64

struct xc_resolver;

enum xc_resolve_state {
	XC_RESOLVE_READY,   /* *ret_address was filled */
	XC_RESOLVE_PENDING, /* ask again after xc_resolver_process */
	XC_RESOLVE_FAILED,  /* `err` says why: TRANSIENT naming the host */
};

int xc_resolver_new(struct xc_resolver **ret_resolver, struct xc_err *err) XC_CHECK;
void xc_resolver_free(struct xc_resolver *resolver); /* NULL is allowed */

/*
 * An address for the next connection to `host`: in turn over all that are not
 * set aside, IPv6 in brackets. An address literal is its own answer. `host`
 * has no brackets. A failure is kept for a second, answers for 30.
 */
enum xc_resolve_state xc_resolver_next(struct xc_resolver *resolver, const char *host,
				       char ret_address[XC_ADDRESS_TEXT_MAX], struct xc_err *err);

/* A connection to this address failed: set it aside for 30 s, unless it is the only one. */
void xc_resolver_failed(struct xc_resolver *resolver, const char *host, const char *address);

/* What to poll for, at most XC_RESOLVE_POLL_MAX; *io_timeout_ms is lowered if need be. */
unsigned xc_resolver_poll(struct xc_resolver *resolver, struct pollfd *ret_fds, int *io_timeout_ms);
/* After the poll: true if a pending answer came. */
bool xc_resolver_process(struct xc_resolver *resolver, const struct pollfd *fds, unsigned count);

#endif
