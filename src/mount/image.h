/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image of a mount: an EROFS file system with all names, attributes,
 * symlinks and extended attributes of a layout, and no content. Contents stay
 * in the raw files, which are its devices. Pure: layout in, bytes out. All
 * that a kernel parses of a mount is written here, from indexes that were
 * checked; nothing of a store goes in as it came.
 *
 * The format is that of Linux' fs/erofs/erofs_fs.h: long inodes, nearly
 * in the order of the layout's nodes; behind each its extended attributes, then the table of chunks
 * of a sparse file, or the last part of a directory or symlink. What of these is longer than a
 * block follows behind all inodes. It is what kernels from 5.16 on read, with blocks below the
 * page's size from 6.4 on.
 */
#ifndef XC_MOUNT_IMAGE_H
#define XC_MOUNT_IMAGE_H

#include "base/buf.h"
#include "base/err.h"
#include "mount/layout.h"
#include "tree/owner.h"

/* An image is held in memory, and is about 100 bytes a member. */
#define XC_IMAGE_BYTES_MAX ((size_t)1 << 30)
/* Of the tables of sparse files, which are 8 bytes a chunk, and so long for each member more. */
#define XC_IMAGE_CHUNKS_FREE_BYTES       ((uint64_t)64 << 20)
#define XC_IMAGE_CHUNKS_BYTES_PER_MEMBER 200u
/* Of a file's extended attributes: of one value, and of all with their headers. */
#define XC_IMAGE_XATTR_VALUE_MAX 65535u
#define XC_IMAGE_XATTRS_MAX      262140u

#define XC_IMAGE_UUID_BYTES 16

struct xc_image_opts {
	const struct xc_owner *owner; /* of all that is in it; NULL: as saved */
	/* Not zero, and no other file system's: overlayfs knows its lower layer by it. */
	uint8_t uuid[XC_IMAGE_UUID_BYTES];
};

/*
 * Write the image of `layout` into `out`, which is emptied first and gets the
 * ceiling XC_IMAGE_BYTES_MAX. Its devices are the raw files of the layers that
 * have one, in their order. The same layout and options give the same bytes.
 * UNSUPPORTED beyond the bounds above and of layout.h, with the reason as a
 * sentence for people.
 */
int xc_image_write(const struct xc_layout *layout, const struct xc_image_opts *opts,
		   struct xc_buf *out, struct xc_err *err) XC_CHECK;

#endif
