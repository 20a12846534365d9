/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "action/context.h"

static void set(const char *name, const char *value)
{
	if (value)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

/*
 * A run that writes to a scope of others, cannot read the one its branch came
 * from, or searches one twice; an empty variable that counts as set.
 */
static void scopes_follow_the_ref(void **state)
{
	static const struct {
		const char *ref, *base, *scopes[2];
	} rows[] = {
		{ NULL, NULL, { NULL } },
		{ "", "", { NULL } },
		{ NULL, "main", { NULL } },
		{ "refs/heads/main", NULL, { "refs/heads/main" } },
		{ "refs/heads/main", "", { "refs/heads/main" } },
		{ "refs/pull/7/merge", "main", { "refs/pull/7/merge", "refs/heads/main" } },
		{ "refs/pull/7/merge", "a/b", { "refs/pull/7/merge", "refs/heads/a/b" } },
		{ "refs/heads/main", "main", { "refs/heads/main" } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_action_context struct xc_action_context context = XC_ACTION_CONTEXT_INIT;
		cleanup_strlist struct xc_strlist scopes = XC_STRLIST_INIT;
		size_t expected = rows[i].scopes[1] ? 2 : rows[i].scopes[0] ? 1 : 0;

		set("GITHUB_REF", rows[i].ref);
		set("GITHUB_BASE_REF", rows[i].base);
		xc_action_context_read(&context);
		xc_action_context_scopes(&context, &scopes);
		assert_int_equal(scopes.count, expected);
		for (size_t j = 0; j < expected; j++)
			assert_string_equal(scopes.items[j], rows[i].scopes[j]);
	}
}

/* A variable read under another's name; a copy that changes with the environment. */
static void variables_are_copied(void **state)
{
	cleanup_action_context struct xc_action_context context = XC_ACTION_CONTEXT_INIT;

	(void)state;
	set("GITHUB_REPOSITORY", "owner/name");
	set("GITHUB_WORKSPACE", "/work");
	xc_action_context_read(&context);
	set("GITHUB_REPOSITORY", "else/where");
	set("GITHUB_WORKSPACE", "");
	assert_string_equal(context.repository, "owner/name");
	assert_string_equal(context.workspace, "/work");
	xc_action_context_release(&context);
	xc_action_context_read(&context);
	assert_string_equal(context.repository, "else/where");
	assert_null(context.workspace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scopes_follow_the_ref),
		cmocka_unit_test(variables_are_copied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
