/* SPDX-License-Identifier: Apache-2.0 */
/* Giving files to their owners, as far as this process may. */
#ifndef XC_TREE_OWNER_H
#define XC_TREE_OWNER_H

#include <sys/types.h>

#include "base/compiler.h"

/*
 * Give `name` in `dir_fd`, not followed if it is a symlink, to a user and a
 * group; with "" the open `dir_fd` itself. 1 if that is done. 0 if it cannot
 * be done by this process, even as root: it lacks the right (capabilities(7),
 * CAP_CHOWN), its user namespace does not know the user (user_namespaces(7)),
 * or the file system does not keep owners. -1 with errno for all else.
 */
int xc_owner_set(int dir_fd, const char *name, uid_t uid, gid_t gid) XC_CHECK;

#endif
