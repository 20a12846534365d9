/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "tree/beneath.h"
#include "tree/owner.h"
#include "tree/stage/internal.h"

size_t xc_stage_parent_bytes(const char *path, size_t length)
{
	while (length > 1 && path[length - 1] != '/')
		length--;
	while (length > 1 && path[length - 1] == '/')
		length--;
	return length;
}

static size_t literal_bytes(const struct xc_stage_target *target)
{
	size_t length = strlen(target->path);
	size_t literal = XC_MIN(target->literal_bytes, length);

	if (literal > 1 && target->path[literal] != '\0' && target->path[literal] != '/')
		literal = xc_stage_parent_bytes(target->path, literal);
	return XC_MAX(literal, (size_t)1);
}

/* As the user's own symlinks lead. */
static int resolve(const struct xc_stage_destination *destination, size_t length)
{
	const char *path = destination->target->path;
	size_t literal = literal_bytes(destination->target);
	cleanup_free char *start = xc_strndup(path, XC_MIN(length, literal));
	cleanup_free char *rest = NULL;
	cleanup_fd int start_fd = xc_fd_open_dir_path(AT_FDCWD, start);

	if (start_fd < 0 || length <= literal)
		return STEAL_FD(start_fd);
	while (path[literal] == '/')
		literal++;
	rest = xc_strndup(path + literal, length - literal);
	return xc_beneath_open_dir(start_fd, rest, XC_BENEATH_LINKS_INSIDE, O_PATH);
}

int xc_stage_identify(int dir_fd, const char *name, struct xc_stage_id *ret_id)
{
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0)
		return -1;
	*ret_id = (struct xc_stage_id){ .device = st.st_dev, .inode = st.st_ino };
	return 0;
}

int xc_stage_know_again(struct xc_stage_id *id, int fd)
{
	struct xc_stage_id now;

	if (xc_stage_identify(fd, "", &now) < 0)
		return -1;
	if (id->inode == 0) {
		*id = now;
	} else if (!xc_stage_same(id, &now)) {
		errno = ESTALE;
		return -1;
	}
	return 0;
}

int xc_stage_open_above(const struct xc_stage_destination *destination, size_t length)
{
	struct xc_stage_id known = destination->known;
	cleanup_free char *rest = NULL;
	cleanup_fd int known_fd = -1;
	size_t start = destination->known_bytes;

	if (start == 0 || length < start)
		return resolve(destination, length);
	known_fd = resolve(destination, start);
	if (known_fd < 0 || xc_stage_know_again(&known, known_fd) < 0)
		return -1;
	start += strspn(destination->target->path + start, "/");
	if (start >= length)
		return STEAL_FD(known_fd);
	rest = xc_strndup(destination->target->path + start, length - start);
	return xc_beneath_open_dir(known_fd, rest, XC_BENEATH_NO_LINKS, O_PATH);
}

int xc_stage_site_open(struct xc_stage *stage, uint32_t destination, struct xc_stage_site *ret_site)
{
	struct xc_stage_destination *at = &stage->destinations[destination];
	struct xc_stage_site site = { .stage = stage,
				      .destination = destination,
				      .target_fd = -1,
				      .dir = XC_STAGE_ABOVE,
				      .staged_fd = -1,
				      .final_fd = -1 };

	site.above_fd = xc_stage_open_above(at, at->above_bytes);
	if (site.above_fd < 0)
		return -1;
	if (xc_stage_know_again(&at->above, site.above_fd) < 0 ||
	    (at->merged && xc_stage_site_open_target(&site) < 0)) {
		xc_stage_site_close(&site);
		return -1;
	}
	*ret_site = site;
	return 0;
}

int xc_stage_open_followed(struct xc_stage_destination *destination)
{
	cleanup_fd int fd = resolve(destination, strlen(destination->target->path));

	return fd < 0 || xc_stage_know_again(&destination->top, fd) < 0 ? -1 : STEAL_FD(fd);
}

int xc_stage_site_open_target(struct xc_stage_site *site)
{
	struct xc_stage_destination *destination = &site->stage->destinations[site->destination];

	if (destination->follow)
		site->target_fd = xc_stage_open_followed(destination);
	else
		site->target_fd = openat(site->above_fd, destination->name,
					 O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return site->target_fd < 0 ? -1 : 0;
}

void xc_stage_site_close(struct xc_stage_site *site)
{
	xc_fd_close(&site->staged_fd);
	xc_fd_close(&site->final_fd);
	xc_fd_close(&site->target_fd);
	xc_fd_close(&site->above_fd);
}

/* The path of a record from its target, or from the staging folder with the target's name there. */
static char *record_path(const struct xc_stage_site *site, uint32_t dir, const char *top)
{
	const struct xc_stage *stage = site->stage;
	size_t length = strlen(top);
	char *path, *at;

	for (uint32_t i = dir; stage->dirs[i].parent != XC_STAGE_ABOVE; i = stage->dirs[i].parent)
		length += 1 + strlen(stage->names.data + stage->dirs[i].name);
	path = xc_malloc(length + 1);
	at = path + length;
	*at = '\0';
	for (uint32_t i = dir; stage->dirs[i].parent != XC_STAGE_ABOVE; i = stage->dirs[i].parent) {
		const char *name = stage->names.data + stage->dirs[i].name;

		at -= strlen(name);
		memcpy(at, name, strlen(name));
		*--at = '/';
	}
	memcpy(path, top, strlen(top));
	if (*top == '\0' && length > 0)
		memmove(path, path + 1, length);
	return path;
}

void xc_stage_attributes_of(const struct stat *st, struct xc_stage_attributes *ret_attributes)
{
	*ret_attributes = (struct xc_stage_attributes){
		.mode = st->st_mode & 07777,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.times = { st->st_atim, st->st_mtim },
	};
}

int xc_stage_chmod(int fd, mode_t mode)
{
	char path[40];

	if (fchmod(fd, mode) == 0)
		return 0;
	if (errno != EBADF)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return chmod(path, mode);
}

/*
 * A directory that lacks one of the owner's permissions gets it, so that it
 * can be listed and changed: the modes that count are set in the end. One of
 * somebody else's that cannot be listed may do as a mere place.
 */
static int open_side(int base_fd, const char *path, struct stat *ret_before)
{
	cleanup_fd int fd = xc_beneath_open_dir(base_fd, path, XC_BENEATH_NO_LINKS, O_RDONLY);
	cleanup_fd int listed_fd = -1;
	bool place_only = false;

	if (fd < 0 && errno == EACCES) {
		fd = xc_beneath_open_dir(base_fd, path, XC_BENEATH_NO_LINKS, O_PATH);
		place_only = true;
	}
	if (fd < 0 || fstat(fd, ret_before) < 0)
		return -1;
	if ((ret_before->st_mode & S_IRWXU) != S_IRWXU)
		(void)!xc_stage_chmod(fd, (ret_before->st_mode & 07777) | S_IRWXU);
	if (place_only)
		listed_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return listed_fd >= 0 ? STEAL_FD(listed_fd) : STEAL_FD(fd);
}

static bool is_shared(const struct stat *st)
{
	return st->st_uid != geteuid() ||
	       ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0 && !(st->st_mode & S_ISVTX));
}

static int enter_above(struct xc_stage_site *site)
{
	struct stat st;

	site->staged_fd = fcntl(xc_stage_site_folder(site)->fd, F_DUPFD_CLOEXEC, 0);
	site->final_fd = fcntl(site->above_fd, F_DUPFD_CLOEXEC, 0);
	if (site->staged_fd < 0 || site->final_fd < 0 || fstat(site->final_fd, &st) < 0)
		return -1;
	site->shared = is_shared(&st);
	return 0;
}

static int enter_record(struct xc_stage_site *site, struct xc_stage_dir *record)
{
	uint32_t dir = (uint32_t)(record - site->stage->dirs);
	char top[XC_STAGE_NAME_MAX];
	cleanup_free char *final = record_path(site, dir, "");
	cleanup_free char *staged =
		record_path(site, dir, xc_stage_staged_name(site, XC_STAGE_ABOVE, "", top));
	struct stat staged_st, final_st;

	site->staged_fd = open_side(xc_stage_site_folder(site)->fd, staged, &staged_st);
	if (site->staged_fd < 0)
		return -1;
	site->final_fd = open_side(site->target_fd, final, &final_st);
	if (site->final_fd < 0)
		return -1;
	site->shared = is_shared(&final_st);
	if (!record->entered) {
		xc_stage_attributes_of(&staged_st, &record->staged);
		xc_stage_attributes_of(&final_st, &record->before);
		record->entered = true;
	}
	return 0;
}

int xc_stage_site_enter(struct xc_stage_site *site, uint32_t dir)
{
	int result;

	if (site->dir == dir && site->final_fd >= 0)
		return 0;
	xc_fd_close(&site->staged_fd);
	xc_fd_close(&site->final_fd);
	site->dir = dir;
	result = dir == XC_STAGE_ABOVE ? enter_above(site)
				       : enter_record(site, &site->stage->dirs[dir]);
	if (result < 0) {
		xc_fd_close(&site->staged_fd);
		xc_fd_close(&site->final_fd);
	}
	return result;
}

int xc_stage_open_final(const struct xc_stage_site *site, uint32_t dir)
{
	cleanup_free char *path = record_path(site, dir, "");

	return xc_beneath_open_dir(site->target_fd, path, XC_BENEATH_NO_LINKS, O_PATH);
}

const char *xc_stage_staged_name(const struct xc_stage_site *site, uint32_t dir, const char *name,
				 char top[XC_STAGE_NAME_MAX])
{
	if (dir != XC_STAGE_ABOVE)
		return name;
	snprintf(top, XC_STAGE_NAME_MAX, "t%u", site->destination);
	return top;
}

void xc_stage_say_path(const struct xc_stage_site *site, uint32_t dir, const char *name,
		       struct xc_buf *out)
{
	const struct xc_stage_destination *destination =
		&site->stage->destinations[site->destination];

	xc_buf_add_str(out, destination->target->path);
	if (dir == XC_STAGE_ABOVE)
		return;
	for (int i = 0; i < 2; i++) {
		cleanup_free char *path = i == 0 ? record_path(site, dir, "") : xc_strdup(name);

		if (*path) {
			xc_buf_add_char(out, '/');
			xc_buf_add_str(out, path);
		}
	}
}

void xc_stage_hidden_name(const struct xc_stage_site *site, uint32_t number,
			  char ret_name[XC_STAGE_HIDDEN_MAX])
{
	const char *tag = xc_stage_site_folder(site)->name + sizeof(XC_STAGE_PREFIX) - 1;

	snprintf(ret_name, XC_STAGE_HIDDEN_MAX, ".xcache-old-%s-%u", tag, number);
}

bool xc_stage_is_ours(int fd)
{
	uid_t user = geteuid();
	struct stat st;

	/* If it does not tell, the call that is asked for will. */
	return user == 0 || fstat(fd, &st) < 0 || st.st_uid == user;
}

int xc_stage_set_attributes(int fd, const struct xc_stage_attributes *attributes)
{
	struct stat st;

	if (!xc_stage_is_ours(fd))
		return 0;
	if (fstat(fd, &st) < 0)
		return -1;
	if ((st.st_uid != attributes->uid || st.st_gid != attributes->gid) &&
	    xc_owner_apply(geteuid(), fd, "", attributes->uid, attributes->gid) < 0)
		return -1;
	if (futimens(fd, attributes->times) < 0)
		return -1;
	return xc_stage_chmod(fd, attributes->mode);
}

static int rename_flags(int from_fd, const char *from, int to_fd, const char *to,
			unsigned int flags)
{
	struct stat st;
	int result;

	if (flags == 0)
		return renameat(from_fd, from, to_fd, to);
	result = (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, flags);
	/* EPERM may be a seccomp profile's; if it is the file system's, it comes again. */
	if (result == 0 || flags != RENAME_NOREPLACE ||
	    (errno != EINVAL && errno != ENOSYS && errno != EPERM))
		return result;
	if (fstatat(to_fd, to, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	return errno == ENOENT ? renameat(from_fd, from, to_fd, to) : -1;
}

int xc_stage_rename(int from_fd, const char *from, int to_fd, const char *to, unsigned int flags)
{
	cleanup_fd int moved_fd = -1;
	struct stat st;
	int result, saved;

	if (rename_flags(from_fd, from, to_fd, to, flags) == 0)
		return 0;
	if (errno != EACCES)
		return -1;
	/* Moving a directory rewrites its "..": that takes write permission on it. */
	moved_fd = openat(from_fd, from, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (moved_fd < 0 || fstat(moved_fd, &st) < 0 || (st.st_mode & S_IWUSR) ||
	    xc_stage_chmod(moved_fd, (st.st_mode & 07777) | S_IWUSR) < 0) {
		errno = EACCES;
		return -1;
	}
	result = rename_flags(from_fd, from, to_fd, to, flags);
	saved = errno;
	if (xc_stage_chmod(moved_fd, st.st_mode & 07777) < 0 && result == 0)
		return -1;
	errno = saved;
	return result;
}
