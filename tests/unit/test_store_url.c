/* SPDX-License-Identifier: Apache-2.0 */
/* How stores are named, and what is said of a URL that names none. */
#include "store_support.h"

static void good_urls_are_read(void **state)
{
	static const struct {
		const char *url, *root, *display;
	} rows[] = {
		{ "file:///a/b", "/a/b", "file:///a/b" },
		{ "file://localhost/a", "/a", "file:///a" },
		{ "file://LocalHost/a", "/a", "file:///a" },
		{ "FILE:///a", "/a", "file:///a" },
		{ "file:/a", "/a", "file:///a" },
		{ "file:///a///", "/a", "file:///a" },
		{ "file:///", "/", "file:///" },
		{ "file:///a?", "/a", "file:///a" },
		{ "file:///a%20b%3f%23%25", "/a b?#%", "file:///a%20b%3F%23%25" },
		{ "file:///a b", "/a b", "file:///a%20b" },
		{ "file:///%C3%BC/%ff%0A", "/\xc3\xbc/\xff\n", "file:///\xc3\xbc/%FF%0A" },
		{ "file:///a%2fb", "/a/b", "file:///a/b" },
		{ "file:///a:b@c", "/a:b@c", "file:///a:b@c" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_store struct xc_store *store = NULL;
		struct xc_err err;

		expect_ok(xc_store_open(rows[i].url, NULL, &store, &err), &err, rows[i].url);
		assert_string_equal(xc_file_store(store)->root, rows[i].root);
		assert_string_equal(store->display_url, rows[i].display);
	}
}

static void bad_urls_are_refused_with_a_way_out(void **state)
{
	static const struct {
		const char *url, *fault, *way_out;
	} rows[] = {
		{ "", "empty", "file:///absolute/path" },
		{ "/tmp/x", "URL", "write file:///tmp/x" },
		{ "/tmp/50% a?b", "URL", "write file:///tmp/50%25%20a%3Fb" },
		{ "tmp/x", "'tmp/x'", "file:///absolute/path" },
		{ "~/x", "'~/x'", "file:///absolute/path" },
		{ "3file:///x", "'3file:///x'", "file:///absolute/path" },
		{ "ftp://host/x", "'ftp:'", "file:///absolute/path" },
		{ "s4://bucket", "'s4:'", "s3://bucket/prefix" },
		{ "files:///x", "'files:'", "file:///absolute/path" },
		{ "file:", "absolute", "file:///absolute/path" },
		{ "file://", "absolute", "file:///absolute/path" },
		{ "file:tmp/x", "'tmp/x'", "file:///absolute/path" },
		{ "file://tmp/x", "'tmp'", "file:///absolute/path" },
		{ "file://localhost:80/x", "'localhost:80'", "file:///absolute/path" },
		{ "file://user@localhost/x", "'user@localhost'", "file:///absolute/path" },
		{ "file://?a", "absolute", "file:///absolute/path" },
		{ "file:///x?region=eu", "'region=eu'", "leave it out" },
		{ "file:///x?a=b&c=d", "'a=b&c=d'", "leave it out" },
		{ "file:///x#y", "'#y'", "%23" },
		{ "file:///x%", "'%'", "%25" },
		{ "file:///x%4", "'%4'", "%25" },
		{ "file:///x%zz/y", "'%zz'", "%25" },
		{ "file:///x%4?1", "'%4'", "%25" },
		{ "file:///x%-1", "'%-1'", "%25" },
		{ "file:///x%00y", "%00", "leave it out" },
		{ "file:///x\ny", "\\x0a", "%0A" },
		{ "memory:", "'memory:'", "file:///absolute/path" },
	};
	cleanup_buf struct xc_buf longest = XC_BUF_INIT;
	struct xc_store *store = NULL;
	struct xc_err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int result = xc_store_open(rows[i].url, NULL, &store, &err);

		expect_message(result, &err, XC_ERR_USAGE, rows[i].fault);
		expect_message(result, &err, XC_ERR_USAGE, rows[i].way_out);
	}
	xc_buf_add_str(&longest, "file://");
	for (int i = 0; i < 4096; i++)
		xc_buf_add_str(&longest, "/");
	xc_buf_add_str(&longest, "x");
	expect_message(xc_store_open(xc_buf_str(&longest), NULL, &store, &err), &err, XC_ERR_USAGE,
		       "longer than");
	assert_null(store);
}

/* Whoever opens a store need not know which kind it will be. */
static void settings_of_another_kind_of_store_are_passed_over(void **state)
{
	const struct xc_store_setting settings[] = {
		{ "private", "yes" },
		{ "profile", "ci" },
		{ "role-arn", NULL },
	};
	const struct xc_store_opts opts = {
		.settings = settings,
		.setting_count = ARRAY_LEN(settings),
	};
	static const char *const urls[] = { "file:///nonexistent", "s3://bucket" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		cleanup_store struct xc_store *store = NULL;
		struct xc_err err;

		expect_ok(xc_store_open(urls[i], &opts, &store, &err), &err, urls[i]);
	}
}

static void a_setting_that_no_store_knows_is_a_mistake(void **state)
{
	const struct xc_store_setting setting = { "profil", "ci" };
	const struct xc_store_opts opts = { .settings = &setting, .setting_count = 1 };
	struct xc_store *store = NULL;
	struct xc_err err;

	(void)state;
	expect_message(xc_store_open("file:///nonexistent", &opts, &store, &err), &err,
		       XC_ERR_INTERNAL, "'profil'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_urls_are_read),
		cmocka_unit_test(bad_urls_are_refused_with_a_way_out),
		cmocka_unit_test(settings_of_another_kind_of_store_are_passed_over),
		cmocka_unit_test(a_setting_that_no_store_knows_is_a_mistake),
	};

	return cmocka_run_group_tests_name("store URLs", tests, NULL, NULL);
}
