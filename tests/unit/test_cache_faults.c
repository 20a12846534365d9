/* SPDX-License-Identifier: Apache-2.0 */
/* The operations on entries, over a store of which each call fails in turn. */
#include "fake_store.h"

/* Another save of the key comes between our look and our manifest. */
static void loses_a_race_gracefully(void **state)
{
	struct scene scene;
	struct fake *fake;
	struct xc_err err;
	bool exists = false;
	long last;

	(void)state;
	scene_open(&scene);
	scene_paths(&scene, "a");
	make_file(&scene, "ws/a", "x");
	fake = wrap_store(&scene);
	must(try_save(&scene, false, &exists, &err), &err);
	/* The last call of a save is the put of the manifest. */
	last = fake->calls;
	scene.query.key = "raced";
	fake->kind = XC_ERR_EXISTS;
	fail_at(fake, last);
	must(try_save(&scene, false, &exists, &err), &err);
	assert_true(fake->struck);
	assert_true(exists);
	let_pass(fake);
	/* Its own pack is of no use any more. */
	assert_int_equal(count_objects(&scene, "/packs/"), 1);
	scene_close(&scene);
}

static void remove_some(void *context)
{
	const struct scene *scene = context;

	remove_path(scene, "ws/t/b");
	remove_path(scene, "ws/t/d/only");
}

static void remove_linked(void *context)
{
	remove_path(context, "ws/t/linked1");
}

/* Between the walk and the packing. */
static void files_that_vanish_are_left_out(void **state)
{
	const struct xc_save_opts opts = { .level = 1 };
	cleanup_save_result struct xc_save_result result = XC_SAVE_RESULT_INIT;
	struct scene scene;
	struct fake *fake;
	struct xc_err err;

	(void)state;
	scene_open(&scene);
	scene_paths(&scene, "t");
	make_file(&scene, "ws/t/a", "1");
	make_file(&scene, "ws/t/b", "2");
	make_file(&scene, "ws/t/c", "3");
	make_link(&scene, "ws/t/c2", "ws/t/c");
	make_file(&scene, "ws/t/d/only", "4");
	make_file(&scene, "ws/t/e/last", "5");
	fake = wrap_store(&scene);
	fake->begun = remove_some;
	fake->begun_context = &scene;
	must(xc_cache_save(&scene.cache, &scene.query, &opts, &result, &err), &err);
	assert_int_equal(result.notes.kinds[XC_NOTE_VANISHED].count, 2);
	assert_non_null(strstr(result.notes.kinds[XC_NOTE_VANISHED].path, "/ws/t/b"));
	assert_int_equal(result.manifest.totals.files, 3);
	remove_path(&scene, "ws/t");
	must(try_restore(&scene, &err), &err);
	assert_true(path_exists(&scene, "ws/t/c2"));
	assert_true(path_exists(&scene, "ws/t/d"));
	assert_true(path_exists(&scene, "ws/t/e/last"));
	assert_false(path_exists(&scene, "ws/t/b"));
	scene_close(&scene);
}

/* Its content is gone, though the other name promises it. */
static void a_vanished_file_with_other_names_fails_the_save(void **state)
{
	struct scene scene;
	struct fake *fake;
	struct xc_err err;
	bool exists;

	(void)state;
	scene_open(&scene);
	scene_paths(&scene, "t");
	make_file(&scene, "ws/t/linked1", "1");
	make_link(&scene, "ws/t/linked2", "ws/t/linked1");
	fake = wrap_store(&scene);
	fake->begun = remove_linked;
	fake->begun_context = &scene;
	assert_int_equal(try_save(&scene, false, &exists, &err), -1);
	assert_int_equal(err.kind, XC_ERR_CHANGED);
	assert_int_equal(count_objects(&scene, "/packs/"), 0);
	scene_close(&scene);
}

/* A put that the store may still be doing when we look: its entry needs the pack. */
static void a_put_whose_outcome_is_open_keeps_its_pack(void **state)
{
	struct scene scene;
	struct fake *fake;
	struct xc_err err;
	bool exists = false;
	long last;

	(void)state;
	scene_open(&scene);
	scene_paths(&scene, "a");
	make_file(&scene, "ws/a", "x");
	fake = wrap_store(&scene);
	must(try_save(&scene, false, &exists, &err), &err);
	last = fake->calls;
	scene.query.key = "open";
	fake->kind = XC_ERR_TRANSIENT;
	fail_at(fake, last);
	assert_int_equal(try_save(&scene, false, &exists, &err), -1);
	assert_true(fake->struck);
	let_pass(fake);
	assert_int_equal(count_objects(&scene, "/packs/"), 2);
	assert_int_equal(count_objects(&scene, "/entries/"), 1);
	scene_close(&scene);
}

/* What no reader takes must not take the key: here a manifest that is too large. */
static void an_entry_that_no_reader_takes_is_not_saved(void **state)
{
	cleanup_buf struct xc_buf line = XC_BUF_INIT;
	struct scene scene;
	struct xc_err err;
	bool exists = false;

	(void)state;
	scene_open(&scene);
	scene_paths(&scene, "a");
	make_file(&scene, "ws/a", "x");
	/* Six bytes each in JSON. */
	xc_buf_add_char(&line, '#');
	for (int i = 0; i < 4000; i++)
		xc_buf_add_char(&line, '\x01');
	for (int i = 0; i < 900; i++)
		xc_strlist_add(&scene.paths, xc_buf_str(&line));
	assert_int_equal(try_save(&scene, false, &exists, &err), -1);
	assert_int_equal(err.kind, XC_ERR_USAGE);
	assert_non_null(strstr(err.msg, "no reader would accept the entry"));
	assert_int_equal(count_objects(&scene, ""), 0);
	scene_close(&scene);
}

static void make_some(const struct scene *scene)
{
	make_file(scene, "ws/a/one", "one");
	make_file(scene, "ws/a/two", "two");
	make_link(scene, "ws/a/three", "ws/a/two");
	make_symlink(scene, "ws/a/four", "one");
}

static void check_after_failed_save(struct scene *scene, struct fake *fake, bool update,
				    const struct xc_err *err)
{
	cleanup_match struct xc_match match = XC_MATCH_INIT;
	struct xc_err other;
	long call = fake->fail_at;
	int found;

	if (err->kind == XC_ERR_NONE || err->msg[0] == '\0')
		fail_msg("call %ld: no error", call);
	let_pass(fake);
	found = xc_cache_lookup(&scene->cache, &scene->query, &match, &other);
	if ((found == 0) != update)
		fail_msg("call %ld: lookup gave %d", call, found);
	if (count_objects(scene, "/packs/") != (update ? 1 : 0))
		fail_msg("call %ld: %zu packs", call, count_objects(scene, "/packs/"));
	if (update)
		must(try_restore(scene, &other), &other);
}

/* Fails every call of the store in turn: no entry, no pack, or the one from before. */
static void failed_saves_leave_nothing(bool update)
{
	bool struck = true;

	for (long call = 1; struck; call++) {
		struct scene scene;
		struct fake *fake;
		struct xc_err err;
		bool exists = false;
		int result;

		scene_open(&scene);
		scene_paths(&scene, "a");
		make_some(&scene);
		if (update) {
			scene_save(&scene, "key");
			make_file(&scene, "ws/a/one", "another");
			remove_path(&scene, "ws/a/four");
		}
		fake = wrap_store(&scene);
		fail_at(fake, call);
		result = try_save(&scene, update, &exists, &err);
		struck = fake->struck;
		if (result < 0)
			check_after_failed_save(&scene, fake, update, &err);
		else if (struck && !update)
			fail_msg("call %ld failed, but the save did not", call);
		let_pass(fake);
		if (result == 0)
			must(try_restore(&scene, &err), &err);
		scene_close(&scene);
		assert_true(call > 5 || struck);
	}
}

static void every_call_of_a_save_may_fail(void **state)
{
	(void)state;
	failed_saves_leave_nothing(false);
}

static void every_call_of_an_update_may_fail(void **state)
{
	(void)state;
	failed_saves_leave_nothing(true);
}

/*
 * A put that is done although it was said to have failed, as when the answer
 * is lost: what stands in the store is an entry that is whole.
 */
static void an_answer_that_is_lost_costs_no_pack(void **state)
{
	static const enum xc_err_kind kinds[] = { XC_ERR_TRANSIENT, XC_ERR_IO, XC_ERR_EXISTS };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		bool struck = true;

		for (long call = 1; struck; call++) {
			cleanup_match struct xc_match match = XC_MATCH_INIT;
			struct scene scene;
			struct fake *fake;
			struct xc_err err;
			bool exists = false;
			int result;

			scene_open(&scene);
			scene_paths(&scene, "a");
			make_some(&scene);
			fake = wrap_store(&scene);
			fake->after = true;
			fake->kind = kinds[i];
			fail_at(fake, call);
			result = try_save(&scene, false, &exists, &err);
			struck = fake->struck;
			let_pass(fake);
			/* Found, so all of it must be there. */
			if (xc_cache_lookup(&scene.cache, &scene.query, &match, &err) == 0)
				must(try_restore(&scene, &err), &err);
			else if (result == 0 && !exists)
				fail_msg("call %ld: saved, but %s", call, err.msg);
			scene_close(&scene);
		}
	}
}

static void every_call_of_a_restore_may_fail(void **state)
{
	static const enum xc_err_kind kinds[] = { XC_ERR_IO, XC_ERR_NOT_FOUND, XC_ERR_TRANSIENT };
	cleanup_free char *before = NULL;
	struct scene scene;
	struct fake *fake;

	(void)state;
	scene_open(&scene);
	scene_paths(&scene, "a");
	make_some(&scene);
	scene_save(&scene, "key");
	remove_path(&scene, "ws/a");
	before = picture(&scene, ".", PICTURE_PLAIN);
	fake = wrap_store(&scene);
	for (long call = 1; call < 100; call++) {
		cleanup_free char *after = NULL;
		struct xc_err err;
		int result;

		fake->kind = kinds[call % 3];
		fail_at(fake, (call + 2) / 3);
		result = try_restore(&scene, &err);
		if (!fake->struck) {
			must(result, &err);
			break;
		}
		/* A manifest that is gone may still be found by its name as a prefix. */
		if (result == 0 && fake->fail_at == 1 && fake->kind == XC_ERR_NOT_FOUND) {
			remove_path(&scene, "ws/a");
			continue;
		}
		assert_int_equal(result, -1);
		/* But a pack that is gone is no miss. */
		if (err.kind == XC_ERR_NOT_FOUND && fake->fail_at > 1)
			fail_msg("call %ld: a miss: %s", fake->fail_at, err.msg);
		after = picture(&scene, ".", PICTURE_PLAIN);
		assert_string_equal(before, after);
	}
	assert_true(path_exists(&scene, "ws/a/four"));
	scene_close(&scene);
}

/* A removal that fails has left the entry, or a tombstone. */
/* Spoilt on their way, bytes come whole the second time; spoilt in the store, they never do. */
static void reads_again_what_came_spoilt(void **state)
{
	struct scene scene;
	struct fake *fake;
	struct xc_err err;
	int again = 0;

	(void)state;
	scene_open(&scene);
	scene_paths(&scene, "a");
	make_some(&scene);
	scene_save(&scene, "key");
	fake = wrap_store(&scene);
	remove_path(&scene, "ws/a");
	/* A pack this small comes in one read, whose end is of no use to a restore. */
	fake->spoil_first = fake->spoil_last = 1;
	for (fake->spoil_at = 0; fake->spoil_at < 1; fake->spoil_at += 0.01) {
		atomic_store(&fake->reads, 0);
		must(try_restore(&scene, &err), &err);
		assert_in_range(atomic_load(&fake->reads), 1, 2);
		again += atomic_load(&fake->reads) == 2;
		remove_path(&scene, "ws/a");
	}
	assert_in_range(again, 50, 99);
	fake->spoil_at = 0.1;
	atomic_store(&fake->reads, 0);
	fake->spoil_last = 1000;
	assert_int_equal(try_restore(&scene, &err), -1);
	assert_int_equal(err.kind, XC_ERR_CORRUPT);
	assert_false(path_exists(&scene, "ws/a"));
	scene_close(&scene);
}

/* What is read before the index has come must fit to what is read after it. */
static void reads_the_beginning_ahead(void **state)
{
	enum { FILES = 20, FILE_BYTES = 1 << 20 };
	cleanup_free char *noise = xc_malloc(FILE_BYTES);
	struct scene scene;
	struct fake *fake;
	struct xc_err err;

	(void)state;
	scene_open(&scene);
	scene_paths(&scene, "a");
	for (int i = 0; i < FILES; i++) {
		char path[20];

		xc_random_bytes(noise, FILE_BYTES);
		snprintf(path, sizeof(path), "ws/a/%02d", i);
		make_file_of(&scene, path, noise, FILE_BYTES);
	}
	scene_save(&scene, "key");
	fake = wrap_store(&scene);
	/* One segment comes ahead; the index and two more segments follow. */
	fake->base.read_bytes = (size_t)9 << 20;
	fake->spoil_at = 0.5;
	for (long number = 0; number <= 4; number++) {
		remove_path(&scene, "ws/a");
		atomic_store(&fake->reads, 0);
		fake->spoil_first = fake->spoil_last = number;
		must(try_restore(&scene, &err), &err);
		assert_int_equal(atomic_load(&fake->reads), number == 0 ? 4 : 5);
		assert_true(path_exists(&scene, "ws/a/19"));
	}
	scene_close(&scene);
}

static void every_call_of_a_removal_may_fail(void **state)
{
	const struct xc_remove_opts opts = { .key = "key" };
	bool struck = true;

	(void)state;
	for (long call = 1; struck; call++) {
		struct scene scene;
		struct fake *fake;
		struct xc_err err;
		uint64_t count;
		int result;

		scene_open(&scene);
		scene_paths(&scene, "a");
		make_file(&scene, "ws/a", "x");
		scene_save(&scene, "key");
		fake = wrap_store(&scene);
		fail_at(fake, call);
		result = xc_cache_remove(&scene.cache, &opts, NULL, NULL, &count, &err);
		struck = fake->struck;
		let_pass(fake);
		if (count_objects(&scene, "/entries/") == 0 &&
		    count_objects(&scene, "/removed/") == 0)
			fail_msg("call %ld: a pack that nothing knows of", call);
		assert_int_equal(count_objects(&scene, "/packs/"), 1);
		assert_int_equal(result, count_objects(&scene, "/entries/") ? -1 : 0);
		scene_close(&scene);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_put_whose_outcome_is_open_keeps_its_pack),
		cmocka_unit_test(an_entry_that_no_reader_takes_is_not_saved),
		cmocka_unit_test(loses_a_race_gracefully),
		cmocka_unit_test(files_that_vanish_are_left_out),
		cmocka_unit_test(a_vanished_file_with_other_names_fails_the_save),
		cmocka_unit_test(every_call_of_a_save_may_fail),
		cmocka_unit_test(every_call_of_an_update_may_fail),
		cmocka_unit_test(an_answer_that_is_lost_costs_no_pack),
		cmocka_unit_test(every_call_of_a_restore_may_fail),
		cmocka_unit_test(reads_again_what_came_spoilt),
		cmocka_unit_test(reads_the_beginning_ahead),
		cmocka_unit_test(every_call_of_a_removal_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
