/* SPDX-License-Identifier: Apache-2.0 */
/* The operations on entries, over a store that can be told what to do. */
#include "craft.h"

#include "store/internal.h"

/* --- a store around another, of which one call fails --- */

struct fake {
	struct xc_store base;
	struct xc_store *inner;
	long fail_at, calls; /* 0: never */
	enum xc_err_kind kind;
	bool after;  /* the call is done, and only then said to have failed */
	bool struck;
};

struct fake_upload {
	struct xc_upload base;
	struct xc_upload *inner;
};

static struct fake *fake_of(struct xc_store *store)
{
	return (struct fake *)store;
}

static bool is_due(struct fake *fake)
{
	return ++fake->calls == fake->fail_at;
}

static int give(struct fake *fake, struct xc_err *err)
{
	fake->struck = true;
	return xc_err_set(err, fake->kind, "the store was told to fail");
}

/* What `call` gives, or the failure that is due before or after it. */
#define TRY(fake, err, call)                                                                       \
	({                                                                                         \
		bool due_ = is_due(fake);                                                          \
		int result_ = due_ && !(fake)->after ? -1 : (call);                                \
		due_ ? give(fake, err) : result_;                                                  \
	})

static void fake_close(struct xc_store *store)
{
	xc_store_close(fake_of(store)->inner);
	free(store);
}

static int fake_get(struct xc_store *store, const char *name, size_t max_bytes,
		    struct xc_buf *ret_data, struct xc_err *err)
{
	struct fake *fake = fake_of(store);

	return TRY(fake, err, xc_store_get(fake->inner, name, max_bytes, ret_data, err));
}

static void fake_read(struct xc_store *store, struct xc_store_read *read)
{
	if (is_due(fake_of(store)))
		read->done(read, give(fake_of(store), &read->err));
	else
		xc_store_read(fake_of(store)->inner, read);
}

static int fake_put(struct xc_store *store, const char *name, const void *data, size_t length,
		    enum xc_put_condition condition, struct xc_err *err)
{
	struct fake *fake = fake_of(store);

	return TRY(fake, err, xc_store_put(fake->inner, name, data, length, condition, err));
}

static int fake_upload_begin(struct xc_store *store, const char *name,
			     struct xc_upload **ret_upload, struct xc_err *err)
{
	struct fake *fake = fake_of(store);
	struct fake_upload *upload;

	if (is_due(fake))
		return give(fake, err);
	upload = xc_calloc(1, sizeof(*upload));
	upload->base.store = store;
	if (xc_store_upload_begin(fake->inner, name, &upload->inner, err) < 0) {
		free(upload);
		return -1;
	}
	*ret_upload = &upload->base;
	return 0;
}

static int fake_upload_append(struct xc_upload *base, const void *data, size_t length,
			      struct xc_err *err)
{
	struct fake *fake = fake_of(base->store);
	struct fake_upload *upload = (struct fake_upload *)base;

	return TRY(fake, err, xc_store_upload_append(upload->inner, data, length, err));
}

static void fake_upload_abort(struct xc_upload *base)
{
	xc_store_upload_abort(((struct fake_upload *)base)->inner);
	free(base);
}

static int fake_upload_commit(struct xc_upload *base, struct xc_err *err)
{
	struct fake *fake = fake_of(base->store);
	struct xc_upload *inner = ((struct fake_upload *)base)->inner;

	if (is_due(fake)) {
		fake_upload_abort(base);
		return give(fake, err);
	}
	free(base);
	return xc_store_upload_commit(inner, err);
}

static int fake_list(struct xc_store *store, const char *prefix, xc_store_list_fn *found,
		     void *context, struct xc_err *err)
{
	struct fake *fake = fake_of(store);

	return TRY(fake, err, xc_store_list(fake->inner, prefix, found, context, err));
}

static int fake_remove(struct xc_store *store, const char *name, struct xc_err *err)
{
	struct fake *fake = fake_of(store);

	return TRY(fake, err, xc_store_remove(fake->inner, name, err));
}

static const struct xc_store_ops fake_ops = {
	.close = fake_close,
	.get = fake_get,
	.read = fake_read,
	.put = fake_put,
	.upload_begin = fake_upload_begin,
	.upload_append = fake_upload_append,
	.upload_commit = fake_upload_commit,
	.upload_abort = fake_upload_abort,
	.list = fake_list,
	.remove = fake_remove,
};

/* Puts a fake around the scene's store; the scene's own stays usable beside it. */
static struct fake *wrap_store(struct scene *scene)
{
	struct fake *fake = xc_calloc(1, sizeof(*fake));

	fake->base = (struct xc_store){
		.ops = &fake_ops,
		.display_url = scene->store->display_url,
		.read_concurrency = 2,
		.read_bytes = 1 << 20,
	};
	fake->inner = scene->store;
	fake->kind = XC_ERR_IO;
	scene->store = &fake->base;
	scene->cache.store = scene->store;
	return fake;
}

static void let_pass(struct fake *fake)
{
	fake->fail_at = 0;
	fake->struck = false;
}

static void fail_at(struct fake *fake, long call)
{
	fake->fail_at = call;
	fake->calls = 0;
	fake->struck = false;
}

/* --- short forms --- */

static int try_save(struct scene *scene, bool update, bool *ret_exists, struct xc_err *err)
{
	const struct xc_save_opts opts = { .level = 1, .update = update };
	cleanup_save_result struct xc_save_result result = XC_SAVE_RESULT_INIT;

	*err = (struct xc_err){ 0 };
	if (xc_cache_save(&scene->cache, &scene->query, &opts, &result, err) < 0)
		return -1;
	*ret_exists = result.exists;
	return 0;
}

static int try_restore(struct scene *scene, struct xc_err *err)
{
	cleanup_restore_result struct xc_restore_result result = XC_RESTORE_RESULT_INIT;

	*err = (struct xc_err){ 0 };
	return xc_cache_restore(&scene->cache, &scene->query, &result, err);
}

static int note_name(const struct xc_store_object *object, void *context, struct xc_err *err)
{
	(void)err;
	xc_strlist_add(context, object->name);
	return 0;
}

/* How many objects have `part` in their name. */
static size_t count_objects(const struct scene *scene, const char *part)
{
	cleanup_strlist struct xc_strlist names = XC_STRLIST_INIT;
	struct xc_err err;
	size_t count = 0;

	must(xc_store_list(scene->store, "", note_name, &names, &err), &err);
	for (size_t i = 0; i < names.count; i++)
		count += strstr(names.items[i], part) != NULL;
	return count;
}

static void save_in(struct scene *scene, const char *scope, const char *key)
{
	cleanup_strlist struct xc_strlist only = XC_STRLIST_INIT;

	xc_strlist_add(&only, scope);
	scene->cache.scopes = &only;
	scene_save(scene, key);
	scene->cache.scopes = &scene->scopes;
}

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
	static const char later[] = "{\"xcache\": 2, \"key\": \"k\"}";
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
	assert_non_null(strstr(err.msg, "format version 2"));
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
	bool exists;

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
		bool exists;
		int result;

		scene_open(&scene);
		scene_paths(&scene, "a");
		make_some(&scene);
		if (update)
			scene_save(&scene, "key");
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
			bool exists;
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

static void saves_nothing_of_nothing(void **state)
{
	struct scene scene;
	struct xc_err err;
	bool exists;

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

		scene_use_store(&scene, "memory:");
		scene.cache.threads = threads[i];
		scene_save(&scene, "key");
		must(xc_store_list(scene.store, "a%2Fb/main/packs/", note_name, &names, &err), &err);
		assert_int_equal(names.count, 1);
		must(xc_store_get(scene.store, names.items[0], 64 << 20, &packs[i], &err), &err);
		assert_int_equal(packs[0].len_bytes, packs[i].len_bytes);
		assert_memory_equal(packs[0].data, packs[i].data, packs[0].len_bytes);
	}
	for (int i = 0; i < 3; i++)
		xc_buf_release(&packs[i]);
	scene_close(&scene);
}

/* --- layers --- */

/* Saves what is in ws/a and takes the entry's only layer. */
static void save_layer(struct scene *scene, const char *key, struct xc_layer *ret_layer)
{
	cleanup_match struct xc_match match = XC_MATCH_INIT;
	struct xc_err err;

	scene_save(scene, key);
	must(xc_cache_lookup(&scene->cache, &scene->query, &match, &err), &err);
	*ret_layer = match.manifest.layers[0];
	remove_path(scene, "ws/a");
}

static void restores_layers(void **state)
{
	/* 0 ./a, 1 changed, 2 gone, 3 kept, 4 was-file, 5 d, 6 d/kept, 7 d/gone */
	struct xc_dead_run dead[] = { { 0, 3 }, { 4, 2 }, { 7, 1 } };
	cleanup_free char *expected = NULL, *got = NULL;
	struct xc_layer layers[2];
	struct scene scene;
	struct xc_err err;

	(void)state;
	scene_open(&scene);
	scene_paths(&scene, "a");
	make_file(&scene, "ws/a/achanged", "old");
	make_file(&scene, "ws/a/bgone", "old");
	make_file(&scene, "ws/a/ckept", "kept");
	make_file(&scene, "ws/a/dwas-file", "old");
	make_file(&scene, "ws/a/e/akept", "kept");
	make_file(&scene, "ws/a/e/bgone", "old");
	save_layer(&scene, "one", &layers[0]);
	make_file(&scene, "ws/a/achanged", "new");
	make_file(&scene, "ws/a/dwas-file/now-below", "new");
	make_dirs(&scene, "ws/a/e");
	must_sys(fchmodat(scene.root_fd, "ws/a/e", 0500, 0), "e");
	save_layer(&scene, "two", &layers[1]);
	layers[0].dead = dead;
	layers[0].dead_count = ARRAY_LEN(dead);
	scene.query.key = "both";
	put_manifest(&scene, layers, 2);
	must(try_restore(&scene, &err), &err);
	got = picture(&scene, "ws", PICTURE_PLAIN);
	remove_path(&scene, "ws/a");
	make_file(&scene, "ws/a/achanged", "new");
	make_file(&scene, "ws/a/ckept", "kept");
	make_file(&scene, "ws/a/dwas-file/now-below", "new");
	make_file(&scene, "ws/a/e/akept", "kept");
	must_sys(fchmodat(scene.root_fd, "ws/a/e", 0500, 0), "e");
	expected = picture(&scene, "ws", PICTURE_PLAIN);
	assert_string_equal(got, expected);
	scene_close(&scene);
}

/* All of a layer is dead: its pack is not even read, only its index. */
static void restores_beside_a_dead_layer(void **state)
{
	struct xc_dead_run dead[] = { { 0, 2 } };
	cleanup_free char *name = NULL;
	struct xc_layer layers[2];
	cleanup_buf struct xc_buf pack = XC_BUF_INIT;
	struct scene scene;
	struct xc_err err;

	(void)state;
	scene_open(&scene);
	scene_paths(&scene, "a");
	make_file(&scene, "ws/a/old", "old");
	save_layer(&scene, "one", &layers[0]);
	make_file(&scene, "ws/a/new", "new");
	save_layer(&scene, "two", &layers[1]);
	layers[0].dead = dead;
	layers[0].dead_count = 1;
	name = pack_name(layers[0].pack);
	must(xc_store_get(scene.store, name, 1 << 20, &pack, &err), &err);
	memset(pack.data, 0, layers[0].index_offset);
	store_put(&scene, name, pack.data, pack.len_bytes);
	scene.query.key = "both";
	put_manifest(&scene, layers, 2);
	must(try_restore(&scene, &err), &err);
	assert_true(path_exists(&scene, "ws/a/new"));
	assert_false(path_exists(&scene, "ws/a/old"));
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

/* A removal that fails has left the entry, or a tombstone. */
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
		if (count_objects(&scene, "/entries/") == 0 && count_objects(&scene, "/removed/") == 0)
			fail_msg("call %ld: a pack that nothing knows of", call);
		assert_int_equal(count_objects(&scene, "/packs/"), 1);
		assert_int_equal(result, count_objects(&scene, "/entries/") ? -1 : 0);
		scene_close(&scene);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(looks_up_in_order),
		cmocka_unit_test(finds_keys_that_are_cut),
		cmocka_unit_test(passes_over_later_formats),
		cmocka_unit_test(finds_a_key_of_any_version),
		cmocka_unit_test(keeps_an_entry_that_is_there),
		cmocka_unit_test(loses_a_race_gracefully),
		cmocka_unit_test(every_call_of_a_save_may_fail),
		cmocka_unit_test(every_call_of_an_update_may_fail),
		cmocka_unit_test(an_answer_that_is_lost_costs_no_pack),
		cmocka_unit_test(every_call_of_a_restore_may_fail),
		cmocka_unit_test(saves_nothing_of_nothing),
		cmocka_unit_test(gives_the_same_pack_for_any_number_of_threads),
		cmocka_unit_test(restores_layers),
		cmocka_unit_test(restores_beside_a_dead_layer),
		cmocka_unit_test(removes_and_lists),
		cmocka_unit_test(every_call_of_a_removal_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
