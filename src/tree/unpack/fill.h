/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fill one directory with members that come one after the other and are not
 * known in advance, as from a tar archive. A later member takes the place of
 * an earlier one of its path.
 *
 * The directory lies in a staging folder and is nobody else's, so that what
 * is replaced is always something that came before. Directories on the way
 * to a member are opened without following any symlink, and made where they
 * lack; a member below something that is no directory is CORRUPT.
 *
 * Paths are components joined by single slashes, none of them "." or "..",
 * shorter than PATH_MAX; "" is the directory itself.
 *
 * Calling order: new; members in any order, a file as begin_file, write as
 * often as need be, end_file; finish; free. Used by one thread at a time.
 */
#ifndef XC_TREE_UNPACK_FILL_H
#define XC_TREE_UNPACK_FILL_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/err.h"
#include "tree/owner.h"

struct xc_fill;

struct xc_fill_attributes {
	int64_t mtime_s;
	uint32_t mtime_ns;
	uint32_t uid, gid; /* set by root alone */
	uint16_t mode;     /* 07777 */
};

/*
 * Ceilings for the directories whose attributes are kept in
 * mind until finish; CORRUPT past them.
 */
#define XC_FILL_DIRECTORIES_MAX     500000u
#define XC_FILL_DIRECTORY_BYTES_MAX ((size_t)32 << 20)

/*
 * Make the directory `name` in `dir_fd`, which is not there yet. `owner`, unless
 * NULL, is whose all becomes, whatever the attributes say; it is borrowed.
 */
int xc_fill_new(int dir_fd, const char *name, const struct xc_owner *owner,
		struct xc_fill **ret_fill, struct xc_err *err) XC_CHECK;
void xc_fill_free(struct xc_fill *fill); /* NULL is allowed; leaves what was made */

/* A directory that is there already keeps what it holds. */
int xc_fill_directory(struct xc_fill *fill, const char *path,
		      const struct xc_fill_attributes *attributes, struct xc_err *err) XC_CHECK;

int xc_fill_begin_file(struct xc_fill *fill, const char *path, struct xc_err *err) XC_CHECK;
int xc_fill_write(struct xc_fill *fill, const char *data, size_t length, uint64_t offset,
		  struct xc_err *err) XC_CHECK;
int xc_fill_end_file(struct xc_fill *fill, uint64_t size_bytes,
		     const struct xc_fill_attributes *attributes, struct xc_err *err) XC_CHECK;

int xc_fill_symlink(struct xc_fill *fill, const char *path, const char *target,
		    const struct xc_fill_attributes *attributes, struct xc_err *err) XC_CHECK;

/* `target` is the path of a member that came before and is no directory (else CORRUPT). */
int xc_fill_hardlink(struct xc_fill *fill, const char *path, const char *target,
		     struct xc_err *err) XC_CHECK;

/* Take away what is at `path`, with all below it; success if there is nothing. */
int xc_fill_remove(struct xc_fill *fill, const char *path, struct xc_err *err) XC_CHECK;

/* Give the directories their owners, modes and times, the deepest first. */
int xc_fill_finish(struct xc_fill *fill, struct xc_err *err) XC_CHECK;

/* Whether members belong to others whose owner could not be kept, not being root. */
bool xc_fill_owner_dropped(const struct xc_fill *fill);

#endif
