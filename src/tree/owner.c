/* SPDX-License-Identifier: Apache-2.0 */
#include "tree/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int xc_owner_apply(uid_t self, int dir_fd, const char *name, uid_t uid, gid_t gid)
{
	if (self != 0)
		return uid == self;
	if (fchownat(dir_fd, name, uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	return errno == EPERM || errno == EINVAL ? 0 : -1;
}
