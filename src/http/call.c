/* SPDX-License-Identifier: Apache-2.0 */
/* Requests through their attempts: waiting, running, delayed, done. */
#include <string.h>

#include "http/internal.h"

#define CLEANUP_MS        5000
#define HEDGES_MAX        4
#define SCRATCH_BYTES_MAX ((size_t)64 << 20)
/* Bodies that arrive more slowly than this, in bytes a second, are not worth many attempts. */
#define TOTAL_PACE ((uint64_t)16 << 10)
/* After so many times stall_ms without an answer that moves, no other attempt begins. */
#define STALLS 6

static struct xc_call_list *waiting_list(struct xc_call *call)
{
	const struct xc_http_request *request = call->request;

	return &call->http->waiting[xc_priority_rank(request->priority)][request->bulk];
}

static bool is_running(const struct xc_call *call)
{
	return call->attempts[0] || call->attempts[1];
}

static void call_done(struct xc_call *call, int result)
{
	struct xc_http_request *request = call->request;
	struct xc_waiter *waiter = call->waiter;

	free(call);
	if (waiter)
		xc_waiter_end(waiter, result);
	else
		request->done(request, result);
}

/* The end of a call that is in no list. */
static void finish(struct xc_call *call, int result)
{
	for (size_t i = 0; i < ARRAY_LEN(call->attempts); i++) {
		if (call->attempts[i])
			xc_attempt_stop(call->attempts[i]);
	}
	if (result == 0)
		call->request->err = (struct xc_err){ 0 };
	call->request->engine = NULL;
	call->http->calls--;
	call_done(call, result);
}

static void leave_active(struct xc_call *call)
{
	struct xc_http *http = call->http;

	TAILQ_REMOVE(&http->active, call, link);
	http->bulk_running -= call->request->bulk;
}

static void finish_canceled(struct xc_call *call)
{
	xc_err_set(&call->request->err, XC_ERR_CANCELED, "interrupted");
	finish(call, -1);
}

static void finish_active(struct xc_call *call, int result)
{
	leave_active(call);
	finish(call, result);
}

void xc_calls_accept(struct xc_http *http)
{
	struct xc_call *call;
	uint64_t now_ms = xc_clock_ms();

	pthread_mutex_lock(&http->mutex);
	while ((call = TAILQ_FIRST(&http->incoming)) != NULL) {
		TAILQ_REMOVE(&http->incoming, call, link);
		call->submitted_ms = now_ms;
		http->calls++;
		TAILQ_INSERT_TAIL(waiting_list(call), call, link);
	}
	pthread_mutex_unlock(&http->mutex);
}

static bool is_canceled(const struct xc_call *call)
{
	return call->request->canceled && atomic_load(call->request->canceled);
}

static bool is_doomed(const struct xc_call *call, uint64_t now_ms)
{
	uint64_t since_ms = XC_MAX(call->http->canceled_ms, call->submitted_ms);

	if (is_canceled(call))
		return true;
	return call->http->canceled_ms > 0 &&
	       (!call->request->cleanup || now_ms >= since_ms + CLEANUP_MS);
}

static struct xc_call *find_doomed(struct xc_call_list *list, uint64_t now_ms)
{
	struct xc_call *call;

	for (call = TAILQ_FIRST(list); call; call = TAILQ_NEXT(call, link)) {
		if (is_doomed(call, now_ms))
			break;
	}
	return call;
}

static void cancel_list(struct xc_http *http, struct xc_call_list *list, uint64_t now_ms)
{
	struct xc_call *call;

	while ((call = find_doomed(list, now_ms)) != NULL) {
		if (list == &http->active)
			leave_active(call);
		else
			TAILQ_REMOVE(list, call, link);
		if (list == &http->delayed)
			http->bulk_delayed -= call->request->bulk;
		finish_canceled(call);
	}
}

void xc_calls_cancel(struct xc_http *http, uint64_t now_ms)
{
	bool some = atomic_exchange(&http->has_canceled, false);

	if (xc_cancel_requested(http->opts.cancel) && http->canceled_ms == 0)
		http->canceled_ms = now_ms;
	if (!some && http->canceled_ms == 0)
		return;
	for (size_t i = 0; i < XC_PRIORITIES; i++) {
		cancel_list(http, &http->waiting[i][false], now_ms);
		cancel_list(http, &http->waiting[i][true], now_ms);
	}
	cancel_list(http, &http->delayed, now_ms);
	cancel_list(http, &http->active, now_ms);
}

void xc_calls_wake(struct xc_http *http, uint64_t now_ms)
{
	struct xc_call *call = TAILQ_FIRST(&http->delayed);

	while (call) {
		struct xc_call *next = TAILQ_NEXT(call, link);

		if (call->ready_ms <= now_ms) {
			TAILQ_REMOVE(&http->delayed, call, link);
			http->bulk_delayed -= call->request->bulk;
			TAILQ_INSERT_HEAD(waiting_list(call), call, link);
		}
		call = next;
	}
}

static int check_trust(const struct xc_http *http, const struct xc_target *target,
		       struct xc_err *err)
{
	if (!target->https || http->trust.path)
		return 0;
	if (http->trust_err.kind != XC_ERR_NONE) {
		*err = http->trust_err;
		return -1;
	}
	return xc_err_set(err, XC_ERR_IO,
			  "no CA certificates found to verify %s: install ca-certificates, or set "
			  "XCACHE_CA_BUNDLE to a file with them%s%.250s",
			  target->host, http->trust.note ? "; " : "",
			  http->trust.note ? http->trust.note : "");
}

static int check_proxy(const char *proxy, struct xc_err *err)
{
	char public[200];

	if (!proxy || xc_proxy_is_known(proxy))
		return 0;
	return xc_err_set(err, XC_ERR_IO, "the proxy %s has an unknown scheme",
			  xc_url_public(proxy, public, sizeof(public)));
}

/* Sign, and find out where to and through what. */
static int find_way(struct xc_http *http, struct xc_http_request *request,
		    struct xc_target *ret_target, const char **ret_proxy, struct xc_err *err)
{
	if (request->prepare && request->prepare(request, err) < 0)
		return -1;
	if (xc_target_parse(request->url, ret_target, err) < 0 ||
	    check_trust(http, ret_target, err) < 0)
		return -1;
	*ret_proxy = xc_proxies_choose(&http->proxies, ret_target->https, ret_target->host);
	return check_proxy(*ret_proxy, err);
}

static void take_scratch(struct xc_attempt *attempt)
{
	struct xc_http *http = attempt->http;
	size_t into_bytes = attempt->call->request->into_bytes;

	attempt->into = attempt->scratch = xc_malloc(into_bytes);
	http->scratch_bytes += into_bytes;
	http->scratch_count++;
}

/* One more attempt; -1 with `err` if there can be none. */
static int begin(struct xc_call *call, bool hedge, struct xc_err *err)
{
	struct xc_http *http = call->http;
	struct xc_http_request *request = call->request;
	struct xc_attempt *attempt;
	struct xc_target target;
	const char *proxy;

	if (find_way(http, request, &target, &proxy, err) < 0)
		return -1;
	if (call->begun_ms == 0)
		call->begun_ms = xc_clock_ms();
	attempt = xc_attempt_take(http, &target);
	attempt->call = call;
	call->attempts[hedge] = attempt;
	attempt->is_hedge = hedge;
	attempt->fresh = hedge || call->fresh;
	attempt->proxy = proxy;
	attempt->into = request->into;
	if (hedge && request->into)
		take_scratch(attempt);
	attempt->number = ++request->attempts;
	if (http->running_count > http->count_peak)
		http->count_peak = http->running_count;
	if (attempt->number > 1 && !hedge)
		http->count_retries++;
	if (xc_attempt_start(attempt, err) < 0) {
		xc_attempt_stop(attempt);
		return -1;
	}
	if (xc_attempt_resolve(attempt))
		xc_attempt_ended(attempt, CURLE_COULDNT_RESOLVE_HOST);
	return 0;
}

static struct xc_call *next_waiting(struct xc_http *http)
{
	struct xc_call *call = NULL;

	for (size_t i = 0; !call && i < XC_PRIORITIES; i++) {
		call = TAILQ_FIRST(&http->waiting[i][false]);
		if (!call)
			call = TAILQ_FIRST(&http->waiting[i][true]);
	}
	return call;
}

bool xc_calls_wait(const struct xc_http *http, bool bulk)
{
	for (size_t i = 0; i < XC_PRIORITIES; i++)
		if (!TAILQ_EMPTY(&http->waiting[i][bulk]))
			return true;
	return false;
}

void xc_calls_start(struct xc_http *http)
{
	struct xc_call *call;

	while (http->running_count < http->connections.limit &&
	       (call = next_waiting(http)) != NULL) {
		TAILQ_REMOVE(waiting_list(call), call, link);
		/* Canceled since the last look. */
		if (is_canceled(call)) {
			finish_canceled(call);
			continue;
		}
		TAILQ_INSERT_TAIL(&http->active, call, link);
		http->bulk_running += call->request->bulk;
		call->hedged = false;
		if (begin(call, false, &call->request->err) < 0)
			finish_active(call, -1);
	}
}

void xc_call_hedge(struct xc_call *call)
{
	struct xc_http *http = call->http;
	const struct xc_http_request *request = call->request;
	struct xc_err err;

	if (call->hedged || http->scratch_count >= HEDGES_MAX ||
	    http->running_count >= http->connections.limit ||
	    (request->into && http->scratch_bytes + request->into_bytes > SCRATCH_BYTES_MAX))
		return;
	call->hedged = true;
	http->count_hedges++;
	/* The first attempt still runs: what is wrong with this one does not matter. */
	(void)!begin(call, true, &err);
}

static struct xc_attempt *find_resolving(struct xc_http *http, const struct xc_attempt *after)
{
	struct xc_attempt *attempt = after ? TAILQ_NEXT(after, link) : TAILQ_FIRST(&http->running);

	while (attempt && !attempt->resolving)
		attempt = TAILQ_NEXT(attempt, link);
	return attempt;
}

void xc_calls_resolve(struct xc_http *http)
{
	struct xc_attempt *attempt = NULL;

	while ((attempt = find_resolving(http, attempt)) != NULL) {
		if (!xc_attempt_resolve(attempt))
			continue;
		xc_attempt_ended(attempt, CURLE_COULDNT_RESOLVE_HOST);
		/* It and perhaps others left the list. */
		attempt = NULL;
	}
}

static void delay(struct xc_call *call, const struct xc_outcome *outcome)
{
	struct xc_http *http = call->http;
	uint64_t wait_ms = xc_retry_wait_ms(&http->retry, call->request->attempts, outcome->cost);

	leave_active(call);
	call->fresh = outcome->fresh;
	call->cost = outcome->cost;
	if (outcome->at_once)
		wait_ms = 0;
	call->ready_ms = xc_clock_ms() + XC_MAX(wait_ms, outcome->wait_least_ms);
	TAILQ_INSERT_TAIL(&http->delayed, call, link);
	http->bulk_delayed += call->request->bulk;
}

/*
 * Servers that are slow each time, or ask for long waits, would take eight times that. One that is
 * silent or drips is given up sooner than one that says it is busy.
 */
static bool is_overdue(const struct xc_call *call, const struct xc_outcome *outcome)
{
	const struct xc_http_opts *opts = &call->http->opts;
	const struct xc_http_request *request = call->request;
	uint64_t bytes = (uint64_t)request->into_bytes + request->body_bytes;
	uint64_t total_ms = opts->total_ms + 2 * (uint64_t)request->think_ms;

	if (request->stalled)
		total_ms = XC_MIN(total_ms, XC_MAX(STALLS * (uint64_t)opts->stall_ms,
						   2 * (uint64_t)request->think_ms));
	total_ms += bytes * 1000 / TOTAL_PACE;
	return xc_clock_ms() + outcome->wait_least_ms >= call->begun_ms + total_ms;
}

static void give_up(struct xc_call *call, const struct xc_outcome *outcome)
{
	struct xc_http_request *request = call->request;
	size_t used;

	request->err = outcome->err;
	used = strlen(request->err.msg);
	if (outcome->verdict == XC_HTTP_RETRY && request->attempts > 1)
		snprintf(request->err.msg + used, sizeof(request->err.msg) - used,
			 " (after %u attempts)", request->attempts);
	finish_active(call, -1);
}

static bool was_sent(const struct xc_attempt *attempt, CURLcode code)
{
	long request_bytes = 0;

	if (code == CURLE_OK)
		return true;
	curl_easy_getinfo(attempt->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
	return !attempt->resolving && request_bytes > 0;
}

void xc_attempt_ended(struct xc_attempt *attempt, CURLcode code)
{
	struct xc_http *http = attempt->http;
	struct xc_call *call = attempt->call;
	const struct xc_http_request *request = call->request;
	uint64_t now_ms = xc_clock_ms();
	uint64_t bytes = attempt->got_bytes + attempt->body_at;
	uint64_t duration_ms = now_ms - attempt->started_ms;
	bool sent = was_sent(attempt, code);
	struct xc_outcome outcome;
	unsigned most;

	if (attempt->body_at > attempt->sent_bytes)
		http->sent_bytes += attempt->body_at - attempt->sent_bytes;
	xc_http_publish(http);
	xc_trace(attempt, code);
	call->request->stalled = attempt->fault == XC_FAULT_STALLED;
	xc_judge(attempt, code, &outcome);
	xc_attempt_stop(attempt);
	if (outcome.throttled)
		xc_connections_throttled(&http->connections, now_ms);
	if (outcome.verdict == XC_HTTP_OK) {
		xc_retry_succeeded(&http->retry, call->cost);
		if (request->bulk)
			xc_tail_add(&http->tail, duration_ms, bytes);
		finish_active(call, 0);
		return;
	}
	most = outcome.attempts_most ? XC_MIN(outcome.attempts_most, http->opts.attempts)
				     : http->opts.attempts;
	if (outcome.verdict == XC_HTTP_FAIL)
		give_up(call, &outcome);
	else if (is_running(call))
		return; /* the other one may still succeed */
	else if (request->attempts >= most || (request->once && sent) || is_overdue(call, &outcome))
		give_up(call, &outcome);
	else
		delay(call, &outcome);
}
