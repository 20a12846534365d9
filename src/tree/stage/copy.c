/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "tree/owner.h"
#include "tree/stage/internal.h"
#include "tree/xattr.h"

#define COPY_BYTES  ((size_t)128 << 10)
#define XATTR_BYTES ((size_t)64 << 10) /* XATTR_SIZE_MAX of Linux */

int xc_stage_count_xattrs(int fd)
{
	cleanup_buf struct xc_buf names = XC_BUF_INIT;
	ssize_t length = xc_xattr_list(fd, &names);
	int count = 0;

	for (const char *name = names.data; name < names.data + length; name += strlen(name) + 1)
		count += xc_xattr_is_user(name);
	return count;
}

void xc_stage_remove_xattrs(int fd)
{
	cleanup_buf struct xc_buf names = XC_BUF_INIT;
	ssize_t length = xc_xattr_list(fd, &names);

	for (const char *name = names.data; name < names.data + length; name += strlen(name) + 1) {
		if (xc_xattr_is_user(name))
			(void)!fremovexattr(fd, name);
	}
}

int xc_stage_copy_xattrs(int from_fd, int to_fd)
{
	cleanup_buf struct xc_buf names = XC_BUF_INIT;
	cleanup_free char *value = NULL;
	ssize_t length = xc_xattr_list(from_fd, &names);
	int count = 0;

	for (const char *name = names.data; name < names.data + length; name += strlen(name) + 1) {
		ssize_t got;

		if (!xc_xattr_is_user(name))
			continue;
		if (!value)
			value = xc_malloc(XATTR_BYTES);
		got = fgetxattr(from_fd, name, value, XATTR_BYTES);
		if (got < 0)
			return -1;
		if (fsetxattr(to_fd, name, value, (size_t)got, 0) < 0)
			return errno == ENOTSUP ? 0 : -1;
		count++;
	}
	return count;
}

static int copy_by_hand(int from_fd, int to_fd, off_t at, off_t end)
{
	cleanup_free char *block = xc_malloc(COPY_BYTES);

	while (at < end) {
		size_t want = (size_t)XC_MIN(end - at, (off_t)COPY_BYTES);
		ssize_t got = xc_fd_pread_full(from_fd, block, want, at);

		if (got < 0 || xc_fd_pwrite_all(to_fd, block, (size_t)got, at) < 0)
			return -1;
		if (got == 0)
			break;
		at += got;
	}
	return 0;
}

/* Between file systems the kernel may refuse to copy, or claim to have copied nothing. */
static int copy_run(int from_fd, int to_fd, off_t at, off_t end)
{
	while (at < end) {
		off_t from_at = at, to_at = at;
		ssize_t copied =
			copy_file_range(from_fd, &from_at, to_fd, &to_at, (size_t)(end - at), 0);

		if (copied <= 0)
			return copy_by_hand(from_fd, to_fd, at, end);
		at += copied;
	}
	return 0;
}

static int copy_content(int from_fd, int to_fd, off_t size)
{
	off_t at = 0;

	if (ftruncate(to_fd, size) < 0)
		return -1;
	while (at < size) {
		off_t data = lseek(from_fd, at, SEEK_DATA);
		off_t hole;

		if (data < 0 && errno == ENXIO)
			break;
		hole = data < 0 ? -1 : lseek(from_fd, data, SEEK_HOLE);
		if (hole < 0) {
			data = at;
			hole = size;
		}
		if (copy_run(from_fd, to_fd, data, hole) < 0)
			return -1;
		at = hole;
	}
	return 0;
}

/* A staged file is this user's own, readable or not; its mode stays. */
static int open_staged(int dir_fd, const char *name, mode_t mode)
{
	cleanup_fd int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == EACCES &&
	    fchmodat(dir_fd, name, S_IRUSR | S_IWUSR, AT_SYMLINK_NOFOLLOW) == 0) {
		fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 || fchmod(fd, mode) < 0)
			return -1;
	}
	return STEAL_FD(fd);
}

static int copy_file(int from_dir, const char *from, int to_dir, const char *to,
		     const struct stat *st)
{
	cleanup_fd int from_fd = open_staged(from_dir, from, st->st_mode & 07777);
	cleanup_fd int to_fd = -1;
	struct xc_stage_attributes attributes;

	if (from_fd < 0)
		return -1;
	to_fd = openat(to_dir, to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to_fd < 0)
		return -1;
	xc_stage_attributes_of(st, &attributes);
	if (copy_content(from_fd, to_fd, st->st_size) < 0 ||
	    xc_stage_copy_xattrs(from_fd, to_fd) < 0 ||
	    xc_stage_set_attributes(to_fd, &attributes) < 0)
		return -1;
	return 0;
}

static int copy_symlink(int from_dir, const char *from, int to_dir, const char *to,
			const struct stat *st)
{
	struct timespec times[2] = { st->st_atim, st->st_mtim };
	char target[PATH_MAX];
	ssize_t length = readlinkat(from_dir, from, target, sizeof(target));

	if (length < 0 || (size_t)length >= sizeof(target))
		return -1;
	target[length] = '\0';
	if (symlinkat(target, to_dir, to) < 0)
		return -1;
	if (xc_owner_apply(geteuid(), to_dir, to, st->st_uid, st->st_gid) < 0)
		return -1;
	return utimensat(to_dir, to, times, AT_SYMLINK_NOFOLLOW);
}

int xc_stage_copy(int from_fd, const char *from, int to_fd, const char *to)
{
	struct stat st;
	int result, saved;

	if (fstatat(from_fd, from, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	if (S_ISREG(st.st_mode)) {
		result = copy_file(from_fd, from, to_fd, to, &st);
	} else if (S_ISLNK(st.st_mode)) {
		result = copy_symlink(from_fd, from, to_fd, to, &st);
	} else {
		errno = ENOTSUP;
		return -1;
	}
	saved = errno;
	if (result < 0 && saved != EEXIST)
		unlinkat(to_fd, to, 0);
	errno = saved;
	return result;
}
