/* SPDX-License-Identifier: Apache-2.0 */
/* How long a header will be. Only libarchive writes one, and takes as long as for a whole file. */
#include <string.h>

#include "archive/tar.h"

/* The fields of a ustar header (POSIX.1-1988): bytes of text, and octal digits. */
#define NAME_BYTES   100
#define PREFIX_BYTES 155
#define LINK_BYTES   100
#define ID_LIMIT     ((uint32_t)1 << 3 * 6)
#define SIZE_LIMIT   ((uint64_t)1 << 3 * 11)
#define TIME_LIMIT   ((int64_t)1 << 3 * 11)

/* All records of a pax header but the texts: ids, size, time, character set, and their names. */
#define RECORDS_BYTES 200

static bool has_more(const struct xc_member *member)
{
	const struct xc_member_extra *extra = member->extra;

	return extra && member->type <= XC_MEMBER_DIR &&
	       (extra->xattr_count > 0 || (member->type == XC_MEMBER_FILE && extra->sparse));
}

/* Whether a path can be cut in two at a slash. A directory's has one at its end. */
static bool path_fits(const char *path, size_t length, bool directory)
{
	size_t whole = length + (directory && length > 0 && path[length - 1] != '/');
	const char *slash;

	if (whole <= NAME_BYTES)
		return true;
	slash = strchr(path + (whole - NAME_BYTES - 1), '/');
	if (slash == path)
		slash = strchr(slash + 1, '/');
	return slash && slash[1] != '\0' && slash - path <= PREFIX_BYTES;
}

static bool numbers_fit(const struct xc_member *member)
{
	return member->uid < ID_LIMIT && member->gid < ID_LIMIT && member->mtime_s >= 0 &&
	       member->mtime_s < TIME_LIMIT &&
	       (member->type != XC_MEMBER_FILE || member->size_bytes < SIZE_LIMIT);
}

static int measure(struct xc_tar_writer *writer, const struct xc_tar_entry *entry,
		   uint32_t *ret_bytes, struct xc_err *err)
{
	cleanup_buf struct xc_buf header;

	xc_buf_init(&header, XC_TAR_HEADER_MAX + XC_TAR_BLOCK_BYTES);
	if (xc_tar_write_header(writer, entry, &header, err) < 0)
		return -1;
	*ret_bytes = (uint32_t)header.len_bytes;
	return 0;
}

int xc_tar_header_bytes(struct xc_tar_writer *writer, const struct xc_tar_entry *entry,
			uint32_t *ret_bytes, struct xc_err *err)
{
	const struct xc_member *member = entry->member;
	const char *link =
		member->type == XC_MEMBER_SYMLINK ? member->extra->target : entry->link_path;
	size_t path_bytes = strlen(entry->path), link_bytes = link ? strlen(link) : 0;

	if (has_more(member))
		return measure(writer, entry, ret_bytes, err);
	if (numbers_fit(member) && link_bytes <= LINK_BYTES &&
	    path_fits(entry->path, path_bytes, member->type == XC_MEMBER_DIR))
		*ret_bytes = XC_TAR_BLOCK_BYTES;
	else if (RECORDS_BYTES + path_bytes + link_bytes <= XC_TAR_BLOCK_BYTES)
		*ret_bytes = 3 * XC_TAR_BLOCK_BYTES; /* pax header, its one block, ustar header */
	else
		return measure(writer, entry, ret_bytes, err);
	return 0;
}
