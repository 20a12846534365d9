/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ranges of objects. What comes must be what was asked for, to the byte, and
 * of one and the same object: the ETag of the first answer goes with each
 * later range as If-Match, and is compared where that came too late.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "aws/s3/internal.h"

/* No server has objects as large (AWS: 50 TiB); and some lose their way beyond 2^63. */
#define OBJECT_BYTES_MAX ((uint64_t)1 << 50)

/* How often another range than the one asked for is taken for an accident. */
#define MIXED_UP_MAX 3

static const struct xc_s3_operation get_range = {
	.name = "GetObject",
	.method = "GET",
	.verb = "read",
	.permission = "s3:GetObject",
};

struct range_call {
	struct xc_s3_call call; /* first, so that the call leads here */
	struct xc_s3_read *read;
};

/* With the lock held. */
static struct xc_s3_tag *find_tag(struct xc_s3 *s3, const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(s3->tags); i++)
		if (s3->tags[i].key && strcmp(s3->tags[i].key, key) == 0)
			return &s3->tags[i];
	return NULL;
}

void xc_s3_forget_tag(struct xc_s3 *s3, const char *key)
{
	struct xc_s3_tag *tag;

	pthread_mutex_lock(&s3->lock);
	tag = find_tag(s3, key);
	if (tag) {
		free(tag->key);
		tag->key = NULL;
	}
	pthread_mutex_unlock(&s3->lock);
}

static bool known_tag(struct xc_s3 *s3, const char *key, char out[XC_S3_ETAG_MAX])
{
	const struct xc_s3_tag *tag;

	pthread_mutex_lock(&s3->lock);
	tag = find_tag(s3, key);
	if (tag)
		memcpy(out, tag->etag, sizeof(tag->etag));
	pthread_mutex_unlock(&s3->lock);
	return tag != NULL;
}

/* Remembers the ETag of the first answer; false if a later one has another. */
static bool same_tag(struct xc_s3 *s3, const char *key, const char *etag)
{
	struct xc_s3_tag *tag;
	bool same = true;

	pthread_mutex_lock(&s3->lock);
	tag = find_tag(s3, key);
	if (tag) {
		same = strcmp(tag->etag, etag) == 0;
	} else {
		tag = &s3->tags[s3->next_tag++ % XC_S3_TAGS];
		free(tag->key);
		tag->key = xc_strdup(key);
		snprintf(tag->etag, sizeof(tag->etag), "%s", etag);
	}
	pthread_mutex_unlock(&s3->lock);
	return same;
}

static int replaced(struct xc_s3_call *call, struct xc_err *err)
{
	/* Who reads it anew from its start may have the new one. */
	xc_s3_forget_tag(call->s3, call->key);
	return xc_err_set(err, XC_ERR_CORRUPT, "it was replaced while it was read");
}

/* Something in between may have mixed up answers; it will hardly do so again and again. */
static enum xc_http_verdict mixed_up(const struct xc_s3_call *call)
{
	return call->request.attempts < MIXED_UP_MAX ? XC_HTTP_RETRY : XC_HTTP_FAIL;
}

/* "bytes 0-9/100" (RFC 9110, 14.4). */
static enum xc_http_verdict check_content_range(const struct xc_s3_call *call,
						const struct xc_s3_read *read, struct xc_err *err)
{
	uint64_t first, last, wanted_last = read->offset + read->length - 1;
	char text[100];
	int used = 0;

	if (!xc_http_header(&call->request, "content-range", text, sizeof(text))) {
		xc_err_set(err, XC_ERR_CORRUPT, "the server does not say which range it sent");
		return mixed_up(call);
	}
	if (sscanf(text, "bytes %" SCNu64 "-%" SCNu64 "%n", &first, &last, &used) != 2 ||
	    text[used] != '/') {
		xc_err_set(err, XC_ERR_CORRUPT, "the server says that it sent the range '%s'",
			   XC_QUOTE(text));
		return mixed_up(call);
	}
	if (first == read->offset && last < wanted_last) {
		xc_err_set(err, XC_ERR_CORRUPT, "the object ends before the bytes asked for (%s)",
			   XC_QUOTE(text));
		return XC_HTTP_FAIL;
	}
	if (first != read->offset || last != wanted_last) {
		xc_err_set(err, XC_ERR_CORRUPT,
			   "the server sent '%s' instead of %zu bytes from %" PRIu64,
			   XC_QUOTE(text), read->length, read->offset);
		return mixed_up(call);
	}
	return XC_HTTP_OK;
}

/* A server without ranges will do where the whole is wanted. */
static enum xc_http_verdict check_whole(const struct xc_s3_call *call,
					const struct xc_s3_read *read, struct xc_err *err)
{
	char length[32], wanted[32];

	snprintf(wanted, sizeof(wanted), "%zu", read->length);
	if (call->request.status == 200 && read->offset == 0 &&
	    xc_http_header(&call->request, "content-length", length, sizeof(length)) &&
	    strcmp(length, wanted) == 0)
		return XC_HTTP_OK;
	xc_err_set(err, XC_ERR_IO,
		   "the server does not send ranges of objects (HTTP %d); it cannot be used",
		   call->request.status);
	return XC_HTTP_FAIL;
}

static enum xc_http_verdict judge_range(struct xc_s3_call *call, struct xc_err *err)
{
	const struct xc_s3_read *read = ((struct range_call *)call)->read;
	char etag[XC_S3_ETAG_MAX];
	enum xc_http_verdict verdict = call->request.status == 206
					       ? check_content_range(call, read, err)
					       : check_whole(call, read, err);

	if (verdict != XC_HTTP_OK)
		return verdict;
	/* Weak ones (W/) do not tell bytes apart (RFC 9110, 8.8.1). */
	if (!xc_s3_call_etag(call, etag) || strncmp(etag, "W/", 2) == 0 ||
	    same_tag(call->s3, call->key, etag))
		return XC_HTTP_OK;
	/* Not to be asked again: the answer would be of the new object, what came of the old. */
	replaced(call, err);
	return XC_HTTP_FAIL;
}

static void range_ended(struct xc_s3_call *call, int result)
{
	struct range_call *self = (struct range_call *)call;
	struct xc_s3_read *read = self->read;

	if (result < 0) {
		/* 412: If-Match. */
		if (call->err.kind == XC_ERR_EXISTS) {
			replaced(call, &call->err);
			xc_err_wrap(&call->err, "cannot read %s", XC_S3_OBJECT(call));
		}
		read->err = call->err;
	}
	xc_s3_call_release(call);
	free(self);
	read->done(read, result);
}

void xc_s3_read(struct xc_s3 *s3, struct xc_s3_read *read)
{
	struct range_call *self = xc_calloc(1, sizeof(*self));
	struct xc_s3_call *call = &self->call;
	char etag[XC_S3_ETAG_MAX], range[64];

	self->read = read;
	*call = (struct xc_s3_call){
		.s3 = s3,
		.operation = &get_range,
		.key = read->key,
		.canceled = read->canceled,
		.check = judge_range,
		.ended = range_ended,
	};
	if (read->offset > OBJECT_BYTES_MAX || read->length > OBJECT_BYTES_MAX) {
		xc_err_set(&call->err, XC_ERR_CORRUPT, "no object has a byte %" PRIu64,
			   read->offset);
		xc_s3_call_end(call, -1);
		return;
	}
	snprintf(range, sizeof(range), "bytes=%" PRIu64 "-%" PRIu64, read->offset,
		 read->offset + read->length - 1);
	xc_s3_call_header(call, "Range", range);
	if (known_tag(s3, read->key, etag))
		xc_s3_call_header(call, "If-Match", etag);
	call->request.into = read->buffer;
	call->request.into_bytes = read->length;
	call->request.priority = read->priority;
	call->request.bulk = true;
	call->request.hedge = true;
	xc_s3_call_submit(call);
}
