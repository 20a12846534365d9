/* SPDX-License-Identifier: Apache-2.0 */
/* What the transfer engine decides by, without a network: waits, numbers, names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/strlist.h"
#include "http/connections.h"
#include "http/http.h"
#include "http/net/proxy.h"
#include "http/retry.h"
#include "http/tail.h"
#include "http/url.h"

/* Random within the bound, which doubles up to the highest. */
static void waits_longer_and_longer(void **state)
{
	static const struct {
		unsigned attempts;
		uint64_t bound_ms;
	} rows[] = { { 1, 100 },   { 2, 200 },    { 5, 1600 },   { 8, 12800 },
		     { 9, 20000 }, { 40, 20000 }, { 70, 20000 }, { 4000, 20000 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct xc_retry retry;
		uint64_t least = UINT64_MAX, most = 0;

		xc_retry_init(&retry, 100, 12345);
		for (unsigned n = 0; n < 1000; n++) {
			uint64_t wait_ms = xc_retry_wait_ms(&retry, rows[i].attempts, 0);

			least = XC_MIN(least, wait_ms);
			most = XC_MAX(most, wait_ms);
		}
		assert_true(most <= rows[i].bound_ms);
		assert_true(most >= rows[i].bound_ms * 9 / 10);
		assert_true(least <= rows[i].bound_ms / 10);
	}
}

/* A server that fails everywhere is asked less often, until it succeeds again. */
static void runs_out_of_tokens(void **state)
{
	struct xc_retry retry;
	uint64_t most = 0;

	(void)state;
	xc_retry_init(&retry, 100, 12345);
	for (unsigned i = 0; i < XC_RETRY_TOKENS / XC_RETRY_COST_TRANSPORT; i++)
		assert_true(xc_retry_wait_ms(&retry, 1, XC_RETRY_COST_TRANSPORT) <= 100);
	for (unsigned i = 0; i < 20; i++)
		most = XC_MAX(most, xc_retry_wait_ms(&retry, 1, XC_RETRY_COST_TRANSPORT));
	assert_in_range(most, XC_RETRY_EMPTY_MS_MAX / 2, XC_RETRY_EMPTY_MS_MAX);
	xc_retry_succeeded(&retry, XC_RETRY_COST_TRANSPORT);
	assert_true(xc_retry_wait_ms(&retry, 1, XC_RETRY_COST_TRANSPORT) <= 100);
	for (unsigned i = 0; i < XC_RETRY_COST_STATUS; i++)
		xc_retry_succeeded(&retry, 0);
	assert_true(xc_retry_wait_ms(&retry, 1, XC_RETRY_COST_STATUS) <= 100);
	for (unsigned i = 0; i < 10000; i++)
		xc_retry_succeeded(&retry, 0);
	assert_int_equal(retry.tokens, XC_RETRY_TOKENS);
}

static void reads_retry_after(void **state)
{
	static const int64_t now = 784111777; /* Sun, 06 Nov 1994 08:49:37 GMT */
	static const struct {
		const char *value;
		uint64_t wait_ms;
	} rows[] = {
		{ "0", 0 },
		{ "7", 7000 },
		{ "20", 20000 },
		{ "21", 20000 },
		{ "99999999999999999999999999", 20000 },
		{ "-5", 0 },
		{ "5 minutes", 0 },
		{ "", 0 },
		{ "soon", 0 },
		{ "Sun, 06 Nov 1994 08:49:47 GMT", 10000 },
		{ "Sun, 06 Nov 1994 08:49:47 GMT+1", 0 },
		{ "Sun, 06 anF 1994 08:49:47 GMT", 0 },
		{ "Sun, 06 N 1994 08:49:47 GMT", 0 },
		{ "Sun, 06 Nov 1994 08:49:27 GMT", 0 },
		{ "Sun, 06 Nov 2094 08:49:27 GMT", 20000 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(xc_retry_after_ms(rows[i].value, now), rows[i].wait_ms);
}

/* A link, and what each connection may have of it. */
struct link {
	uint64_t link_rate, connection_rate; /* bytes a second */
	unsigned delay_ms;                   /* until a new connection moves anything */
};

/* The limit after so much time; `saturated` as long as there is work. */
static unsigned simulate(struct xc_connections *connections, const struct link *link,
			 uint64_t *io_now_ms, uint64_t duration_ms)
{
	uint64_t end_ms = *io_now_ms + duration_ms, changed_ms = 0, bytes = 1000000;
	unsigned moving = connections->limit, limit = connections->limit;

	for (; *io_now_ms < end_ms; *io_now_ms += 20) {
		if (connections->limit != limit) {
			limit = connections->limit;
			changed_ms = *io_now_ms;
		}
		if (*io_now_ms - changed_ms >= link->delay_ms)
			moving = limit;
		bytes += XC_MIN(link->link_rate, moving * link->connection_rate) / 50;
		xc_connections_tick(connections, *io_now_ms, bytes, true);
	}
	return connections->limit;
}

/* As many connections as are of use: not fewer, and not many more. */
static void finds_how_many(void **state)
{
	static const struct {
		struct link link;
		unsigned least, most;
	} rows[] = {
		{ { 1250000000, 50000000, 0 }, 25, 41 },
		/* What a trial brought shows late: a step or two too many. */
		{ { 1250000000, 50000000, 250 }, 25, 62 },
		{ { 12500000000, 50000000, 250 }, 128, 128 },
		{ { 100000000, 100000000, 250 }, 8, 8 },
		{ { 12500000, 50000000, 100 }, 8, 8 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct xc_connections connections;
		uint64_t now_ms = 1000;
		unsigned limit;

		xc_connections_init(&connections, 0);
		assert_int_equal(connections.limit, XC_HTTP_CONNECTIONS_START);
		limit = simulate(&connections, &rows[i].link, &now_ms, 8000);
		/* It may be looked at in the middle of another trial. */
		if (connections.previous != 0)
			limit = simulate(&connections, &rows[i].link, &now_ms, 1500);
		assert_true(limit >= rows[i].least);
		assert_true(limit <= rows[i].most);
	}
}

/* A link that becomes free is found out. */
static void tries_again_later(void **state)
{
	struct link busy = { 100000000, 50000000, 0 }, fast = { 2000000000, 50000000, 0 };
	struct xc_connections connections;
	uint64_t now_ms = 1000;

	(void)state;
	xc_connections_init(&connections, 0);
	assert_true(simulate(&connections, &busy, &now_ms, 4000) <= 12);
	assert_true(simulate(&connections, &fast, &now_ms, 15000) >= 40);
}

/* Only while content waits the rate says anything; fixed numbers stay; throttling counts. */
static void keeps_how_many(void **state)
{
	struct link fast = { 12500000000, 50000000, 0 };
	struct xc_connections connections;
	uint64_t now_ms = 1000, bytes = 0;

	(void)state;
	xc_connections_init(&connections, 0);
	for (; now_ms < 10000; now_ms += 20)
		xc_connections_tick(&connections, now_ms, bytes += 1000000, now_ms % 200 != 0);
	assert_int_equal(connections.limit, XC_HTTP_CONNECTIONS_START);

	xc_connections_init(&connections, 5);
	assert_int_equal(simulate(&connections, &fast, &now_ms, 5000), 5);
	xc_connections_throttled(&connections, now_ms);
	assert_int_equal(connections.limit, 5);
	xc_connections_init(&connections, 5000);
	assert_int_equal(connections.limit, XC_HTTP_CONNECTIONS_MAX);

	xc_connections_init(&connections, 0);
	simulate(&connections, &fast, &now_ms, 8000);
	xc_connections_throttled(&connections, now_ms);
	assert_int_equal(connections.limit, XC_HTTP_CONNECTIONS_MAX * 2 / 3);
	/* All answers of one moment are one message. */
	xc_connections_throttled(&connections, now_ms + 10);
	assert_int_equal(connections.limit, XC_HTTP_CONNECTIONS_MAX * 2 / 3);
	simulate(&connections, &fast, &now_ms, 1000);
	assert_int_equal(connections.limit, XC_HTTP_CONNECTIONS_MAX * 2 / 3);
	for (unsigned i = 0; i < 100; i++)
		xc_connections_throttled(&connections, now_ms += 1000);
	assert_int_equal(connections.limit, 1);
}

static void knows_the_tail(void **state)
{
	struct xc_tail tail = { 0 };

	(void)state;
	xc_tail_add(&tail, 100, 1 << 20);
	xc_tail_add(&tail, 100, 1 << 20);
	assert_true(xc_tail_limit_ms(&tail, 1 << 20, 10) == UINT64_MAX);
	for (unsigned i = 0; i < 100; i++)
		xc_tail_add(&tail, 800, 8 << 20);
	assert_int_equal(xc_tail_limit_ms(&tail, 1 << 20, 10), 200);
	assert_int_equal(xc_tail_limit_ms(&tail, 16 << 20, 10), 3200);
	assert_int_equal(xc_tail_limit_ms(&tail, 16, 10), 200);
	assert_int_equal(xc_tail_limit_ms(&tail, 16, 1000), 1000);
	/* One that is late does not make all others look early. */
	for (unsigned i = 0; i < 5; i++)
		xc_tail_add(&tail, 90000, 1 << 20);
	assert_int_equal(xc_tail_limit_ms(&tail, 1 << 20, 10), 200);
}

static void knows_a_stall(void **state)
{
	struct xc_pace pace;

	(void)state;
	xc_pace_start(&pace, 1000, 0);
	assert_false(xc_pace_stalled(&pace, 10999, 0, 10000, false));
	assert_true(xc_pace_stalled(&pace, 11000, 0, 10000, false));
	assert_true(xc_pace_stalled(&pace, 11000, 10239, 10000, false));
	assert_false(xc_pace_stalled(&pace, 11000, 10240, 10000, false));
	assert_false(xc_pace_stalled(&pace, 20999, 10240, 10000, false));
	assert_true(xc_pace_stalled(&pace, 21000, 20000, 10000, false));
	/* A sign of life. */
	assert_false(xc_pace_stalled(&pace, 21000, 10241, 10000, true));
	assert_true(xc_pace_stalled(&pace, 31000, 10241, 10000, true));
	/* What was unacknowledged may grow: not less than nothing. */
	assert_true(xc_pace_stalled(&pace, 31000, 5, 10000, true));
}

/* The rules of libcurl's manual and its source (lib/noproxy.c), row by row. */
static void excludes_from_the_proxy(void **state)
{
	static const struct {
		const char *list, *host;
		bool excluded;
	} rows[] = {
		{ "", "a.example", false },
		{ "*", "a.example", true },
		{ "a.example", "a.example", true },
		{ "A.EXAMPLE", "a.example", true },
		{ "example", "a.example", true },
		{ ".example", "a.example", true },
		{ ".a.example", "a.example", true },
		{ "a.example.", "a.example", true },
		{ "a.example", "a.example.", true },
		{ "ample", "a.example", false },
		{ "b.a.example", "a.example", false },
		{ "x,y, a.example", "a.example", true },
		{ "x y\ta.example z", "a.example", true },
		{ "*.example", "a.example", false },
		{ ".", "a.example", false },
		{ "127.0.0.1", "127.0.0.1", true },
		{ "127.0.0.0/8", "127.1.2.3", true },
		{ "127.0.0.0/8", "128.1.2.3", false },
		{ "10.0.0.0/15", "10.1.2.3", true },
		{ "10.0.0.0/15", "10.2.2.3", false },
		{ "0.0.0.0/0", "10.2.2.3", true },
		{ "10.0.0.0/33", "10.0.0.0", false },
		{ "10.0.0.0/", "10.0.0.0", false },
		{ "10.0.0.0/8x", "10.0.0.0", false },
		{ "0.0.1", "127.0.0.1", false },
		{ "[::1]", "::1", true },
		{ "::1", "::1", true },
		{ "fe80::/10", "fe80::2", true },
		{ "fe80::/10", "10.0.0.1", false },
		{ "[]", "::1", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (xc_proxy_excluded(rows[i].list, rows[i].host) != rows[i].excluded)
			fail_msg("'%s' and %s", rows[i].list, rows[i].host);
	}
}

static void reads_the_proxies(void **state)
{
	static const char *const names[] = { "http_proxy",  "HTTP_PROXY", "https_proxy",
					     "HTTPS_PROXY", "all_proxy",  "ALL_PROXY",
					     "no_proxy",    "NO_PROXY" };
	static const struct {
		const char *values[8]; /* as in `names` */
		const char *http, *https;
	} rows[] = {
		{ { NULL }, NULL, NULL },
		{ { "a" }, "a", NULL },
		/* Whoever sends a CGI program a "Proxy:" header must not choose its proxy. */
		{ { NULL, "a" }, NULL, NULL },
		{ { NULL, NULL, "b", "c" }, NULL, "b" },
		{ { NULL, NULL, NULL, "c" }, NULL, "c" },
		{ { "a", NULL, NULL, NULL, "d" }, "a", "d" },
		{ { NULL, NULL, NULL, NULL, NULL, "e" }, "e", "e" },
		{ { "a", NULL, "b", NULL, NULL, NULL, "x.example" }, NULL, NULL },
		{ { "a", NULL, "b", NULL, NULL, NULL, NULL, "example" }, NULL, NULL },
		{ { "a", NULL, "b", NULL, NULL, NULL, "y", "example" }, "a", "b" },
		{ { "", NULL, NULL, NULL, "d" }, "d", "d" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct xc_proxies proxies;
		const char *http, *https;

		for (size_t n = 0; n < ARRAY_LEN(names); n++) {
			unsetenv(names[n]);
			if (rows[i].values[n])
				setenv(names[n], rows[i].values[n], 1);
		}
		xc_proxies_read(&proxies);
		http = xc_proxies_choose(&proxies, false, "x.example");
		https = xc_proxies_choose(&proxies, true, "x.example");
		assert_string_equal(http ? http : "", rows[i].http ? rows[i].http : "");
		assert_string_equal(https ? https : "", rows[i].https ? rows[i].https : "");
		xc_proxies_release(&proxies);
	}
	for (size_t n = 0; n < ARRAY_LEN(names); n++)
		unsetenv(names[n]);
}

static void hear(void *context, const char *value)
{
	xc_strlist_add(context, value);
}

static void tells_the_passwords_of_proxies(void **state)
{
	struct xc_proxies proxies = { .http = (char *)"http://user:p%40ss@host:1",
				      .https = (char *)"user:word@host:2" };
	cleanup_strlist struct xc_strlist heard = XC_STRLIST_INIT;

	(void)state;
	xc_proxies_report(&proxies, hear, &heard);
	assert_int_equal(heard.count, 4);
	assert_string_equal(heard.items[0], "p%40ss");
	assert_string_equal(heard.items[1], "p@ss");
	assert_string_equal(heard.items[2], "word");
	proxies = (struct xc_proxies){ .http = (char *)"http://host:1" };
	xc_proxies_report(&proxies, hear, &heard);
	assert_int_equal(heard.count, 4);
}

static void shows_no_secrets_of_urls(void **state)
{
	static const struct {
		const char *url, *public;
	} rows[] = {
		{ "https://host/a/b?token=1", "https://host/a/b" },
		{ "https://host/a#b?c", "https://host/a" },
		{ "https://user:pass@host:1/a?c", "https://host:1/a" },
		{ "http://user:pa/ss@host:1/a", "http://host:1/a" },
		{ "user:pa/ss@host:1", "host:1" },
		{ "//user:pass@host:1", "host:1" },
		{ "http:/user:pass@host:1", "host:1" },
		{ "http:///user:pass@host:1", "http://host:1" },
		{ "http://user:p://ss@host:1", "http://host:1" },
		{ "http://user:pa?ss@host:1", XC_URL_HIDDEN },
		{ "http://user:p@ss#word@host:1", XC_URL_HIDDEN },
		{ "http://user:p@ss@host", "http://host" },
		{ "user:pass@proxy:3128", "proxy:3128" },
		{ "http://host/\n", "http://host/\\x0a" },
		{ "?a://b@c", XC_URL_HIDDEN },
		{ "", "" },
	};
	char public[100];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(xc_url_public(rows[i].url, public, sizeof(public)),
				    rows[i].public);
}

static void parses_targets(void **state)
{
	static const struct {
		const char *url;
		bool https;
		const char *host, *port; /* NULL: not a URL */
	} rows[] = {
		{ "http://a.example/x", false, "a.example", "80" },
		{ "https://a.example", true, "a.example", "443" },
		{ "HTTPS://a.example:8443/../x", true, "a.example", "8443" },
		{ "http://[::1]:80/", false, "::1", "80" },
		{ "http://user@10.0.0.1/", false, "10.0.0.1", "80" },
		{ "ftp://a.example/", false, NULL, NULL },
		{ "a.example/x", false, NULL, NULL },
		{ "http://a.example:99999/", false, NULL, NULL },
		{ "http:///", false, NULL, NULL },
		{ "http://a b/", false, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct xc_target target;
		struct xc_err err = { 0 };
		int result = xc_target_parse(rows[i].url, &target, &err);

		assert_int_equal(result, rows[i].host ? 0 : -1);
		if (result < 0) {
			assert_int_equal(err.kind, XC_ERR_USAGE);
			continue;
		}
		assert_int_equal(target.https, rows[i].https);
		assert_string_equal(target.host, rows[i].host);
		assert_string_equal(target.port, rows[i].port);
	}
}

static void finds_headers(void **state)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nA: 1\r\nAB:2\r\nEmpty:\r\na:\t 3 \t\r\n"
				   " A: folded\r\nB : 4\r\nLong: 0123456789\r\nlast: x";
	static const struct {
		const char *name, *value;
	} rows[] = {
		{ "a", "3" },  { "ab", "2" },    { "EMPTY", "" },
		{ "b", NULL }, { "Long", NULL }, { "HTTP/1.1 200 OK", NULL },
		{ "", NULL },  { "Last", "x" },
	};
	struct xc_http_request request = { 0 };
	char value[10];

	(void)state;
	assert_false(xc_http_header(&request, "a", value, sizeof(value)));
	xc_buf_add_str(&request.header, text);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		bool found = xc_http_header(&request, rows[i].name, value, sizeof(value));

		assert_int_equal(found, rows[i].value != NULL);
		if (found)
			assert_string_equal(value, rows[i].value);
	}
	xc_http_request_release(&request);
}

static void judges_by_status(void **state)
{
	static const struct {
		int status;
		enum xc_http_verdict verdict;
		enum xc_err_kind kind;
	} rows[] = {
		{ 200, XC_HTTP_OK, XC_ERR_NONE },         { 206, XC_HTTP_OK, XC_ERR_NONE },
		{ 299, XC_HTTP_OK, XC_ERR_NONE },         { 301, XC_HTTP_FAIL, XC_ERR_IO },
		{ 400, XC_HTTP_FAIL, XC_ERR_IO },         { 401, XC_HTTP_FAIL, XC_ERR_AUTH },
		{ 403, XC_HTTP_FAIL, XC_ERR_AUTH },       { 404, XC_HTTP_FAIL, XC_ERR_NOT_FOUND },
		{ 408, XC_HTTP_RETRY, XC_ERR_TRANSIENT }, { 412, XC_HTTP_FAIL, XC_ERR_EXISTS },
		{ 429, XC_HTTP_RETRY, XC_ERR_TRANSIENT }, { 500, XC_HTTP_RETRY, XC_ERR_TRANSIENT },
		{ 501, XC_HTTP_FAIL, XC_ERR_IO },         { 502, XC_HTTP_RETRY, XC_ERR_TRANSIENT },
		{ 503, XC_HTTP_RETRY, XC_ERR_TRANSIENT }, { 504, XC_HTTP_RETRY, XC_ERR_TRANSIENT },
		{ 505, XC_HTTP_FAIL, XC_ERR_IO },         { 999, XC_HTTP_FAIL, XC_ERR_IO },
	};
	char url[] = "https://host/key?secret";

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct xc_http_request request = { .method = "GET",
						   .url = url,
						   .status = rows[i].status };
		struct xc_err err = { 0 };

		assert_int_equal(xc_http_judge_status(&request, &err), rows[i].verdict);
		assert_int_equal(err.kind, rows[i].kind);
		assert_int_equal(err.http, rows[i].kind == XC_ERR_NONE ? 0 : rows[i].status);
		assert_null(strstr(err.msg, "secret"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_longer_and_longer),
		cmocka_unit_test(runs_out_of_tokens),
		cmocka_unit_test(reads_retry_after),
		cmocka_unit_test(finds_how_many),
		cmocka_unit_test(tries_again_later),
		cmocka_unit_test(keeps_how_many),
		cmocka_unit_test(knows_the_tail),
		cmocka_unit_test(knows_a_stall),
		cmocka_unit_test(excludes_from_the_proxy),
		cmocka_unit_test(reads_the_proxies),
		cmocka_unit_test(tells_the_passwords_of_proxies),
		cmocka_unit_test(shows_no_secrets_of_urls),
		cmocka_unit_test(parses_targets),
		cmocka_unit_test(finds_headers),
		cmocka_unit_test(judges_by_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
