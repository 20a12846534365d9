/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Staging folders: made, told from what only has their name, and removed.
 *
 * Whoever may write the directory that holds one may rename it, and may put
 * something else under its name. So what is done to a folder is done through
 * its descriptor; by its name it is at most removed once it is empty.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hash.h"
#include "tree/stage/internal.h"

#define NAME_TRIES 16

/* The names in a directory, each terminated. */
static int list_names(int dir_fd, struct xc_buf *names)
{
	int own_fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = own_fd < 0 ? NULL : fdopendir(own_fd);
	const struct dirent *entry;
	int error;

	if (!dir) {
		xc_fd_close(&own_fd);
		return -1;
	}
	while (errno = 0, (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			xc_buf_add(names, entry->d_name, strlen(entry->d_name) + 1);
	}
	error = errno;
	closedir(dir);
	errno = error;
	return error != 0 ? -1 : 0;
}

static const char *next_name(const struct xc_buf *names, const char *name)
{
	name = name ? name + strlen(name) + 1 : names->data;
	return name && name < names->data + names->len_bytes ? name : NULL;
}

/* "old" goes last: what cannot be removed now is known by it the next time. */
static void remove_with_content(int base_fd, const char *name, int fd, const struct xc_buf *names)
{
	int result = 0;

	for (const char *at = next_name(names, NULL); at; at = next_name(names, at)) {
		if (strcmp(at, XC_STAGE_OLD) != 0)
			result |= xc_fd_remove_tree(fd, at);
	}
	if (result < 0)
		return;
	xc_fd_remove_tree(fd, XC_STAGE_OLD);
	unlinkat(base_fd, name, AT_REMOVEDIR);
}

static bool is_folder_name(const char *name)
{
	const size_t prefix = strlen(XC_STAGE_PREFIX);

	return strncmp(name, XC_STAGE_PREFIX, prefix) == 0 &&
	       strlen(name + prefix) == XC_STAGE_TAG_BYTES &&
	       strspn(name + prefix, "0123456789abcdef") == XC_STAGE_TAG_BYTES;
}

/* What a staging folder holds: nothing yet, or "old" and root paths. */
static bool holds_what_we_stage(const struct xc_buf *names)
{
	bool old = names->len_bytes == 0;

	for (const char *at = next_name(names, NULL); at; at = next_name(names, at)) {
		if (strcmp(at, XC_STAGE_OLD) == 0)
			old = true;
		else if (strcmp(at, XC_STAGE_PARENT) != 0 && strcmp(at, XC_STAGE_CLOCK) != 0 &&
			 (at[0] != 't' || at[1] == '\0' ||
			  strspn(at + 1, "0123456789") != strlen(at + 1)))
			return false;
	}
	return old;
}

static void remove_stale_folder(int base_fd, const char *name)
{
	cleanup_fd int fd = openat(base_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_buf struct xc_buf names = XC_BUF_INIT;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_uid != geteuid() ||
	    (st.st_mode & (S_IRWXG | S_IRWXO)) != 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return;
	if (list_names(fd, &names) == 0 && holds_what_we_stage(&names))
		remove_with_content(base_fd, name, fd, &names);
}

/* A failure is theirs to keep who left the folder: it does not concern this restore. */
void xc_stage_remove_stale(int base_fd)
{
	cleanup_buf struct xc_buf names = XC_BUF_INIT;

	if (list_names(base_fd, &names) < 0)
		return;
	for (const char *at = next_name(&names, NULL); at; at = next_name(&names, at)) {
		if (is_folder_name(at))
			remove_stale_folder(base_fd, at);
	}
}

/*
 * Whether the folder is the one that was made, and not somebody else's put in
 * its place: it is empty, and a directory made in it is like it. To compare
 * with our own user would not do where a server or a mount option names the
 * owner of all that is made.
 */
static int make_old(int fd)
{
	cleanup_buf struct xc_buf names = XC_BUF_INIT;
	struct stat folder, old;

	if (fstat(fd, &folder) < 0 || list_names(fd, &names) < 0)
		return -1;
	if (names.len_bytes > 0) {
		errno = EAGAIN;
		return -1;
	}
	if (mkdirat(fd, XC_STAGE_OLD, S_IRWXU) < 0)
		return -1;
	if (fstatat(fd, XC_STAGE_OLD, &old, AT_SYMLINK_NOFOLLOW) == 0 &&
	    old.st_uid == folder.st_uid && ((old.st_mode ^ folder.st_mode) & 0777) == 0)
		return 0;
	unlinkat(fd, XC_STAGE_OLD, AT_REMOVEDIR);
	errno = EAGAIN;
	return -1;
}

/*
 * Lock the new folder. Between making and locking it, another process may
 * take it for a stale one: then EAGAIN. A file system without locks (NFS
 * refuses them on directories) goes without: nobody can lock there, so
 * nobody takes it for stale.
 */
static int lock_folder(int base_fd, const char *name)
{
	cleanup_fd int fd = openat(base_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st, named;

	if (fd < 0) {
		if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
			errno = EAGAIN;
		return -1;
	}
	if ((flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) || fstat(fd, &st) < 0 ||
	    fstatat(base_fd, name, &named, AT_SYMLINK_NOFOLLOW) < 0 || st.st_nlink == 0 ||
	    st.st_dev != named.st_dev || st.st_ino != named.st_ino) {
		errno = EAGAIN;
		return -1;
	}
	return make_old(fd) < 0 ? -1 : STEAL_FD(fd);
}

int xc_stage_make_folder(struct xc_stage_folder *folder)
{
	for (int i = 0; i < NAME_TRIES; i++) {
		int error;
		uint64_t tag;

		xc_random_bytes(&tag, sizeof(tag));
		snprintf(folder->name, sizeof(folder->name), XC_STAGE_PREFIX "%016llx",
			 (unsigned long long)tag);
		if (mkdirat(folder->base_fd, folder->name, S_IRWXU) < 0) {
			if (errno == EEXIST)
				continue;
			return -1;
		}
		folder->fd = lock_folder(folder->base_fd, folder->name);
		if (folder->fd >= 0)
			return 0;
		error = errno;
		if (error != EAGAIN)
			unlinkat(folder->base_fd, folder->name, AT_REMOVEDIR);
		errno = error;
		if (error != EAGAIN)
			return -1;
	}
	return -1;
}

static void remove_own(const struct xc_stage_folder *folder)
{
	cleanup_buf struct xc_buf names = XC_BUF_INIT;

	if (list_names(folder->fd, &names) == 0)
		remove_with_content(folder->base_fd, folder->name, folder->fd, &names);
}

/*
 * A folder inside a target changes the target's own time when it goes, and
 * may stand in a directory that has just become read-only: the attributes
 * are put back.
 */
void xc_stage_remove_folder(const struct xc_stage_folder *folder, bool committed)
{
	struct xc_stage_attributes after;
	struct stat st;

	if (!folder->in_target || fstat(folder->base_fd, &st) < 0) {
		remove_own(folder);
		return;
	}
	xc_stage_attributes_of(&st, &after);
	if (!committed) {
		after.times[0] = folder->base_times[0];
		after.times[1] = folder->base_times[1];
	}
	if (!(st.st_mode & S_IWUSR))
		(void)!xc_stage_chmod(folder->base_fd, after.mode | S_IWUSR);
	remove_own(folder);
	(void)!xc_stage_set_attributes(folder->base_fd, &after);
}
