/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file system of FUSE (Linux, fs/fuse; <linux/fuse.h>) that is one directory
 * with read-only files "0", "1" and so on: as much of the protocol as an image
 * needs that has them for its devices. Requests come from the kernel, and are
 * checked as if they did not.
 */
#ifndef XC_MOUNT_FUSE_H
#define XC_MOUNT_FUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

/* Of one request: XC_FUSE_READ_MAX bytes at most. */
#define XC_FUSE_READ_MAX ((size_t)1 << 20)

/*
 * Read `length` bytes of a file at `offset`, all of which lie in it, into `out`. 0,
 * or a number of errno(3) for who reads. Several threads call it at once.
 */
typedef int xc_fuse_read_fn(void *context, uint32_t file, uint64_t offset, size_t length,
			    char *out);

/* All borrowed. */
struct xc_fuse {
	int fd;                /* /dev/fuse, not blocking */
	const uint64_t *sizes; /* of the files */
	uint32_t count;
	xc_fuse_read_fn *read;
	void *context;
};

/* What a thread needs to answer. */
struct xc_fuse_worker;
struct xc_fuse_worker *xc_fuse_worker_new(const struct xc_fuse *fuse);
void xc_fuse_worker_free(struct xc_fuse_worker *worker);

/*
 * Take one request and answer it. 0, also if there is none; -1 with errno once the
 * file system is gone (ENODEV), or cannot be served any more.
 */
int xc_fuse_serve_one(struct xc_fuse_worker *worker) XC_CHECK;

#endif
