/* SPDX-License-Identifier: Apache-2.0 */
#include "http/url.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static void cleanup_curlu(CURLU **url)
{
	curl_url_cleanup(*url);
}

static bool copy_part(CURLU *url, CURLUPart part, unsigned flags, char *out, size_t out_bytes)
{
	char *text = NULL;
	bool fits = curl_url_get(url, part, &text, flags) == CURLUE_OK && strlen(text) < out_bytes;

	if (fits)
		memcpy(out, text, strlen(text) + 1);
	curl_free(text);
	return fits;
}

int xc_target_parse(const char *url, struct xc_target *ret_target, struct xc_err *err)
{
	__attribute__((cleanup(cleanup_curlu))) CURLU *parsed = curl_url();
	char public[300], scheme[8], host[XC_HTTP_HOST_MAX + 2];
	struct xc_target target = { 0 };
	size_t length;

	if (!parsed)
		xc_out_of_memory();
	if (!url || curl_url_set(parsed, CURLUPART_URL, url, CURLU_PATH_AS_IS) != CURLUE_OK ||
	    !copy_part(parsed, CURLUPART_SCHEME, 0, scheme, sizeof(scheme)) ||
	    !copy_part(parsed, CURLUPART_HOST, 0, host, sizeof(host)) ||
	    !copy_part(parsed, CURLUPART_PORT, CURLU_DEFAULT_PORT, target.port,
		       sizeof(target.port)) ||
	    (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
		return xc_err_set(err, XC_ERR_USAGE, "'%s' is not an http or https URL",
				  xc_url_public(url ? url : "", public, sizeof(public)));
	target.https = strcmp(scheme, "https") == 0;
	length = strlen(host);
	if (host[0] == '[' && host[length - 1] == ']') {
		memcpy(target.host, host + 1, length - 2);
	} else if (length < sizeof(target.host)) {
		memcpy(target.host, host, length);
	}
	*ret_target = target;
	return 0;
}

bool xc_target_same(const struct xc_target *a, const struct xc_target *b)
{
	return a->https == b->https && strcasecmp(a->host, b->host) == 0 &&
	       strcmp(a->port, b->port) == 0;
}

/*
 * Parsers disagree on where a user's part ends once a password holds '/', '?' or '#' unencoded, or
 * slashes are missing or doubled: curl takes the last '@'. So does this, whatever stands before it.
 */
const char *xc_url_public(const char *url, char *out, size_t out_bytes)
{
	size_t length = strcspn(url, "?#");
	const char *user_end = memrchr(url, '@', length);
	const char *scheme_end = memmem(url, length, "://", 3);
	cleanup_free char *text = NULL;

	/* The '?' may be of a query as well as of a password. */
	if (strchr(url + length, '@'))
		return xc_err_quote(XC_URL_HIDDEN, out, out_bytes);
	if (!user_end)
		text = xc_strndup(url, length);
	else
		text = xc_asprintf("%.*s%.*s",
				   scheme_end && scheme_end < user_end ? (int)(scheme_end + 3 - url)
								       : 0,
				   url, (int)(url + length - user_end - 1), user_end + 1);
	return xc_err_quote(text, out, out_bytes);
}
