/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/suggest.h"
#include "cmd/internal.h"

static const struct xc_option options[] = {
	XC_OPTION("key", TEXT, key, "KEY", "First line\nsecond line"),
	XC_OPTION("key-prefix", ANY_TEXT, key_prefix, "PREFIX", "Text"),
	XC_OPTION("path", LINES, paths, "PATH", "Text"),
	XC_OPTION("update", FLAG, update, NULL, "Text"),
	{ .name = "level",
	  .kind = XC_OPTION_NUMBER,
	  .offset = offsetof(struct xc_args, level),
	  .value = "N",
	  .help = "Text",
	  .min = 1,
	  .max = 19 },
};

static const struct xc_command command = {
	.name = "try",
	.usage = "--key KEY",
	.about = "What it does.",
	.options = options,
	.option_count = ARRAY_LEN(options),
	.needs = XC_NEEDS_KEY | XC_NEEDS_PATHS,
	.examples = "  xcache try",
	.exits = "  0  done",
};

#define WORDS_MAX 8

static int parse(const char *const *words, struct xc_args *args, struct xc_err *err)
{
	char *argv[WORDS_MAX + 2] = { (char *)(uintptr_t) "try" };
	int argc = 1;

	for (size_t i = 0; i < WORDS_MAX && words[i]; i++)
		argv[argc++] = (char *)(uintptr_t)words[i];
	return xc_options_parse(&command, argc, argv, args, err);
}

/* A spelling of a value that is not understood, or a value that gets lost. */
static void values_arrive(void **state)
{
	const char *words[][WORDS_MAX + 1] = {
		{ "--key", "k", "--level", "7", "-j", "3", "-q", "-v" },
		{ "--key=k", "--level=7", "-j3", "-qv" },
		{ "--level", "5", "--key=other", "--key=k", "--level=7", "--jobs=3", "-vqj3" },
		{ "-qvj3", "--key=k", "--level=7", "--" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		cleanup_args struct xc_args args = XC_ARGS_INIT;
		struct xc_err err;

		assert_int_equal(parse(words[i], &args, &err), 0);
		assert_string_equal(args.key, "k");
		assert_int_equal(args.level, 7);
		assert_int_equal(args.jobs, 3);
		assert_true(args.quiet && args.verbose);
		assert_false(args.update || args.json || args.help);
	}
}

/* A value with "=", an empty one where it is allowed, an option as value by "=". */
static void odd_values_arrive(void **state)
{
	const char *words[] = { "--key=--path", "--key-prefix=", "--store=s3://b?x=1", NULL };
	cleanup_args struct xc_args args = XC_ARGS_INIT;
	struct xc_err err;

	(void)state;
	assert_int_equal(parse(words, &args, &err), 0);
	assert_string_equal(args.key, "--path");
	assert_string_equal(args.key_prefix, "");
	assert_string_equal(args.store, "s3://b?x=1");
}

/* Lines of one value that stay one path; scopes that are split. */
static void lists_grow(void **state)
{
	const char *words[] = { "--path", "a\n  b \n\n", "--path=!  c", "--scope",
				"x y",    "--scope=z",   NULL };
	cleanup_args struct xc_args args = XC_ARGS_INIT;
	struct xc_err err;

	(void)state;
	assert_int_equal(parse(words, &args, &err), 0);
	assert_int_equal(args.paths.count, 3);
	assert_string_equal(args.paths.items[1], "b");
	assert_string_equal(args.paths.items[2], "!c");
	assert_int_equal(args.scopes.count, 2);
	assert_string_equal(args.scopes.items[0], "x y");
}

/* A wrong word that is taken silently, or blamed on another. */
static void wrong_words_are_named(void **state)
{
	static const struct {
		const char *words[4];
		const char *message;
	} rows[] = {
		{ { "--kye=x" }, "unknown option --kye; did you mean --key?" },
		{ { "--xyzzy" }, "unknown option --xyzzy" },
		{ { "-key" }, "unknown option -key; did you mean --key?" },
		{ { "-qz" }, "unknown option -z in -qz" },
		{ { "--prefix" }, "unknown option --prefix" },
		{ { "--upd" }, "unknown option --upd; did you mean --update?" },
		{ { "--key" }, "--key needs a value: --key KEY" },
		{ { "--key=" }, "the value of --key is empty" },
		{ { "--scope", "" }, "the value of --scope is empty" },
		{ { "--key", "--path", "x" },
		  "--key needs a value, but the option --path follows; if that is the value, "
		  "write --key=--path" },
		{ { "--json=yes" }, "--json takes no value" },
		{ { "--level", "0" }, "--level takes a number from 1 to 19, not 0" },
		{ { "--level", "20" }, "--level takes a number from 1 to 19, not 20" },
		{ { "--level=3x" }, "--level takes a number from 1 to 19, not 3x" },
		{ { "--level=" }, "--level takes a number from 1 to 19, not nothing" },
		{ { "--level=99999999999999999999" },
		  "--level takes a number from 1 to 19, not 99999999999999999999" },
		{ { "-j", "257" }, "--jobs takes a number from 1 to 256, not 257" },
		{ { "x" }, "unexpected argument x; give each path with --path x" },
		{ { "--", "-q" }, "unexpected argument -q; give each path with --path -q" },
		{ { "-" }, "unexpected argument -; give each path with --path -" },
		{ { "--a\033" }, "unknown option --a\\x1b" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_args struct xc_args args = XC_ARGS_INIT;
		struct xc_err err = { .kind = XC_ERR_NONE };

		assert_int_equal(parse(rows[i].words, &args, &err), -1);
		assert_string_equal(err.msg, rows[i].message);
		assert_int_equal(err.kind, XC_ERR_USAGE);
	}
}

/* An error before --json that is not reported in JSON; help that errors behind it hide. */
static void json_and_help_are_seen(void **state)
{
	const char *json[] = { "--bogus", "--json", NULL };
	const char *hidden[] = { "--bogus", "--", "--json", NULL };
	const char *help[] = { "-h", "--bogus", NULL };
	cleanup_args struct xc_args first = XC_ARGS_INIT, second = XC_ARGS_INIT,
				    third = XC_ARGS_INIT;
	struct xc_err err;

	(void)state;
	assert_int_equal(parse(json, &first, &err), -1);
	assert_true(first.json);
	assert_int_equal(parse(hidden, &second, &err), -1);
	assert_false(second.json);
	assert_int_equal(parse(help, &third, &err), 0);
	assert_true(third.help);
}

/* An option that the help leaves out, text that is not aligned. */
static void help_shows_all(void **state)
{
	static const char *const lines[] = {
		"Usage: xcache try --key KEY\n\nWhat it does.\n\nOptions:\n",
		"      --key KEY             First line\n                            second line\n",
		"      --key-prefix PREFIX   Text\n",
		"\nCommon options:\n      --store URL           Where",
		"  -j, --jobs N              Threads",
		"  -h, --help                Print this help\n",
		"\nExamples:\n  xcache try\n\nExit status:\n  0  done\n",
	};
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	(void)state;
	xc_options_help(&command, out);
	fclose(out);
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		assert_non_null(strstr(text, lines[i]));
	for (const char *at = text; *at; at += strcspn(at, "\n") + 1)
		assert_in_range(strcspn(at, "\n"), 0, 80);
	free(text);
}

/* A suggestion that nobody meant, or none for a slip. */
static void nearest_names(void **state)
{
	static const char *const names[] = { "restore", "save", "lookup", "list", "remove" };
	static const struct {
		const char *word, *nearest;
	} rows[] = {
		{ "svae", "save" },
		{ "saev", "save" },
		{ "sav", "save" },
		{ "res", "restore" },
		{ "resotre", "restore" },
		{ "look-up", "lookup" },
		{ "lits", "list" },
		{ "remvoe", "remove" },
		{ "rmeovee", "remove" },
		{ "delete", NULL },
		{ "l", NULL },
		{ "", NULL },
		{ "xxxx", NULL },
		{ "saveeeeeee", NULL },
		{ "0123456789012345678901234567890123456789", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *nearest = xc_suggest(rows[i].word, names, ARRAY_LEN(names));

		if (rows[i].nearest)
			assert_string_equal(nearest ? nearest : "", rows[i].nearest);
		else
			assert_null(nearest);
	}
}

/* A script that takes a failure for a miss, or the other way round. */
static void exit_codes(void **state)
{
	static const struct {
		enum xc_err_kind kind;
		int code;
	} rows[] = {
		{ XC_ERR_NONE, 0 },     { XC_ERR_USAGE, 2 },   { XC_ERR_NOT_FOUND, 3 },
		{ XC_ERR_EXISTS, 1 },   { XC_ERR_AUTH, 1 },    { XC_ERR_TRANSIENT, 1 },
		{ XC_ERR_NO_MATCH, 1 }, { XC_ERR_CORRUPT, 1 }, { XC_ERR_FORMAT, 1 },
		{ XC_ERR_CHANGED, 1 },  { XC_ERR_IO, 1 },      { XC_ERR_CANCELED, 1 },
		{ XC_ERR_INTERNAL, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(xc_cmd_exit_code(rows[i].kind), rows[i].code);
}

/* More threads than a container may use, or none at all. */
static void cpu_limits(void **state)
{
	static const struct {
		const char *cpu_max;
		unsigned threads;
	} rows[] = {
		{ "max 100000\n", 8 }, { "150000 100000\n", 2 }, { "100000 100000\n", 1 },
		{ "1000 100000", 1 },  { "9900000 100000", 8 },  { "", 8 },
		{ "100000", 8 },       { "100000 0", 8 },        { "0 100000", 8 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(xc_defaults_limit(rows[i].cpu_max, 8), rows[i].threads);
	assert_in_range(xc_defaults_threads(), 1, 256);
}

static void set(const char *name, const char *value)
{
	if (value)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

/* Entries in a place where nobody looks for them; a URL that a path breaks. */
static void default_store(void **state)
{
	static const struct {
		const char *store, *cache, *home, *url;
	} rows[] = {
		{ "memory:", "/c", "/h", "memory:" },
		{ NULL, "/c", "/h", "file:///c/xcache" },
		/* A secret that is missing is no wish to save below the home. */
		{ "", "/c", "/h", NULL },
		{ NULL, "relative", "/h", "file:///h/.cache/xcache" },
		{ NULL, NULL, "/a b/50%/\303\244?#",
		  "file:///a%20b/50%25/%C3%A4%3F%23/.cache/xcache" },
		{ NULL, "", "", NULL },
		{ NULL, NULL, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct xc_err err = { .kind = XC_ERR_NONE };
		cleanup_free char *url = NULL;

		set("XCACHE_STORE", rows[i].store);
		set("XDG_CACHE_HOME", rows[i].cache);
		set("HOME", rows[i].home);
		url = xc_defaults_store(&err);
		if (rows[i].url)
			assert_string_equal(url, rows[i].url);
		else
			assert_null(url);
		assert_int_equal(err.kind, rows[i].url ? XC_ERR_NONE : XC_ERR_USAGE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_arrive),
		cmocka_unit_test(odd_values_arrive),
		cmocka_unit_test(lists_grow),
		cmocka_unit_test(wrong_words_are_named),
		cmocka_unit_test(json_and_help_are_seen),
		cmocka_unit_test(help_shows_all),
		cmocka_unit_test(nearest_names),
		cmocka_unit_test(exit_codes),
		cmocka_unit_test(cpu_limits),
		cmocka_unit_test(default_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
