/* SPDX-License-Identifier: Apache-2.0 */
/* Which request gets a connection first, and requests that are canceled one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "http_scene.h"

/* Long enough to hand over all other requests while the first one has the only connection. */
#define FIRST_MS 500

/* Requests that were submitted, and how they ended. */
struct batch {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	unsigned ended, canceled;
};

static void batch_done(struct xc_http_request *request, int result)
{
	struct batch *batch = request->owner;

	pthread_mutex_lock(&batch->mutex);
	batch->ended++;
	batch->canceled += result < 0 && request->err.kind == XC_ERR_CANCELED;
	pthread_cond_signal(&batch->changed);
	pthread_mutex_unlock(&batch->mutex);
}

static void batch_wait(struct batch *batch, unsigned count)
{
	pthread_mutex_lock(&batch->mutex);
	while (batch->ended < count)
		pthread_cond_wait(&batch->changed, &batch->mutex);
	pthread_mutex_unlock(&batch->mutex);
}

#define BATCH_INIT                                                                                 \
	{                                                                                          \
		.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER            \
	}

static struct xc_http_request batch_request(const struct scene *scene, struct batch *batch,
					    const char *path)
{
	struct xc_http_request request = scene_request(scene, "GET", path);

	request.bulk = true;
	request.done = batch_done;
	request.owner = batch;
	return request;
}

static void must_see(const struct server *server, unsigned at, const char *path)
{
	cleanup_free char *line = xc_asprintf("GET %s HTTP/1.1", path);

	assert_string_equal(server->seen[at].line, line);
}

static void urgent_requests_overtake_what_waits(void **state)
{
	static const struct server_step step = { .path = "/first",
						 .text = "x",
						 .delay_ms = FIRST_MS };
	enum { FIRST, BACKGROUND, NORMAL = BACKGROUND + 100, SMALL, URGENT, COUNT };
	struct scene scene = scene_open(&step, 1, (struct xc_http_opts){ .connections = 1 });
	struct batch batch = BATCH_INIT;
	struct xc_http_request requests[COUNT];

	(void)state;
	for (unsigned i = FIRST; i < COUNT; i++)
		requests[i] = batch_request(&scene, &batch,
					    i == FIRST    ? "/first"
					    : i == NORMAL ? "/normal"
					    : i == SMALL  ? "/small"
					    : i == URGENT ? "/urgent"
							  : "/background");
	/* So that it is the first even if all are seen at once. */
	requests[FIRST].priority = XC_PRIORITY_URGENT;
	for (unsigned i = BACKGROUND; i < NORMAL; i++)
		requests[i].priority = XC_PRIORITY_BACKGROUND;
	requests[SMALL].bulk = false;
	requests[URGENT].priority = XC_PRIORITY_URGENT;
	for (unsigned i = FIRST; i < COUNT; i++)
		xc_http_submit(scene.http, &requests[i]);
	batch_wait(&batch, COUNT);
	scene_stop(&scene);
	must_see(scene.server, 0, "/first");
	must_see(scene.server, 1, "/urgent");
	must_see(scene.server, 2, "/small");
	must_see(scene.server, 3, "/normal");
	for (unsigned i = 4; i < COUNT; i++)
		must_see(scene.server, i, "/background");
	for (unsigned i = FIRST; i < COUNT; i++)
		xc_http_request_release(&requests[i]);
	server_free(scene.server);
}

/* Of two that run, two that wait for another attempt and many that wait for a connection. */
static void canceled_requests_give_way_at_once(void **state)
{
	static const struct server_step steps[] = {
		{ .deed = SERVER_SILENT, .path = "/silent", .times = UINT32_MAX },
		{ .path = "/busy",
		  .status = 503,
		  .headers = "Retry-After: 15\r\n",
		  .times = UINT32_MAX },
	};
	enum { BUSY, SILENT = 2, WAITING = 4, KEPT = 44, COUNT };
	struct scene scene =
		scene_open(steps, ARRAY_LEN(steps), (struct xc_http_opts){ .connections = 2 });
	struct batch batch = BATCH_INIT;
	struct xc_http_request requests[COUNT];
	atomic_bool canceled = false, other = false;
	uint64_t start_ms = scene_now_ms();

	(void)state;
	for (unsigned i = 0; i < COUNT; i++) {
		requests[i] = batch_request(&scene, &batch,
					    i < SILENT    ? "/busy"
					    : i < WAITING ? "/silent"
					    : i < KEPT    ? "/waiting"
							  : "/kept");
		requests[i].canceled = i < KEPT ? &canceled : &other;
		xc_http_submit(scene.http, &requests[i]);
	}
	usleep(100000);
	assert_int_equal(batch.ended, 0);
	xc_http_cancel(scene.http, &canceled);
	batch_wait(&batch, COUNT);
	assert_true(scene_now_ms() - start_ms < 5000);
	assert_int_equal(batch.canceled, KEPT);
	assert_int_equal(requests[KEPT].status, 200);
	scene_stop(&scene);
	/* What waited was never sent. */
	assert_int_equal(scene.server->seen_count, WAITING + 1);
	must_see(scene.server, WAITING, "/kept");
	for (unsigned i = 0; i < COUNT; i++)
		xc_http_request_release(&requests[i]);
	server_free(scene.server);
}

static void a_request_that_has_ended_is_not_canceled(void **state)
{
	struct scene scene = scene_open(NULL, 0, (struct xc_http_opts){ .connections = 1 });
	struct batch batch = BATCH_INIT;
	struct xc_http_request request = batch_request(&scene, &batch, "/");
	cleanup_http_request struct xc_http_request other = scene_request(&scene, "GET", "/other");
	atomic_bool canceled = false;
	struct xc_err err;

	(void)state;
	request.canceled = &canceled;
	xc_http_submit(scene.http, &request);
	batch_wait(&batch, 1);
	xc_http_cancel(scene.http, &canceled);
	assert_int_equal(xc_http_perform(scene.http, &other, &err), 0);
	assert_int_equal(batch.ended, 1);
	assert_int_equal(batch.canceled, 0);
	assert_string_equal(xc_buf_str(&request.reply), "fine");
	xc_http_request_release(&request);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urgent_requests_overtake_what_waits),
		cmocka_unit_test(canceled_requests_give_way_at_once),
		cmocka_unit_test(a_request_that_has_ended_is_not_canceled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
