/* SPDX-License-Identifier: Apache-2.0 */
/* Giving files to their owners, as far as this process may. */
#ifndef XC_TREE_OWNER_H
#define XC_TREE_OWNER_H

#include <stdbool.h>
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
int xc_owner_apply(uid_t self, int dir_fd, const char *name, uid_t uid, gid_t gid) XC_CHECK;

/* Whose everything becomes that is restored, whoever had it when it was saved. */
struct xc_owner {
	uid_t uid;
	gid_t gid;
};

/*
 * Set-id bits are for the user and group that they were saved with. They stay
 * where root `kept` both, and are dropped otherwise, as tar does for users.
 */
static inline mode_t xc_owner_mode(uid_t self, mode_t mode, bool kept)
{
	return self == 0 && kept ? mode : mode & ~(mode_t)06000;
}

#endif
