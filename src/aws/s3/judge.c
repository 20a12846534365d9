/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an answer means (AWS, "Error responses"). A few errors are repaired
 * on the spot and the request goes out again: a clock that is wrong, a
 * bucket in another region, credentials that have expired. The engine waits
 * before it repeats, and bounds how often.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "aws/s3/internal.h"

enum meaning {
	UNKNOWN,
	TRY_AGAIN,
	NO_OBJECT,
	NO_BUCKET,
	NO_UPLOAD,
	EXPIRED,
	SKEWED,
	ELSEWHERE,
	BAD_KEY,
	BAD_SIGNATURE,
	DENIED,
	ARCHIVED,
	EXISTS,
	PAST_THE_END,
	TOO_LARGE,
	FOREIGN,
};

static const struct {
	const char *code;
	enum meaning meaning;
} codes[] = {
	{ "SlowDown", TRY_AGAIN },
	{ "SlowDownRead", TRY_AGAIN },
	{ "SlowDownWrite", TRY_AGAIN },
	{ "InternalError", TRY_AGAIN },
	{ "InternalFailure", TRY_AGAIN },
	{ "InternalServerError", TRY_AGAIN },
	{ "ServiceUnavailable", TRY_AGAIN },
	{ "ServerBusy", TRY_AGAIN },
	{ "Busy", TRY_AGAIN },
	{ "RequestTimeout", TRY_AGAIN },
	{ "RequestTimedOut", TRY_AGAIN },
	{ "RequestThrottled", TRY_AGAIN },
	{ "RequestLimitExceeded", TRY_AGAIN },
	{ "BandwidthLimitExceeded", TRY_AGAIN },
	{ "Throttling", TRY_AGAIN },
	{ "ThrottlingException", TRY_AGAIN },
	{ "ThrottledException", TRY_AGAIN },
	{ "KMS.ThrottlingException", TRY_AGAIN },
	{ "TooManyRequests", TRY_AGAIN },
	{ "TooManyRequestsException", TRY_AGAIN },
	{ "OperationAborted", TRY_AGAIN },
	{ "ConditionalRequestConflict", TRY_AGAIN },
	/* The body was changed or cut on its way. */
	{ "BadDigest", TRY_AGAIN },
	{ "IncompleteBody", TRY_AGAIN },
	{ "XAmzContentSHA256Mismatch", TRY_AGAIN },
	{ "XAmzContentChecksumMismatch", TRY_AGAIN },
	{ "NoSuchKey", NO_OBJECT },
	{ "NoSuchBucket", NO_BUCKET },
	{ "NoSuchUpload", NO_UPLOAD },
	{ "ExpiredToken", EXPIRED },
	{ "ExpiredTokenException", EXPIRED },
	{ "TokenRefreshRequired", EXPIRED },
	{ "InvalidToken", EXPIRED },
	{ "RequestTimeTooSkewed", SKEWED },
	{ "RequestExpired", SKEWED },
	{ "PermanentRedirect", ELSEWHERE },
	{ "TemporaryRedirect", ELSEWHERE },
	{ "Redirect", ELSEWHERE },
	{ "AuthorizationHeaderMalformed", ELSEWHERE },
	{ "AuthorizationQueryParametersError", ELSEWHERE },
	{ "IllegalLocationConstraintException", ELSEWHERE },
	{ "InvalidAccessKeyId", BAD_KEY },
	{ "SignatureDoesNotMatch", BAD_SIGNATURE },
	{ "AccessDenied", DENIED },
	{ "AllAccessDisabled", DENIED },
	{ "AccountProblem", DENIED },
	{ "InvalidObjectState", ARCHIVED },
	{ "PreconditionFailed", EXISTS },
	{ "InvalidRange", PAST_THE_END },
	{ "EntityTooLarge", TOO_LARGE },
	{ "MaxMessageLengthExceeded", TOO_LARGE },
};

/* For answers without a code: to HEAD, and of what stands in between. */
static enum meaning meaning_of_status(const struct xc_s3_call *call)
{
	switch (call->request.status) {
	case 408:
	case 429:
	case 500:
	case 502:
	case 503:
	case 504:
		return TRY_AGAIN;
	case 301:
	case 302:
	case 303:
	case 307:
	case 308:
		return ELSEWHERE;
	case 401:
	case 403:
		return DENIED;
	case 404:
		/* A 404 that is not S3's comes from something else: that is no proof of absence. */
		return strcmp(call->operation->method, "HEAD") == 0 ? NO_OBJECT : UNKNOWN;
	case 304: /* so answered MinIO to If-None-Match before 2024-05 */
	case 412:
		return EXISTS;
	case 413:
		return TOO_LARGE;
	case 416:
		return PAST_THE_END;
	default:
		return UNKNOWN;
	}
}

static enum meaning meaning_of(const struct xc_s3_call *call)
{
	enum meaning meaning;

	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (strcmp(call->code, codes[i].code) == 0)
			return codes[i].meaning;
	meaning = meaning_of_status(call);
	if ((meaning == UNKNOWN || meaning == DENIED) && xc_s3_error_is_foreign(call))
		return FOREIGN;
	return meaning;
}

static int64_t parse_time(const char *text, const char *format, int64_t otherwise)
{
	struct tm broken = { 0 };

	return strptime(text, format, &broken) ? (int64_t)timegm(&broken) : otherwise;
}

bool xc_s3_call_date(const struct xc_s3_call *call, int64_t *ret_date_s)
{
	char date[64];
	int64_t date_s = -1;

	if (xc_http_header(&call->request, "date", date, sizeof(date)))
		date_s = parse_time(date, "%a, %d %b %Y %H:%M:%S", -1);
	if (date_s < 0)
		return false;
	*ret_date_s = date_s;
	return true;
}

/* How far the server is ahead of us; false if it does not say. */
static bool find_skew(const struct xc_s3_call *call, const struct xc_s3_error *error,
		      int64_t *ret_skew_s)
{
	int64_t server_s;

	if (!xc_s3_call_date(call, &server_s))
		server_s = -1;
	if (error->server_time[0] != '\0')
		server_s = parse_time(error->server_time, "%Y-%m-%dT%H:%M:%S", server_s);
	if (server_s < 0)
		return false;
	*ret_skew_s = server_s - (int64_t)time(NULL);
	return true;
}

/* True if the request was signed for a time that the server may call wrong, and now is not. */
static bool repair_clock(struct xc_s3_call *call, enum meaning meaning,
			 const struct xc_s3_error *error)
{
	int64_t tolerated_s = meaning == SKEWED ? 0 : XC_S3_SKEW_TOLERATED_S, skew_s;

	if (call->corrected_clock || call->request.status != 403 ||
	    !find_skew(call, error, &skew_s) || llabs(skew_s - call->skew_s) <= tolerated_s)
		return false;
	call->corrected_clock = true;
	xc_s3_correct_clock(call->s3, skew_s);
	return true;
}

/* The region in "bucket.s3.eu-west-1.amazonaws.com" or "s3-eu-west-1.amazonaws.com/...". */
static bool region_of_endpoint(const char *endpoint, char *out, size_t out_bytes)
{
	const char *end = strstr(endpoint, ".amazonaws.com");
	const char *start = end;

	if (!end)
		return false;
	while (start > endpoint && start[-1] != '.')
		start--;
	if (strncmp(start, "s3-", 3) == 0)
		start += 3;
	if (end - start < 4 || (size_t)(end - start) >= out_bytes)
		return false;
	memcpy(out, start, (size_t)(end - start));
	out[end - start] = '\0';
	return true;
}

static bool find_region(const struct xc_s3_call *call, const struct xc_s3_error *error,
			char out[64])
{
	if (xc_http_header(&call->request, "x-amz-bucket-region", out, 64) && out[0] != '\0')
		return true;
	if (error->region[0] != '\0') {
		memcpy(out, error->region, 64);
		return true;
	}
	return region_of_endpoint(error->endpoint, out, 64);
}

/* 1: gone to another region, send it again. 0: this is not about regions. -1: it cannot be. */
static int repair_region(struct xc_s3_call *call, enum meaning meaning,
			 const struct xc_s3_error *error, struct xc_err *err)
{
	int status = call->request.status;
	char region[64];

	if (meaning != ELSEWHERE && status != 400 && status != 403)
		return 0;
	if (!find_region(call, error, region) ||
	    strcmp(region, call->s3->regions[call->moves]) == 0)
		return 0;
	if (call->moved == 2)
		return xc_err_set(
			err, XC_ERR_IO,
			"the server redirects from region to region, the last time to '%s'",
			XC_QUOTE(region));
	call->moved++;
	return xc_s3_move(call->s3, call->moves, region, err) < 0 ? -1 : 1;
}

static bool repair_credentials(struct xc_s3_call *call, enum meaning meaning)
{
	const struct xc_credentials *credentials = call->credentials;
	bool is_head = strcmp(call->operation->method, "HEAD") == 0;
	bool is_temporary, has_ended;

	if (call->refreshed || !credentials || !credentials->keys.access_key_id)
		return false;
	is_temporary = credentials->expires != 0 || credentials->keys.session_token;
	has_ended = credentials->expires != 0 &&
		    credentials->expires <= time(NULL) + (time_t)call->skew_s;
	/* To HEAD nothing is said but the status: AWS's for an expired token is 400. */
	if (meaning != EXPIRED && !(call->request.status == 403 && has_ended) &&
	    !(call->request.status == 400 && is_head && is_temporary))
		return false;
	call->refreshed = true;
	call->wants_credentials = true;
	call->rejected = true;
	return true;
}

static bool is_anonymous(const struct xc_s3_call *call)
{
	return !call->credentials || !call->credentials->keys.access_key_id;
}

static const char *source_of(const struct xc_s3_call *call)
{
	if (is_anonymous(call))
		return "nobody (requests are sent without credentials)";
	return call->credentials->source ? call->credentials->source : "an unknown source";
}

/* Whether a text of the server's repeats the session token, or the beginning of it. */
static bool repeats_token(const struct xc_s3_call *call, const char *text)
{
	const char *token = call->credentials ? call->credentials->keys.session_token : NULL;
	char start[17];

	if (!token)
		return false;
	snprintf(start, sizeof(start), "%s", token);
	return strstr(text, start) != NULL;
}

static void describe_other(const struct xc_s3_call *call, const struct xc_s3_error *error,
			   enum xc_err_kind kind, struct xc_err *err)
{
	const char *message = repeats_token(call, error->message) ? "" : error->message;
	char id[64];
	bool has_id = xc_http_header(&call->request, "x-amz-request-id", id, sizeof(id)) &&
		      !repeats_token(call, id);

	xc_err_set(err, kind, "the server answers %d%s%s%s%.150s%s%s%s", call->request.status,
		   call->code[0] ? " " : "", call->code, message[0] ? ": " : "", message,
		   has_id ? " (request " : "", has_id ? XC_QUOTE(id) : "", has_id ? ")" : "");
}

static void describe_denied(const struct xc_s3_call *call, struct xc_err *err)
{
	const struct xc_s3_operation *operation = call->operation;
	const char *encryption = call->s3->opts.encryption, *more = "";

	if (strcmp(operation->permission, "s3:GetObject") == 0)
		more = "; without s3:ListBucket, AWS answers the same for an object that does not "
		       "exist";
	else if (encryption && strncmp(encryption, "aws:kms", 7) == 0 &&
		 strcmp(operation->permission, "s3:PutObject") == 0)
		more = ", and kms:GenerateDataKey and kms:Decrypt for the KMS key";

	if (is_anonymous(call))
		xc_err_set(err, XC_ERR_AUTH,
			   "access denied (%d%s%s): requests without credentials do not have %s%s",
			   call->request.status, call->code[0] ? " " : "", call->code,
			   operation->permission, more);
	else
		xc_err_set(err, XC_ERR_AUTH,
			   "access denied (%d%s%s): the credentials from %.120s need %s%s",
			   call->request.status, call->code[0] ? " " : "", call->code,
			   source_of(call), operation->permission, more);
}

/* A signature covers the host and the path as they were sent. */
static void describe_signature(const struct xc_s3_call *call, struct xc_err *err)
{
	if (call->s3->bases[call->moves].is_aws)
		xc_err_set(err, XC_ERR_AUTH,
			   "wrong secret key: the one from %.150s does not belong to its access "
			   "key (SignatureDoesNotMatch)",
			   source_of(call));
	else
		xc_err_set(err, XC_ERR_AUTH,
			   "the signature does not match (SignatureDoesNotMatch): the secret key "
			   "from %.150s is wrong, or a reverse proxy in front of the server "
			   "changes the Host header or the path",
			   source_of(call));
}

static void describe_elsewhere(const struct xc_s3_call *call, const struct xc_s3_error *error,
			       struct xc_err *err)
{
	if (call->request.status / 100 == 3)
		xc_err_set(err, XC_ERR_IO,
			   "the server redirects (%d), but credentials are only sent "
			   "to the endpoint you chose; check the endpoint and the region",
			   call->request.status);
	else
		describe_other(call, error, XC_ERR_IO, err);
}

/* A bucket is no object: where it is taken for one, the endpoint has it already. No miss, then. */
static void describe_missing(const struct xc_s3_call *call, struct xc_err *err)
{
	if (call->key)
		xc_err_set(err, XC_ERR_NOT_FOUND, "there is no object %s", XC_S3_OBJECT(call));
	else
		xc_err_set(err, XC_ERR_IO,
			   "the server takes the bucket for an object (%d%s%s): leave the bucket "
			   "out of the endpoint",
			   call->request.status, call->code[0] ? " " : "", call->code);
}

/* What is wrong with the keys or how they were used. */
static void describe_auth(const struct xc_s3_call *call, enum meaning meaning, struct xc_err *err)
{
	switch (meaning) {
	case EXPIRED:
		xc_err_set(err, XC_ERR_AUTH, "the credentials from %.150s have expired (%s)",
			   source_of(call), call->code);
		break;
	case SKEWED:
		xc_err_set(err, XC_ERR_AUTH,
			   "the server says that this machine's clock is wrong (%s)", call->code);
		break;
	case BAD_KEY:
		xc_err_set(err, XC_ERR_AUTH,
			   "the server does not know the access key from %.150s "
			   "(InvalidAccessKeyId)",
			   source_of(call));
		break;
	case BAD_SIGNATURE:
		describe_signature(call, err);
		break;
	default:
		describe_denied(call, err);
	}
}

/* What an object or a bucket is not, or is already. */
static void describe_state(const struct xc_s3_call *call, enum meaning meaning, struct xc_err *err)
{
	const struct xc_s3_base *base = &call->s3->bases[call->moves];

	switch (meaning) {
	case NO_OBJECT:
		describe_missing(call, err);
		break;
	case NO_BUCKET:
		xc_err_set(err, XC_ERR_IO, "there is no bucket %s at %s",
			   XC_QUOTE(call->s3->opts.bucket), XC_QUOTE(base->origin));
		break;
	case EXISTS:
		xc_err_set(err, XC_ERR_EXISTS, "there is an object %s already", XC_S3_OBJECT(call));
		break;
	case PAST_THE_END:
		xc_err_set(err, XC_ERR_CORRUPT, "the object ends before the bytes asked for");
		break;
	default:
		xc_err_set(err, XC_ERR_IO,
			   "the object is archived: restore it in S3 first (InvalidObjectState)");
	}
}

/* Fills `err` for an error that nothing was done about. */
static void describe(const struct xc_s3_call *call, enum meaning meaning,
		     const struct xc_s3_error *error, struct xc_err *err)
{
	int status = call->request.status;

	switch (meaning) {
	case TRY_AGAIN:
		describe_other(call, error, XC_ERR_TRANSIENT, err);
		break;
	case EXPIRED:
	case SKEWED:
	case BAD_KEY:
	case BAD_SIGNATURE:
	case DENIED:
		describe_auth(call, meaning, err);
		break;
	case NO_OBJECT:
	case NO_BUCKET:
	case EXISTS:
	case PAST_THE_END:
	case ARCHIVED:
		describe_state(call, meaning, err);
		break;
	case ELSEWHERE:
		describe_elsewhere(call, error, err);
		break;
	case TOO_LARGE:
		xc_s3_describe_too_large(call, err);
		break;
	case FOREIGN:
		xc_s3_describe_foreign(call, err);
		break;
	default:
		describe_other(call, error,
			       status == 401 || status == 403 ? XC_ERR_AUTH : XC_ERR_IO, err);
	}
	err->http = status;
}

static enum xc_http_verdict judge_error(struct xc_s3_call *call, const struct xc_s3_error *error,
					struct xc_err *err)
{
	enum meaning meaning = meaning_of(call);
	bool is_late = call->request.status / 100 == 2;
	int moved;

	if (meaning == FOREIGN) {
		describe(call, meaning, error, err);
		return XC_HTTP_FAIL;
	}
	/* An error behind a 200 stands for a 500 (AWS, CompleteMultipartUpload). */
	if (is_late && meaning == UNKNOWN)
		meaning = TRY_AGAIN;
	describe(call, meaning, error, err);
	if (repair_clock(call, meaning, error))
		return XC_HTTP_RETRY;
	moved = repair_region(call, meaning, error, err);
	if (moved != 0)
		return moved > 0 ? XC_HTTP_RETRY : XC_HTTP_FAIL;
	if (repair_credentials(call, meaning))
		return XC_HTTP_FAIL;
	return meaning == TRY_AGAIN ? XC_HTTP_RETRY : XC_HTTP_FAIL;
}

enum xc_http_verdict xc_s3_judge(struct xc_http_request *request, struct xc_err *err)
{
	struct xc_s3_call *call = request->owner;
	struct xc_s3_error error = { 0 };
	bool succeeded = request->status / 100 == 2, has_error = false;
	int64_t skew_s;

	if (find_skew(call, &error, &skew_s))
		xc_s3_note_clock(call->s3, skew_s);
	call->code[0] = '\0';
	if (!succeeded || call->operation->may_fail_late)
		has_error = xc_s3_xml_error(xc_buf_str(&request->reply), request->reply.len_bytes,
					    &error);
	if (succeeded && !has_error && xc_s3_success_is_foreign(call)) {
		xc_s3_describe_foreign(call, err);
		return XC_HTTP_FAIL;
	}
	if (succeeded && !has_error)
		return call->check ? call->check(call, err) : XC_HTTP_OK;
	if (has_error && repeats_token(call, error.code))
		snprintf(call->code, sizeof(call->code), "Unknown");
	else if (has_error)
		memcpy(call->code, error.code, sizeof(call->code));
	return judge_error(call, &error, err);
}

bool xc_s3_call_may_be_unknown(const struct xc_s3_call *call)
{
	/* Other 400s are about the object. */
	static const char *const refusals[] = { "InvalidArgument", "InvalidRequest",
						"NotImplemented" };

	if (call->request.status == 501)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		if (call->request.status == 400 && strcmp(call->code, refusals[i]) == 0)
			return true;
	}
	return false;
}
