/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening what the walk met, whoever puts symlinks in the way meanwhile. A
 * directory is opened by its one name in the one above, which stays open
 * until all directories in it were opened. Past the ceiling of open ones the
 * way starts at the nearest that is open: a root path always is.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "tree/beneath.h"
#include "tree/walk/internal.h"

/* Trees are seldom deeper, and the usual limit of 1024 descriptors is far away. */
#define KEPT_MAX 64

int xc_walk_open_container(const struct xc_patterns *patterns, const char *path)
{
	size_t length = (size_t)(strrchr(path, '/') - path), literal;
	cleanup_free char *container = xc_strndup(path, length + (length == 0));
	cleanup_fd int base_fd = -1;

	/* What a line spells out may lead through symlinks: its writer means them. */
	if (!xc_patterns_declares(patterns, path, &literal) || length <= literal)
		return xc_fd_open_dir_path(AT_FDCWD, container);
	container[literal] = '\0';
	base_fd = xc_fd_open_dir_path(AT_FDCWD, literal > 0 ? container : "/");
	if (base_fd < 0)
		return -1;
	return xc_beneath_open_dir(base_fd, container + literal + 1, XC_BENEATH_LINKS_INSIDE,
				   O_PATH);
}

static int open_root(const struct walk_dir *dir)
{
	const char *name = strrchr(dir->name, '/') + 1;
	cleanup_fd int container_fd = xc_walk_open_container(dir->walk->opts->patterns, dir->name);

	if (container_fd < 0)
		return -1;
	return xc_beneath_open_dir(container_fd, name, XC_BENEATH_NO_LINKS, O_RDONLY);
}

/* From the end backwards, and no recursion: the way may be long. */
static void relative_path(const struct walk_dir *dir, const struct walk_dir *above,
			  struct xc_buf *out)
{
	size_t length = 0;
	char *at;

	for (const struct walk_dir *i = dir; i != above; i = i->parent)
		length += strlen(i->name) + 1;
	at = xc_buf_reserve(out, length);
	if (!at)
		xc_out_of_memory();
	at += length;
	for (const struct walk_dir *i = dir; i != above; i = i->parent) {
		size_t name_length = strlen(i->name);

		*--at = '/';
		at -= name_length;
		memcpy(at, i->name, name_length);
	}
	/* Without the last slash. */
	xc_buf_grow_by(out, length - 1);
}

int xc_walk_open(const struct walk_dir *dir)
{
	const struct walk_dir *above = dir->parent;
	cleanup_buf struct xc_buf path = XC_BUF_INIT;

	if (!above)
		return open_root(dir);
	while (above->fd < 0)
		above = above->parent;
	relative_path(dir, above, &path);
	return xc_beneath_open_dir(above->fd, path.data, XC_BENEATH_NO_LINKS, O_RDONLY);
}

static bool may_keep(struct walk_dir *dir)
{
	atomic_int *kept = &dir->walk->kept;

	if (atomic_fetch_add_explicit(kept, 1, memory_order_relaxed) < KEPT_MAX || !dir->parent)
		return true;
	atomic_fetch_sub_explicit(kept, 1, memory_order_relaxed);
	return false;
}

int xc_walk_keep(struct walk_dir *dir, int fd)
{
	if (!may_keep(dir))
		return 0;
	dir->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (dir->fd >= 0)
		return 0;
	atomic_fetch_sub_explicit(&dir->walk->kept, 1, memory_order_relaxed);
	return dir->parent ? 0 : -1;
}

void xc_walk_let_go(struct walk_dir *dir)
{
	/* One without a descriptor needs those above until nothing in it waits any more. */
	while (dir && atomic_fetch_sub(&dir->waiting, 1) == 1) {
		if (dir->fd >= 0) {
			xc_fd_close(&dir->fd);
			atomic_fetch_sub_explicit(&dir->walk->kept, 1, memory_order_relaxed);
			return;
		}
		dir = dir->parent;
	}
}
