/* SPDX-License-Identifier: Apache-2.0 */
/* Plans by themselves, and packs of some of a tree's members. */
#include "scene.h"

#include "archive/tar.h"
#include "key/objects.h"
#include "fetch/index.h"
#include "pack_sample.h"
#include "save/pack.h"
#include "save/plan.h"
#include "save/scan.h"

static void plan(struct xc_members *members, const struct xc_member_set *set,
		 struct xc_plan *ret_plan)
{
	struct xc_err err;

	must(xc_plan_make(members, set, ret_plan, &err), &err);
}

/* A set with the positions that `in` has a 1 for. */
static void make_set(struct xc_member_set *set, const char *in)
{
	xc_member_set_init(set, (uint32_t)strlen(in), false);
	for (uint32_t i = 0; in[i] != '\0'; i++)
		if (in[i] == '1')
			xc_member_set_add(set, i);
}

static void a_plan_has_the_members_of_its_set_alone(void **state)
{
	const uint64_t large = 2 * XC_SEGMENT_TARGET_BYTES + 1;
	const struct sample_row rows[] = {
		DIR_(0, "./a"), FILE_(1, "b", 10), FILE_(1, "c", large), FILE_(1, "d", 10),
		DIR_(1, "e"),   FILE_(2, "f", 10), FILE_(0, "./g", 0),   SAMPLE_END,
	};
	static const struct {
		const char *in, *plan;
	} sets[] = {
		{ "1111111", "0+2 2:0 2:8388608 2:16777216 3+4 " },
		{ "1000110", "0+3 " },
		{ "1010110", "0+1 2:0 2:8388608 2:16777216 4+2 " },
		{ "0000001", "6+1 " },
		{ "0000000", "" },
	};
	cleanup_index struct xc_index index;

	(void)state;
	sample_index(rows, &index);
	for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
		cleanup_member_set struct xc_member_set set = XC_MEMBER_SET_INIT;
		cleanup_plan struct xc_plan made = XC_PLAN_INIT;
		cleanup_buf struct xc_buf text = XC_BUF_INIT;

		make_set(&set, sets[i].in);
		plan(&index.members, &set, &made);
		for (uint32_t k = 0; k < made.count; k++) {
			const struct xc_plan_item *item = &made.items[k];

			if (item->piece)
				xc_buf_addf(&text, "%u:%llu ", item->first,
					    (unsigned long long)item->offset);
			else
				xc_buf_addf(&text, "%u+%u ", item->first, item->count);
		}
		assert_string_equal(xc_buf_str(&text), sets[i].plan);
	}
}

/* By a plan that knows only what the walk knows, against what is written in the end. */
static void a_plan_knows_the_length_of_each_header(void **state)
{
	static char name[201], target[151];
	static const struct xc_xattr xattr = { "user.a", "1", 1 };
	static const struct xc_member_extra with_xattr = { .xattrs = &xattr, .xattr_count = 1 };
	const struct sample_row rows[] = {
		DIR_(0, "/"),         DIR_(1, name),
		FILE_(2, name, 1),    DIR_(2, name),
		FILE_(3, "x", 1),     DIR_(1, "with-xattr"),
		DIR_(0, "~"),         FILE_(1, "short", 1),
		HARDLINK_(1, "z", 2), SYMLINK_(0, "~/.l", target),
		SAMPLE_END,
	};
	cleanup_member_set struct xc_member_set set = XC_MEMBER_SET_INIT;
	cleanup_plan struct xc_plan made = XC_PLAN_INIT;
	struct xc_tar_writer *tar = xc_tar_writer_new();
	cleanup_index struct xc_index index;
	uint32_t longer = 0;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	memset(target, 't', sizeof(target) - 1);
	sample_index(rows, &index);
	index.members.items[5].extra = &with_xattr;
	xc_member_set_init(&set, index.members.count, true);
	plan(&index.members, &set, &made);
	for (uint32_t i = 0; i < index.members.count; i++) {
		const struct xc_member *member = &index.members.items[i];
		cleanup_buf struct xc_buf path = XC_BUF_INIT, link = XC_BUF_INIT,
					  header = XC_BUF_INIT;
		struct xc_err err;

		xc_members_path(&index.members, i, &path);
		if (member->type == XC_MEMBER_HARDLINK)
			xc_members_path(&index.members, member->link, &link);
		must(xc_tar_write_header(tar, XC_TAR_ENTRY(member, path.data, link.data), &header,
					 &err),
		     &err);
		if (member->header_bytes != header.len_bytes)
			fail_msg("%s: planned %u, written %zu", path.data, member->header_bytes,
				 header.len_bytes);
		longer += member->header_bytes > XC_TAR_BLOCK_BYTES;
	}
	assert_int_equal(longer, 7);
	xc_tar_writer_free(tar);
}

static void segments_of_headers_alone_are_cut_by_their_length(void **state)
{
	enum { COUNT = 20000 };
	static const struct {
		size_t name_bytes;
		uint32_t header_bytes, runs[4];
	} rows[] = {
		{ 5, 512, { 16384, 3616 } },
		/* A pax header, its block and the ustar header: each run is as full as can be. */
		{ 120, 1536, { 5461, 5461, 5461, 3617 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_members struct xc_members members = XC_MEMBERS_INIT;
		cleanup_member_set struct xc_member_set set = XC_MEMBER_SET_INIT;
		cleanup_plan struct xc_plan made = XC_PLAN_INIT;

		members.count = COUNT;
		members.items = xc_calloc(COUNT, sizeof(*members.items));
		for (uint32_t k = 0; k < COUNT; k++) {
			char name[200];

			snprintf(name, sizeof(name), "%0*u", (int)rows[i].name_bytes, k);
			members.items[k] = (struct xc_member){
				.name = xc_arena_text(&members.arena, name, strlen(name)),
				.parent = XC_MEMBER_NONE,
				.link = XC_MEMBER_NONE,
			};
		}
		xc_member_set_init(&set, COUNT, true);
		plan(&members, &set, &made);
		assert_int_equal(members.items[COUNT - 1].header_bytes, rows[i].header_bytes);
		for (uint32_t k = 0; k < made.count; k++)
			assert_int_equal(made.items[k].count, rows[i].runs[k]);
		assert_int_equal(made.count, i == 0 ? 2 : 4);
	}
}

/* The paths of a pack's members, one a line. */
static void list_pack(const struct scene *scene, const struct xc_layer *layer, struct xc_buf *out)
{
	cleanup_index struct xc_index index = XC_INDEX_INIT;
	cleanup_buf struct xc_buf name = XC_BUF_INIT;
	struct xc_index_budget budget = { 0 };
	struct xc_index_source source = { .store = scene->store, .layer = layer };
	cleanup_free char *data = xc_malloc(layer->index_bytes);
	struct xc_err err;

	must(xc_name_pack(scene->cache.repository, "main", layer->pack, &name, &err), &err);
	source.pack_name = name.data;
	must(xc_store_read_wait(scene->store, name.data, layer->index_offset, data,
				layer->index_bytes, &err),
	     &err);
	must(xc_fetch_index(&source, data, &budget, &index, &err), &err);
	for (uint32_t i = 0; i < index.members.count; i++) {
		xc_members_path(&index.members, i, out);
		if (index.members.items[i].type == XC_MEMBER_HARDLINK) {
			xc_buf_add_str(out, " = ");
			xc_members_path(&index.members, index.members.items[i].link, out);
		}
		xc_buf_add_char(out, '\n');
	}
}

/* A tree of the scene, and what a pack of the set `in` of its members needs. */
struct packing {
	struct scene scene;
	struct xc_tree tree;
	struct xc_member_set set;
	struct xc_notes notes;
	struct xc_save_pack pack;
	struct xc_layer layer;
	struct xc_totals totals;
};

static void packing_open(struct packing *packing, const char *in)
{
	struct scene *scene = &packing->scene;
	struct xc_err err;

	*packing = (struct packing){ 0 };
	scene_open(scene);
	make_file(scene, "ws/a/1", "one");
	make_file(scene, "ws/a/2", "two");
	make_link(scene, "ws/a/3", "ws/a/2");
	make_file(scene, "ws/a/d/4", "four");
	make_file(scene, "ws/a/e/5", "five");
	scene_paths(scene, "a");
	must(xc_save_scan(&scene->cache, &scene->query, false, &packing->notes, &packing->tree,
			  &err),
	     &err);
	make_set(&packing->set, in);
	assert_int_equal(packing->set.size, packing->tree.members.count);
	packing->pack = (struct xc_save_pack){
		.cache = &scene->cache,
		.scope = "main",
		.tree = &packing->tree,
		.set = &packing->set,
		.notes = &packing->notes,
		.level = 1,
	};
}

static void packing_close(struct packing *packing)
{
	xc_member_set_release(&packing->set);
	xc_tree_release(&packing->tree);
	xc_notes_release(&packing->notes);
	scene_close(&packing->scene);
}

static void a_pack_of_some_members_has_those_alone(void **state)
{
	cleanup_buf struct xc_buf listed = XC_BUF_INIT;
	struct packing packing;
	struct xc_err err;

	(void)state;
	/* a, 1, 2, 3, d, d/4, e, e/5 */
	packing_open(&packing, "10110011");
	must(xc_save_pack(&packing.pack, &packing.layer, &packing.totals, &err), &err);
	list_pack(&packing.scene, &packing.layer, &listed);
	assert_string_equal(listed.data, "./a\n./a/2\n./a/3 = ./a/2\n./a/e\n./a/e/5\n");
	assert_int_equal(packing.totals.files, 2);
	assert_int_equal(packing.totals.directories, 2);
	assert_int_equal(packing.totals.hardlinks, 1);
	assert_int_equal(packing.totals.content_bytes, 7);
	/* The tree is still the whole one, with what was read of the set's members. */
	assert_int_equal(packing.tree.members.count, 8);
	assert_int_equal(packing.tree.members.items[7].header_bytes, 512);
	assert_int_equal(packing.tree.members.items[1].header_bytes, 0);
	xc_save_drop_pack(&packing.scene.cache, "main", &packing.layer);
	packing_close(&packing);
}

static void what_vanished_is_taken_out_of_the_set(void **state)
{
	cleanup_buf struct xc_buf listed = XC_BUF_INIT;
	struct packing packing;
	struct xc_err err;

	(void)state;
	packing_open(&packing, "11110011");
	remove_path(&packing.scene, "ws/a/1");
	must(xc_save_pack(&packing.pack, &packing.layer, &packing.totals, &err), &err);
	list_pack(&packing.scene, &packing.layer, &listed);
	assert_string_equal(listed.data, "./a\n./a/2\n./a/3 = ./a/2\n./a/e\n./a/e/5\n");
	assert_false(xc_member_set_has(&packing.set, 1));
	assert_int_equal(packing.set.count, 5);
	assert_int_equal(packing.notes.kinds[XC_NOTE_VANISHED].count, 1);
	packing_close(&packing);
}

static void a_name_of_what_vanished_fails_the_pack(void **state)
{
	struct packing packing;
	struct xc_err err;

	(void)state;
	packing_open(&packing, "11110011");
	remove_path(&packing.scene, "ws/a/2");
	assert_int_equal(xc_save_pack(&packing.pack, &packing.layer, &packing.totals, &err), -1);
	assert_int_equal(err.kind, XC_ERR_CHANGED);
	assert_non_null(strstr(err.msg, "a/3"));
	packing_close(&packing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plan_has_the_members_of_its_set_alone),
		cmocka_unit_test(a_plan_knows_the_length_of_each_header),
		cmocka_unit_test(segments_of_headers_alone_are_cut_by_their_length),
		cmocka_unit_test(a_pack_of_some_members_has_those_alone),
		cmocka_unit_test(what_vanished_is_taken_out_of_the_set),
		cmocka_unit_test(a_name_of_what_vanished_fails_the_pack),
	};

	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
