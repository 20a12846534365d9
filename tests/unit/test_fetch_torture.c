/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Torture for fetching: many threads ask for segments with different
 * priorities and cancel each other, while the store answers late, out of
 * order, wrongly, in part or not at all. Whatever happens, segments are right
 * and come once, requests end as the header says, and memory has its ceiling
 * and is given back. Chance is the seed's: XC_TEST_SEED=N makes the same
 * rounds again, though threads may meet otherwise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dice.h"
#include "fetch/fetch.h"
#include "memory_store.h"
#include "moody_store.h"

/* A round takes a fraction of a second; whatever takes so long hangs. */
#define HANGS_SECONDS 120

#define MEMORY_MAX ((size_t)256 << 20) /* fetch.h promises it */

/* --- memory, as the linker hands it to us (test_fetch_torture.wrap) --- */

static atomic_size_t heap_bytes, heap_most_bytes;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *data, size_t size);
void __real_free(void *data);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *data, size_t size);
void __wrap_free(void *data);

static void *count_new(void *data)
{
	size_t size = malloc_usable_size(data);
	size_t now = atomic_fetch_add(&heap_bytes, size) + size, most = heap_most_bytes;

	while (now > most && !atomic_compare_exchange_weak(&heap_most_bytes, &most, now))
		;
	return data;
}

void *__wrap_malloc(size_t size)
{
	return count_new(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
	return count_new(__real_calloc(count, size));
}

void *__wrap_realloc(void *data, size_t size)
{
	size_t old_size = malloc_usable_size(data);
	void *moved = __real_realloc(data, size);

	if (moved)
		atomic_fetch_sub(&heap_bytes, old_size);
	return moved ? count_new(moved) : NULL;
}

void __wrap_free(void *data)
{
	atomic_fetch_sub(&heap_bytes, malloc_usable_size(data));
	__real_free(data);
}

/* --- packs --- */

#define PACKS        3
#define SEGMENTS_MAX 100
#define LONG_PACK    2 /* its segments are the longest there are */
#define LONG_COUNT   4
#define RAW_MAX      8000

/* Made once: objects of a store in memory. */
static struct {
	struct xc_store *memory;
	struct xc_segment segments[PACKS][SEGMENTS_MAX];
	uint64_t pack_bytes[PACKS];
} packs;
static const char *const pack_names[PACKS] = { "packs/a", "packs/b", "packs/long" };

static uint32_t segments_of(uint32_t pack)
{
	return pack == LONG_PACK ? LONG_COUNT : SEGMENTS_MAX;
}

static size_t raw_bytes_of(struct xc_segment_ref ref)
{
	if (ref.pack == LONG_PACK)
		return XC_SEGMENT_RAW_MAX;
	return 1 + (ref.pack * SEGMENTS_MAX + ref.segment) * 7919 % RAW_MAX;
}

/* What the segment holds: of a usual one bytes that zstd halves, of a long one a single byte. */
static void fill_raw(struct xc_segment_ref ref, char *ret_raw)
{
	struct dice dice = { ref.pack * 1000 + ref.segment };

	if (ref.pack == LONG_PACK) {
		memset(ret_raw, (int)ref.segment + 1, XC_SEGMENT_RAW_MAX);
		return;
	}
	for (size_t i = 0; i < raw_bytes_of(ref); i++)
		ret_raw[i] = (char)(roll(&dice) & 15);
}

static bool is_right(struct xc_segment_ref ref, const char *raw)
{
	char expected[RAW_MAX];

	if (ref.pack == LONG_PACK)
		return raw[0] == (char)(ref.segment + 1) &&
		       memcmp(raw, raw + 1, XC_SEGMENT_RAW_MAX - 1) == 0;
	fill_raw(ref, expected);
	return memcmp(raw, expected, raw_bytes_of(ref)) == 0;
}

static void make_pack(struct xc_segment_encoder *encoder, uint32_t pack, char *raw)
{
	cleanup_buf struct xc_buf stored = XC_BUF_INIT, all = XC_BUF_INIT;
	struct xc_err err;

	for (uint32_t i = 0; i < segments_of(pack); i++) {
		struct xc_segment_ref ref = { pack, i };
		struct xc_segment *segment = &packs.segments[pack][i];

		fill_raw(ref, raw);
		assert_int_equal(
			xc_segment_encode(encoder, raw, raw_bytes_of(ref), &stored, segment, &err),
			0);
		segment->offset = all.len_bytes;
		xc_buf_add(&all, stored.data, stored.len_bytes);
	}
	packs.pack_bytes[pack] = all.len_bytes;
	assert_int_equal(xc_store_put(packs.memory, pack_names[pack], all.data, all.len_bytes,
				      XC_PUT_ALWAYS, &err),
			 0);
}

static int make_packs(void **state)
{
	struct xc_segment_encoder *encoder = xc_segment_encoder_new(1);
	cleanup_free char *raw = xc_malloc(XC_SEGMENT_RAW_MAX);

	(void)state;
	packs.memory = memory_store_new();
	for (uint32_t i = 0; i < PACKS; i++)
		make_pack(encoder, i, raw);
	xc_segment_encoder_free(encoder);
	return 0;
}

static int drop_packs(void **state)
{
	(void)state;
	xc_store_close(packs.memory);
	return 0;
}

/* --- a round --- */

#define THREADS_MAX 6
#define ACTORS      7
#define TURNS       12

struct round;

/* A thread that asks for segments. */
struct actor {
	struct round *round;
	struct dice dice;
	void (*run)(struct actor *actor);
	pthread_mutex_t lock;
	struct xc_fetch_request *request; /* under way, and may be canceled */
	bool canceled;                    /* that one was */
	pthread_t thread;
};

struct round {
	struct moody_store store;
	struct xc_readahead *heads[PACKS];
	struct xc_fetch *fetch;
	struct xc_cancel cancel;
	unsigned packs;   /* how many of them take part */
	unsigned refusal; /* percentage of segments that the consumer does not take */
	unsigned threads_min;
	bool some_only; /* nobody reads all: what is dropped comes back for its own sake alone */
	uint64_t taken_bytes;
	struct actor actors[ACTORS];
	atomic_uint busy; /* actors that have not done all their turns */
	atomic_uint consumed[PACKS][SEGMENTS_MAX];
	atomic_bool at_work[THREADS_MAX];
	atomic_uint calls;           /* of the consumer */
	_Atomic(const char *) fault; /* what went wrong first */
};

/* Asserting is the main thread's: cmocka jumps there. */
static void blame(struct round *round, const char *fault)
{
	const char *none = NULL;

	atomic_compare_exchange_strong(&round->fault, &none, fault);
}

static int consume(void *context, const struct xc_fetched *fetched, struct xc_err *err)
{
	struct round *round = context;
	struct xc_segment_ref ref = fetched->ref;
	struct dice dice = { round->store.trouble + atomic_fetch_add(&round->calls, 1) };
	int result = 0;

	if (atomic_exchange(&round->at_work[fetched->worker], true))
		blame(round, "a worker was used twice at once");
	if (!is_right(ref, fetched->raw))
		blame(round, "wrong bytes were handed out");
	if (ref.pack == LONG_PACK)
		usleep(5000);
	else if (happens(&dice, 10))
		nap(&dice, 500);
	if (happens(&dice, round->refusal))
		result = xc_err_set(err, XC_ERR_IO, "the disk is full");
	else if (atomic_fetch_add(&round->consumed[ref.pack][ref.segment], 1) > 0)
		blame(round, "a segment was consumed twice");
	atomic_store(&round->at_work[fetched->worker], false);
	return result;
}

static void check_end(struct round *round, const struct xc_segment_ref *refs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (round->consumed[refs[i].pack][refs[i].segment] == 0)
			blame(round, "a request ended well without all of its segments");
}

static void check_error(struct round *round, const struct xc_err *err, bool canceled)
{
	if (err->kind == XC_ERR_CANCELED) {
		if (!canceled && !xc_cancel_requested(&round->cancel))
			blame(round, "a request ended as canceled and was not");
	} else if (err->kind != XC_ERR_IO && err->kind != XC_ERR_TRANSIENT &&
		   err->kind != XC_ERR_CORRUPT) {
		blame(round, "a request failed for no reason that there was");
	}
}

/* Ask, and wait for the end. */
static int ask(struct actor *actor, const struct xc_segment_ref *refs, size_t count,
	       enum xc_priority priority)
{
	struct round *round = actor->round;
	struct xc_fetch_request *request = xc_fetch_start(round->fetch, refs, count, priority);
	struct xc_err err;
	bool canceled;
	int result;

	pthread_mutex_lock(&actor->lock);
	actor->request = request;
	actor->canceled = false;
	pthread_mutex_unlock(&actor->lock);
	result = xc_fetch_wait(request, &err);
	pthread_mutex_lock(&actor->lock);
	actor->request = NULL;
	canceled = actor->canceled;
	pthread_mutex_unlock(&actor->lock);
	xc_fetch_request_free(request);
	if (result == 0)
		check_end(round, refs, count);
	else
		check_error(round, &err, canceled);
	return result;
}

static struct xc_segment_ref any_segment(struct actor *actor)
{
	uint32_t pack = between(&actor->dice, 0, actor->round->packs - 1);

	return (struct xc_segment_ref){ pack, between(&actor->dice, 0, segments_of(pack) - 1) };
}

/* Wants all, the long ones first, and asks until it has all. */
static void read_all(struct actor *actor)
{
	struct xc_segment_ref refs[PACKS * SEGMENTS_MAX];
	size_t count = 0;

	for (uint32_t pack = actor->round->packs; pack-- > 0;)
		for (uint32_t i = 0; i < segments_of(pack); i++)
			refs[count++] = (struct xc_segment_ref){ pack, i };
	while (ask(actor, refs, count, XC_PRIORITY_BACKGROUND) < 0 &&
	       !xc_cancel_requested(&actor->round->cancel))
		;
}

/* Wants some, in any order, and at times does not wait for them. */
static void read_some(struct actor *actor)
{
	for (unsigned turn = 0; turn < TURNS; turn++) {
		struct xc_segment_ref refs[12];
		unsigned count = between(&actor->dice, 1, ARRAY_LEN(refs));

		for (unsigned i = 0; i < count; i++)
			refs[i] = any_segment(actor);
		if (happens(&actor->dice, 15))
			xc_fetch_request_free(xc_fetch_start(actor->round->fetch, refs, count,
							     XC_PRIORITY_NORMAL));
		else
			ask(actor, refs, count, XC_PRIORITY_NORMAL);
		nap(&actor->dice, 1000);
	}
	atomic_fetch_sub(&actor->round->busy, 1);
}

/* Wants one segment at once, as whoever opens a file does. */
static void read_one(struct actor *actor)
{
	for (unsigned turn = 0; turn < TURNS; turn++) {
		struct xc_segment_ref ref = any_segment(actor);
		struct xc_err err;

		if (xc_fetch_segment(actor->round->fetch, ref, &err) == 0)
			check_end(actor->round, &ref, 1);
		else
			check_error(actor->round, &err, false);
		nap(&actor->dice, 1000);
	}
	atomic_fetch_sub(&actor->round->busy, 1);
}

/* Ends what others wait for; not for ever, or nobody would see one who waits in vain. */
static void cancel_others(struct actor *actor)
{
	unsigned count = between(&actor->dice, 5, 30);

	while (atomic_load(&actor->round->busy) > 0 && count-- > 0) {
		struct actor *other = &actor->round->actors[between(&actor->dice, 0, ACTORS - 1)];

		nap(&actor->dice, 3000);
		pthread_mutex_lock(&other->lock);
		if (other->request) {
			other->canceled = true;
			xc_fetch_cancel(other->request);
		}
		pthread_mutex_unlock(&other->lock);
	}
}

static void rest(struct actor *actor)
{
	(void)actor;
}

static void *run_actor(void *context)
{
	struct actor *actor = context;

	actor->run(actor);
	return NULL;
}

static void start_actors(struct round *round, struct dice *dice)
{
	static void (*const runs[ACTORS])(struct actor *) = {
		read_all, read_some, read_some, read_some, read_one, read_one, cancel_others,
	};

	round->busy = 5;
	for (unsigned i = 0; i < ACTORS; i++) {
		round->actors[i] = (struct actor){
			.round = round,
			.dice = { roll(dice) },
			.run = runs[i],
		};
		pthread_mutex_init(&round->actors[i].lock, NULL);
	}
	if (round->some_only)
		round->actors[0].run = rest;
	for (unsigned i = 0; i < ACTORS; i++)
		assert_int_equal(pthread_create(&round->actors[i].thread, NULL, run_actor,
						&round->actors[i]),
				 0);
}

static void end_actors(struct round *round)
{
	for (unsigned i = 0; i < ACTORS; i++)
		pthread_join(round->actors[i].thread, NULL);
	for (unsigned i = 0; i < ACTORS; i++)
		pthread_mutex_destroy(&round->actors[i].lock);
}

/* Some packs' first bytes are on their way before anyone asks. */
static void open_fetch(struct round *round, struct dice *dice, struct xc_fetch_pack *table)
{
	for (uint32_t i = 0; i < round->packs; i++) {
		size_t head_bytes = between(dice, 1, (unsigned)packs.pack_bytes[i]);

		if (happens(dice, 50))
			round->heads[i] = xc_readahead_start(&round->store.base, pack_names[i], 0,
							     head_bytes);
		table[i] = (struct xc_fetch_pack){
			.name = pack_names[i],
			.id = pack_names[i],
			.segments = packs.segments[i],
			.segment_count = segments_of(i),
			.head = round->heads[i],
		};
	}
	round->fetch = xc_fetch_new(&(struct xc_fetch_opts){
		.store = &round->store.base,
		.packs = table,
		.pack_count = round->packs,
		.threads = between(dice, XC_MAX(round->threads_min, 1u), THREADS_MAX),
		.taken_bytes = round->taken_bytes,
		.consume = consume,
		.context = round,
		.cancel = &round->cancel,
	});
}

static void close_fetch(struct round *round)
{
	xc_fetch_free(round->fetch);
	for (uint32_t i = 0; i < PACKS; i++)
		xc_readahead_free(round->heads[i]);
	moody_close(&round->store);
}

static void check_round(struct round *round, size_t heap_before)
{
	const char *fault = round->fault;

	if (fault)
		fail_msg("%s", fault);
	assert_int_equal(round->store.started, round->store.ended);
	assert_int_equal(heap_bytes, heap_before);
	assert_true(heap_most_bytes - heap_before + round->taken_bytes <= MEMORY_MAX);
	if (round->some_only || xc_cancel_requested(&round->cancel))
		return;
	for (uint32_t pack = 0; pack < round->packs; pack++)
		for (uint32_t i = 0; i < segments_of(pack); i++)
			assert_int_equal(round->consumed[pack][i], 1);
}

/* The flag goes up within `flag_us`; 0: never. */
static void play(struct round *round, struct dice *dice, unsigned trouble, unsigned flag_us)
{
	struct xc_fetch_pack table[PACKS];
	size_t heap_before = heap_bytes;

	heap_most_bytes = heap_before;
	moody_open(&round->store, packs.memory, dice, trouble);
	open_fetch(round, dice, table);
	start_actors(round, dice);
	if (flag_us > 0) {
		nap(dice, flag_us);
		xc_cancel_request(&round->cancel, -1);
	}
	end_actors(round);
	close_fetch(round);
	check_round(round, heap_before);
}

/* --- the tests --- */

static struct dice seeded;

static void each_request_gets_its_bytes_or_its_reason(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		struct round round = {
			.packs = LONG_PACK,
			.refusal = i / 2 % 2,
			.some_only = i % 2 == 1,
			.taken_bytes = i % 3 == 0 ? XC_FETCH_TAKEN_MAX : 0,
		};

		play(&round, &seeded, i % 3 * 3, 0);
	}
}

static void the_flag_ends_all_of_them(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct round round = { .packs = LONG_PACK };

		play(&round, &seeded, i % 2 * 10, 30000);
	}
}

static void the_longest_segments_stay_below_the_ceiling(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct round round = {
			.packs = PACKS,
			.threads_min = THREADS_MAX,
			.taken_bytes = i == 0 ? XC_FETCH_TAKEN_MAX : 0,
		};

		play(&round, &seeded, i * 5, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_request_gets_its_bytes_or_its_reason),
		cmocka_unit_test(the_flag_ends_all_of_them),
		cmocka_unit_test(the_longest_segments_stay_below_the_ceiling),
	};
	const char *seed = getenv("XC_TEST_SEED");

	seeded.state = seed ? strtoull(seed, NULL, 10) : (uint64_t)xc_clock_now_ns();
	print_message("XC_TEST_SEED=%llu\n", (unsigned long long)seeded.state);
	fflush(stdout);
	alarm(HANGS_SECONDS);
	return cmocka_run_group_tests(tests, make_packs, drop_packs);
}
