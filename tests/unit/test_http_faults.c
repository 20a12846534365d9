/* SPDX-License-Identifier: Apache-2.0 */
/* The transfer engine with a server, or a network, that does not behave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "http_scene.h"

#define BODY 300000

enum mode {
	INTO, /* GET of BODY bytes into a buffer */
	REPLY,
	PUT, /* of BODY bytes */
	POST,
	ONCE,
};

struct row {
	const char *name; /* what would go wrong */
	enum mode mode;
	struct server_step steps[3];
	int result;
	unsigned attempts;
	enum xc_err_kind kind;
	const char *message; /* in it */
	size_t max_reply_bytes;
};

#define GOOD                                                                                       \
	{                                                                                          \
		.body_bytes = BODY                                                                 \
	}

#define FAILS(times, what, words) .result = -1, .attempts = times, .kind = what, .message = words

static char giant_header[200000], many_headers[90000], big_text[200000];

static const struct row rows[] = {
	{ "a reset is the end", INTO, { { .deed = SERVER_RESET }, GOOD }, .attempts = 2 },
	{ "a close without an answer is the end",
	  INTO,
	  { { .deed = SERVER_CLOSE }, GOOD },
	  .attempts = 2 },
	{ "half a body counts as whole",
	  INTO,
	  { { .deed = SERVER_TRUNCATE, .body_bytes = BODY, .body_sent = BODY / 2 }, GOOD },
	  .attempts = 2 },
	{ "headers alone count as whole",
	  INTO,
	  { { .deed = SERVER_TRUNCATE, .body_bytes = BODY }, GOOD },
	  .attempts = 2 },
	{ "a shorter body counts as whole",
	  INTO,
	  { { .body_bytes = BODY - 1 }, GOOD },
	  .attempts = 2 },
	{ "no body counts as whole", INTO, { { .status = 204 }, GOOD }, .attempts = 2 },
	{ "a longer body runs over the buffer",
	  INTO,
	  { { .body_bytes = BODY + 1 }, GOOD },
	  .attempts = 2 },
	{ "a longer body without a length runs over the buffer",
	  INTO,
	  { { .deed = SERVER_RAW,
	      .text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n"
		      "ffffff\r\nabcd" },
	    GOOD },
	  .attempts = 2 },
	{ "a body that ends with the connection is half and counts as whole",
	  INTO,
	  { { .deed = SERVER_RAW, .text = "HTTP/1.1 200 OK\r\n\r\nabcd" }, GOOD },
	  .attempts = 2 },
	{ "no HTTP at all is an answer",
	  INTO,
	  { { .deed = SERVER_RAW, .text = "220 mail ready\r\n" }, GOOD },
	  .attempts = 2 },
	{ "continue is taken for the answer",
	  INTO,
	  { { .deed = SERVER_RAW,
	      .text = "HTTP/1.1 100 Continue\r\nX: 1\r\n\r\nHTTP/1.1 500 No\r\n"
		      "Content-Length: 0\r\n\r\n" },
	    GOOD },
	  .attempts = 2 },
	{ "busy is the end", INTO, { { .status = 503, .text = "<Error/>" }, GOOD }, .attempts = 2 },
	{ "too many is the end",
	  INTO,
	  { { .status = 429 }, { .status = 500 }, GOOD },
	  .attempts = 3 },
	{ "the end of a kept connection is an error",
	  REPLY,
	  { { .deed = SERVER_DROP, .text = "a" }, { .text = "a" } },
	  .attempts = 1 },
	{ "an upload that was reset is sent in part",
	  PUT,
	  { { .deed = SERVER_RESET } },
	  .attempts = 2 },
	{ "an upload that was reset halfway is sent in part",
	  PUT,
	  { { .deed = SERVER_RESET, .body_bytes = BODY / 2 } },
	  .attempts = 2 },
	{ "an upload that was refused is sent in part",
	  PUT,
	  { { .deed = SERVER_EARLY, .status = 503, .text = "<Error/>" }, { .status = 500 } },
	  .attempts = 3 },
	{ "a form is sent in part",
	  POST,
	  { { .deed = SERVER_RESET, .body_bytes = 5 } },
	  .attempts = 2 },
	{ "what may happen once happens twice",
	  ONCE,
	  { { .deed = SERVER_RESET } },
	  FAILS(1, XC_ERR_TRANSIENT, "/x") },
	{ "what may happen once happens twice after a 503",
	  ONCE,
	  { { .status = 503 } },
	  FAILS(1, XC_ERR_TRANSIENT, "503") },
	{ "it never ends",
	  INTO,
	  { { .status = 503, .times = 99 } },
	  FAILS(4, XC_ERR_TRANSIENT, "503 Service Unavailable (after 4 attempts)") },
	{ "a refusal is taken for an absence",
	  INTO,
	  { { .status = 403 } },
	  FAILS(1, XC_ERR_AUTH, "403 Forbidden") },
	{ "an absence is asked for again",
	  INTO,
	  { { .status = 404 } },
	  FAILS(1, XC_ERR_NOT_FOUND, "404") },
	{ "a conflict is asked for again",
	  PUT,
	  { { .status = 412 } },
	  FAILS(1, XC_ERR_EXISTS, "") },
	{ "a redirect is followed",
	  INTO,
	  { { .status = 307, .headers = "Location: /elsewhere\r\n" } },
	  FAILS(1, XC_ERR_IO, "307") },
	{ "a header without an end fills the memory",
	  REPLY,
	  { { .deed = SERVER_RAW, .text = giant_header } },
	  FAILS(1, XC_ERR_CORRUPT, "65536 bytes of headers") },
	{ "headers without an end fill the memory",
	  REPLY,
	  { { .deed = SERVER_RAW, .text = many_headers } },
	  FAILS(1, XC_ERR_CORRUPT, "65536 bytes of headers") },
	{ "an answer without an end fills the memory",
	  REPLY,
	  { { .body_bytes = 1001 } },
	  FAILS(1, XC_ERR_CORRUPT, "longer than 1000 bytes"),
	  .max_reply_bytes = 1000 },
	{ "an answer as long as allowed is too long",
	  REPLY,
	  { { .body_bytes = 1000 } },
	  .attempts = 1,
	  .max_reply_bytes = 1000 },
	{ "a long explanation hides the status",
	  REPLY,
	  { { .status = 403, .text = big_text } },
	  FAILS(1, XC_ERR_AUTH, "403"),
	  .max_reply_bytes = 10 },
	{ "an endless explanation is read to its end",
	  REPLY,
	  { { .status = 404, .body_bytes = (size_t)1 << 40 } },
	  FAILS(1, XC_ERR_NOT_FOUND, "404") },
};

static void prepare_texts(void)
{
	size_t used;

	memset(giant_header, 'x', sizeof(giant_header) - 1);
	memcpy(giant_header, "HTTP/1.1 200 OK\r\nX: ", 20);
	memset(big_text, 'y', sizeof(big_text) - 1);
	used = (size_t)snprintf(many_headers, sizeof(many_headers), "HTTP/1.1 200 OK\r\n");
	for (unsigned i = 0; used < sizeof(many_headers) - 100; i++)
		used += (size_t)snprintf(many_headers + used, sizeof(many_headers) - used,
					 "X-%u: %080u\r\n", i, i);
}

static void fill(struct xc_http_request *request, const struct row *row, char *buffer,
		 const char *body)
{
	static const char *const methods[] = { "GET", "GET", "PUT", "POST", "POST" };

	request->method = methods[row->mode];
	request->max_reply_bytes = row->max_reply_bytes;
	request->once = row->mode == ONCE;
	if (row->mode == INTO) {
		request->into = buffer;
		request->into_bytes = BODY;
	} else if (row->mode != REPLY) {
		request->body = body;
		request->body_bytes = BODY;
	}
}

static void run_row(const struct row *row, const char *body)
{
	struct scene scene = scene_open(row->steps, 3, (struct xc_http_opts){ 0 });
	cleanup_http_request struct xc_http_request request =
		scene_request(&scene, "GET", "/x?secret");
	cleanup_free char *buffer = xc_malloc(BODY);
	struct xc_err err = { 0 };
	const struct server_seen *last;

	fill(&request, row, buffer, body);
	assert_int_equal(xc_http_perform(scene.http, &request, &err), row->result);
	scene_stop(&scene);
	assert_int_equal(request.attempts, row->attempts);
	assert_int_equal(err.kind, row->kind);
	if (row->message)
		assert_non_null(strstr(err.msg, row->message));
	assert_null(strstr(err.msg, "secret"));
	assert_true(request.reply.len_bytes <= (size_t)64 << 10);
	assert_true(scene.server->seen_count >= row->attempts);
	last = &scene.server->seen[scene.server->seen_count - 1];
	if (row->result == 0 && row->mode == INTO)
		assert_true(is_pattern(buffer, BODY));
	if (row->result == 0 && request.body) {
		assert_int_equal(last->body_bytes, BODY);
		assert_int_equal(last->body_sum, server_sum(0, body, BODY));
	}
	server_free(scene.server);
}

static void survives(void **state)
{
	cleanup_free char *body = make_pattern(BODY);

	(void)state;
	prepare_texts();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (getenv("ROWS"))
			print_message("%s\n", rows[i].name);
		run_row(&rows[i], body);
	}
}

/* A pooled connection that the server has closed meanwhile costs no attempt. */
static void survives_the_end_of_idle_connections(void **state)
{
	static const struct server_step step = { .deed = SERVER_DROP, .text = "a", .times = 9 };
	struct scene scene = scene_open(&step, 1, (struct xc_http_opts){ 0 });
	struct xc_err err;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		cleanup_http_request struct xc_http_request request =
			scene_request(&scene, i == 1 ? "PUT" : "GET", "/");

		request.body = i == 1 ? "body" : NULL;
		request.body_bytes = i == 1 ? 4 : 0;
		assert_int_equal(xc_http_perform(scene.http, &request, &err), 0);
		assert_int_equal(request.attempts, 1);
		usleep(10000);
	}
	scene_close(&scene);
}

/* The wait that a server asks for is waited. */
static void honours_retry_after(void **state)
{
	static const struct server_step step = { .status = 503, .headers = "Retry-After: 1\r\n" };
	struct scene scene = scene_open(&step, 1, (struct xc_http_opts){ 0 });
	cleanup_http_request struct xc_http_request request = scene_request(&scene, "GET", "/");
	uint64_t start_ms = scene_now_ms();
	struct xc_err err;

	(void)state;
	assert_int_equal(xc_http_perform(scene.http, &request, &err), 0);
	assert_true(scene_now_ms() - start_ms >= 1000);
	assert_true(scene_now_ms() - start_ms < 1800);
	scene_close(&scene);
}

/* Where there is no server: each is told by name, and the way out where there is one. */
static void names_what_is_missing(void **state)
{
	static const struct {
		const char *url;
		enum xc_err_kind kind;
		const char *message;
		unsigned attempts;
	} missing[] = {
		{ "http://127.0.0.1:1/a?secret", XC_ERR_TRANSIENT,
		  "127.0.0.1:1: Connection refused (after 4 attempts)", 4 },
		{ "http://no-such-host.invalid/?secret", XC_ERR_TRANSIENT, "no-such-host.invalid",
		  4 },
		{ "http://[::1/secret", XC_ERR_USAGE, "not an http or https URL", 0 },
		{ "ftp://127.0.0.1/", XC_ERR_USAGE, "not an http or https URL", 0 },
		{ "file:///etc/passwd", XC_ERR_USAGE, "not an http or https URL", 0 },
		{ "", XC_ERR_USAGE, "not an http or https URL", 0 },
	};
	struct scene scene = scene_open(NULL, 0, (struct xc_http_opts){ 0 });

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(missing); i++) {
		cleanup_http_request struct xc_http_request request = {
			.method = "GET", .url = xc_strdup(missing[i].url)
		};
		struct xc_err err = { 0 };

		assert_int_equal(xc_http_perform(scene.http, &request, &err), -1);
		assert_int_equal(err.kind, missing[i].kind);
		assert_non_null(strstr(err.msg, missing[i].message));
		assert_int_equal(request.attempts, missing[i].attempts);
		assert_null(strstr(err.msg, "?secret"));
	}
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(survives),
		cmocka_unit_test(survives_the_end_of_idle_connections),
		cmocka_unit_test(honours_retry_after),
		cmocka_unit_test(names_what_is_missing),
	};

	unsetenv("http_proxy");
	unsetenv("all_proxy");
	unsetenv("ALL_PROXY");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
