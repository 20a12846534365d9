/* SPDX-License-Identifier: Apache-2.0 */
/* Trees of every kind, written as images and read back; and what no image takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "mount_scene.h"

static const unsigned sizes[] = { XC_BLOCK_BITS_512, XC_BLOCK_BITS_4096 };

static void check_both(struct mount_scene *scene, const struct xc_owner *owner)
{
	mount_cut(scene, 0, 100000);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		mount_write(scene, sizes[i], owner);
}

static void names_of_any_bytes_and_length(void **state)
{
	cleanup_mount_scene struct mount_scene scene;
	char name[XC_MEMBER_NAME_MAX + 1];

	(void)state;
	mount_scene_init(&scene, 1);
	mount_put(&scene, 0, 0, XC_MEMBER_DIR, "./d");
	for (int byte = 1; byte < 256; byte++)
		if (byte != '/' && byte != '.')
			mount_file(&scene, 0, 1, (char[]){ (char)byte, '\0' }, 0);
	mount_put(&scene, 0, 1, XC_MEMBER_DIR, ".-before-dot-dot");
	mount_file(&scene, 0, 2, "...", 0);
	mount_put(&scene, 0, 1, XC_MEMBER_DIR, "many");
	for (unsigned i = 0; i < 300; i++) {
		size_t length = i < 45 ? 255 : i - 44;

		memset(name, 'a', length);
		name[length] = '\0';
		name[0] = (char)(i < 45 ? 'A' : 'b' + i % 3);
		snprintf(name, sizeof(name), "%03u", i);
		name[3] = 'x';
		mount_file(&scene, 0, 2, name, 0);
	}
	check_both(&scene, NULL);
}

/* In both orders of "." and ".." and of everything that can stand before, between and behind. */
static void dots_stand_where_they_sort(void **state)
{
	static const char *const around[] = { "!", "-", ".!", ".-", "..!", "..a", ".a", "/", "0" };

	(void)state;
	for (unsigned set = 0; set < 1u << ARRAY_LEN(around); set += 3) {
		cleanup_mount_scene struct mount_scene scene;

		mount_scene_init(&scene, 1);
		mount_put(&scene, 0, 0, XC_MEMBER_DIR, "~");
		for (size_t i = 0; i < ARRAY_LEN(around); i++)
			if ((set & 1u << i) && around[i][0] != '/')
				mount_file(&scene, 0, 1, around[i], 0);
		check_both(&scene, NULL);
	}
}

static void many_names_in_a_directory(void **state)
{
	cleanup_mount_scene struct mount_scene scene;
	char name[32];

	(void)state;
	mount_scene_init(&scene, 1);
	mount_put(&scene, 0, 0, XC_MEMBER_DIR, ".");
	for (unsigned i = 0; i < 5400; i++) {
		snprintf(name, sizeof(name), "name-%06u", i);
		mount_file(&scene, 0, 1, name, i);
	}
	for (unsigned i = 0; i < 700; i++) {
		snprintf(name, sizeof(name), "name-%06u-dir", i * 7);
		mount_put(&scene, 0, 1, XC_MEMBER_DIR, name);
	}
	check_both(&scene, NULL);
}

/* Every length of a directory up to some blocks, so that every remainder occurs. */
static void directories_of_every_length(void **state)
{
	cleanup_mount_scene struct mount_scene scene;
	char name[40];

	(void)state;
	mount_scene_init(&scene, 1);
	mount_put(&scene, 0, 0, XC_MEMBER_DIR, "./d");
	for (unsigned i = 0; i < 420; i++) {
		snprintf(name, sizeof(name), "%04u", i);
		mount_put(&scene, 0, 1, XC_MEMBER_DIR, name);
		for (unsigned k = 0; k <= i / 13; k++) {
			snprintf(name, sizeof(name), "%03u%.*s", k, (int)(i % 13), "xxxxxxxxxxxxx");
			mount_file(&scene, 0, 2, name, 0);
		}
	}
	check_both(&scene, NULL);
}

static void deep_trees(void **state)
{
	cleanup_mount_scene struct mount_scene scene;

	(void)state;
	mount_scene_init(&scene, 1);
	mount_put(&scene, 0, 0, XC_MEMBER_DIR, "/");
	for (uint32_t depth = 1; depth <= 60; depth++)
		mount_put(&scene, 0, depth, XC_MEMBER_DIR, "level");
	mount_file(&scene, 0, 61, "bottom", 77);
	check_both(&scene, NULL);
}

static void symlinks_of_every_length(void **state)
{
	static char text[4096];
	cleanup_mount_scene struct mount_scene scene;
	char name[16];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	mount_scene_init(&scene, 1);
	mount_put(&scene, 0, 0, XC_MEMBER_DIR, "./d");
	for (unsigned i = 1; i <= 4095; i += i < 600 || i > 4000 ? 1 : 97) {
		snprintf(name, sizeof(name), "%04u", i);
		mount_symlink(&scene, 0, 1, name, text + 4095 - i);
	}
	check_both(&scene, NULL);
}

static void many_names_of_one_file(void **state)
{
	cleanup_mount_scene struct mount_scene scene;
	char name[16];

	(void)state;
	mount_scene_init(&scene, 1);
	mount_put(&scene, 0, 0, XC_MEMBER_DIR, "./d");
	mount_file(&scene, 0, 1, "a", 12345);
	mount_symlink(&scene, 0, 1, "b", "a");
	mount_put(&scene, 0, 1, XC_MEMBER_HARDLINK, "c")->link = 2;
	for (unsigned i = 0; i < 70; i++) {
		if (i % 10 == 0) {
			snprintf(name, sizeof(name), "d%u", i / 10);
			mount_put(&scene, 0, 1, XC_MEMBER_DIR, name);
		}
		snprintf(name, sizeof(name), "%02u", i);
		mount_put(&scene, 0, 2, XC_MEMBER_HARDLINK, name)->link = 1;
	}
	mount_put(&scene, 0, 0, XC_MEMBER_HARDLINK, "/link")->link = 1;
	/* Root paths are sorted: "./d" comes before "/link". */
	check_both(&scene, NULL);
}

static void modes_ids_and_times_of_all_kinds(void **state)
{
	static const struct {
		int64_t s;
		uint32_t ns;
	} times[] = {
		{ 0, 0 },
		{ -1, 999999999 },
		{ -86400 * 365 * INT64_C(300), 1 },
		{ 8589934592, 123 },
		{ INT64_MAX, 999999999 },
		{ INT64_MIN, 0 },
		{ 4294967296, 500000000 },
	};
	static const uint32_t ids[] = { 0, 1, 1000, 65534, 65536, 4000000000, 0xfffffffe };
	static const struct xc_owner owners[] = { { 1000, 1001 }, { 4000000000, 4000000000 } };
	cleanup_mount_scene struct mount_scene scene;
	char name[16];

	(void)state;
	mount_scene_init(&scene, 1);
	mount_put(&scene, 0, 0, XC_MEMBER_DIR, "./d");
	for (unsigned pass = 0; pass < 2; pass++)
		for (unsigned mode = 0; mode <= 07777; mode += pass == 0 ? 1 : 61) {
			struct xc_member *member;

			snprintf(name, sizeof(name), "%s%04o", pass == 0 ? "f" : "d", mode);
			member = mount_put(&scene, 0, 1, pass == 0 ? XC_MEMBER_FILE : XC_MEMBER_DIR,
					   name);
			member->mode = (uint16_t)mode;
			member->uid = ids[mode % ARRAY_LEN(ids)];
			member->gid = ids[mode / 2 % ARRAY_LEN(ids)];
			member->mtime_s = times[mode % ARRAY_LEN(times)].s;
			member->mtime_ns = times[mode % ARRAY_LEN(times)].ns;
		}
	check_both(&scene, NULL);
	for (size_t i = 0; i < ARRAY_LEN(owners); i++)
		mount_write(&scene, XC_BLOCK_BITS_512, &owners[i]);
}

/* --- extended attributes --- */

static struct xc_xattr *give_xattrs(struct mount_scene *scene, struct xc_member *member,
				    uint32_t count, uint32_t length)
{
	struct xc_member_extra *extra = mount_extra(scene, 0, member);
	struct xc_arena *arena = &scene->layers.items[0].index.members.arena;
	struct xc_xattr *xattrs = xc_arena_alloc(arena, count * sizeof(*xattrs));
	char *value = xc_arena_alloc(arena, length + 1), text[32];

	memset(value, 'v', length);
	for (uint32_t i = 0; i < count; i++) {
		int text_bytes = snprintf(text, sizeof(text), "user.%04u", i);

		xattrs[i] = (struct xc_xattr){
			.name = xc_arena_text(arena, text, (size_t)text_bytes),
			.value = value,
			.length = length,
		};
	}
	extra->xattrs = xattrs;
	extra->xattr_count = count;
	return xattrs;
}

static struct xc_xattr *put_xattrs(struct mount_scene *scene, const char *name, uint32_t count,
				   uint32_t length)
{
	return give_xattrs(scene, mount_put(scene, 0, 1, XC_MEMBER_FILE, name), count, length);
}

/* Names behind xattrs fit into a block from some places alone, or from none. */
static void directories_with_xattrs_of_every_length(void **state)
{
	cleanup_mount_scene struct mount_scene scene;
	char name[XC_MEMBER_NAME_MAX + 1];

	(void)state;
	mount_scene_init(&scene, 1);
	mount_put(&scene, 0, 0, XC_MEMBER_DIR, "./d");
	for (unsigned i = 0; i < 16 * 17; i++) {
		snprintf(name, sizeof(name), "%03u", i);
		give_xattrs(&scene, mount_put(&scene, 0, 1, XC_MEMBER_DIR, name), 1, i % 16 * 4);
		memset(name, 'a', sizeof(name));
		name[255] = '\0';
		mount_file(&scene, 0, 2, name, 0);
		memset(name, 'b', sizeof(name));
		name[142 + i / 16 * 4] = '\0';
		mount_file(&scene, 0, 2, name, 0);
	}
	check_both(&scene, NULL);
}

static void xattrs_small_and_large(void **state)
{
	static char long_name[XC_XATTR_NAME_MAX + 1] = "user.";
	static const uint64_t runs[][2] = { { 4096, 512 }, { 0, 0 } };
	cleanup_mount_scene struct mount_scene scene;
	struct xc_member_extra extra;
	struct xc_member *sparse;
	char name[16];

	(void)state;
	memset(long_name + 5, 'n', XC_XATTR_NAME_MAX - 5);
	mount_scene_init(&scene, 1);
	mount_put(&scene, 0, 0, XC_MEMBER_DIR, "./d");
	for (unsigned i = 0; i < 530; i++) {
		snprintf(name, sizeof(name), "a%04u", i);
		put_xattrs(&scene, name, 1 + i % 3, i);
	}
	put_xattrs(&scene, "b", 20, 3000);
	put_xattrs(&scene, "c", 1, XC_IMAGE_XATTR_VALUE_MAX);
	put_xattrs(&scene, "d", 1, 0)->name = long_name;
	put_xattrs(&scene, "e", 1000, 240);
	put_xattrs(&scene, "f", 3, 1);
	extra = *scene.layers.items[0].index.members.items[1].extra;
	/* A directory, whose names stand behind them, and a sparse file with its table. */
	mount_sparse(&scene, 0, 1, "g", 8192, runs);
	sparse = &scene.layers.items[0]
			  .index.members.items[scene.layers.items[0].index.members.count - 1];
	extra.extents = sparse->extra->extents;
	extra.extent_count = 1;
	extra.sparse = true;
	sparse->extra = &extra;
	scene.layers.items[0].index.members.items[0].extra =
		scene.layers.items[0].index.members.items[5].extra;
	check_both(&scene, NULL);
}

static void image_fails(struct mount_scene *scene, const char *why)
{
	const struct xc_image_opts opts = { .uuid = "x" };

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct xc_err err = { 0 };

		xc_layout_release(&scene->layout);
		if (xc_layout_make(&scene->layers, sizes[i], &scene->layout, &err) < 0)
			fail_msg("%s", err.msg);
		assert_int_equal(xc_image_write(&scene->layout, &opts, &scene->image, &err), -1);
		assert_int_equal(err.kind, XC_ERR_UNSUPPORTED);
		if (!strstr(err.msg, why))
			fail_msg("%s", err.msg);
	}
}

static void xattrs_beyond_the_format_are_refused(void **state)
{
	static const struct {
		uint32_t count, length;
		const char *why; /* NULL: the last that is taken */
	} rows[] = {
		{ 1, 65535, NULL },
		{ 1, 65536, "./d/f has an extended attribute that is too long for a mount" },
		{ 4, 65524, NULL },
		{ 4, 65525, "./d/f has more extended attributes than a mount can have" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_mount_scene struct mount_scene scene;

		mount_scene_init(&scene, 1);
		mount_put(&scene, 0, 0, XC_MEMBER_DIR, "./d");
		put_xattrs(&scene, "f", rows[i].count, rows[i].length);
		mount_cut(&scene, 0, 100000);
		if (rows[i].why)
			image_fails(&scene, rows[i].why);
		else
			mount_write(&scene, XC_BLOCK_BITS_512, NULL);
	}
}

/* --- sparse files --- */

static void sparse_files_of_any_alignment(void **state)
{
	const uint64_t gib = UINT64_C(1) << 30, kib = 1024;
	const struct {
		uint64_t size;
		uint64_t runs[5][2];
	} rows[] = {
		{ 1, { { 0, 0 } } },
		{ 1, { { 0, 1 } } },
		{ 0, { { 0, 0 } } },
		{ 6 * gib, { { 0, 0 } } },
		{ INT64_MAX, { { 0, 0 } } },
		{ 6 * gib, { { 0, 4 * kib }, { 3 * gib, kib * kib }, { 6 * gib - 4096, 4096 } } },
		{ 6 * gib + 512, { { 4 * kib, 4 * kib }, { 6 * gib, 512 } } },
		{ gib, { { 512, 512 }, { gib / 2 + 512, 1024 }, { gib - 512, 512 } } },
		{ 6 * gib - 3, { { 2 * gib, gib }, { 4 * gib, 2 * gib - 3 } } },
		{ 100000, { { 512, 512 }, { 1536, 1024 }, { 3072, 1536 }, { 99840, 160 } } },
		{ 100000, { { 3584, 1024 }, { 8192, 4096 }, { 12800, 512 } } },
		{ 5 * 4096 + 1, { { 4096, 4096 }, { 12288, 8192 + 1 } } },
	};
	cleanup_mount_scene struct mount_scene scene;
	char name[16];

	(void)state;
	mount_scene_init(&scene, 1);
	mount_put(&scene, 0, 0, XC_MEMBER_DIR, "./d");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(name, sizeof(name), "%02zu", i);
		/* The largest of all is 2^23 chunks of nothing; it has a test of its own. */
		if (rows[i].size != INT64_MAX)
			mount_sparse(&scene, 0, 1, name, rows[i].size, rows[i].runs);
	}
	mount_cut(&scene, 0, 60000000);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		mount_write(&scene, sizes[i], NULL);
}

/* Byte by byte, by what the raw file holds: no byte of a neighbour, and no padding. */
static void sparse_files_read_as_they_were(void **state)
{
	static const uint64_t runs[][2] = { { 512, 512 },   { 1536, 1024 }, { 8192, 5120 },
					    { 20480, 512 }, { 39936, 64 },  { 0, 0 } };
	const uint64_t size = 40000;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		cleanup_mount_scene struct mount_scene scene;
		cleanup_free char *raw = NULL;
		const struct xc_layout_layer *layer;
		struct erofs_inode inode;
		struct erofs_place place;
		struct erofs fs;
		size_t bytes;

		mount_scene_init(&scene, 1);
		mount_file(&scene, 0, 0, "./a", 1000);
		mount_sparse(&scene, 0, 0, "./b", size, runs);
		mount_file(&scene, 0, 0, "./c", 1000);
		mount_cut(&scene, 0, 700);
		mount_write(&scene, sizes[i], NULL);
		raw = mount_raw(&scene, 0, &bytes);
		layer = &scene.layout.layers[0];
		assert_int_equal(bytes, (uint64_t)layer->blocks[3] << sizes[i]);
		assert_null(erofs_open(&fs, scene.image.data, scene.image.len_bytes));
		for (uint64_t at = fs.root * 32;; at += 64)
			if (!erofs_inode(&fs, at / 32, &inode) && inode.size == size)
				break;
		for (uint64_t at = 0; at < size; at++) {
			assert_null(erofs_map(&fs, &inode, at, &place));
			assert_int_equal(place.hole ? 0 : raw[place.at],
					 mount_byte(&scene, 0, 1, at));
		}
	}
}

static void sparse_files_with_too_many_chunks_are_refused(void **state)
{
	static const uint64_t one[][2] = { { UINT64_C(1) << 40, 512 }, { 0, 0 } };
	static const uint64_t odd[][2] = { { 512, 512 }, { 0, 0 } };
	static const uint64_t none[][2] = { { 0, 0 } };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		cleanup_mount_scene struct mount_scene scene;

		mount_scene_init(&scene, 1);
		if (i == 0)
			mount_sparse(&scene, 0, 0, "./f", (UINT64_C(1) << 40) + 8192, one);
		if (i == 1)
			mount_sparse(&scene, 0, 0, "./f", UINT64_C(1) << 62, odd);
		for (uint32_t k = 0; k < 20 && i == 2; k++)
			mount_sparse(&scene, 0, 0, (char[]){ '/', (char)('a' + k), '\0' },
				     INT64_MAX, none);
		mount_cut(&scene, 0, 100000);
		image_fails(&scene, "has holes in too many places for a mount");
	}
}

/* --- the whole --- */

static void an_image_that_is_too_long_is_refused(void **state)
{
	static char target[XC_TARGET_MAX + 1];
	cleanup_mount_scene struct mount_scene scene;
	char name[16];

	(void)state;
	memset(target, 't', XC_TARGET_MAX);
	mount_scene_init(&scene, 1);
	for (unsigned i = 0; i < 270000; i++) {
		snprintf(name, sizeof(name), "/%06u", i);
		mount_symlink(&scene, 0, 0, name, target);
	}
	mount_cut(&scene, 0, 10000000);
	image_fails(&scene, "its names and attributes take more than 1073741824 bytes");
}

static void a_device_for_each_layer_with_content(void **state)
{
	cleanup_mount_scene struct mount_scene scene;
	struct erofs fs;

	(void)state;
	mount_scene_init(&scene, 4);
	for (uint32_t i = 0; i < 4; i++) {
		mount_file(&scene, i, 0, (char[]){ '/', (char)('a' + i), '\0' }, i == 1 ? 0 : 9999);
		mount_cut(&scene, i, 5000);
	}
	mount_kill(&scene, 2, 0);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		mount_write(&scene, sizes[i], NULL);
		assert_null(erofs_open(&fs, scene.image.data, scene.image.len_bytes));
		assert_int_equal(fs.device_count, 2);
		assert_string_equal(fs.devices[0].tag, "11111111111111111111111111111111");
		assert_string_equal(fs.devices[1].tag, "44444444444444444444444444444444");
	}
}

static void the_same_layers_give_the_same_bytes(void **state)
{
	cleanup_buf struct xc_buf first = XC_BUF_INIT;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		cleanup_mount_scene struct mount_scene scene;

		mount_scene_init(&scene, 1);
		mount_put(&scene, 0, 0, XC_MEMBER_DIR, "./d");
		put_xattrs(&scene, "a", 2, 5);
		mount_symlink(&scene, 0, 1, "b", "a");
		check_both(&scene, NULL);
		if (i == 0)
			xc_buf_add(&first, scene.image.data, scene.image.len_bytes);
		else
			assert_int_equal(first.len_bytes, scene.image.len_bytes);
		assert_memory_equal(first.data, scene.image.data, first.len_bytes);
	}
}

/* Told for people: time depends on the machine. Memory of an image does not. */
static void an_image_takes_about_100_bytes_a_member(void **state)
{
	const struct xc_image_opts opts = { .uuid = "x" };
	cleanup_mount_scene struct mount_scene scene;
	char name[40];

	(void)state;
	mount_scene_init(&scene, 1);
	mount_put(&scene, 0, 0, XC_MEMBER_DIR, "./node_modules");
	for (unsigned i = 0; i < 100000; i++) {
		if (i % 8 == 0) {
			snprintf(name, sizeof(name), "directory-%06u", i);
			mount_put(&scene, 0, 1, XC_MEMBER_DIR, name);
			continue;
		}
		snprintf(name, sizeof(name), "%06u-%.*s.js", i, (int)(i % 15), "abcdefghijklmno");
		mount_file(&scene, 0, 2, name, i % 7000);
	}
	mount_cut(&scene, 0, 8 << 20);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct timespec before, after;
		struct xc_err err = { 0 };
		double ns;

		xc_layout_release(&scene.layout);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
		assert_int_equal(xc_layout_make(&scene.layers, sizes[i], &scene.layout, &err), 0);
		assert_int_equal(xc_image_write(&scene.layout, &opts, &scene.image, &err), 0);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
		ns = (double)(after.tv_sec - before.tv_sec) * 1e9 +
		     (double)(after.tv_nsec - before.tv_nsec);
		print_message("blocks of %u: %.2f us and %.0f bytes a member\n", 1u << sizes[i],
			      ns / 100000 / 1000, (double)scene.image.len_bytes / 100000);
		assert_true(scene.image.len_bytes < UINT64_C(115) * 100000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_any_bytes_and_length),
		cmocka_unit_test(dots_stand_where_they_sort),
		cmocka_unit_test(many_names_in_a_directory),
		cmocka_unit_test(directories_of_every_length),
		cmocka_unit_test(deep_trees),
		cmocka_unit_test(symlinks_of_every_length),
		cmocka_unit_test(many_names_of_one_file),
		cmocka_unit_test(modes_ids_and_times_of_all_kinds),
		cmocka_unit_test(xattrs_small_and_large),
		cmocka_unit_test(directories_with_xattrs_of_every_length),
		cmocka_unit_test(xattrs_beyond_the_format_are_refused),
		cmocka_unit_test(sparse_files_of_any_alignment),
		cmocka_unit_test(sparse_files_read_as_they_were),
		cmocka_unit_test(sparse_files_with_too_many_chunks_are_refused),
		cmocka_unit_test(an_image_that_is_too_long_is_refused),
		cmocka_unit_test(a_device_for_each_layer_with_content),
		cmocka_unit_test(the_same_layers_give_the_same_bytes),
		cmocka_unit_test(an_image_takes_about_100_bytes_a_member),
	};

	return cmocka_run_group_tests_name("mount image", tests, NULL, NULL);
}
