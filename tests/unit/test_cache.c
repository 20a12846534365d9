/* SPDX-License-Identifier: Apache-2.0 */
/* The operations on entries, over a store in memory. */
#include "key/objects.h"
#include "fake_store.h"

/* --- looking up --- */

static void expect_found(struct scene *scene, const char *key, const char *restore_keys,
			 const char *found)
{
	cleanup_match struct xc_match match = XC_MATCH_INIT;
	struct xc_err err = { 0 };
	cleanup_free char *got = NULL;
	int result;

	xc_strlist_release(&scene->restore_keys);
	xc_strlist_add_lines(&scene->restore_keys, restore_keys);
	scene->query.key = key;
	result = xc_cache_lookup(&scene->cache, &scene->query, &match, &err);
	if (result < 0 && err.kind != XC_ERR_NOT_FOUND)
		fail_msg("%s: %s", key, err.msg);
	got = result < 0 ? xc_strdup("nothing")
			 : xc_asprintf("%s in %s, %s", match.manifest.key, match.scope,
				       match.exact ? "exact" : "prefix");
	if (strcmp(got, found) != 0)
		fail_msg("%s, else %s: found %s instead of %s", key, restore_keys, got, found);
}

static void looks_up_in_order(void **state)
{
	static const struct {
		const char *key, *restore_keys, *found;
	} rows[] = {
		{ "npm-1", "", "npm-1 in main, exact" },
		/* The exact key wins over newer ones that it is the beginning of. */
		{ "npm", "", "npm in main, exact" },
		/* The newest wins, not the longest or first. */
		{ "npm-", "", "npm-1 in main, prefix" },
		{ "npm-1x", "npm-", "npm-1 in main, prefix" },
		/* Restore keys in their order. */
		{ "x", "yarn-\nnpm-", "yarn-9 in main, prefix" },
		{ "x", "no-\nnpm-22", "npm-22 in main, prefix" },
		/* Of a restore key, too, the entry of exactly it goes before newer ones. */
		{ "x", "npm", "npm in main, prefix" },
		{ "x", "npm-2\nnpm", "npm-22 in main, prefix" },
		/* A restore key in an earlier scope wins over the exact key in a later one. */
		{ "base-1", "npm-", "npm-1 in main, prefix" },
		{ "base-1", "", "base-1 in base, exact" },
		{ "base", "", "base-1 in base, prefix" },
		/* Scopes that are not listed are out of sight. */
		{ "other-1", "other", "nothing" },
		/* A key is not its own encoding, and prefixes are of bytes. */
		{ "sl/ash", "", "sl/ash%2F in main, prefix" },
		{ "sl%2F", "", "nothing" },
		{ "NPM-1", "npm-1x", "nothing" },
		/* ".": where stored names begin otherwise than keys. */
		{ ".dot", "", ".dot/1 in main, prefix" },
		{ "\xc3", "", "\xc3\xa4 in main, prefix" },
	};
	struct scene scene;

	(void)state;
	scene_open(&scene);
	xc_strlist_add(&scene.scopes, "base");
	scene_paths(&scene, "a");
	make_file(&scene, "ws/a", "x");
	save_in(&scene, "main", "npm-22");
	save_in(&scene, "main", "npm");
	save_in(&scene, "main", "npm-300");
	save_in(&scene, "main", "npm-1");
	save_in(&scene, "main", "yarn-9");
	save_in(&scene, "main", "sl/ash%2F");
	save_in(&scene, "main", ".dot/1");
	save_in(&scene, "main", "\xc3\xa4");
	save_in(&scene, "base", "base-1");
	save_in(&scene, "base", "npm-22");
	save_in(&scene, "elsewhere", "other-1");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		expect_found(&scene, rows[i].key, rows[i].restore_keys, rows[i].found);
	/* Other path lines are another version, of which there is nothing. */
	scene_paths(&scene, "a\nb");
	expect_found(&scene, "npm-1", "npm", "nothing");
	scene_close(&scene);
}

/* A request for every restore key of every scope would make a miss slow and dear. */
static void asks_the_store_little(void **state)
{
	struct scene scene;
	struct fake *fake;

	(void)state;
	scene_open(&scene);
	xc_strlist_add(&scene.scopes, "base");
	xc_strlist_add(&scene.scopes, "default");
	scene_paths(&scene, "a");
	make_file(&scene, "ws/a", "x");
	save_in(&scene, "main", "npm-1");
	fake = wrap_store(&scene);
	expect_found(&scene, "npm-1", "npm-\nnp", "npm-1 in main, exact");
	/* The manifest, and a look whether the pack is there. */
	assert_int_equal(fake->calls, 2);
	fake->calls = 0;
	expect_found(&scene, "npm-2", "npm-\nnp", "npm-1 in main, prefix");
	assert_int_equal(fake->calls, 4);
	fake->calls = 0;
	expect_found(&scene, "x", "y\nz\nq", "nothing");
	assert_int_equal(fake->calls, 2 * 3);
	scene_close(&scene);
}

static int count_entry(const struct xc_entry *entry, void *context, struct xc_err *err)
{
	(void)entry;
	(void)err;
	++*(size_t *)context;
	return 0;
}

/* Whoever only wants to name a near key need not see them all. */
static void lists_as_many_names_as_are_wanted(void **state)
{
	struct xc_list_opts opts = { .max_names = 3 };
	struct scene scene;
	struct xc_err err;
	size_t count = 0;

	(void)state;
	scene_open(&scene);
	scene_paths(&scene, "a");
	make_file(&scene, "ws/a", "x");
	for (char key[] = "k0"; key[1] < '5'; key[1]++)
		scene_save(&scene, key);
	must(xc_cache_list(&scene.cache, &opts, count_entry, &count, &err), &err);
	assert_int_equal(count, 3);
	count = 0;
	opts.max_names = 0;
	must(xc_cache_list(&scene.cache, &opts, count_entry, &count, &err), &err);
	assert_int_equal(count, 5);
	scene_close(&scene);
}

/* S3 tells times in whole seconds: of two saves in one second the later must win. */
static void tells_apart_what_is_equally_old(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	scene_paths(&scene, "a");
	make_file(&scene, "ws/a", "x");
	save_in(&scene, "main", "npm-2");
	save_in(&scene, "main", "npm-3");
	save_in(&scene, "main", "npm-1");
	save_in(&scene, "main", "yarn-1");
	wrap_store(&scene)->coarse_times = true;
	expect_found(&scene, "npm-", "", "npm-1 in main, prefix");
	expect_found(&scene, "x", "npm-", "npm-1 in main, prefix");
	scene_close(&scene);
}

/* What the names and manifests of entries in the store say is not asked for. */
static void a_store_that_matches_keys_by_itself_is_asked_once(void **state)
{
	cleanup_buf struct xc_buf name = XC_BUF_INIT;
	struct xc_store_found found = { .key = (char *)"npm-1", .scope = (char *)"base" };
	char version[XC_VERSION_HEX + 1];
	struct scene scene;
	struct fake *fake;
	struct xc_err err;

	(void)state;
	scene_open(&scene);
	scene_paths(&scene, "a");
	make_file(&scene, "ws/a", "x");
	save_in(&scene, "base", "npm-1");
	xc_key_version(&scene.paths, version);
	must(xc_name_entry(
		     &(struct xc_entry_name){ scene.cache.repository, "base", version, "npm-1" },
		     &name, &err),
	     &err);
	found.name = name.data;
	fake = wrap_store(&scene);
	fake->base.can = XC_STORE_CAN_FIND;
	fake->finds = &found;
	expect_found(&scene, "npm-2", "npm-", "npm-1 in base, prefix");
	expect_found(&scene, "npm-1", "", "npm-1 in base, exact");
	assert_int_equal(fake->find_calls, 2);
	assert_string_equal(fake->asked.key, "npm-1");
	assert_int_equal(fake->asked.restore_keys->count, 0);
	assert_string_equal(fake->asked.scopes->items[0], "main");
	must(try_restore(&scene, &err), &err);
	scene_close(&scene);
}

static int look_up(struct scene *scene, struct xc_err *err)
{
	cleanup_match struct xc_match match = XC_MATCH_INIT;

	return xc_cache_lookup(&scene->cache, &scene->query, &match, err);
}

static void what_a_store_finds_may_be_of_no_use(void **state)
{
	struct xc_store_found found = { .name = (char *)"gone",
					.key = (char *)"key",
					.scope = (char *)"main" };
	struct scene scene;
	struct fake *fake;
	struct xc_err err;

	(void)state;
	scene_open(&scene);
	scene_paths(&scene, "a");
	fake = wrap_store(&scene);
	fake->base.can |= XC_STORE_CAN_FIND;
	assert_int_equal(look_up(&scene, &err), -1);
	assert_int_equal(err.kind, XC_ERR_NOT_FOUND);
	/* Evicted in the meantime. */
	fake->finds = &found;
	assert_int_equal(look_up(&scene, &err), -1);
	assert_int_equal(err.kind, XC_ERR_NOT_FOUND);
	found.key = (char *)"other";
	assert_int_equal(look_up(&scene, &err), -1);
	assert_int_equal(err.kind, XC_ERR_CORRUPT);
	must(xc_store_put(fake->inner, "gone", "{", 1, XC_PUT_ALWAYS, &err), &err);
	found.key = (char *)"key";
	assert_int_equal(look_up(&scene, &err), -1);
	assert_int_equal(err.kind, XC_ERR_CORRUPT);
	scene_close(&scene);
}

/* Names as long as this are cut, so that only the manifests tell the keys. */
static void finds_keys_that_are_cut(void **state)
{
	char key[513], prefix[513];
	cleanup_free char *found = NULL;
	struct scene scene;

	(void)state;
	scene_open(&scene);
	scene_paths(&scene, "a");
	make_file(&scene, "ws/a", "x");
	memset(key, '/', 512);
	key[512] = '\0';
	memcpy(prefix, key, sizeof(key));
	key[511] = 'a';
	save_in(&scene, "main", key);
	key[511] = 'b';
	save_in(&scene, "main", key);
	found = xc_asprintf("%s in main, exact", key);
	expect_found(&scene, key, "", found);
	prefix[511] = '\0';
	free(found);
	found = xc_asprintf("%s in main, prefix", key);
	expect_found(&scene, prefix, "", found);
	/* A prefix that the cut names share with both, but the keys do not. */
	prefix[510] = 'c';
	expect_found(&scene, prefix, "", "nothing");
	scene_close(&scene);
}

static void put_later_format(struct scene *scene, const char *key)
{
	static const char later[] = "{\"xcache\": 3, \"key\": \"k\"}";
	cleanup_free char *name = NULL;

	scene->query.key = key;
	name = entry_name(scene);
	store_put(scene, name, later, strlen(later));
}

static void passes_over_later_formats(void **state)
{
	cleanup_match struct xc_match match = XC_MATCH_INIT;
	struct scene scene;
	struct xc_err err;

	(void)state;
	scene_open(&scene);
	scene_paths(&scene, "a");
	make_file(&scene, "ws/a", "x");
	save_in(&scene, "main", "npm-1");
	put_later_format(&scene, "npm-2");
	put_later_format(&scene, "only-2");
	expect_found(&scene, "npm-", "", "npm-1 in main, prefix");
	expect_found(&scene, "npm-2", "npm-", "npm-1 in main, prefix");
	/* If there is nothing else, it says why. */
	scene.query.key = "only-2";
	xc_strlist_release(&scene.restore_keys);
	assert_int_equal(xc_cache_lookup(&scene.cache, &scene.query, &match, &err), -1);
	assert_int_equal(err.kind, XC_ERR_NOT_FOUND);
	assert_non_null(strstr(err.msg, "format version 3"));
	scene_close(&scene);
}

static void finds_a_key_of_any_version(void **state)
{
	cleanup_match struct xc_match match = XC_MATCH_INIT;
	char version[XC_VERSION_HEX + 1];
	struct scene scene;
	struct xc_err err;

	(void)state;
	scene_open(&scene);
	xc_strlist_add(&scene.scopes, "base");
	scene_paths(&scene, "a");
	make_file(&scene, "ws/a", "x");
	save_in(&scene, "base", "k");
	save_in(&scene, "main", "k");
	xc_key_version(&scene.paths, version);
	scene_paths(&scene, "a\nb");
	save_in(&scene, "main", "k");
	save_in(&scene, "main", "k-longer");
	/* The newest of two versions, and not one whose key only begins so. */
	must(xc_cache_find_key(&scene.cache, "k", NULL, &match, &err), &err);
	assert_string_equal(match.scope, "main");
	assert_string_equal(match.manifest.key, "k");
	assert_int_equal(match.manifest.paths.count, 2);
	xc_match_release(&match);
	must(xc_cache_find_key(&scene.cache, "k", version, &match, &err), &err);
	assert_int_equal(match.manifest.paths.count, 1);
	xc_match_release(&match);
	assert_int_equal(xc_cache_find_key(&scene.cache, "k-", NULL, &match, &err), -1);
	assert_int_equal(err.kind, XC_ERR_NOT_FOUND);
	scene_close(&scene);
}

/* --- saving --- */

static void keeps_an_entry_that_is_there(void **state)
{
	struct scene scene;
	struct xc_err err;
	bool exists = false;

	(void)state;
	scene_open(&scene);
	scene_paths(&scene, "a");
	make_file(&scene, "ws/a", "first");
	scene_save(&scene, "k");
	make_file(&scene, "ws/a", "second");
	must(try_save(&scene, false, &exists, &err), &err);
	assert_true(exists);
	assert_int_equal(count_objects(&scene, "/packs/"), 1);
	/* An update replaces it and notes that the old pack is of no use. */
	must(try_save(&scene, true, &exists, &err), &err);
	assert_false(exists);
	assert_int_equal(count_objects(&scene, "/entries/"), 1);
	assert_int_equal(count_objects(&scene, "/packs/"), 2);
	assert_int_equal(count_objects(&scene, "/removed/"), 1);
	remove_path(&scene, "ws/a");
	must(try_restore(&scene, &err), &err);
	{
		cleanup_buf struct xc_buf data = XC_BUF_INIT;

		must_sys(xc_fd_read_file(scene.root_fd, "ws/a", 100, &data), "ws/a");
		assert_string_equal(data.data, "second");
	}
	scene_close(&scene);
}

static void saves_nothing_of_nothing(void **state)
{
	struct scene scene;
	struct xc_err err;
	bool exists = false;

	(void)state;
	scene_open(&scene);
	scene_paths(&scene, "no/such/path");
	assert_int_equal(try_save(&scene, false, &exists, &err), -1);
	assert_int_equal(err.kind, XC_ERR_NO_MATCH);
	scene_paths(&scene, "");
	assert_int_equal(try_save(&scene, false, &exists, &err), -1);
	assert_int_equal(err.kind, XC_ERR_USAGE);
	scene_paths(&scene, "a");
	make_file(&scene, "ws/a", "x");
	scene.query.key = "with,comma";
	assert_int_equal(try_save(&scene, false, &exists, &err), -1);
	assert_int_equal(err.kind, XC_ERR_USAGE);
	assert_int_equal(count_objects(&scene, ""), 0);
	scene_close(&scene);
}

static void gives_the_same_pack_for_any_number_of_threads(void **state)
{
	struct xc_buf packs[3] = { { 0 }, { 0 }, { 0 } };
	static const unsigned threads[3] = { 1, 2, 8 };
	struct scene scene;

	(void)state;
	scene_open(&scene);
	scene_paths(&scene, "a");
	for (int i = 0; i < 60; i++) {
		cleanup_free char *path = xc_asprintf("ws/a/d%d/f%d", i % 7, i);
		cleanup_free char *text = xc_calloc(1, 300001);

		memset(text, 'a' + i % 26, (size_t)5000 * (size_t)i);
		make_file(&scene, path, text);
	}
	for (int i = 0; i < 3; i++) {
		cleanup_strlist struct xc_strlist names = XC_STRLIST_INIT;
		struct xc_err err;

		scene_use_memory(&scene);
		scene.cache.threads = threads[i];
		scene_save(&scene, "key");
		must(xc_store_list(scene.store, "a%2Fb/main/packs/", note_name, &names, &err),
		     &err);
		assert_int_equal(names.count, 1);
		must(xc_store_get(scene.store, names.items[0], 64 << 20, &packs[i], &err), &err);
		assert_int_equal(packs[0].len_bytes, packs[i].len_bytes);
		assert_memory_equal(packs[0].data, packs[i].data, packs[0].len_bytes);
	}
	for (int i = 0; i < 3; i++)
		xc_buf_release(&packs[i]);
	scene_close(&scene);
}

/* --- removing and listing --- */

static int note_key(const struct xc_entry *entry, void *context, struct xc_err *err)
{
	(void)err;
	xc_buf_addf(context, "%s:%s ", entry->scope, entry->key ? entry->key : "?");
	return 0;
}

static void removes_and_lists(void **state)
{
	const struct xc_list_opts all = { 0 };
	const struct xc_list_opts some = { .key_prefix = "npm-", .with_manifests = true };
	const struct xc_remove_opts one = { .key = "npm" }, prefix = { .key_prefix = "npm" };
	cleanup_buf struct xc_buf names = XC_BUF_INIT;
	struct scene scene;
	struct xc_err err;
	uint64_t count;

	(void)state;
	scene_open(&scene);
	xc_strlist_add(&scene.scopes, "base");
	scene_paths(&scene, "a");
	make_file(&scene, "ws/a", "x");
	save_in(&scene, "main", "npm");
	save_in(&scene, "base", "npm-3");
	save_in(&scene, "main", "npm-1");
	save_in(&scene, "main", "yarn");
	must(xc_cache_list(&scene.cache, &all, note_key, &names, &err), &err);
	assert_string_equal(names.data, "main:yarn main:npm-1 main:npm base:npm-3 ");
	xc_buf_clear(&names);
	must(xc_cache_list(&scene.cache, &some, note_key, &names, &err), &err);
	assert_string_equal(names.data, "main:npm-1 base:npm-3 ");
	/* Exactly the key, and only in the first scope; the pack stays for who is reading it. */
	must(xc_cache_remove(&scene.cache, &one, NULL, NULL, &count, &err), &err);
	assert_int_equal(count, 1);
	assert_int_equal(count_objects(&scene, "/removed/"), 1);
	assert_int_equal(count_objects(&scene, "/packs/"), 4);
	xc_buf_clear(&names);
	must(xc_cache_remove(&scene.cache, &prefix, note_key, &names, &count, &err), &err);
	assert_string_equal(names.data, "main:npm-1 ");
	must(xc_cache_remove(&scene.cache, &prefix, NULL, NULL, &count, &err), &err);
	assert_int_equal(count, 0);
	assert_int_equal(count_objects(&scene, "/entries/"), 2);
	scene_close(&scene);
}

/* A store that somebody has filled with names. */
static int list_endlessly(struct xc_store *store, const char *prefix, xc_store_list_fn *found,
			  void *context, struct xc_err *err)
{
	cleanup_free char *name = xc_asprintf("%s0123456789abcdef/key", prefix);
	const struct xc_store_object object = { .name = name };

	(void)store;
	while (found(&object, context, err) == 0)
		;
	return -1;
}

/* There is an error then, instead of a full memory. */
static void a_scope_with_too_many_entries_is_refused(void **state)
{
	const struct xc_store_ops ops = { .list = list_endlessly };
	struct xc_store store = { .ops = &ops, .can = XC_STORE_CAN_LIST };
	const struct xc_list_opts opts = { 0 };
	struct scene scene;
	struct xc_err err;
	size_t count = 0;

	(void)state;
	scene_open(&scene);
	scene.cache.store = &store;
	assert_int_equal(xc_cache_list(&scene.cache, &opts, count_entry, &count, &err), -1);
	assert_int_equal(err.kind, XC_ERR_CORRUPT);
	assert_non_null(strstr(err.msg, "too many entries"));
	assert_int_equal(count, 0);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(looks_up_in_order),
		cmocka_unit_test(lists_as_many_names_as_are_wanted),
		cmocka_unit_test(asks_the_store_little),
		cmocka_unit_test(tells_apart_what_is_equally_old),
		cmocka_unit_test(a_store_that_matches_keys_by_itself_is_asked_once),
		cmocka_unit_test(what_a_store_finds_may_be_of_no_use),
		cmocka_unit_test(finds_keys_that_are_cut),
		cmocka_unit_test(passes_over_later_formats),
		cmocka_unit_test(finds_a_key_of_any_version),
		cmocka_unit_test(keeps_an_entry_that_is_there),
		cmocka_unit_test(saves_nothing_of_nothing),
		cmocka_unit_test(gives_the_same_pack_for_any_number_of_threads),
		cmocka_unit_test(removes_and_lists),
		cmocka_unit_test(a_scope_with_too_many_entries_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
