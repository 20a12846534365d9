/* SPDX-License-Identifier: Apache-2.0 */
/* Whole objects: reading, writing, removing and listing them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "aws/s3/internal.h"

#define THINK_MS 30000
/* 1000 keys, each byte of which may be encoded in three, and what stands around them. */
#define LIST_BYTES_MAX ((size_t)8 << 20)

static const struct xc_s3_operation get_object = {
	.name = "GetObject",
	.method = "GET",
	.verb = "read",
	.permission = "s3:GetObject",
};

static const struct xc_s3_operation head_object = {
	.name = "HeadObject",
	.method = "HEAD",
	.verb = "look for",
	.permission = "s3:GetObject",
	.cleanup = true,
};

static const struct xc_s3_operation put_object = {
	.name = "PutObject",
	.method = "PUT",
	.verb = "write",
	.permission = "s3:PutObject",
	.think_ms = THINK_MS,
};

/* What commits is small; once begun it is brought to its end, so that its outcome is known. */
static const struct xc_s3_operation put_new_object = {
	.name = "PutObject",
	.method = "PUT",
	.verb = "write",
	.permission = "s3:PutObject",
	.think_ms = THINK_MS,
	.cleanup = true,
};

static const struct xc_s3_operation list_objects = {
	.name = "ListObjectsV2",
	.method = "GET",
	.verb = "list",
	.permission = "s3:ListBucket",
	.think_ms = THINK_MS,
};

static const struct xc_s3_operation list_buckets = {
	.name = "ListBuckets",
	.method = "GET",
	.verb = "list the buckets beside",
	.permission = "s3:ListAllMyBuckets",
	.think_ms = THINK_MS,
	.of_account = true,
};

static int too_large(const char *key, size_t max_bytes, struct xc_err *err)
{
	return xc_err_set(err, XC_ERR_CORRUPT,
			  "the object '%s' has more than the %zu bytes expected at most",
			  XC_QUOTE(key), max_bytes);
}

int xc_s3_get(struct xc_s3 *s3, const char *key, size_t max_bytes, struct xc_buf *ret_data,
	      struct xc_err *err)
{
	char ignored[XC_S3_ETAG_MAX];

	return xc_s3_get_tagged(s3, key, max_bytes, ret_data, ignored, err);
}

int xc_s3_get_tagged(struct xc_s3 *s3, const char *key, size_t max_bytes, struct xc_buf *ret_data,
		     char ret_etag[XC_S3_ETAG_MAX], struct xc_err *err)
{
	cleanup_s3_call struct xc_s3_call call = { .s3 = s3, .operation = &get_object, .key = key };
	const struct xc_buf *reply = &call.request.reply;

	call.request.max_reply_bytes = XC_MIN(max_bytes, XC_BUF_MAX_DEFAULT);
	if (xc_s3_call_perform(&call, err) < 0)
		return -1;
	/* Weak ones do not tell bytes apart (RFC 9110, 8.8.1). */
	if (!xc_s3_call_etag(&call, ret_etag) || strncmp(ret_etag, "W/", 2) == 0)
		ret_etag[0] = '\0';
	if (reply->len_bytes > max_bytes)
		return too_large(key, max_bytes, err);
	if (reply->len_bytes > 0 && xc_buf_try_add(ret_data, reply->data, reply->len_bytes) < 0)
		return too_large(key, ret_data->max_bytes, err);
	return 0;
}

int xc_s3_head(struct xc_s3 *s3, const char *key, struct xc_s3_head *ret_head, struct xc_err *err)
{
	cleanup_s3_call struct xc_s3_call call = { .s3 = s3,
						   .operation = &head_object,
						   .key = key };
	struct xc_s3_head head = { 0 };
	char length[32], *end;

	if (xc_s3_call_perform(&call, err) < 0)
		return -1;
	if (!xc_http_header(&call.request, "content-length", length, sizeof(length)) ||
	    length[0] < '0' || length[0] > '9')
		return xc_err_set(err, XC_ERR_CORRUPT, "the server does not say how long %s is",
				  XC_S3_OBJECT(&call));
	errno = 0;
	head.size_bytes = strtoull(length, &end, 10);
	if (*end != '\0' || errno != 0)
		return xc_err_set(err, XC_ERR_CORRUPT, "the server says that %s has '%s' bytes",
				  XC_S3_OBJECT(&call), XC_QUOTE(length));
	if (!xc_s3_call_etag(&call, head.etag))
		head.etag[0] = '\0';
	*ret_head = head;
	return 0;
}

/* A header that makes a PUT conditional; without a name it is not. */
struct condition {
	const char *name, *value;
};

/* What is to be written. */
struct object {
	struct xc_s3 *s3;
	const char *key;
	const void *data;
	size_t length;
};

/* One PUT. *ret_refused, set always: it may be the condition that the server does not know. */
static int put_once(const struct object *object, struct condition condition, bool *ret_refused,
		    struct xc_err *err)
{
	cleanup_s3_call struct xc_s3_call call = {
		.s3 = object->s3,
		.operation = condition.name ? &put_new_object : &put_object,
		.key = object->key,
	};
	int result;

	call.request.body = object->data ? object->data : "";
	call.request.body_bytes = object->length;
	xc_s3_call_header(&call, "Content-Type", "application/octet-stream");
	if (condition.name)
		xc_s3_call_header(&call, condition.name, condition.value);
	xc_s3_call_write_headers(&call);
	xc_s3_call_checksum(&call, NULL);
	xc_s3_forget_tag(object->s3, object->key);
	result = xc_s3_call_perform(&call, err);
	*ret_refused = result < 0 && xc_s3_call_may_be_unknown(&call);
	return result;
}

/* For a server without conditions: another writer may come in between, and the last one wins. */
static int put_after_look(const struct object *object, struct xc_err *err)
{
	struct xc_s3_head head;
	bool refused;

	if (xc_s3_head(object->s3, object->key, &head, err) == 0)
		return xc_err_set(err, XC_ERR_EXISTS, "there is an object '%s' already",
				  XC_QUOTE(object->key));
	if (err->kind != XC_ERR_NOT_FOUND)
		return -1;
	return put_once(object, (struct condition){ 0 }, &refused, err);
}

/* Whether it is written. */
static bool is_there(const struct object *object)
{
	cleanup_buf struct xc_buf found = XC_BUF_INIT;
	struct xc_err ignored;

	return xc_s3_get(object->s3, object->key, object->length, &found, &ignored) == 0 &&
	       found.len_bytes == object->length &&
	       (object->length == 0 || memcmp(found.data, object->data, object->length) == 0);
}

int xc_s3_put(struct xc_s3 *s3, const char *key, const void *data, size_t length, bool if_absent,
	      struct xc_err *err)
{
	const struct object object = { s3, key, data, length };
	struct condition condition = { if_absent ? "If-None-Match" : NULL, "*" };
	bool refused;

	if (xc_cancel_check(s3->opts.http.cancel, err) < 0)
		return -1;
	if (if_absent && xc_s3_flag(s3, &s3->lacks_conditions))
		return put_after_look(&object, err);
	if (put_once(&object, condition, &refused, err) == 0)
		return 0;
	if (if_absent && refused) {
		/* What is refused without the condition as well had another fault. */
		if (put_after_look(&object, err) < 0)
			return -1;
		xc_s3_set_flag(s3, &s3->lacks_conditions);
		return 0;
	}
	/* libcurl, too, may send it twice, so the number of attempts proves nothing. */
	if (if_absent && err->kind == XC_ERR_EXISTS && is_there(&object))
		return 0;
	return -1;
}

static int is_another(const char *key, struct xc_err *err)
{
	return xc_err_set(err, XC_ERR_EXISTS, "the object '%s' has changed", XC_QUOTE(key));
}

/* For a server without conditions, as put_after_look. */
static int replace_after_look(const struct object *object, const char *etag, struct xc_err *err)
{
	struct xc_s3_head head;
	bool refused;

	if (xc_s3_head(object->s3, object->key, &head, err) < 0)
		return -1;
	if (strcmp(head.etag, etag) != 0)
		return is_another(object->key, err);
	return put_once(object, (struct condition){ 0 }, &refused, err);
}

static bool has_etag(struct xc_s3 *s3, const char *key, const char *etag)
{
	struct xc_s3_head head;
	struct xc_err ignored;

	return xc_s3_head(s3, key, &head, &ignored) == 0 && strcmp(head.etag, etag) == 0;
}

static int replace_once(const struct object *object, const char *etag, bool *ret_refused,
			struct xc_err *err)
{
	size_t end = strlen(etag);
	bool bare = xc_s3_flag(object->s3, &object->s3->bare_match) && end >= 2 && etag[0] == '"';
	cleanup_free char *value = bare ? xc_strndup(etag + 1, end - 2) : xc_strdup(etag);

	return put_once(object, (struct condition){ "If-Match", value }, ret_refused, err);
}

int xc_s3_replace(struct xc_s3 *s3, const char *key, const char *etag, const void *data,
		  size_t length, struct xc_err *err)
{
	const struct object object = { s3, key, data, length };
	bool refused;

	if (xc_cancel_check(s3->opts.http.cancel, err) < 0)
		return -1;
	if (xc_s3_flag(s3, &s3->lacks_match))
		return replace_after_look(&object, etag, err);
	if (replace_once(&object, etag, &refused, err) == 0)
		return 0;
	/* Ceph 16 compares the quotes as well, and keeps none. */
	if (err->kind == XC_ERR_EXISTS && !xc_s3_flag(s3, &s3->bare_match) &&
	    has_etag(s3, key, etag)) {
		xc_s3_set_flag(s3, &s3->bare_match);
		if (replace_once(&object, etag, &refused, err) == 0)
			return 0;
	}
	if (refused) {
		if (replace_after_look(&object, etag, err) < 0)
			return -1;
		xc_s3_set_flag(s3, &s3->lacks_match);
		return 0;
	}
	if (err->kind != XC_ERR_EXISTS)
		return -1;
	/* The answer to the first of two attempts may have been lost. */
	return is_there(&object) ? 0 : is_another(key, err);
}

bool xc_s3_lacks_match(struct xc_s3 *s3)
{
	return xc_s3_flag(s3, &s3->lacks_match);
}

int xc_s3_list(struct xc_s3 *s3, const char *prefix, const char *token, struct xc_s3_page *ret_page,
	       struct xc_err *err)
{
	cleanup_s3_call struct xc_s3_call call = { .s3 = s3, .operation = &list_objects };

	xc_uri_add_query(&call.query, "list-type", "2");
	xc_uri_add_query(&call.query, "encoding-type", "url");
	xc_uri_add_query(&call.query, "prefix", prefix);
	if (token)
		xc_uri_add_query(&call.query, "continuation-token", token);
	call.request.max_reply_bytes = LIST_BYTES_MAX;
	if (xc_s3_call_perform(&call, err) < 0)
		return -1;
	if (xc_s3_xml_list(xc_buf_str(&call.request.reply), call.request.reply.len_bytes, ret_page,
			   err) < 0)
		return xc_err_wrap(err, "cannot list %s", XC_S3_OBJECT(&call));
	return 0;
}

int xc_s3_now(struct xc_s3 *s3, const char *prefix, int64_t *ret_now_s, struct xc_err *err)
{
	cleanup_s3_call struct xc_s3_call call = { .s3 = s3, .operation = &list_objects };

	/* The server is to say it now, not a cache on the way that has said it before. */
	xc_s3_call_header(&call, "Cache-Control", "no-cache");
	xc_uri_add_query(&call.query, "list-type", "2");
	xc_uri_add_query(&call.query, "max-keys", "1");
	xc_uri_add_query(&call.query, "prefix", prefix);
	call.request.max_reply_bytes = LIST_BYTES_MAX;
	if (xc_s3_call_perform(&call, err) < 0)
		return -1;
	if (xc_s3_call_date(&call, ret_now_s))
		return 0;
	return xc_err_set(err, XC_ERR_IO, "the server does not say what time it is (no Date)");
}

int xc_s3_account(struct xc_s3 *s3, struct xc_err *err)
{
	cleanup_s3_call struct xc_s3_call call = { .s3 = s3, .operation = &list_buckets };

	if (strcmp(xc_s3_base(s3)->path, "/") == 0)
		return xc_err_set(err, XC_ERR_USAGE, "the bucket has a host of its own");
	call.request.max_reply_bytes = LIST_BYTES_MAX;
	return xc_s3_call_perform(&call, err);
}
