/* SPDX-License-Identifier: Apache-2.0 */
/* The way to a server that leads through a proxy, or must not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "http_scene.h"

static void clear_environment(void)
{
	static const char *const names[] = { "http_proxy",  "HTTP_PROXY", "https_proxy",
					     "HTTPS_PROXY", "all_proxy",  "ALL_PROXY",
					     "no_proxy",    "NO_PROXY" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		unsetenv(names[i]);
}

/* The scripted server is the proxy, or the server itself. */
static void goes_through_proxies(void **state)
{
	static const struct {
		const char *variable, *no_proxy;
		bool direct, to_server;
		const char *line; /* what the scripted server saw first; NULL: nothing */
	} rows[] = {
		{ "http_proxy", NULL, false, false, "GET http://unknown.invalid/a?b HTTP/1.1" },
		{ "all_proxy", NULL, false, false, "GET http://unknown.invalid/a?b HTTP/1.1" },
		{ "http_proxy", "invalid", false, false, NULL },
		{ "HTTP_PROXY", NULL, false, false, NULL },
		{ "https_proxy", NULL, false, false, NULL },
		{ "http_proxy", "127.0.0.0/8", false, true, "GET /a?b HTTP/1.1" },
		{ "http_proxy", NULL, true, true, "GET /a?b HTTP/1.1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct server *server = server_start(NULL, 0);
		cleanup_free char *proxy = xc_asprintf("http://127.0.0.1:%u", server->port);
		struct xc_http_opts opts = { .direct = rows[i].direct,
					     .attempts = 1,
					     .backoff_ms = 1 };
		cleanup_http_request struct xc_http_request request = { .method = "GET" };
		struct xc_http *http;
		struct xc_err err;

		clear_environment();
		setenv(rows[i].variable, proxy, 1);
		if (rows[i].no_proxy)
			setenv("NO_PROXY", rows[i].no_proxy, 1);
		request.url = rows[i].to_server ? xc_asprintf("%s/a?b", proxy)
						: xc_strdup("http://unknown.invalid/a?b");
		assert_int_equal(xc_http_new(&opts, &http, &err), 0);
		assert_int_equal(xc_http_perform(http, &request, &err), rows[i].line ? 0 : -1);
		xc_http_free(http);
		server_stop(server);
		assert_int_equal(server->seen_count, rows[i].line ? 1 : 0);
		if (rows[i].line)
			assert_string_equal(server->seen[0].line, rows[i].line);
		server_free(server);
	}
	clear_environment();
}

/* What a proxy says, or that there is none, is told as such, and without its password. */
static void names_the_proxy(void **state)
{
	static const struct {
		const char *proxy; /* NULL: the scripted server */
		struct server_step step;
		enum xc_err_kind kind;
		unsigned attempts;
		const char *message;
	} rows[] = {
		{ NULL, { .status = 407 }, XC_ERR_IO, 1, "407" },
		{ NULL, { .status = 403 }, XC_ERR_IO, 1, "403" },
		{ NULL, { .status = 503, .times = 9 }, XC_ERR_TRANSIENT, 2, "503" },
		{ NULL, { .deed = SERVER_CLOSE, .times = 9 }, XC_ERR_TRANSIENT, 2, "" },
		{ "http://u:password@127.0.0.1:1",
		  { .status = 0 },
		  XC_ERR_TRANSIENT,
		  2,
		  "127.0.0.1:1" },
		{ "http://u:password@proxy.invalid",
		  { .status = 0 },
		  XC_ERR_IO,
		  1,
		  "proxy.invalid" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct server *server = server_start(&rows[i].step, 1);
		cleanup_free char *proxy =
			rows[i].proxy ? xc_strdup(rows[i].proxy)
				      : xc_asprintf("http://u:password@127.0.0.1:%u", server->port);
		struct xc_http_opts opts = { .attempts = 2, .backoff_ms = 1 };
		cleanup_http_request struct xc_http_request request = {
			.method = "GET", .url = xc_strdup("https://bucket.invalid/a?secret")
		};
		struct xc_http *http;
		struct xc_err err;

		clear_environment();
		setenv("https_proxy", proxy, 1);
		assert_int_equal(xc_http_new(&opts, &http, &err), 0);
		assert_int_equal(xc_http_perform(http, &request, &err), -1);
		xc_http_free(http);
		assert_int_equal(err.kind, rows[i].kind);
		assert_int_equal(request.attempts, rows[i].attempts);
		assert_non_null(strstr(err.msg, rows[i].message));
		assert_non_null(strstr(err.msg, "proxy"));
		assert_null(strstr(err.msg, "password"));
		assert_null(strstr(err.msg, "secret"));
		server_stop(server);
		if (!rows[i].proxy)
			assert_string_equal(server->seen[0].line,
					    "CONNECT bucket.invalid:443 HTTP/1.1");
		server_free(server);
	}
	clear_environment();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_through_proxies),
		cmocka_unit_test(names_the_proxy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
