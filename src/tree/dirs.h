/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open directories of a member table: turns a member into a descriptor of
 * the directory that holds it and its name there, so that no call needs a
 * longer path than one name. A few directories stay open; since members come
 * in preorder, nearly every question is about one of them.
 *
 * Below a root path every directory is opened with RESOLVE_BENEATH and
 * RESOLVE_NO_SYMLINKS (openat2(2)), or component by component with
 * O_NOFOLLOW. One struct per thread; the table must not grow meanwhile.
 */
#ifndef XC_TREE_DIRS_H
#define XC_TREE_DIRS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/member.h"

struct xc_dirs;

/* Where a root path is: `name` in the directory `path` below `dir_fd`. */
struct xc_dirs_location {
	int dir_fd;       /* or AT_FDCWD; borrowed */
	const char *path; /* `path_bytes` long, not terminated; none for `dir_fd` itself */
	size_t path_bytes;
	const char *name;
	bool known; /* `path` must be the directory below; ENOENT if it is another one */
	dev_t device;
	ino_t inode;
};

/* Fills in where the root path at `position` is. The strings live as long as the context. */
typedef void xc_dirs_locate_fn(void *context, uint32_t position,
			       struct xc_dirs_location *ret_place);

struct xc_dirs *xc_dirs_new(const struct xc_members *members, xc_dirs_locate_fn *locate,
			    void *context);
void xc_dirs_free(struct xc_dirs *dirs); /* NULL is allowed */

/* From now on the questions are about another table. What is open stays open for later ones. */
void xc_dirs_move(struct xc_dirs *dirs, const struct xc_members *members, xc_dirs_locate_fn *locate,
		  void *context);

/*
 * The directory that holds the member, and its name there. Both are borrowed
 * until the next call. Returns -1 with errno set.
 */
int xc_dirs_at(struct xc_dirs *dirs, uint32_t position, int *ret_dir_fd,
	       const char **ret_name) XC_CHECK;

/* The descriptor of a member that is a directory, borrowed until the next call; or -1, errno. */
int xc_dirs_open(struct xc_dirs *dirs, uint32_t position) XC_CHECK;

#endif
