/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch.h"

#include <limits.h>
#include <sys/syscall.h>

#include "tree/beneath.h"

#ifndef SYS_openat2
#define SYS_openat2 437
#endif

/*
 * An old kernel: the linker sends system calls here (test_beneath.wrap). Once
 * the call is missed it is not tried again, so those tests come last.
 */
static bool kernel_is_old;

long __real_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	if (kernel_is_old && number == SYS_openat2) {
		errno = ENOSYS;
		return -1;
	}
	return __real_syscall(number, a, b, c, d, e, f);
}

/* `links` and `none` are what openat2 gives; `walked` is what a kernel without it must give. */
static const struct {
	const char *path;
	int none, links, walked;
	const char *bug;
} rows[] = {
	{ "", 0, 0, 0, "the directory itself" },
	{ "a", 0, 0, 0, "one component" },
	{ "a/b/c", 0, 0, 0, "several components" },
	{ "a//b/./c/", 0, 0, 0, "slashes and dots" },
	{ "absent", ENOENT, ENOENT, ENOENT, "nothing there" },
	{ "a/absent/c", ENOENT, ENOENT, ENOENT, "nothing there, in the middle" },
	{ "file", ENOTDIR, ENOTDIR, ENOTDIR, "a file opens as a directory" },
	{ "file/b", ENOTDIR, ENOTDIR, ENOTDIR, "a file in the middle" },
	{ "inside", ELOOP, 0, ELOOP, "a symlink that stays below" },
	{ "inside/c", ELOOP, 0, ELOOP, "a symlink that stays below, in the middle" },
	{ "a/up", ELOOP, 0, ELOOP, "a symlink up but still below" },
	{ "out", ELOOP, EXDEV, ELOOP, "a symlink out" },
	{ "out/sibling", ELOOP, EXDEV, ELOOP, "a symlink out, in the middle" },
	{ "absolute", ELOOP, EXDEV, ELOOP, "an absolute symlink" },
	{ "magic", ELOOP, EXDEV, ELOOP, "a magic link of /proc" },
	{ "loop", ELOOP, ELOOP, ELOOP, "a symlink to itself" },
	{ "..", EXDEV, EXDEV, EXDEV, "the parent" },
	{ "a/../../sibling", EXDEV, EXDEV, EXDEV, "out by the parent" },
	{ "/", EXDEV, EXDEV, EXDEV, "an absolute path" },
};

static void check_row(int dir_fd, size_t i, enum xc_beneath_links links, int expected)
{
	for (int access = 0; access < 2; access++) {
		cleanup_fd int fd = xc_beneath_open_dir(dir_fd, rows[i].path, links,
							access ? O_PATH : O_RDONLY);

		if (expected == 0 && (fd < 0 || fcntl(fd, F_GETFD) != FD_CLOEXEC))
			fail_msg("%s ('%s'): errno %d", rows[i].bug, rows[i].path, errno);
		if (expected != 0 && (fd >= 0 || errno != expected))
			fail_msg("%s ('%s'): %d, errno %d", rows[i].bug, rows[i].path, fd, errno);
	}
}

static void nothing_leads_out(void **state)
{
	cleanup_fd int dir_fd = -1;

	(void)state;
	make_tree(AT_FDCWD,
		  "top/a/b/c: sibling: top/file=x top/inside>a/b top/a/up>../a/b "
		  "top/out>.. top/absolute>/ top/magic>/proc/self/cwd top/loop>loop",
		  0);
	dir_fd = open("top", O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		check_row(dir_fd, i, XC_BENEATH_NO_LINKS,
			  kernel_is_old ? rows[i].walked : rows[i].none);
		check_row(dir_fd, i, XC_BENEATH_LINKS_INSIDE,
			  kernel_is_old ? rows[i].walked : rows[i].links);
	}
	assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "top"), 0);
}

/* `path` leads from "long" to `dir_fd`. */
static void check_long(int dir_fd, struct xc_buf *path)
{
	cleanup_fd int top_fd = open("long", O_PATH | O_CLOEXEC);
	cleanup_fd int got = -1;
	struct stat one, two;
	size_t length = path->len_bytes;

	got = xc_beneath_open_dir(top_fd, path->data, XC_BENEATH_NO_LINKS, O_RDONLY);
	assert_true(got >= 0 && fstat(got, &one) == 0 && fstat(dir_fd, &two) == 0);
	assert_true(one.st_ino == two.st_ino);
	xc_buf_add_str(path, "/link");
	assert_int_equal(xc_beneath_open_dir(top_fd, path->data, XC_BENEATH_NO_LINKS, O_RDONLY),
			 -1);
	assert_int_equal(errno, ELOOP);
	xc_buf_truncate(path, length);
}

static void long_paths_open_in_pieces(void **state)
{
	cleanup_buf struct xc_buf path = XC_BUF_INIT;
	cleanup_fd int dir_fd = -1;

	(void)state;
	assert_int_equal(mkdir("long", 0755), 0);
	dir_fd = open("long", O_PATH | O_CLOEXEC);
	for (int i = 0; i < 300; i++) {
		cleanup_fd int at = dir_fd;

		assert_int_equal(mkdirat(at, "forty characters make a long name, or so", 0755), 0);
		dir_fd = openat(at, "forty characters make a long name, or so", O_PATH | O_CLOEXEC);
		xc_buf_addf(&path, "%sforty characters make a long name, or so", i ? "/" : "");
	}
	assert_true(path.len_bytes > 2 * PATH_MAX);
	assert_int_equal(symlinkat(".", dir_fd, "link"), 0);
	check_long(dir_fd, &path);
	xc_buf_clear(&path);
	for (int i = 0; i < 300; i++)
		xc_buf_add_str(&path, "nothing of this length is a name");
	assert_int_equal(xc_beneath_open_dir(AT_FDCWD, path.data, XC_BENEATH_NO_LINKS, O_PATH), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "long"), 0);
}

static void the_same_holds_without_openat2(void **state)
{
	kernel_is_old = true;
	nothing_leads_out(state);
	long_paths_open_in_pieces(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_leads_out),
		cmocka_unit_test(long_paths_open_in_pieces),
		cmocka_unit_test(the_same_holds_without_openat2),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
