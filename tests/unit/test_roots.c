/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "tree/roots.h"

static void init_cleans_the_paths(void **state)
{
	static const struct {
		const char *given, *expected;
		const char *bug;
	} rows[] = {
		{ "/w", "/w", "a clean path is changed" },
		{ "/", "/", "the root loses its slash" },
		{ "///", "/", "several slashes are not one" },
		{ "/w/", "/w", "a trailing slash stays" },
		{ "//a//b//", "/a/b", "double slashes stay" },
		{ "/a/./b/.", "/a/b", "'.' stays" },
		{ "/a/../b", "/b", "'..' stays" },
		{ "/a/b/../..", "/", "'..' up to the root leaves nothing" },
		{ "/../../a", "/a", "'..' climbs over the root" },
		{ "/a/...", "/a/...", "three dots are taken for two" },
		{ "/a/..b/.c", "/a/..b/.c", "a leading dot is taken for a component" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct xc_roots roots;
		struct xc_err err;

		print_message("%s\n", rows[i].bug);
		assert_int_equal(xc_roots_init(&roots, rows[i].given, rows[i].given, &err), 0);
		assert_string_equal(roots.workspace, rows[i].expected);
		assert_string_equal(roots.home, rows[i].expected);
		xc_roots_release(&roots);
	}
}

static void init_starts_at_the_current_directory(void **state)
{
	cleanup_free char *cwd = getcwd(NULL, 0);
	cleanup_free char *below = xc_asprintf("%s/x/y", cwd);
	struct xc_roots roots;
	struct xc_err err;

	(void)state;
	assert_int_equal(xc_roots_init(&roots, NULL, NULL, &err), 0);
	assert_string_equal(roots.workspace, cwd);
	assert_null(roots.home);
	xc_roots_release(&roots);

	assert_int_equal(xc_roots_init(&roots, "./x//z/../y", "", &err), 0);
	assert_string_equal(roots.workspace, below);
	assert_null(roots.home);
	xc_roots_release(&roots);
}

static void stored_paths_and_back(void **state)
{
	static const struct {
		const char *workspace, *home;
		enum xc_root root;
		const char *absolute, *stored;
		const char *bug;
	} rows[] = {
		{ "/h/u/w", "/h/u", XC_ROOT_WORKSPACE, "/h/u/w", ".", "the workspace itself" },
		{ "/h/u/w", "/h/u", XC_ROOT_WORKSPACE, "/h/u/w/a/b", "./a/b", "below it" },
		{ "/h/u/w", "/h/u", XC_ROOT_HOME, "/h/u", "~", "the home itself" },
		{ "/h/u/w", "/h/u", XC_ROOT_HOME, "/h/u/.npm", "~/.npm", "below home" },
		{ "/h/u/w", "/h/u", XC_ROOT_HOME, "/h/u/w/x", "~/w/x",
		  "the workspace takes what is written from the home" },
		{ "/h/u/w", "/h/u", XC_ROOT_SLASH, "/h/u/w/x", "/h/u/w/x",
		  "an absolute path moves with the workspace" },
		{ "/h/u/w", "/h/u", XC_ROOT_SLASH, "/h/u", "/h/u",
		  "an absolute path moves with the home" },
		{ "/h/u/w", "/h/u", XC_ROOT_WORKSPACE, "/h/u/ww", "/h/u/ww",
		  "a name that starts like the workspace" },
		{ "/h/u/w", "/h/u", XC_ROOT_SLASH, "/", "/", "the root itself" },
		{ "/w", "/w/home", XC_ROOT_WORKSPACE, "/w/home/x", "./home/x",
		  "the home within the workspace" },
		{ "/w", NULL, XC_ROOT_HOME, "/h/x", "/h/x", "no home" },
		{ "/", "/h", XC_ROOT_WORKSPACE, "/", ".", "the root as a workspace" },
		{ "/", "/h", XC_ROOT_WORKSPACE, "/x", "./x",
		  "a double slash below the root as a workspace" },
		{ "/w", "/", XC_ROOT_HOME, "/x", "~/x", "the root as a home" },
		{ "/w", "/", XC_ROOT_HOME, "/", "~", "the root as a home, itself" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_buf struct xc_buf stored = XC_BUF_INIT, absolute = XC_BUF_INIT;
		struct xc_roots roots;
		struct xc_err err;

		print_message("%s\n", rows[i].bug);
		assert_int_equal(xc_roots_init(&roots, rows[i].workspace, rows[i].home, &err), 0);
		xc_buf_add_str(&stored, "+");
		xc_buf_add_str(&absolute, "+");
		xc_roots_to_stored(&roots, rows[i].root, rows[i].absolute, &stored);
		assert_string_equal(stored.data + 1, rows[i].stored);
		assert_int_equal(xc_roots_to_absolute(&roots, rows[i].stored, &absolute, &err), 0);
		assert_string_equal(absolute.data + 1, rows[i].absolute);
		xc_roots_release(&roots);
	}
}

static void hostile_stored_paths_are_refused(void **state)
{
	static const char *const rows[] = {
		"",       "a",
		"a/b",    "./",
		"~/",     ".//a",
		"./a/",   "./a//b",
		"..",     "../x",
		"./..",   "./../x",
		"./.",    "./a/.",
		"./a/..", "./a/./b",
		"~x",     "~~",
		"~/../x", "~/.",
		".x",     "...",
		"//",     "//x",
		"/a/",    "/a//b",
		"/..",    "/../x",
		"/a/..",  "/./a",
		"/.",     "\\/a",
		" ./a",   "./a/../../../etc/passwd",
	};
	struct xc_roots roots = { .workspace = "/w", .home = "/h" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_buf struct xc_buf out = XC_BUF_INIT;
		struct xc_err err;

		print_message("'%s'\n", rows[i]);
		assert_int_equal(xc_roots_to_absolute(&roots, rows[i], &out, &err), -1);
		assert_int_equal(err.kind, XC_ERR_CORRUPT);
		assert_int_equal(out.len_bytes, 0);
	}
}

static void odd_but_valid_stored_paths(void **state)
{
	static const struct {
		const char *stored, *absolute;
	} rows[] = {
		{ "./...", "/w/..." },   { "./..a", "/w/..a" }, { "~/.b", "/h/.b" },
		{ "/~/x", "/~/x" },      { "./~", "/w/~" },     { "/a b/\n", "/a b/\n" },
		{ "./\\..", "/w/\\.." }, { "~/~x", "/h/~x" },
	};
	struct xc_roots roots = { .workspace = "/w", .home = "/h" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_buf struct xc_buf out = XC_BUF_INIT;
		struct xc_err err;

		assert_int_equal(xc_roots_to_absolute(&roots, rows[i].stored, &out, &err), 0);
		assert_string_equal(out.data, rows[i].absolute);
	}
}

static void home_needs_to_be_known(void **state)
{
	cleanup_buf struct xc_buf out = XC_BUF_INIT;
	struct xc_roots roots = { .workspace = "/w" };
	struct xc_err err;

	(void)state;
	assert_int_equal(xc_roots_to_absolute(&roots, "~/x", &out, &err), -1);
	assert_int_equal(err.kind, XC_ERR_USAGE);
	assert_non_null(strstr(err.msg, "HOME"));
	assert_int_equal(xc_roots_to_absolute(&roots, "~", &out, &err), -1);
	assert_int_equal(err.kind, XC_ERR_USAGE);
	assert_int_equal(out.len_bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init_cleans_the_paths),
		cmocka_unit_test(init_starts_at_the_current_directory),
		cmocka_unit_test(stored_paths_and_back),
		cmocka_unit_test(hostile_stored_paths_are_refused),
		cmocka_unit_test(odd_but_valid_stored_paths),
		cmocka_unit_test(home_needs_to_be_known),
	};

	return cmocka_run_group_tests_name("roots", tests, NULL, NULL);
}
