/* SPDX-License-Identifier: Apache-2.0 */
/* The transfer engine with a server that behaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "http_scene.h"

#define MIB ((size_t)1 << 20)

static void gets_into_reply(void **state)
{
	static const struct server_step steps[] = {
		{ .text = "hello", .headers = "ETag: \"1\"\r\nX-Many: a\r\nx-many:  last \r\n" },
	};
	struct scene scene = scene_open(steps, ARRAY_LEN(steps), (struct xc_http_opts){ 0 });
	cleanup_http_request struct xc_http_request request =
		scene_request(&scene, "GET", "/a/../b//c%2f?x=1");
	struct xc_err err;
	char value[10];

	(void)state;
	xc_strlist_add(&request.headers, "X-Empty:");
	xc_strlist_add(&request.headers, "X-Full: yes");
	assert_int_equal(xc_http_perform(scene.http, &request, &err), 0);
	assert_int_equal(request.status, 200);
	assert_int_equal(request.attempts, 1);
	assert_string_equal(xc_buf_str(&request.reply), "hello");
	assert_true(xc_http_header(&request, "etag", value, sizeof(value)));
	assert_string_equal(value, "\"1\"");
	assert_true(xc_http_header(&request, "X-MANY", value, sizeof(value)));
	assert_string_equal(value, "last");
	scene_stop(&scene);
	/* A signature covers the path as it stands, and headers without a value. */
	assert_string_equal(scene.server->seen[0].line, "GET /a/../b//c%2f?x=1 HTTP/1.1");
	assert_non_null(strstr(scene.server->seen[0].head, "\r\nX-Empty:\r\n"));
	assert_non_null(strstr(scene.server->seen[0].head, "\r\nX-Full: yes\r\n"));
	assert_null(strcasestr(scene.server->seen[0].head, "accept-encoding"));
	server_free(scene.server);
}

static void gets_into_buffer(void **state)
{
	static const size_t sizes[] = { 0, 1, 16383, 3 * MIB + 7 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct server_step step = { .body_bytes = sizes[i], .status = 206 };
		struct scene scene = scene_open(&step, 1, (struct xc_http_opts){ 0 });
		cleanup_http_request struct xc_http_request request =
			scene_request(&scene, "GET", "/");
		cleanup_free char *buffer = xc_malloc(sizes[i] + 1);
		struct xc_err err;

		buffer[sizes[i]] = 42;
		request.into = buffer;
		request.into_bytes = sizes[i];
		assert_int_equal(xc_http_perform(scene.http, &request, &err), 0);
		assert_int_equal(request.status, 206);
		assert_true(is_pattern(buffer, sizes[i]));
		assert_int_equal(buffer[sizes[i]], 42);
		assert_int_equal(request.reply.len_bytes, 0);
		scene_close(&scene);
	}
}

static void keeps_connections(void **state)
{
	struct scene scene = scene_open(NULL, 0, (struct xc_http_opts){ 0 });
	struct xc_err err;

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		cleanup_http_request struct xc_http_request request =
			scene_request(&scene, i % 2 ? "POST" : "GET", "/");

		assert_int_equal(xc_http_perform(scene.http, &request, &err), 0);
	}
	scene_stop(&scene);
	assert_int_equal(scene.server->seen_count, 10);
	assert_int_equal(scene.server->connections, 1);
	server_free(scene.server);
}

/* What a server gets to see for each method. */
static void sends_bodies(void **state)
{
	static const struct {
		const char *method;
		size_t body_bytes; /* SIZE_MAX: none */
		const char *length;
	} rows[] = {
		{ "PUT", 0, "Content-Length: 0\r\n" },
		{ "PUT", 5 * MIB + 3, "Content-Length: 5242883\r\n" },
		{ "POST", 100, "Content-Length: 100\r\n" },
		{ "POST", SIZE_MAX, "Content-Length: 0\r\n" },
		{ "DELETE", SIZE_MAX, NULL },
		{ "GET", SIZE_MAX, NULL },
		{ "HEAD", SIZE_MAX, NULL },
	};
	struct scene scene = scene_open(NULL, 0, (struct xc_http_opts){ 0 });
	cleanup_free char *body = make_pattern(6 * MIB);
	struct xc_err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_http_request struct xc_http_request request =
			scene_request(&scene, rows[i].method, "/");

		if (rows[i].body_bytes != SIZE_MAX) {
			request.body = body;
			request.body_bytes = rows[i].body_bytes;
		}
		assert_int_equal(xc_http_perform(scene.http, &request, &err), 0);
		assert_string_equal(xc_buf_str(&request.reply), i == 6 ? "" : "fine");
	}
	scene_stop(&scene);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct server_seen *seen = &scene.server->seen[i];
		size_t length = rows[i].body_bytes == SIZE_MAX ? 0 : rows[i].body_bytes;

		assert_memory_equal(seen->line, rows[i].method, strlen(rows[i].method));
		assert_int_equal(seen->body_bytes, length);
		assert_int_equal(seen->body_sum, server_sum(0, body, length));
		assert_null(strcasestr(seen->head, "expect:"));
		assert_null(strcasestr(seen->head, "chunked"));
		if (rows[i].length)
			assert_non_null(strstr(seen->head, rows[i].length));
		else
			assert_null(strcasestr(seen->head, "content-length"));
	}
	server_free(scene.server);
}

struct many {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	unsigned ended, failed;
	char order[64];
};

static void many_init(struct many *many)
{
	*many = (struct many){ 0 };
	pthread_mutex_init(&many->mutex, NULL);
	pthread_cond_init(&many->changed, NULL);
}

static void many_wait(struct many *many, unsigned count)
{
	pthread_mutex_lock(&many->mutex);
	while (many->ended < count)
		pthread_cond_wait(&many->changed, &many->mutex);
	pthread_mutex_unlock(&many->mutex);
}

static void many_done(struct xc_http_request *request, int result)
{
	struct many *many = request->owner;

	pthread_mutex_lock(&many->mutex);
	if (many->ended < sizeof(many->order))
		many->order[many->ended] = request->bulk ? 'b' : 's';
	many->ended++;
	many->failed += result < 0;
	pthread_cond_signal(&many->changed);
	pthread_mutex_unlock(&many->mutex);
}

/* All of them arrive whole, on never more connections than were asked for. */
static void runs_many(void **state)
{
	static const unsigned limits[] = { 1, 4, 0 };
	enum { COUNT = 64, BYTES = 100000 };

	(void)state;
	for (size_t l = 0; l < ARRAY_LEN(limits); l++) {
		struct server_step step = { .body_bytes = BYTES, .times = UINT32_MAX };
		struct scene scene =
			scene_open(&step, 1, (struct xc_http_opts){ .connections = limits[l] });
		static struct xc_http_request requests[COUNT];
		struct xc_http_counters counters;
		cleanup_free char *buffers = xc_calloc(COUNT, BYTES);
		struct many many;

		many_init(&many);
		for (unsigned i = 0; i < COUNT; i++) {
			requests[i] = scene_request(&scene, "GET", "/");
			requests[i].into = buffers + i * BYTES;
			requests[i].into_bytes = BYTES;
			requests[i].bulk = true;
			requests[i].done = many_done;
			requests[i].owner = &many;
			xc_http_submit(scene.http, &requests[i]);
		}
		many_wait(&many, COUNT);
		xc_http_count(scene.http, &counters);
		scene_stop(&scene);
		assert_int_equal(many.failed, 0);
		for (unsigned i = 0; i < COUNT; i++) {
			assert_true(is_pattern(requests[i].into, BYTES));
			xc_http_request_release(&requests[i]);
		}
		assert_int_equal(scene.server->seen_count, COUNT);
		assert_int_equal(counters.requests, COUNT);
		assert_int_equal(counters.retries, 0);
		assert_true(counters.received_bytes >= (uint64_t)COUNT * BYTES);
		if (limits[l] > 0) {
			assert_true(scene.server->open_peak <= limits[l]);
			assert_true(scene.server->connections <= limits[l]);
			assert_int_equal(counters.connections_peak, limits[l]);
		}
		server_free(scene.server);
	}
}

/* A lookup does not wait for gigabytes that were asked for before it. */
static void small_goes_first(void **state)
{
	struct server_step step = { .text = "x", .delay_ms = 20, .times = UINT32_MAX };
	struct scene scene = scene_open(&step, 1, (struct xc_http_opts){ .connections = 1 });
	struct xc_http_request requests[6];
	struct many many;

	(void)state;
	many_init(&many);
	for (unsigned i = 0; i < 6; i++) {
		requests[i] = scene_request(&scene, "GET", "/");
		requests[i].bulk = i < 4;
		requests[i].done = many_done;
		requests[i].owner = &many;
	}
	for (unsigned i = 0; i < 6; i++)
		xc_http_submit(scene.http, &requests[i]);
	many_wait(&many, 6);
	/* The first of them may have started before the others came. */
	many.order[6] = '\0';
	assert_string_equal(many.order[0] == 'b' ? many.order + 1 : many.order,
			    many.order[0] == 'b' ? "ssbbb" : "ssbbbb");
	for (unsigned i = 0; i < 6; i++)
		xc_http_request_release(&requests[i]);
	scene_close(&scene);
}

struct chain {
	struct many many;
	struct scene *scene;
	struct xc_http_request next;
	unsigned left;
};

static void chain_done(struct xc_http_request *request, int result)
{
	struct chain *chain = request->owner;

	xc_http_request_release(request);
	if (result == 0 && chain->left-- > 0) {
		*request = scene_request(chain->scene, "GET", "/");
		request->owner = chain;
		request->done = chain_done;
		xc_http_submit(chain->scene->http, request);
		return;
	}
	request->owner = &chain->many;
	many_done(request, result);
}

/* A hook that submits neither waits for itself nor is left lying. */
static void submits_from_done(void **state)
{
	struct scene scene = scene_open(NULL, 0, (struct xc_http_opts){ 0 });
	struct chain chain = { .scene = &scene, .left = 20 };
	uint64_t start_ms = scene_now_ms();

	(void)state;
	many_init(&chain.many);
	chain.next = scene_request(&scene, "GET", "/");
	chain.next.owner = &chain;
	chain.next.done = chain_done;
	xc_http_submit(scene.http, &chain.next);
	many_wait(&chain.many, 1);
	assert_int_equal(chain.many.failed, 0);
	assert_true(scene_now_ms() - start_ms < 2000);
	scene_stop(&scene);
	assert_int_equal(scene.server->seen_count, 21);
	server_free(scene.server);
}

struct signer {
	const struct scene *scene;
	unsigned calls;
};

static int sign(struct xc_http_request *request, struct xc_err *err)
{
	struct signer *signer = request->owner;

	if (++signer->calls == 3)
		return xc_err_set(err, XC_ERR_AUTH, "no more signatures");
	free(request->url);
	request->url = scene_url(signer->scene, "/signed");
	xc_strlist_release(&request->headers);
	xc_strlist_take(&request->headers, xc_asprintf("Authorization: %u", signer->calls));
	return 0;
}

/* A signature is as old as its attempt, not as its request. */
static void prepares_each_attempt(void **state)
{
	static const struct server_step steps[] = { { .status = 503 }, { .status = 500 } };
	struct scene scene = scene_open(steps, ARRAY_LEN(steps), (struct xc_http_opts){ 0 });
	struct signer signer = { .scene = &scene };
	cleanup_http_request struct xc_http_request request = scene_request(&scene, "PUT", "/");
	struct xc_err err;

	(void)state;
	request.prepare = sign;
	request.owner = &signer;
	assert_int_equal(xc_http_perform(scene.http, &request, &err), -1);
	assert_int_equal(err.kind, XC_ERR_AUTH);
	assert_string_equal(err.msg, "no more signatures");
	assert_int_equal(request.attempts, 2);
	scene_stop(&scene);
	assert_int_equal(scene.server->seen_count, 2);
	assert_string_equal(scene.server->seen[1].line, "PUT /signed HTTP/1.1");
	assert_non_null(strstr(scene.server->seen[0].head, "Authorization: 1\r\n"));
	assert_non_null(strstr(scene.server->seen[1].head, "Authorization: 2\r\n"));
	server_free(scene.server);
}

static enum xc_http_verdict judge_words(struct xc_http_request *request, struct xc_err *err)
{
	if (strcmp(xc_buf_str(&request->reply), "again") == 0) {
		xc_err_set(err, XC_ERR_TRANSIENT, "busy");
		return XC_HTTP_RETRY;
	}
	if (strcmp(xc_buf_str(&request->reply), "never") == 0) {
		xc_err_set(err, XC_ERR_EXISTS, "there already");
		return XC_HTTP_FAIL;
	}
	return XC_HTTP_OK;
}

/* A 200 that holds an error is no success, and a 404 may be one. */
static void lets_the_caller_judge(void **state)
{
	static const struct {
		struct server_step steps[2];
		int result, attempts;
		enum xc_err_kind kind;
		const char *message;
	} rows[] = {
		{ { { .text = "again" }, { .text = "good" } }, 0, 2, XC_ERR_NONE, "" },
		{ { { .text = "never" } }, -1, 1, XC_ERR_EXISTS, "there already" },
		{ { { .text = "gone", .status = 404 } }, 0, 1, XC_ERR_NONE, "" },
		{ { { .text = "again", .times = 9 } },
		  -1,
		  4,
		  XC_ERR_TRANSIENT,
		  "busy (after 4 attempts)" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct scene scene = scene_open(rows[i].steps, 2, (struct xc_http_opts){ 0 });
		cleanup_http_request struct xc_http_request request =
			scene_request(&scene, "GET", "/");
		struct xc_err err = { 0 };

		request.judge = judge_words;
		assert_int_equal(xc_http_perform(scene.http, &request, &err), rows[i].result);
		assert_int_equal(request.attempts, rows[i].attempts);
		assert_int_equal(err.kind, rows[i].kind);
		assert_string_equal(err.msg, rows[i].message);
		scene_close(&scene);
	}
}

static enum xc_http_verdict judge_range(struct xc_http_request *request, struct xc_err *err)
{
	char range[40];

	if (!xc_http_header(request, "Content-Range", range, sizeof(range)) ||
	    strcmp(range, "bytes 0-3/4") != 0)
		return XC_HTTP_OK;
	xc_err_set(err, XC_ERR_CORRUPT, "the object is too short");
	return XC_HTTP_FAIL;
}

/* What the object does not have is not asked for again; what was cut on the way is. */
static void lets_the_caller_judge_lengths(void **state)
{
	static const struct {
		struct server_step step;
		unsigned attempts;
		enum xc_err_kind kind;
	} rows[] = {
		{ { .status = 206, .text = "abcd", .headers = "Content-Range: bytes 0-3/4\r\n" },
		  1,
		  XC_ERR_CORRUPT },
		{ { .status = 206, .text = "abcd", .times = 9 }, 4, XC_ERR_TRANSIENT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct scene scene = scene_open(&rows[i].step, 1, (struct xc_http_opts){ 0 });
		cleanup_http_request struct xc_http_request request =
			scene_request(&scene, "GET", "/");
		char buffer[10];
		struct xc_err err;

		request.judge = judge_range;
		request.into = buffer;
		request.into_bytes = sizeof(buffer);
		assert_int_equal(xc_http_perform(scene.http, &request, &err), -1);
		assert_int_equal(err.kind, rows[i].kind);
		assert_int_equal(request.attempts, rows[i].attempts);
		scene_close(&scene);
	}
}

static void keep_line(void *context, const char *line)
{
	xc_buf_addf(context, "%s\n", line);
}

/* What is shown may be pasted anywhere. */
static void traces_no_secrets(void **state)
{
	static const struct server_step steps[] = { { .deed = SERVER_RESET }, { .status = 403 } };
	cleanup_buf struct xc_buf trace = XC_BUF_INIT;
	struct scene scene =
		scene_open(steps, ARRAY_LEN(steps),
			   (struct xc_http_opts){ .trace = keep_line, .trace_context = &trace });
	cleanup_http_request struct xc_http_request request =
		scene_request(&scene, "GET", "/key?X-Amz-Signature=secret#secret");
	struct xc_err err;

	(void)state;
	xc_strlist_add(&request.headers, "Authorization: secret");
	assert_int_equal(xc_http_perform(scene.http, &request, &err), -1);
	assert_int_equal(err.kind, XC_ERR_AUTH);
	assert_int_equal(err.http, 403);
	scene_close(&scene);
	assert_null(strstr(err.msg, "secret"));
	assert_non_null(strstr(err.msg, "/key"));
	assert_null(strstr(trace.data, "secret"));
	assert_non_null(strstr(trace.data, "attempt 1"));
	assert_non_null(strstr(trace.data, "status 403"));
	assert_non_null(strstr(trace.data, "attempt 2"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gets_into_reply),
		cmocka_unit_test(gets_into_buffer),
		cmocka_unit_test(keeps_connections),
		cmocka_unit_test(sends_bodies),
		cmocka_unit_test(runs_many),
		cmocka_unit_test(small_goes_first),
		cmocka_unit_test(submits_from_done),
		cmocka_unit_test(prepares_each_attempt),
		cmocka_unit_test(lets_the_caller_judge_lengths),
		cmocka_unit_test(lets_the_caller_judge),
		cmocka_unit_test(traces_no_secrets),
	};

	/* Requests in here go straight to the server. */
	unsetenv("http_proxy");
	unsetenv("all_proxy");
	unsetenv("ALL_PROXY");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
