/* SPDX-License-Identifier: Apache-2.0 */
/* Names of extended attributes (xattr(7)). */
#ifndef XC_TREE_XATTR_H
#define XC_TREE_XATTR_H

#include <stdbool.h>
#include <string.h>
#include <sys/types.h>

#include "base/buf.h"

/*
 * Append the names that an open file has, each with its terminator. Returns
 * their length in bytes; 0 also where the file system has no attributes; -1
 * with errno.
 */
ssize_t xc_xattr_list(int fd, struct xc_buf *names) XC_CHECK;

/* Whether it is one that a cache keeps. */
static inline bool xc_xattr_is_user(const char *name)
{
	return strncmp(name, "user.", 5) == 0;
}

#endif
