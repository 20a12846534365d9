/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many connections at once. Pure: told the time and the bytes so far.
 *
 * While content waits for a connection, the rate is measured in windows. As
 * long as half as many more made it at least 5 % faster, there are half as
 * many more again. Where it did not, even after a second window (connections
 * need a while to get up to speed), the number goes back, and is tried again
 * later: another job on the link may have ended. A server that asks for less
 * gets less.
 */
#ifndef XC_HTTP_CONNECTIONS_H
#define XC_HTTP_CONNECTIONS_H

#include <stdbool.h>

#include "base/compiler.h"

#define XC_CONNECTIONS_WINDOW_MS 250
#define XC_CONNECTIONS_SETTLE_MS 5000

struct xc_connections {
	unsigned limit;
	bool fixed;
	unsigned previous; /* the limit that `rate` was measured at; 0: no rate yet */
	uint64_t rate;     /* bytes a second */
	uint64_t from_ms;  /* of the window; 0: none runs */
	uint64_t from_bytes;
	uint64_t until_ms; /* no trials before */
	bool second_look;
};

/* `count` 0: from XC_HTTP_CONNECTIONS_START to XC_HTTP_CONNECTIONS_MAX. */
void xc_connections_init(struct xc_connections *connections, unsigned count);

/*
 * To be called often. `bytes`: all that were transferred up to now.
 * `saturated`: all connections are busy, and content waits for more of them.
 */
void xc_connections_tick(struct xc_connections *connections, uint64_t now_ms, uint64_t bytes,
			 bool saturated);

/* The server asked for less. */
void xc_connections_throttled(struct xc_connections *connections, uint64_t now_ms);

#endif
