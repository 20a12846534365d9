/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Security Token Service: roles for tokens and for other keys (AWS STS
 * API Reference, version 2011-06-15). Always by POST: a token in a URL would
 * end in logs.
 */
#include "aws/credentials/sts.h"

#include <ctype.h>

#include "aws/credentials/internal.h"
#include "aws/endpoint_parse.h"
#include "aws/xml.h"
#include "base/hash.h"
#include "base/hex.h"

#define DEFAULT_REGION "us-east-1"
#define BODY_BYTES_MAX ((size_t)128 << 10) /* a token, each byte of it encoded, and the rest */
#define SKEW_MAX_S     240                 /* AWS refuses what differs by 5 minutes and more */

struct call {
	const char *action; /* for messages */
	char *region, *host, *path;
	char *subject; /* whom the token speaks of; NULL: no token, or it does not say */
	const struct xc_sigv4_keys *keys; /* NULL: not signed */
	struct xc_sigv4 *signer;
	struct xc_buf body; /* holds tokens */
	time_t skew_s;      /* the server's clock less ours */
	bool skew_known;
	struct xc_http_request request;
};

static void call_release(struct call *call)
{
	xc_http_request_release(&call->request);
	xc_secret_buf_release(&call->body);
	xc_sigv4_free(call->signer);
	free(call->region);
	free(call->host);
	free(call->path);
	free(call->subject);
}
#define cleanup_call __attribute__((cleanup(call_release)))

static char *find_region(const struct xc_credentials_opts *opts)
{
	char *region;

	if (opts->region && opts->region[0] != '\0')
		return xc_strdup(opts->region);
	region = xc_credentials_region(opts);
	return region ? region : xc_strdup(DEFAULT_REGION);
}

/* *ret_given is NULL if the region's own is meant. */
static int given_endpoint(const struct xc_credentials_opts *opts, char **ret_given,
			  struct xc_err *err)
{
	if (!opts->sts_endpoint || opts->sts_endpoint[0] == '\0')
		return xc_credentials_endpoint(opts, "sts", ret_given, err);
	*ret_given = xc_strdup(opts->sts_endpoint);
	return 0;
}

/* What is signed must be what is sent: the host without the scheme's own port, and the path. */
static int find_place(struct call *call, const struct xc_credentials_opts *opts, struct xc_err *err)
{
	const char *fips = xc_env("AWS_USE_FIPS_ENDPOINT");
	cleanup_s3_endpoint struct xc_s3_endpoint endpoint = { 0 };
	cleanup_free char *given = NULL, *origin = NULL;
	bool own_port;

	if (given_endpoint(opts, &given, err) < 0 ||
	    xc_s3_check_region(call->region, !given, err) < 0)
		return -1;
	origin = given ? xc_strdup(given)
		       : xc_sts_origin(call->region, fips && strcmp(fips, "true") == 0);
	if (xc_s3_endpoint_parse(origin, &endpoint, err) < 0)
		return xc_err_wrap(err, "STS");
	own_port = endpoint.port == 0 || endpoint.port == (endpoint.is_https ? 443 : 80);
	call->host = own_port ? xc_strdup(endpoint.host)
			      : xc_asprintf("%s:%u", endpoint.host, endpoint.port);
	call->path = xc_asprintf("%s/", endpoint.path);
	call->request.url = xc_asprintf("%s://%s%s", endpoint.is_https ? "https" : "http",
					call->host, call->path);
	return 0;
}

static void add(struct call *call, const char *name, const char *value)
{
	/* %20 for spaces, never '+': radosgw 16 does not decode it in bodies. */
	if (value)
		xc_uri_add_query(&call->body, name, value);
}

static int call_init(struct call *call, const struct xc_credentials_opts *opts, const char *action,
		     struct xc_err *err)
{
	call->action = action;
	call->region = find_region(opts);
	if (find_place(call, opts, err) < 0)
		return -1;
	xc_secret_buf_init(&call->body, BODY_BYTES_MAX);
	add(call, "Action", action);
	add(call, "Version", "2011-06-15");
	return 0;
}

static void wipe_headers(struct xc_strlist *headers)
{
	for (size_t i = 0; i < headers->count; i++)
		explicit_bzero(headers->items[i], strlen(headers->items[i]));
	xc_strlist_release(headers);
}

static int prepare(struct xc_http_request *request, struct xc_err *err)
{
	struct call *call = request->owner;
	uint8_t digest[XC_SHA256_BYTES];
	char payload[XC_SHA256_HEX + 1];
	struct xc_sigv4_request sign = {
		.method = "POST",
		.host = call->host,
		.path = call->path,
		.query = "",
		.headers = &request->headers,
		.payload = payload,
		.region = call->region,
		.service = "sts",
		.time = time(NULL) + call->skew_s,
	};

	(void)err;
	wipe_headers(&request->headers);
	xc_strlist_add(&request->headers,
		       "Content-Type: application/x-www-form-urlencoded; charset=utf-8");
	if (!call->keys)
		return 0;
	xc_sha256(call->body.data, call->body.len_bytes, digest);
	xc_hex_encode(digest, sizeof(digest), payload);
	xc_sigv4_sign(call->signer, &sign, call->keys, &request->headers);
	return 0;
}

/* A clock that is wrong is refused before anything else: once more, by the server's. */
static bool learn_skew(struct call *call)
{
	time_t date = xc_cred_date_header(&call->request), skew = date - time(NULL);

	if (!call->keys || call->skew_known || date == 0 ||
	    (skew < SKEW_MAX_S && skew > -SKEW_MAX_S))
		return false;
	call->skew_known = true;
	call->skew_s = skew;
	return true;
}

/*
 * The `sub` of a JSON Web Token (RFC 7519, 4.1.2), which is what a trust policy
 * compares; on the heap, NULL if it cannot be read. It is no secret, the token is.
 */
static char *subject_of(const char *token)
{
	const char *start = strchr(token, '.');
	size_t length = start ? strcspn(start + 1, ".") : 0;
	cleanup_free char *text = xc_asprintf("%.*s===", (int)length, start ? start + 1 : "");
	cleanup_buf struct xc_buf claims = XC_BUF_INIT;
	cleanup_json json_t *encoded = NULL, *parsed = NULL;
	const char *subject;
	struct xc_err ignored;

	/* base64url without padding (RFC 7515, 2), as base64. */
	for (char *c = text; *c != '\0'; c++)
		*c = *c == '-' ? '+' : *c == '_' ? '/' : *c;
	text[(length + 3) / 4 * 4] = '\0';
	encoded = json_string(text);
	if (xc_json_base64_value(encoded, &claims) < 0)
		return NULL;
	parsed = xc_json_parse(xc_buf_str(&claims), claims.len_bytes, XC_CRED_REPLY_BYTES_MAX,
			       "the token", &ignored);
	subject = json_string_value(json_object_get(parsed, "sub"));
	return subject ? xc_strdup(subject) : NULL;
}

static const char *advice(const char *code)
{
	static const struct {
		const char *code, *advice;
	} rows[] = {
		{ "AccessDenied", "; does the role's trust policy allow this token's `sub` and "
				  "`aud`, or these keys?" },
		{ "InvalidIdentityToken",
		  "; does the account have an identity provider for the token's issuer and "
		  "audience?" },
		{ "ExpiredTokenException", "; the token is too old, or the clock is wrong" },
		{ "RegionDisabledException", "; enable STS in this region or choose another one" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (strcmp(code, rows[i].code) == 0)
			return rows[i].advice;
	return "";
}

/* Returns `note`, empty if there is nothing to add to the advice. */
static const char *subject_note(const struct call *call, const char *code, char note[250])
{
	note[0] = '\0';
	if (call->subject && strcmp(code, "AccessDenied") == 0)
		snprintf(note, 250, " Its sub is %s", XC_QUOTE(call->subject));
	return note;
}

static enum xc_http_verdict judge(struct xc_http_request *request, struct xc_err *err)
{
	struct call *call = request->owner;
	char note[250];
	int status = request->status;
	struct xc_s3_error said = { 0 };
	bool again = status == 408 || status == 429 || status >= 500;

	if (status >= 200 && status <= 299)
		return XC_HTTP_OK;
	if (!xc_s3_xml_error(xc_buf_str(&request->reply), request->reply.len_bytes, &said)) {
		said.code[0] = said.message[0] = '\0';
	} else if (strcmp(said.code, "IDPCommunicationError") == 0 ||
		   strncmp(said.code, "Throttling", 10) == 0) {
		/*
		 * botocore repeats these as well; the first says that
		 * STS could not ask the issuer.
		 */
		again = true;
	}
	again = learn_skew(call) || again;
	xc_err_set(err, again ? XC_ERR_TRANSIENT : XC_ERR_AUTH,
		   "STS (%s) answered %s with %d%s%s%s%.150s%s%s", call->host, call->action, status,
		   said.code[0] ? " " : "", said.code, said.message[0] ? ": " : "", said.message,
		   advice(said.code), subject_note(call, said.code, note));
	err->http = status;
	return again ? XC_HTTP_RETRY : XC_HTTP_FAIL;
}

static int perform(const struct xc_credentials_opts *opts, struct call *call, struct xc_err *err)
{
	const struct xc_cred_context context = { .opts = opts };
	const struct xc_cred_engine how = { .attempts = 5 };
	cleanup_cred_http struct xc_http *http = NULL;

	if (xc_cred_engine_new(&context, &how, &http, err) < 0)
		return -1;
	if (call->keys)
		call->signer = xc_sigv4_new();
	call->request.method = "POST";
	call->request.body = call->body.data;
	call->request.body_bytes = call->body.len_bytes;
	call->request.prepare = prepare;
	call->request.judge = judge;
	call->request.owner = call;
	return xc_cred_perform(http, &call->request, err);
}

/* The expiration is by the server's clock; what counts here is how long it is until then. */
static int take_expiration(const struct call *call, struct xc_cred_draft *draft, struct xc_err *err)
{
	const struct xc_buf *reply = &call->request.reply;
	cleanup_free char *text = xc_s3_xml_text(xc_buf_str(reply), reply->len_bytes, "Expiration");
	time_t date = xc_cred_date_header(&call->request);

	if (!text || xc_cred_parse_time(text, &draft->expires) < 0)
		return xc_err_set(err, XC_ERR_CORRUPT,
				  "STS (%s): the answer to %s has no expiration", call->host,
				  call->action);
	if (date != 0)
		draft->expires += time(NULL) - date;
	/* 0 would say that they never end. */
	draft->expires = XC_MAX(draft->expires, (time_t)1);
	return 0;
}

static int take_keys(const struct xc_cred_context *context, const struct call *call,
		     struct xc_cred_draft *draft, struct xc_err *err)
{
	const char *xml = xc_buf_str(&call->request.reply);
	size_t length = call->request.reply.len_bytes;
	cleanup_secret char *id = xc_s3_xml_text(xml, length, "AccessKeyId");
	cleanup_secret char *secret = xc_s3_xml_text(xml, length, "SecretAccessKey");
	cleanup_secret char *token = xc_s3_xml_text(xml, length, "SessionToken");
	struct xc_sigv4_keys keys = { .access_key_id = id,
				      .secret_access_key = secret,
				      .session_token = token };
	char what[200];

	snprintf(what, sizeof(what), "the answer of STS (%s) to %s", call->host, call->action);
	if (xc_cred_draft_set(context, draft, &keys, XC_ERR_CORRUPT, what, err) < 0)
		return -1;
	return take_expiration(call, draft, err);
}

/* STS takes letters, digits and _+=,.@- there, 2 to 64 of them. */
static void session_name(const struct xc_cred_role *role, char out[65])
{
	const char *given =
		role->session_name ? role->session_name : xc_env("AWS_ROLE_SESSION_NAME");
	const char *run = xc_env("GITHUB_RUN_ID");

	if (given && given[1] != '\0')
		snprintf(out, 65, "%s", given);
	else
		snprintf(out, 65, "xcache%s%s", run ? "-" : "", run ? run : "");
	for (char *c = out; *c != '\0'; c++)
		if ((unsigned char)*c > 127 ||
		    (!isalnum((unsigned char)*c) && !strchr("_+=,.@-", *c)))
			*c = '-';
}

static int add_role(struct call *call, const struct xc_cred_role *role, struct xc_err *err)
{
	const char *duration = role->duration ? role->duration : "3600";
	char session[65];

	if (strncmp(role->arn, "arn:", 4) != 0)
		return xc_err_set(err, XC_ERR_USAGE,
				  "the role must be an ARN, arn:aws:iam::ACCOUNT:role/NAME, not %s",
				  XC_QUOTE(role->arn));
	if (xc_cred_check_text(role->arn, 2048, XC_ERR_USAGE, "the role's ARN", err) < 0)
		return -1;
	if (strlen(duration) > 5 || strspn(duration, "0123456789") != strlen(duration))
		return xc_err_set(err, XC_ERR_USAGE, "duration_seconds is a number of seconds");
	if (role->external_id && strlen(role->external_id) > 1224)
		return xc_err_set(err, XC_ERR_USAGE, "external_id is longer than 1224 characters");
	session_name(role, session);
	add(call, "RoleArn", role->arn);
	add(call, "RoleSessionName", session);
	add(call, "DurationSeconds", duration);
	add(call, "ExternalId", role->external_id);
	return 0;
}

int xc_sts_assume_web(const struct xc_cred_context *context, const struct xc_cred_role *role,
		      const char *token, const char *how, struct xc_cred_draft *draft,
		      struct xc_err *err)
{
	cleanup_call struct call call = { 0 };

	if (call_init(&call, context->opts, "AssumeRoleWithWebIdentity", err) < 0 ||
	    add_role(&call, role, err) < 0)
		return -1;
	add(&call, "WebIdentityToken", token);
	call.subject = subject_of(token);
	if (perform(context->opts, &call, err) < 0)
		return xc_err_wrap(err, "cannot assume %s", XC_QUOTE(role->arn));
	if (take_keys(context, &call, draft, err) < 0)
		return -1;
	xc_cred_draft_source(draft, "role %s by %s", role->arn, how);
	return 0;
}

int xc_sts_assume(const struct xc_cred_context *context, const struct xc_cred_role *role,
		  const struct xc_cred_draft *base, struct xc_cred_draft *draft, struct xc_err *err)
{
	const struct xc_sigv4_keys keys = xc_cred_draft_keys(base);
	char how[sizeof(base->source)];
	cleanup_call struct call call = { .keys = &keys };

	memcpy(how, base->source, sizeof(how));
	if (call_init(&call, context->opts, "AssumeRole", err) < 0 ||
	    add_role(&call, role, err) < 0)
		return -1;
	if (perform(context->opts, &call, err) < 0)
		return xc_err_wrap(err, "cannot assume %s with %s", XC_QUOTE(role->arn), how);
	if (take_keys(context, &call, draft, err) < 0)
		return -1;
	xc_cred_draft_source(draft, "role %s by %s", role->arn, how);
	return 0;
}

int xc_sts_caller_identity(const struct xc_credentials_opts *opts,
			   const struct xc_credentials *credentials, char **ret_arn,
			   struct xc_err *err)
{
	cleanup_call struct call call = { .keys = &credentials->keys };
	char *arn;

	if (!credentials->keys.access_key_id)
		return xc_err_set(err, XC_ERR_AUTH, "anonymous requests have no identity");
	if (call_init(&call, opts, "GetCallerIdentity", err) < 0 || perform(opts, &call, err) < 0)
		return -1;
	arn = xc_s3_xml_text(xc_buf_str(&call.request.reply), call.request.reply.len_bytes, "Arn");
	if (!arn || xc_cred_check_text(arn, 2048, XC_ERR_CORRUPT, "the ARN", err) < 0) {
		free(arn);
		return xc_err_set(err, XC_ERR_CORRUPT,
				  "STS (%s): the answer to GetCallerIdentity has no ARN",
				  call.host);
	}
	*ret_arn = arn;
	return 0;
}
