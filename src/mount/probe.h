/* SPDX-License-Identifier: Apache-2.0 */
/* What this machine can mount: found out by mounting, not by the kernel's version. */
#ifndef XC_MOUNT_PROBE_H
#define XC_MOUNT_PROBE_H

#include <stdbool.h>

#include "base/err.h"

/*
 * Ways to mount an image, best first. A file as the image takes Linux 6.12 and a
 * file system that a kernel can read pages from (not tmpfs or overlayfs), blocks of 512 bytes
 * take 6.4, blocks of 4096 bytes 5.16.
 */
enum xc_mount_way {
	XC_MOUNT_BY_NOTHING,
	XC_MOUNT_BY_FILE_512,
	XC_MOUNT_BY_LOOP_512,
	XC_MOUNT_BY_LOOP_4096,
};

/* 9 or 12, as layout.h wants it. */
unsigned xc_mount_way_block_bits(enum xc_mount_way way);
bool xc_mount_way_uses_loop(enum xc_mount_way way);
/* For people: "EROFS from a file". */
const char *xc_mount_way_name(enum xc_mount_way way);

/*
 * Try each way with a small image in a file without a name in `dir_fd`, and
 * an overlay with its upper directory there. Nothing is attached anywhere, and
 * nothing stays. The kernel's module is loaded if it is not there yet.
 * UNSUPPORTED, with the reason as a sentence.
 */
int xc_mount_probe(int dir_fd, enum xc_mount_way *ret_way, struct xc_err *err) XC_CHECK;

#endif
