/* SPDX-License-Identifier: Apache-2.0 */
/* Giving files to their owners, as far as this process may. */
#ifndef XC_TREE_OWNER_H
#define XC_TREE_OWNER_H

#include <sys/types.h>

#include "base/compiler.h"

/*
 * Give `name` in `dir_fd`, not followed if it is a symlink, to a user and a
 * group; with "" the open `dir_fd` itself. `self` is geteuid(2), and whose it
 * is now. 1 if it is theirs then, for others than root by the user alone. 0 if
 * this process cannot give it away: it is not root's, or root lacks the right
 * (capabilities(7), CAP_CHOWN), its user namespace does not know the user
 * (user_namespaces(7)), or the file system does not keep owners. -1 with errno
 * for all else.
 */
int xc_owner_give(uid_t self, int dir_fd, const char *name, uid_t uid, gid_t gid) XC_CHECK;

/* Set-id bits are for the owner that they were saved with: the mode for one that was `given` or
 * stays ours. */
static inline mode_t xc_owner_mode(mode_t mode, int given)
{
	return given ? mode : mode & ~(mode_t)06000;
}

#endif
