/* SPDX-License-Identifier: Apache-2.0 */
#include "tree/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

/* openat2(2); <linux/openat2.h> is not everywhere that the call is. */
struct open_how {
	uint64_t flags;
	uint64_t mode;
	uint64_t resolve;
};
#define RESOLVE_NO_MAGIC_LINKS UINT64_C(0x02)
#define RESOLVE_NO_LINKS       UINT64_C(0x04)
#define RESOLVE_STAY_BENEATH   UINT64_C(0x08)
#ifndef SYS_openat2
#define SYS_openat2 437
#endif

/* With ".." in a symlink the kernel gives up (EAGAIN) when something is moved meanwhile. */
#define RACE_TRIES 16

static atomic_bool openat2_missing;

static int open_how(int dir_fd, const char *path, int flags, uint64_t resolve)
{
	struct open_how how = { .flags = (uint64_t)flags, .resolve = resolve };
	int fd, tries = 0;

	do
		fd = (int)syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));
	while (fd < 0 && errno == EAGAIN && ++tries < RACE_TRIES);
	return fd;
}

/*
 * ENOSYS is an old kernel, EPERM an old seccomp profile (before libseccomp
 * 2.5); but a file system may say EPERM too, so a call that cannot fail
 * otherwise decides.
 */
static bool lacks_openat2(int error)
{
	cleanup_fd int probe_fd = -1;

	if (error != ENOSYS && error != EPERM)
		return false;
	probe_fd = open_how(AT_FDCWD, "/", O_PATH | O_CLOEXEC, 0);
	if (probe_fd < 0 && (errno == ENOSYS || errno == EPERM)) {
		atomic_store(&openat2_missing, true);
		return true;
	}
	errno = error;
	return false;
}

/* A symlink is told apart from other things that are no directory, as openat2 does. */
static int open_component(int at_fd, const char *name, int access)
{
	int fd = openat(at_fd, name, access | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && errno == ENOTDIR) {
		bool link =
			fstatat(at_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);

		errno = link ? ELOOP : ENOTDIR;
	}
	return fd;
}

static int walk(int dir_fd, const char *path, int access)
{
	cleanup_fd int at = -1;

	if (*path == '/') {
		errno = EXDEV;
		return -1;
	}
	for (;;) {
		size_t length = strcspn(path, "/");
		const char *rest = path + length + strspn(path + length, "/");
		char name[NAME_MAX + 1];
		int next;

		if (length > NAME_MAX) {
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(name, path, length);
		name[length] = '\0';
		if (strcmp(name, "..") == 0) {
			errno = EXDEV;
			return -1;
		}
		next = open_component(at >= 0 ? at : dir_fd, length > 0 ? name : ".",
				      *rest ? O_PATH : access);
		if (next < 0 || !*rest)
			return next;
		xc_fd_close(&at);
		at = next;
		path = rest;
	}
}

static int open_piece(int dir_fd, const char *path, enum xc_beneath_links links, int access)
{
	uint64_t resolve = RESOLVE_STAY_BENEATH | RESOLVE_NO_MAGIC_LINKS;
	int fd;

	if (links == XC_BENEATH_NO_LINKS)
		resolve |= RESOLVE_NO_LINKS;
	if (!atomic_load_explicit(&openat2_missing, memory_order_relaxed)) {
		fd = open_how(dir_fd, *path ? path : ".", access | O_DIRECTORY | O_CLOEXEC,
			      resolve);
		if (fd >= 0 || !lacks_openat2(errno))
			return fd;
	}
	return walk(dir_fd, path, access);
}

int xc_beneath_open_dir(int dir_fd, const char *relative, enum xc_beneath_links links, int access)
{
	cleanup_fd int at = -1;

	while (strnlen(relative, PATH_MAX) >= PATH_MAX) {
		const char *cut = memrchr(relative, '/', PATH_MAX - 1);
		char piece[PATH_MAX];
		int next;

		if (!cut || cut == relative) {
			errno = cut ? EXDEV : ENAMETOOLONG;
			return -1;
		}
		memcpy(piece, relative, (size_t)(cut - relative));
		piece[cut - relative] = '\0';
		next = open_piece(at >= 0 ? at : dir_fd, piece, links, O_PATH);
		if (next < 0)
			return -1;
		xc_fd_close(&at);
		at = next;
		relative = cut + strspn(cut, "/");
	}
	return open_piece(at >= 0 ? at : dir_fd, relative, links, access);
}
