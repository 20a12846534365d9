/* SPDX-License-Identifier: Apache-2.0 */
#include "tree/dirs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "tree/beneath.h"

/* Enough for the way down a usual tree; a deeper one opens a little more often. */
#define OPEN_MAX_DIRS 16

/*
 * A directory further than this below all that is open is opened by way of
 * one that far above it: what comes next in a deep tree lies near that, too.
 */
#define ANCHOR_LEVELS 64

struct open_dir {
	const struct xc_members *members; /* the table that the position is of */
	uint32_t position;
	int fd;
	uint64_t last_used;
};

struct xc_dirs {
	const struct xc_members *members;
	xc_dirs_locate_fn *locate;
	void *context;
	struct open_dir open[OPEN_MAX_DIRS];
	uint64_t clock;
	/* The directory of the root path asked for last: thousands of root paths may share it. */
	int top_dir_fd;
	int top_base_fd;
	struct xc_buf top_path;
	struct xc_buf relative;
};

struct xc_dirs *xc_dirs_new(const struct xc_members *members, xc_dirs_locate_fn *locate,
			    void *context)
{
	struct xc_dirs *dirs = xc_calloc(1, sizeof(*dirs));

	dirs->members = members;
	dirs->locate = locate;
	dirs->context = context;
	dirs->top_dir_fd = -1;
	for (size_t i = 0; i < OPEN_MAX_DIRS; i++)
		dirs->open[i] = (struct open_dir){ .position = XC_MEMBER_NONE, .fd = -1 };
	return dirs;
}

void xc_dirs_move(struct xc_dirs *dirs, const struct xc_members *members, xc_dirs_locate_fn *locate,
		  void *context)
{
	dirs->members = members;
	dirs->locate = locate;
	dirs->context = context;
}

void xc_dirs_free(struct xc_dirs *dirs)
{
	if (!dirs)
		return;
	for (size_t i = 0; i < OPEN_MAX_DIRS; i++)
		xc_fd_close(&dirs->open[i].fd);
	xc_fd_close(&dirs->top_dir_fd);
	xc_buf_release(&dirs->top_path);
	xc_buf_release(&dirs->relative);
	free(dirs);
}

static struct open_dir *find_open(struct xc_dirs *dirs, uint32_t position)
{
	for (size_t i = 0; i < OPEN_MAX_DIRS; i++)
		if (dirs->open[i].position == position && dirs->open[i].members == dirs->members) {
			dirs->open[i].last_used = ++dirs->clock;
			return &dirs->open[i];
		}
	return NULL;
}

static int keep_open(struct xc_dirs *dirs, uint32_t position, int fd)
{
	struct open_dir *oldest = &dirs->open[0];

	for (size_t i = 1; i < OPEN_MAX_DIRS; i++)
		if (dirs->open[i].last_used < oldest->last_used)
			oldest = &dirs->open[i];
	xc_fd_close(&oldest->fd);
	*oldest = (struct open_dir){
		.members = dirs->members,
		.position = position,
		.fd = fd,
		.last_used = ++dirs->clock,
	};
	return fd;
}

static int open_top_container(struct xc_dirs *dirs, const struct xc_dirs_location *place)
{
	struct stat status;
	cleanup_fd int fd = xc_fd_open_dir_path(place->dir_fd, dirs->top_path.data);

	if (fd < 0 || !place->known)
		return STEAL_FD(fd);
	if (fstat(fd, &status) < 0)
		return -1;
	if (status.st_dev != place->device || status.st_ino != place->inode) {
		errno = ENOENT;
		return -1;
	}
	return STEAL_FD(fd);
}

static int top_container(struct xc_dirs *dirs, const struct xc_dirs_location *place)
{
	struct xc_buf *path = &dirs->top_path;

	if (dirs->top_dir_fd >= 0 && dirs->top_base_fd == place->dir_fd &&
	    path->len_bytes == place->path_bytes &&
	    memcmp(path->data, place->path, place->path_bytes) == 0)
		return dirs->top_dir_fd;
	xc_fd_close(&dirs->top_dir_fd);
	xc_buf_clear(path);
	xc_buf_add(path, place->path, place->path_bytes);
	dirs->top_dir_fd = open_top_container(dirs, place);
	dirs->top_base_fd = place->dir_fd;
	return dirs->top_dir_fd;
}

static int open_top(struct xc_dirs *dirs, uint32_t position)
{
	struct xc_dirs_location place;
	int dir_fd, fd;

	dirs->locate(dirs->context, position, &place);
	dir_fd = top_container(dirs, &place);
	if (dir_fd < 0)
		return -1;
	fd = openat(dir_fd, place.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -1 : keep_open(dirs, position, fd);
}

/* Fills dirs->relative with the names from below `ancestor` down to `position`. */
static void relative_path(struct xc_dirs *dirs, uint32_t ancestor, uint32_t position)
{
	const struct xc_member *items = dirs->members->items;
	size_t length = 0, at;

	for (uint32_t i = position; i != ancestor; i = items[i].parent)
		length += strlen(items[i].name) + 1;
	xc_buf_clear(&dirs->relative);
	if (!xc_buf_reserve(&dirs->relative, length))
		xc_out_of_memory();
	at = length;
	for (uint32_t i = position; i != ancestor; i = items[i].parent) {
		size_t name_length = strlen(items[i].name);

		dirs->relative.data[--at] = '/';
		at -= name_length;
		memcpy(dirs->relative.data + at, items[i].name, name_length);
	}
	/* Without the last slash. */
	xc_buf_grow_by(&dirs->relative, length - 1);
}

/* Opens a directory by its names below `ancestor`, which is open, or a root path, or itself. */
static int open_below(struct xc_dirs *dirs, uint32_t ancestor, uint32_t position)
{
	struct open_dir *open_dir = find_open(dirs, ancestor);
	int from_fd = open_dir ? open_dir->fd : open_top(dirs, ancestor), fd;

	if (from_fd < 0 || ancestor == position)
		return from_fd;
	relative_path(dirs, ancestor, position);
	fd = xc_beneath_open_dir(from_fd, dirs->relative.data, XC_BENEATH_NO_LINKS, O_RDONLY);
	return fd < 0 ? -1 : keep_open(dirs, position, fd);
}

int xc_dirs_open(struct xc_dirs *dirs, uint32_t position)
{
	const struct xc_member *items = dirs->members->items;
	uint32_t ancestor = position, anchor = position;

	for (uint32_t levels = 1;
	     !find_open(dirs, ancestor) && items[ancestor].parent != XC_MEMBER_NONE; levels++) {
		ancestor = items[ancestor].parent;
		if (levels == ANCHOR_LEVELS)
			anchor = ancestor;
	}
	if (anchor != position && anchor != ancestor) {
		if (open_below(dirs, ancestor, anchor) < 0)
			return -1;
		ancestor = anchor;
	}
	return open_below(dirs, ancestor, position);
}

int xc_dirs_at(struct xc_dirs *dirs, uint32_t position, int *ret_dir_fd, const char **ret_name)
{
	const struct xc_member *member = &dirs->members->items[position];
	int dir_fd;

	if (member->parent != XC_MEMBER_NONE) {
		dir_fd = xc_dirs_open(dirs, member->parent);
		*ret_name = member->name;
	} else {
		struct xc_dirs_location place;

		dirs->locate(dirs->context, position, &place);
		dir_fd = top_container(dirs, &place);
		*ret_name = place.name;
	}
	*ret_dir_fd = dir_fd;
	return dir_fd < 0 ? -1 : 0;
}
