/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests of the file system share: a folder of their own, small trees
 * made from text, pictures of a tree to compare, and children that run as
 * another user or in a mount namespace.
 */
#ifndef XC_TESTS_SCRATCH_H
#define XC_TESTS_SCRATCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"

#define SCRATCH_USER 65534

static char scratch_path[256];

/* A new empty folder that becomes the current one. */
static inline int scratch_setup(void **state)
{
	const char *parent = getenv("TMPDIR");

	(void)state;
	snprintf(scratch_path, sizeof(scratch_path), "%s/xcache-test-XXXXXX",
		 parent && *parent ? parent : "/tmp");
	umask(022);
	if (!mkdtemp(scratch_path) || chmod(scratch_path, 0755) < 0)
		return -1;
	return chdir(scratch_path);
}

static inline int scratch_teardown(void **state)
{
	(void)state;
	if (chdir("/") < 0)
		return -1;
	return xc_fd_remove_tree(AT_FDCWD, scratch_path);
}

/* An absolute path below the scratch folder, until the end of the calling block. */
#define SCRATCH(relative) scratch_join((char[512]){ 0 }, (relative))
static inline const char *scratch_join(char out[512], const char *relative)
{
	snprintf(out, 512, "%s%s%s", scratch_path, *relative ? "/" : "", relative);
	return out;
}

static inline void write_file_at(int dir_fd, const char *path, const char *text, mode_t mode)
{
	cleanup_fd int fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 || xc_fd_write_all(fd, text, strlen(text)) < 0 || fchmod(fd, mode) < 0)
		fail_msg("%s: errno %d", path, errno);
}

static inline void set_mtime(int dir_fd, const char *path, int64_t seconds)
{
	struct timespec times[2] = { { seconds, 1000 }, { seconds, 123456789 } };

	assert_int_equal(utimensat(dir_fd, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

/*
 * Make a tree from a line of words: "d:" a directory, "d:555" of that mode,
 * "f=text" a file, "f:444=text" of that mode, "l>target" a symlink, "f+g" f
 * as another name of g. Names may have slashes. Times are 1000, 1001, ...
 * plus `time`; directories get modes and times last. Of a directory named
 * twice the second mode counts.
 */
static inline void make_tree(int dir_fd, const char *words, int64_t time)
{
	struct {
		char name[128];
		mode_t mode;
	} dirs[64];
	size_t dir_count = 0;
	int64_t clock = time + 1000;

	while (*(words += strspn(words, " "))) {
		size_t length = strcspn(words, " ");
		cleanup_free char *word = xc_strndup(words, length);
		char *cut = word + strcspn(word, ":=>+");
		char kind = *cut;
		char *value = kind ? cut + 1 : cut;
		mode_t mode = 0644;

		*cut = '\0';
		words += length;
		if (kind == ':') {
			mode = *value ? (mode_t)strtoul(value, &value, 8) : 0755;
			kind = *value ? *value++ : '/';
		}
		if (kind == '/') {
			size_t i = 0;

			while (i < dir_count && strcmp(dirs[i].name, word) != 0)
				i++;
			assert_true(i < ARRAY_LEN(dirs) && strlen(word) < sizeof(dirs[0].name));
			memcpy(dirs[i].name, word, strlen(word) + 1);
			dirs[i].mode = mode;
			dir_count = XC_MAX(dir_count, i + 1);
			if (xc_fd_make_dirs(dir_fd, word, 0755) < 0)
				fail_msg("%s: errno %d", word, errno);
			continue;
		}
		if (kind == '=')
			write_file_at(dir_fd, word, value, mode);
		else if (kind == '>')
			assert_int_equal(symlinkat(value, dir_fd, word), 0);
		else
			assert_int_equal(linkat(dir_fd, value, dir_fd, word, 0), 0);
		set_mtime(dir_fd, word, clock++);
	}
	while (dir_count-- > 0) {
		set_mtime(dir_fd, dirs[dir_count].name, clock++);
		assert_int_equal(fchmodat(dir_fd, dirs[dir_count].name, dirs[dir_count].mode, 0),
				 0);
	}
}

/* What a picture of a tree holds besides names, types, modes, targets and contents. */
enum picture_detail {
	PICTURE_TIMES = 1,
	PICTURE_INODES = 2,
	PICTURE_OWNERS = 4,
	PICTURE_ALL = 7,
	PICTURE_PLAIN = 0,
};

static inline int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static inline void picture_below(struct xc_buf *out, int dir_fd, const char *name,
				 const char *shown, unsigned int detail)
{
	struct stat st;
	char target[4096] = "";
	struct dirent **entries;
	int count;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		xc_buf_addf(out, "%s absent\n", shown);
		return;
	}
	xc_buf_addf(out, "%s %06o", shown, st.st_mode);
	if (detail & PICTURE_TIMES)
		xc_buf_addf(out, " %lld.%09ld", (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	if (detail & PICTURE_INODES)
		xc_buf_addf(out, " #%llu", (unsigned long long)st.st_ino);
	if (detail & PICTURE_OWNERS)
		xc_buf_addf(out, " %u:%u", st.st_uid, st.st_gid);
	if (S_ISLNK(st.st_mode)) {
		assert_true(readlinkat(dir_fd, name, target, sizeof(target) - 1) >= 0);
		xc_buf_addf(out, " >%s", target);
	} else if (S_ISREG(st.st_mode)) {
		xc_buf_addf(out, " =");
		if (xc_fd_read_file(dir_fd, name, 1 << 20, out) < 0)
			xc_buf_addf(out, "(errno %d)", errno);
	}
	xc_buf_add_char(out, '\n');
	if (!S_ISDIR(st.st_mode))
		return;
	count = scandirat(dir_fd, name, &entries, NULL, compare_names);
	for (int i = 0; i < count; i++) {
		cleanup_free char *path = xc_asprintf("%s/%s", name, entries[i]->d_name);
		cleanup_free char *below = xc_asprintf("%s/%s", shown, entries[i]->d_name);

		if (strcmp(entries[i]->d_name, ".") != 0 && strcmp(entries[i]->d_name, "..") != 0)
			picture_below(out, dir_fd, path, below, detail);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

/* One line for each thing below `path`, sorted; the caller frees it. */
static inline char *picture(const char *path, unsigned int detail)
{
	struct xc_buf out = XC_BUF_INIT;

	picture_below(&out, AT_FDCWD, path, "", detail);
	return xc_buf_steal(&out);
}

enum child_kind {
	CHILD_USER,   /* as SCRATCH_USER */
	CHILD_MOUNTS, /* in a mount namespace of its own */
};

static inline int become_child(enum child_kind kind)
{
	if (kind == CHILD_USER)
		return setresgid(SCRATCH_USER, SCRATCH_USER, SCRATCH_USER) < 0 ||
				       setresuid(SCRATCH_USER, SCRATCH_USER, SCRATCH_USER) < 0
			       ? -1
			       : 0;
	return unshare(CLONE_NEWNS) < 0 ? -1 : mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

/*
 * Run one test in a child; a failure there is one here. Skips where the child
 * may not become what it should. A group of its own catches the jump out of a
 * failed assertion, which would go on with the parent's tests otherwise.
 */
static inline void in_child(enum child_kind kind, const char *name, CMUnitTestFunction body,
			    const void *row)
{
	const struct CMUnitTest tests[] = { { name, body, NULL, NULL, (void *)(uintptr_t)row } };
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (become_child(kind) < 0)
			_exit(77);
		_exit(cmocka_run_group_tests_name(name, tests, NULL, NULL) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		print_message("%s is skipped: needs root to %s\n", name,
			      kind == CHILD_USER ? "become another user" : "mount in a namespace");
		skip();
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("%s: the child ended with status %#x", name, status);
}

#endif
