/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What store/store.h promises, asserted of every back end: a new one is a
 * row in the table of factories.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/strlist.h"
#include "store/file.h"
#include "store/internal.h"

struct fixture {
	char folder[256];
	struct xc_store *store;
};

struct factory {
	const char *name;
	/* An empty store. */
	void (*open)(struct fixture *fixture);
	/* Closes it and removes what it kept. */
	void (*close)(struct fixture *fixture);
};

static void must_open(const char *url, struct xc_store **ret_store)
{
	struct xc_err err;

	if (xc_store_open(url, ret_store, &err) < 0)
		fail_msg("%s", err.msg);
}

static void open_memory(struct fixture *fixture)
{
	must_open("memory:", &fixture->store);
}

static void close_memory(struct fixture *fixture)
{
	xc_store_close(fixture->store);
}

static void open_file(struct fixture *fixture)
{
	const char *base = getenv("TMPDIR");
	char url[sizeof(fixture->folder) + 32];

	snprintf(fixture->folder, sizeof(fixture->folder), "%s/xc-store-XXXXXX",
		 base ? base : "/tmp");
	assert_non_null(mkdtemp(fixture->folder));
	snprintf(url, sizeof(url), "file://%s/root", fixture->folder);
	must_open(url, &fixture->store);
}

/* As on a file system without O_TMPFILE. */
static void open_file_named(struct fixture *fixture)
{
	open_file(fixture);
	atomic_store(&xc_file_store(fixture->store)->lacks_anonymous, true);
}

/* As on a file system without O_TMPFILE and without hard links. */
static void open_file_renaming(struct fixture *fixture)
{
	open_file_named(fixture);
	atomic_store(&xc_file_store(fixture->store)->lacks_links, true);
}

static void close_file(struct fixture *fixture)
{
	xc_store_close(fixture->store);
	assert_int_equal(xc_fd_remove_tree(AT_FDCWD, fixture->folder), 0);
}

static const struct factory factories[] = {
	{ "memory", open_memory, close_memory },
	{ "file", open_file, close_file },
	{ "file with temporary names", open_file_named, close_file },
	{ "file with renames", open_file_renaming, close_file },
};

static const struct factory *factory;

static int setup(void **state)
{
	struct fixture *fixture = xc_calloc(1, sizeof(*fixture));

	factory->open(fixture);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	factory->close(fixture);
	free(fixture);
	return 0;
}

static struct xc_store *store_of(void **state)
{
	return ((struct fixture *)*state)->store;
}

static void expect_ok(int result, const struct xc_err *err, const char *what)
{
	if (result != 0)
		fail_msg("%.80s: %s", what, err->msg);
}

static void expect_error(int result, const struct xc_err *err, enum xc_err_kind kind,
			 const char *what)
{
	if (result == 0)
		fail_msg("%.80s: succeeded, kind %d expected", what, kind);
	if (err->kind != kind)
		fail_msg("%.80s: kind %d instead of %d: %s", what, err->kind, kind, err->msg);
	assert_true(err->msg[0] != '\0');
}

static void must_put(struct xc_store *store, const char *name, const char *text)
{
	struct xc_err err;

	expect_ok(xc_store_put(store, name, text, strlen(text), XC_PUT_ALWAYS, &err), &err, name);
}

static void must_hold(struct xc_store *store, const char *name, const char *text)
{
	cleanup_buf struct xc_buf data = XC_BUF_INIT;
	struct xc_err err;

	expect_ok(xc_store_get(store, name, 1 << 20, &data, &err), &err, name);
	assert_string_equal(xc_buf_str(&data), text);
}

static void must_lack(struct xc_store *store, const char *name)
{
	cleanup_buf struct xc_buf data = XC_BUF_INIT;
	struct xc_err err;
	char byte;

	expect_error(xc_store_get(store, name, 1 << 20, &data, &err), &err, XC_ERR_NOT_FOUND, name);
	expect_error(xc_store_read_wait(store, name, 0, &byte, 1, &err), &err, XC_ERR_NOT_FOUND,
		     name);
	expect_error(xc_store_remove(store, name, &err), &err, XC_ERR_NOT_FOUND, name);
}

static int add_name(const struct xc_store_object *object, void *context, struct xc_err *err)
{
	(void)err;
	xc_strlist_add(context, object->name);
	return 0;
}

static int compare_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names with `prefix`, sorted. */
static void list_names(struct xc_store *store, const char *prefix, struct xc_strlist *ret_names)
{
	struct xc_err err;

	expect_ok(xc_store_list(store, prefix, add_name, ret_names, &err), &err, prefix);
	if (ret_names->count > 0)
		qsort(ret_names->items, ret_names->count, sizeof(char *), compare_text);
}

static void must_list_only(struct xc_store *store, const char *name)
{
	cleanup_strlist struct xc_strlist names = XC_STRLIST_INIT;

	list_names(store, "", &names);
	assert_int_equal(names.count, name ? 1 : 0);
	if (name)
		assert_string_equal(names.items[0], name);
}

/* `count` times `text`, with `end` behind; lives until the program ends. */
static char *repeat(const char *text, size_t count, const char *end)
{
	static struct xc_strlist kept;
	struct xc_buf buf = XC_BUF_INIT;

	while (count-- > 0)
		xc_buf_add_str(&buf, text);
	xc_buf_add_str(&buf, end);
	xc_strlist_take(&kept, xc_buf_steal(&buf));
	return kept.items[kept.count - 1];
}

static char *every_byte(void)
{
	static char name[256];
	size_t used = 0;

	for (int byte = 0x20; byte < 256; byte++)
		if (byte != '/' && byte != 0x7f)
			name[used++] = (char)byte;
	return name;
}

static void test_valid_names(void **state)
{
	const char *const names[] = {
		"a",
		"a/b/c",
		"...",
		"a..b/.hidden/..x",
		" ",
		"a b/ c",
		"100%",
		"%41", /* must not become A */
		"%~a/b%~c",
		"a+b&c=d?e#f",
		"quo\"te's`$(x)\\n*",
		"-rf",
		"gr\xc3\xbc\xc3\x9f/\xf0\x9f\x93\xa6",
		"\xff\xfe/\x80",
		every_byte(),
		/* Around the lengths at which a file system needs cuts. */
		repeat("x", 199, ""),
		repeat("x", 200, ""),
		repeat("x", 201, ""),
		repeat("x", 255, "/y"),
		repeat("x", 256, "/y"),
		repeat("x", 400, ""),
		repeat("x", 401, "/y"),
		repeat("x", 198, "%~y"),
		repeat("x", 200, "%~y"),
		repeat("x", XC_STORE_NAME_MAX, ""),
		repeat("x/", 511, "xx"),
		repeat("x/", 511, "x"),
	};
	struct xc_store *store = store_of(state);

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct xc_err err;
		char byte;

		must_put(store, names[i], "z");
		must_hold(store, names[i], "z");
		must_list_only(store, names[i]);
		expect_ok(xc_store_read_wait(store, names[i], 0, &byte, 1, &err), &err, names[i]);
		assert_int_equal(byte, 'z');
		expect_ok(xc_store_remove(store, names[i], &err), &err, names[i]);
		must_lack(store, names[i]);
		must_list_only(store, NULL);
	}
}

static void test_invalid_names(void **state)
{
	const char *const names[] = {
		"",       "/",          "/a",     "a/",     "a//b",
		".",      "..",         "a/./b",  "../a",   "a/..",
		"a\nb",   "a/\x01",     "\x1f",   "a\x7f",  repeat("x", XC_STORE_NAME_MAX + 1, ""),
		"a/b/./", "a/b/c/../d", "\tname", "name\r",
	};
	struct xc_store *store = store_of(state);

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		cleanup_buf struct xc_buf data = XC_BUF_INIT;
		const char *name = names[i];
		struct xc_upload *upload;
		struct xc_err err;
		char byte;

		expect_error(xc_store_check_name(name, &err), &err, XC_ERR_USAGE, name);
		expect_error(xc_store_put(store, name, "z", 1, XC_PUT_ALWAYS, &err), &err,
			     XC_ERR_USAGE, name);
		expect_error(xc_store_get(store, name, 10, &data, &err), &err, XC_ERR_USAGE, name);
		expect_error(xc_store_read_wait(store, name, 0, &byte, 1, &err), &err, XC_ERR_USAGE,
			     name);
		expect_error(xc_store_upload_begin(store, name, &upload, &err), &err, XC_ERR_USAGE,
			     name);
		expect_error(xc_store_remove(store, name, &err), &err, XC_ERR_USAGE, name);
	}
	must_list_only(store, NULL);
}

static void test_empty_store(void **state)
{
	struct xc_store *store = store_of(state);

	must_list_only(store, NULL);
	must_lack(store, "a/b");
	must_lack(store, "a");
	assert_true(store->read_concurrency > 0);
	assert_true(store->read_bytes > 0);
	assert_non_null(store->display_url);
}

static void test_put_and_get(void **state)
{
	static const char binary[] = "one\0two\0\xff";
	cleanup_buf struct xc_buf data = XC_BUF_INIT;
	struct xc_store *store = store_of(state);
	struct xc_err err;

	expect_ok(xc_store_put(store, "d/binary", binary, sizeof(binary), XC_PUT_IF_ABSENT, &err),
		  &err, "binary");
	expect_ok(xc_store_get(store, "d/binary", 100, &data, &err), &err, "binary");
	assert_int_equal(data.len_bytes, sizeof(binary));
	assert_memory_equal(data.data, binary, sizeof(binary));

	expect_ok(xc_store_put(store, "d/empty", NULL, 0, XC_PUT_IF_ABSENT, &err), &err, "empty");
	must_hold(store, "d/empty", "");
	must_put(store, "d/empty", "no longer");
	must_hold(store, "d/empty", "no longer");
	must_put(store, "d/empty", "short");
	must_hold(store, "d/empty", "short");
}

static void test_names_above_and_below_an_object(void **state)
{
	struct xc_store *store = store_of(state);

	must_put(store, "a/b", "z");
	must_lack(store, "a");
	must_lack(store, "a/b/c");
	must_hold(store, "a/b", "z");
}

static void test_put_if_absent(void **state)
{
	struct xc_store *store = store_of(state);
	struct xc_err err;

	expect_ok(xc_store_put(store, "a/k", "1", 1, XC_PUT_IF_ABSENT, &err), &err, "first");
	expect_error(xc_store_put(store, "a/k", "2", 1, XC_PUT_IF_ABSENT, &err), &err,
		     XC_ERR_EXISTS, "second");
	must_hold(store, "a/k", "1");
	expect_ok(xc_store_remove(store, "a/k", &err), &err, "remove");
	expect_ok(xc_store_put(store, "a/k", "3", 1, XC_PUT_IF_ABSENT, &err), &err, "third");
	must_hold(store, "a/k", "3");
	must_list_only(store, "a/k");
}

static void test_get_max_bytes(void **state)
{
	static const struct {
		size_t max_bytes, ceiling_bytes;
		bool fits;
	} rows[] = {
		{ 5, 0, true },   { 4, 0, false },    { 0, 0, false },
		{ 5, 9, true },   { 100, 8, false },  { SIZE_MAX, 0, true },
		{ 100, 9, true }, { 100, 100, true }, { SIZE_MAX, 5, false },
	};
	struct xc_store *store = store_of(state);

	must_put(store, "five", "12345");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_buf struct xc_buf data = XC_BUF_INIT;
		struct xc_err err;
		int result;

		xc_buf_init(&data, rows[i].ceiling_bytes);
		xc_buf_add_str(&data, "old:");
		result = xc_store_get(store, "five", rows[i].max_bytes, &data, &err);
		if (rows[i].fits)
			expect_ok(result, &err, "five");
		else
			expect_error(result, &err, XC_ERR_CORRUPT, "five");
		assert_string_equal(xc_buf_str(&data), rows[i].fits ? "old:12345" : "old:");
	}
}

static struct xc_upload *must_begin(struct xc_store *store, const char *name)
{
	struct xc_upload *upload;
	struct xc_err err;

	expect_ok(xc_store_upload_begin(store, name, &upload, &err), &err, name);
	return upload;
}

static void must_append(struct xc_upload *upload, const void *data, size_t length)
{
	struct xc_err err;

	expect_ok(xc_store_upload_append(upload, data, length, &err), &err, "append");
}

static void must_commit(struct xc_upload *upload)
{
	struct xc_err err;

	expect_ok(xc_store_upload_commit(upload, &err), &err, "commit");
}

static void test_upload_appears_at_commit(void **state)
{
	struct xc_store *store = store_of(state);
	struct xc_upload *upload = must_begin(store, "p/x");

	must_lack(store, "p/x");
	must_append(upload, "one ", 4);
	must_append(upload, "", 0);
	must_append(upload, "two", 3);
	must_lack(store, "p/x");
	must_list_only(store, NULL);
	must_commit(upload);
	must_hold(store, "p/x", "one two");
	must_list_only(store, "p/x");
}

static void test_upload_abort(void **state)
{
	struct xc_store *store = store_of(state);
	struct xc_upload *upload = must_begin(store, "p/x");

	must_append(upload, "one", 3);
	xc_store_upload_abort(upload);
	must_lack(store, "p/x");
	must_list_only(store, NULL);

	must_put(store, "p/x", "old");
	upload = must_begin(store, "p/x");
	must_append(upload, "new", 3);
	xc_store_upload_abort(upload);
	must_hold(store, "p/x", "old");
	xc_store_upload_abort(NULL);
}

static void test_upload_replaces(void **state)
{
	struct xc_store *store = store_of(state);
	struct xc_upload *first, *second;

	must_put(store, "p/x", "a longer text before");
	first = must_begin(store, "p/x");
	second = must_begin(store, "p/x");
	must_append(first, "first", 5);
	must_append(second, "second", 6);
	must_hold(store, "p/x", "a longer text before");
	must_commit(second);
	must_hold(store, "p/x", "second");
	must_commit(first);
	must_hold(store, "p/x", "first");
	must_commit(must_begin(store, "p/x"));
	must_hold(store, "p/x", "");
	must_list_only(store, "p/x");
}

/* A commit must find its way after the folder it started in has been removed. */
static void test_upload_beside_removal(void **state)
{
	struct xc_store *store = store_of(state);
	struct xc_upload *upload;
	struct xc_err err;

	must_put(store, "p/q/other", "z");
	upload = must_begin(store, "p/q/x");
	must_append(upload, "one", 3);
	expect_ok(xc_store_remove(store, "p/q/other", &err), &err, "remove");
	must_commit(upload);
	must_hold(store, "p/q/x", "one");
}

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

	for (int i = 0; i < 400 && !reader->fault; i++) {
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
		for (size_t length = 0; length <= strlen(all.items[i]); length++) {
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

	for (unsigned i = 0; i < 2500; i++) {
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

static void test_remove(void **state)
{
	struct xc_store *store = store_of(state);
	struct xc_err err;
	char byte;

	must_put(store, "a/b/1", "z");
	must_put(store, "a/b/2", "z");
	expect_ok(xc_store_read_wait(store, "a/b/1", 0, &byte, 1, &err), &err, "read");
	expect_ok(xc_store_remove(store, "a/b/1", &err), &err, "remove");
	must_lack(store, "a/b/1");
	must_hold(store, "a/b/2", "z");
	must_list_only(store, "a/b/2");
	expect_ok(xc_store_remove(store, "a/b/2", &err), &err, "remove");
	must_list_only(store, NULL);
	/* A name above may be used now. */
	must_put(store, "a/b", "z");
	must_list_only(store, "a/b");
}

/* One call that fails must leave things as they were, wherever it strikes. */
static void test_memory_failures(void **state)
{
	struct xc_store *store = store_of(state);
	struct xc_upload *upload;
	struct xc_err err;
	char byte;

	must_put(store, "a", "old");
	xc_store_memory_fail_after(store, 2);
	upload = must_begin(store, "a");
	must_append(upload, "new", 3);
	expect_error(xc_store_upload_commit(upload, &err), &err, XC_ERR_IO, "commit");
	expect_error(xc_store_put(store, "a", "new", 3, XC_PUT_ALWAYS, &err), &err, XC_ERR_IO,
		     "put");
	expect_error(xc_store_remove(store, "a", &err), &err, XC_ERR_IO, "remove");
	expect_error(xc_store_read_wait(store, "a", 0, &byte, 1, &err), &err, XC_ERR_IO, "read");
	expect_error(xc_store_list(store, "", add_name, NULL, &err), &err, XC_ERR_IO, "list");
	xc_store_memory_fail_after(store, -1);
	must_hold(store, "a", "old");
	must_list_only(store, "a");
}

#define CONTRACT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest contract[] = {
		CONTRACT(test_valid_names),
		CONTRACT(test_invalid_names),
		CONTRACT(test_empty_store),
		CONTRACT(test_put_and_get),
		CONTRACT(test_names_above_and_below_an_object),
		CONTRACT(test_put_if_absent),
		CONTRACT(test_get_max_bytes),
		CONTRACT(test_upload_appears_at_commit),
		CONTRACT(test_upload_abort),
		CONTRACT(test_upload_replaces),
		CONTRACT(test_upload_beside_removal),
		CONTRACT(test_large_upload),
		CONTRACT(test_read_ranges),
		CONTRACT(test_read_after_replacement),
		CONTRACT(test_concurrent_reads),
		CONTRACT(test_list_prefixes),
		CONTRACT(test_list_many),
		CONTRACT(test_list_size_and_time),
		CONTRACT(test_list_stops),
		CONTRACT(test_list_and_remove),
		CONTRACT(test_remove),
	};
	const struct CMUnitTest memory_only[] = { CONTRACT(test_memory_failures) };
	int failed = 0;

	for (size_t i = 0; i < ARRAY_LEN(factories); i++) {
		factory = &factories[i];
		failed += cmocka_run_group_tests_name(factory->name, contract, NULL, NULL);
	}
	factory = &factories[0];
	failed += cmocka_run_group_tests_name("memory only", memory_only, NULL, NULL);
	return failed;
}
