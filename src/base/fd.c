/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

void xc_fd_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

int xc_fd_write_all(int fd, const void *data, size_t length)
{
	const char *bytes = data;

	while (length > 0) {
		ssize_t put = write(fd, bytes, length);

		if (put < 0) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		bytes += put;
		length -= (size_t)put;
	}
	return 0;
}

int xc_fd_pwrite_all(int fd, const void *data, size_t length, off_t offset)
{
	const char *bytes = data;

	while (length > 0) {
		ssize_t put = pwrite(fd, bytes, length, offset);

		if (put < 0) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		bytes += put;
		offset += put;
		length -= (size_t)put;
	}
	return 0;
}

ssize_t xc_fd_read_full(int fd, void *data, size_t length)
{
	char *bytes = data;
	size_t have = 0;

	while (have < length) {
		ssize_t got = read(fd, bytes + have, length - have);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		have += (size_t)got;
	}
	return (ssize_t)have;
}

ssize_t xc_fd_pread_full(int fd, void *data, size_t length, off_t offset)
{
	char *bytes = data;
	size_t have = 0;

	while (have < length) {
		ssize_t got = pread(fd, bytes + have, length - have, offset + (off_t)have);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		have += (size_t)got;
	}
	return (ssize_t)have;
}

int xc_fd_read_file(int dir_fd, const char *path, size_t max_bytes, struct xc_buf *out)
{
	cleanup_fd int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
	size_t start_bytes = out->len_bytes;
	ssize_t got;

	if (fd < 0)
		return -1;
	do {
		char *at = xc_buf_reserve(out, 16384);

		if (!at || out->len_bytes - start_bytes > max_bytes) {
			errno = EFBIG;
			return -1;
		}
		got = xc_fd_read_full(fd, at, 16384);
		if (got < 0)
			return -1;
		xc_buf_grow_by(out, (size_t)got);
	} while (got == 16384);
	if (out->len_bytes - start_bytes > max_bytes) {
		errno = EFBIG;
		return -1;
	}
	return 0;
}

static int open_dir_in_pieces(int dir_fd, const char *path, int access)
{
	cleanup_fd int at = -1;

	/* A piece ends at a slash, so that each but the last is itself a directory. */
	while (strlen(path) >= PATH_MAX) {
		char piece[PATH_MAX];
		const char *cut = memrchr(path, '/', PATH_MAX - 1);
		int next;

		if (!cut || cut == path) {
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(piece, path, (size_t)(cut - path));
		piece[cut - path] = '\0';
		next = openat(at >= 0 ? at : dir_fd, piece, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (next < 0)
			return -1;
		xc_fd_close(&at);
		at = next;
		while (*cut == '/')
			cut++;
		path = cut;
	}
	return openat(at >= 0 ? at : dir_fd, *path ? path : ".", access | O_DIRECTORY | O_CLOEXEC);
}

int xc_fd_open_dir(int dir_fd, const char *path)
{
	return open_dir_in_pieces(dir_fd, path, O_RDONLY);
}

int xc_fd_open_dir_path(int dir_fd, const char *path)
{
	return open_dir_in_pieces(dir_fd, path, O_PATH);
}

/* mkdir(2) says EEXIST of a file and of a dangling symlink too. */
static int require_dir(int dir_fd, const char *path)
{
	struct stat st;

	if (fstatat(dir_fd, path, &st, 0) < 0)
		return -1;
	if (S_ISDIR(st.st_mode))
		return 0;
	errno = ENOTDIR;
	return -1;
}

int xc_fd_make_dirs(int dir_fd, const char *path, mode_t mode)
{
	cleanup_free char *prefix = xc_strdup(path);
	size_t length = strlen(prefix);

	/* Most often all or all but the last exist: try from the end backwards. */
	for (;;) {
		if (mkdirat(dir_fd, prefix, mode) == 0 || errno == EEXIST)
			break;
		if (errno != ENOENT)
			return -1;
		while (length > 0 && prefix[length - 1] != '/')
			length--;
		while (length > 0 && prefix[length - 1] == '/')
			length--;
		if (length == 0)
			return -1;
		prefix[length] = '\0';
	}
	while (strlen(prefix) < strlen(path)) {
		prefix[strlen(prefix)] = '/';
		if (mkdirat(dir_fd, prefix, mode) < 0 && errno != EEXIST)
			return -1;
	}
	return require_dir(dir_fd, path);
}

/*
 * Deleting a tree of any depth with three descriptors: a directory that is
 * not empty gives up its files, and its own subdirectories are moved to the
 * top of the tree, where their turn comes.
 */
struct removal {
	int top_fd;
	int first_errno;
	unsigned long moved; /* names given so far to directories moved to the top */
	bool progress;       /* whether this round deleted or moved anything */
};

static void note_errno(struct removal *removal)
{
	if (removal->first_errno == 0)
		removal->first_errno = errno;
}

static void move_to_top(struct removal *removal, int fd, const char *name)
{
	char moved[32];

	do {
		snprintf(moved, sizeof(moved), ".xcd%lu", removal->moved++);
		/* Moving a directory rewrites its "..": that takes write permission on it. */
		if (renameat(fd, name, removal->top_fd, moved) == 0 ||
		    (errno == EACCES && fchmodat(fd, name, S_IRWXU, AT_SYMLINK_NOFOLLOW) == 0 &&
		     renameat(fd, name, removal->top_fd, moved) == 0)) {
			removal->progress = true;
			return;
		}
	} while (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR);
	note_errno(removal);
}

static void remove_entry(struct removal *removal, int fd, const struct dirent *entry,
			 void (*nonempty)(struct removal *, int, const char *))
{
	if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
		return;
	if (unlinkat(fd, entry->d_name, 0) == 0 ||
	    (errno == EISDIR && unlinkat(fd, entry->d_name, AT_REMOVEDIR) == 0))
		removal->progress = true;
	else if (errno == ENOTEMPTY || errno == EEXIST)
		nonempty(removal, fd, entry->d_name);
	else if (errno != ENOENT)
		note_errno(removal);
}

static void remove_entries(struct removal *removal, int fd,
			   void (*nonempty)(struct removal *, int, const char *))
{
	int own_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = own_fd < 0 ? NULL : fdopendir(own_fd);
	struct dirent *entry;

	if (!dir) {
		note_errno(removal);
		xc_fd_close(&own_fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL)
		remove_entry(removal, dirfd(dir), entry, nonempty);
	closedir(dir);
}

/* A directory without write permission cannot be emptied; it is about to go, so add it. */
static int open_to_empty(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == EACCES && fchmodat(dir_fd, name, S_IRWXU, AT_SYMLINK_NOFOLLOW) == 0)
		fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		(void)!fchmod(fd, S_IRWXU);
	return fd;
}

static void empty_directory(struct removal *removal, int fd, const char *name)
{
	cleanup_fd int child_fd = open_to_empty(fd, name);

	if (child_fd < 0) {
		note_errno(removal);
		return;
	}
	remove_entries(removal, child_fd, move_to_top);
	if (unlinkat(fd, name, AT_REMOVEDIR) == 0)
		removal->progress = true;
}

int xc_fd_remove_tree(int dir_fd, const char *name)
{
	struct removal removal = { .top_fd = -1 };

	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR)
		return -1;
	removal.top_fd = open_to_empty(dir_fd, name);
	if (removal.top_fd < 0)
		return -1;
	do {
		removal.progress = false;
		removal.first_errno = 0;
		remove_entries(&removal, removal.top_fd, empty_directory);
	} while (removal.progress);
	xc_fd_close(&removal.top_fd);
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) == 0)
		return 0;
	if (removal.first_errno != 0)
		errno = removal.first_errno;
	return -1;
}
