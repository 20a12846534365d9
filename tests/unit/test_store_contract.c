/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What store/store.h promises of names, of writing and of removing,
 * asserted of every back end in the table of factories.
 */
#include "store_support.h"

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

		if (!can_name(names[i])) {
			expect_error(put(store, names[i], "z", XC_PUT_ALWAYS, &err), &err,
				     XC_ERR_USAGE, names[i]);
			continue;
		}
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

static struct xc_store_tag must_tag(struct xc_store *store, const char *name)
{
	cleanup_buf struct xc_buf data = XC_BUF_INIT;
	struct xc_store_tag tag;
	struct xc_err err;

	expect_ok(xc_store_get_tagged(store, name, 1 << 20, &data, &tag, &err), &err, name);
	assert_true(tag.text[0] != '\0');
	return tag;
}

static void an_object_is_replaced_while_it_is_the_one_that_was_read(void **state)
{
	struct xc_store *store = store_of(state);
	struct xc_store_tag first, second;
	struct xc_err err;

	must_put(store, "a/k", "1");
	first = must_tag(store, "a/k");
	expect_ok(xc_store_put(store, "a/k", "22", 2, XC_PUT_IF_TAG(&first), &err), &err, "first");
	must_hold(store, "a/k", "22");
	expect_error(xc_store_put(store, "a/k", "333", 3, XC_PUT_IF_TAG(&first), &err), &err,
		     XC_ERR_EXISTS, "with the tag from before");
	must_hold(store, "a/k", "22");
	second = must_tag(store, "a/k");
	assert_string_not_equal(first.text, second.text);
	expect_ok(xc_store_put(store, "a/k", "", 0, XC_PUT_IF_TAG(&second), &err), &err, "second");
	must_hold(store, "a/k", "");
	must_list_only(store, "a/k");
}

static void an_object_that_is_gone_is_not_replaced(void **state)
{
	struct xc_store *store = store_of(state);
	struct xc_store_tag tag;
	struct xc_err err;

	must_put(store, "a/k", "1");
	tag = must_tag(store, "a/k");
	expect_ok(xc_store_remove(store, "a/k", &err), &err, "remove");
	assert_int_equal(xc_store_put(store, "a/k", "2", 1, XC_PUT_IF_TAG(&tag), &err), -1);
	/* Some servers say of what is gone that it is another. */
	assert_true(err.kind == XC_ERR_NOT_FOUND || err.kind == XC_ERR_EXISTS);
	must_lack(store, "a/k");
	must_list_only(store, NULL);
}

static void an_object_is_removed_while_it_is_the_one_that_was_read(void **state)
{
	struct xc_store *store = store_of(state);
	struct xc_store_tag first, second;
	struct xc_err err;

	must_put(store, "a/k", "1");
	first = must_tag(store, "a/k");
	must_put(store, "a/k", "22");
	expect_error(xc_store_remove_tagged(store, "a/k", &first, &err), &err, XC_ERR_EXISTS,
		     "with the tag from before");
	must_hold(store, "a/k", "22");
	second = must_tag(store, "a/k");
	expect_ok(xc_store_remove_tagged(store, "a/k", &second, &err), &err, "remove");
	expect_error(xc_store_remove_tagged(store, "a/k", &second, &err), &err, XC_ERR_NOT_FOUND,
		     "twice");
	must_list_only(store, NULL);
}

static void a_tag_comes_with_an_object_that_is_too_large(void **state)
{
	cleanup_buf struct xc_buf data = XC_BUF_INIT;
	struct xc_store *store = store_of(state);
	struct xc_store_tag tag = { "" };
	struct xc_err err;

	must_put(store, "a/k", "12345");
	expect_error(xc_store_get_tagged(store, "a/k", 4, &data, &tag, &err), &err, XC_ERR_CORRUPT,
		     "five bytes of four");
	expect_ok(xc_store_put(store, "a/k", "2", 1, XC_PUT_IF_TAG(&tag), &err), &err, "replace");
	must_hold(store, "a/k", "2");
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
	memory_store_fail_after(store, 2);
	upload = must_begin(store, "a");
	must_append(upload, "new", 3);
	expect_error(xc_store_upload_commit(upload, &err), &err, XC_ERR_IO, "commit");
	expect_error(xc_store_put(store, "a", "new", 3, XC_PUT_ALWAYS, &err), &err, XC_ERR_IO,
		     "put");
	expect_error(xc_store_remove(store, "a", &err), &err, XC_ERR_IO, "remove");
	expect_error(xc_store_read_wait(store, "a", 0, &byte, 1, &err), &err, XC_ERR_IO, "read");
	expect_error(xc_store_list(store, "", add_name, NULL, &err), &err, XC_ERR_IO, "list");
	memory_store_fail_after(store, -1);
	must_hold(store, "a", "old");
	must_list_only(store, "a");
}

int main(void)
{
	const struct CMUnitTest contract[] = {
		STORE_TEST(test_valid_names),
		STORE_TEST(test_invalid_names),
		STORE_TEST(test_empty_store),
		STORE_TEST(test_put_and_get),
		STORE_TEST(test_names_above_and_below_an_object),
		STORE_TEST(test_put_if_absent),
		STORE_TEST(an_object_is_replaced_while_it_is_the_one_that_was_read),
		STORE_TEST(an_object_that_is_gone_is_not_replaced),
		STORE_TEST(an_object_is_removed_while_it_is_the_one_that_was_read),
		STORE_TEST(a_tag_comes_with_an_object_that_is_too_large),
		STORE_TEST(test_get_max_bytes),
		STORE_TEST(test_upload_appears_at_commit),
		STORE_TEST(test_upload_abort),
		STORE_TEST(test_upload_replaces),
		STORE_TEST(test_upload_beside_removal),
		STORE_TEST(test_remove),
	};
	const struct CMUnitTest memory_only[] = { STORE_TEST(test_memory_failures) };
	int failed = RUN_FOR_EVERY_FACTORY(contract);

	factory = &factories[0];
	return failed + cmocka_run_group_tests_name("memory only", memory_only, NULL, NULL);
}
