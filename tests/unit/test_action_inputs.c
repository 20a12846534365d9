/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch.h"

#include "action/inputs.h"
#include "action/store_url.h"
#include "pack/segment.h"

static void set(const char *name, const char *value)
{
	if (value)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

static void inputs_are_read_under_both_names(void **state)
{
	static const struct {
		const char *catches, *name, *dashed, *mapped, *value;
		const char *dashed_name, *mapped_name;
	} rows[] = {
		{ "what a Docker action gets is not seen", "restore-keys", "a", NULL, "a",
		  "INPUT_RESTORE-KEYS", "INPUT_RESTORE_KEYS" },
		{ "what a composite action maps is not seen", "restore-keys", NULL, "b", "b",
		  "INPUT_RESTORE-KEYS", "INPUT_RESTORE_KEYS" },
		{ "the mapped name wins", "restore-keys", "a", "b", "a", "INPUT_RESTORE-KEYS",
		  "INPUT_RESTORE_KEYS" },
		{ "an empty one hides the other", "restore-keys", "", "b", "b",
		  "INPUT_RESTORE-KEYS", "INPUT_RESTORE_KEYS" },
		{ "white space stays", "key", " \r\n k 1 \t\n", NULL, "k 1", "INPUT_KEY",
		  "INPUT_KEY" },
		{ "empty counts as not given", "clear-tag", "", NULL, "", "INPUT_CLEAR-TAG",
		  "INPUT_CLEAR_TAG" },
		{ "not given is not told", "clear-tag", NULL, NULL, NULL, "INPUT_CLEAR-TAG",
		  "INPUT_CLEAR_TAG" },
		{ "blanks in a name", "a b", "x", NULL, "x", "INPUT_A_B", "INPUT_A_B" },
		{ "capitals in a name", "enableCrossOsArchive", "true", NULL, "true",
		  "INPUT_ENABLECROSSOSARCHIVE", "INPUT_ENABLECROSSOSARCHIVE" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_free char *value = NULL;

		set(rows[i].mapped_name, rows[i].mapped);
		if (rows[i].dashed || strcmp(rows[i].dashed_name, rows[i].mapped_name) != 0)
			set(rows[i].dashed_name, rows[i].dashed);
		value = xc_action_input(rows[i].name);
		if (rows[i].value ? !value || strcmp(value, rows[i].value) != 0 : value != NULL)
			fail_msg("%s: %s", rows[i].catches, value ? value : "NULL");
		set(rows[i].dashed_name, NULL);
		set(rows[i].mapped_name, NULL);
	}
}

static void truth_is_true_in_any_case(void **state)
{
	static const struct {
		const char *text;
		bool value;
	} rows[] = {
		{ "true", true },   { "TRUE", true },    { " True ", true },
		{ "false", false }, { "", false },       { "1", false },
		{ "yes", false },   { "truest", false }, { NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_action_inputs struct xc_action_inputs inputs = XC_ACTION_INPUTS_INIT;

		set("INPUT_LOOKUP-ONLY", rows[i].text);
		xc_action_inputs_read(&inputs);
		assert_int_equal(inputs.lookup_only, rows[i].value);
	}
	set("INPUT_LOOKUP-ONLY", NULL);
}

/* The rows of actions/cache's own suite, and what a Windows checkout makes of a workflow. */
static void lists_are_read_line_by_line(void **state)
{
	static const struct {
		const char *text, *lines[4];
	} rows[] = {
		{ "foo", { "foo" } },
		{ "foo\nbar", { "foo", "bar" } },
		{ "foo\r\nbar\r\n", { "foo", "bar" } },
		{ "\n\nfoo\n\n  \nbar\n", { "foo", "bar" } },
		{ "  foo  \n\tbar", { "foo", "bar" } },
		{ "!   bar\nbaz", { "!bar", "baz" } },
		{ "foo\ngrault! garply", { "foo", "grault! garply" } },
		{ "foo\n!\r\t waldo", { "foo", "!waldo" } },
		{ " \n ", { NULL } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_action_inputs struct xc_action_inputs inputs = XC_ACTION_INPUTS_INIT;
		size_t count = 0;

		set("INPUT_PATH", rows[i].text);
		xc_action_inputs_read(&inputs);
		while (count < 4 && rows[i].lines[count])
			count++;
		assert_int_equal(inputs.paths.count, count);
		for (size_t j = 0; j < count; j++)
			assert_string_equal(inputs.paths.items[j], rows[i].lines[j]);
	}
	set("INPUT_PATH", NULL);
}

/* Nothing given: a job that fails for a NULL, or clears by a tag that was switched off. */
static void defaults_are_those_of_action_yml(void **state)
{
	cleanup_action_inputs struct xc_action_inputs inputs = XC_ACTION_INPUTS_INIT;
	struct xc_err err;
	int level;

	(void)state;
	xc_action_inputs_read(&inputs);
	assert_string_equal(inputs.key, "");
	assert_string_equal(inputs.clear_tag, XC_ACTION_CLEAR_TAG);
	assert_int_equal(xc_action_level(&inputs, &level, &err), 0);
	assert_int_equal(level, XC_LEVEL_DEFAULT);
	set("INPUT_CLEAR-TAG", "");
	xc_action_inputs_release(&inputs);
	xc_action_inputs_read(&inputs);
	assert_string_equal(inputs.clear_tag, "");
	set("INPUT_CLEAR-TAG", NULL);
}

static void levels_are_checked(void **state)
{
	static const struct {
		const char *text;
		int level; /* 0: refused */
	} rows[] = {
		{ "1", 1 }, { "19", 19 }, { "0", 0 },  { "20", 0 },
		{ "x", 0 }, { "3x", 0 },  { "-1", 0 }, { "99999999999999999999", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_action_inputs struct xc_action_inputs inputs = XC_ACTION_INPUTS_INIT;
		struct xc_err err;
		int level = 0;

		set("INPUT_COMPRESSION_LEVEL", rows[i].text);
		xc_action_inputs_read(&inputs);
		assert_int_equal(xc_action_level(&inputs, &level, &err), rows[i].level ? 0 : -1);
		assert_int_equal(level, rows[i].level);
	}
	set("INPUT_COMPRESSION_LEVEL", NULL);
}

static void key_faults_are_told_in_full(void **state)
{
	cleanup_strlist struct xc_strlist none = XC_STRLIST_INIT, many = XC_STRLIST_INIT,
					  comma = XC_STRLIST_INIT, too_long = XC_STRLIST_INIT;
	char longest[513], longer[514], pairs[4 * 256 + 1], more_pairs[4 * 257 + 1];
	struct {
		const char *catches, *key;
		const struct xc_strlist *restore_keys;
		const char *begin, *end; /* of the message; NULL: there is none */
	} rows[] = {
		{ "a good key is refused", "k", &none, NULL, NULL },
		{ "512 characters are refused", longest, &none, NULL, NULL },
		{ "513 characters pass, or the key is cut", longer, &none,
		  "Key Validation Error: kkkkk", "kkkkk cannot be larger than 512 characters." },
		{ "code points of two units count as more", pairs, &none, NULL, NULL },
		{ "code points of two units count once", more_pairs, &none,
		  "Key Validation Error: ", "cannot be larger than 512 characters." },
		{ "a restore key may be of any length", "a", &too_long,
		  "Key Validation Error: kkkkk", "kkkkk cannot be larger than 512 characters." },
		{ "a comma passes", "a,b", &none, "Key Validation Error: a,b",
		  "cannot contain commas." },
		{ "a comma in a restore key passes", "a", &comma, "Key Validation Error: x,y",
		  "cannot contain commas." },
		{ "eleven keys pass", "a", &many, "Key Validation Error: Keys are limited",
		  "to a maximum of 10." },
		{ "the count is checked after the keys", "a,b", &many,
		  "Key Validation Error: Keys are limited", "to a maximum of 10." },
	};

	(void)state;
	memset(longest, 'k', 512);
	longest[512] = '\0';
	memset(longer, 'k', 513);
	longer[513] = '\0';
	for (int i = 0; i < 10; i++)
		xc_strlist_add(&many, "r");
	xc_strlist_add(&comma, "x,y");
	xc_strlist_add(&too_long, longer);
	for (size_t i = 0; i < 257; i++)
		memcpy(more_pairs + 4 * i, "\xf0\x9f\x98\x80", 5);
	memcpy(pairs, more_pairs, sizeof(pairs) - 1);
	pairs[sizeof(pairs) - 1] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_free char *fault = xc_action_key_fault(rows[i].key, rows[i].restore_keys);
		size_t length = fault ? strlen(fault) : 0;

		if (!rows[i].begin != !fault)
			fail_msg("%s: %s", rows[i].catches, fault ? fault : "no fault");
		if (!fault)
			continue;
		assert_memory_equal(fault, rows[i].begin, strlen(rows[i].begin));
		assert_string_equal(fault + length - strlen(rows[i].end), rows[i].end);
	}
}

static void keys_are_the_same_in_any_case(void **state)
{
	static const struct {
		const char *one, *other;
		bool same;
	} rows[] = {
		{ "linux-rust", "linux-rust", true },
		{ "linux-rust", "LINUX-RUST", true },
		{ "linux-rust", "linux-", false },
		{ "linux-rust", "", false },
		{ "á", "a", false },
		{ "á", "á", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(xc_action_same_key(rows[i].one, rows[i].other), rows[i].same);
}

static void stores_are_composed(void **state)
{
	static const struct {
		const char *catches, *store, *bucket, *region, *endpoint, *prefix, *environment;
		const char *url; /* NULL: refused */
	} rows[] = {
		{ "a URL is changed", "file:///a b", "", "", "", "", NULL, "file:///a b" },
		{ "a bucket alone is not enough", "", "b.c", "", "", "", NULL, "s3://b.c" },
		{ "the region is lost", "", "b", "eu-west-1", "", "", NULL,
		  "s3://b?region=eu-west-1" },
		{ "an endpoint breaks the URL", "", "b", "r", "https://h:9000/x?y&z", "", NULL,
		  "s3://b?region=r&endpoint=https%3A%2F%2Fh%3A9000%2Fx%3Fy%26z" },
		{ "a prefix breaks the URL", "", "b", "", "", "/team a/ci#1/", NULL,
		  "s3://b/team%20a/ci%231" },
		{ "slashes alone are a prefix", "", "b", "", "", "//", NULL, "s3://b" },
		{ "a bucket's name becomes options", "", "b?endpoint=evil", "", "", "", NULL,
		  "s3://b%3Fendpoint%3Devil" },
		{ "the environment is not asked", "", "", "", "", "", "file:///e", "file:///e" },
		{ "the environment wins", "file:///i", "", "", "", "", "file:///e", "file:///i" },
		{ "nothing is a store", "", "", "r", "", "", "", NULL },
		{ "two stores pass", "file:///i", "b", "", "", "", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_action_inputs struct xc_action_inputs inputs = XC_ACTION_INPUTS_INIT;
		cleanup_free char *url = NULL;
		struct xc_err err = { 0 };

		set("INPUT_STORE", rows[i].store);
		set("INPUT_S3_BUCKET", rows[i].bucket);
		set("INPUT_S3_REGION", rows[i].region);
		set("INPUT_S3_ENDPOINT", rows[i].endpoint);
		set("INPUT_S3_PREFIX", rows[i].prefix);
		set("XCACHE_STORE", rows[i].environment);
		xc_action_inputs_read(&inputs);
		url = xc_action_store_url(&inputs, &err);
		if (!rows[i].url) {
			assert_null(url);
			assert_int_equal(err.kind, XC_ERR_USAGE);
		} else if (!url || strcmp(url, rows[i].url) != 0) {
			fail_msg("%s: %s", rows[i].catches, url ? url : err.msg);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inputs_are_read_under_both_names),
		cmocka_unit_test(truth_is_true_in_any_case),
		cmocka_unit_test(lists_are_read_line_by_line),
		cmocka_unit_test(defaults_are_those_of_action_yml),
		cmocka_unit_test(levels_are_checked),
		cmocka_unit_test(key_faults_are_told_in_full),
		cmocka_unit_test(keys_are_the_same_in_any_case),
		cmocka_unit_test(stores_are_composed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
