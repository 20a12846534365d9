/* SPDX-License-Identifier: Apache-2.0 */
/* The transfer engine when time matters: stalls, second attempts, and a user who has enough. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "http_scene.h"

#define BODY ((size_t)300000)

/* What does not move is sent anew on another connection, long before the patience of TCP ends. */
static void resends_what_stalls(void **state)
{
	static const struct {
		const char *method;
		unsigned think_ms;
		struct server_step step;
	} rows[] = {
		{ "GET", 0, { .deed = SERVER_SILENT } },
		{ "GET", 0, { .deed = SERVER_STALL, .body_bytes = BODY, .body_sent = 1000 } },
		/* Ten bytes each 40 ms: it lives, but not so that one could wait for it. */
		{ "GET", 0, { .body_bytes = BODY, .piece_bytes = 10, .piece_ms = 40 } },
		{ "PUT", 0, { .deed = SERVER_SILENT } },
		{ "POST", 150, { .deed = SERVER_SILENT } },
	};
	cleanup_free char *body = make_pattern(BODY);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct server_step steps[] = { rows[i].step,
					       { .body_bytes = BODY, .times = UINT32_MAX } };
		struct scene scene = scene_open(
			steps, 2,
			(struct xc_http_opts){ .stall_ms = rows[i].think_ms ? 9000 : 150 });
		cleanup_http_request struct xc_http_request request =
			scene_request(&scene, rows[i].method, "/");
		cleanup_free char *buffer = xc_malloc(BODY);
		uint64_t start_ms = scene_now_ms();
		struct xc_err err;

		request.into = buffer;
		request.into_bytes = BODY;
		request.think_ms = rows[i].think_ms;
		if (rows[i].method[0] == 'P') {
			request.body = body;
			request.body_bytes = BODY;
		}
		assert_int_equal(xc_http_perform(scene.http, &request, &err), 0);
		assert_int_equal(request.attempts, 2);
		assert_true(is_pattern(buffer, BODY));
		assert_true(scene_now_ms() - start_ms >= 150);
		assert_true(scene_now_ms() - start_ms < 1500);
		scene_stop(&scene);
		assert_int_equal(scene.server->connections, 2);
		server_free(scene.server);
	}
}

/* A server that is known to think long is let think, also while it sends blanks. */
static void waits_for_thinkers(void **state)
{
	static const struct server_step steps[] = {
		{ .delay_ms = 300, .text = "done" },
		{ .text = "          done", .piece_bytes = 1, .piece_ms = 30 },
	};
	struct scene scene = scene_open(steps, 2, (struct xc_http_opts){ .stall_ms = 100 });
	struct xc_err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		cleanup_http_request struct xc_http_request request =
			scene_request(&scene, "POST", "/");

		request.think_ms = 3000;
		assert_int_equal(xc_http_perform(scene.http, &request, &err), 0);
		assert_int_equal(request.attempts, 1);
		assert_string_equal(xc_buf_str(&request.reply), steps[i].text);
	}
	scene_close(&scene);
}

/* Signs of life are no answer: a byte now and then does not keep a request for ever. */
static void ends_what_only_seems_alive(void **state)
{
	static const struct server_step step = { .text = "                                        ",
						 .piece_bytes = 1,
						 .piece_ms = 50,
						 .times = UINT32_MAX };
	struct scene scene =
		scene_open(&step, 1, (struct xc_http_opts){ .stall_ms = 100, .attempts = 2 });
	cleanup_http_request struct xc_http_request request = scene_request(&scene, "GET", "/");
	uint64_t start_ms = scene_now_ms();
	struct xc_err err;

	(void)state;
	request.think_ms = 150;
	assert_int_equal(xc_http_perform(scene.http, &request, &err), -1);
	assert_int_equal(err.kind, XC_ERR_TRANSIENT);
	assert_non_null(strstr(err.msg, "stalled"));
	assert_int_equal(request.attempts, 2);
	assert_true(scene_now_ms() - start_ms >= 600);
	assert_true(scene_now_ms() - start_ms < 1900);
	scene_close(&scene);
}

/* A server that drips or is silent each time is known after a few stalls, not all attempts. */
static void gives_up_what_stalls_each_time(void **state)
{
	static const struct {
		struct server_step step;
		unsigned think_ms, attempts_most;
	} rows[] = {
		{ { .deed = SERVER_SILENT, .times = UINT32_MAX }, 0, 6 },
		{ { .deed = SERVER_SILENT, .times = UINT32_MAX }, 400, 2 },
		{ { .body_bytes = 1000, .piece_bytes = 1, .piece_ms = 50, .times = UINT32_MAX },
		  400,
		  1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct scene scene = scene_open(
			&rows[i].step, 1, (struct xc_http_opts){ .stall_ms = 100, .attempts = 50 });
		cleanup_http_request struct xc_http_request request =
			scene_request(&scene, "GET", "/");
		struct xc_err err;

		request.think_ms = rows[i].think_ms;
		assert_int_equal(xc_http_perform(scene.http, &request, &err), -1);
		assert_int_equal(err.kind, XC_ERR_TRANSIENT);
		assert_in_range(request.attempts, 1, rows[i].attempts_most);
		scene_close(&scene);
	}
}

/* However many attempts there may be, and however long a server asks to wait, there is an end. */
static void ends_in_total(void **state)
{
	static const struct {
		struct server_step step;
		unsigned attempts_most;
	} rows[] = {
		{ { .deed = SERVER_SILENT, .times = UINT32_MAX }, 3 },
		{ { .status = 503, .headers = "Retry-After: 999999\r\n", .times = UINT32_MAX }, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct scene scene = scene_open(
			&rows[i].step, 1,
			(struct xc_http_opts){ .stall_ms = 100, .attempts = 50, .total_ms = 250 });
		cleanup_http_request struct xc_http_request request =
			scene_request(&scene, "GET", "/");
		uint64_t start_ms = scene_now_ms();
		struct xc_err err;

		assert_int_equal(xc_http_perform(scene.http, &request, &err), -1);
		assert_int_equal(err.kind, XC_ERR_TRANSIENT);
		assert_true(request.attempts <= rows[i].attempts_most);
		assert_true(scene_now_ms() - start_ms < 1500);
		scene_close(&scene);
	}
}

/* What the kernel took is not yet through: a link is slow, not stalled, while it drains. */
static void sends_over_slow_links(void **state)
{
	static const struct server_step step = { .read_ms = 20, .text = "done" };
	struct scene scene = scene_open(&step, 1, (struct xc_http_opts){ .stall_ms = 300 });
	cleanup_http_request struct xc_http_request request = scene_request(&scene, "PUT", "/");
	cleanup_free char *body = make_pattern(7 * BODY);
	uint64_t start_ms = scene_now_ms();
	struct xc_err err;

	(void)state;
	request.body = body;
	request.body_bytes = 7 * BODY;
	assert_int_equal(xc_http_perform(scene.http, &request, &err), 0);
	assert_int_equal(request.attempts, 1);
	assert_true(scene_now_ms() - start_ms > 600);
	scene_close(&scene);
}

struct tail {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	unsigned ended, failed;
};

static void tail_done(struct xc_http_request *request, int result)
{
	struct tail *tail = request->owner;

	pthread_mutex_lock(&tail->mutex);
	tail->ended++;
	tail->failed += result < 0;
	pthread_cond_signal(&tail->changed);
	pthread_mutex_unlock(&tail->mutex);
}

static void tail_run(struct scene *scene, struct xc_http_request *requests, unsigned count,
		     char *buffers)
{
	struct tail tail = { 0 };

	pthread_mutex_init(&tail.mutex, NULL);
	pthread_cond_init(&tail.changed, NULL);
	for (unsigned i = 0; i < count; i++) {
		requests[i] = scene_request(scene, "GET", i == 0 ? "/slow" : "/quick");
		requests[i].into = buffers + i * BODY;
		requests[i].into_bytes = BODY;
		requests[i].bulk = requests[i].hedge = true;
		requests[i].owner = &tail;
		requests[i].done = tail_done;
		xc_http_submit(scene->http, &requests[i]);
	}
	pthread_mutex_lock(&tail.mutex);
	while (tail.ended < count)
		pthread_cond_wait(&tail.changed, &tail.mutex);
	pthread_mutex_unlock(&tail.mutex);
	assert_int_equal(tail.failed, 0);
}

/*
 * The last request is late. A second one beside it wins, or the first one
 * wakes up and wins; or the second fails, and the first still counts.
 */
static void hedges_the_tail(void **state)
{
	static const struct {
		struct server_step steps[2];
	} rows[] = {
		{ { { .deed = SERVER_SILENT, .path = "/slow" } } },
		{ { { .deed = SERVER_STALL,
		      .path = "/slow",
		      .body_bytes = BODY,
		      .body_sent = BODY - 1 } } },
		{ { { .delay_ms = 350, .path = "/slow", .body_bytes = BODY },
		    { .deed = SERVER_SILENT, .path = "/slow" } } },
		{ { { .delay_ms = 350, .path = "/slow", .body_bytes = BODY },
		    { .deed = SERVER_RESET, .path = "/slow" } } },
		{ { { .delay_ms = 350, .path = "/slow", .body_bytes = BODY },
		    { .status = 503, .path = "/slow" } } },
	};
	enum { COUNT = 8 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		static const struct server_step good = { .body_bytes = BODY, .times = UINT32_MAX };
		bool second = rows[i].steps[1].path != NULL;
		struct server_step steps[] = { rows[i].steps[0], second ? rows[i].steps[1] : good,
					       good };
		struct scene scene = scene_open(
			steps, 3, (struct xc_http_opts){ .connections = 4, .stall_ms = 500 });
		struct xc_http_request requests[COUNT];
		cleanup_free char *buffers = xc_calloc(COUNT, BODY);
		uint64_t start_ms = scene_now_ms();
		struct xc_http_counters counters;

		tail_run(&scene, requests, COUNT, buffers);
		assert_true(scene_now_ms() - start_ms < 1500);
		assert_true(scene_now_ms() - start_ms >= 250);
		xc_http_count(scene.http, &counters);
		assert_int_equal(counters.hedges, 1);
		assert_int_equal(requests[0].attempts, 2);
		for (unsigned r = 0; r < COUNT; r++) {
			assert_true(is_pattern(requests[r].into, BODY));
			xc_http_request_release(&requests[r]);
		}
		scene_close(&scene);
	}
}

struct canceled {
	struct xc_cancel cancel;
	struct xc_http *http;
	unsigned after_ms;
};

static void *cancel_later(void *context)
{
	struct canceled *canceled = context;

	usleep(canceled->after_ms * 1000);
	xc_cancel_request(&canceled->cancel, 2);
	return NULL;
}

/* Wherever a request is, it ends at once. */
static void ends_at_cancel(void **state)
{
	static const struct {
		const char *where;
		struct server_step step;
	} rows[] = {
		{ "before the answer", { .deed = SERVER_SILENT, .times = 9 } },
		{ "within the body",
		  { .deed = SERVER_STALL, .body_bytes = BODY, .body_sent = 1000 } },
		{ "between attempts", { .status = 503, .headers = "Retry-After: 30\r\n" } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct canceled canceled = { .after_ms = 50 };
		struct scene scene = scene_open(
			&rows[i].step, 1, (struct xc_http_opts){ .cancel = &canceled.cancel });
		cleanup_http_request struct xc_http_request request = scene_request(&scene, "GET",
										    "/"),
							    late = scene_request(&scene, "GET",
										 "/");
		cleanup_free char *buffer = xc_malloc(BODY);
		uint64_t start_ms = scene_now_ms();
		pthread_t thread;
		struct xc_err err;

		pthread_create(&thread, NULL, cancel_later, &canceled);
		request.into = buffer;
		request.into_bytes = BODY;
		assert_int_equal(xc_http_perform(scene.http, &request, &err), -1);
		assert_int_equal(err.kind, XC_ERR_CANCELED);
		assert_true(scene_now_ms() - start_ms < 500);
		assert_int_equal(xc_http_perform(scene.http, &late, &err), -1);
		assert_int_equal(err.kind, XC_ERR_CANCELED);
		pthread_join(thread, NULL);
		assert_true(scene_now_ms() - start_ms < 1000);
		scene_close(&scene);
	}
}

/* An upload that was canceled is still removed from the server, with a retry if need be. */
static void cleans_up_after_cancel(void **state)
{
	static const struct server_step steps[] = {
		{ .path = "DELETE", .status = 503 },
		{ .path = "DELETE", .delay_ms = 100, .status = 204 },
		{ .deed = SERVER_SILENT },
	};
	struct canceled canceled = { .after_ms = 0 };
	struct scene scene = scene_open(steps, ARRAY_LEN(steps),
					(struct xc_http_opts){ .cancel = &canceled.cancel });
	cleanup_http_request struct xc_http_request request = scene_request(&scene, "DELETE", "/");
	struct xc_err err;

	(void)state;
	cancel_later(&canceled);
	request.cleanup = true;
	assert_int_equal(xc_http_perform(scene.http, &request, &err), 0);
	assert_int_equal(request.status, 204);
	assert_int_equal(request.attempts, 2);
	scene_close(&scene);
}

/* An engine without work ends at once, also with connections open. */
static void ends_quickly(void **state)
{
	struct scene scene = scene_open(NULL, 0, (struct xc_http_opts){ 0 });
	cleanup_http_request struct xc_http_request request = scene_request(&scene, "GET", "/");
	uint64_t start_ms;
	struct xc_err err;

	(void)state;
	assert_int_equal(xc_http_perform(scene.http, &request, &err), 0);
	usleep(20000);
	start_ms = scene_now_ms();
	xc_http_free(scene.http);
	assert_true(scene_now_ms() - start_ms < 100);
	server_stop(scene.server);
	server_free(scene.server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resends_what_stalls),
		cmocka_unit_test(waits_for_thinkers),
		cmocka_unit_test(ends_what_only_seems_alive),
		cmocka_unit_test(gives_up_what_stalls_each_time),
		cmocka_unit_test(ends_in_total),
		cmocka_unit_test(sends_over_slow_links),
		cmocka_unit_test(hedges_the_tail),
		cmocka_unit_test(ends_at_cancel),
		cmocka_unit_test(cleans_up_after_cancel),
		cmocka_unit_test(ends_quickly),
	};

	unsetenv("http_proxy");
	unsetenv("all_proxy");
	unsetenv("ALL_PROXY");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
