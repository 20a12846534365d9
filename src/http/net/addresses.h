/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses of one host: what the resolver hands out, in turn. */
#ifndef XC_HTTP_NET_ADDRESSES_H
#define XC_HTTP_NET_ADDRESSES_H

#include <stdint.h>

#include "http/net/resolve.h"

struct ares_addrinfo;

/* More addresses of an answer are dropped. */
#define XC_RESOLVE_ADDRESSES_MAX 64

struct xc_address {
	char text[XC_ADDRESS_TEXT_MAX]; /* IPv6 in brackets */
	uint64_t aside_until_ms;
};

struct xc_addresses {
	struct xc_address all[XC_RESOLVE_ADDRESSES_MAX]; /* in the order of the answer */
	unsigned count, turn;
};

/*
 * Take those of an answer instead, each once, without those that this machine
 * has no route to unless it has none to any. What is set aside stays so.
 * False, and all as it was, if the answer holds no address.
 */
bool xc_addresses_replace(struct xc_addresses *addresses, const struct ares_addrinfo *answer);

/* The next in turn that is not set aside, else the one that was first; there must be one. */
void xc_addresses_next(struct xc_addresses *addresses, uint64_t now_ms,
		       char ret_address[XC_ADDRESS_TEXT_MAX]);

/* Unless it is the only one. False if there is no such address. */
bool xc_addresses_set_aside(struct xc_addresses *addresses, const char *text, uint64_t until_ms);

/* Whether `host` is an address itself, also with a zone as in fe80::1%eth0. */
bool xc_addresses_literal(const char *host, char ret_address[XC_ADDRESS_TEXT_MAX]);

#endif
