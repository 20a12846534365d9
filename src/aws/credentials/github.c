/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GitHub's OpenID Connect token for a role (GitHub, "Configuring OpenID
 * Connect in Amazon Web Services"; the request is as in actions/toolkit,
 * packages/core/src/oidc-utils.ts). The token lives for some minutes, so each
 * refresh asks for a new one.
 */
#include "aws/credentials/internal.h"

#define URL_VARIABLE   "ACTIONS_ID_TOKEN_REQUEST_URL"
#define TOKEN_VARIABLE "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
#define HOW            "GitHub's OIDC token"

bool xc_cred_github_available(void)
{
	return xc_env(URL_VARIABLE) && xc_env(TOKEN_VARIABLE);
}

const char *xc_cred_github_hint(void)
{
	const char *actions = xc_env("GITHUB_ACTIONS");

	if (!actions || strcmp(actions, "true") != 0 || xc_cred_github_available())
		return "";
	return "; to use GitHub's OIDC token the job needs `permissions: id-token: write` and a "
	       "role (pull requests from forks never get a token)";
}

/* Three runs of base64url with dots between: RFC 7519. */
static bool is_jwt(const char *text)
{
	size_t length = strlen(text), dots = 0;

	if (length > XC_CRED_TOKEN_BYTES_MAX)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (text[i] != '.')
			continue;
		dots++;
		if (i == 0 || text[i - 1] == '.' || i + 1 == length)
			return false;
	}
	return dots == 2 && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					 "0123456789-_.") == length;
}

static int take_token(const struct xc_http_request *request, char **ret_token, struct xc_err *err)
{
	cleanup_cred_json json_t *answer =
		xc_cred_json_parse(xc_buf_str(&request->reply), request->reply.len_bytes, HOW, err);
	const char *value;

	if (!answer)
		return -1;
	value = json_string_value(json_object_get(answer, "value"));
	if (!value || !is_jwt(value))
		return xc_err_set(err, XC_ERR_CORRUPT, HOW ": the answer holds no token");
	*ret_token = xc_strdup(value);
	return 0;
}

static int request_token(const struct xc_cred_context *context, const char *audience,
			 char **ret_token, struct xc_err *err)
{
	const char *url = xc_env(URL_VARIABLE), *bearer = xc_env(TOKEN_VARIABLE);
	const struct xc_cred_engine how = { .attempts = 10 };
	cleanup_cred_http struct xc_http *http = NULL;
	cleanup_http_request struct xc_http_request request = { .method = "GET", .owner = HOW };

	if (xc_cred_check_text(url, 4096, XC_ERR_USAGE, URL_VARIABLE, err) < 0 ||
	    xc_cred_check_text(bearer, XC_CRED_TOKEN_BYTES_MAX, XC_ERR_USAGE, TOKEN_VARIABLE, err) <
		    0)
		return -1;
	xc_cred_announce_secret(context, bearer);
	if (xc_cred_engine_new(context, &how, &http, err) < 0)
		return -1;
	request.url = xc_asprintf("%s%caudience=%s", url, strchr(url, '?') ? '&' : '?', audience);
	xc_strlist_take(&request.headers, xc_asprintf("Authorization: Bearer %s", bearer));
	xc_strlist_add(&request.headers, "Accept: application/json; api-version=2.0");
	if (xc_cred_perform(http, &request, err) < 0)
		return xc_err_wrap(err, "cannot get " HOW);
	return take_token(&request, ret_token, err);
}

int xc_cred_github_role(const struct xc_cred_context *context, const struct xc_cred_role *role,
			struct xc_cred_draft *draft, struct xc_err *err)
{
	bool china = strncmp(role->arn, "arn:aws-cn:", 11) == 0;
	cleanup_secret char *token = NULL;

	if (request_token(context, china ? "sts.amazonaws.com.cn" : "sts.amazonaws.com", &token,
			  err) < 0)
		return -1;
	xc_cred_announce_secret(context, token);
	return xc_sts_assume_web(context, role, token, HOW, draft, err);
}

int xc_cred_github(struct xc_cred_context *context, struct xc_cred_draft *draft, struct xc_err *err)
{
	const struct xc_cred_role role = { .arn = xc_env("AWS_ROLE_ARN") };
	const char *hint = xc_cred_github_hint();

	if (!role.arn)
		return XC_CRED_NONE;
	if (xc_cred_github_available())
		return xc_cred_github_role(context, &role, draft, err) < 0 ? -1 : XC_CRED_FOUND;
	/* Going on to the instance's keys would hide what the workflow lacks. */
	if (hint[0] != '\0')
		return xc_err_set(
			err, XC_ERR_AUTH,
			"AWS_ROLE_ARN is set, but there are no keys and no token to assume "
			"it with%s",
			hint);
	return xc_cred_nothing(context, "no token for AWS_ROLE_ARN");
}
