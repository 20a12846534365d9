/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of several layers. */
#include "entry/layer.h"
#include "entry/objects.h"
#include "fake_store.h"
#include "key/objects.h"
#include "pack/seekable.h"

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

/* Make the pack of a layer again, with overrides of other layers' members. */
static void add_overrides(const struct scene *scene, struct xc_layer *layer,
			  const struct xc_overrides *overrides)
{
	cleanup_free char *name = pack_name(layer->pack);
	cleanup_buf struct xc_buf pack = XC_BUF_INIT, bytes = XC_BUF_INIT;
	cleanup_index struct xc_index index = XC_INDEX_INIT;
	struct xc_index_budget budget = { 0 };
	struct xc_err err;

	must(xc_store_get(scene->store, name, 1 << 20, &pack, &err), &err);
	must(xc_index_parse(pack.data + layer->index_offset, layer->index_bytes, &budget, &index,
			    &err),
	     &err);
	index.overrides = *overrides; /* borrowed */
	must(xc_index_encode(&index, &bytes, &err), &err);
	index.overrides = (struct xc_overrides)XC_OVERRIDES_INIT;
	xc_buf_truncate(&pack, layer->index_offset);
	xc_buf_add(&pack, bytes.data, bytes.len_bytes);
	must(xc_seekable_encode(index.segments, index.segment_count, bytes.data, bytes.len_bytes,
				&pack, &err),
	     &err);
	store_put(scene, name, pack.data, pack.len_bytes);
	layer->index_bytes = bytes.len_bytes;
	layer->pack_bytes = pack.len_bytes;
	xc_sha256(bytes.data, bytes.len_bytes, layer->index_sha256);
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

/* A link that is made changes the time of its directory, which may be another layer's. */
static void hard_links_of_all_layers_are_made_before_directories_get_their_times(void **state)
{
	const struct timespec times[2] = { { 1400000000, 0 }, { 1400000000, 7 } };
	/* 0 ./a, 1 d: the first layer's count; of the second 2 one and 3 two. */
	struct xc_dead_run dead[] = { { 0, 2 } };
	struct xc_layer layers[2];
	struct stat status;
	struct scene scene;
	struct xc_err err;

	(void)state;
	scene_open(&scene);
	scene_paths(&scene, "a");
	make_dirs(&scene, "ws/a/d");
	must_sys(utimensat(scene.root_fd, "ws/a/d", times, 0), "d");
	save_layer(&scene, "one", &layers[0]);
	make_file(&scene, "ws/a/d/one", "one");
	make_link(&scene, "ws/a/d/two", "ws/a/d/one");
	save_layer(&scene, "two", &layers[1]);
	layers[1].dead = dead;
	layers[1].dead_count = 1;
	scene.query.key = "both";
	put_manifest(&scene, layers, 2);
	must(try_restore(&scene, &err), &err);
	must_sys(fstatat(scene.root_fd, "ws/a/d/two", &status, 0), "two");
	assert_int_equal(status.st_nlink, 2);
	must_sys(fstatat(scene.root_fd, "ws/a/d", &status, 0), "d");
	assert_int_equal(status.st_mtim.tv_sec, 1400000000);
	assert_int_equal(status.st_mtim.tv_nsec, 7);
	scene_close(&scene);
}

static void a_directory_gets_the_attributes_of_the_layer_where_it_is_alive(void **state)
{
	const struct timespec times[2] = { { 1400000000, 0 }, { 1400000000, 7 } };
	struct xc_dead_run dead[] = { { 0, 2 } };
	struct xc_layer layers[2];
	struct stat status;
	struct scene scene;
	struct xc_err err;

	(void)state;
	scene_open(&scene);
	scene_paths(&scene, "a");
	make_file(&scene, "ws/a/d/one", "one");
	make_link(&scene, "ws/a/d/two", "ws/a/d/one");
	must_sys(fchmodat(scene.root_fd, "ws/a/d", 0700, 0), "d");
	save_layer(&scene, "one", &layers[0]);
	make_file(&scene, "ws/a/d/three", "three");
	must_sys(fchmodat(scene.root_fd, "ws/a/d", 0711, 0), "d");
	must_sys(utimensat(scene.root_fd, "ws/a/d", times, 0), "d");
	save_layer(&scene, "two", &layers[1]);
	layers[0].dead = dead;
	layers[0].dead_count = 1;
	scene.query.key = "both";
	put_manifest(&scene, layers, 2);
	must(try_restore(&scene, &err), &err);
	assert_true(path_exists(&scene, "ws/a/d/two"));
	must_sys(fstatat(scene.root_fd, "ws/a/d", &status, 0), "d");
	assert_int_equal(status.st_mode & 07777, 0711);
	assert_int_equal(status.st_mtim.tv_sec, 1400000000);
	assert_int_equal(status.st_mtim.tv_nsec, 7);
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

/* --- overrides --- */

#define OVERRIDE(position, ns)                                                                     \
	{                                                                                          \
		position, ns, 1600000000, UINT32_MAX - 1, UINT32_MAX - 1, 0600                     \
	}

/* An entry of two layers with the same names; of the first `dead`, of the second what is new. */
struct pair {
	struct scene scene;
	struct xc_layer layers[2];
	struct xc_dead_run dead;
};

/* In the first layer: 0 ./a, 1 dead, 2 file, 3 link (hard), 4 symlink, 5 dir, 6 dir/below */
static void open_pair(struct pair *pair)
{
	struct scene *scene = &pair->scene;

	*pair = (struct pair){ .dead = { 1, 1 } };
	scene_open(scene);
	scene_paths(scene, "a");
	make_file(scene, "ws/a/dead", "old");
	make_file(scene, "ws/a/file", "file");
	make_link(scene, "ws/a/link", "ws/a/file");
	make_symlink(scene, "ws/a/symlink", "file");
	make_file(scene, "ws/a/zdir/below", "below");
	save_layer(scene, "one", &pair->layers[0]);
	make_file(scene, "ws/b/new", "new");
	scene_paths(scene, "b");
	save_layer(scene, "two", &pair->layers[1]);
	remove_path(scene, "ws/b");
	scene_paths(scene, "a\nb");
	pair->layers[0].dead = &pair->dead;
	pair->layers[0].dead_count = 1;
	scene->query.key = "both";
}

static void load(const struct pair *pair, const char *scope, struct xc_entry_layers *ret_layers)
{
	cleanup_match struct xc_match match = XC_MATCH_INIT;
	struct xc_err err;

	put_manifest(&pair->scene, (struct xc_layer *)pair->layers, 2);
	must(xc_cache_lookup(&pair->scene.cache, &pair->scene.query, &match, &err), &err);
	must(xc_layers_load(
		     &pair->scene.cache,
		     &(struct xc_layers_source){ .scope = scope, .manifest = &match.manifest },
		     ret_layers, &err),
	     &err);
	/* The match goes; nothing below looks at its layers. */
	for (uint32_t i = 0; i < ret_layers->count; i++)
		ret_layers->items[i].layer = NULL;
}

static void the_newest_layers_overrides_take_the_place_of_members_own_values(void **state)
{
	struct xc_override items[] = { OVERRIDE(0, 10), OVERRIDE(1, 11),  OVERRIDE(2, 12),
				       OVERRIDE(3, 13), OVERRIDE(4, 14),  OVERRIDE(5, 15),
				       OVERRIDE(7, 17), OVERRIDE(1000, 0) };
	struct xc_override own[] = { OVERRIDE(0, 1), OVERRIDE(1, 1) };
	static const uint32_t taken[] = { 0, 2, 4, 5 };
	static const uint16_t modes[] = { 0755, 0644, 0777, 0755 };
	struct pair pair;
	cleanup_layers struct xc_entry_layers layers = XC_ENTRY_LAYERS_INIT;
	struct xc_layer_overrides sets[] = {
		{ "00000000000000000000000000000000", own, 2 }, /* not of this entry */
		{ "", items, ARRAY_LEN(items) },
		{ "", own, 2 },
	};
	const struct xc_member *members;

	(void)state;
	open_pair(&pair);
	memcpy(sets[1].pack, pair.layers[0].pack, sizeof(sets[1].pack));
	memcpy(sets[2].pack, pair.layers[1].pack, sizeof(sets[2].pack)); /* its own */
	add_overrides(&pair.scene, &pair.layers[1], &(struct xc_overrides){ sets, 3 });
	load(&pair, "main", &layers);
	members = layers.items[0].index.members.items;
	assert_int_equal(layers.items[0].overridden_count, ARRAY_LEN(taken));
	for (uint32_t i = 0; i < ARRAY_LEN(taken); i++) {
		const struct xc_override *was = &layers.items[0].overridden[i];
		const struct xc_member *member = &members[taken[i]];

		assert_int_equal(member->mtime_s, 1600000000);
		assert_int_equal(member->mtime_ns, 10 + taken[i]);
		assert_int_equal(member->uid, UINT32_MAX - 1);
		assert_int_equal(member->gid, UINT32_MAX - 1);
		assert_int_equal(member->mode, 0600);
		assert_int_equal(was->position, taken[i]);
		assert_int_equal(was->uid, geteuid());
		assert_int_equal(was->mode, modes[i]);
		if (members[taken[i]].type != XC_MEMBER_DIR)
			assert_int_equal(was->mtime_ns, 123456789);
	}
	assert_int_equal(members[1].mtime_ns, 123456789); /* dead */
	assert_int_equal(members[3].mtime_ns, 123456789); /* a hard link */
	assert_int_equal(members[3].type, XC_MEMBER_HARDLINK);
	assert_int_equal(layers.items[1].overridden_count, 0);
	assert_int_not_equal(layers.items[1].index.members.items[0].mode, 0600);
	scene_close(&pair.scene);
}

static void overrides_of_older_layers_do_not_count(void **state)
{
	struct xc_override items[] = { OVERRIDE(0, 10), OVERRIDE(1, 11) };
	struct xc_layer_overrides set = { "", items, 2 };
	struct pair pair;
	cleanup_layers struct xc_entry_layers layers = XC_ENTRY_LAYERS_INIT;

	(void)state;
	open_pair(&pair);
	memcpy(set.pack, pair.layers[1].pack, sizeof(set.pack));
	add_overrides(&pair.scene, &pair.layers[0], &(struct xc_overrides){ &set, 1 });
	load(&pair, "main", &layers);
	assert_int_equal(layers.items[1].overridden_count, 0);
	assert_int_not_equal(layers.items[1].index.members.items[0].mode, 0600);
	scene_close(&pair.scene);
}

static void a_restore_gives_members_what_overrides_say(void **state)
{
	struct xc_override items[] = { { 2, 22, 1600000002, 0, 0, 0600 },
				       { 4, 44, 1600000004, 0, 0, 0777 },
				       { 5, 55, 1600000005, 0, 0, 0700 } };
	static const char *const paths[] = { "ws/a/file", "ws/a/symlink", "ws/a/zdir" };
	struct xc_layer_overrides set = { "", items, 3 };
	struct pair pair;
	struct xc_err err;

	(void)state;
	open_pair(&pair);
	for (uint32_t i = 0; i < 3; i++) {
		items[i].uid = geteuid();
		items[i].gid = getegid();
	}
	memcpy(set.pack, pair.layers[0].pack, sizeof(set.pack));
	add_overrides(&pair.scene, &pair.layers[1], &(struct xc_overrides){ &set, 1 });
	put_manifest(&pair.scene, pair.layers, 2);
	must(try_restore(&pair.scene, &err), &err);
	for (uint32_t i = 0; i < 3; i++) {
		struct stat status;

		must_sys(fstatat(pair.scene.root_fd, paths[i], &status, AT_SYMLINK_NOFOLLOW),
			 paths[i]);
		assert_int_equal(status.st_mode & 07777, items[i].mode);
		assert_int_equal(status.st_mtim.tv_sec, items[i].mtime_s);
		assert_int_equal(status.st_mtim.tv_nsec, items[i].mtime_ns);
	}
	scene_close(&pair.scene);
}

/* --- packs of another scope --- */

/* The first layer's pack goes to another scope. */
static void move_pack(const struct pair *pair, const char *scope)
{
	cleanup_free char *from = pack_name(pair->layers[0].pack);
	cleanup_buf struct xc_buf to = XC_BUF_INIT, pack = XC_BUF_INIT;
	struct xc_err err;

	must(xc_store_get(pair->scene.store, from, 1 << 20, &pack, &err), &err);
	must(xc_name_pack(pair->scene.cache.repository, scope, pair->layers[0].pack, &to, &err),
	     &err);
	store_put(&pair->scene, to.data, pack.data, pack.len_bytes);
	must(xc_store_remove(pair->scene.store, from, &err), &err);
}

static void a_layer_may_lie_in_a_scope_that_is_read(void **state)
{
	struct pair pair;
	struct xc_err err;

	(void)state;
	open_pair(&pair);
	put_manifest(&pair.scene, pair.layers, 2);
	move_pack(&pair, "base/branch");
	assert_int_equal(try_restore(&pair.scene, &err), -1);
	pair.layers[0].scope = (char *)"base/branch";
	put_manifest(&pair.scene, pair.layers, 2);
	assert_int_equal(try_restore(&pair.scene, &err), -1);
	assert_int_equal(err.kind, XC_ERR_CORRUPT);
	assert_non_null(strstr(err.msg, "lies in the scope base/branch, which is not read here"));
	xc_strlist_add(&pair.scene.scopes, "base/branch");
	must(try_restore(&pair.scene, &err), &err);
	assert_true(path_exists(&pair.scene, "ws/a/file"));
	assert_true(path_exists(&pair.scene, "ws/b/new"));
	/* The scope of the manifest itself may stand there, too. */
	pair.layers[1].scope = (char *)"main";
	put_manifest(&pair.scene, pair.layers, 2);
	must(try_restore(&pair.scene, &err), &err);
	scene_close(&pair.scene);
}

static void a_tombstone_names_packs_of_its_own_scope_alone(void **state)
{
	const struct xc_remove_opts both = { .key = "both" };
	struct pair pair;
	cleanup_strlist struct xc_strlist names = XC_STRLIST_INIT;
	cleanup_buf struct xc_buf data = XC_BUF_INIT;
	struct xc_err err;
	uint64_t count;

	(void)state;
	open_pair(&pair);
	pair.layers[0].scope = (char *)"base";
	put_manifest(&pair.scene, pair.layers, 2);
	must(xc_cache_remove(&pair.scene.cache, &both, NULL, NULL, &count, &err), &err);
	assert_int_equal(count, 1);
	must(xc_store_list(pair.scene.store, "a%2Fb/main/removed/", note_name, &names, &err), &err);
	assert_int_equal(names.count, 1);
	must(xc_store_get(pair.scene.store, names.items[0], 1 << 20, &data, &err), &err);
	assert_null(strstr(data.data, pair.layers[0].pack));
	assert_non_null(strstr(data.data, pair.layers[1].pack));
	scene_close(&pair.scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(restores_layers),
		cmocka_unit_test(
			hard_links_of_all_layers_are_made_before_directories_get_their_times),
		cmocka_unit_test(a_directory_gets_the_attributes_of_the_layer_where_it_is_alive),
		cmocka_unit_test(restores_beside_a_dead_layer),
		cmocka_unit_test(the_newest_layers_overrides_take_the_place_of_members_own_values),
		cmocka_unit_test(overrides_of_older_layers_do_not_count),
		cmocka_unit_test(a_restore_gives_members_what_overrides_say),
		cmocka_unit_test(a_layer_may_lie_in_a_scope_that_is_read),
		cmocka_unit_test(a_tombstone_names_packs_of_its_own_scope_alone),
	};

	return cmocka_run_group_tests_name("layers", tests, NULL, NULL);
}
