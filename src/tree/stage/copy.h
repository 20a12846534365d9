/* SPDX-License-Identifier: Apache-2.0 */
/* Copying where no link or rename can reach. */
#ifndef XC_TREE_STAGE_COPY_H
#define XC_TREE_STAGE_COPY_H

#include "base/compiler.h"

/*
 * Copy a file or symlink to a name that is free: content with its holes,
 * mode, times, user xattrs, as root the owner. ENOTSUP for other types.
 */
int xc_stage_copy(int from_fd, const char *from, int to_fd, const char *to) XC_CHECK;

#endif
