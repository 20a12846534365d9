/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IAM Identity Center: the token that `aws sso login` left in ~/.aws/sso/cache
 * is exchanged for a role's keys (AWS SSO portal API, GetRoleCredentials).
 * Nothing signs in here, and the token is not renewed: that needs a browser or
 * the registration of the program that signed in.
 */
#include "aws/credentials/internal.h"

#include <fcntl.h>

#include <openssl/evp.h>

#include "base/hex.h"

#define WHO    "the SSO portal"
#define ADVICE "run `aws sso login`, or use `aws configure export-credentials`"

struct session {
	const char *region, *start_url, *account, *role;
	const char *cache_name; /* what the cache's file is named after */
};

/* False if the profile has no SSO at all. */
static bool find_session(const struct xc_profiles *profiles, const char *profile,
			 struct session *session)
{
	const char *name = xc_profiles_get(profiles, XC_PROFILE, profile, "sso_session");
	enum xc_profile_kind kind = name ? XC_SSO_SESSION : XC_PROFILE;
	const char *section = name ? name : profile;

	session->region = xc_profiles_get(profiles, kind, section, "sso_region");
	session->start_url = xc_profiles_get(profiles, kind, section, "sso_start_url");
	session->account = xc_profiles_get(profiles, XC_PROFILE, profile, "sso_account_id");
	session->role = xc_profiles_get(profiles, XC_PROFILE, profile, "sso_role_name");
	session->cache_name = name ? name : session->start_url;
	return name || session->start_url;
}

static int check_session(const struct session *session, const char *profile, struct xc_err *err)
{
	const struct {
		const char *value, *name;
	} rows[] = { { session->region, "sso_region" },
		     { session->start_url, "sso_start_url" },
		     { session->account, "sso_account_id" },
		     { session->role, "sso_role_name" } };
	size_t length;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (!rows[i].value)
			return xc_err_set(err, XC_ERR_USAGE, "profile %s uses SSO, but has no %s",
					  XC_QUOTE(profile), rows[i].name);
	length = strspn(session->region, "abcdefghijklmnopqrstuvwxyz0123456789-");
	if (session->region[length] != '\0' || length > 63)
		return xc_err_set(err, XC_ERR_USAGE, "profile %s: sso_region is not a region",
				  XC_QUOTE(profile));
	return 0;
}

static char *cache_path(const struct session *session)
{
	const char *home = xc_env("HOME");
	unsigned char digest[EVP_MAX_MD_SIZE];
	char hex[2 * EVP_MAX_MD_SIZE + 1];
	unsigned length = 0;

	if (EVP_Digest(session->cache_name, strlen(session->cache_name), digest, &length,
		       EVP_sha1(), NULL) != 1)
		return NULL;
	xc_hex_encode(digest, length, hex);
	return xc_asprintf("%s/.aws/sso/cache/%s.json", home ? home : "", hex);
}

static int read_access_token(const struct session *session, char **ret_token, struct xc_err *err)
{
	cleanup_free char *path = cache_path(session);
	cleanup_secret_buf struct xc_buf text = XC_BUF_INIT;
	cleanup_cred_json json_t *cache = NULL;
	const char *token, *until;
	time_t expires;

	xc_secret_buf_init(&text, XC_CRED_REPLY_BYTES_MAX);
	if (!path || xc_fd_read_file(AT_FDCWD, path, XC_CRED_REPLY_BYTES_MAX, &text) < 0)
		return xc_err_set(err, XC_ERR_AUTH, "not signed in to SSO: " ADVICE);
	cache = xc_cred_json_parse(xc_buf_str(&text), text.len_bytes, "the cached SSO token", err);
	if (!cache)
		return -1;
	token = json_string_value(json_object_get(cache, "accessToken"));
	until = json_string_value(json_object_get(cache, "expiresAt"));
	if (!token || !until || xc_cred_parse_time(until, &expires) < 0)
		return xc_err_set(err, XC_ERR_CORRUPT,
				  "the cached SSO token is incomplete: " ADVICE);
	if (expires <= time(NULL))
		return xc_err_set(err, XC_ERR_AUTH, "the SSO session has expired: " ADVICE);
	if (xc_cred_check_text(token, XC_CRED_TOKEN_BYTES_MAX, XC_ERR_CORRUPT,
			       "the cached SSO token", err) < 0)
		return -1;
	*ret_token = xc_strdup(token);
	return 0;
}

static char *portal_url(const struct session *session)
{
	const char *given = xc_env("AWS_ENDPOINT_URL_SSO");
	bool china = strncmp(session->region, "cn-", 3) == 0;
	struct xc_buf url = XC_BUF_INIT, query = XC_BUF_INIT;

	if (given)
		xc_buf_add_str(&url, given);
	else
		xc_buf_addf(&url, "https://portal.sso.%s.amazonaws.com%s", session->region,
			    china ? ".cn" : "");
	xc_uri_add_query(&query, "role_name", session->role);
	xc_uri_add_query(&query, "account_id", session->account);
	xc_buf_addf(&url, "/federation/credentials?%s", xc_buf_str(&query));
	xc_buf_release(&query);
	return xc_buf_steal(&url);
}

static int take_keys(const struct xc_cred_context *context, const struct xc_http_request *request,
		     struct xc_cred_draft *draft, struct xc_err *err)
{
	static const struct xc_cred_names names = { WHO, "accessKeyId", "secretAccessKey",
						    "sessionToken", "expiration" };
	cleanup_cred_json json_t *answer =
		xc_cred_json_parse(xc_buf_str(&request->reply), request->reply.len_bytes, WHO, err);
	const json_t *keys;

	if (!answer)
		return -1;
	keys = json_object_get(answer, "roleCredentials");
	return xc_cred_from_json(context, keys, &names, draft, err);
}

int xc_cred_sso(struct xc_cred_context *context, const char *profile, struct xc_cred_draft *draft,
		struct xc_err *err)
{
	const struct xc_cred_engine how = { .attempts = 5 };
	cleanup_cred_http struct xc_http *http = NULL;
	cleanup_http_request struct xc_http_request request = { .method = "GET", .owner = WHO };
	cleanup_secret char *token = NULL;
	struct session session;

	if (!find_session(context->profiles, profile, &session))
		return XC_CRED_NONE;
	if (check_session(&session, profile, err) < 0 ||
	    read_access_token(&session, &token, err) < 0)
		return -1;
	xc_cred_announce_secret(context, token);
	request.url = portal_url(&session);
	xc_strlist_take(&request.headers, xc_asprintf("x-amz-sso_bearer_token: %s", token));
	if (xc_cred_engine_new(context, &how, &http, err) < 0 ||
	    xc_cred_perform(http, &request, err) < 0)
		return err->http == 401 ? xc_err_wrap(err, "the SSO session is over; " ADVICE) : -1;
	if (take_keys(context, &request, draft, err) < 0)
		return -1;
	xc_cred_draft_source(draft, "profile %s, signed in by SSO", profile);
	return XC_CRED_FOUND;
}
