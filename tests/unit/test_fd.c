/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch.h"

#include <limits.h>
#include <pthread.h>

#define DEEP 3000

/* Names that a shell or a message would stumble over. */
static const char *const odd_names[] = {
	" ",  "-rf", "\n", "\\", "*",     "\x01\x7f", "\xff\xfe", "a\tb",
	"..", "...", "~",  "%s", "$HOME", "\xc3\xa4", "'\"",
};

static void close_leaves_minus_one_and_errno(void **state)
{
	int fd = open("/", O_RDONLY | O_CLOEXEC);
	int was = fd;

	(void)state;
	assert_true(fd >= 0);
	errno = E2BIG;
	xc_fd_close(&fd);
	assert_int_equal(errno, E2BIG);
	assert_int_equal(fd, -1);
	assert_int_equal(fcntl(was, F_GETFD), -1);
	errno = E2BIG;
	xc_fd_close(&fd);
	assert_int_equal(errno, E2BIG);
}

struct pipe_writer {
	int fd;
	int result;
};

static char large[300000];

static void *write_large(void *arg)
{
	struct pipe_writer *writer = arg;

	writer->result = xc_fd_write_all(writer->fd, large, sizeof(large));
	xc_fd_close(&writer->fd);
	return NULL;
}

/* A pipe takes and gives less than asked for. */
static void reads_and_writes_are_whole(void **state)
{
	cleanup_free char *got = xc_calloc(1, sizeof(large) + 10);
	struct pipe_writer writer = { 0 };
	pthread_t thread;
	int ends[2];

	(void)state;
	for (size_t i = 0; i < sizeof(large); i++)
		large[i] = (char)(i * 7 + i / 256);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	writer.fd = ends[1];
	assert_int_equal(pthread_create(&thread, NULL, write_large, &writer), 0);
	assert_int_equal(xc_fd_read_full(ends[0], got, sizeof(large) + 10), sizeof(large));
	pthread_join(thread, NULL);
	assert_int_equal(writer.result, 0);
	assert_memory_equal(got, large, sizeof(large));
	close(ends[0]);
	assert_int_equal(xc_fd_read_full(-1, got, 1), -1);
	assert_int_equal(xc_fd_write_all(-1, got, 1), -1);
	assert_int_equal(errno, EBADF);
}

static void positioned_calls_leave_the_offset(void **state)
{
	cleanup_fd int fd = open("p", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char got[8] = "";

	(void)state;
	assert_int_equal(xc_fd_write_all(fd, "abcdef", 6), 0);
	assert_int_equal(xc_fd_pwrite_all(fd, "XY", 2, 5), 0);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 6);
	assert_int_equal(xc_fd_pread_full(fd, got, sizeof(got), 3), 4);
	assert_memory_equal(got, "deXY", 4);
	assert_int_equal(xc_fd_pread_full(fd, got, sizeof(got), 100), 0);
	assert_int_equal(xc_fd_pread_full(-1, got, 1, 0), -1);
	assert_int_equal(xc_fd_pwrite_all(-1, got, 1, 0), -1);
}

static void a_file_is_read_up_to_its_ceiling(void **state)
{
	static const struct {
		size_t size, max;
		int result;
		const char *bug;
	} rows[] = {
		{ 0, 0, 0, "an empty file is too large for nothing" },
		{ 1, 0, -1, "one byte too many passes" },
		{ 16383, 16383, 0, "just under a block" },
		{ 16384, 16384, 0, "exactly a block is cut or refused" },
		{ 16384, 16383, -1, "a block passes a smaller ceiling" },
		{ 100000, 100000, 0, "several blocks" },
		{ 100000, 99999, -1, "several blocks, one byte too many" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_buf struct xc_buf out = XC_BUF_INIT;
		cleanup_fd int fd = open("f", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		int result;

		assert_int_equal(xc_fd_write_all(fd, large, rows[i].size), 0);
		xc_buf_add_str(&out, "before");
		errno = 0;
		result = xc_fd_read_file(AT_FDCWD, "f", rows[i].max, &out);
		if (result != rows[i].result || (result < 0 && errno != EFBIG))
			fail_msg("%s", rows[i].bug);
		if (result == 0) {
			assert_int_equal(out.len_bytes, 6 + rows[i].size);
			assert_memory_equal(out.data, "before", 6);
			assert_memory_equal(out.data + 6, large, rows[i].size);
			assert_int_equal(out.data[out.len_bytes], 0);
		}
	}
	errno = 0;
	assert_int_equal(xc_fd_read_file(AT_FDCWD, "absent", 1, &(struct xc_buf){ 0 }), -1);
	assert_int_equal(errno, ENOENT);
}

/* `depth` directories in each other, made without ever naming more than one; returns the last. */
static int make_deep(const char *top, const char *name, int depth)
{
	int fd;

	assert_int_equal(mkdir(top, 0755), 0);
	fd = open(top, O_PATH | O_CLOEXEC);
	for (int i = 0; i < depth; i++) {
		int next;

		assert_int_equal(mkdirat(fd, name, 0755), 0);
		next = openat(fd, name, O_PATH | O_CLOEXEC);
		assert_true(next >= 0);
		close(fd);
		fd = next;
	}
	return fd;
}

static bool same_place(int a, int b)
{
	struct stat one, two;

	return fstat(a, &one) == 0 && fstat(b, &two) == 0 && one.st_ino == two.st_ino &&
	       one.st_dev == two.st_dev;
}

static void directories_open_by_paths_of_any_length(void **state)
{
	cleanup_buf struct xc_buf path = XC_BUF_INIT;
	cleanup_fd int last = make_deep("deep", "a name of some length", 600);
	cleanup_fd int got = -1;
	cleanup_fd int place = -1;

	(void)state;
	xc_buf_add_str(&path, "deep");
	for (int i = 0; i < 600; i++)
		xc_buf_add_str(&path,
			       i % 3 ? "/a name of some length" : "///a name of some length");
	assert_true(path.len_bytes > 3 * PATH_MAX);
	got = xc_fd_open_dir(AT_FDCWD, path.data);
	assert_true(got >= 0 && same_place(got, last));
	assert_int_equal(fcntl(got, F_GETFD), FD_CLOEXEC);
	place = xc_fd_open_dir_path(AT_FDCWD, path.data);
	assert_true(place >= 0 && same_place(place, last));
	xc_buf_add_str(&path, "/absent");
	assert_int_equal(xc_fd_open_dir(AT_FDCWD, path.data), -1);
	assert_int_equal(errno, ENOENT);
	xc_fd_close(&got);
	got = xc_fd_open_dir(last, "");
	assert_true(got >= 0 && same_place(got, last));
	xc_buf_clear(&path);
	for (int i = 0; i < PATH_MAX; i++)
		xc_buf_add_char(&path, 'x');
	assert_int_equal(xc_fd_open_dir(AT_FDCWD, path.data), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	make_tree(AT_FDCWD, "file=x", 0);
	assert_int_equal(xc_fd_open_dir(AT_FDCWD, "file"), -1);
	assert_int_equal(errno, ENOTDIR);
	assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "deep"), 0);
}

static void make_dirs_makes_what_is_missing(void **state)
{
	static const struct {
		const char *path;
		int error;
		const char *bug;
	} rows[] = {
		{ "md/a", 0, "one level" },
		{ "md/a", 0, "what exists is an error" },
		{ "md/b/c/d/e", 0, "several levels" },
		{ "md//f//g", 0, "doubled slashes" },
		{ "md/h/i/", 0, "a slash at the end" },
		{ "md/link/j", 0, "through a symlink to a directory" },
		{ "md/link", 0, "a symlink to a directory is one" },
		{ "md/file", ENOTDIR, "a file passes for a directory" },
		{ "md/file/k", ENOTDIR, "below a file" },
		{ "md/dangling", ENOENT, "a dangling symlink passes for a directory" },
		{ "", ENOENT, "an empty path" },
	};

	(void)state;
	make_tree(AT_FDCWD, "md: md/file=x md/dangling>nowhere md/link>a", 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct stat st;
		int result = xc_fd_make_dirs(AT_FDCWD, rows[i].path, 0750);

		if ((result == 0) != (rows[i].error == 0) || (result < 0 && errno != rows[i].error))
			fail_msg("%s: %d, errno %d", rows[i].bug, result, errno);
		if (result == 0 && (stat(rows[i].path, &st) < 0 || !S_ISDIR(st.st_mode)))
			fail_msg("%s: not there", rows[i].bug);
	}
	for (int i = 0; i < 2; i++) {
		struct stat st;

		assert_int_equal(stat(i ? "md/b" : "md/b/c/d/e", &st), 0);
		assert_int_equal(st.st_mode & 07777, 0750);
	}
}

static void remove_tree_takes_any_tree(void **state)
{
	static const struct {
		const char *words, *bug;
	} rows[] = {
		{ "gone:", "an empty directory" },
		{ "gone=x", "a file" },
		{ "gone>keep", "a symlink: the target goes with it" },
		{ "gone: gone/l>../keep gone/d/l>../../keep/f", "symlinks inside are followed" },
		{ "gone: gone/.hidden=x gone/d:0 gone/e:111 gone/f:000=x", "unreadable things" },
		{ "gone:555 gone/d:555 gone/d/e:555 gone/d/e/f:444=x", "read-only directories" },
		{ "gone: gone/.xcd0:755 gone/.xcd0/x=x gone/.xcd1=x gone/a/b/c/d/e=x",
		  "names that the removal gives itself" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct stat st;

		make_tree(AT_FDCWD, "keep: keep/f=kept", 0);
		/* make_tree() makes only the directories it is told of. */
		if (strstr(rows[i].words, "gone/d/l"))
			make_tree(AT_FDCWD, "gone/d:", 0);
		if (strstr(rows[i].words, "a/b/c"))
			make_tree(AT_FDCWD, "gone/a/b/c/d:", 0);
		make_tree(AT_FDCWD, rows[i].words, 0);
		if (xc_fd_remove_tree(AT_FDCWD, "gone") < 0)
			fail_msg("%s: errno %d", rows[i].bug, errno);
		if (lstat("gone", &st) == 0)
			fail_msg("%s: still there", rows[i].bug);
		if (stat("keep/f", &st) < 0)
			fail_msg("%s: took what a symlink led to", rows[i].bug);
		assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "keep"), 0);
	}
	assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "never was"), 0);
}

static void odd_names_go_too(void **state)
{
	(void)state;
	assert_int_equal(mkdir("odd", 0755), 0);
	for (size_t i = 0; i < ARRAY_LEN(odd_names); i++) {
		char path[64];

		if (strcmp(odd_names[i], "..") == 0)
			continue;
		snprintf(path, sizeof(path), "odd/%s", odd_names[i]);
		assert_int_equal(mkdir(path, 0700), 0);
		snprintf(path, sizeof(path), "odd/%s/%s", odd_names[i], "file\xff");
		write_file_at(AT_FDCWD, path, "x", 0600);
	}
	assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "odd"), 0);
	assert_int_equal(access("odd", F_OK), -1);
}

static void deep_and_wide_trees_go(void **state)
{
	cleanup_fd int last = make_deep("deep", "d", DEEP);

	(void)state;
	for (int i = 0; i < 300; i++) {
		char name[32];

		snprintf(name, sizeof(name), "w%d", i);
		assert_int_equal(mkdirat(last, name, 0555), 0);
	}
	assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "deep"), 0);
	assert_int_equal(access("deep", F_OK), -1);
}

static void owner_removes_read_only_trees(void **state)
{
	(void)state;
	make_tree(AT_FDCWD, "user/m/a/b: user/m/a/b/f:444=x user/m/c: user/m/c/f=x", 0);
	make_tree(AT_FDCWD, "user/m/a/b:555 user/m/a:555 user/m/c:0 user/m:555", 0);
	assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "user/m"), 0);
	assert_int_equal(access("user/m", F_OK), -1);
	/* Refused before anything of it is gone. */
	assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "roots/d"), -1);
	assert_int_equal(errno, EACCES);
	assert_int_equal(access("roots/d/f", F_OK), 0);
}

static void read_only_trees_as_their_owner(void **state)
{
	(void)state;
	make_tree(AT_FDCWD, "user: roots/d: roots/d/f=x", 0);
	assert_int_equal(chown("user", SCRATCH_USER, SCRATCH_USER), 0);
	in_child(CHILD_USER, "owner_removes_read_only_trees", owner_removes_read_only_trees, NULL);
}

static void removal_stops_at_a_mount(void **state)
{
	(void)state;
	make_tree(AT_FDCWD, "m/a/mnt: m/a/b=x m/c=x", 0);
	assert_int_equal(mount("none", "m/a/mnt", "tmpfs", 0, NULL), 0);
	write_file_at(AT_FDCWD, "m/a/mnt/kept", "x", 0600);
	assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "m"), -1);
	assert_int_equal(errno, EBUSY);
	assert_int_equal(access("m/a/mnt/kept", F_OK), 0);
	assert_int_equal(access("m/c", F_OK), -1);
}

static void mounts_are_not_entered(void **state)
{
	(void)state;
	in_child(CHILD_MOUNTS, "removal_stops_at_a_mount", removal_stops_at_a_mount, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(close_leaves_minus_one_and_errno),
		cmocka_unit_test(reads_and_writes_are_whole),
		cmocka_unit_test(positioned_calls_leave_the_offset),
		cmocka_unit_test(a_file_is_read_up_to_its_ceiling),
		cmocka_unit_test(directories_open_by_paths_of_any_length),
		cmocka_unit_test(make_dirs_makes_what_is_missing),
		cmocka_unit_test(remove_tree_takes_any_tree),
		cmocka_unit_test(odd_names_go_too),
		cmocka_unit_test(deep_and_wide_trees_go),
		cmocka_unit_test(read_only_trees_as_their_owner),
		cmocka_unit_test(mounts_are_not_entered),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
