/* SPDX-License-Identifier: Apache-2.0 */
/* Layers as one tree, the bounds of a mount, and where contents lie in raw files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mount_scene.h"

static const unsigned sizes[] = { XC_BLOCK_BITS_512, XC_BLOCK_BITS_4096 };

static void write_both(struct mount_scene *scene)
{
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		mount_write(scene, sizes[i], NULL);
}

static int layout_fails(struct mount_scene *scene, enum xc_err_kind kind, const char *why)
{
	struct xc_err err = { 0 };
	int result;

	xc_layout_release(&scene->layout);
	result = xc_layout_make(&scene->layers, XC_BLOCK_BITS_512, &scene->layout, &err);
	assert_int_equal(result, -1);
	assert_int_equal(err.kind, kind);
	assert_non_null(strstr(err.msg, why));
	return result;
}

/* The record that a path of names below the first top goes by. */
static const struct xc_layout_node *find_node(const struct mount_scene *scene, const char *path)
{
	const struct xc_layout *layout = &scene->layout;
	const struct xc_layout_node *node = &layout->nodes[0];
	cleanup_free char *copy = xc_strdup(path);

	for (char *save, *name = strtok_r(copy, "/", &save); name;
	     name = strtok_r(NULL, "/", &save)) {
		uint32_t i = node->first_entry, end = i + node->entry_count;

		while (i < end && strcmp(layout->entries[i].name, name) != 0)
			i++;
		if (i == end)
			return NULL;
		node = &layout->nodes[layout->entries[i].node];
	}
	return node;
}

static void layers_become_one_tree(void **state)
{
	cleanup_mount_scene struct mount_scene scene;

	(void)state;
	mount_scene_init(&scene, 3);
	mount_put(&scene, 0, 0, XC_MEMBER_DIR, "./d");
	mount_file(&scene, 0, 1, "a", 700);
	mount_file(&scene, 0, 1, "c", 10);
	mount_put(&scene, 0, 1, XC_MEMBER_HARDLINK, "e")->link = 2;
	mount_put(&scene, 0, 1, XC_MEMBER_DIR, "gone");
	mount_file(&scene, 0, 2, "f", 10);
	mount_put(&scene, 0, 1, XC_MEMBER_DIR, "sub");
	mount_file(&scene, 0, 2, "old", 1);
	mount_file(&scene, 0, 0, "/z", 3);
	mount_put(&scene, 1, 0, XC_MEMBER_DIR, "./d");
	mount_file(&scene, 1, 1, "a", 5000);
	mount_file(&scene, 1, 1, "b", 0);
	mount_put(&scene, 1, 1, XC_MEMBER_DIR, "sub");
	mount_file(&scene, 1, 2, "new", 1);
	mount_put(&scene, 1, 0, XC_MEMBER_DIR, "~/x");
	mount_put(&scene, 2, 0, XC_MEMBER_DIR, "./d");
	mount_put(&scene, 2, 1, XC_MEMBER_DIR, "sub");
	for (uint32_t i = 0; i < 3; i++)
		mount_cut(&scene, i, 1000);
	/* The first layer's a, gone with its file, and ./d; of the second layer sub alone. */
	mount_kill(&scene, 0, 0);
	mount_kill(&scene, 0, 1);
	mount_kill(&scene, 0, 4);
	mount_kill(&scene, 0, 5);
	mount_kill(&scene, 0, 6);
	mount_kill(&scene, 1, 3);
	mount_kill(&scene, 2, 0);
	write_both(&scene);
	assert_int_equal(scene.layout.top_count, 3);
	assert_string_equal(scene.layout.tops[0].stored, "./d");
	assert_string_equal(scene.layout.tops[1].stored, "/z");
	assert_string_equal(scene.layout.tops[2].stored, "~/x");
	assert_int_equal(find_node(&scene, "0/a")->layer, 1);
	assert_int_equal(find_node(&scene, "0")->layer, 1);
	assert_int_equal(find_node(&scene, "0/sub")->layer, 2);
	assert_int_equal(find_node(&scene, "0/e")->links, 2);
	assert_ptr_equal(find_node(&scene, "0/e"), find_node(&scene, "0/c"));
	assert_null(find_node(&scene, "0/gone"));
	assert_int_equal(find_node(&scene, "0/sub")->entry_count, 2);
	assert_null(scene.layout.layers[2].blocks);
}

static void a_directory_that_is_dead_everywhere_counts_by_the_newest(void **state)
{
	cleanup_mount_scene struct mount_scene scene;

	(void)state;
	mount_scene_init(&scene, 2);
	for (uint32_t i = 0; i < 2; i++) {
		mount_put(&scene, i, 0, XC_MEMBER_DIR, "./d");
		mount_put(&scene, i, 1, XC_MEMBER_DIR, "e")->mode = (uint16_t)(0700 + i);
		mount_file(&scene, i, 2, i == 0 ? "f" : "g", 1);
		mount_cut(&scene, i, 4096);
		mount_kill(&scene, i, 0);
		mount_kill(&scene, i, 1);
	}
	write_both(&scene);
	assert_int_equal(find_node(&scene, "0/e")->layer, 1);
	assert_int_equal(find_node(&scene, "0/e")->entry_count, 2);
	/* One that is alive counts more than a newer one that is dead. */
	xc_member_set_add(&scene.layers.items[0].alive, 1);
	write_both(&scene);
	assert_int_equal(find_node(&scene, "0/e")->layer, 0);
	xc_member_set_add(&scene.layers.items[1].alive, 1);
	write_both(&scene);
	assert_int_equal(find_node(&scene, "0/e")->layer, 1);
}

/* So a search reads the image from its beginning to its end. */
static void directories_are_filled_in_the_order_of_their_names(void **state)
{
	cleanup_mount_scene struct mount_scene scene;
	uint32_t last = 0;
	char name[16];

	(void)state;
	mount_scene_init(&scene, 1);
	mount_put(&scene, 0, 0, XC_MEMBER_DIR, "./d");
	for (unsigned i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "%02u", i);
		mount_put(&scene, 0, 1, XC_MEMBER_DIR, name);
		mount_put(&scene, 0, 2, XC_MEMBER_DIR, "below");
		mount_file(&scene, 0, 3, "f", 0);
	}
	mount_cut(&scene, 0, 10000);
	write_both(&scene);
	for (unsigned i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "0/%02u/below", i);
		assert_true(find_node(&scene, name)->first_entry > last);
		last = find_node(&scene, name)->first_entry;
	}
}

static void nothing_alive_is_an_empty_tree(void **state)
{
	cleanup_mount_scene struct mount_scene scene;

	(void)state;
	mount_scene_init(&scene, 1);
	mount_put(&scene, 0, 0, XC_MEMBER_DIR, "./d");
	mount_file(&scene, 0, 1, "f", 10);
	mount_cut(&scene, 0, 4096);
	mount_kill(&scene, 0, 0);
	mount_kill(&scene, 0, 1);
	write_both(&scene);
	assert_int_equal(scene.layout.node_count, 1);
}

/* What a restore refuses as well. */
static void layers_that_contradict_each_other_are_corrupt(void **state)
{
	static const enum xc_member_type types[][2] = {
		{ XC_MEMBER_FILE, XC_MEMBER_FILE },
		{ XC_MEMBER_FILE, XC_MEMBER_DIR },
		{ XC_MEMBER_DIR, XC_MEMBER_FILE },
	};

	(void)state;
	for (size_t row = 0; row < ARRAY_LEN(types); row++) {
		cleanup_mount_scene struct mount_scene scene;

		mount_scene_init(&scene, 2);
		for (uint32_t i = 0; i < 2; i++) {
			mount_put(&scene, i, 0, XC_MEMBER_DIR, "./d");
			mount_put(&scene, i, 1, types[row][i], "x");
			mount_cut(&scene, i, 4096);
		}
		layout_fails(&scene, XC_ERR_CORRUPT, "the entry has ./d/x twice");
	}
}

static void a_link_to_a_dead_file_is_corrupt(void **state)
{
	cleanup_mount_scene struct mount_scene scene;

	(void)state;
	mount_scene_init(&scene, 1);
	mount_file(&scene, 0, 0, "./a", 1);
	mount_put(&scene, 0, 0, XC_MEMBER_HARDLINK, "./b")->link = 0;
	mount_cut(&scene, 0, 4096);
	mount_kill(&scene, 0, 0);
	layout_fails(&scene, XC_ERR_CORRUPT, "a hard link to a file that it lacks");
}

static void too_many_members_are_refused(void **state)
{
	cleanup_mount_scene struct mount_scene scene;
	char name[16];

	(void)state;
	mount_scene_init(&scene, 1);
	for (uint32_t i = 0; i <= XC_LAYOUT_MEMBERS_MAX; i++) {
		snprintf(name, sizeof(name), "/%08u", i);
		mount_put(&scene, 0, 0, XC_MEMBER_FILE, name)->header_bytes = 512;
	}
	mount_cut(&scene, 0, XC_SEGMENT_RAW_MAX);
	layout_fails(&scene, XC_ERR_UNSUPPORTED, "it has more than 2000000 files and directories");
}

static void contents_beyond_32_bits_of_blocks_are_refused(void **state)
{
	struct xc_err err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		/* The image takes some blocks, too. */
		const uint64_t bytes = XC_LAYOUT_BLOCKS_MAX << sizes[i];
		cleanup_mount_scene struct mount_scene scene;
		cleanup_buf struct xc_buf image = XC_BUF_INIT;
		struct xc_image_opts opts = { .uuid = "x" };
		struct xc_member *members;

		mount_scene_init(&scene, 1);
		mount_file(&scene, 0, 0, "/a", 1);
		mount_file(&scene, 0, 0, "/b", 1);
		mount_cut(&scene, 0, 4096);
		members = scene.layers.items[0].index.members.items;
		members[1].size_bytes = bytes - 100 * 4096;
		assert_int_equal(xc_layout_make(&scene.layers, sizes[i], &scene.layout, &err), 0);
		assert_int_equal(xc_image_write(&scene.layout, &opts, &image, &err), 0);
		xc_layout_release(&scene.layout);
		members[1].size_bytes = bytes - (1u << sizes[i]);
		assert_int_equal(xc_layout_make(&scene.layers, sizes[i], &scene.layout, &err), 0);
		assert_int_equal(xc_image_write(&scene.layout, &opts, &image, &err), -1);
		assert_non_null(strstr(err.msg, "too large together"));
		xc_layout_release(&scene.layout);
		for (unsigned more = 0; more < 2; more++) {
			members[1].size_bytes = more ? INT64_MAX : bytes;
			assert_int_equal(
				xc_layout_make(&scene.layers, sizes[i], &scene.layout, &err), -1);
			assert_int_equal(err.kind, XC_ERR_UNSUPPORTED);
			assert_non_null(strstr(err.msg, "too large together"));
			xc_layout_release(&scene.layout);
		}
	}
}

/* Every cut of the same stream gives the same raw file, and in it every byte where it belongs. */
static void a_raw_file_does_not_depend_on_the_segments(void **state)
{
	static const uint32_t cuts[] = { 1, 511, 512, 513, 4096, 5000, 1u << 20 };
	static const uint64_t odd[][2] = { { 512, 512 },     { 1536, 1024 },  { 4096, 512 },
					   { 12288, 12288 }, { 65024, 1000 }, { 0, 0 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		cleanup_free char *first = NULL;
		size_t first_bytes = 0, bytes;

		for (size_t cut = 0; cut < ARRAY_LEN(cuts); cut++) {
			cleanup_mount_scene struct mount_scene scene;
			char *raw;

			mount_scene_init(&scene, 1);
			mount_put(&scene, 0, 0, XC_MEMBER_DIR, "./d");
			mount_file(&scene, 0, 1, "a", 1);
			mount_file(&scene, 0, 1, "b", 0);
			mount_file(&scene, 0, 1, "c", 512);
			mount_sparse(&scene, 0, 1, "d", 66024, odd);
			mount_file(&scene, 0, 1, "e", 9000);
			mount_symlink(&scene, 0, 1, "f", "e");
			mount_cut(&scene, 0, cuts[cut]);
			mount_write(&scene, sizes[i], NULL);
			raw = mount_raw(&scene, 0, &bytes);
			if (cut == 0) {
				first = raw;
				first_bytes = bytes;
				continue;
			}
			assert_int_equal(bytes, first_bytes);
			assert_memory_equal(raw, first, bytes);
			free(raw);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layers_become_one_tree),
		cmocka_unit_test(a_directory_that_is_dead_everywhere_counts_by_the_newest),
		cmocka_unit_test(directories_are_filled_in_the_order_of_their_names),
		cmocka_unit_test(nothing_alive_is_an_empty_tree),
		cmocka_unit_test(layers_that_contradict_each_other_are_corrupt),
		cmocka_unit_test(a_link_to_a_dead_file_is_corrupt),
		cmocka_unit_test(too_many_members_are_refused),
		cmocka_unit_test(contents_beyond_32_bits_of_blocks_are_refused),
		cmocka_unit_test(a_raw_file_does_not_depend_on_the_segments),
	};

	return cmocka_run_group_tests_name("mount layout", tests, NULL, NULL);
}
