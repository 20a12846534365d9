/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a restore can fit, before anything of it is placed: all of it must
 * be there before it takes the place of what it replaces.
 */
#ifndef XC_RESTORE_ROOM_H
#define XC_RESTORE_ROOM_H

#include "base/err.h"
#include "base/member.h"

/* What is needed of a file system. */
struct xc_room {
	int dir_fd;       /* a directory in it, borrowed */
	const char *path; /* for messages, borrowed */
	uint64_t bytes, inodes;
};

/* Count a member that will be placed. */
void xc_room_add(struct xc_room *room, const struct xc_member *member);

/*
 * IO (ENOSPC) with the path if a file system is surely too small. One that
 * compresses, or is not known to count as it tells, never is. Those with the
 * same dir_fd are taken together; the array is put into another order.
 */
int xc_room_check(struct xc_room *rooms, uint32_t count, struct xc_err *err) XC_CHECK;

#endif
