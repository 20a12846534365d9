/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a name on the first line, then headers as a server sends them. The
 * value that is found is taken for a Retry-After, the input for a URL and for
 * a list of hosts.
 *
 * Demands: no value is longer than its room or than a line, no wait longer
 * than is allowed, and a URL is shown without its password and its query.
 */
#include "fuzz.h"

#include "http/http.h"
#include "http/net/proxy.h"
#include "http/retry.h"
#include "http/url.h"

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

#define PASSWORD "S3cr3tPassw0rd"

/* What stands before the last '@' may be a password, whatever else the URL holds. */
static void check_password(const char *url)
{
	const char *user_end = strrchr(url, '@');
	cleanup_free char *text = NULL;
	char public[300];

	if (!user_end || strstr(url, PASSWORD))
		return;
	text = xc_asprintf("%.*s" PASSWORD "%s", (int)(user_end - url), url, user_end);
	MUST(!strstr(xc_url_public(text, public, sizeof(public)), PASSWORD));
}

static void check_url(const char *url)
{
	struct xc_target target;
	struct xc_err err;
	char public[100];

	xc_url_public(url, public, sizeof(public));
	MUST(strlen(public) < sizeof(public) && !strpbrk(public, "?#\n"));
	check_password(url);
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
