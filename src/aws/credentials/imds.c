/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EC2's instance metadata, version 2 only (AWS, "Use the Instance Metadata
 * Service"): a session token by PUT, the role's name, its keys. Most machines
 * that ask are no instances, so that has to be found out within a second.
 */
#include "aws/credentials/internal.h"

#include "base/hash.h"

#define WHO  "the instance metadata service"
#define PATH "/latest/meta-data/iam/security-credentials/"

/* The service, once a session is open. */
struct service {
	const char *endpoint, *token;
	struct xc_http *http;
};

static char *find_endpoint(void)
{
	const char *given = xc_env("AWS_EC2_METADATA_SERVICE_ENDPOINT");
	const char *mode = xc_env("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
	size_t length;

	if (!given)
		return xc_strdup(mode && strcasecmp(mode, "ipv6") == 0 ? "http://[fd00:ec2::254]"
								       : "http://169.254.169.254");
	length = strlen(given);
	while (length > 0 && given[length - 1] == '/')
		length--;
	return xc_strndup(given, length);
}

/* The answer's text, trimmed, if it is visible ASCII alone. */
static int take_line(const struct xc_http_request *request, char **ret_text, struct xc_err *err)
{
	const char *text = xc_buf_str(&request->reply);
	cleanup_secret char *line = xc_strndup(text, strcspn(text, "\r\n"));

	if (strlen(text) != request->reply.len_bytes ||
	    xc_cred_check_text(line, XC_CRED_KEY_BYTES_MAX, XC_ERR_CORRUPT, "the answer of " WHO,
			       err) < 0)
		return xc_err_set(err, XC_ERR_CORRUPT, WHO " sent invalid text");
	*ret_text = STEAL_PTR(line);
	return 0;
}

static int get_token(const struct xc_cred_context *context, const char *endpoint, char **ret_token,
		     struct xc_err *err)
{
	/* Again: the machine is an instance, and a lost packet is just that. */
	const struct xc_cred_engine how = { .direct = true,
					    .connect_timeout_ms = 1000,
					    .stall_ms = 2000,
					    .attempts = context->again ? 3 : 1 };
	cleanup_cred_http struct xc_http *http = NULL;
	cleanup_http_request struct xc_http_request request = { .method = "PUT",
								.owner = WHO,
								.body = "" };

	if (xc_cred_engine_new(context, &how, &http, err) < 0)
		return -1;
	request.url = xc_asprintf("%s/latest/api/token", endpoint);
	xc_strlist_add(&request.headers, "X-aws-ec2-metadata-token-ttl-seconds: 21600");
	if (xc_cred_perform(http, &request, err) < 0)
		return -1;
	return take_line(&request, ret_token, err);
}

/* Ask for a role's keys, or with "" for its name. */
static int get(const struct service *service, const char *role, struct xc_http_request *request,
	       struct xc_err *err)
{
	request->method = "GET";
	request->owner = WHO;
	request->url = xc_asprintf("%s" PATH "%s", service->endpoint, role);
	xc_strlist_take(&request->headers,
			xc_asprintf("X-aws-ec2-metadata-token: %s", service->token));
	return xc_cred_perform(service->http, request, err);
}

/* IAM: letters, digits and _+=,.@- make the name of a role. */
static bool is_role_name(const char *text)
{
	size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789_+=,.@-");

	return length > 0 && length <= 64 && text[length] == '\0' && strcmp(text, "..") != 0 &&
	       strcmp(text, ".") != 0;
}

/*
 * When the service itself is in trouble, it goes on handing out keys that are
 * past their end, and AWS goes on taking them: use them for 5 to 25 minutes
 * more, each machine for another time (botocore, utils.py).
 */
static void extend(const struct xc_cred_context *context, struct xc_cred_draft *draft)
{
	time_t now = time(NULL);
	uint16_t jitter;

	if (draft->expires == 0 || draft->expires > now)
		return;
	xc_random_bytes(&jitter, sizeof(jitter));
	draft->expires = now + 5 * 60 + jitter % (20 * 60);
	if (context->opts->trace)
		context->opts->trace(context->opts->trace_context,
				     "warning: " WHO " sent keys that have expired; using them on");
}

static int get_keys(const struct xc_cred_context *context, struct service service,
		    struct xc_cred_draft *draft, struct xc_err *err)
{
	const struct xc_cred_engine how = {
		.direct = true, .connect_timeout_ms = 1000, .stall_ms = 2000, .attempts = 3
	};
	cleanup_cred_http struct xc_http *http = NULL;
	cleanup_http_request struct xc_http_request list = { 0 }, keys = { 0 };
	cleanup_free char *role = NULL;

	if (xc_cred_engine_new(context, &how, &http, err) < 0)
		return -1;
	service.http = http;
	if (get(&service, "", &list, err) < 0) {
		if (list.status != 404)
			return -1;
		return XC_CRED_NONE; /* an instance without a role */
	}
	if (take_line(&list, &role, err) < 0)
		return -1;
	if (!is_role_name(role))
		return xc_err_set(err, XC_ERR_CORRUPT, WHO " sent an invalid role name");
	if (get(&service, role, &keys, err) < 0 ||
	    xc_cred_take_keys(context, &keys, draft, err) < 0)
		return -1;
	extend(context, draft);
	xc_cred_draft_source(draft, "the instance's role %s", role);
	return XC_CRED_FOUND;
}

int xc_cred_imds(struct xc_cred_context *context, struct xc_cred_draft *draft, struct xc_err *err)
{
	const char *disabled = xc_env("AWS_EC2_METADATA_DISABLED");
	cleanup_free char *endpoint = NULL;
	cleanup_secret char *token = NULL;
	int found;

	if (disabled && strcasecmp(disabled, "true") == 0)
		return xc_cred_nothing(context, "instance metadata is disabled");
	endpoint = find_endpoint();
	if (strncmp(endpoint, "http://", 7) != 0 && strncmp(endpoint, "https://", 8) != 0)
		return xc_err_set(err, XC_ERR_USAGE,
				  "AWS_EC2_METADATA_SERVICE_ENDPOINT must begin with http://");
	if (xc_cred_check_text(endpoint, 1024, XC_ERR_USAGE, "AWS_EC2_METADATA_SERVICE_ENDPOINT",
			       err) < 0)
		return -1;
	if (get_token(context, endpoint, &token, err) < 0) {
		/* No instance, or metadata that is switched off; but later it is a failure. */
		if (context->again || err->kind == XC_ERR_CANCELED || err->kind == XC_ERR_CORRUPT)
			return -1;
		return xc_cred_nothing(context, err->http == 403 ? "instance metadata is off (403)"
								 : "no instance metadata here");
	}
	found = get_keys(context, (struct service){ endpoint, token, NULL }, draft, err);
	return found == XC_CRED_NONE ? xc_cred_nothing(context, "the instance has no role") : found;
}
