/* SPDX-License-Identifier: Apache-2.0 */
/* Removing objects, one or many. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "aws/s3/internal.h"
#include "base/utf8.h"

#define THINK_MS 30000
/* An error for each of 1000 keys, each byte of which may be encoded in three. */
#define REPLY_BYTES_MAX ((size_t)8 << 20)

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
	.cleanup = true,
	.may_fail_late = true,
};

static bool was_absent(const struct xc_s3_call *call)
{
	return call->request.status == 404 && strcmp(call->code, "NoSuchKey") == 0;
}

int xc_s3_delete(struct xc_s3 *s3, const char *key, struct xc_err *err)
{
	cleanup_s3_call struct xc_s3_call call = {
		.s3 = s3,
		.operation = &delete_object,
		.key = key,
	};

	xc_s3_forget_tag(s3, key);
	return xc_s3_call_perform(&call, err) == 0 || was_absent(&call) ? 0 : -1;
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

/* *ret_unknown, set always: the server may not know the request, or take it so. */
static int delete_listed(struct xc_s3 *s3, const struct xc_buf *xml, bool *ret_unknown,
			 struct xc_err *err)
{
	cleanup_s3_call struct xc_s3_call call = { .s3 = s3, .operation = &delete_objects };
	char md5[25];

	xc_buf_add_str(&call.query, "delete=");
	call.request.body = xml->data;
	call.request.body_bytes = xml->len_bytes;
	call.request.max_reply_bytes = REPLY_BYTES_MAX;
	xc_s3_call_header(&call, "Content-Type", "application/xml");
	/* S3 wants this or a checksum; Swift wants this. */
	if (xc_s3_md5(xml->data, xml->len_bytes, md5))
		xc_s3_call_header(&call, "Content-MD5", md5);
	else
		xc_s3_call_checksum(&call, NULL);
	*ret_unknown = false;
	if (xc_s3_call_perform(&call, err) < 0) {
		/* Ceph 16 asks for the permission to delete from all of the bucket (403). */
		*ret_unknown = xc_s3_call_may_be_unknown(&call) || call.request.status == 403;
		return -1;
	}
	return xc_s3_xml_deleted(xc_buf_str(&call.request.reply), call.request.reply.len_bytes,
				 err);
}

/* The body of a request for all that XML can say; the others go to *ret_others. */
static void list_keys(const struct xc_strlist *keys, struct xc_buf *ret_xml,
		      struct xc_strlist *ret_others)
{
	xc_buf_add_str(ret_xml, "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
				"<Quiet>true</Quiet>");
	for (size_t i = 0; i < keys->count; i++) {
		if (!fits_xml(keys->items[i])) {
			xc_strlist_add(ret_others, keys->items[i]);
			continue;
		}
		xc_buf_add_str(ret_xml, "<Object><Key>");
		add_escaped(ret_xml, keys->items[i]);
		xc_buf_add_str(ret_xml, "</Key></Object>");
	}
	xc_buf_add_str(ret_xml, "</Delete>");
}

/* Requests side by side. */
struct deletions {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t left;
	bool failed;
	struct xc_err err; /* of the first that failed */
};

struct deletion {
	struct xc_s3_call call; /* first, so that the call leads here */
	struct deletions *all;
};

static void deletion_ended(struct xc_s3_call *call, int result)
{
	struct deletions *all = ((struct deletion *)call)->all;

	/* The waiter's memory ends with its wait, so signal it before the lock is let go. */
	pthread_mutex_lock(&all->lock);
	if (result < 0 && !was_absent(call) && !all->failed) {
		all->failed = true;
		all->err = call->err;
	}
	all->left--;
	pthread_cond_signal(&all->changed);
	pthread_mutex_unlock(&all->lock);
}

static int delete_each(struct xc_s3 *s3, const struct xc_strlist *keys, struct xc_err *err)
{
	struct deletion *deletions = xc_calloc(keys->count, sizeof(*deletions));
	struct deletions all = {
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER,
		.left = keys->count,
	};

	for (size_t i = 0; i < keys->count; i++) {
		deletions[i] = (struct deletion){
			.call = { .s3 = s3,
				  .operation = &delete_object,
				  .key = keys->items[i],
				  .ended = deletion_ended },
			.all = &all,
		};
		xc_s3_call_submit(&deletions[i].call);
	}
	pthread_mutex_lock(&all.lock);
	while (all.left > 0)
		pthread_cond_wait(&all.changed, &all.lock);
	pthread_mutex_unlock(&all.lock);
	for (size_t i = 0; i < keys->count; i++)
		xc_s3_call_release(&deletions[i].call);
	free(deletions);
	if (!all.failed)
		return 0;
	*err = all.err;
	return -1;
}

int xc_s3_delete_many(struct xc_s3 *s3, const struct xc_strlist *keys, struct xc_err *err)
{
	cleanup_buf struct xc_buf xml = XC_BUF_INIT;
	cleanup_strlist struct xc_strlist others = XC_STRLIST_INIT;
	struct xc_err ignored;
	bool unknown;
	int result = 0;

	for (size_t i = 0; i < keys->count; i++)
		xc_s3_forget_tag(s3, keys->items[i]);
	if (xc_s3_flag(s3, &s3->lacks_deletes))
		return delete_each(s3, keys, err);
	list_keys(keys, &xml, &others);
	if (others.count < keys->count) {
		result = delete_listed(s3, &xml, &unknown, err);
		if (unknown) {
			/* What is refused one by one as well had another fault. */
			if (delete_each(s3, keys, err) < 0)
				return -1;
			xc_s3_set_flag(s3, &s3->lacks_deletes);
			return 0;
		}
	}
	if (others.count > 0 && delete_each(s3, &others, result == 0 ? err : &ignored) < 0)
		result = -1;
	return result;
}
