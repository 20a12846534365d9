/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of the legacy layout, restored by the operation: what comes back, and what never may. */
#include "scene.h"

#include "archive_tar.h"

#define MEMBERS(...)                                                                               \
	(const struct tar_member[])                                                                \
	{                                                                                          \
		__VA_ARGS__,                                                                       \
		{                                                                                  \
			0                                                                          \
		}                                                                                  \
	}
#define FILE_(name_, content_)                                                                     \
	{                                                                                          \
		.type = TAR_FILE, .name = (name_), .content = (content_)                           \
	}
#define DIR_(name_)                                                                                \
	{                                                                                          \
		.type = TAR_DIR, .name = (name_)                                                   \
	}
#define LINK_(name_, target_)                                                                      \
	{                                                                                          \
		.type = TAR_SYMLINK, .name = (name_), .link = (target_)                            \
	}
#define HARD_(name_, target_)                                                                      \
	{                                                                                          \
		.type = TAR_HARDLINK, .name = (name_), .link = (target_)                           \
	}
#define GONE_(name_)                                                                               \
	{                                                                                          \
		.type = TAR_CHAR, .name = (name_)                                                  \
	}

static void put_bytes(struct scene *scene, const char *name, const void *data, size_t length)
{
	struct xc_err err;

	must(xc_store_put(scene->store, name, data, length, XC_PUT_ALWAYS, &err), &err);
}

static void put_archive(struct scene *scene, const char *name, const struct tar_member *members)
{
	cleanup_buf struct xc_buf object = XC_BUF_INIT;

	tar_archive(members, &object);
	put_bytes(scene, name, object.data, object.len_bytes);
}

/* "a/ b=text c>target", sorted; of hard links each has the content. */
static void list_below(int dir_fd, const char *name, const char *shown, struct xc_buf *out)
{
	cleanup_strlist struct xc_strlist names = XC_STRLIST_INIT;
	DIR *stream = fdopendir(openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	const struct dirent *entry;

	assert_non_null(stream);
	while ((entry = readdir(stream)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			xc_strlist_add(&names, entry->d_name);
	if (names.count > 1)
		qsort(names.items, names.count, sizeof(char *), compare_strings);
	for (size_t i = 0; i < names.count; i++) {
		cleanup_free char *path = xc_asprintf("%s%s", shown, names.items[i]);
		char target[100] = "";
		struct stat status;

		fstatat(dirfd(stream), names.items[i], &status, AT_SYMLINK_NOFOLLOW);
		xc_buf_addf(out, "%s%s", out->len_bytes ? " " : "", path);
		if (S_ISDIR(status.st_mode)) {
			cleanup_free char *below = xc_asprintf("%s/", path);

			xc_buf_add_char(out, '/');
			list_below(dirfd(stream), names.items[i], below, out);
		} else if (S_ISLNK(status.st_mode)) {
			must_sys((int)readlinkat(dirfd(stream), names.items[i], target, 99), path);
			xc_buf_addf(out, ">%s", target);
		} else {
			xc_buf_add_char(out, '=');
			must_sys(xc_fd_read_file(dirfd(stream), names.items[i], 1 << 20, out),
				 path);
		}
	}
	closedir(stream);
}

static int restore(struct scene *scene, const char *lines, struct xc_restore_result *ret_result,
		   struct xc_err *err)
{
	scene_paths(scene, lines);
	scene->query.legacy_layout = true;
	return xc_cache_restore(&scene->cache, &scene->query, ret_result, err);
}

static const struct good {
	const char *bug;
	const struct tar_member *base, *delta; /* delta may be NULL */
	const char *becomes;
} good[] = {
	{ "a base alone is not restored",
	  MEMBERS(DIR_("."), DIR_("a"), FILE_("a/b", "1"), LINK_("c", "a/b"), HARD_("d", "a/b")),
	  NULL, "a/ a/b=1 c>a/b d=1" },
	{ "an empty directory is not restored", MEMBERS(DIR_(".")), NULL, "" },
	{ "directories that are not listed are not made", MEMBERS(FILE_("a/b/c", "1")), NULL,
	  "a/ a/b/ a/b/c=1" },
	{ "the earlier of two members wins", MEMBERS(FILE_("a", "1"), FILE_("a", "2")), NULL,
	  "a=2" },
	{ "a file is written through a hard link that came before",
	  MEMBERS(FILE_("a", "1"), HARD_("b", "a"), FILE_("a", "2")), NULL, "a=2 b=1" },
	{ "a file is written through a symlink of its name",
	  MEMBERS(FILE_("a", "1"), LINK_("b", "a"), FILE_("b", "2")), NULL, "a=1 b=2" },
	{ "a directory stays a symlink, so that what follows goes elsewhere",
	  MEMBERS(DIR_("a"), LINK_("b", "a"), DIR_("b"), FILE_("b/c", "1")), NULL, "a/ b/ b/c=1" },
	{ "a directory cannot become a file",
	  MEMBERS(DIR_("a"), FILE_("a/b", "1"), FILE_("a", "2")), NULL, "a=2" },
	{ "the place of a directory that is gone is remembered",
	  MEMBERS(FILE_("a/b/c", "1"), FILE_("a", "2"), DIR_("a"), DIR_("a/b"),
		  FILE_("a/b/d", "3")),
	  NULL, "a/ a/b/ a/b/d=3" },
	{ "a directory that comes twice loses what it holds",
	  MEMBERS(DIR_("a"), FILE_("a/b", "1"), DIR_("a")), NULL, "a/ a/b=1" },
	{ "a hard link of a name to itself loses the file",
	  MEMBERS(FILE_("a", "1"), HARD_("a", "a")), NULL, "a=1" },
	{ "a hard link does not take the place of what was there",
	  MEMBERS(FILE_("a", "1"), FILE_("b", "2"), HARD_("b", "a")), NULL, "a=1 b=1" },
	{ "a hard link follows a symlink",
	  MEMBERS(LINK_("a", "../../outside/keep"), HARD_("b", "a")), NULL,
	  "a>../../outside/keep b>../../outside/keep" },
	{ "files of the delta do not replace those of the base, or others do not stay",
	  MEMBERS(FILE_("a", "1"), FILE_("b", "1")), MEMBERS(FILE_("b", "2"), FILE_("c", "2")),
	  "a=1 b=2 c=2" },
	{ "a delta takes nothing away",
	  MEMBERS(FILE_("a", "1"), FILE_("b/c", "1"), FILE_("d/e", "1"), FILE_("f", "1")),
	  MEMBERS(FILE_(".wh.a", ""), GONE_("b"), FILE_("d/.wh.e", ""), FILE_("none/.wh.x", "")),
	  "d/ f=1" },
	{ "a base takes away what looks like a whiteout",
	  MEMBERS(FILE_("a", "1"), FILE_(".wh.a", "")), NULL, ".wh.a= a=1" },
	{ "an opaque directory shows what the base has there",
	  MEMBERS(FILE_("a/old", "1"), FILE_("b/old", "1")),
	  MEMBERS({ .type = TAR_PAX,
		    .name = "x",
		    .content = "41 SCHILY.xattr.trusted.overlay.opaque=y\n" },
		  DIR_("a"), FILE_("a/new", "2"), DIR_("b"), FILE_("b/new", "2")),
	  "a/ a/new=2 b/ b/new=2 b/old=1" },
	{ "a delta cannot link to what the base has", MEMBERS(FILE_("a", "1")),
	  MEMBERS(HARD_("b", "a")), "a=1 b=1" },
	{ "a delta cannot make a directory of a file", MEMBERS(FILE_("a", "1")),
	  MEMBERS(DIR_("a"), FILE_("a/b", "2")), "a/ a/b=2" },
};

static void check_good(void)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		cleanup_restore_result struct xc_restore_result result = XC_RESTORE_RESULT_INIT;
		cleanup_buf struct xc_buf becomes = XC_BUF_INIT;
		struct scene scene;
		struct xc_err err;

		scene_open(&scene);
		put_archive(&scene, "key-base.tar.zst", good[i].base);
		if (good[i].delta)
			put_archive(&scene, "key-delta-1.tar.zst", good[i].delta);
		if (restore(&scene, "t", &result, &err) < 0)
			fail_msg("%s: %s", good[i].bug, err.msg);
		assert_true(result.match.exact);
		assert_string_equal(result.match.manifest.key, "key");
		list_below(scene.root_fd, "ws/t", "", &becomes);
		if (strcmp(xc_buf_str(&becomes), good[i].becomes) != 0)
			fail_msg("%s: %s", good[i].bug, xc_buf_str(&becomes));
		becomes.len_bytes = 0;
		list_below(scene.root_fd, "ws", "", &becomes);
		if (strstr(becomes.data, ".xcache"))
			fail_msg("%s: a staging folder is left: %s", good[i].bug, becomes.data);
		scene_close(&scene);
	}
}

static void archives_are_restored_into_their_places(void **state)
{
	(void)state;
	as_both(check_good);
}

static const struct bad {
	const char *bug;
	const struct tar_member *base, *delta;
	const char *says;
} bad[] = {
	{ "an absolute name is placed", MEMBERS(FILE_("/tmp/x", "x")), NULL, "absolute" },
	{ "a name that climbs is placed", MEMBERS(FILE_("../../outside/keep", "x")), NULL,
	  "climbs" },
	{ "a symlink leads out what follows it",
	  MEMBERS(LINK_("a", "../../outside"), FILE_("a/keep", "x")), NULL, "not a directory" },
	{ "a symlink within leads elsewhere what follows it",
	  MEMBERS(DIR_("b"), LINK_("a", "b"), FILE_("a/keep", "x")), NULL, "not a directory" },
	{ "a symlink of the base leads out what the delta has",
	  MEMBERS(LINK_("a", "../../outside")), MEMBERS(FILE_("a/keep", "x")), "not a directory" },
	{ "a symlink leads out a directory", MEMBERS(LINK_("a", "../../outside"), DIR_("a/b")),
	  NULL, "not a directory" },
	{ "a symlink leads out what a delta takes away", MEMBERS(LINK_("a", "../../outside")),
	  MEMBERS(FILE_("a/.wh.keep", "")), "not a directory" },
	{ "a symlink leads out a hard link's target",
	  MEMBERS(LINK_("a", "../../outside"), HARD_("b", "a/keep")), NULL, "not a directory" },
	{ "a symlink leads out a hard link",
	  MEMBERS(FILE_("f", "x"), LINK_("a", "../../outside"), HARD_("a/b", "f")), NULL,
	  "not a directory" },
	{ "a hard link leads out", MEMBERS(HARD_("a", "../../outside/keep")), NULL, "climbs" },
	{ "a hard link leads to what comes later", MEMBERS(HARD_("a", "b"), FILE_("b", "x")), NULL,
	  "no file of that name" },
	{ "a hard link leads to a directory", MEMBERS(DIR_("a"), HARD_("b", "a")), NULL,
	  "no file of that name" },
	{ "a hard link's target is replaced by the link's own directory",
	  MEMBERS(FILE_("a/b", "x"), HARD_("a", "a/b")), NULL, "no file of that name" },
	{ "a member below a file is placed", MEMBERS(FILE_("a", "1"), FILE_("a/b", "2")), NULL,
	  "not a directory" },
	{ "a file of exabytes is placed",
	  MEMBERS({ .type = TAR_FILE, .name = "a", .size = (uint64_t)1 << 61 }), NULL, "claims" },
	{ "the base is restored when the delta cannot be", MEMBERS(FILE_("a", "1")),
	  MEMBERS(FILE_("../x", "2")), "climbs" },
};

static void check_bad(void)
{
	for (size_t i = 0; i < 2 * ARRAY_LEN(bad); i++) {
		const struct bad *row = &bad[i / 2];
		struct xc_restore_result result = XC_RESTORE_RESULT_INIT;
		cleanup_free char *before = NULL, *after = NULL;
		struct scene scene;
		struct xc_err err;

		scene_open(&scene);
		/* Into an absent directory, and into one that is there. */
		if (i % 2) {
			make_file(&scene, "ws/t/a/keep", "mine");
			make_file(&scene, "ws/t/mine", "mine");
		}
		put_archive(&scene, "key-base.tar.zst", row->base);
		if (row->delta)
			put_archive(&scene, "key-delta-1.tar.zst", row->delta);
		before = picture(&scene, ".", PICTURE_INODES);
		if (restore(&scene, "t", &result, &err) == 0)
			fail_msg("%s", row->bug);
		if (err.kind != XC_ERR_CORRUPT || !strstr(err.msg, row->says))
			fail_msg("%s: %s", row->bug, err.msg);
		after = picture(&scene, ".", PICTURE_INODES);
		if (strcmp(before, after) != 0)
			fail_msg("%s: before\n%safter\n%s", row->bug, before, after);
		scene_close(&scene);
	}
}

static void archives_that_break_a_rule_restore_nothing(void **state)
{
	(void)state;
	as_both(check_bad);
}

/* Modes and times are those of the umask and of now, above all of directories. */
static void modes_and_times_are_restored(void **state)
{
	const struct tar_member members[] = {
		{ .type = TAR_DIR, .name = ".", .mode = 0750, .mtime = 1000 },
		{ .type = TAR_DIR, .name = "closed", .mode = 0500, .mtime = 1001 },
		{ .type = TAR_DIR, .name = "closed/a", .mode = 0700, .mtime = 1002 },
		{ .type = TAR_FILE,
		  .name = "closed/a/f",
		  .content = "x",
		  .mode = 0640,
		  .mtime = 1003 },
		{ .type = TAR_DIR, .name = "closed/a", .mode = 0710, .mtime = 1004 },
		{ 0 },
	};
	const struct {
		const char *path;
		mode_t mode;
		time_t mtime;
	} expected[] = {
		{ "ws/t", S_IFDIR | 0750, 1000 },
		{ "ws/t/closed", S_IFDIR | 0500, 1001 },
		{ "ws/t/closed/a", S_IFDIR | 0710, 1004 },
		{ "ws/t/closed/a/f", S_IFREG | 0640, 1003 },
	};
	cleanup_restore_result struct xc_restore_result result = XC_RESTORE_RESULT_INIT;
	struct scene scene;
	struct xc_err err;

	(void)state;
	scene_open(&scene);
	put_archive(&scene, "key-base.tar.zst", members);
	must(restore(&scene, "t", &result, &err), &err);
	for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
		struct stat status;

		must_sys(fstatat(scene.root_fd, expected[i].path, &status, 0), expected[i].path);
		assert_int_equal(status.st_mode, expected[i].mode);
		assert_int_equal(status.st_mtim.tv_sec, expected[i].mtime);
	}
	assert_int_equal(result.match.manifest.totals.files, 1);
	assert_int_equal(result.match.manifest.totals.content_bytes, 1);
	scene_close(&scene);
}

/* Which path lines lead where; "" stands for a refusal that names the rule. */
static void path_lines_lead_to_their_targets(void **state)
{
	static const struct {
		const char *lines, *where;
	} rows[] = {
		{ "t", "ws/t/f" },
		{ "./t/", "ws/t/f" },
		{ "a/b//c", "ws/a/b/c/f" },
		{ "~/.npm", "home/.npm/f" },
		{ "~", "home/f" },
		{ ".", "ws/f" },
		{ "t\nu", "" },
		{ "t*", "" },
		{ "t\n!t/x", "" },
		{ "t/?", "" },
		{ "[t]", "" },
		{ "t\\x", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct xc_restore_result result = XC_RESTORE_RESULT_INIT;
		struct scene scene;
		struct xc_err err;
		int restored;

		scene_open(&scene);
		put_archive(&scene, "key-base.tar.zst", MEMBERS(FILE_("f", "1")));
		restored = restore(&scene, rows[i].lines, &result, &err);
		if (*rows[i].where) {
			if (restored < 0)
				fail_msg("%s: %s", rows[i].lines, err.msg);
			if (!path_exists(&scene, rows[i].where))
				fail_msg("%s leads elsewhere", rows[i].lines);
			xc_restore_result_release(&result);
		} else {
			assert_int_equal(restored, -1);
			assert_int_equal(err.kind, XC_ERR_USAGE);
			if (!strstr(err.msg, "exactly one path"))
				fail_msg("%s: %s", rows[i].lines, err.msg);
		}
		scene_close(&scene);
	}
}

/* An object of several reads comes in the wrong order, or its end is not read. */
static void an_object_of_several_reads_is_restored_whole(void **state)
{
	enum { PARTS = 20, PART_BYTES = 2 << 20 };
	cleanup_buf struct xc_buf tar = XC_BUF_INIT, object = XC_BUF_INIT, read = XC_BUF_INIT;
	cleanup_restore_result struct xc_restore_result result = XC_RESTORE_RESULT_INIT;
	struct tar_member member = { .type = TAR_FILE };
	uint32_t noise = 1;
	struct scene scene;
	struct xc_err err;
	char *content = xc_malloc(PART_BYTES + 1), name[16];

	(void)state;
	for (size_t i = 0; i < PART_BYTES; i++) {
		noise = noise * 1664525 + 1013904223;
		content[i] = (char)(noise >> 24 ? noise >> 24 : 1);
	}
	content[PART_BYTES] = '\0';
	for (int i = 0; i < PARTS; i++) {
		snprintf(name, sizeof(name), "%d", i);
		member.name = name;
		member.content = content;
		/* Unlike the others, so that nothing of it repeats. */
		for (int k = 0; k < PART_BYTES; k++)
			content[k] = (char)((content[k] * 5 + i) | 1);
		tar_add(&tar, &member);
	}
	tar_end(&tar);
	tar_compress(&tar, &object);
	assert_true(object.len_bytes > 3 * (8 << 20));
	scene_open(&scene);
	put_bytes(&scene, "key-base.tar.zst", object.data, object.len_bytes);
	must(restore(&scene, "t", &result, &err), &err);
	assert_int_equal(result.fetched_bytes, object.len_bytes);
	must_sys(xc_fd_read_file(scene.root_fd, "ws/t/19", PART_BYTES, &read), "19");
	assert_int_equal(read.len_bytes, PART_BYTES);
	assert_memory_equal(read.data, content, PART_BYTES);
	free(content);
	scene_close(&scene);
}

/* A directory that comes a million times takes memory each time. */
static void a_directory_that_repeats_takes_no_more_memory(void **state)
{
	const struct tar_member directory = DIR_("a");
	cleanup_buf struct xc_buf part = XC_BUF_INIT, frame = XC_BUF_INIT, object = XC_BUF_INIT;
	struct xc_restore_result result = XC_RESTORE_RESULT_INIT;
	struct scene scene;
	struct xc_err err;

	(void)state;
	for (int i = 0; i < 50001; i++)
		tar_add(&part, &directory);
	tar_compress(&part, &frame);
	for (int i = 0; i < 10; i++)
		xc_buf_add(&object, frame.data, frame.len_bytes);
	xc_buf_clear(&part);
	tar_end(&part);
	tar_compress(&part, &object);
	scene_open(&scene);
	put_bytes(&scene, "key-base.tar.zst", object.data, object.len_bytes);
	assert_int_equal(restore(&scene, "t", &result, &err), -1);
	assert_int_equal(err.kind, XC_ERR_CORRUPT);
	assert_non_null(strstr(err.msg, "too many directories"));
	assert_false(path_exists(&scene, "ws/t"));
	scene_close(&scene);
}

/* An interrupted restore leaves something behind. */
static void a_cancel_restores_nothing(void **state)
{
	struct xc_cancel cancel = { 0 };
	struct xc_restore_result result = XC_RESTORE_RESULT_INIT;
	cleanup_free char *after = NULL;
	struct scene scene;
	struct xc_err err;

	(void)state;
	scene_open(&scene);
	put_archive(&scene, "key-base.tar.zst", MEMBERS(FILE_("f", "1")));
	scene.cache.cancel = &cancel;
	xc_cancel_request(&cancel, 2);
	assert_int_equal(restore(&scene, "t", &result, &err), -1);
	assert_int_equal(err.kind, XC_ERR_CANCELED);
	after = picture(&scene, "ws", 0);
	assert_string_equal(after, "");
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(archives_are_restored_into_their_places),
		cmocka_unit_test(archives_that_break_a_rule_restore_nothing),
		cmocka_unit_test(modes_and_times_are_restored),
		cmocka_unit_test(path_lines_lead_to_their_targets),
		cmocka_unit_test(an_object_of_several_reads_is_restored_whole),
		cmocka_unit_test(a_cancel_restores_nothing),
		cmocka_unit_test(a_directory_that_repeats_takes_no_more_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
