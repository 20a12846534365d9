/* SPDX-License-Identifier: Apache-2.0 */
/* Uploads in parts (AWS, "Uploading and copying objects using multipart upload"). */
#include <stdio.h>
#include <string.h>

#include "aws/s3/internal.h"

#define THINK_MS 30000
/* S3 may put the parts together for minutes before it answers (AWS, CompleteMultipartUpload). */
#define COMPLETE_THINK_MS 300000
#define UPLOADS_BYTES_MAX ((size_t)8 << 20)

/* Brought to its end even after a cancel: without its id nobody could take the upload back. */
static const struct xc_s3_operation create_upload = {
	.name = "CreateMultipartUpload",
	.method = "POST",
	.verb = "begin to write",
	.permission = "s3:PutObject",
	.think_ms = THINK_MS,
	.cleanup = true,
};

static const struct xc_s3_operation upload_part = {
	.name = "UploadPart",
	.method = "PUT",
	.verb = "write a part of",
	.permission = "s3:PutObject",
	.think_ms = THINK_MS,
};

static const struct xc_s3_operation complete_upload = {
	.name = "CompleteMultipartUpload",
	.method = "POST",
	.verb = "finish writing",
	.permission = "s3:PutObject",
	.think_ms = COMPLETE_THINK_MS,
	.may_fail_late = true,
};

static const struct xc_s3_operation abort_upload = {
	.name = "AbortMultipartUpload",
	.method = "DELETE",
	.verb = "discard the parts of",
	.permission = "s3:AbortMultipartUpload",
	.think_ms = THINK_MS,
	.cleanup = true,
};

static const struct xc_s3_operation list_uploads = {
	.name = "ListMultipartUploads",
	.method = "GET",
	.verb = "list the uploads to",
	.permission = "s3:ListBucketMultipartUploads",
	.think_ms = THINK_MS,
};

/*
 * An answer that was lost may have begun an upload that nobody knows of and
 * the owner pays for. Large objects have names of their own, so that no other
 * writer's upload is hit.
 */
static void abort_others(struct xc_s3 *s3, const char *key, const char *upload_id)
{
	cleanup_s3_pending_page struct xc_s3_pending_page page = { 0 };
	struct xc_err ignored;

	if (xc_s3_uploads(s3, key, NULL, NULL, &page, &ignored) < 0)
		return;
	for (size_t i = 0; i < page.count; i++)
		if (strcmp(page.items[i].key, key) == 0 &&
		    strcmp(page.items[i].upload_id, upload_id) != 0)
			(void)!xc_s3_upload_abort(s3, key, page.items[i].upload_id, &ignored);
}

int xc_s3_upload_create(struct xc_s3 *s3, const char *key, char **ret_upload_id, struct xc_err *err)
{
	cleanup_s3_call struct xc_s3_call call = {
		.s3 = s3,
		.operation = &create_upload,
		.key = key,
	};

	if (xc_cancel_check(s3->opts.http.cancel, err) < 0)
		return -1;
	xc_buf_add_str(&call.query, "uploads=");
	call.request.body = "";
	call.request.fresh = true;
	xc_s3_call_header(&call, "Content-Type", "application/octet-stream");
	xc_s3_call_write_headers(&call);
	if (s3->sends_checksums)
		xc_s3_call_header(&call, "x-amz-checksum-algorithm", "SHA256");
	if (xc_s3_call_perform(&call, err) < 0)
		return -1;
	if (xc_s3_xml_upload_id(xc_buf_str(&call.request.reply), call.request.reply.len_bytes,
				ret_upload_id, err) < 0)
		return xc_err_wrap(err, "cannot begin to write %s", XC_S3_OBJECT(&call));
	if (call.attempts > 1)
		abort_others(s3, key, *ret_upload_id);
	return 0;
}

struct part_call {
	struct xc_s3_call call; /* first, so that the call leads here */
	struct xc_s3_part *part;
};

static enum xc_http_verdict judge_part(struct xc_s3_call *call, struct xc_err *err)
{
	struct xc_s3_part *part = ((struct part_call *)call)->part;

	if (xc_s3_call_etag(call, part->completed.etag))
		return XC_HTTP_OK;
	xc_err_set(err, XC_ERR_CORRUPT, "the server sent no ETag for part %u", part->number);
	return XC_HTTP_FAIL;
}

static void part_ended(struct xc_s3_call *call, int result)
{
	struct part_call *self = (struct part_call *)call;
	struct xc_s3_part *part = self->part;

	if (result < 0)
		part->err = call->err;
	xc_s3_call_release(call);
	free(self);
	part->done(part, result);
}

void xc_s3_part(struct xc_s3 *s3, struct xc_s3_part *part)
{
	struct part_call *self = xc_calloc(1, sizeof(*self));
	struct xc_s3_call *call = &self->call;
	char number[16];

	self->part = part;
	part->completed = (struct xc_s3_completed){ 0 };
	*call = (struct xc_s3_call){
		.s3 = s3,
		.operation = &upload_part,
		.key = part->key,
		.check = judge_part,
		.ended = part_ended,
		.canceled = part->canceled,
	};
	snprintf(number, sizeof(number), "%u", part->number);
	xc_uri_add_query(&call->query, "partNumber", number);
	xc_uri_add_query(&call->query, "uploadId", part->upload_id);
	call->request.body = part->data;
	call->request.body_bytes = part->length;
	call->request.bulk = true;
	xc_s3_call_checksum(call, part->completed.checksum);
	xc_s3_call_submit(call);
}

static void add_part(struct xc_buf *xml, unsigned number, const struct xc_s3_completed *part)
{
	xc_buf_addf(xml, "<Part><PartNumber>%u</PartNumber><ETag>", number);
	/* ETags hold no control characters; see xc_s3_call_etag. */
	for (const char *at = part->etag; *at != '\0'; at++) {
		if (*at == '&' || *at == '<' || *at == '>')
			xc_buf_addf(xml, "&#%d;", *at);
		else
			xc_buf_add_char(xml, *at);
	}
	xc_buf_add_str(xml, "</ETag>");
	if (part->checksum[0] != '\0')
		xc_buf_addf(xml, "<ChecksumSHA256>%s</ChecksumSHA256>", part->checksum);
	xc_buf_add_str(xml, "</Part>");
}

static int complete(struct xc_s3 *s3, const struct xc_s3_upload *upload, bool *ret_is_unknown,
		    struct xc_err *err)
{
	cleanup_buf struct xc_buf xml = XC_BUF_INIT;
	cleanup_s3_call struct xc_s3_call call = {
		.s3 = s3,
		.operation = &complete_upload,
		.key = upload->key,
	};
	int result;

	xc_buf_add_str(&xml, "<CompleteMultipartUpload "
			     "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
	for (unsigned i = 0; i < upload->count; i++)
		add_part(&xml, i + 1, &upload->parts[i]);
	xc_buf_add_str(&xml, "</CompleteMultipartUpload>");
	xc_uri_add_query(&call.query, "uploadId", upload->upload_id);
	call.request.body = xml.data;
	call.request.body_bytes = xml.len_bytes;
	xc_s3_call_header(&call, "Content-Type", "application/xml");
	result = xc_s3_call_perform(&call, err);
	/* Not there: so it was completed before, or aborted by another. */
	*ret_is_unknown = result < 0 && (call.request.status == 404 || call.attempts > 1);
	return result;
}

int xc_s3_upload_complete(struct xc_s3 *s3, const struct xc_s3_upload *upload, struct xc_err *err)
{
	struct xc_s3_head head;
	struct xc_err reason;
	bool is_unknown;

	xc_s3_forget_tag(s3, upload->key);
	if (complete(s3, upload, &is_unknown, err) == 0)
		return 0;
	if (is_unknown && err->kind != XC_ERR_CANCELED &&
	    xc_s3_head(s3, upload->key, &head, &reason) == 0 &&
	    head.size_bytes == upload->total_bytes)
		return 0;
	/* An upload that is gone is no object that is missing. */
	if (err->kind == XC_ERR_NOT_FOUND)
		err->kind = XC_ERR_IO;
	return -1;
}

int xc_s3_upload_abort(struct xc_s3 *s3, const char *key, const char *upload_id, struct xc_err *err)
{
	cleanup_s3_call struct xc_s3_call call = {
		.s3 = s3,
		.operation = &abort_upload,
		.key = key,
	};

	xc_uri_add_query(&call.query, "uploadId", upload_id);
	if (xc_s3_call_perform(&call, err) == 0)
		return 0;
	return strcmp(call.code, "NoSuchUpload") == 0 ? 0 : -1;
}

int xc_s3_uploads(struct xc_s3 *s3, const char *prefix, const char *after_key, const char *after_id,
		  struct xc_s3_pending_page *ret_page, struct xc_err *err)
{
	cleanup_s3_call struct xc_s3_call call = { .s3 = s3, .operation = &list_uploads };

	xc_buf_add_str(&call.query, "uploads=");
	xc_uri_add_query(&call.query, "encoding-type", "url");
	xc_uri_add_query(&call.query, "prefix", prefix);
	if (after_key)
		xc_uri_add_query(&call.query, "key-marker", after_key);
	if (after_key && after_id)
		xc_uri_add_query(&call.query, "upload-id-marker", after_id);
	call.request.max_reply_bytes = UPLOADS_BYTES_MAX;
	if (xc_s3_call_perform(&call, err) < 0)
		return -1;
	if (xc_s3_xml_uploads(xc_buf_str(&call.request.reply), call.request.reply.len_bytes,
			      ret_page, err) < 0)
		return xc_err_wrap(err, "cannot list the uploads to %s", XC_S3_OBJECT(&call));
	return 0;
}
