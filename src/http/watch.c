/* SPDX-License-Identifier: Apache-2.0 */
/* What is looked at while attempts run: stalls, the tail, the number of connections. */
#include "http/internal.h"

static void count_sent(struct xc_attempt *attempt)
{
	curl_off_t sent_bytes = 0;

	if (!attempt->call->request->body)
		return;
	curl_easy_getinfo(attempt->easy, CURLINFO_SIZE_UPLOAD_T, &sent_bytes);
	if ((uint64_t)sent_bytes > attempt->sent_bytes)
		attempt->http->sent_bytes += (uint64_t)sent_bytes - attempt->sent_bytes;
	attempt->sent_bytes = (uint64_t)sent_bytes;
}

/* A slow link moves megabytes after the last send: only what has arrived counts. */
static uint64_t arrived_bytes(const struct xc_attempt *attempt)
{
	uint64_t waiting_bytes = xc_socket_unacknowledged(attempt->socket);

	return attempt->sent_bytes - XC_MIN(waiting_bytes, attempt->sent_bytes);
}

/* Signs of life do not keep an answer going without end. */
static bool is_endless(const struct xc_attempt *attempt, uint64_t now_ms, uint64_t received_bytes)
{
	uint64_t think_ms = attempt->call->request->think_ms;

	return now_ms - attempt->asked_ms >=
	       2 * XC_MAX(think_ms, (uint64_t)attempt->http->opts.stall_ms) +
		       received_bytes * 1000 / XC_PACE_BYTES_PER_SECOND;
}

static bool is_stalled(struct xc_attempt *attempt, uint64_t now_ms)
{
	const struct xc_http_opts *opts = &attempt->http->opts;
	unsigned think_ms = attempt->call->request->think_ms, patience_ms = opts->stall_ms;
	uint64_t received_bytes = attempt->headers_bytes + attempt->got_bytes;
	long request_bytes = 0;

	curl_easy_getinfo(attempt->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
	/* Until it is connected, curl has a limit of its own. */
	if (request_bytes == 0) {
		xc_pace_start(&attempt->pace, now_ms, 0);
		return false;
	}
	/* Nobody thinks about a request that is still being sent. */
	if (arrived_bytes(attempt) < attempt->call->request->body_bytes)
		think_ms = 0;
	else if (attempt->asked_ms == 0)
		attempt->asked_ms = now_ms;
	if (think_ms > 0 && is_endless(attempt, now_ms, received_bytes))
		return true;
	if (think_ms > 0)
		patience_ms = received_bytes == 0 ? think_ms : XC_MAX(think_ms, patience_ms);
	return xc_pace_stalled(&attempt->pace, now_ms, received_bytes + arrived_bytes(attempt),
			       patience_ms, think_ms > 0);
}

static struct xc_attempt *find_stalled(struct xc_http *http, uint64_t now_ms)
{
	struct xc_attempt *attempt;

	for (attempt = TAILQ_FIRST(&http->running); attempt; attempt = TAILQ_NEXT(attempt, link)) {
		if (attempt->resolving)
			continue;
		count_sent(attempt);
		if (is_stalled(attempt, now_ms))
			break;
	}
	return attempt;
}

static void watch_tail(struct xc_http *http, uint64_t now_ms)
{
	uint64_t floor_ms = XC_MIN((uint64_t)XC_TAIL_FLOOR_MS, (uint64_t)http->opts.stall_ms / 2);
	struct xc_call *call, *next;

	if (xc_calls_wait(http, true) || http->bulk_delayed > 0 || xc_calls_wait(http, false) ||
	    http->bulk_running >= http->connections.limit)
		return;
	for (call = TAILQ_FIRST(&http->active); call; call = next) {
		const struct xc_http_request *request = call->request;
		const struct xc_attempt *first = call->attempts[0];

		next = TAILQ_NEXT(call, link);
		if (!request->hedge || request->once || !first || call->hedged)
			continue;
		if (now_ms - first->started_ms >
		    xc_tail_limit_ms(&http->tail, XC_MAX(request->into_bytes, request->body_bytes),
				     floor_ms))
			xc_call_hedge(call);
	}
}

void xc_watch(struct xc_http *http, uint64_t now_ms)
{
	struct xc_attempt *attempt;

	while ((attempt = find_stalled(http, now_ms)) != NULL) {
		attempt->fault = XC_FAULT_STALLED;
		xc_attempt_ended(attempt, CURLE_OPERATION_TIMEDOUT);
	}
	watch_tail(http, now_ms);
	xc_connections_tick(&http->connections, now_ms, http->received_bytes + http->sent_bytes,
			    xc_calls_wait(http, true) &&
				    http->running_count >= http->connections.limit);
	xc_http_publish(http);
}
