/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tar headers, written by libarchive: ustar (POSIX.1-1988) where a member
 * fits, pax (POSIX.1-2001) where it does not: long or deep names, large
 * sizes or ids, times before 1970, xattrs, and GNU's sparse format 1.0.
 *
 * Nanoseconds are not worth a second header for every file: the index keeps
 * them. A pax header that is needed anyway carries them too, from 1970 on.
 *
 * GNU tar takes every run of a sparse file to start in a new block of the
 * archive, libarchive takes them to follow each other. The runs that file
 * systems report are multiples of 512 bytes, but for the last at the file's
 * end, so that both agree; for others only the index is right.
 */
#ifndef XC_ARCHIVE_TAR_H
#define XC_ARCHIVE_TAR_H

#include "base/buf.h"
#include "base/err.h"
#include "base/member.h"

struct xc_tar_writer;

/* The end of an archive: two blocks of zeros (POSIX pax, "ustar Interchange Format"). */
#define XC_TAR_END_BYTES   1024
#define XC_TAR_BLOCK_BYTES 512
/* More than any header: paths, targets and xattrs are bounded, and this bounds their sum. */
#define XC_TAR_HEADER_MAX ((size_t)32 << 20)

/* One per thread. */
struct xc_tar_writer *xc_tar_writer_new(void);
void xc_tar_writer_free(struct xc_tar_writer *writer); /* NULL is allowed */

/* What a header is of. */
struct xc_tar_entry {
	const struct xc_member *member;
	const char *path;      /* its stored path */
	const char *link_path; /* the stored path of a hard link's target, else NULL */
};
#define XC_TAR_ENTRY(member, path, link_path) (&(struct xc_tar_entry){ member, path, link_path })

/*
 * Append the header of a member to `out`, all that comes before its content:
 * a multiple of 512 bytes, among them the map of a sparse file. Paths are taken as bytes in any
 * locale. The same member always gives the same bytes. INTERNAL if libarchive refuses.
 */
int xc_tar_write_header(struct xc_tar_writer *writer, const struct xc_tar_entry *entry,
			struct xc_buf *out, struct xc_err *err) XC_CHECK;

/*
 * The length of the header that xc_tar_write_header writes for the same
 * arguments. Most lengths follow from what fits into a header's fields; the
 * header is written, and thrown away, for xattrs, sparse files and paths of
 * hundreds of bytes. Fails as xc_tar_write_header does.
 */
int xc_tar_header_bytes(struct xc_tar_writer *writer, const struct xc_tar_entry *entry,
			uint32_t *ret_bytes, struct xc_err *err) XC_CHECK;

#endif
