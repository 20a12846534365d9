/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What store/store.h promises of what a back end can do and what it leaves
 * out, and of several objects that are removed at once; asserted of every one.
 */
#include "store_support.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void what_a_store_can_do_is_there(void **state)
{
	const struct xc_store *store = store_of(state);
	const unsigned puts =
		XC_STORE_CAN_REPLACE | XC_STORE_CAN_PUT_IF_ABSENT | XC_STORE_CAN_PUT_IF_TAG;
	const struct {
		unsigned flags;
		bool is_there;
	} rows[] = {
		{ XC_STORE_CAN_LIST, store->ops->list },
		{ XC_STORE_CAN_REMOVE, store->ops->remove },
		{ XC_STORE_CAN_FIND, store->ops->find },
		{ XC_STORE_CAN_TELL_TIME, store->ops->now },
		{ puts, store->ops->put },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal((store->can & rows[i].flags) != 0, rows[i].is_there);
	assert_non_null(store->ops->close);
	assert_non_null(store->ops->get);
	assert_non_null(store->ops->read);
	assert_non_null(store->ops->upload_begin);
	/* Both kinds of server are told the conditions, also the one that does not know them. */
	assert_int_equal(store->can & puts, puts);
}

static void expect_lack(const struct xc_store *store, int result, const struct xc_err *err,
			const char *what)
{
	cleanup_free char *text = xc_asprintf("%s cannot %s", XC_QUOTE(store->display_url), what);

	expect_message(result, err, XC_ERR_USAGE, text);
}

/* As if the back end could not do it, and had NULL there. */
static void what_a_store_cannot_do_is_said_clearly(void **state)
{
	struct xc_store *store = store_of(state);
	const struct xc_store_ops *ops = store->ops;
	const struct xc_store_ops less = { .close = ops->close,
					   .get = ops->get,
					   .read = ops->read };
	const struct xc_store_query query = { .key = "k" };
	struct xc_strlist names = XC_STRLIST_INIT;
	struct xc_store_found found;
	struct xc_store_tag tag;
	unsigned can = store->can;
	struct xc_err err;
	int64_t now_ns;

	must_put(store, "a/k", "1");
	xc_strlist_add(&names, "a/k");
	store->ops = &less;
	store->can = 0;
	xc_store_tag_of("1", 1, &tag);
	expect_lack(store, xc_store_list(store, "", add_name, NULL, &err), &err, "list");
	expect_lack(store, xc_store_remove(store, "a/k", &err), &err, "remove");
	expect_lack(store, xc_store_remove_tagged(store, "a/k", &tag, &err), &err, "remove");
	expect_lack(store, xc_store_remove_many(store, &names, &err), &err, "remove");
	expect_lack(store, put(store, "a/k", "2", XC_PUT_ALWAYS, &err), &err, "replace objects");
	expect_lack(store, put(store, "a/k", "2", XC_PUT_IF_ABSENT, &err), &err, "write only new");
	expect_lack(store, put(store, "a/k", "2", XC_PUT_IF_TAG(&tag), &err), &err,
		    "replace just what was read");
	expect_lack(store, xc_store_find(store, &query, &found, &err), &err, "match keys");
	expect_lack(store, xc_store_now(store, "", &now_ns, &err), &err, "tell its time");
	store->ops = ops;
	store->can = can;
	xc_strlist_release(&names);
	must_hold(store, "a/k", "1");
}

struct span {
	int64_t from_ns, to_ns;
};

static int check_time(const struct xc_store_object *object, void *context, struct xc_err *err)
{
	const struct span *span = context;

	(void)err;
	assert_true(object->modified_ns >= span->from_ns);
	assert_true(object->modified_ns <= span->to_ns);
	return 0;
}

/* What is written between two looks at the clock bears a time between the two. */
static void a_store_tells_the_time_that_its_objects_bear(void **state)
{
	/* Servers have whole seconds, and one clock for answers and another for objects. */
	const int64_t grain_ns = factory->server ? 2000000000 : 50000000;
	struct xc_store *store = store_of(state);
	struct span span;
	struct xc_err err;

	expect_ok(xc_store_now(store, "", &span.from_ns, &err), &err, "now");
	must_list_only(store, NULL);
	must_put(store, "a/1", "z");
	expect_ok(xc_store_now(store, "not/there", &span.to_ns, &err), &err, "then");
	must_list_only(store, "a/1");
	assert_true(span.to_ns >= span.from_ns);
	span.from_ns -= grain_ns;
	span.to_ns += grain_ns;
	expect_ok(xc_store_list(store, "", check_time, &span, &err), &err, "list");
}

static void several_objects_are_removed_at_once(void **state)
{
	static const char *const objects[] = { "p/1",      "p/a&b<c>\"'",          "p/ blank",
					       "p/100%41", "p/gr\xc3\xbc\xc3\x9f", "p/q/r/s" };
	struct xc_strlist names = XC_STRLIST_INIT;
	struct xc_store *store = store_of(state);
	struct xc_err err;

	expect_ok(xc_store_remove_many(store, &names, &err), &err, "none");
	for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
		must_put(store, objects[i], "z");
		xc_strlist_add(&names, objects[i]);
	}
	must_put(store, "p/2", "stays");
	xc_strlist_add(&names, "p/not there");
	expect_ok(xc_store_remove_many(store, &names, &err), &err, "some");
	must_list_only(store, "p/2");
	expect_ok(xc_store_remove_many(store, &names, &err), &err, "again");
	must_list_only(store, "p/2");
	xc_strlist_release(&names);
}

static void a_name_that_cannot_be_removes_nothing(void **state)
{
	struct xc_strlist names = XC_STRLIST_INIT;
	struct xc_store *store = store_of(state);
	struct xc_err err;

	must_put(store, "p/1", "z");
	xc_strlist_add(&names, "p/1");
	xc_strlist_add(&names, "../p");
	expect_error(xc_store_remove_many(store, &names, &err), &err, XC_ERR_USAGE, "..");
	must_list_only(store, "p/1");
	xc_strlist_release(&names);
}

/* One that cannot be removed does not keep the others. */
static void the_removal_of_one_may_fail(void **state)
{
	struct xc_strlist names = XC_STRLIST_INIT;
	struct xc_store *store = store_of(state);
	struct xc_err err;

	for (int i = 0; i < 3; i++) {
		cleanup_free char *name = xc_asprintf("p/%d", i);

		must_put(store, name, "z");
		xc_strlist_add(&names, name);
	}
	memory_store_fail_after(store, 0);
	expect_error(xc_store_remove_many(store, &names, &err), &err, XC_ERR_IO, "all fail");
	memory_store_fail_after(store, -1);
	must_hold(store, "p/0", "z");
	expect_ok(xc_store_remove_many(store, &names, &err), &err, "all");
	must_list_only(store, NULL);
	xc_strlist_release(&names);
}

/* What follows would read another struct than there is. */
static void a_store_of_another_kind_is_not_taken_for_a_folder(void **state)
{
	struct xc_store *store = store_of(state);
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		signal(SIGABRT, SIG_DFL);
		(void)xc_file_store(store);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

int main(void)
{
	const struct CMUnitTest contract[] = {
		STORE_TEST(what_a_store_can_do_is_there),
		STORE_TEST(what_a_store_cannot_do_is_said_clearly),
		STORE_TEST(a_store_tells_the_time_that_its_objects_bear),
		STORE_TEST(several_objects_are_removed_at_once),
		STORE_TEST(a_name_that_cannot_be_removes_nothing),
	};
	const struct CMUnitTest memory_only[] = {
		STORE_TEST(the_removal_of_one_may_fail),
		STORE_TEST(a_store_of_another_kind_is_not_taken_for_a_folder),
	};
	int failed = RUN_FOR_EVERY_FACTORY(contract);

	factory = &factories[0];
	return failed + cmocka_run_group_tests_name("memory only", memory_only, NULL, NULL);
}
