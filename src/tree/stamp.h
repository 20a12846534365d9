/* SPDX-License-Identifier: Apache-2.0 */
/*
 * By what a file is known to be untouched: a change of its content, its
 * attributes or its names gives it a new ctime, and what takes its place is
 * another inode. Size and mtime are no proof: unpackers set both.
 */
#ifndef XC_TREE_STAMP_H
#define XC_TREE_STAMP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct xc_stamp {
	uint64_t device, inode; /* inode 0: nothing is known of the file */
	int64_t ctime_ns;       /* since 1970; compared for equality, never for order */
};

static inline struct xc_stamp xc_stamp_of(const struct stat *status)
{
	return (struct xc_stamp){
		.device = status->st_dev,
		.inode = status->st_ino,
		.ctime_ns = (int64_t)status->st_ctim.tv_sec * 1000000000 + status->st_ctim.tv_nsec,
	};
}

/* Whether both are known, and of the same file that nobody touched in between. */
static inline bool xc_stamp_equal(const struct xc_stamp *a, const struct xc_stamp *b)
{
	return a->inode != 0 && a->inode == b->inode && a->device == b->device &&
	       a->ctime_ns == b->ctime_ns;
}

#endif
