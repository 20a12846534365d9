/* SPDX-License-Identifier: Apache-2.0 */
#include "http/connections.h"

#include "http/http.h"

void xc_connections_init(struct xc_connections *connections, unsigned count)
{
	*connections = (struct xc_connections){ .limit = XC_HTTP_CONNECTIONS_START };
	if (count > 0) {
		connections->limit = XC_MIN(count, (unsigned)XC_HTTP_CONNECTIONS_MAX);
		connections->fixed = true;
	}
}

/* Most transfers are over in seconds: it doubles as long as that pays, then takes smaller steps. */
static void grow(struct xc_connections *connections, uint64_t rate)
{
	unsigned limit = connections->limit;
	bool pays = rate >= connections->rate + connections->rate / 4;

	connections->previous = limit;
	connections->rate = rate;
	connections->second_look = false;
	connections->limit = XC_MIN(pays ? 2 * limit : limit + (limit + 1) / 2,
				    (unsigned)XC_HTTP_CONNECTIONS_MAX);
}

static void settle(struct xc_connections *connections, uint64_t now_ms)
{
	connections->limit = connections->previous;
	connections->previous = 0;
	connections->second_look = false;
	connections->until_ms = now_ms + XC_CONNECTIONS_SETTLE_MS;
}

void xc_connections_tick(struct xc_connections *connections, uint64_t now_ms, uint64_t bytes,
			 bool saturated)
{
	uint64_t rate;

	if (connections->fixed)
		return;
	if (!saturated || now_ms < connections->until_ms) {
		connections->from_ms = 0;
		return;
	}
	if (connections->from_ms == 0) {
		connections->from_ms = now_ms;
		connections->from_bytes = bytes;
		return;
	}
	if (now_ms - connections->from_ms < XC_CONNECTIONS_WINDOW_MS)
		return;
	rate = (bytes - connections->from_bytes) * 1000 / (now_ms - connections->from_ms);
	connections->from_ms = now_ms;
	connections->from_bytes = bytes;
	if (rate == 0)
		return;
	if (connections->previous == 0 || rate >= connections->rate + connections->rate / 20)
		grow(connections, rate);
	else if (!connections->second_look)
		connections->second_look = true;
	else
		settle(connections, now_ms);
}

void xc_connections_throttled(struct xc_connections *connections, uint64_t now_ms)
{
	/* Many answers of the same moment are one message. */
	if (connections->fixed ||
	    (connections->previous == 0 &&
	     now_ms + XC_CONNECTIONS_SETTLE_MS < connections->until_ms + XC_CONNECTIONS_WINDOW_MS))
		return;
	connections->limit = XC_MAX(connections->limit * 2 / 3, 1U);
	connections->previous = 0;
	connections->second_look = false;
	connections->until_ms = now_ms + XC_CONNECTIONS_SETTLE_MS;
}
