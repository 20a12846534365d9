/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fetching segments by itself, from a store that a test holds back, spoils
 * and breaks: who goes first, what comes once, what is dropped, and how much
 * memory is taken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "fetch/fetch.h"
#include "held_store.h"

#define SEGMENTS  12
#define RAW_BYTES 1000

/* --- a fetch of that pack --- */

struct fixture {
	struct held_store store;
	struct xc_segment segments[SEGMENTS];
	struct xc_fetch_pack pack;
	struct xc_fetch *fetch;
	struct xc_cancel cancel;
	atomic_uint consumed[SEGMENTS];
	atomic_uint order[SEGMENTS]; /* segments, as they were consumed */
	atomic_uint count;
	atomic_uint at_once, most_at_once;
	bool slow, refuse;
	bool check_only; /* nothing is consumed */
};

static int consume(void *context, const struct xc_fetched *fetched, struct xc_err *err)
{
	struct fixture *fixture = context;
	unsigned now = atomic_fetch_add(&fixture->at_once, 1) + 1, most;

	most = atomic_load(&fixture->most_at_once);
	while (now > most && !atomic_compare_exchange_weak(&fixture->most_at_once, &most, now))
		;
	if (fixture->slow)
		usleep(20000);
	else
		assert_int_equal((unsigned char)fetched->raw[0], fetched->ref.segment + 1);
	atomic_fetch_add(&fixture->consumed[fetched->ref.segment], 1);
	atomic_store(&fixture->order[atomic_fetch_add(&fixture->count, 1)], fetched->ref.segment);
	atomic_fetch_sub(&fixture->at_once, 1);
	return fixture->refuse ? xc_err_set(err, XC_ERR_IO, "the disk is full") : 0;
}

static void open_fetch(struct fixture *fixture, unsigned threads, size_t raw_bytes)
{
	struct xc_segment_encoder *encoder = xc_segment_encoder_new(1);
	cleanup_free char *raw = xc_calloc(raw_bytes, 1);
	cleanup_buf struct xc_buf stored = XC_BUF_INIT;
	struct held_store *store = &fixture->store;
	struct xc_err err;

	held_open(store);
	for (uint32_t i = 0; i < SEGMENTS; i++) {
		raw[0] = (char)(i + 1);
		assert_int_equal(xc_segment_encode(encoder, raw, raw_bytes, &stored,
						   &fixture->segments[i], &err),
				 0);
		fixture->segments[i].offset = store->pack.len_bytes;
		fixture->segments[i].tar_offset = i * raw_bytes;
		xc_buf_add(&store->pack, stored.data, stored.len_bytes);
	}
	xc_segment_encoder_free(encoder);
	fixture->pack = (struct xc_fetch_pack){
		.name = "pack",
		.id = "pack",
		.segments = fixture->segments,
		.segment_count = SEGMENTS,
	};
	fixture->fetch = xc_fetch_new(&(struct xc_fetch_opts){
		.store = &store->base,
		.packs = &fixture->pack,
		.pack_count = 1,
		.threads = threads,
		.consume = fixture->check_only ? NULL : consume,
		.context = fixture,
		.cancel = &fixture->cancel,
	});
}

static void close_fetch(struct fixture *fixture)
{
	xc_fetch_free(fixture->fetch);
	held_close(&fixture->store);
}

static struct xc_fetch_request *start_run(struct fixture *fixture, uint32_t first, uint32_t count,
					  enum xc_priority priority)
{
	struct xc_segment_ref refs[SEGMENTS];

	for (uint32_t i = 0; i < count; i++)
		refs[i] = (struct xc_segment_ref){ 0, first + i };
	return xc_fetch_start(fixture->fetch, refs, count, priority);
}

/* A thread that waits for a request. */
struct waiting {
	struct xc_fetch_request *request;
	pthread_t thread;
	int result;
	struct xc_err err;
};

static void *run_wait(void *context)
{
	struct waiting *waiting = context;

	waiting->result = xc_fetch_wait(waiting->request, &waiting->err);
	return NULL;
}

static void wait_begin(struct waiting *waiting, struct xc_fetch_request *request)
{
	*waiting = (struct waiting){ .request = request };
	assert_int_equal(pthread_create(&waiting->thread, NULL, run_wait, waiting), 0);
}

static int wait_end(struct waiting *waiting)
{
	pthread_join(waiting->thread, NULL);
	xc_fetch_request_free(waiting->request);
	return waiting->result;
}

/* --- the tests --- */

static void each_segment_comes_once(void **state)
{
	(void)state;
	for (unsigned threads = 1; threads <= 8; threads += 7) {
		struct fixture fixture = { 0 };
		struct waiting all, some;
		struct xc_err err;

		open_fetch(&fixture, threads, RAW_BYTES);
		wait_begin(&all, start_run(&fixture, 0, SEGMENTS, XC_PRIORITY_NORMAL));
		wait_begin(&some, start_run(&fixture, 3, 5, XC_PRIORITY_BACKGROUND));
		for (uint32_t i = 0; i < SEGMENTS; i++)
			assert_int_equal(xc_fetch_segment(fixture.fetch,
							  (struct xc_segment_ref){ 0, i }, &err),
					 0);
		assert_int_equal(wait_end(&all), 0);
		assert_int_equal(wait_end(&some), 0);
		for (uint32_t i = 0; i < SEGMENTS; i++)
			assert_int_equal(fixture.consumed[i], 1);
		assert_int_equal(fixture.store.started, SEGMENTS);
		assert_int_equal(xc_fetch_bytes(fixture.fetch), fixture.store.pack.len_bytes);
		close_fetch(&fixture);
	}
}

/* The bytes decide, not what they would decode to. */
static void without_a_consumer_only_checksums_are_compared(void **state)
{
	(void)state;
	for (unsigned threads = 1; threads <= 8; threads += 7) {
		struct fixture fixture = { .check_only = true };
		struct waiting good, bad;

		open_fetch(&fixture, threads, RAW_BYTES);
		fixture.segments[2].raw_bytes--;
		fixture.store.spoil = 1;
		wait_begin(&good, start_run(&fixture, 0, 5, XC_PRIORITY_NORMAL));
		assert_int_equal(wait_end(&good), 0);
		fixture.store.pack.data[fixture.segments[6].offset + 5] ^= 1;
		wait_begin(&bad, start_run(&fixture, 5, 5, XC_PRIORITY_NORMAL));
		assert_int_equal(wait_end(&bad), -1);
		assert_int_equal(bad.err.kind, XC_ERR_CORRUPT);
		assert_non_null(strstr(bad.err.msg, "SHA-256"));
		close_fetch(&fixture);
	}
}

static void neighbours_are_read_together(void **state)
{
	struct fixture fixture = { 0 };
	struct waiting all;

	(void)state;
	open_fetch(&fixture, 2, RAW_BYTES);
	fixture.store.base.read_bytes = fixture.store.pack.len_bytes;
	wait_begin(&all, start_run(&fixture, 0, SEGMENTS, XC_PRIORITY_NORMAL));
	assert_int_equal(wait_end(&all), 0);
	assert_int_equal(fixture.store.started, 1);
	close_fetch(&fixture);
}

static void the_urgent_overtake_the_background(void **state)
{
	struct fixture fixture = { 0 };
	struct waiting all, one;

	(void)state;
	open_fetch(&fixture, 2, RAW_BYTES);
	fixture.store.hold = true;
	wait_begin(&all, start_run(&fixture, 0, SEGMENTS, XC_PRIORITY_BACKGROUND));
	wait_for_started(&fixture.store, 2);
	wait_begin(&one, start_run(&fixture, 9, 1, XC_PRIORITY_URGENT));
	wait_for_started(&fixture.store, 3);
	/* One of the background's two comes: as long as somebody waits no other follows it. */
	let_go(&fixture.store, fixture.segments[0].offset);
	usleep(50000);
	assert_int_equal(fixture.store.started, 3);
	let_go(&fixture.store, fixture.segments[9].offset);
	assert_int_equal(wait_end(&one), 0);
	assert_int_equal(fixture.consumed[9], 1);
	let_all_go(&fixture.store);
	assert_int_equal(wait_end(&all), 0);
	assert_int_equal(fixture.store.started, SEGMENTS);
	close_fetch(&fixture);
}

static void a_canceled_request_reads_no_more(void **state)
{
	struct fixture fixture = { 0 };
	struct waiting all, again;

	(void)state;
	open_fetch(&fixture, 2, RAW_BYTES);
	fixture.store.hold = true;
	wait_begin(&all, start_run(&fixture, 0, SEGMENTS, XC_PRIORITY_NORMAL));
	wait_for_started(&fixture.store, 2);
	xc_fetch_cancel(all.request);
	assert_int_equal(wait_end(&all), -1);
	assert_int_equal(all.err.kind, XC_ERR_CANCELED);
	assert_int_equal(fixture.store.started, 2);
	assert_int_equal(fixture.store.canceled, 2);
	/* The same segments can be asked for again. */
	let_all_go(&fixture.store);
	wait_begin(&again, start_run(&fixture, 0, 3, XC_PRIORITY_NORMAL));
	assert_int_equal(wait_end(&again), 0);
	assert_int_equal(fixture.count, 3);
	close_fetch(&fixture);
}

static void what_another_request_wants_outlives_a_cancel(void **state)
{
	struct fixture fixture = { 0 };
	struct waiting all, one;

	(void)state;
	open_fetch(&fixture, 2, RAW_BYTES);
	fixture.store.hold = true;
	wait_begin(&all, start_run(&fixture, 0, SEGMENTS, XC_PRIORITY_NORMAL));
	wait_for_started(&fixture.store, 2);
	wait_begin(&one, start_run(&fixture, 1, 1, XC_PRIORITY_NORMAL));
	xc_fetch_cancel(all.request);
	assert_int_equal(fixture.store.canceled, 1);
	let_all_go(&fixture.store);
	assert_int_equal(wait_end(&one), 0);
	assert_int_equal(wait_end(&all), -1);
	assert_int_equal(fixture.count, 1);
	close_fetch(&fixture);
}

static void spoilt_bytes_are_asked_for_once_more(void **state)
{
	const struct xc_segment_ref ref = { 0, 5 };

	(void)state;
	for (unsigned spoil = 0; spoil < 3; spoil++) {
		struct fixture fixture = { 0 };
		struct xc_err err;

		open_fetch(&fixture, 1 + spoil, RAW_BYTES);
		fixture.store.spoil = spoil;
		assert_int_equal(xc_fetch_segment(fixture.fetch, ref, &err), spoil == 2 ? -1 : 0);
		assert_int_equal(fixture.store.started, 1 + (spoil > 0));
		if (spoil == 2) {
			assert_int_equal(err.kind, XC_ERR_CORRUPT);
			assert_non_null(strstr(err.msg, "pack"));
			/* Whoever asks again may have more luck. */
			assert_int_equal(xc_fetch_segment(fixture.fetch, ref, &err), 0);
		}
		assert_int_equal(fixture.consumed[5], 1);
		close_fetch(&fixture);
	}
}

static void a_failure_ends_those_who_want_that_segment(void **state)
{
	struct fixture fixture = { 0 };
	struct waiting bad, good;

	(void)state;
	open_fetch(&fixture, 4, RAW_BYTES);
	fixture.store.fail_at = fixture.segments[7].offset;
	wait_begin(&good, start_run(&fixture, 0, 7, XC_PRIORITY_NORMAL));
	wait_begin(&bad, start_run(&fixture, 0, SEGMENTS, XC_PRIORITY_NORMAL));
	assert_int_equal(wait_end(&good), 0);
	assert_int_equal(wait_end(&bad), -1);
	assert_int_equal(bad.err.kind, XC_ERR_IO);
	assert_string_equal(bad.err.msg, "the store is broken");
	close_fetch(&fixture);
}

static void a_consumer_may_fail(void **state)
{
	(void)state;
	for (unsigned threads = 1; threads <= 4; threads += 3) {
		struct fixture fixture = { .refuse = true };
		struct waiting all;

		open_fetch(&fixture, threads, RAW_BYTES);
		wait_begin(&all, start_run(&fixture, 0, SEGMENTS, XC_PRIORITY_NORMAL));
		assert_int_equal(wait_end(&all), -1);
		assert_string_equal(all.err.msg, "the disk is full");
		close_fetch(&fixture);
	}
}

static void the_flag_ends_all_requests(void **state)
{
	struct fixture fixture = { 0 };
	struct waiting all;

	(void)state;
	open_fetch(&fixture, 2, RAW_BYTES);
	fixture.store.hold = true;
	wait_begin(&all, start_run(&fixture, 0, SEGMENTS, XC_PRIORITY_NORMAL));
	wait_for_started(&fixture.store, 2);
	xc_cancel_request(&fixture.cancel, -1);
	assert_int_equal(wait_end(&all), -1);
	assert_int_equal(all.err.kind, XC_ERR_CANCELED);
	close_fetch(&fixture);
	assert_int_equal(fixture.count, 0);
}

static void few_of_the_longest_segments_are_decoded_at_once(void **state)
{
	struct fixture fixture = { .slow = true };
	struct waiting all;

	(void)state;
	open_fetch(&fixture, 14, XC_SEGMENT_RAW_MAX);
	fixture.store.base.read_bytes = fixture.store.pack.len_bytes;
	wait_begin(&all, start_run(&fixture, 0, SEGMENTS, XC_PRIORITY_NORMAL));
	assert_int_equal(wait_end(&all), 0);
	assert_int_equal(fixture.count, SEGMENTS);
	assert_in_range(fixture.most_at_once, 1, 2);
	close_fetch(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_segment_comes_once),
		cmocka_unit_test(without_a_consumer_only_checksums_are_compared),
		cmocka_unit_test(neighbours_are_read_together),
		cmocka_unit_test(the_urgent_overtake_the_background),
		cmocka_unit_test(a_canceled_request_reads_no_more),
		cmocka_unit_test(what_another_request_wants_outlives_a_cancel),
		cmocka_unit_test(spoilt_bytes_are_asked_for_once_more),
		cmocka_unit_test(a_failure_ends_those_who_want_that_segment),
		cmocka_unit_test(a_consumer_may_fail),
		cmocka_unit_test(the_flag_ends_all_requests),
		cmocka_unit_test(few_of_the_longest_segments_are_decoded_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
