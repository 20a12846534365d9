/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations of S3 that a store needs, each signed, judged and repeated
 * as S3's rules want it: region redirects, clock skew, credentials that
 * expire, 200s that hold an error (AWS, "Amazon S3 API Reference").
 *
 * A client may be used by many threads. Keys are whole object keys, any bytes
 * but NUL. Errors name the operation and the object; AUTH names also where
 * the credentials came from and the permission that is lacking. NOT_FOUND is
 * NoSuchKey alone: a bucket that is missing is IO, a 403 is AUTH.
 */
#ifndef XC_AWS_S3_S3_H
#define XC_AWS_S3_S3_H

#include <stdatomic.h>

#include "aws/credentials/credentials.h"
#include "aws/endpoint.h"
#include "aws/xml.h"
#include "base/buf.h"
#include "http/http.h"

#define XC_S3_PARTS_MAX      10000              /* AWS, "Multipart upload limits" */
#define XC_S3_PART_BYTES_MIN ((size_t)5 << 20)  /* but for the last one */
#define XC_S3_PART_BYTES     ((size_t)16 << 20) /* ours, to begin with */
#define XC_S3_ETAG_MAX       100
#define XC_S3_CHECKSUM_MAX   45 /* base64 of SHA-256 */

struct xc_s3;

/* Texts are copied; NULL or false where not said. */
struct xc_s3_opts {
	const char *bucket, *endpoint;
	const char *region; /* NULL: of the environment or profile, else us-east-1 */
	enum xc_s3_style style;
	bool dualstack, fips, accelerate, requester_pays;
	const char *encryption; /* AES256, aws:kms, aws:kms:dsse */
	const char *kms_key;
	const char *storage_class;
	const char *bucket_owner; /* x-amz-expected-bucket-owner */
	int checksums;            /* 1 send, 0 do not, -1 to AWS alone */
	struct xc_credentials_opts credentials;
	struct xc_http_opts http;
};

/* No request is made yet. USAGE for what cannot be. */
int xc_s3_new(const struct xc_s3_opts *opts, struct xc_s3 **ret_s3, struct xc_err *err) XC_CHECK;
/* Nothing may be in flight. NULL is allowed. */
void xc_s3_free(struct xc_s3 *s3);

/* The whole of an object, appended; CORRUPT if it is larger than max_bytes. */
int xc_s3_get(struct xc_s3 *s3, const char *key, size_t max_bytes, struct xc_buf *ret_data,
	      struct xc_err *err) XC_CHECK;
/* The same with its ETag, also where it is too large: "" if none came that tells bytes apart. */
int xc_s3_get_tagged(struct xc_s3 *s3, const char *key, size_t max_bytes, struct xc_buf *ret_data,
		     char ret_etag[XC_S3_ETAG_MAX], struct xc_err *err) XC_CHECK;

/*
 * Exactly [offset, offset + length) of an object. The caller's until done, as
 * in store.h. CORRUPT if the object ends before, or is no longer the one that
 * earlier ranges were read from, unless it was written by this client since.
 */
struct xc_s3_read {
	const char *key;
	uint64_t offset;
	size_t length;
	char *buffer;
	enum xc_priority priority;
	const atomic_bool *canceled; /* NULL, or what ends it; see xc_http_cancel */
	void *owner;
	/* On any thread, which it must not block; it must not call this client. */
	void (*done)(struct xc_s3_read *read, int result);
	struct xc_err err;
};
void xc_s3_read(struct xc_s3 *s3, struct xc_s3_read *read);

struct xc_s3_head {
	uint64_t size_bytes;
	char etag[XC_S3_ETAG_MAX]; /* "" if none came */
};
int xc_s3_head(struct xc_s3 *s3, const char *key, struct xc_s3_head *ret_head,
	       struct xc_err *err) XC_CHECK;

/*
 * `if_absent`: EXISTS if there is one. A server that does not know the
 * condition (501) is asked by HEAD first from then on. An answer may be lost
 * and the repeated request find the object of the first one: so an object
 * that holds just these bytes counts as written.
 */
int xc_s3_put(struct xc_s3 *s3, const char *key, const void *data, size_t length, bool if_absent,
	      struct xc_err *err) XC_CHECK;

/*
 * Replace an object that still has that ETag: EXISTS if it has another,
 * NOT_FOUND if there is none. A server that does not know the condition (501,
 * or 400) is asked by HEAD first from then on.
 */
int xc_s3_replace(struct xc_s3 *s3, const char *key, const char *etag, const void *data,
		  size_t length, struct xc_err *err) XC_CHECK;
/* Whether xc_s3_replace has found that the server does not know the condition. */
bool xc_s3_lacks_match(struct xc_s3 *s3);

/* 0 also if there is none. Runs after a cancel, too: it cleans up. */
int xc_s3_delete(struct xc_s3 *s3, const char *key, struct xc_err *err) XC_CHECK;
/*
 * DeleteObjects, at most so many keys (AWS, "DeleteObjects"). On a server that has no such request
 * (501, or 400), or denies it as a whole, they are deleted one by one, side by side. After an error
 * any of them may be left.
 */
#define XC_S3_DELETE_MAX 1000
int xc_s3_delete_many(struct xc_s3 *s3, const struct xc_strlist *keys, struct xc_err *err) XC_CHECK;

/* One page; `token` is NULL for the first. */
int xc_s3_list(struct xc_s3 *s3, const char *prefix, const char *token, struct xc_s3_page *ret_page,
	       struct xc_err *err) XC_CHECK;

/*
 * The server's time in seconds since 1970: the Date (RFC 9110, 6.6.1) of the
 * answer to a listing of `prefix`, of which one key is asked for. IO if it has none.
 */
int xc_s3_now(struct xc_s3 *s3, const char *prefix, int64_t *ret_now_s,
	      struct xc_err *err) XC_CHECK;

/* An upload in parts; the id is on the heap. */
int xc_s3_upload_create(struct xc_s3 *s3, const char *key, char **ret_upload_id,
			struct xc_err *err) XC_CHECK;

struct xc_s3_completed {
	char etag[XC_S3_ETAG_MAX];
	char checksum[XC_S3_CHECKSUM_MAX]; /* "" where none are sent */
};

struct xc_s3_part {
	const char *key, *upload_id;
	unsigned number; /* from 1 */
	const void *data;
	size_t length;
	void *owner;
	/* NULL, or set to make no further attempt: CANCELED then. */
	const atomic_bool *canceled;
	/* On any thread, which it must not block; it must not call this client. */
	void (*done)(struct xc_s3_part *part, int result);
	struct xc_s3_completed completed; /* what complete wants to know */
	struct xc_err err;
};
void xc_s3_part(struct xc_s3 *s3, struct xc_s3_part *part);

struct xc_s3_upload {
	const char *key, *upload_id;
	const struct xc_s3_completed *parts; /* parts[i] is of number i + 1 */
	unsigned count;
	uint64_t total_bytes;
};
/* An answer that was lost is resolved by looking for the object. */
int xc_s3_upload_complete(struct xc_s3 *s3, const struct xc_s3_upload *upload,
			  struct xc_err *err) XC_CHECK;
/* Runs after a cancel, too. 0 also if there is none. */
int xc_s3_upload_abort(struct xc_s3 *s3, const char *key, const char *upload_id,
		       struct xc_err *err) XC_CHECK;
int xc_s3_uploads(struct xc_s3 *s3, const char *prefix, const char *after_key, const char *after_id,
		  struct xc_s3_pending_page *ret_page, struct xc_err *err) XC_CHECK;

/*
 * Whether the credentials are whose they say, whatever they may do to the
 * bucket: the list of their buckets is asked for, which every user may have of
 * servers other than AWS. By the bucket's own host that cannot be asked: USAGE.
 */
int xc_s3_account(struct xc_s3 *s3, struct xc_err *err) XC_CHECK;

/* What a doctor wants to know. Base and region are those of now; the texts live as long as s3. */
const struct xc_s3_base *xc_s3_base(struct xc_s3 *s3);
const char *xc_s3_region(struct xc_s3 *s3);
struct xc_credentials_provider *xc_s3_credentials(struct xc_s3 *s3);
const struct xc_credentials_opts *xc_s3_credentials_opts(const struct xc_s3 *s3);
struct xc_http *xc_s3_http(struct xc_s3 *s3);
/* How far the server's clock is ahead of ours, by the last answer; false if none came. */
bool xc_s3_clock_skew(struct xc_s3 *s3, int64_t *ret_seconds);

#endif
