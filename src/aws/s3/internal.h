/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the client share. */
#ifndef XC_AWS_S3_INTERNAL_H
#define XC_AWS_S3_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>

#include "aws/s3/s3.h"
#include "base/hash.h"
#include "base/waiter.h"

/* A client moves to another region so often in all: servers that send it around are cut short. */
#define XC_S3_MOVES_MAX 4
/* AWS says RequestTimeTooSkewed from 15 minutes on; others are less patient. */
#define XC_S3_SKEW_TOLERATED_S 240
/* Objects whose identity is remembered between their ranges. */
#define XC_S3_TAGS 64
/* Room for whatever an error may be told in. */
#define XC_S3_REPLY_BYTES ((size_t)64 << 10)

struct xc_s3_tag {
	char *key; /* NULL: free */
	char etag[XC_S3_ETAG_MAX];
};

struct xc_s3 {
	struct xc_http *http;
	struct xc_credentials_provider *provider;
	struct xc_sigv4 *signer;
	struct xc_strlist texts; /* copies of the options, wiped at the end */
	struct xc_s3_opts opts;  /* pointing to them */
	bool sends_checksums;

	pthread_mutex_t lock; /* what follows */
	/* The bucket's place in each region that it was looked for in; the last one counts. */
	struct xc_s3_base bases[1 + XC_S3_MOVES_MAX];
	char regions[1 + XC_S3_MOVES_MAX][64];
	unsigned moves;
	int64_t skew_s;      /* what is added to our time */
	int64_t seen_skew_s; /* by the last answer */
	bool skew_seen;
	bool lacks_conditions; /* the server does not know If-None-Match */
	bool lacks_match;      /* nor If-Match where something is written */
	bool bare_match;       /* it wants the ETag without quotes there */
	bool lacks_deletes;    /* it has no DeleteObjects */
	struct xc_s3_tag tags[XC_S3_TAGS];
	unsigned next_tag;

	/* The thread that obtains credentials for requests that wait for them; see refresh.c. */
	pthread_cond_t parked_changed;
	pthread_t refresher;
	bool has_refresher, is_closing;
	struct xc_s3_call *parked, **parked_end;
};

/* One of S3's operations, as far as all its requests are alike. */
struct xc_s3_operation {
	const char *name, *method;
	const char *verb;       /* "cannot <verb> s3://..." */
	const char *permission; /* what AWS calls it in policies */
	unsigned think_ms;      /* 0: the engine's default */
	bool cleanup;
	bool may_fail_late; /* a 200 may hold an error */
	bool of_account;    /* asked of the endpoint, not of a bucket */
};

/*
 * A request on its way. Zero it, fill the first part, then submit or perform;
 * release it at the end.
 */
struct xc_s3_call {
	struct xc_http_request
		request; /* body, into, max_reply_bytes, priority, bulk, hedge are the caller's */
	struct xc_s3 *s3;
	const struct xc_s3_operation *operation;
	const char *key;           /* NULL: the bucket itself; borrowed */
	struct xc_buf query;       /* encoded */
	struct xc_strlist headers; /* to be sent and signed */
	/* Asked about a 2xx answer without an error in it; NULL: it is fine. */
	enum xc_http_verdict (*check)(struct xc_s3_call *call, struct xc_err *err);
	/* Called once, on the engine's thread or another that must not block either. */
	void (*ended)(struct xc_s3_call *call, int result);
	/* NULL, or set by another thread: no further attempt is made; see xc_http_cancel. */
	const atomic_bool *canceled;
	struct xc_err err;

	/* Call's own. */
	char payload[XC_SHA256_HEX + 1]; /* "" while not known */
	char code[64];                   /* of the last error answer */
	/* How the last attempt was signed. */
	unsigned moves;
	int64_t skew_s;
	const struct xc_credentials *credentials;
	/* What was tried to get through. */
	unsigned moved, parked, attempts;
	bool corrected_clock, refreshed;
	/* To be parked until there are credentials; other ones, if these were rejected. */
	bool wants_credentials, rejected;
	struct xc_s3_call *next;
	struct xc_waiter waiter; /* of xc_s3_call_perform */
};

/* call.c: building, signing and running requests */
void xc_s3_call_submit(struct xc_s3_call *call);
/* The same again after credentials were obtained. */
void xc_s3_call_resubmit(struct xc_s3_call *call);
int xc_s3_call_perform(struct xc_s3_call *call, struct xc_err *err) XC_CHECK;
void xc_s3_call_release(struct xc_s3_call *call);
#define cleanup_s3_call __attribute__((cleanup(xc_s3_call_release)))
/* Take `result` with err set as the call's end: the message gets its operation and object. */
void xc_s3_call_end(struct xc_s3_call *call, int result);
/* "s3://bucket/key" for messages. */
const char *xc_s3_call_object(const struct xc_s3_call *call, char out[200]);
#define XC_S3_OBJECT(call) xc_s3_call_object((call), (char[200]){ 0 })
void xc_s3_call_header(struct xc_s3_call *call, const char *name, const char *value);
/* Headers of objects that are written: encryption, storage class. */
void xc_s3_call_write_headers(struct xc_s3_call *call);
/* Adds the checksum of the body if they are sent; its base64 goes to `out` if not NULL. */
void xc_s3_call_checksum(struct xc_s3_call *call, char out[XC_S3_CHECKSUM_MAX]);
/* The answer's ETag; false if there is none that could stand in a header again. */
bool xc_s3_call_etag(const struct xc_s3_call *call, char out[XC_S3_ETAG_MAX]);

/* judge.c: what answers mean */
enum xc_http_verdict xc_s3_judge(struct xc_http_request *request, struct xc_err *err);
/* The time that the answer bears, in seconds since 1970; false if it has none. */
bool xc_s3_call_date(const struct xc_s3_call *call, int64_t *ret_date_s);
/* Whether the server may not know the request or one of its headers: a 501, or a 400. */
bool xc_s3_call_may_be_unknown(const struct xc_s3_call *call);

/* foreign.c: answers of web servers and proxies */
/* Whether a 2xx answer is not S3's. */
bool xc_s3_success_is_foreign(const struct xc_s3_call *call);
/* Whether an error is not S3's; call->code is set if the answer had one. */
bool xc_s3_error_is_foreign(const struct xc_s3_call *call);
void xc_s3_describe_foreign(const struct xc_s3_call *call, struct xc_err *err);
/* For 413, whoever said it. */
void xc_s3_describe_too_large(const struct xc_s3_call *call, struct xc_err *err);

/* client.c */
/* The base that counts now, and its number. */
const struct xc_s3_base *xc_s3_base_now(struct xc_s3 *s3, const char **ret_region,
					unsigned *ret_moves);
/* Go to the bucket's own region unless that was done since `moves`; -1 if it cannot be. */
int xc_s3_move(struct xc_s3 *s3, unsigned moves, const char *region, struct xc_err *err) XC_CHECK;
int64_t xc_s3_skew(struct xc_s3 *s3);
void xc_s3_correct_clock(struct xc_s3 *s3, int64_t skew_s);
void xc_s3_note_clock(struct xc_s3 *s3, int64_t skew_s);
/* One of the client's flags about the server, such as lacks_match. */
bool xc_s3_flag(struct xc_s3 *s3, const bool *flag);
void xc_s3_set_flag(struct xc_s3 *s3, bool *flag);

/* refresh.c */
void xc_s3_park(struct xc_s3_call *call);
void xc_s3_refresher_stop(struct xc_s3 *s3);

/* read.c: the identity of objects that are read in ranges */
void xc_s3_forget_tag(struct xc_s3 *s3, const char *key);

/* digest.c */
/* Base64 of `length` bytes: `out` has room for 4 * ceil(length / 3) + 1. */
void xc_s3_base64(const void *data, size_t length, char *out);
/* The MD5 that DeleteObjects wants; false where a policy of OpenSSL forbids it. */
bool xc_s3_md5(const void *data, size_t length, char out[25]);

#endif
