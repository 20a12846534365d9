/* SPDX-License-Identifier: Apache-2.0 */
/* The mounts that this process sees: /proc/self/mountinfo (proc(5)). */
#ifndef XC_MOUNT_MOUNTINFO_H
#define XC_MOUNT_MOUNTINFO_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"

/* One line. The texts are the line's own, unescaped in it. */
struct xc_mountinfo {
	uint64_t id;
	char *point, *type, *source;
};

/* Append all of it. -1 with errno. */
int xc_mountinfo_read(struct xc_buf *out) XC_CHECK;

/* The next line of a text, which is changed; false at the end. What is no such line is passed over.
 */
bool xc_mountinfo_next(char **rest, struct xc_mountinfo *ret_info);

/*
 * The process that keeps a mount, by its source: a number in "xcache-<pid>" of
 * an overlay, or in "/proc/<pid>/fd/<number>" of an image. 0: it is not xcache's.
 */
pid_t xc_mountinfo_keeper(const struct xc_mountinfo *info);
#define XC_MOUNTINFO_OVERLAY "xcache-"

#endif
