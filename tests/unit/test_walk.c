/* SPDX-License-Identifier: Apache-2.0 */
/* The walk makes the table that base/member.h describes, whatever the tree and the threads. */
#include "walk_scene.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>

static void expect_walk(struct scene *scene, const char *lines, const char *expected)
{
	for (unsigned threads = 1; threads <= 8; threads *= 2) {
		cleanup_tree struct xc_tree tree = XC_TREE_INIT;
		cleanup_free char *got = NULL;

		walk(scene, lines, threads, &tree);
		got = describe(&tree);
		if (strcmp(got, expected) != 0)
			fail_msg("%s, %u threads:\n%s\ninstead of\n%s", lines, threads, got,
				 expected);
	}
}

static void orders_members(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	make_file(&scene, "ws/t/b", "1");
	make_file(&scene, "ws/t/a.c", "1");
	make_file(&scene, "ws/t/Z", "1");
	make_file(&scene, "ws/t/\xff", "1");
	make_file(&scene, "ws/t/a/z", "1");
	make_file(&scene, "ws/t/a/B/y", "1");
	make_file(&scene, "ws/t/a-b/x", "1");
	make_dirs(&scene, "ws/t/0empty");
	make_symlink(&scene, "ws/t/link", "a");
	make_file(&scene, "ws/t.x", "1");
	make_file(&scene, "home/h", "1");
	/* Files before directories, each in the order of bytes; tops by their stored names. */
	expect_walk(&scene, "t\nt.x\n~/h",
		    "d ./t\n"
		    "f ./t/Z\n"
		    "f ./t/a.c\n"
		    "f ./t/b\n"
		    "l ./t/link -> a\n"
		    "f ./t/\xff\n"
		    "d ./t/0empty\n"
		    "d ./t/a\n"
		    "f ./t/a/z\n"
		    "d ./t/a/B\n"
		    "f ./t/a/B/y\n"
		    "d ./t/a-b\n"
		    "f ./t/a-b/x\n"
		    "f ./t.x\n"
		    "f ~/h\n");
	expect_walk(&scene, ".",
		    "d .\nf ./t.x\nd ./t\nf ./t/Z\nf ./t/a.c\nf ./t/b\nl ./t/link -> a\n"
		    "f ./t/\xff\nd ./t/0empty\nd ./t/a\nf ./t/a/z\nd ./t/a/B\n"
		    "f ./t/a/B/y\nd ./t/a-b\nf ./t/a-b/x\n");
	scene_close(&scene);
}

struct reference {
	struct xc_buf out;
	uint32_t count;
};

/* The order by the letter of base/member.h, in the plainest way. */
static void refer(struct reference *reference, int dir_fd, const char *name, const char *path)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fdopendir(fd);
	const struct dirent *found;
	struct xc_strlist groups[2] = { { 0 }, { 0 } };

	xc_buf_addf(&reference->out, "d %s\n", path);
	while ((found = readdir(stream)) != NULL)
		if (found->d_name[0] != '.')
			xc_strlist_add(&groups[found->d_type == DT_DIR], found->d_name);
	for (int group = 0; group < 2; group++) {
		if (groups[group].count > 1)
			qsort(groups[group].items, groups[group].count, sizeof(char *),
			      compare_strings);
		for (size_t i = 0; i < groups[group].count; i++) {
			cleanup_free char *below =
				xc_asprintf("%s/%s", path, groups[group].items[i]);

			if (group == 1)
				refer(reference, fd, groups[group].items[i], below);
			else
				xc_buf_addf(&reference->out, "f %s\n", below);
		}
		xc_strlist_release(&groups[group]);
	}
	closedir(stream);
}

static void agrees_with_a_plain_walk(void **state)
{
	struct reference reference = { .out = XC_BUF_INIT };
	uint64_t random = 1;
	struct scene scene;

	(void)state;
	scene_open(&scene);
	for (int i = 0; i < 1500; i++) {
		char path[200] = "ws/t";
		size_t length = strlen(path);

		/* Any depth, few different names, so that many stand side by side. */
		for (int depth = 0; depth <= i % 6; depth++) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			length += (size_t)snprintf(path + length, sizeof(path) - length, "/%c%c",
						   "abAB-"[(random >> 40) % 5],
						   "xyXY."[(random >> 50) % 5]);
		}
		if (i % 5 == 0)
			make_dirs(&scene, path);
		else
			snprintf(path + length, sizeof(path) - length, "%c%d", 'f', i);
		if (i % 5 != 0)
			make_file(&scene, path, "1");
	}
	refer(&reference, scene.root_fd, "ws/t", "./t");
	expect_walk(&scene, "t", reference.out.data);
	xc_buf_release(&reference.out);
	scene_close(&scene);
}

static void finds_hard_links(void **state)
{
	struct scene scene;
	cleanup_tree struct xc_tree tree = XC_TREE_INIT;

	(void)state;
	scene_open(&scene);
	make_file(&scene, "ws/t/z/first-made", "12345");
	make_link(&scene, "ws/t/b", "ws/t/z/first-made");
	make_link(&scene, "ws/t/a/c", "ws/t/z/first-made");
	make_symlink(&scene, "ws/t/sym", "where");
	make_link(&scene, "ws/t/a/sym2", "ws/t/sym");
	/* Its other name is not saved: a plain file then. */
	make_file(&scene, "ws/alone", "1");
	make_link(&scene, "ws/t/alone", "ws/alone");
	make_link(&scene, "home/h", "ws/t/z/first-made");
	/* The file is what comes first in the table, also across tops. */
	expect_walk(&scene, "t\n~/h",
		    "d ./t\n"
		    "f ./t/alone\n"
		    "f ./t/b\n"
		    "l ./t/sym -> where\n"
		    "d ./t/a\n"
		    "h ./t/a/c = ./t/b\n"
		    "h ./t/a/sym2 = ./t/sym\n"
		    "d ./t/z\n"
		    "h ./t/z/first-made = ./t/b\n"
		    "h ~/h = ./t/b\n");
	walk(&scene, "t\n~/h", 2, &tree);
	assert_int_equal(tree.files, 2);
	assert_int_equal(tree.hardlinks, 4);
	assert_int_equal(tree.symlinks, 1);
	assert_int_equal(tree.directories, 3);
	assert_int_equal(tree.content_bytes, 6);
	/* A hard link has no content of its own. */
	assert_int_equal(tree.members.items[5].size_bytes, 0);
	scene_close(&scene);
}

/* More linked files than any table starts with. */
static void finds_many_hard_links(void **state)
{
	cleanup_tree struct xc_tree tree = XC_TREE_INIT;
	struct scene scene;

	(void)state;
	scene_open(&scene);
	make_dirs(&scene, "ws/t/a");
	make_dirs(&scene, "ws/t/b");
	for (int i = 0; i < 600; i++) {
		char first[40], second[40];

		snprintf(first, sizeof(first), "ws/t/a/%03d", i);
		snprintf(second, sizeof(second), "ws/t/b/%03d", 599 - i);
		make_file(&scene, first, "1");
		make_link(&scene, second, first);
	}
	walk(&scene, "t", 2, &tree);
	assert_int_equal(tree.files, 600);
	assert_int_equal(tree.hardlinks, 600);
	/* 0 is t, 1 is a, its files follow, then b. */
	for (uint32_t i = 0; i < 600; i++)
		assert_int_equal(tree.members.items[603 + i].link, 601 - i);
	scene_close(&scene);
}

static void leaves_out_what_is_excluded(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	make_file(&scene, "ws/t/a", "1");
	make_file(&scene, "ws/t/x.tmp", "1");
	make_file(&scene, "ws/t/d/x.tmp", "1");
	make_file(&scene, "ws/t/d/keep/f", "1");
	make_file(&scene, "ws/t/d/lose/f", "1");
	make_file(&scene, "ws/t/e/f", "1");
	expect_walk(&scene, "t\n!t/**/*.tmp\n!t/e",
		    "d ./t\nf ./t/a\nd ./t/d\nd ./t/d/keep\nf ./t/d/keep/f\n"
		    "d ./t/d/lose\nf ./t/d/lose/f\n");
	/* What a later line takes back in keeps the directory that it lies in. */
	expect_walk(&scene, "t\n!t/d\nt/d/keep",
		    "d ./t\nf ./t/a\nf ./t/x.tmp\nd ./t/d\nd ./t/d/keep\nf ./t/d/keep/f\n"
		    "d ./t/e\nf ./t/e/f\n");
	expect_walk(&scene, "t/*\n!t/[ad]*", "d ./t/e\nf ./t/e/f\nf ./t/x.tmp\n");
	scene_close(&scene);
}

static void make_socket(const struct scene *scene, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%.60s/%s", scene->root, path);
	must_sys(bind(fd, (struct sockaddr *)&address, sizeof(address)), path);
}

static void counts_special_files(void **state)
{
	cleanup_tree struct xc_tree tree = XC_TREE_INIT;
	struct scene scene;
	unsigned devices;
	cleanup_free char *got = NULL;

	(void)state;
	scene_open(&scene);
	make_file(&scene, "ws/t/f", "1");
	must_sys(mkfifoat(scene.root_fd, "ws/t/fifo", 0600), "fifo");
	must_sys(mkfifoat(scene.root_fd, "ws/top-fifo", 0600), "fifo");
	make_socket(&scene, "ws/t/socket");
	make_socket(&scene, "ws/t/socket2");
	/* Only root may, and not everywhere. */
	devices = mknodat(scene.root_fd, "ws/t/device", S_IFCHR | 0600, 0x103) == 0;
	walk(&scene, "t\ntop-fifo", 2, &tree);
	got = describe(&tree);
	assert_string_equal(got, "d ./t\nf ./t/f\n");
	assert_int_equal(tree.fifos, 2);
	assert_int_equal(tree.sockets, 2);
	assert_int_equal(tree.devices, devices);
	scene_close(&scene);
}

static void takes_what_stat_tells(void **state)
{
	cleanup_tree struct xc_tree tree = XC_TREE_INIT;
	const struct timespec before_1970[2] = { { -5, 1 }, { -5, 999999999 } };
	const struct xc_member *items;
	struct scene scene;

	(void)state;
	scene_open(&scene);
	make_file(&scene, "ws/t/f", "12345");
	make_symlink(&scene, "ws/t/l", "no such thing");
	must_sys(fchmodat(scene.root_fd, "ws/t/f", 04711, 0), "f");
	must_sys(fchmodat(scene.root_fd, "ws/t", 01700, 0), "t");
	must_sys(utimensat(scene.root_fd, "ws/t", before_1970, 0), "t");
	walk(&scene, "t", 1, &tree);
	items = tree.members.items;
	assert_int_equal(tree.members.count, 3);
	assert_int_equal(items[0].mode, 01700);
	assert_int_equal(items[0].mtime_s, -5);
	assert_int_equal(items[0].mtime_ns, 999999999);
	assert_int_equal(items[0].parent, XC_MEMBER_NONE);
	assert_int_equal(items[1].mode, 04711);
	assert_int_equal(items[1].size_bytes, 5);
	assert_int_equal(items[1].mtime_s, 1500000000);
	assert_int_equal(items[1].mtime_ns, 123456789);
	assert_int_equal(items[1].uid, geteuid());
	assert_int_equal(items[1].parent, 0);
	assert_int_equal(items[2].size_bytes, 0);
	scene_close(&scene);
}

static void finds_holes(void **state)
{
	cleanup_tree struct xc_tree tree = XC_TREE_INIT;
	const struct xc_member_extra *extra;
	struct scene scene;
	cleanup_fd int fd = -1;

	(void)state;
	scene_open(&scene);
	make_file(&scene, "ws/t", "");
	fd = openat(scene.root_fd, "ws/t", O_WRONLY | O_CLOEXEC);
	must_sys(ftruncate(fd, 10 << 20), "t");
	must_sys(xc_fd_pwrite_all(fd, "data", 4, 1 << 20), "t");
	walk(&scene, "t", 1, &tree);
	extra = tree.members.items[0].extra;
	if (!extra || !extra->sparse) {
		scene_close(&scene);
		skip(); /* a file system that tells of no holes */
	}
	assert_int_equal(extra->extent_count, 1);
	assert_true(extra->extents[0].offset <= 1 << 20);
	assert_true(extra->extents[0].offset + extra->extents[0].length >= (1 << 20) + 4);
	assert_true(tree.content_bytes < 1 << 20);
	scene_close(&scene);
}

static void reads_xattrs_of_directories(void **state)
{
	cleanup_tree struct xc_tree tree = XC_TREE_INIT;
	const struct xc_member_extra *extra;
	cleanup_fd int fd = -1;
	struct scene scene;

	(void)state;
	scene_open(&scene);
	make_dirs(&scene, "ws/t/d");
	fd = openat(scene.root_fd, "ws/t/d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fsetxattr(fd, "user.b", "2", 1, 0) < 0) {
		scene_close(&scene);
		skip();
	}
	must_sys(fsetxattr(fd, "user.a", "", 0, 0), "user.a");
	walk(&scene, "t", 1, &tree);
	extra = tree.members.items[1].extra;
	assert_non_null(extra);
	assert_int_equal(extra->xattr_count, 2);
	assert_string_equal(extra->xattrs[0].name, "user.a");
	assert_int_equal(extra->xattrs[0].length, 0);
	assert_memory_equal(extra->xattrs[1].value, "2", 1);
	assert_null(tree.members.items[0].extra);
	scene_close(&scene);
}

/* Deeper than a path may be long. */
#define DEPTH 1000

static void make_deep(const struct scene *scene)
{
	char name[21] = "abcdefghijklmnopqrst";
	int fd;

	make_dirs(scene, "ws/t");
	fd = openat(scene->root_fd, "ws/t", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < DEPTH; i++) {
		int next;

		must_sys(fd, "deep");
		must_sys(mkdirat(fd, name, 0755), name);
		next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = next;
	}
	must_sys(symlinkat("end", fd, "bottom"), "bottom");
	close(fd);
}

static void walks_deep_trees(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	make_deep(&scene);
	for (unsigned threads = 1; threads <= 2; threads++) {
		/* With an exclusion each path is judged, too. */
		for (int judged = 0; judged < 2; judged++) {
			cleanup_tree struct xc_tree tree = XC_TREE_INIT;
			cleanup_free char *path = NULL;

			walk(&scene, judged ? "t\n!t/**/none" : "t", threads, &tree);
			assert_int_equal(tree.members.count, DEPTH + 2);
			assert_int_equal(tree.symlinks, 1);
			path = path_of(&tree, DEPTH + 1);
			assert_int_equal(strlen(path), strlen("./t/bottom") + 21 * DEPTH);
		}
	}
	scene_close(&scene);
}

/* What fits is walked; one directory more is refused, by the name of its top. */
static void refuses_trees_that_are_too_deep(void **state)
{
	static const char *const wholes[] = { "t", "t\n!t/**/none" };
	struct scene scene;
	int fd;

	(void)state;
	scene_open(&scene);
	make_dirs(&scene, "ws/t");
	fd = openat(scene.root_fd, "ws/t", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* "./t" is the first level. */
	for (unsigned level = 2; level <= XC_MEMBER_LEVEL_MAX + 1; level++) {
		int next;

		must_sys(mkdirat(fd, "d", 0755), "d");
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		must_sys(next, "d");
		close(fd);
		fd = next;
		if (level == XC_MEMBER_LEVEL_MAX) {
			cleanup_tree struct xc_tree tree = XC_TREE_INIT;

			walk(&scene, "t", 2, &tree);
			assert_int_equal(tree.members.count, XC_MEMBER_LEVEL_MAX);
		}
	}
	close(fd);
	for (size_t i = 0; i < ARRAY_LEN(wholes); i++) {
		cleanup_tree struct xc_tree tree = XC_TREE_INIT;
		struct xc_err err = { 0 };

		assert_int_equal(try_walk(&scene, wholes[i], 2, &tree, &err), -1);
		assert_non_null(strstr(err.msg, "ws/t has"));
		assert_non_null(strstr(err.msg, "2048 levels deep"));
	}
	scene_close(&scene);
}

static void stamps_files_when_asked(void **state)
{
	cleanup_tree struct xc_tree tree = XC_TREE_INIT, plain = XC_TREE_INIT;
	struct xc_stamp expected;
	struct scene scene;
	struct stat status;
	struct xc_err err;

	(void)state;
	scene_open(&scene);
	make_file(&scene, "ws/t/a", "1");
	make_symlink(&scene, "ws/t/b", "a");
	make_file(&scene, "ws/t/d/c", "1");
	make_link(&scene, "ws/t/d/l", "ws/t/d/c");
	make_file(&scene, "ws/top", "1");
	walk(&scene, "t\ntop", 2, &plain);
	assert_null(plain.stamps);
	must(try_walk_with(&scene, "t\ntop", (struct xc_walk_opts){ .threads = 2, .stamps = true },
			   &tree, &err),
	     &err);
	assert_int_equal(tree.members.count, 7);
	for (uint32_t i = 0; i < tree.members.count; i++) {
		cleanup_free char *path = path_of(&tree, i);
		cleanup_free char *full = xc_asprintf("%s/ws/%s", scene.root, path);
		enum xc_member_type type = tree.members.items[i].type;

		assert_int_equal(lstat(full, &status), 0);
		expected = xc_stamp_of(&status);
		if (type == XC_MEMBER_FILE || type == XC_MEMBER_HARDLINK)
			assert_true(xc_stamp_equal(&tree.stamps[i], &expected));
		else
			assert_int_equal(tree.stamps[i].inode, 0);
	}
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stamps_files_when_asked),
		cmocka_unit_test(orders_members),
		cmocka_unit_test(agrees_with_a_plain_walk),
		cmocka_unit_test(finds_hard_links),
		cmocka_unit_test(finds_many_hard_links),
		cmocka_unit_test(leaves_out_what_is_excluded),
		cmocka_unit_test(counts_special_files),
		cmocka_unit_test(takes_what_stat_tells),
		cmocka_unit_test(finds_holes),
		cmocka_unit_test(reads_xattrs_of_directories),
		cmocka_unit_test(walks_deep_trees),
		cmocka_unit_test(refuses_trees_that_are_too_deep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
