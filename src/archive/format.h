/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formats of other people's archives, as far as libarchive does not level
 * them. A new one is a row in format.c and a line here.
 */
#ifndef XC_ARCHIVE_FORMAT_H
#define XC_ARCHIVE_FORMAT_H

#include <stddef.h>

struct archive;

struct xc_archive_format {
	const char *name;
	int (*support)(struct archive *archive); /* libarchive's: ARCHIVE_OK */
	size_t end_zeros; /* a whole archive ends with at least so many bytes of zero */
};

/* POSIX pax, ustar and GNU tar. */
extern const struct xc_archive_format xc_archive_tar;

#endif
