/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transfer engine: HTTP requests, many at once, each repeated until it is
 * answered or there is no hope.
 *
 * One thread owns one curl_multi. Requests are structs of the caller; submit
 * hands one over, and until `done` was called it belongs to the engine. The
 * hooks and `done` run on the engine's thread: they must not block, and may
 * submit and cancel further requests. Everything else may be called from any
 * thread but the engine's.
 *
 *   xc_http_new  ->  xc_http_submit / xc_http_perform ...  ->  xc_http_free
 */
#ifndef XC_HTTP_HTTP_H
#define XC_HTTP_HTTP_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/cancel.h"
#include "base/err.h"
#include "base/priority.h"
#include "base/strlist.h"

#define XC_HTTP_CONNECTIONS_START 8
#define XC_HTTP_CONNECTIONS_MAX   128
/* What a server may send as headers in all: more is CORRUPT. */
#define XC_HTTP_HEADERS_BYTES_MAX ((size_t)64 << 10)

struct xc_http;

struct xc_http_opts {
	/* Connections at once; 0: from 8 up to 128, as long as more of them are faster. */
	unsigned connections;
	const char *ca_bundle; /* a PEM file; NULL: searched, see http/net/trust.h */
	/* When set, requests end with CANCELED, but for those marked `cleanup`. NULL: never. */
	const struct xc_cancel *cancel;
	/* Told of each attempt, on the engine's thread, without secrets. NULL: nothing. */
	void (*trace)(void *context, const char *line);
	void *trace_context;
	/* Told of the passwords of proxies, so that they can be masked in a log. NULL: nobody. */
	void (*secret)(void *context, const char *value);
	void *secret_context;
	/* 0 for the defaults; tests make these short. */
	unsigned connect_timeout_ms; /* 5000 */
	unsigned stall_ms;           /* 10000: below 1 KiB/s for so long, and it is sent anew */
	unsigned backoff_ms;         /* 100: the first wait is at most so long, then twice, ... */
	unsigned attempts;           /* 8 */
	/*
	 * 300000: so long after a request's first attempt, and later by its think_ms twice and
	 * by what its bodies take at 16 KiB/s, no other attempt begins. After an attempt that
	 * stalled that is already so after 6 times stall_ms, or twice think_ms if that is more.
	 */
	unsigned total_ms;
	/* No proxy, no name resolution: for addresses of the machine itself (169.254...). */
	bool direct;
};

enum xc_http_verdict {
	XC_HTTP_OK,
	XC_HTTP_RETRY, /* worth another attempt; `err` says what was wrong */
	XC_HTTP_FAIL,  /* it is not; `err` says why */
};

struct xc_http_request {
	/* What is asked for; borrowed until done. */
	const char *method;
	char *url;                 /* absolute, sent as it stands; `prepare` may replace it */
	struct xc_strlist headers; /* "Name: value" each; `prepare` may replace them */
	const void *body;          /* sent if not NULL */
	size_t body_bytes;
	/*
	 * Where the body of a 2xx answer goes: exactly into_bytes into `into` if
	 * that is set, shorter or longer is RETRY; else into `reply`, at most
	 * max_reply_bytes (0: 64 KiB), longer is CORRUPT. Other answers go to
	 * `reply`, cut.
	 */
	char *into;
	size_t into_bytes;
	size_t max_reply_bytes;

	/* Who waits for a connection gets it by this, then small requests, then in turn. */
	enum xc_priority priority;
	bool bulk;  /* content: counts for the number of connections, small requests go first */
	bool hedge; /* in the tail a second attempt may run as well; the first answer wins */
	bool once;  /* not idempotent: never repeated once bytes were sent */
	/* On a connection of its own: on one that has died libcurl would send it again unseen. */
	bool fresh;
	bool cleanup; /* runs even after a cancel, for at most 5 s then */
	/*
	 * Time that an answer may take to begin, instead of stall_ms; 0: stall_ms.
	 * If longer than stall_ms, the pauses of an answer may last as long: some
	 * send blanks while they think. In all the answer may take twice as
	 * long, and what its bytes take at 1 KiB/s.
	 */
	unsigned think_ms;

	/* What ends this request before its time, see xc_http_cancel; NULL: nothing. */
	const atomic_bool *canceled;

	/*
	 * Before each attempt: sign. May be NULL. -1 with `err` ends the request.
	 * An attempt that runs beside another one calls it as well.
	 */
	int (*prepare)(struct xc_http_request *request, struct xc_err *err);
	/*
	 * After each complete answer: what it means. NULL: by the status, see
	 * xc_http_judge_status. Sees status, reply and headers. Also asked when
	 * a body does not have the length of `into`: that is then RETRY at best.
	 */
	enum xc_http_verdict (*judge)(struct xc_http_request *request, struct xc_err *err);
	/* Called once. result is 0, or -1 with `err` filled. */
	void (*done)(struct xc_http_request *request, int result);
	void *owner; /* the caller's */

	/* The answer. */
	int status; /* 0: none came */
	struct xc_buf reply;
	struct xc_buf header; /* as received; see xc_http_header */
	unsigned attempts;    /* how many were made */
	bool stalled;         /* the last one that failed moved too slowly */
	struct xc_err err;

	void *engine; /* the engine's */
};

/*
 * Starts the thread; IO if it cannot. Certificates that cannot be read are an
 * error of the first request that goes to https.
 */
int xc_http_new(const struct xc_http_opts *opts, struct xc_http **ret_http,
		struct xc_err *err) XC_CHECK;
/* All requests must be done. NULL is allowed. */
void xc_http_free(struct xc_http *http);

/* Hand a request over. Zeroed members have their meaning above. */
void xc_http_submit(struct xc_http *http, struct xc_http_request *request);

/* The same, and wait for its end; request->done is set here. */
int xc_http_perform(struct xc_http *http, struct xc_http_request *request,
		    struct xc_err *err) XC_CHECK;

/*
 * End all requests that have this flag as their `canceled`, which must live until they are done:
 * those that wait never begin, and the connections of those that run are closed. Only asks: `done`
 * is called later, on the engine's thread, with CANCELED unless the request had ended by then.
 */
void xc_http_cancel(struct xc_http *http, atomic_bool *canceled);

/* Frees url, headers and the answer. The body is the caller's. */
void xc_http_request_release(struct xc_http_request *request);
#define cleanup_http_request __attribute__((cleanup(xc_http_request_release)))

/*
 * The last header of that name (any case) in the answer, trimmed,
 * into `out`; false if none fits.
 */
bool xc_http_header(const struct xc_http_request *request, const char *name, char *out,
		    size_t out_bytes);

/*
 * 2xx is OK. RETRY with TRANSIENT: 408, 429, 500, 502, 503, 504 (RFC 9110, 15).
 * FAIL with NOT_FOUND: 404; AUTH: 401, 403; EXISTS: 412; IO: all others.
 */
enum xc_http_verdict xc_http_judge_status(struct xc_http_request *request, struct xc_err *err);

struct xc_http_counters {
	uint64_t requests, retries, hedges;
	uint64_t received_bytes, sent_bytes;
	unsigned connections; /* how many there may be now */
	unsigned connections_peak;
};
void xc_http_count(struct xc_http *http, struct xc_http_counters *ret_counters);

#endif
