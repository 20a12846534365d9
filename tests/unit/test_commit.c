/* SPDX-License-Identifier: Apache-2.0 */
/* Commits by themselves, of entries whose packs nobody reads. */
#include "entry/commit.h"
#include "entry/objects.h"
#include "key/objects.h"
#include "fake_store.h"

/* Ids of packs, by one digit. */
static void make_id(char digit, char ret_id[XC_PACK_ID_BYTES + 1])
{
	memset(ret_id, digit, XC_PACK_ID_BYTES);
	ret_id[XC_PACK_ID_BYTES] = '\0';
}

static void make_manifest(const char *packs, struct xc_manifest *ret_manifest)
{
	*ret_manifest = (struct xc_manifest){
		.key = xc_strdup("key"),
		.version = "0123456789abcdef",
		.tool = xc_strdup("test"),
		.layers = xc_calloc(strlen(packs), sizeof(*ret_manifest->layers)),
		.layer_count = (uint32_t)strlen(packs),
	};
	xc_strlist_add(&ret_manifest->paths, "a");
	for (uint32_t i = 0; i < ret_manifest->layer_count; i++) {
		struct xc_layer *layer = &ret_manifest->layers[i];

		make_id(packs[i], layer->pack);
		*layer = (struct xc_layer){ .pack_bytes = 1000,
					    .member_count = 1,
					    .index_offset = 100,
					    .index_bytes = 500 };
		make_id(packs[i], layer->pack);
	}
}

/* Commit an entry of these packs, the last of which is new. */
static int commit(const struct scene *scene, const char *packs, struct xc_put_condition over,
		  struct xc_committed *ret_committed, struct xc_err *err)
{
	cleanup_manifest struct xc_manifest manifest;
	struct xc_commit commit = { .cache = &scene->cache, .scope = "main", .over = over };

	make_manifest(packs, &manifest);
	commit.manifest = &manifest;
	return xc_commit(&commit, ret_committed, err);
}

/* The entry's packs, a digit each, and its tag. */
static void look(const struct scene *scene, const char *packs, struct xc_store_tag *ret_tag)
{
	cleanup_manifest struct xc_manifest manifest = XC_MANIFEST_INIT;
	cleanup_buf struct xc_buf name = XC_BUF_INIT, got = XC_BUF_INIT;
	const struct xc_entry_name named = {
		.repository = scene->cache.repository,
		.scope = "main",
		.version = "0123456789abcdef",
		.key = "key",
	};
	struct xc_entry_ref ref;
	struct xc_err err;

	must(xc_name_entry(&named, &name, &err), &err);
	ref = (struct xc_entry_ref){ name.data, named.version, named.key };
	must(xc_load_manifest(&scene->cache, &ref, ret_tag, &manifest, &err), &err);
	for (uint32_t i = 0; i < manifest.layer_count; i++)
		xc_buf_add_char(&got, manifest.layers[i].pack[0]);
	assert_string_equal(got.data, packs);
}

/* The packs that tombstones name, a digit each. */
static void expect_tombstones(const struct scene *scene, const char *packs)
{
	cleanup_strlist struct xc_strlist names = XC_STRLIST_INIT;
	cleanup_buf struct xc_buf all = XC_BUF_INIT;
	struct xc_err err;

	must(xc_store_list(scene->store, "", note_name, &names, &err), &err);
	for (size_t i = 0; i < names.count; i++) {
		cleanup_buf struct xc_buf data = XC_BUF_INIT;

		if (!strstr(names.items[i], "/removed/"))
			continue;
		must(xc_store_get(scene->store, names.items[i], 10000, &data, &err), &err);
		xc_buf_add(&all, data.data, data.len_bytes);
	}
	for (char digit = '1'; digit <= '9'; digit++) {
		char id[XC_PACK_ID_BYTES + 1];

		make_id(digit, id);
		if ((strstr(xc_buf_str(&all), id) != NULL) != (strchr(packs, digit) != NULL))
			fail_msg("packs %s: %s", packs, xc_buf_str(&all));
	}
}

static void a_tombstone_names_what_the_new_entry_no_longer_does(void **state)
{
	struct xc_committed committed;
	struct xc_store_tag tag;
	struct scene scene;
	struct xc_err err;

	(void)state;
	scene_open(&scene);
	must(commit(&scene, "12", XC_PUT_IF_ABSENT, &committed, &err), &err);
	expect_tombstones(&scene, "");
	/* A layer more: none goes, so that there is nothing to say. */
	must(commit(&scene, "123", XC_PUT_ALWAYS, &committed, &err), &err);
	assert_int_equal(count_objects(&scene, "/removed/"), 0);
	/* Two layers become one. */
	must(commit(&scene, "14", XC_PUT_ALWAYS, &committed, &err), &err);
	expect_tombstones(&scene, "23");
	look(&scene, "14", &tag);
	scene_close(&scene);
}

static void a_commit_over_a_tag_replaces_that_manifest_alone(void **state)
{
	struct xc_committed committed;
	struct xc_store_tag old, tag;
	struct scene scene;
	struct xc_err err;

	(void)state;
	scene_open(&scene);
	must(commit(&scene, "1", XC_PUT_IF_ABSENT, &committed, &err), &err);
	look(&scene, "1", &old);
	must(commit(&scene, "12", XC_PUT_IF_TAG(&old), &committed, &err), &err);
	assert_false(committed.exists);
	look(&scene, "12", &tag);
	/* Somebody else's by now: it stays, and our pack is in nobody's way. */
	must(commit(&scene, "13", XC_PUT_IF_TAG(&old), &committed, &err), &err);
	assert_true(committed.exists);
	assert_true(committed.may_drop_pack);
	look(&scene, "12", &tag);
	must(commit(&scene, "4", XC_PUT_IF_ABSENT, &committed, &err), &err);
	assert_true(committed.exists);
	expect_tombstones(&scene, "");
	scene_close(&scene);
}

static void a_manifest_that_no_reader_takes_is_not_written(void **state)
{
	struct xc_committed committed;
	struct scene scene;
	struct xc_err err;

	(void)state;
	scene_open(&scene);
	/* One pack for two layers. */
	assert_int_equal(commit(&scene, "11", XC_PUT_IF_ABSENT, &committed, &err), -1);
	assert_int_equal(err.kind, XC_ERR_USAGE);
	assert_true(committed.may_drop_pack);
	assert_int_equal(count_objects(&scene, ""), 0);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tombstone_names_what_the_new_entry_no_longer_does),
		cmocka_unit_test(a_commit_over_a_tag_replaces_that_manifest_alone),
		cmocka_unit_test(a_manifest_that_no_reader_takes_is_not_written),
	};

	return cmocka_run_group_tests_name("commit", tests, NULL, NULL);
}
