/* SPDX-License-Identifier: Apache-2.0 */
/* What the end of an attempt means: done, again, or never. transport.c has the rest. */
#include <string.h>

#include "http/internal.h"

static enum xc_err_kind status_kind(int status)
{
	switch (status) {
	case 408:
	case 429:
	case 500:
	case 502:
	case 503:
	case 504:
		return XC_ERR_TRANSIENT;
	case 404:
		return XC_ERR_NOT_FOUND;
	case 401:
	case 403:
		return XC_ERR_AUTH;
	case 412:
		return XC_ERR_EXISTS;
	default:
		return XC_ERR_IO;
	}
}

enum xc_http_verdict xc_http_judge_status(struct xc_http_request *request, struct xc_err *err)
{
	enum xc_err_kind kind = status_kind(request->status);
	char url[300];

	if (request->status >= 200 && request->status < 300)
		return XC_HTTP_OK;
	xc_err_set(err, kind, "%s %s: the server answered %d %s", request->method,
		   xc_url_public(request->url, url, sizeof(url)), request->status,
		   xc_http_status_text(request->status));
	if (err->msg[strlen(err->msg) - 1] == ' ')
		err->msg[strlen(err->msg) - 1] = '\0';
	err->http = request->status;
	return kind == XC_ERR_TRANSIENT ? XC_HTTP_RETRY : XC_HTTP_FAIL;
}

static void judge_fault(struct xc_attempt *attempt, struct xc_outcome *outcome)
{
	const struct xc_http_request *request = attempt->call->request;
	char url[300];

	xc_url_public(request->url, url, sizeof(url));
	if (attempt->fault == XC_FAULT_HEADERS) {
		xc_err_set(&outcome->err, XC_ERR_CORRUPT,
			   "%s %s: the server sends more than %zu bytes of headers",
			   request->method, url, XC_HTTP_HEADERS_BYTES_MAX);
		outcome->verdict = XC_HTTP_FAIL;
	} else if (attempt->fault == XC_FAULT_REPLY) {
		xc_err_set(&outcome->err, XC_ERR_CORRUPT,
			   "%s %s: the answer is longer than %zu bytes", request->method, url,
			   xc_http_reply_limit(request));
		outcome->verdict = XC_HTTP_FAIL;
	} else if (attempt->fault == XC_FAULT_STALLED) {
		xc_err_set(&outcome->err, XC_ERR_TRANSIENT, "%s %s: %s", request->method, url,
			   attempt->status ? "the answer stalled" : "no answer came");
		outcome->at_once = true;
	} else {
		xc_err_set(&outcome->err, XC_ERR_TRANSIENT,
			   "%s %s: an answer of %zu bytes, where %zu were requested",
			   request->method, url, attempt->got_bytes, request->into_bytes);
	}
}

/* The answer of an attempt becomes that of the request; the request's old buffers are ours. */
static void hand_over(struct xc_attempt *attempt)
{
	struct xc_http_request *request = attempt->call->request;
	struct xc_buf reply = request->reply, header = request->header;

	request->status = (int)attempt->status;
	request->reply = attempt->reply;
	request->header = attempt->header;
	attempt->reply = reply;
	attempt->header = header;
	attempt->header.max_bytes = XC_HTTP_HEADERS_BYTES_MAX;
}

/* The first attempt writes where this one's body shall be. */
static void replace_first(struct xc_attempt *attempt)
{
	struct xc_call *call = attempt->call;

	for (size_t i = 0; i < ARRAY_LEN(call->attempts); i++) {
		if (call->attempts[i] && call->attempts[i] != attempt)
			xc_attempt_stop(call->attempts[i]);
	}
	memcpy(call->request->into, attempt->scratch, call->request->into_bytes);
}

/* The headers may say why: a range that the object does not have is no reason to ask again. */
static void judge_length(struct xc_attempt *attempt, struct xc_outcome *outcome)
{
	struct xc_http_request *request = attempt->call->request;

	if (request->judge && request->judge(request, &outcome->err) == XC_HTTP_FAIL)
		outcome->verdict = XC_HTTP_FAIL;
	else
		judge_fault(attempt, outcome);
}

static void judge_answer(struct xc_attempt *attempt, struct xc_outcome *outcome)
{
	struct xc_http_request *request = attempt->call->request;
	bool success = attempt->status >= 200 && attempt->status < 300;
	char value[100];

	hand_over(attempt);
	outcome->cost = XC_RETRY_COST_STATUS;
	if (success && attempt->into && attempt->got_bytes != request->into_bytes) {
		judge_length(attempt, outcome);
		return;
	}
	if (attempt->scratch && success)
		replace_first(attempt);
	outcome->verdict =
		(request->judge ? request->judge : xc_http_judge_status)(request, &outcome->err);
	outcome->throttled = attempt->status == 503 || attempt->status == 429;
	if (xc_http_header(request, "Retry-After", value, sizeof(value)))
		outcome->wait_least_ms = xc_retry_after_ms(value, (int64_t)time(NULL));
}

void xc_judge(struct xc_attempt *attempt, CURLcode code, struct xc_outcome *ret_outcome)
{
	/* A line of headers beyond curl's own ceiling; 100 is CURLE_TOO_LARGE of newer ones. */
	if ((code == CURLE_OUT_OF_MEMORY || (int)code == 100) && !attempt->headers_done)
		attempt->fault = XC_FAULT_HEADERS;
	*ret_outcome =
		(struct xc_outcome){ .verdict = XC_HTTP_RETRY, .cost = XC_RETRY_COST_TRANSPORT };
	if (code == CURLE_OK || attempt->fault == XC_FAULT_CUT) {
		judge_answer(attempt, ret_outcome);
		return;
	}
	ret_outcome->fresh = true;
	if (attempt->fault == XC_FAULT_LENGTH) {
		hand_over(attempt);
		judge_length(attempt, ret_outcome);
		return;
	}
	if (attempt->fault != XC_FAULT_NONE && attempt->fault != XC_FAULT_RESOLVER)
		judge_fault(attempt, ret_outcome);
	else
		xc_judge_transport(attempt, code, ret_outcome);
}

void xc_trace(struct xc_attempt *attempt, CURLcode code)
{
	const struct xc_http_opts *opts = &attempt->http->opts;
	const struct xc_http_request *request = attempt->call->request;
	cleanup_free char *line = NULL;
	char url[600];

	if (!opts->trace)
		return;
	line = xc_asprintf("%s %s: status %ld, %zu bytes sent, %zu received, %llu ms, attempt "
			   "%u%s%s%s",
			   request->method, xc_url_public(request->url, url, sizeof(url)),
			   attempt->status, attempt->body_at, attempt->got_bytes,
			   (unsigned long long)(xc_clock_ms() - attempt->started_ms),
			   attempt->number, attempt->is_hedge ? " (beside the first)" : "",
			   code == CURLE_OK ? "" : ": ",
			   code == CURLE_OK ? "" : curl_easy_strerror(code));
	opts->trace(opts->trace_context, line);
}
