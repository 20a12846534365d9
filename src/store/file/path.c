/* SPDX-License-Identifier: Apache-2.0 */
#include "store/file/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fd.h"

/* A lock is held for a look and a rename; whoever holds it for seconds is stuck. */
#define LOCK_TRIES_MAX 1000
#define LOCK_PAUSE_US  10000

#define TAGGED_BYTES_MAX ((off_t)64 << 20)

static int map_element(const char *element, size_t length, struct xc_buf *path)
{
	const size_t mark = strlen(XC_FILE_PIECE_MARK);

	if (length >= mark && memcmp(element + length - mark, XC_FILE_PIECE_MARK, mark) == 0)
		return -1;
	while (length > XC_FILE_PIECE_BYTES) {
		xc_buf_add(path, element, XC_FILE_PIECE_BYTES);
		xc_buf_add_str(path, XC_FILE_PIECE_MARK "/");
		element += XC_FILE_PIECE_BYTES;
		length -= XC_FILE_PIECE_BYTES;
	}
	xc_buf_add(path, element, length);
	return 0;
}

int xc_file_map_name(const char *name, char **ret_path, struct xc_err *err)
{
	cleanup_buf struct xc_buf path = XC_BUF_INIT;
	const size_t reserved = strlen(XC_FILE_TEMP_FOLDER);

	if (strncmp(name, XC_FILE_TEMP_FOLDER, reserved) == 0 &&
	    (name[reserved] == '\0' || name[reserved] == '/'))
		return xc_err_set(err, XC_ERR_USAGE,
				  "the object name '%s' starts with %s, which file stores reserve",
				  XC_QUOTE(name), XC_FILE_TEMP_FOLDER);
	for (const char *element = name;;) {
		const char *end = strchrnul(element, '/');

		if (map_element(element, (size_t)(end - element), &path) < 0)
			return xc_err_set(err, XC_ERR_USAGE,
					  "an element of the object name '%s' ends in %s, "
					  "which file stores reserve",
					  XC_QUOTE(name), XC_FILE_PIECE_MARK);
		if (*end == '\0')
			break;
		xc_buf_add_char(&path, '/');
		element = end + 1;
	}
	*ret_path = xc_buf_steal(&path);
	return 0;
}

size_t xc_file_split(const char *path, const char **ret_leaf)
{
	const char *slash = strrchr(path, '/');

	*ret_leaf = slash ? slash + 1 : path;
	return slash ? (size_t)(slash - path) : 0;
}

static int open_folder_at(int folder_fd, const char *name)
{
	return openat(folder_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

bool xc_file_is_removed(int folder_fd)
{
	int saved = errno;
	struct stat status;
	bool removed = fstat(folder_fd, &status) < 0 ? errno == ESTALE : status.st_nlink == 0;

	errno = saved;
	return removed;
}

static int make_folder_at(int folder_fd, const char *name, mode_t mode, bool *made)
{
	int fd = open_folder_at(folder_fd, name);

	/*
	 * While rmdir() waits for the journal, ext4 still finds the folder under
	 * its name although it is dead; only mkdir() waits for the end of that.
	 */
	if (fd >= 0 && xc_file_is_removed(fd)) {
		xc_fd_close(&fd);
		errno = ENOENT;
	}
	if (fd >= 0 || errno != ENOENT)
		return fd;
	if (mkdirat(folder_fd, name, mode) == 0)
		*made = true;
	else if (errno != EEXIST)
		return -1;
	return open_folder_at(folder_fd, name);
}

static int open_root(const struct xc_file_store *store)
{
	return open(store->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* One folder after the other, so that no symlink below the root is followed. */
static int walk(int root_fd, const char *path, size_t length, mode_t mode, bool *made)
{
	cleanup_free char *folders = xc_strndup(path, length);
	cleanup_fd int fd = root_fd;
	char *rest = folders, *element;

	while (fd >= 0 && length > 0 && (element = strsep(&rest, "/")) != NULL) {
		int next = made ? make_folder_at(fd, element, mode, made)
				: open_folder_at(fd, element);

		xc_fd_close(&fd);
		fd = next;
	}
	return STEAL_FD(fd);
}

int xc_file_open_folder(const struct xc_file_store *store, const char *path, size_t length)
{
	return walk(open_root(store), path, length, 0, NULL);
}

static int make_root(const struct xc_file_store *store, bool *made)
{
	int fd = open_root(store);

	if (fd >= 0 || errno != ENOENT)
		return fd;
	if (xc_fd_make_dirs(AT_FDCWD, store->root, store->folder_mode) < 0)
		return -1;
	*made = true;
	return open_root(store);
}

int xc_file_make_folder(const struct xc_file_store *store, const char *path, size_t length,
			bool *made)
{
	/* Whoever removes objects also removes emptied folders, perhaps those just made here. */
	for (int tries = 0; tries < XC_FILE_TRIES_MAX; tries++) {
		int fd = walk(make_root(store, made), path, length, store->folder_mode, made);

		if (fd >= 0 || errno != ENOENT)
			return fd;
	}
	return -1;
}

int xc_file_sync_folder(int folder_fd, int file_fd)
{
	cleanup_fd int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* Writable but not readable: nothing but the whole file system can be synced. */
	if (fd < 0 && errno == EACCES)
		return syncfs(file_fd);
	if (fd < 0 && errno != ENOENT)
		return -1;
	if (fd < 0 || fsync(fd) == 0)
		return 0;
	/* Some file systems have no notion of it, among them 9p and some of FUSE. */
	return errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP ? 0 : -1;
}

/* The folders above the root are others' as well: what cannot be synced there is left alone. */
static void sync_above_root(const struct xc_file_store *store)
{
	cleanup_free char *path = xc_strdup(store->root);
	char *slash;

	do {
		cleanup_fd int fd = -1;

		slash = strrchr(path, '/');
		slash[slash == path] = '\0';
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 || fsync(fd) < 0)
			return;
	} while (slash != path);
}

int xc_file_sync_path(const struct xc_file_store *store, const char *path, size_t length,
		      int file_fd)
{
	cleanup_fd int fd = open_root(store);
	cleanup_free char *folders = xc_strndup(path, length);
	char *rest = folders, *element;

	sync_above_root(store);
	while (fd >= 0) {
		int next;

		if (xc_file_sync_folder(fd, file_fd) < 0)
			return -1;
		element = length > 0 ? strsep(&rest, "/") : NULL;
		if (!element)
			return 0;
		next = open_folder_at(fd, element);
		xc_fd_close(&fd);
		fd = next;
	}
	/* Removed again in the meantime, with the object in it. */
	return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
}

void xc_file_remove_folders(const struct xc_file_store *store, const char *path)
{
	cleanup_fd int root_fd = open_root(store);
	cleanup_free char *folder = xc_strdup(path);
	char *slash;

	while (root_fd >= 0 && (slash = strrchr(folder, '/')) != NULL) {
		*slash = '\0';
		if (unlinkat(root_fd, folder, AT_REMOVEDIR) < 0 && errno != ENOENT)
			return;
	}
}

static bool is_named(int fd, int folder_fd, const char *leaf)
{
	struct stat own, named;

	return fstat(fd, &own) == 0 && fstatat(folder_fd, leaf, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       own.st_dev == named.st_dev && own.st_ino == named.st_ino;
}

/* NFS locks exclusively only what is open for writing (flock(2)), and others' objects are not. */
static int open_to_lock(int folder_fd, const char *leaf)
{
	const int flags = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int fd = openat(folder_fd, leaf, O_RDWR | flags);

	return fd >= 0 || errno == ENOENT ? fd : openat(folder_fd, leaf, O_RDONLY | flags);
}

int xc_file_lock_object(int folder_fd, const char *leaf)
{
	for (int tries = 0; tries < LOCK_TRIES_MAX; tries++) {
		cleanup_fd int fd = open_to_lock(folder_fd, leaf);

		if (fd < 0)
			return -1;
		if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
			usleep(LOCK_PAUSE_US);
		else if (is_named(fd, folder_fd, leaf))
			return STEAL_FD(fd);
	}
	errno = ETIMEDOUT;
	return -1;
}

int xc_file_tag(int fd, struct xc_store_tag *ret_tag)
{
	cleanup_buf struct xc_buf data = XC_BUF_INIT;
	struct stat status;
	ssize_t got;

	if (fstat(fd, &status) < 0)
		return -1;
	/* More than any small object has: it is no object of ours, and its size tells it apart. */
	if (status.st_size > TAGGED_BYTES_MAX) {
		snprintf(ret_tag->text, sizeof(ret_tag->text), "size:%lld",
			 (long long)status.st_size);
		return 0;
	}
	xc_buf_init(&data, (size_t)status.st_size + 1);
	got = xc_fd_pread_full(fd, xc_buf_reserve(&data, (size_t)status.st_size),
			       (size_t)status.st_size, 0);
	if (got < 0)
		return -1;
	xc_store_tag_of(data.data, (size_t)got, ret_tag);
	return 0;
}

int xc_file_check_tag(const struct xc_file_store *store, const char *name, int fd,
		      const struct xc_store_tag *tag, struct xc_err *err)
{
	struct xc_store_tag found;

	if (xc_file_tag(fd, &found) < 0)
		return xc_err_sys(err, errno, "cannot read the object '%s' in %s", XC_QUOTE(name),
				  XC_QUOTE(store->base.display_url));
	if (strcmp(found.text, tag->text) == 0)
		return 0;
	return xc_err_set(err, XC_ERR_EXISTS, "the object '%s' in %s has changed", XC_QUOTE(name),
			  XC_QUOTE(store->base.display_url));
}

int xc_file_err(const struct xc_file_store *store, const char *path, int errno_value,
		const char *verb, struct xc_err *err)
{
	cleanup_free char *full = xc_asprintf("%s/%s", store->root, path);
	char quoted[340];

	xc_err_sys(err, errno_value, "cannot %s %s", verb,
		   xc_err_quote(full, quoted, sizeof(quoted)));
	if (errno_value == EACCES || errno_value == EPERM)
		err->kind = XC_ERR_AUTH;
	return -1;
}

int xc_file_not_found(const struct xc_file_store *store, const char *name, struct xc_err *err)
{
	return xc_err_set(err, XC_ERR_NOT_FOUND, "there is no object '%s' in %s", XC_QUOTE(name),
			  XC_QUOTE(store->base.display_url));
}

int xc_file_open_object(const struct xc_file_store *store, const char *name,
			struct stat *ret_status, struct xc_err *err)
{
	cleanup_free char *path = NULL;
	cleanup_fd int root_fd = -1, folder_fd = -1, fd = -1;
	const char *leaf;
	struct stat status;
	size_t length;

	if (xc_file_map_name(name, &path, err) < 0)
		return -1;
	length = xc_file_split(path, &leaf);
	root_fd = open_root(store);
	/* A root that is something else than a folder is a mistake, not a missing object. */
	if (root_fd < 0 && errno != ENOENT)
		return xc_file_err(store, "", errno, "open", err);
	folder_fd = walk(STEAL_FD(root_fd), path, length, 0, NULL);
	/* O_NONBLOCK: something else of that name may be a FIFO. */
	if (folder_fd >= 0)
		fd = openat(folder_fd, leaf,
			    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP && errno != ENXIO)
		return xc_file_err(store, path, errno, "open", err);
	if (fd >= 0 && fstat(fd, &status) < 0)
		return xc_file_err(store, path, errno, "open", err);
	if (fd < 0 || !S_ISREG(status.st_mode))
		return xc_file_not_found(store, name, err);
	*ret_status = status;
	return STEAL_FD(fd);
}
