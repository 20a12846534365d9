/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the files of the transfer engine. Everything in struct xc_http
 * that is not marked otherwise belongs to the engine's thread.
 *
 * A call is a request on its way: waiting, delayed or running. An attempt is
 * one go at it on one connection; a call runs one, or two when it is hedged.
 * Attempts are kept with their easy handle and used again.
 */
#ifndef XC_HTTP_INTERNAL_H
#define XC_HTTP_INTERNAL_H

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/waiter.h"
#include "http/connections.h"
#include "http/http.h"
#include "http/net/proxy.h"
#include "http/net/resolve.h"
#include "http/net/socket.h"
#include "http/net/trust.h"
#include "http/retry.h"
#include "http/tail.h"
#include "http/url.h"

/* How much of the body of an answer that is no success is kept, and how much is read. */
#define XC_HTTP_REPLY_BYTES_DEFAULT ((size_t)64 << 10)
#define XC_HTTP_REPLY_BYTES_DRAINED ((size_t)1 << 20)

enum xc_fault {
	XC_FAULT_NONE,
	XC_FAULT_HEADERS,  /* too many of them */
	XC_FAULT_REPLY,    /* a success with more of a body than was allowed */
	XC_FAULT_LENGTH,   /* not as long as asked for */
	XC_FAULT_CUT,      /* enough was read of the body of a failure: no fault after all */
	XC_FAULT_STALLED,  /* too slow */
	XC_FAULT_RESOLVER, /* no address; `resolver_err` says why */
};

struct xc_call;

struct xc_attempt {
	TAILQ_ENTRY(xc_attempt) link; /* in xc_http.running or xc_http.idle */
	struct xc_http *http;
	struct xc_call *call; /* NULL: idle */
	CURL *easy;
	struct curl_slist *headers, *connect_to;
	bool resolving; /* not yet with curl */
	bool fresh;     /* on a connection of its own */
	bool is_hedge;

	/* Where to; kept while idle, for the connection that may still be open. */
	struct xc_target target;
	char address[XC_ADDRESS_TEXT_MAX];
	const char *proxy;
	uint64_t idle_since_ms;

	unsigned number; /* from 1, within the call */
	uint64_t started_ms;
	uint64_t asked_ms; /* when the request had arrived as a whole; 0: not yet */
	int socket;        /* -1 until the request is about to be sent */
	struct xc_pace pace;
	uint64_t sent_bytes; /* of the body, as of the last look */

	/* The answer as it comes. */
	long status; /* of the final headers; 0 before */
	enum xc_fault fault;
	bool headers_done;
	size_t headers_bytes; /* of all blocks of headers */
	struct xc_buf header, reply;
	char *into, *scratch; /* into: of the request, or scratch, which is ours */
	size_t got_bytes;     /* of the body */
	size_t body_at;       /* how much of the request's body curl took */
	struct xc_err resolver_err;
	char curl_error[CURL_ERROR_SIZE];
};

struct xc_call {
	struct xc_http *http;
	TAILQ_ENTRY(xc_call) link;
	struct xc_http_request *request;
	struct xc_waiter *waiter; /* of xc_http_perform; NULL: request->done */
	struct xc_attempt *attempts[2];
	uint64_t submitted_ms;
	uint64_t begun_ms; /* its first attempt */
	uint64_t ready_ms; /* while delayed */
	bool fresh;        /* the next attempt shall have its own connection */
	bool hedged;
	unsigned cost; /* tokens that its last retry took */
};

TAILQ_HEAD(xc_call_list, xc_call);
TAILQ_HEAD(xc_attempt_list, xc_attempt);

struct xc_http {
	struct xc_http_opts opts; /* with all defaults in place */
	struct xc_trust trust;
	struct xc_err trust_err; /* why there is none; of kind NONE if nothing was wrong */
	struct xc_proxies proxies;
	struct xc_sockets sockets;
	CURLM *multi;
	struct xc_resolver *resolver; /* NULL if direct */
	pthread_t thread;

	pthread_mutex_t mutex;
	struct xc_call_list incoming; /* under mutex */
	bool ending;                  /* under mutex */

	/* Waiting for a connection: small requests, then content. */
	struct xc_call_list waiting[XC_PRIORITIES][2];
	struct xc_call_list delayed; /* waiting for their time */
	struct xc_call_list active;  /* with attempts */
	struct xc_attempt_list running, idle;
	unsigned calls, running_count, bulk_running, bulk_delayed, scratch_count;
	size_t scratch_bytes;
	uint64_t canceled_ms; /* when the cancel was seen; 0: not */
	uint64_t ticked_ms;

	struct xc_connections connections;
	struct xc_retry retry;
	struct xc_tail tail;
	uint64_t received_bytes, sent_bytes;

	/* For any thread. */
	atomic_bool has_canceled; /* of some requests `canceled` was set */
	_Atomic uint64_t count_requests, count_retries, count_hedges;
	_Atomic uint64_t count_received, count_sent;
	atomic_uint count_connections, count_peak;
};

/* What an attempt came to. */
struct xc_outcome {
	enum xc_http_verdict verdict;
	struct xc_err err;
	unsigned cost;          /* in tokens, of trying again */
	uint64_t wait_least_ms; /* what the server asked for */
	unsigned attempts_most; /* 0: as many as the engine makes */
	bool fresh;             /* again on another connection */
	bool at_once;           /* it has waited enough */
	bool throttled;
};

/* attempt.c: one go at a request. */
struct xc_attempt *xc_attempt_take(struct xc_http *http, const struct xc_target *target);
int xc_attempt_start(struct xc_attempt *attempt, struct xc_err *err) XC_CHECK;
/* Ask the resolver (again), and go on if it answers; true if it failed (XC_FAULT_RESOLVER). */
bool xc_attempt_resolve(struct xc_attempt *attempt);
/* Take it off curl and make it idle. Its buffers stay until it is taken again. */
void xc_attempt_stop(struct xc_attempt *attempt);
void xc_attempt_free(struct xc_attempt *attempt);

/* easy.c: the options and callbacks of an easy handle. */
int xc_easy_prepare(struct xc_attempt *attempt, struct xc_err *err) XC_CHECK;
void xc_easy_release_lists(struct xc_attempt *attempt);

/* judge.c: what an attempt's end means. */
void xc_judge(struct xc_attempt *attempt, CURLcode code, struct xc_outcome *ret_outcome);
void xc_trace(struct xc_attempt *attempt, CURLcode code);

/* status.c */
const char *xc_http_status_text(int status); /* "" if it is not a usual one */

/* transport.c: the same where no whole answer came. */
void xc_judge_transport(struct xc_attempt *attempt, CURLcode code, struct xc_outcome *outcome);

/* call.c: requests through their attempts. */
void xc_calls_accept(struct xc_http *http);
void xc_calls_cancel(struct xc_http *http, uint64_t now_ms);
void xc_calls_wake(struct xc_http *http, uint64_t now_ms);
void xc_calls_start(struct xc_http *http);
/* Whether requests wait for a connection: content, or small ones. */
bool xc_calls_wait(const struct xc_http *http, bool bulk);
void xc_calls_resolve(struct xc_http *http);
void xc_attempt_ended(struct xc_attempt *attempt, CURLcode code);
/* A second attempt beside the first; does nothing if there is no room for it. */
void xc_call_hedge(struct xc_call *call);

/* watch.c: what is looked at while attempts run: stalls, the tail, the number of connections. */
void xc_watch(struct xc_http *http, uint64_t now_ms);

/* count.c: let other threads see the counters as they are. */
void xc_http_publish(struct xc_http *http);

static inline size_t xc_http_reply_limit(const struct xc_http_request *request)
{
	return request->max_reply_bytes ? request->max_reply_bytes : XC_HTTP_REPLY_BYTES_DEFAULT;
}

#endif
