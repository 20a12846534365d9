/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives that others wrote: a tar archive in zstd, as a stream of members.
 * Nothing of it is trusted. What comes out has names that lie below one
 * directory, and sizes and counts within the ceilings; whatever else the
 * archive says, it is refused (CORRUPT). docs/FORMAT.md has the rules.
 *
 * Calling order: new; next until it returns 0, and behind each file data
 * until that returns 0 (or next again, to pass over it); free. What was read
 * counts only once next has returned 0: that is when the end of the archive
 * and zstd's checksums were seen. After an error only free may follow.
 *
 * Used by one thread at a time. Memory is bounded: zstd's window of at most
 * 128 MiB and a few MiB more.
 */
#ifndef XC_ARCHIVE_FOREIGN_H
#define XC_ARCHIVE_FOREIGN_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/err.h"

struct xc_foreign;

enum xc_foreign_type {
	XC_FOREIGN_FILE,
	XC_FOREIGN_DIR,
	XC_FOREIGN_SYMLINK,
	XC_FOREIGN_HARDLINK, /* another name of what `target` names */
	XC_FOREIGN_REMOVED,  /* in a delta: what the base has at this path is gone */
};

struct xc_foreign_member {
	enum xc_foreign_type type;
	/*
	 * Components joined by single slashes, none of them "." or ".."; "" is
	 * the directory that holds all. Valid until the next call.
	 */
	const char *path;
	const char
		*target; /* symlink: any text of 1 to 4095 bytes; hard link: a path like `path` */
	uint64_t size_bytes; /* of a file, holes included; else 0 */
	int64_t mtime_s;
	uint32_t mtime_ns;
	uint32_t uid, gid;
	uint16_t mode; /* 07777 */
	bool opaque;   /* in a delta, a directory: nothing of the base is left in it */
};

/* Ceilings, each of them a zip bomb's end. */
struct xc_foreign_limits {
	uint64_t members; /* those that are left out count, too */
	uint64_t bytes;   /* of the tar stream, and of a file's size */
	/* Past `ratio_from_bytes` the tar stream is at most `ratio` times what was read. */
	uint64_t ratio_from_bytes, ratio;
};

/* What is used where no others are given. */
extern const struct xc_foreign_limits xc_foreign_limits;

struct xc_foreign_opts {
	/*
	 * Gives the next bytes of the object, which stay until the next call; none
	 * at its end. 0, or -1 with `err` filled, which the functions below hand on.
	 */
	int (*read)(void *context, const char **ret_data, size_t *ret_length, struct xc_err *err);
	void *context;
	bool delta;                             /* it goes on top of another: see REMOVED */
	const struct xc_foreign_limits *limits; /* NULL: the usual ones */
};

/* `opts` is copied. */
struct xc_foreign *xc_foreign_new(const struct xc_foreign_opts *opts);
void xc_foreign_free(struct xc_foreign *foreign); /* NULL is allowed */

/* 1 and a member, 0 at the end of an archive that was whole, or -1. */
int xc_foreign_next(struct xc_foreign *foreign, struct xc_foreign_member *ret_member,
		    struct xc_err *err) XC_CHECK;

/*
 * 1 and some of the last file's content, which belongs at *ret_offset and stays until the
 * next call; 0 at its end; or -1. Offsets ascend; what lies between is a hole.
 */
int xc_foreign_data(struct xc_foreign *foreign, const char **ret_data, size_t *ret_length,
		    uint64_t *ret_offset, struct xc_err *err) XC_CHECK;

/* How many members are of no use here so far: devices, FIFOs, sockets. */
uint64_t xc_foreign_left_out(const struct xc_foreign *foreign);

#endif
