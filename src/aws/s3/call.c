/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <time.h>

#include "aws/s3/internal.h"
#include "base/hex.h"

/* A call is parked once for credentials that were refused, or if others took them away. */
#define PARKED_MAX 3

void xc_s3_call_header(struct xc_s3_call *call, const char *name, const char *value)
{
	if (value)
		xc_strlist_take(&call->headers, xc_asprintf("%s: %s", name, value));
}

void xc_s3_call_write_headers(struct xc_s3_call *call)
{
	const struct xc_s3_opts *opts = &call->s3->opts;

	xc_s3_call_header(call, "x-amz-server-side-encryption", opts->encryption);
	xc_s3_call_header(call, "x-amz-server-side-encryption-aws-kms-key-id", opts->kms_key);
	xc_s3_call_header(call, "x-amz-storage-class", opts->storage_class);
}

static void digest_body(const struct xc_s3_call *call, uint8_t digest[XC_SHA256_BYTES])
{
	xc_sha256(call->request.body ? call->request.body : "", call->request.body_bytes, digest);
}

void xc_s3_call_checksum(struct xc_s3_call *call, char out[XC_S3_CHECKSUM_MAX])
{
	char text[XC_S3_CHECKSUM_MAX];
	uint8_t digest[XC_SHA256_BYTES];

	if (!call->s3->sends_checksums)
		return;
	digest_body(call, digest);
	xc_hex_encode(digest, sizeof(digest), call->payload);
	xc_s3_base64(digest, sizeof(digest), text);
	xc_s3_call_header(call, "x-amz-checksum-sha256", text);
	if (out)
		memcpy(out, text, sizeof(text));
}

bool xc_s3_call_etag(const struct xc_s3_call *call, char out[XC_S3_ETAG_MAX])
{
	char etag[XC_S3_ETAG_MAX];

	if (!xc_http_header(&call->request, "etag", etag, sizeof(etag)) || etag[0] == '\0')
		return false;
	for (const char *at = etag; *at != '\0'; at++)
		if (*at <= 0x20 || *at >= 0x7f)
			return false;
	memcpy(out, etag, sizeof(etag));
	return true;
}

const char *xc_s3_call_object(const struct xc_s3_call *call, char out[200])
{
	cleanup_free char *name = xc_asprintf("s3://%s%s%s", call->s3->opts.bucket,
					      call->key ? "/" : "", call->key ? call->key : "");

	return xc_err_quote(name, out, 200);
}

static void set_url(struct xc_s3_call *call, const struct xc_s3_base *base, struct xc_buf *ret_path)
{
	cleanup_buf struct xc_buf url = XC_BUF_INIT;
	size_t length = strlen(base->path);

	xc_buf_add_str(ret_path, call->operation->of_account ? "/" : base->path);
	/* The bucket itself as AWS's SDKs write it: some servers sign what they take it for. */
	if (call->key)
		xc_uri_encode(call->key, strlen(call->key), true, ret_path);
	else if (!call->operation->of_account && length > 1)
		xc_buf_truncate(ret_path, length - 1);
	xc_buf_addf(&url, "%s%s", base->origin, xc_buf_str(ret_path));
	if (call->query.len_bytes > 0)
		xc_buf_addf(&url, "?%s", xc_buf_str(&call->query));
	free(call->request.url);
	call->request.url = xc_buf_steal(&url);
}

static void sign(struct xc_s3_call *call, const struct xc_s3_base *base, const char *region,
		 const char *path)
{
	struct xc_http_request *request = &call->request;
	const struct xc_sigv4_request to_sign = {
		.method = call->operation->method,
		.host = base->host,
		.path = path,
		.query = xc_buf_str(&call->query),
		.headers = &call->headers,
		.payload = base->is_https ? XC_SIGV4_UNSIGNED : call->payload,
		.region = region,
		.service = "s3",
		.time = time(NULL) + (time_t)call->skew_s,
		.path_as_is = true,
		.payload_header = true,
	};

	xc_sigv4_sign(call->s3->signer, &to_sign, &call->credentials->keys, &request->headers);
}

/* What peek knows now; false if the call has to wait for someone who may block. */
static bool take_credentials(struct xc_s3_call *call)
{
	xc_credentials_release(call->credentials);
	call->credentials = xc_credentials_peek(call->s3->provider);
	return call->credentials != NULL;
}

static int prepare(struct xc_http_request *request, struct xc_err *err)
{
	struct xc_s3_call *call = request->owner;
	cleanup_buf struct xc_buf path = XC_BUF_INIT;
	const struct xc_s3_base *base;
	const char *region;

	if (!take_credentials(call)) {
		call->wants_credentials = true;
		return xc_err_set(err, XC_ERR_AUTH, "the credentials are no longer valid");
	}
	base = xc_s3_base_now(call->s3, &region, &call->moves);
	call->skew_s = xc_s3_skew(call->s3);
	set_url(call, base, &path);
	/* A session token is among them. */
	for (size_t i = 0; i < request->headers.count; i++)
		explicit_bzero(request->headers.items[i], strlen(request->headers.items[i]));
	xc_strlist_release(&request->headers);
	for (size_t i = 0; i < call->headers.count; i++)
		xc_strlist_add(&request->headers, call->headers.items[i]);
	if (call->credentials->keys.access_key_id)
		sign(call, base, region, xc_buf_str(&path));
	return 0;
}

void xc_s3_call_end(struct xc_s3_call *call, int result)
{
	struct xc_err *err = &call->err;

	/* These are told as they stand. */
	if (result < 0 && err->kind != XC_ERR_NOT_FOUND && err->kind != XC_ERR_EXISTS &&
	    err->kind != XC_ERR_CANCELED)
		xc_err_wrap(err, "cannot %s %s", call->operation->verb, XC_S3_OBJECT(call));
	call->ended(call, result);
}

static void request_done(struct xc_http_request *request, int result)
{
	struct xc_s3_call *call = request->owner;

	call->attempts += request->attempts;
	if (result < 0 && call->wants_credentials && call->parked < PARKED_MAX) {
		call->parked++;
		xc_s3_park(call);
		return;
	}
	if (result < 0)
		call->err = request->err;
	if (result < 0 && request->stalled && request->think_ms == 0)
		xc_err_wrap(&call->err, "the server is slower than XCACHE_STALL_MS allows");
	xc_s3_call_end(call, result);
}

static void submit(struct xc_s3_call *call)
{
	const struct xc_http_request before = call->request;

	/* The answer of an earlier round would be taken for part of the next. */
	call->request.body = NULL;
	xc_http_request_release(&call->request);
	call->request = (struct xc_http_request){
		.method = call->operation->method,
		.body = before.body,
		.body_bytes = before.body_bytes,
		.into = before.into,
		.into_bytes = before.into_bytes,
		.max_reply_bytes = before.max_reply_bytes,
		.priority = before.priority,
		.canceled = call->canceled,
		.fresh = before.fresh,
		.bulk = before.bulk,
		.hedge = before.hedge,
		.cleanup = call->operation->cleanup,
		.think_ms = call->operation->think_ms,
		.prepare = prepare,
		.judge = xc_s3_judge,
		.done = request_done,
		.owner = call,
	};
	call->wants_credentials = false;
	call->rejected = false;
	xc_http_submit(call->s3->http, &call->request);
}

void xc_s3_call_resubmit(struct xc_s3_call *call)
{
	submit(call);
}

/* Whoever submits may block, so credentials are obtained here and not while parked. */
static int obtain_credentials(struct xc_s3_call *call)
{
	const struct xc_credentials *credentials = NULL;

	/* After a cancel none are obtained, but those at hand will do to clean up. */
	if (call->operation->cleanup && xc_cancel_requested(call->s3->opts.http.cancel))
		credentials = xc_credentials_peek(call->s3->provider);
	if (!credentials && xc_credentials_get(call->s3->provider, &credentials, &call->err) < 0)
		return -1;
	xc_credentials_release(credentials);
	return 0;
}

void xc_s3_call_submit(struct xc_s3_call *call)
{
	const struct xc_s3_opts *opts = &call->s3->opts;
	uint8_t digest[XC_SHA256_BYTES];

	if (obtain_credentials(call) < 0) {
		xc_s3_call_end(call, -1);
		return;
	}
	xc_s3_call_header(call, "x-amz-request-payer", opts->requester_pays ? "requester" : NULL);
	xc_s3_call_header(call, "x-amz-expected-bucket-owner", opts->bucket_owner);
	/* Over TLS nobody can change it; a digest of it costs 0.5 s a GiB. */
	if (!call->s3->bases[0].is_https && call->payload[0] == '\0') {
		digest_body(call, digest);
		xc_hex_encode(digest, sizeof(digest), call->payload);
	}
	if (call->request.max_reply_bytes < XC_S3_REPLY_BYTES)
		call->request.max_reply_bytes = XC_S3_REPLY_BYTES;
	submit(call);
}

static void wake_waiter(struct xc_s3_call *call, int result)
{
	xc_waiter_end(&call->waiter, result);
}

int xc_s3_call_perform(struct xc_s3_call *call, struct xc_err *err)
{
	int result;

	xc_waiter_init(&call->waiter);
	call->ended = wake_waiter;
	xc_s3_call_submit(call);
	result = xc_waiter_wait(&call->waiter);
	xc_waiter_release(&call->waiter);
	if (result < 0)
		*err = call->err;
	return result;
}

void xc_s3_call_release(struct xc_s3_call *call)
{
	xc_http_request_release(&call->request);
	xc_buf_release(&call->query);
	xc_strlist_release(&call->headers);
	xc_credentials_release(call->credentials);
	call->credentials = NULL;
}
