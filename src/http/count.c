/* SPDX-License-Identifier: Apache-2.0 */
/* Counters: the engine's thread keeps them, any thread may look. */
#include "http/internal.h"

void xc_http_publish(struct xc_http *http)
{
	http->count_received = http->received_bytes;
	http->count_sent = http->sent_bytes;
	http->count_connections = http->connections.limit;
}

void xc_http_count(struct xc_http *http, struct xc_http_counters *ret_counters)
{
	*ret_counters = (struct xc_http_counters){
		.requests = http->count_requests,
		.retries = http->count_retries,
		.hedges = http->count_hedges,
		.received_bytes = http->count_received,
		.sent_bytes = http->count_sent,
		.connections = http->count_connections,
		.connections_peak = http->count_peak,
	};
}
