/* SPDX-License-Identifier: Apache-2.0 */
/* What store/store.h promises of reading ranges and of listing, asserted of every back end. */
#include "store_support.h"

#include <pthread.h>

/* The byte at each offset of the large objects below. */
static char pattern(uint64_t offset)
{
	return (char)(offset * 2654435761u >> 13);
}

static void fill(char *data, uint64_t offset, size_t length)
{
	for (size_t i = 0; i < length; i++)
		data[i] = pattern(offset + i);
}

static bool filled(const char *data, uint64_t offset, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (data[i] != pattern(offset + i))
			return false;
	return true;
}

static void test_large_upload(void **state)
{
	const size_t total = ((size_t)18 << 20) + 7, step = ((size_t)1 << 20) + 333;
	cleanup_free char *data = xc_malloc(step);
	struct xc_store *store = store_of(state);
	struct xc_upload *upload = must_begin(store, "packs/large");
	struct xc_err err;

	for (size_t at = 0; at < total; at += step) {
		size_t length = XC_MIN(step, total - at);

		fill(data, at, length);
		must_append(upload, data, length);
	}
	must_commit(upload);
	for (size_t at = 0; at < total; at += step) {
		size_t length = XC_MIN(step, total - at);

		expect_ok(xc_store_read_wait(store, "packs/large", at, data, length, &err), &err,
			  "read");
		assert_true(filled(data, at, length));
	}
	expect_error(xc_store_read_wait(store, "packs/large", total - 1, data, 2, &err), &err,
		     XC_ERR_CORRUPT, "past the end");
}

static void test_read_ranges(void **state)
{
	static const struct {
		uint64_t offset;
		size_t length;
		const char *expected; /* NULL: CORRUPT */
	} rows[] = {
		{ 0, 10, "0123456789" },
		{ 0, 1, "0" },
		{ 9, 1, "9" },
		{ 3, 4, "3456" },
		{ 0, 11, NULL },
		{ 9, 2, NULL },
		{ 10, 1, NULL },
		{ 11, 1, NULL },
		{ 1000, 5, NULL },
		{ INT64_MAX, 5, NULL },
		{ (uint64_t)INT64_MAX + 1, 5, NULL },
		{ UINT64_MAX, 1, NULL },
		{ UINT64_MAX - 3, 10, NULL },
	};
	struct xc_store *store = store_of(state);

	must_put(store, "digits", "0123456789");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct xc_err err;
		char buffer[16];
		int result = xc_store_read_wait(store, "digits", rows[i].offset, buffer,
						rows[i].length, &err);

		if (rows[i].expected) {
			expect_ok(result, &err, rows[i].expected);
			assert_memory_equal(buffer, rows[i].expected, rows[i].length);
		} else {
			expect_error(result, &err, XC_ERR_CORRUPT, "past the end");
			assert_non_null(strstr(err.msg, "digits"));
		}
	}
}

static void test_read_after_replacement(void **state)
{
	struct xc_store *store = store_of(state);
	struct xc_err err;
	char buffer[3];

	must_put(store, "a/x", "old");
	expect_ok(xc_store_read_wait(store, "a/x", 0, buffer, 3, &err), &err, "old");
	must_put(store, "a/x", "new");
	expect_ok(xc_store_read_wait(store, "a/x", 0, buffer, 3, &err), &err, "new");
	assert_memory_equal(buffer, "new", 3);
}

struct reader {
	pthread_t thread;
	struct xc_store *store;
	unsigned seed;
	const char *fault;
};

#define READ_OBJECTS 12 /* more than a back end may keep open */
#define READ_SIZE    5000

static void *read_many(void *context)
{
	struct reader *reader = context;
	char name[32], buffer[READ_SIZE];
	struct xc_err err;

	for (int i = 0; i < (factory->server ? 40 : 400) && !reader->fault; i++) {
		unsigned number = (unsigned)rand_r(&reader->seed) % READ_OBJECTS;
		size_t offset = (size_t)rand_r(&reader->seed) % (READ_SIZE - 1);
		size_t length = 1 + (size_t)rand_r(&reader->seed) % (READ_SIZE - offset);

		snprintf(name, sizeof(name), "o/%u", number);
		if (xc_store_read_wait(reader->store, name, offset, buffer, length, &err) < 0)
			reader->fault = "a read failed";
		else if (!filled(buffer, number + offset, length))
			reader->fault = "a read gave wrong bytes";
	}
	return NULL;
}

static void test_concurrent_reads(void **state)
{
	struct xc_store *store = store_of(state);
	struct reader readers[8];
	char name[32], data[READ_SIZE];
	struct xc_err err;

	for (unsigned i = 0; i < READ_OBJECTS; i++) {
		snprintf(name, sizeof(name), "o/%u", i);
		fill(data, i, READ_SIZE);
		expect_ok(xc_store_put(store, name, data, READ_SIZE, XC_PUT_ALWAYS, &err), &err,
			  name);
	}
	for (unsigned i = 0; i < ARRAY_LEN(readers); i++) {
		readers[i] = (struct reader){ .store = store, .seed = i };
		assert_int_equal(pthread_create(&readers[i].thread, NULL, read_many, &readers[i]),
				 0);
	}
	for (unsigned i = 0; i < ARRAY_LEN(readers); i++)
		pthread_join(readers[i].thread, NULL);
	for (unsigned i = 0; i < ARRAY_LEN(readers); i++)
		if (readers[i].fault)
			fail_msg("%s", readers[i].fault);
}

enum { CANCEL_READS = 24, CANCEL_BYTES = 1 << 20 };

struct reads {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned ended;
	struct xc_store_read reads[CANCEL_READS];
	int results[CANCEL_READS]; /* 1: not yet */
};

static void note_read(struct xc_store_read *read, int result)
{
	struct reads *reads = read->owner;
	size_t i = (size_t)(read - reads->reads);

	pthread_mutex_lock(&reads->lock);
	assert_int_equal(reads->results[i], 1);
	reads->results[i] = result;
	reads->ended++;
	pthread_cond_signal(&reads->changed);
	pthread_mutex_unlock(&reads->lock);
}

static void start_reads(struct xc_store *store, struct reads *reads, char *room)
{
	static const enum xc_priority priorities[] = { XC_PRIORITY_NORMAL, XC_PRIORITY_URGENT,
						       XC_PRIORITY_BACKGROUND };

	for (size_t i = 0; i < CANCEL_READS; i++) {
		reads->results[i] = 1;
		reads->reads[i] = (struct xc_store_read){
			.name = "packs/x",
			.offset = i * 1000,
			.length = CANCEL_BYTES,
			.buffer = room + i * CANCEL_BYTES,
			.priority = priorities[i % 3],
			.owner = reads,
			.done = note_read,
		};
		xc_store_read(store, &reads->reads[i]);
	}
}

static void check_read(const struct reads *reads, size_t i)
{
	const struct xc_store_read *read = &reads->reads[i];

	if (reads->results[i] == 0)
		assert_true(filled(read->buffer, read->offset, read->length));
	else if (i % 2 == 0)
		fail_msg("a read that nobody canceled: %s", read->err.msg);
	else
		assert_int_equal(read->err.kind, XC_ERR_CANCELED);
}

static void reads_are_canceled_one_by_one(void **state)
{
	struct reads reads = { .lock = PTHREAD_MUTEX_INITIALIZER,
			       .changed = PTHREAD_COND_INITIALIZER };
	cleanup_free char *room = xc_malloc((size_t)CANCEL_READS * CANCEL_BYTES);
	size_t total = CANCEL_BYTES + CANCEL_READS * 1000;
	struct xc_store *store = store_of(state);
	struct xc_upload *upload = must_begin(store, "packs/x");

	fill(room, 0, total);
	must_append(upload, room, total);
	must_commit(upload);
	start_reads(store, &reads, room);
	for (size_t i = 1; i < CANCEL_READS; i += 2)
		xc_store_read_cancel(store, &reads.reads[i]);
	pthread_mutex_lock(&reads.lock);
	while (reads.ended < CANCEL_READS)
		pthread_cond_wait(&reads.changed, &reads.lock);
	pthread_mutex_unlock(&reads.lock);
	for (size_t i = 0; i < CANCEL_READS; i++)
		check_read(&reads, i);
	/* It has ended: nothing comes of this. */
	xc_store_read_cancel(store, &reads.reads[0]);
}

static void must_list_like(struct xc_store *store, const struct xc_strlist *all, const char *prefix)
{
	cleanup_strlist struct xc_strlist expected = XC_STRLIST_INIT, names = XC_STRLIST_INIT;

	for (size_t i = 0; i < all->count; i++)
		if (strncmp(all->items[i], prefix, strlen(prefix)) == 0)
			xc_strlist_add(&expected, all->items[i]);
	if (expected.count > 0)
		qsort(expected.items, expected.count, sizeof(char *), compare_text);
	list_names(store, prefix, &names);
	if (names.count != expected.count)
		fail_msg("%zu instead of %zu names with '%s'", names.count, expected.count, prefix);
	for (size_t i = 0; i < names.count; i++)
		assert_string_equal(names.items[i], expected.items[i]);
}

/* Every prefix of every name, and some that nothing starts with. */
static void test_list_prefixes(void **state)
{
	const char *const given[] = {
		"entries/v1/npm-linux-1",
		"entries/v1/npm-linux-12",
		"entries/v1/npm-linux/x",
		"entries/v1/npm",
		"entries/v2/npm-linux-1",
		"entries-2/v1/a",
		"packs/1.tar.zst",
		".dot/x",
		repeat("l", 200, ""),
		repeat("l", 199, "m/n"),
		repeat("l", 201, "/x"),
		repeat("l", 201, "y"),
		repeat("l", 450, "/z/w"),
		repeat("l", 450, "z"),
		repeat("d/", 30, repeat("e", 300, "")),
	};
	const char *const others[] = {
		"/",
		"//",
		"..",
		"../",
		"./",
		"entries/../packs/",
		"entries//v1",
		"entries/v1/npm-linux-1/",
		"entries/v1/npm-linux-3",
		"z",
		"%~",
		".xcache-tmp/",
		".xcache-tmp",
		"l%~/",
		"\n",
		repeat("l", 200, "%~"),
		repeat("l", 200, "%~/"),
		repeat("l", 2000, ""),
		repeat("l/", 1000, ""),
	};
	cleanup_strlist struct xc_strlist all = XC_STRLIST_INIT;
	struct xc_store *store = store_of(state);

	for (size_t i = 0; i < ARRAY_LEN(given); i++) {
		xc_strlist_add(&all, given[i]);
		must_put(store, given[i], "z");
	}
	for (size_t i = 0; i < all.count; i++)
		/* A server takes its time, but the lengths that matter to files do not to it. */
		for (size_t length = 0; length <= strlen(all.items[i]);
		     length += factory->server && length > 30 ? 41 : 1) {
			cleanup_free char *prefix = xc_strndup(all.items[i], length);

			must_list_like(store, &all, prefix);
		}
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		must_list_like(store, &all, others[i]);
}

static void test_list_many(void **state)
{
	cleanup_strlist struct xc_strlist all = XC_STRLIST_INIT;
	struct xc_store *store = store_of(state);
	char name[64];

	/* Only how files get their names differs. */
	if (factory->mode != ANONYMOUS)
		skip();
	/* One page of S3 has 1000. */
	for (unsigned i = 0; i < (factory->server ? 1050 : 2500); i++) {
		snprintf(name, sizeof(name), "many/%u/key-%u", i % 3, i);
		xc_strlist_add(&all, name);
		must_put(store, name, "z");
	}
	must_list_like(store, &all, "");
	must_list_like(store, &all, "many/2/");
	must_list_like(store, &all, "many/1/key-1");
}

static int check_object(const struct xc_store_object *object, void *context, struct xc_err *err)
{
	const int64_t *before_ns = context;
	struct timespec now;
	int64_t now_ns;

	(void)err;
	clock_gettime(CLOCK_REALTIME, &now);
	now_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	assert_string_equal(object->name, "a/x");
	assert_int_equal(object->size_bytes, 12345);
	/* The clocks of stores may be coarse. */
	assert_true(object->modified_ns > *before_ns - 5000000000);
	assert_true(object->modified_ns < now_ns + 5000000000);
	return 0;
}

static void test_list_size_and_time(void **state)
{
	struct xc_store *store = store_of(state);
	char data[12345] = { 0 };
	struct timespec now;
	int64_t before_ns;
	struct xc_err err;

	clock_gettime(CLOCK_REALTIME, &now);
	before_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	expect_ok(xc_store_put(store, "a/x", data, sizeof(data), XC_PUT_ALWAYS, &err), &err, "x");
	must_list_only(store, "a/x");
	expect_ok(xc_store_list(store, "a", check_object, &before_ns, &err), &err, "list");
}

static int stop_at_second(const struct xc_store_object *object, void *context, struct xc_err *err)
{
	int *count = context;

	(void)object;
	return ++*count < 2 ? 0 : xc_err_set(err, XC_ERR_CANCELED, "enough");
}

static void test_list_stops(void **state)
{
	struct xc_store *store = store_of(state);
	struct xc_err err;
	int count = 0;

	must_put(store, "a/1", "z");
	must_put(store, "a/b/2", "z");
	must_put(store, "c/3", "z");
	expect_error(xc_store_list(store, "", stop_at_second, &count, &err), &err, XC_ERR_CANCELED,
		     "list");
	assert_string_equal(err.msg, "enough");
	assert_int_equal(count, 2);
}

static int remove_found(const struct xc_store_object *object, void *context, struct xc_err *err)
{
	return xc_store_remove(context, object->name, err);
}

/* What is found may be removed at once: no lock may be held meanwhile. */
static void test_list_and_remove(void **state)
{
	struct xc_store *store = store_of(state);
	struct xc_err err;
	char name[32];

	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "r/%d/%d", i % 7, i);
		must_put(store, name, "z");
	}
	must_put(store, "s", "stays");
	expect_ok(xc_store_list(store, "r/", remove_found, store, &err), &err, "list");
	must_list_only(store, "s");
}

int main(void)
{
	const struct CMUnitTest contract[] = {
		STORE_TEST(test_large_upload),
		STORE_TEST(test_read_ranges),
		STORE_TEST(test_read_after_replacement),
		STORE_TEST(test_concurrent_reads),
		STORE_TEST(reads_are_canceled_one_by_one),
		STORE_TEST(test_list_prefixes),
		STORE_TEST(test_list_many),
		STORE_TEST(test_list_size_and_time),
		STORE_TEST(test_list_stops),
		STORE_TEST(test_list_and_remove),
	};

	return RUN_FOR_EVERY_FACTORY(contract);
}
