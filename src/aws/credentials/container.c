/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container's endpoint (AWS SDKs and Tools Reference Guide, "Container
 * credential provider"): AWS_CONTAINER_CREDENTIALS_RELATIVE_URI on ECS, and
 * AWS_CONTAINER_CREDENTIALS_FULL_URI elsewhere, as EKS Pod Identity has it.
 */
#include "aws/credentials/internal.h"

#include <arpa/inet.h>

#define RELATIVE_VARIABLE "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
#define FULL_VARIABLE     "AWS_CONTAINER_CREDENTIALS_FULL_URI"
#define WHO               "the container's credentials endpoint"

/* In plain text only what cannot leave the machine: loopback, ECS, EKS Pod Identity. */
static bool is_local(const char *host)
{
	static const char *const allowed[] = { "169.254.170.2", "169.254.170.23" };
	struct in_addr v4;
	struct in6_addr v6, other;

	if (inet_pton(AF_INET, host, &v4) == 1) {
		if (ntohl(v4.s_addr) >> 24 == 127)
			return true;
		for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
			if (strcmp(host, allowed[i]) == 0)
				return true;
	}
	if (inet_pton(AF_INET6, host, &v6) == 1) {
		if (IN6_IS_ADDR_LOOPBACK(&v6))
			return true;
		return inet_pton(AF_INET6, "fd00:ec2::23", &other) == 1 &&
		       memcmp(&v6, &other, sizeof(v6)) == 0;
	}
	return false;
}

/*
 * The address to ask, on the heap; *ret_direct tells that it is the machine's
 * own. "localhost" is written as the address that it stands for: nothing is
 * looked up for it.
 */
static int check_full_uri(const char *uri, char **ret_url, bool *ret_direct, struct xc_err *err)
{
	bool https = strncasecmp(uri, "https://", 8) == 0;
	const char *start = uri + (https ? 8 : 7), *end;
	cleanup_free char *host = NULL;

	if (xc_cred_check_text(uri, 4096, XC_ERR_USAGE, FULL_VARIABLE, err) < 0)
		return -1;
	if (!https && strncasecmp(uri, "http://", 7) != 0)
		return xc_err_set(err, XC_ERR_USAGE,
				  FULL_VARIABLE " must begin with https:// or http://");
	/* A name before '@' would pass for the host here, and the next program sees another. */
	end = start + strcspn(start, "/?#");
	if (memchr(start, '@', (size_t)(end - start)) || memchr(start, '\\', (size_t)(end - start)))
		return xc_err_set(err, XC_ERR_USAGE, FULL_VARIABLE " must not contain a user name");
	if (start[0] == '[')
		host = xc_strndup(start + 1, strcspn(start + 1, "]/?#"));
	else
		host = xc_strndup(start, strcspn(start, ":/?#"));
	if (!https && strcasecmp(host, "localhost") == 0) {
		*ret_url = xc_asprintf("http://127.0.0.1%s", start + strlen(host));
		*ret_direct = true;
		return 0;
	}
	*ret_direct = is_local(host);
	if (!https && !*ret_direct)
		return xc_err_set(err, XC_ERR_USAGE,
				  FULL_VARIABLE " names the host %s: http is only allowed to "
						"loopback, 169.254.170.2, 169.254.170.23 and "
						"[fd00:ec2::23]",
				  XC_QUOTE(host));
	*ret_url = xc_strdup(uri);
	return 0;
}

static int find_url(char **ret_url, bool *ret_direct, struct xc_err *err)
{
	const char *relative = xc_env(RELATIVE_VARIABLE);
	const char *full = xc_env(FULL_VARIABLE);

	if (!relative)
		return check_full_uri(full, ret_url, ret_direct, err);
	if (relative[0] != '/')
		return xc_err_set(err, XC_ERR_USAGE, RELATIVE_VARIABLE " must begin with '/'");
	if (xc_cred_check_text(relative, 4096, XC_ERR_USAGE, RELATIVE_VARIABLE, err) < 0)
		return -1;
	*ret_url = xc_asprintf("http://169.254.170.2%s", relative);
	*ret_direct = true;
	return 0;
}

/* "Basic ..." has a space, so what is refused is what could end the header. */
static int check_token(const char *token, struct xc_err *err)
{
	for (const char *c = token; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			return xc_err_set(err, XC_ERR_USAGE,
					  "the container authorization token holds a line break or "
					  "another control character");
	if (strlen(token) > XC_CRED_TOKEN_BYTES_MAX)
		return xc_err_set(err, XC_ERR_USAGE,
				  "the container authorization token is too long");
	return 0;
}

/* The Authorization header's value; NULL where none is asked for. */
static int find_token(char **ret_token, struct xc_err *err)
{
	const char *path = xc_env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	const char *given = xc_env("AWS_CONTAINER_AUTHORIZATION_TOKEN");
	cleanup_secret char *token = NULL;

	if (path) {
		if (xc_cred_read_token(path, "container authorization token", &token, err) < 0)
			return -1;
	} else if (given) {
		token = xc_strdup(given);
	}
	if (token && check_token(token, err) < 0)
		return -1;
	*ret_token = STEAL_PTR(token);
	return 0;
}

static int ask(const struct xc_cred_context *context, struct xc_cred_draft *draft,
	       struct xc_err *err)
{
	struct xc_cred_engine how = { .connect_timeout_ms = 2000, .stall_ms = 2000, .attempts = 3 };
	cleanup_cred_http struct xc_http *http = NULL;
	cleanup_http_request struct xc_http_request request = { .method = "GET", .owner = WHO };
	cleanup_secret char *token = NULL;

	if (find_url(&request.url, &how.direct, err) < 0 || find_token(&token, err) < 0)
		return -1;
	xc_cred_announce_secret(context, token);
	if (token)
		xc_strlist_take(&request.headers, xc_asprintf("Authorization: %s", token));
	xc_strlist_add(&request.headers, "Accept: application/json");
	if (xc_cred_engine_new(context, &how, &http, err) < 0 ||
	    xc_cred_perform(http, &request, err) < 0)
		return -1;
	return xc_cred_take_keys(context, &request, draft, err);
}

int xc_cred_container(struct xc_cred_context *context, struct xc_cred_draft *draft,
		      struct xc_err *err)
{
	if (!xc_env(RELATIVE_VARIABLE) && !xc_env(FULL_VARIABLE))
		return XC_CRED_NONE;
	if (ask(context, draft, err) < 0)
		return -1;
	xc_cred_draft_source(draft, WHO);
	return XC_CRED_FOUND;
}
