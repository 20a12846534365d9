/* SPDX-License-Identifier: Apache-2.0 */
/* Whole objects: reading, writing, removing and listing them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "aws/s3/internal.h"
#include "base/utf8.h"

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

static const struct xc_s3_operation delete_object = {
	.name = "DeleteObject",
	.method = "DELETE",
	.verb = "remove",
	.permission = "s3:DeleteObject",
	.think_ms = THINK_MS,
	.cleanup = true,
};

static const struct xc_s3_operation delete_objects = {
	.name = "DeleteObjects",
	.method = "POST",
	.verb = "remove objects from",
	.permission = "s3:DeleteObject",
	.think_ms = THINK_MS,
	.may_fail_late = true,
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

/* Some call a header that they do not know an invalid argument; other 400s are about the object. */
static bool may_lack_conditions(const struct xc_s3_call *call)
{
	static const char *const codes[] = { "InvalidArgument", "InvalidRequest",
					     "NotImplemented" };

	if (call->request.status == 501)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		if (call->request.status == 400 && strcmp(call->code, codes[i]) == 0)
			return true;
	}
	return false;
}

/* One PUT. *ret_refused, set always: it may be the condition that the server does not know. */
static int put_once(struct xc_s3 *s3, const char *key, const void *data, size_t length,
		    struct condition condition, bool *ret_refused, struct xc_err *err)
{
	cleanup_s3_call struct xc_s3_call call = {
		.s3 = s3,
		.operation = condition.name ? &put_new_object : &put_object,
		.key = key,
	};
	int result;

	call.request.body = data ? data : "";
	call.request.body_bytes = length;
	xc_s3_call_header(&call, "Content-Type", "application/octet-stream");
	if (condition.name)
		xc_s3_call_header(&call, condition.name, condition.value);
	xc_s3_call_write_headers(&call);
	xc_s3_call_checksum(&call, NULL);
	xc_s3_forget_tag(s3, key);
	result = xc_s3_call_perform(&call, err);
	*ret_refused = result < 0 && may_lack_conditions(&call);
	return result;
}

static bool look_at(struct xc_s3 *s3, const bool *flag)
{
	bool value;

	pthread_mutex_lock(&s3->lock);
	value = *flag;
	pthread_mutex_unlock(&s3->lock);
	return value;
}

static void set(struct xc_s3 *s3, bool *flag)
{
	pthread_mutex_lock(&s3->lock);
	*flag = true;
	pthread_mutex_unlock(&s3->lock);
}

/* For a server without conditions: another writer may come in between, and the last one wins. */
static int put_after_look(struct xc_s3 *s3, const char *key, const void *data, size_t length,
			  struct xc_err *err)
{
	struct xc_s3_head head;
	bool refused;

	if (xc_s3_head(s3, key, &head, err) == 0)
		return xc_err_set(err, XC_ERR_EXISTS, "there is an object '%s' already",
				  XC_QUOTE(key));
	if (err->kind != XC_ERR_NOT_FOUND)
		return -1;
	return put_once(s3, key, data, length, (struct condition){ 0 }, &refused, err);
}

static bool holds(struct xc_s3 *s3, const char *key, const void *data, size_t length)
{
	cleanup_buf struct xc_buf found = XC_BUF_INIT;
	struct xc_err ignored;

	return xc_s3_get(s3, key, length, &found, &ignored) == 0 && found.len_bytes == length &&
	       (length == 0 || memcmp(found.data, data, length) == 0);
}

int xc_s3_put(struct xc_s3 *s3, const char *key, const void *data, size_t length, bool if_absent,
	      struct xc_err *err)
{
	struct condition condition = { if_absent ? "If-None-Match" : NULL, "*" };
	bool refused;

	if (xc_cancel_check(s3->opts.http.cancel, err) < 0)
		return -1;
	if (if_absent && look_at(s3, &s3->lacks_conditions))
		return put_after_look(s3, key, data, length, err);
	if (put_once(s3, key, data, length, condition, &refused, err) == 0)
		return 0;
	if (if_absent && refused) {
		/* What is refused without the condition as well had another fault. */
		if (put_after_look(s3, key, data, length, err) < 0)
			return -1;
		set(s3, &s3->lacks_conditions);
		return 0;
	}
	/* libcurl, too, may send it twice, so the number of attempts proves nothing. */
	if (if_absent && err->kind == XC_ERR_EXISTS && holds(s3, key, data, length))
		return 0;
	return -1;
}

static int is_another(const char *key, struct xc_err *err)
{
	return xc_err_set(err, XC_ERR_EXISTS, "the object '%s' is another by now", XC_QUOTE(key));
}

/* For a server without conditions, as put_after_look. */
static int replace_after_look(struct xc_s3 *s3, const char *key, const char *etag, const void *data,
			      size_t length, struct xc_err *err)
{
	struct xc_s3_head head;
	bool refused;

	if (xc_s3_head(s3, key, &head, err) < 0)
		return -1;
	if (strcmp(head.etag, etag) != 0)
		return is_another(key, err);
	return put_once(s3, key, data, length, (struct condition){ 0 }, &refused, err);
}

static bool has_etag(struct xc_s3 *s3, const char *key, const char *etag)
{
	struct xc_s3_head head;
	struct xc_err ignored;

	return xc_s3_head(s3, key, &head, &ignored) == 0 && strcmp(head.etag, etag) == 0;
}

static int replace_once(struct xc_s3 *s3, const char *key, const char *etag, const void *data,
			size_t length, bool *ret_refused, struct xc_err *err)
{
	size_t end = strlen(etag);
	bool bare = look_at(s3, &s3->bare_match) && end >= 2 && etag[0] == '"';
	cleanup_free char *value = bare ? xc_strndup(etag + 1, end - 2) : xc_strdup(etag);

	return put_once(s3, key, data, length, (struct condition){ "If-Match", value }, ret_refused,
			err);
}

int xc_s3_replace(struct xc_s3 *s3, const char *key, const char *etag, const void *data,
		  size_t length, struct xc_err *err)
{
	bool refused;

	if (xc_cancel_check(s3->opts.http.cancel, err) < 0)
		return -1;
	if (look_at(s3, &s3->lacks_match))
		return replace_after_look(s3, key, etag, data, length, err);
	if (replace_once(s3, key, etag, data, length, &refused, err) == 0)
		return 0;
	/* Ceph 16 compares the quotes as well, and keeps none. */
	if (err->kind == XC_ERR_EXISTS && !look_at(s3, &s3->bare_match) &&
	    has_etag(s3, key, etag)) {
		set(s3, &s3->bare_match);
		if (replace_once(s3, key, etag, data, length, &refused, err) == 0)
			return 0;
	}
	if (refused) {
		if (replace_after_look(s3, key, etag, data, length, err) < 0)
			return -1;
		set(s3, &s3->lacks_match);
		return 0;
	}
	if (err->kind != XC_ERR_EXISTS)
		return -1;
	/* The answer to the first of two attempts may have been lost. */
	return holds(s3, key, data, length) ? 0 : is_another(key, err);
}

int xc_s3_delete(struct xc_s3 *s3, const char *key, struct xc_err *err)
{
	cleanup_s3_call struct xc_s3_call call = {
		.s3 = s3,
		.operation = &delete_object,
		.key = key,
	};

	xc_s3_forget_tag(s3, key);
	if (xc_s3_call_perform(&call, err) == 0)
		return 0;
	return call.request.status == 404 && strcmp(call.code, "NoSuchKey") == 0 ? 0 : -1;
}

/* XML has no way to write other characters below 0x20, nor bytes that are no UTF-8. */
static bool fits_xml(const char *key)
{
	for (const char *at = key; *at != '\0'; at++)
		if ((unsigned char)*at < 0x20)
			return false;
	return xc_utf8_valid(key);
}

static void add_escaped(struct xc_buf *xml, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '&')
			xc_buf_add_str(xml, "&amp;");
		else if (*text == '<')
			xc_buf_add_str(xml, "&lt;");
		else if (*text == '>')
			xc_buf_add_str(xml, "&gt;");
		else
			xc_buf_add_char(xml, *text);
	}
}

static int delete_listed(struct xc_s3 *s3, const struct xc_buf *xml, struct xc_err *err)
{
	cleanup_s3_call struct xc_s3_call call = { .s3 = s3, .operation = &delete_objects };
	char md5[25];

	xc_buf_add_str(&call.query, "delete=");
	call.request.body = xml->data;
	call.request.body_bytes = xml->len_bytes;
	call.request.max_reply_bytes = LIST_BYTES_MAX;
	xc_s3_call_header(&call, "Content-Type", "application/xml");
	/* S3 wants this or a checksum; Swift wants this. */
	if (xc_s3_md5(xml->data, xml->len_bytes, md5))
		xc_s3_call_header(&call, "Content-MD5", md5);
	else
		xc_s3_call_checksum(&call, NULL);
	if (xc_s3_call_perform(&call, err) < 0)
		return -1;
	return xc_s3_xml_deleted(xc_buf_str(&call.request.reply), call.request.reply.len_bytes,
				 err);
}

int xc_s3_delete_many(struct xc_s3 *s3, const struct xc_strlist *keys, struct xc_err *err)
{
	cleanup_buf struct xc_buf xml = XC_BUF_INIT;
	size_t count = 0;

	xc_buf_add_str(&xml, "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
			     "<Quiet>true</Quiet>");
	for (size_t i = 0; i < keys->count; i++) {
		if (!fits_xml(keys->items[i])) {
			if (xc_s3_delete(s3, keys->items[i], err) < 0)
				return -1;
			continue;
		}
		xc_s3_forget_tag(s3, keys->items[i]);
		xc_buf_add_str(&xml, "<Object><Key>");
		add_escaped(&xml, keys->items[i]);
		xc_buf_add_str(&xml, "</Key></Object>");
		count++;
	}
	xc_buf_add_str(&xml, "</Delete>");
	return count > 0 ? delete_listed(s3, &xml, err) : 0;
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

int xc_s3_account(struct xc_s3 *s3, struct xc_err *err)
{
	cleanup_s3_call struct xc_s3_call call = { .s3 = s3, .operation = &list_buckets };

	if (strcmp(xc_s3_base(s3)->path, "/") == 0)
		return xc_err_set(err, XC_ERR_USAGE, "the bucket has a host of its own");
	call.request.max_reply_bytes = LIST_BYTES_MAX;
	return xc_s3_call_perform(&call, err);
}
