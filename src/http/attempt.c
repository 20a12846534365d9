/* SPDX-License-Identifier: Apache-2.0 */
/* One go at a request: from an idle handle to curl, and back. */
#include <string.h>

#include "http/internal.h"

/* As long as curl keeps an idle connection, its address is the one to ask for. */
#define ADDRESS_KEPT_MS 4000

static struct xc_attempt *make(struct xc_http *http)
{
	struct xc_attempt *attempt = xc_calloc(1, sizeof(*attempt));

	attempt->http = http;
	attempt->easy = curl_easy_init();
	if (!attempt->easy)
		xc_out_of_memory();
	xc_buf_init(&attempt->header, XC_HTTP_HEADERS_BYTES_MAX);
	return attempt;
}

struct xc_attempt *xc_attempt_take(struct xc_http *http, const struct xc_target *target)
{
	struct xc_attempt *attempt;

	/* The last one that was used stands first: its connection is the warmest. */
	for (attempt = TAILQ_FIRST(&http->idle); attempt; attempt = TAILQ_NEXT(attempt, link)) {
		if (xc_target_same(&attempt->target, target))
			break;
	}
	if (!attempt)
		attempt = TAILQ_LAST(&http->idle, xc_attempt_list);
	if (attempt)
		TAILQ_REMOVE(&http->idle, attempt, link);
	else
		attempt = make(http);
	if (!xc_target_same(&attempt->target, target) ||
	    xc_clock_ms() - attempt->idle_since_ms >= ADDRESS_KEPT_MS)
		attempt->address[0] = '\0';
	attempt->target = *target;
	TAILQ_INSERT_TAIL(&http->running, attempt, link);
	http->running_count++;
	return attempt;
}

static void clear_answer(struct xc_attempt *attempt, const struct xc_http_request *request)
{
	attempt->status = 0;
	attempt->fault = XC_FAULT_NONE;
	attempt->headers_done = false;
	attempt->headers_bytes = attempt->got_bytes = attempt->body_at = attempt->sent_bytes = 0;
	attempt->curl_error[0] = '\0';
	xc_buf_clear(&attempt->header);
	xc_buf_clear(&attempt->reply);
	/* The text of a failure has room even where a success may have none. */
	attempt->reply.max_bytes =
		XC_MAX(xc_http_reply_limit(request), XC_HTTP_REPLY_BYTES_DEFAULT);
}

int xc_attempt_start(struct xc_attempt *attempt, struct xc_err *err)
{
	if (attempt->fresh)
		attempt->address[0] = '\0';
	clear_answer(attempt, attempt->call->request);
	attempt->started_ms = xc_clock_ms();
	attempt->socket = -1;
	attempt->asked_ms = 0;
	xc_pace_start(&attempt->pace, attempt->started_ms, 0);
	return xc_easy_prepare(attempt, err);
}

static void give_to_curl(struct xc_attempt *attempt)
{
	if (attempt->address[0] != '\0') {
		cleanup_free char *route =
			xc_asprintf("::%s:%s", attempt->address, attempt->target.port);

		attempt->connect_to = curl_slist_append(NULL, route);
		if (!attempt->connect_to)
			xc_out_of_memory();
		curl_easy_setopt(attempt->easy, CURLOPT_CONNECT_TO, attempt->connect_to);
	}
	attempt->resolving = false;
	if (curl_multi_add_handle(attempt->http->multi, attempt->easy) != CURLM_OK)
		xc_out_of_memory();
}

bool xc_attempt_resolve(struct xc_attempt *attempt)
{
	if (attempt->http->resolver && !attempt->proxy && attempt->address[0] == '\0') {
		enum xc_resolve_state state =
			xc_resolver_next(attempt->http->resolver, attempt->target.host,
					 attempt->address, &attempt->resolver_err);

		if (state != XC_RESOLVE_READY)
			attempt->address[0] = '\0';
		if (state == XC_RESOLVE_FAILED) {
			attempt->fault = XC_FAULT_RESOLVER;
			attempt->resolving = true;
			return true;
		}
		if (state == XC_RESOLVE_PENDING) {
			attempt->resolving = true;
			return false;
		}
	}
	give_to_curl(attempt);
	return false;
}

void xc_attempt_stop(struct xc_attempt *attempt)
{
	struct xc_http *http = attempt->http;
	struct xc_call *call = attempt->call;

	if (!attempt->resolving)
		curl_multi_remove_handle(http->multi, attempt->easy);
	attempt->resolving = false;
	xc_easy_release_lists(attempt);
	if (attempt->scratch) {
		http->scratch_count--;
		http->scratch_bytes -= call->request->into_bytes;
		free(STEAL_PTR(attempt->scratch));
	}
	for (size_t i = 0; i < ARRAY_LEN(call->attempts); i++) {
		if (call->attempts[i] == attempt)
			call->attempts[i] = NULL;
	}
	attempt->call = NULL;
	attempt->idle_since_ms = xc_clock_ms();
	TAILQ_REMOVE(&http->running, attempt, link);
	TAILQ_INSERT_HEAD(&http->idle, attempt, link);
	http->running_count--;
}

void xc_attempt_free(struct xc_attempt *attempt)
{
	curl_easy_cleanup(attempt->easy);
	xc_buf_release(&attempt->header);
	xc_buf_release(&attempt->reply);
	free(attempt);
}
