/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a name on the first line, then headers as a server sends them. The
 * value that is found is taken for a Retry-After, the input for a URL and for
 * a list of hosts.
 */
#include "http/http.h"
#include "http/proxy.h"
#include "http/retry.h"
#include "http/url.h"

#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static void check_header(const char *name, const char *headers, size_t length)
{
	struct xc_http_request request = { 0 };
	char value[200], small[4];

	xc_buf_add(&request.header, headers, length);
	if (xc_http_header(&request, name, value, sizeof(value))) {
		size_t value_length = strlen(value);

		MUST(value_length < sizeof(value) && !strchr(value, '\n'));
		MUST(value_length == 0 || (value[0] != ' ' && value[value_length - 1] != ' '));
		MUST(xc_retry_after_ms(value, 784111777) <= XC_RETRY_ASKED_MS_MAX);
	}
	if (xc_http_header(&request, name, small, sizeof(small)))
		MUST(strlen(small) < sizeof(small));
	xc_http_request_release(&request);
}

/* All that is shown stands behind the last '@', but for the scheme. */
static void check_public(const char *url, const char *public)
{
	const char *user_end = strrchr(url, '@');
	const char *scheme_end = strstr(public, "://");
	const char *rest = scheme_end ? scheme_end + 3 : public;
	char expected[100];

	if (!user_end || strcmp(public, XC_URL_HIDDEN) == 0)
		return;
	xc_err_quote(user_end + 1, expected, sizeof(expected));
	MUST(strncmp(rest, expected, XC_MIN(strlen(rest), (size_t)40)) == 0);
}

static void check_url(const char *url)
{
	struct xc_target target;
	struct xc_err err;
	char public[100];

	xc_url_public(url, public, sizeof(public));
	MUST(strlen(public) < sizeof(public) && !strpbrk(public, "?#\n"));
	check_public(url, public);
	if (xc_target_parse(url, &target, &err) < 0)
		return;
	MUST(strlen(target.host) < sizeof(target.host) && target.port[0] != '\0');
	MUST(xc_proxy_excluded("*", target.host));
	(void)xc_proxy_excluded(url, target.host);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xc_strndup((const char *)data, size);
	char *line_end = memchr(text, '\n', size);

	check_url(text);
	MUST(xc_retry_after_ms(text, 0) <= XC_RETRY_ASKED_MS_MAX);
	if (line_end) {
		*line_end = '\0';
		check_header(text, line_end + 1, size - (size_t)(line_end + 1 - text));
	}
	(void)xc_proxy_excluded(text, "127.0.0.1");
	(void)xc_proxy_excluded(text, "fe80::1");
	(void)xc_proxy_excluded(text, "a.example");
	return 0;
}
