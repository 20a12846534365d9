/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch.h"

#include "action/access.h"
#include "action/clear_tag.h"
#include "action/event.h"

#define SHA "0123456789abcdef0123456789abcdef01234567"
#define FROM(repository)                                                                           \
	"{\"repository\":{\"full_name\":\"o/r\",\"default_branch\":\"main\"}," repository "}"

static void events_are_read(void **state)
{
	static const struct {
		const char *catches, *name, *json;
		const char *branch, *message, *sha;
		bool own, fork;
	} rows[] = {
		{ "a push's message is not found", "push",
		  FROM("\"head_commit\":{\"message\":\"m\"}"), "main", "m", NULL, false, false },
		{ "the deletion of a branch", "push", FROM("\"head_commit\":null"), "main", NULL,
		  NULL, false, false },
		{ "a merge group's message is not found", "merge_group",
		  FROM("\"merge_group\":{\"head_commit\":{\"message\":\"g\"}}"), "main", "g", NULL,
		  false, false },
		{ "another event's text passes for a message", "issue_comment",
		  FROM("\"head_commit\":{\"message\":\"[ci-clear-cache]\"}"), "main", NULL, NULL,
		  false, false },
		{ "a pull request of one's own", "pull_request",
		  FROM("\"pull_request\":{\"head\":{\"sha\":\"" SHA
		       "\",\"repo\":{\"full_name\":\"o/r\"}}}"),
		  "main", NULL, SHA, true, false },
		{ "a fork's pull request", "pull_request",
		  FROM("\"pull_request\":{\"head\":{\"sha\":\"" SHA
		       "\",\"repo\":{\"full_name\":\"x/r\"}}}"),
		  "main", NULL, SHA, false, true },
		{ "a deleted fork's pull request", "pull_request",
		  FROM("\"pull_request\":{\"head\":{\"sha\":\"" SHA "\",\"repo\":null}}"), "main",
		  NULL, SHA, false, true },
		{ "a sha that is an option of git", "pull_request",
		  FROM("\"pull_request\":{\"head\":{\"sha\":\"--output=x\"}}"), "main", NULL, NULL,
		  false, true },
		{ "a stranger's commit is asked about", "pull_request_target",
		  FROM("\"pull_request\":{\"head\":{\"sha\":\"" SHA
		       "\",\"repo\":{\"full_name\":\"o/r\"}}}"),
		  "main", NULL, NULL, true, false },
		{ "a fork's workflow run", "workflow_run",
		  FROM("\"workflow_run\":{\"head_repository\":{\"full_name\":\"x/r\"}}"), "main",
		  NULL, NULL, false, true },
		{ "one's own workflow run", "workflow_run",
		  FROM("\"workflow_run\":{\"head_repository\":{\"full_name\":\"o/r\"}}"), "main",
		  NULL, NULL, true, false },
		{ "an event of nothing", "schedule", "{}", NULL, NULL, NULL, false, false },
		{ "members of other types", "push",
		  "{\"repository\":[],\"head_commit\":{\"message\":7}}", NULL, NULL, NULL, false,
		  false },
		{ "a nameless event", NULL, FROM("\"head_commit\":{\"message\":\"m\"}"), "main",
		  NULL, NULL, false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_action_event struct xc_action_event event = XC_ACTION_EVENT_INIT;
		const char *expected[] = { rows[i].branch, rows[i].message, rows[i].sha };
		struct xc_err err = { 0 };

		if (xc_action_event_parse(rows[i].name, rows[i].json, strlen(rows[i].json), &event,
					  &err) < 0)
			fail_msg("%s: %s", rows[i].catches, err.msg);
		for (size_t j = 0; j < ARRAY_LEN(expected); j++) {
			const char *got[] = { event.default_branch, event.message, event.head_sha };

			if (expected[j] ? !got[j] || strcmp(got[j], expected[j]) != 0 : !!got[j])
				fail_msg("%s: %s", rows[i].catches, got[j] ? got[j] : "NULL");
		}
		if (event.own != rows[i].own || event.fork != rows[i].fork)
			fail_msg("%s: own %d, fork %d", rows[i].catches, event.own, event.fork);
	}
}

static void what_is_no_event_is_refused(void **state)
{
	static const char *const rows[] = { "", "[]", "null", "{", "{}{}", "\"\\u0000\"" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct xc_action_event event;
		struct xc_err err = { 0 };

		assert_int_equal(
			xc_action_event_parse("push", rows[i], strlen(rows[i]), &event, &err), -1);
		assert_int_equal(err.kind, XC_ERR_CORRUPT);
	}
}

/* 1 MB of what would hurt a shell, a JSON text, or a search that starts over and over. */
static void messages_are_data(void **state)
{
	static const struct {
		const char *catches, *piece, *tail;
		bool found;
	} rows[] = {
		{ "commands are run", "$(touch hurt) `touch hurt` ; touch hurt & \\\" ' \\n",
		  "[ci-clear-cache]", true },
		{ "brackets take a second each", "[", "[ci-clear-cache]", true },
		{ "beginnings of tags take a second each", "[ci-clear-cache:", "", false },
		{ "words take a second each", "[ci-clear-cache:k k k ", "]", true },
		{ "the tag needs a line of its own", "x", "[ci-clear-cache]x", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_action_event struct xc_action_event event = XC_ACTION_EVENT_INIT;
		cleanup_buf struct xc_buf json = XC_BUF_INIT;
		struct xc_err err = { 0 };

		xc_buf_add_str(&json, "{\"head_commit\":{\"message\":\"");
		while (json.len_bytes < (size_t)1 << 20)
			xc_buf_add_str(&json, rows[i].piece);
		xc_buf_addf(&json, "%s\"}}", rows[i].tail);
		assert_int_equal(
			xc_action_event_parse("push", json.data, json.len_bytes, &event, &err), 0);
		if (xc_action_clear_tag_found(event.message, "ci-clear-cache", "k") !=
		    rows[i].found)
			fail_msg("%s", rows[i].catches);
	}
	assert_int_not_equal(access("hurt", F_OK), 0);
}

static void tags_are_found(void **state)
{
	static const struct {
		const char *catches, *message, *tag, *key;
		bool found;
	} rows[] = {
		{ "the plain tag", "fix\n\n[ci-clear-cache]", "ci-clear-cache", "k", true },
		{ "no tag at all", "fix", "ci-clear-cache", "k", false },
		{ "an empty message", "", "ci-clear-cache", "k", false },
		{ "the words without brackets", "ci-clear-cache", "ci-clear-cache", "k", false },
		{ "a tag in capitals", "[CI-CLEAR-CACHE]", "ci-clear-cache", "k", false },
		{ "a longer tag", "[ci-clear-caches]", "ci-clear-cache", "k", false },
		{ "a cut tag", "[ci-clear-cache", "ci-clear-cache", "k", false },
		{ "a word of the key", "[ci-clear-cache:npm]", "ci-clear-cache", "linux-npm-1",
		  true },
		{ "a word of another key", "[ci-clear-cache:cargo]", "ci-clear-cache",
		  "linux-npm-1", false },
		{ "both words", "[ci-clear-cache:npm linux]", "ci-clear-cache", "linux-npm-1",
		  true },
		{ "one of two words", "[ci-clear-cache:npm macos]", "ci-clear-cache", "linux-npm-1",
		  false },
		{ "blanks around words", "[ci-clear-cache: npm \t linux ]", "ci-clear-cache",
		  "linux-npm-1", true },
		{ "no word asks for no word", "[ci-clear-cache:]", "ci-clear-cache", "k", true },
		{ "a tag over two lines", "[ci-clear-cache:npm\nlinux]", "ci-clear-cache",
		  "linux-npm-1", false },
		{ "the second of two tags", "[ci-clear-cache:a] [ci-clear-cache:npm]",
		  "ci-clear-cache", "npm", true },
		{ "a tag within a bracket", "[[ci-clear-cache]]", "ci-clear-cache", "k", true },
		{ "another tag", "[fresh]", "fresh", "k", true },
		{ "a tag given with its brackets", "[fresh]", "[fresh]", "k", true },
		{ "the default beside another tag", "[ci-clear-cache]", "fresh", "k", false },
		{ "an empty tag is found everywhere", "[]", "", "k", false },
		{ "empty brackets likewise", "[]", "[]", "k", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (xc_action_clear_tag_found(rows[i].message, rows[i].tag, rows[i].key) !=
		    rows[i].found)
			fail_msg("%s", rows[i].catches);
}

static void scopes_come_in_order(void **state)
{
	static const struct {
		const char *catches;
		char *ref, *base, *main;
		bool shared;
		const char *scopes[3];
	} rows[] = {
		{ "a branch does not read the default one",
		  "refs/heads/x",
		  NULL,
		  "main",
		  false,
		  { "refs/heads/x", "refs/heads/main" } },
		{ "the default branch is searched twice",
		  "refs/heads/main",
		  NULL,
		  "main",
		  false,
		  { "refs/heads/main" } },
		{ "the base comes after the default branch",
		  "refs/pull/7/merge",
		  "dev",
		  "main",
		  false,
		  { "refs/pull/7/merge", "refs/heads/dev", "refs/heads/main" } },
		{ "base and default branch are one",
		  "refs/pull/7/merge",
		  "main",
		  "main",
		  false,
		  { "refs/pull/7/merge", "refs/heads/main" } },
		{ "a tag is taken for a branch",
		  "refs/tags/main",
		  NULL,
		  "main",
		  false,
		  { "refs/tags/main", "refs/heads/main" } },
		{ "an unknown default branch",
		  "refs/heads/x",
		  NULL,
		  NULL,
		  false,
		  { "refs/heads/x" } },
		{ "the shared scope is not alone",
		  "refs/pull/7/merge",
		  "dev",
		  "main",
		  true,
		  { "repository" } },
		{ "no ref at all", NULL, NULL, "main", true, { NULL } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct xc_action_context context = { .ref = rows[i].ref, .base_ref = rows[i].base };
		struct xc_action_event event = { .default_branch = rows[i].main };
		cleanup_strlist struct xc_strlist scopes = XC_STRLIST_INIT;
		size_t count = 0;

		xc_action_access_scopes(&context, &event, rows[i].shared, &scopes);
		while (count < 3 && rows[i].scopes[count])
			count++;
		if (scopes.count != count)
			fail_msg("%s: %zu scopes", rows[i].catches, scopes.count);
		for (size_t j = 0; j < count; j++)
			assert_string_equal(scopes.items[j], rows[i].scopes[j]);
	}
}

#define MAIN "refs/heads/main"
#define PULL "refs/pull/7/merge"

static void strangers_only_read(void **state)
{
	static const struct {
		char *event, *ref;
		bool own, may_write, may_share;
	} rows[] = {
		{ "push", MAIN, false, true, true },
		{ "schedule", MAIN, false, true, true },
		{ "workflow_dispatch", MAIN, false, true, true },
		{ "repository_dispatch", MAIN, false, true, true },
		{ "delete", MAIN, false, true, true },
		{ "registry_package", MAIN, false, true, true },
		{ "page_build", MAIN, false, true, true },
		{ "pull_request", PULL, true, true, true },
		{ "pull_request", PULL, false, true, false },
		{ "release", "refs/tags/v1", false, true, true },
		{ "merge_group", "refs/heads/gh-readonly-queue/main/pr-7", false, true, true },
		{ "pull_request_target", MAIN, false, false, false },
		{ "pull_request_target", MAIN, true, false, false },
		{ "pull_request_target", "refs/heads/dev", false, false, false },
		{ "issue_comment", MAIN, false, false, false },
		{ "issues", MAIN, false, false, false },
		{ "fork", MAIN, false, false, false },
		{ "watch", MAIN, false, false, false },
		{ "workflow_run", MAIN, false, false, false },
		{ "workflow_run", MAIN, true, true, true },
		{ "something_new", MAIN, false, false, false },
		{ NULL, MAIN, false, false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct xc_action_context context = { .event_name = rows[i].event,
						     .ref = rows[i].ref };
		struct xc_action_event event = { .default_branch = "main", .own = rows[i].own };
		struct xc_action_event unknown = { .own = false };

		if (!xc_action_access_ban(&context, &event, false) != rows[i].may_write ||
		    !xc_action_access_ban(&context, &event, true) != rows[i].may_share)
			fail_msg("row %zu: %s", i, rows[i].event ? rows[i].event : "NULL");
		/* An event that nobody could read must not open what a known one keeps shut. */
		if (!rows[i].may_write)
			assert_non_null(xc_action_access_ban(&context, &unknown, false));
	}
}

static void modes_are_obeyed(void **state)
{
	static const struct {
		const char *mode;
		bool reads, writes;
	} rows[] = {
		{ NULL, true, true },          { "none", false, false },
		{ "read", true, false },       { "write", true, true },
		{ "write-only", false, true }, { "unheard-of", true, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(xc_action_mode_reads(rows[i].mode), rows[i].reads);
		assert_int_equal(xc_action_mode_writes(rows[i].mode), rows[i].writes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_are_read),
		cmocka_unit_test(what_is_no_event_is_refused),
		cmocka_unit_test_setup_teardown(messages_are_data, scratch_setup, scratch_teardown),
		cmocka_unit_test(tags_are_found),
		cmocka_unit_test(scopes_come_in_order),
		cmocka_unit_test(strangers_only_read),
		cmocka_unit_test(modes_are_obeyed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
