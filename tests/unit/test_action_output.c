/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch.h"

#include "action/commands.h"
#include "action/internal.h"

static void data_is_escaped(void **state)
{
	static const struct {
		const char *text, *escaped;
	} rows[] = {
		{ "plain, with: all = signs", "plain, with: all = signs" },
		{ "100%\r\n::error::x", "100%25%0D%0A::error::x" },
		{ "%0A", "%250A" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_buf struct xc_buf out = XC_BUF_INIT;

		xc_action_escape_data(rows[i].text, &out);
		assert_string_equal(xc_buf_str(&out), rows[i].escaped);
	}
}

static void lines_are_no_commands(void **state)
{
	static const struct {
		const char *catches, *text, *escaped;
	} rows[] = {
		{ "a good line is changed", "a: b :: c ## d \\ é", "a: b :: c ## d \\ é" },
		{ "a command at the start", "::set-env name=x::y", "\\x3a:set-env name=x::y" },
		{ "a command behind blanks", "  ::error::", "  \\x3a:error::" },
		{ "a command on a second line", "k\n::error::x", "k\\x0a::error::x" },
		{ "a carriage return makes a line", "k\r::error::x", "k\\x0d::error::x" },
		{ "the older form within a line", "k ##[error]x", "k ##\\x5berror]x" },
		{ "the older form at the start", "##[error]x", "##\\x5berror]x" },
		{ "one character more", "###[error]x", "###\\x5berror]x" },
		{ "escape sequences of a terminal", "\x1b[31mred", "\\x1b[31mred" },
		{ "an empty line", "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_buf struct xc_buf out = XC_BUF_INIT;

		xc_action_escape_line(rows[i].text, &out);
		if (strcmp(xc_buf_str(&out), rows[i].escaped) != 0)
			fail_msg("%s: %s", rows[i].catches, out.data);
	}
}

/* Any value comes out of the runner as it went in, whatever it holds. */
static void values_are_fenced(void **state)
{
	static const char *const rows[] = {
		"",     "v",  "a\nb",  "a<<b=c",   "::error::x", "xcache_0\nname=forged\n",
		"\n\n", "=x", "<<EOF", "a\r\nb\r", " a\t",       "EOF\nEOF",
	};
	struct xc_action_context context = { .output_path = "out" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_buf struct xc_buf text = XC_BUF_INIT;
		cleanup_free char *delimiter = NULL, *expected = NULL;
		struct xc_err err;

		unlink("out");
		assert_int_equal(xc_action_set_output(&context, "name", rows[i], &err), 0);
		assert_int_equal(xc_fd_read_file(AT_FDCWD, "out", 1000, &text), 0);
		assert_memory_equal(text.data, "name<<", 6);
		delimiter = xc_strndup(text.data + 6, strcspn(text.data + 6, "\n"));
		assert_true(strlen(delimiter) >= 32);
		expected = xc_asprintf("name<<%s\n%s\n%s\n", delimiter, rows[i], delimiter);
		assert_string_equal(text.data, expected);
		assert_null(strstr(rows[i], delimiter));
	}
}

/* A later step that wipes what an earlier one told; a delimiter that can be foreseen. */
static void files_are_appended_to(void **state)
{
	struct xc_action_context context = { .state_path = "state" };
	cleanup_buf struct xc_buf text = XC_BUF_INIT;
	const char *second;
	struct xc_err err;

	(void)state;
	assert_int_equal(xc_action_save_state(&context, "A", "1", &err), 0);
	assert_int_equal(xc_action_save_state(&context, "B", "2", &err), 0);
	assert_int_equal(xc_fd_read_file(AT_FDCWD, "state", 1000, &text), 0);
	second = strstr(text.data, "B<<");
	assert_non_null(second);
	assert_memory_equal(text.data, "A<<", 3);
	assert_int_not_equal(memcmp(text.data + 3, second + 3, 39), 0);
	context.state_path = "no/such/folder";
	assert_int_equal(xc_action_save_state(&context, "A", "1", &err), -1);
	assert_int_equal(err.kind, XC_ERR_IO);
	context.state_path = NULL;
	assert_int_equal(xc_action_save_state(&context, "A", "1", &err), 0);
}

/* Keys and errors that would be markup, a link, a cell of their own, or a script. */
static void summaries_hold_no_foreign_markup(void **state)
{
	static const char key[] =
		"k|`<script>&\n\r| # [x](http://evil) www.evil WWW.evil ~ *a* _b_ @team :+1: $x$";
	struct xc_action_closest closest = { .key = (char *)(uintptr_t)key,
					     .scope = (char *)(uintptr_t)key,
					     .other_paths = true };
	const struct xc_action_outcome outcome = { .result = XC_RESULT_MISS,
						   .reason = key,
						   .closest = &closest };
	struct xc_action_run run = { .query.key = key };
	cleanup_buf struct xc_buf text = XC_BUF_INIT;

	(void)state;
	xc_strlist_add(&run.scopes, key);
	xc_strlist_add(&run.inputs.restore_keys, key);
	xc_action_summary_text(&run, &outcome, &text);
	assert_null(strstr(text.data, "<script>"));
	assert_null(strstr(text.data, "http://"));
	assert_null(strcasestr(text.data, "www."));
	assert_null(strpbrk(text.data, "`\r[@$*~"));
	/* Every line of a table has its two cells. */
	for (const char *line = strchr(text.data, '|'); line; line = strstr(line + 1, "\n| ")) {
		size_t bars = 0;

		line += *line == '\n';
		for (size_t i = 0; line[i] != '\n'; i++)
			bars += line[i] == '|';
		assert_int_equal(bars, 3);
	}
	xc_strlist_release(&run.scopes);
	xc_strlist_release(&run.inputs.restore_keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_is_escaped),
		cmocka_unit_test(lines_are_no_commands),
		cmocka_unit_test_setup_teardown(values_are_fenced, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(files_are_appended_to, scratch_setup,
						scratch_teardown),
		cmocka_unit_test(summaries_hold_no_foreign_markup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
