/* SPDX-License-Identifier: Apache-2.0 */
/* What a save sends of a tree that an earlier entry holds most of. */
#include "scene.h"

#include "pack_sample.h"
#include "save/origins.h"
#include "save/policy.h"

/* A layer of a table, with all of its members alive but those that `dead` has a 1 for. */
static void sample_layer(const struct sample_row *rows, const char *dead,
			 struct xc_entry_layer *ret_layer)
{
	*ret_layer = (struct xc_entry_layer){ 0 };
	sample_index(rows, &ret_layer->index);
	xc_member_set_init(&ret_layer->alive, ret_layer->index.members.count, true);
	for (uint32_t i = 0; dead[i] != '\0'; i++)
		if (dead[i] == '1')
			xc_member_set_remove(&ret_layer->alive, i);
}

/* "0:3" for member 3 of layer 0, "-" for none. */
static void check_origins(const struct sample_row *tree, const struct xc_entry_layers *layers,
			  const char *want)
{
	cleanup_index struct xc_index index = XC_INDEX_INIT;
	cleanup_free struct xc_origin *origins = NULL;
	cleanup_buf struct xc_buf text = XC_BUF_INIT;

	sample_index(tree, &index);
	origins = xc_origins_find(&index.members, layers);
	for (uint32_t i = 0; i < index.members.count; i++) {
		if (origins[i].layer == XC_ORIGIN_NONE)
			xc_buf_add_str(&text, "- ");
		else
			xc_buf_addf(&text, "%u:%u ", origins[i].layer, origins[i].position);
	}
	assert_string_equal(xc_buf_str(&text), want);
}

static void members_are_found_by_their_paths(void **state)
{
	const struct sample_row old[] = {
		DIR_(0, "./a"),   FILE_(1, "b", 1),   FILE_(1, "d", 1),
		DIR_(1, "e"),     FILE_(2, "f", 1),   DIR_(1, "g"),
		FILE_(2, "h", 1), FILE_(0, "./x", 1), SAMPLE_END,
	};
	const struct sample_row newer[] = {
		DIR_(0, "./a"), FILE_(1, "c", 1), DIR_(1, "g"), FILE_(2, "h", 1), SAMPLE_END,
	};
	const struct sample_row tree[] = {
		DIR_(0, "./a"),        FILE_(1, "a", 1), FILE_(1, "b", 1), FILE_(1, "c", 1),
		SYMLINK_(1, "d", "t"), FILE_(1, "e", 1), DIR_(1, "g"),     FILE_(2, "h", 1),
		FILE_(2, "i", 1),      DIR_(1, "h"),     FILE_(2, "h", 1), DIR_(0, "./x"),
		FILE_(0, "./y", 1),    SAMPLE_END,
	};
	struct xc_entry_layer items[2];
	struct xc_entry_layers layers = { .items = items, .count = 2 };

	(void)state;
	sample_layer(old, "10000110", &items[0]);
	sample_layer(newer, "", &items[1]);
	/* A file is no directory, whatever its name; a symlink may have been a file. */
	check_origins(tree, &layers, "1:0 - 0:1 1:1 0:2 - 1:2 1:3 - - - - - ");
	layers.count = 1;
	/* The members of a dead directory are found through it. */
	check_origins(tree, &layers, "- - 0:1 - 0:2 - - - - - - - - ");
	for (int i = 0; i < 2; i++) {
		xc_index_release(&items[i].index);
		xc_member_set_release(&items[i].alive);
	}
}

/* A layer of which all is alive. */
#define FULL(bytes)                                                                                \
	{                                                                                          \
		(bytes), (bytes), false                                                            \
	}

static void layers_are_rewritten_before_they_are_too_many_or_too_hollow(void **state)
{
	static const struct {
		const char *name;
		struct xc_layer_weight weights[10];
		uint64_t fresh_bytes;
		const char *want; /* a 1 for each layer that is rewritten */
	} rows[] = {
		{ "one good layer", { FULL(1000) }, 1, "0" },
		{ "70 % alive are enough", { { 10000, 7000, false }, FULL(20000) }, 1, "00" },
		{ "fewer are not", { { 10000, 6900, false }, FULL(20000) }, 1, "10" },
		{ "a tenth of what is alive may be dead",
		  { { 11500000, 10000000, false }, FULL(10000000), { 11500000, 10000000, false } },
		  1,
		  "000" },
		{ "more may not",
		  { { 13000000, 10000000, false }, FULL(10000000), { 14000000, 10000000, false } },
		  1,
		  "001" },
		{ "the dead of a small layer do not count",
		  { { 1000000, 1000000, false }, { 10000, 1000, false } },
		  1,
		  "00" },
		{ "nothing is left of it",
		  { { 10000, 0, false }, { 1000, 1000, false } },
		  1,
		  "00" },
		{ "it expires", { { 1000, 1000, true }, { 1000, 1000, false } }, 0, "10" },
		{ "eight with the new one",
		  { FULL(9), FULL(8), FULL(7), FULL(6), FULL(5), FULL(4), FULL(3) },
		  1,
		  "0000000" },
		{ "nine with the new one",
		  { FULL(2), FULL(8), FULL(7), FULL(6), FULL(5), FULL(4), FULL(3), FULL(9) },
		  1,
		  "10001110" },
		{ "eight without a new one",
		  { FULL(2), FULL(8), FULL(7), FULL(6), FULL(5), FULL(4), FULL(3), FULL(9) },
		  0,
		  "00000000" },
		{ "small ones go along with a large new pack",
		  { FULL(10000), FULL(500), FULL(400), FULL(600), FULL(300) },
		  10000,
		  "00101" },
		{ "not while there are few layers",
		  { FULL(10000), FULL(500), FULL(400) },
		  10000,
		  "000" },
		{ "nor beside a small one",
		  { FULL(10000), FULL(500), FULL(400), FULL(600), FULL(300) },
		  2000,
		  "00000" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint32_t count = (uint32_t)strlen(rows[i].want);
		bool rewrite[10], any;
		char got[11] = "";

		any = xc_policy_rewrite(rows[i].weights, count, rows[i].fresh_bytes, rewrite);
		for (uint32_t k = 0; k < count; k++)
			got[k] = rewrite[k] ? '1' : '0';
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s: %s, not %s", rows[i].name, got, rows[i].want);
		assert_int_equal(any, strchr(rows[i].want, '1') != NULL);
	}
}

static void packs_expire_after_a_third_of_the_days(void **state)
{
	const int64_t day_ns = (int64_t)24 * 3600 * 1000000000, now_ns = 20000 * day_ns;
	char pack[40];

	(void)state;
	snprintf(pack, sizeof(pack), "%012llx%020x", (unsigned long long)(now_ns / 1000000), 1);
	assert_false(xc_policy_expires(pack, 15, now_ns + 5 * day_ns));
	assert_true(xc_policy_expires(pack, 15, now_ns + 5 * day_ns + 2000000));
	assert_false(xc_policy_expires(pack, 0, now_ns + 5000 * day_ns));
	/* Of the future, by another machine's clock. */
	assert_false(xc_policy_expires(pack, 15, now_ns - day_ns));
}

/* --- whole saves --- */

static void save_on(struct scene *scene, const char *key, const struct xc_save_opts *opts,
		    struct xc_save_result *ret_result)
{
	struct xc_save_opts own = *opts;
	struct xc_err err;

	own.level = 1;
	scene->query.key = key;
	must(xc_cache_save(&scene->cache, &scene->query, &own, ret_result, &err), &err);
}

/* Whether a restore of the key gives what is in the workspace. */
static void check_restored(struct scene *scene, const char *key)
{
	cleanup_free char *want = picture(scene, "ws", PICTURE_DIR_TIMES), *got = NULL;
	struct xc_restore_result result = XC_RESTORE_RESULT_INIT;
	struct xc_err err;

	remove_path(scene, "ws/d");
	scene->query.key = key;
	must(xc_cache_restore(&scene->cache, &scene->query, &result, &err), &err);
	xc_restore_result_release(&result);
	got = picture(scene, "ws", PICTURE_DIR_TIMES);
	assert_string_equal(got, want);
}

/* The key has an entry, and what is in the workspace differs from it. */
static void update(struct scene *scene, const char *key, struct xc_save_result *ret_result)
{
	save_on(scene, key, &(struct xc_save_opts){ .update = true }, ret_result);
	assert_false(ret_result->exists);
}

static void open_tree(struct scene *scene)
{
	scene_open(scene);
	scene_paths(scene, "d");
	make_file(scene, "ws/d/a", "first");
	make_file(scene, "ws/d/b", "second");
	make_file(scene, "ws/d/e/c", "third");
	make_file(scene, "ws/d/e/empty", "");
	make_symlink(scene, "ws/d/l", "a");
	scene_save(scene, "k1");
}

static void a_save_sends_what_its_parent_lacks(void **state)
{
	static char *const keys[] = { "k" };
	const struct xc_strlist parents = { .items = (char **)(uintptr_t)keys, .count = 1 };
	const struct xc_save_opts opts = { .parent_keys = &parents };
	cleanup_save_result struct xc_save_result result = XC_SAVE_RESULT_INIT;
	struct scene scene;

	(void)state;
	open_tree(&scene);
	make_file(&scene, "ws/d/e/c", "THIRD");
	make_file(&scene, "ws/d/new", "new");
	remove_path(&scene, "ws/d/b");
	save_on(&scene, "k2", &opts, &result);
	assert_string_equal(result.delta.parent_key, "k1");
	assert_true(result.delta.hashed);
	assert_int_equal(result.delta.new_members, 2);
	assert_int_equal(result.delta.removed_members, 2);
	assert_int_equal(result.manifest.layer_count, 2);
	assert_int_equal(result.manifest.totals.files, 4);
	check_restored(&scene, "k2");
	scene_close(&scene);
}

static void an_update_of_nothing_writes_nothing(void **state)
{
	const struct xc_save_opts opts = { .update = true };
	cleanup_save_result struct xc_save_result result = XC_SAVE_RESULT_INIT;
	struct scene scene;

	(void)state;
	open_tree(&scene);
	save_on(&scene, "k1", &opts, &result);
	assert_true(result.exists);
	assert_true(result.unchanged);
	assert_null(result.manifest.key);
	scene_close(&scene);
}

/* The key is new, and all the rest is there. */
static void a_new_key_for_the_same_content_needs_no_pack(void **state)
{
	static char *const keys[] = { "k1" };
	const struct xc_strlist parents = { .items = (char **)(uintptr_t)keys, .count = 1 };
	const struct xc_save_opts opts = { .parent_keys = &parents };
	cleanup_save_result struct xc_save_result result = XC_SAVE_RESULT_INIT;
	struct scene scene;

	(void)state;
	open_tree(&scene);
	save_on(&scene, "other", &opts, &result);
	assert_false(result.exists);
	assert_int_equal(result.delta.sent_bytes, 0);
	assert_int_equal(result.manifest.layer_count, 1);
	check_restored(&scene, "other");
	scene_close(&scene);
}

static void a_file_goes_with_all_its_names(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	scene_paths(&scene, "d");
	make_file(&scene, "ws/d/a", "one");
	make_link(&scene, "ws/d/b", "ws/d/a");
	make_file(&scene, "ws/d/x", "two");
	scene_save(&scene, "k");
	for (int step = 0; step < 4; step++) {
		cleanup_save_result struct xc_save_result result = XC_SAVE_RESULT_INIT;

		switch (step) {
		case 0: /* a third name */
			make_link(&scene, "ws/d/e/c", "ws/d/a");
			break;
		case 1: /* the first one goes */
			remove_path(&scene, "ws/d/a");
			break;
		case 2: /* one is a file of its own now, with the same content */
			remove_path(&scene, "ws/d/b");
			make_file(&scene, "ws/d/b", "one");
			break;
		default: /* another file's name */
			remove_path(&scene, "ws/d/b");
			make_link(&scene, "ws/d/b", "ws/d/x");
		}
		update(&scene, "k", &result);
		check_restored(&scene, "k");
	}
	scene_close(&scene);
}

static void a_file_may_become_a_directory_and_back(void **state)
{
	struct scene scene;

	(void)state;
	open_tree(&scene);
	for (int step = 0; step < 3; step++) {
		cleanup_save_result struct xc_save_result result = XC_SAVE_RESULT_INIT;

		if (step == 0) {
			remove_path(&scene, "ws/d/a");
			make_file(&scene, "ws/d/a/b/c", "below");
			remove_path(&scene, "ws/d/l");
			make_file(&scene, "ws/d/l", "no link");
		} else if (step == 1) {
			remove_path(&scene, "ws/d/e");
			make_symlink(&scene, "ws/d/e", "a");
		} else {
			remove_path(&scene, "ws/d/a");
			make_file(&scene, "ws/d/a", "first");
		}
		update(&scene, "k1", &result);
		check_restored(&scene, "k1");
	}
	scene_close(&scene);
}

static void entries_stay_within_eight_layers(void **state)
{
	struct scene scene;

	(void)state;
	open_tree(&scene);
	for (int round = 0; round < 20; round++) {
		cleanup_save_result struct xc_save_result result = XC_SAVE_RESULT_INIT;
		char path[40];

		snprintf(path, sizeof(path), "ws/d/n%d", round);
		make_file(&scene, path, path);
		update(&scene, "k1", &result);
		assert_true(result.manifest.layer_count <= XC_ENTRY_LAYERS);
		assert_int_equal(result.delta.new_members, 1);
	}
	check_restored(&scene, "k1");
	scene_close(&scene);
}

/* What stands there is what another job made of it. */
static void an_entry_that_lost_a_pack_is_saved_in_full(void **state)
{
	static char *const keys[] = { "k1" };
	const struct xc_strlist parents = { .items = (char **)(uintptr_t)keys, .count = 1 };
	const struct xc_save_opts opts = { .parent_keys = &parents };
	cleanup_save_result struct xc_save_result result = XC_SAVE_RESULT_INIT;
	cleanup_free char *pack = NULL;
	struct xc_err err;
	struct scene scene;

	(void)state;
	open_tree(&scene);
	scene.query.key = "k1";
	{
		struct xc_match match = XC_MATCH_INIT;

		must(xc_cache_lookup(&scene.cache, &scene.query, &match, &err), &err);
		pack = xc_asprintf("a%%2Fb/main/packs/%s.tar.zst", match.manifest.layers[0].pack);
		xc_match_release(&match);
	}
	must(xc_store_remove(scene.store, pack, &err), &err);
	save_on(&scene, "k2", &opts, &result);
	assert_null(result.delta.parent_key);
	assert_int_equal(result.manifest.layer_count, 1);
	check_restored(&scene, "k2");
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_found_by_their_paths),
		cmocka_unit_test(layers_are_rewritten_before_they_are_too_many_or_too_hollow),
		cmocka_unit_test(packs_expire_after_a_third_of_the_days),
		cmocka_unit_test(a_save_sends_what_its_parent_lacks),
		cmocka_unit_test(an_update_of_nothing_writes_nothing),
		cmocka_unit_test(a_new_key_for_the_same_content_needs_no_pack),
		cmocka_unit_test(a_file_goes_with_all_its_names),
		cmocka_unit_test(a_file_may_become_a_directory_and_back),
		cmocka_unit_test(entries_stay_within_eight_layers),
		cmocka_unit_test(an_entry_that_lost_a_pack_is_saved_in_full),
	};

	return cmocka_run_group_tests_name("delta", tests, NULL, NULL);
}
