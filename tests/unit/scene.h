/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scene for tests of whole operations: a temporary folder with a
 * workspace, a home and a place outside of both, a store, and a context for
 * the operations. And pictures of folders, to tell whether anything in them
 * has changed.
 */
#ifndef XC_TESTS_SCENE_H
#define XC_TESTS_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hash.h"
#include "base/hex.h"
#include "entry/entry.h"
#include "restore/restore.h"
#include "save/save.h"

#include "memory_store.h"

struct scene {
	char root[256];
	int root_fd;
	struct xc_roots roots;
	struct xc_strlist scopes, paths, restore_keys;
	struct xc_store *store;
	struct xc_cache cache;
	struct xc_query query;
};

/* Of a call that must succeed. */
static inline void must(int result, const struct xc_err *err)
{
	if (result != 0)
		fail_msg("%s", err->msg);
}

/* Of a call that takes no struct xc_err. */
static inline void must_sys(int result, const char *what)
{
	if (result < 0)
		fail_msg("%.200s: errno %d", what, errno);
}

static inline const char *temp_base(void)
{
	const char *base = getenv("TMPDIR");

	/* Thousands of small trees take a tenth of the time in memory. */
	if (!base)
		base = access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp";
	return base;
}

static inline void make_temp(char ret_path[256])
{
	snprintf(ret_path, 256, "%s/xc-test-XXXXXX", temp_base());
	assert_non_null(mkdtemp(ret_path));
	assert_int_equal(chmod(ret_path, 0755), 0);
}

/* Paths of the helpers below are relative to the scene's root: "ws/a/b". */
static inline void make_dirs(const struct scene *scene, const char *path)
{
	must_sys(xc_fd_make_dirs(scene->root_fd, path, 0755), path);
}

static inline void make_above(const struct scene *scene, const char *path)
{
	const char *slash = strrchr(path, '/');
	cleanup_free char *above = slash ? xc_strndup(path, (size_t)(slash - path)) : NULL;

	if (above)
		make_dirs(scene, above);
}

/* A time that no test sets by chance. */
static const struct timespec scene_times[2] = { { 1500000000, 1 }, { 1500000000, 123456789 } };

/* A file with its folders. */
static inline void make_file_of(const struct scene *scene, const char *path, const void *data,
				size_t length)
{
	cleanup_fd int fd = -1;

	make_above(scene, path);
	fd = openat(scene->root_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	must_sys(fd, path);
	must_sys(xc_fd_write_all(fd, data, length), path);
	must_sys(futimens(fd, scene_times), path);
}

static inline void make_file(const struct scene *scene, const char *path, const char *text)
{
	make_file_of(scene, path, text, strlen(text));
}

static inline void make_symlink(const struct scene *scene, const char *path, const char *target)
{
	make_above(scene, path);
	must_sys(symlinkat(target, scene->root_fd, path), path);
	must_sys(utimensat(scene->root_fd, path, scene_times, AT_SYMLINK_NOFOLLOW), path);
}

static inline void make_link(const struct scene *scene, const char *path, const char *old)
{
	make_above(scene, path);
	must_sys(linkat(scene->root_fd, old, scene->root_fd, path, 0), path);
}

static inline void remove_path(const struct scene *scene, const char *path)
{
	must_sys(xc_fd_remove_tree(scene->root_fd, path), path);
}

static inline bool path_exists(const struct scene *scene, const char *path)
{
	struct stat status;

	return fstatat(scene->root_fd, path, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

static inline void scene_use_store(struct scene *scene, const char *url)
{
	struct xc_err err;

	xc_store_close(scene->store);
	scene->store = NULL;
	must(xc_store_open(url, NULL, &scene->store, &err), &err);
	scene->cache.store = scene->store;
}

static inline void scene_use_memory(struct scene *scene)
{
	xc_store_close(scene->store);
	scene->store = memory_store_new();
	scene->cache.store = scene->store;
}

static inline void scene_open(struct scene *scene)
{
	char workspace[300], home[300];
	struct xc_err err;

	*scene = (struct scene){ 0 };
	make_temp(scene->root);
	scene->root_fd = open(scene->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	make_dirs(scene, "ws");
	make_dirs(scene, "home");
	make_file(scene, "outside/keep", "not to be touched");
	snprintf(workspace, sizeof(workspace), "%s/ws", scene->root);
	snprintf(home, sizeof(home), "%s/home", scene->root);
	must(xc_roots_init(&scene->roots, workspace, home, &err), &err);
	xc_strlist_add(&scene->scopes, "main");
	scene->cache = (struct xc_cache){
		.repository = "a/b",
		.scopes = &scene->scopes,
		.roots = &scene->roots,
		.threads = 2,
	};
	scene->query = (struct xc_query){
		.key = "key",
		.restore_keys = &scene->restore_keys,
		.paths = &scene->paths,
	};
	scene_use_memory(scene);
}

static inline void scene_paths(struct scene *scene, const char *lines)
{
	xc_strlist_release(&scene->paths);
	xc_strlist_add_lines(&scene->paths, lines);
}

static inline void scene_close(struct scene *scene)
{
	xc_store_close(scene->store);
	xc_roots_release(&scene->roots);
	xc_strlist_release(&scene->scopes);
	xc_strlist_release(&scene->paths);
	xc_strlist_release(&scene->restore_keys);
	close(scene->root_fd);
	must_sys(xc_fd_remove_tree(AT_FDCWD, scene->root), scene->root);
}

static inline void scene_save(struct scene *scene, const char *key)
{
	const struct xc_save_opts opts = { .level = 1 };
	cleanup_save_result struct xc_save_result result = XC_SAVE_RESULT_INIT;
	struct xc_err err;

	scene->query.key = key;
	must(xc_cache_save(&scene->cache, &scene->query, &opts, &result, &err), &err);
	assert_false(result.exists);
}

/* As whoever runs this, and if that is root as somebody whom permissions stop, too. */
static inline void as_both(void (*check)(void))
{
	struct stat base;
	pid_t child;
	int status;

	check();
	if (geteuid() != 0 || stat(temp_base(), &base) < 0 || !(base.st_mode & S_IWOTH))
		return;
	fflush(stdout);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		/* A check that fails here goes on with the tests behind it, and ends with 1. */
		if (setregid(65534, 65534) < 0 || setreuid(65534, 65534) < 0)
			_exit(2);
		check();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

enum picture {
	PICTURE_PLAIN = 0,
	PICTURE_DIR_TIMES = 1, /* the times of directories too */
	PICTURE_INODES = 2,    /* the same files, not only equal ones */
};

static inline int compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline void picture_content(int dir_fd, const char *name, struct xc_buf *out)
{
	cleanup_buf struct xc_buf data = XC_BUF_INIT;
	uint8_t digest[XC_SHA256_BYTES];
	char hex[XC_SHA256_HEX + 1];

	must_sys(xc_fd_read_file(dir_fd, name, (size_t)1 << 30, &data), name);
	xc_sha256(xc_buf_str(&data), data.len_bytes, digest);
	xc_hex_encode(digest, sizeof(digest), hex);
	xc_buf_addf(out, " %zu bytes %.16s", data.len_bytes, hex);
}

static inline void picture_entry(int dir_fd, const char *name, const char *path, int flags,
				 struct xc_buf *out)
{
	char target[4096] = "";
	struct stat status;

	must_sys(fstatat(dir_fd, name, &status, AT_SYMLINK_NOFOLLOW), path);
	xc_buf_addf(out, "%s %o %u:%u", path, status.st_mode, status.st_uid, status.st_gid);
	if (!S_ISDIR(status.st_mode) || (flags & PICTURE_DIR_TIMES))
		xc_buf_addf(out, " %lld.%09ld", (long long)status.st_mtim.tv_sec,
			    status.st_mtim.tv_nsec);
	if (flags & PICTURE_INODES)
		xc_buf_addf(out, " inode %llu", (unsigned long long)status.st_ino);
	if (!S_ISDIR(status.st_mode))
		xc_buf_addf(out, " %u names", (unsigned)status.st_nlink);
	if (S_ISREG(status.st_mode))
		picture_content(dir_fd, name, out);
	if (S_ISLNK(status.st_mode)) {
		must_sys((int)readlinkat(dir_fd, name, target, sizeof(target) - 1), path);
		xc_buf_addf(out, " -> %s", target);
	}
	xc_buf_add_char(out, '\n');
}

/* A line for everything below a folder, in an order that depends on names alone. */
static inline void picture_below(int dir_fd, const char *name, const char *path, int flags,
				 struct xc_buf *out)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	cleanup_strlist struct xc_strlist names = XC_STRLIST_INIT;
	const struct dirent *found;

	assert_non_null(stream);
	while ((found = readdir(stream)) != NULL)
		if (strcmp(found->d_name, ".") != 0 && strcmp(found->d_name, "..") != 0)
			xc_strlist_add(&names, found->d_name);
	if (names.count > 1)
		qsort(names.items, names.count, sizeof(char *), compare_strings);
	for (size_t i = 0; i < names.count; i++) {
		cleanup_free char *below = xc_asprintf("%s/%s", path, names.items[i]);
		struct stat status;

		picture_entry(fd, names.items[i], below, flags, out);
		must_sys(fstatat(fd, names.items[i], &status, AT_SYMLINK_NOFOLLOW), below);
		if (S_ISDIR(status.st_mode))
			picture_below(fd, names.items[i], below, flags, out);
	}
	closedir(stream);
}

/* What stands below a folder of the scene, as text; the caller frees. */
static inline char *picture(const struct scene *scene, const char *path, int flags)
{
	struct xc_buf out = XC_BUF_INIT;

	picture_below(scene->root_fd, path, path, flags, &out);
	if (out.len_bytes == 0)
		xc_buf_add_str(&out, "");
	return xc_buf_steal(&out);
}

#endif
