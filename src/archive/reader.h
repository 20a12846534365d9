/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives that others wrote, compressed by others, as a stream of members.
 * Nothing of it is trusted. What comes out has names that lie below one
 * directory, and sizes and counts within the ceilings; whatever else the
 * archive says, it is refused (CORRUPT). docs/FORMAT.md has the rules.
 *
 * Calling order: new; next until it returns 0, and behind each file data
 * until that returns 0 (or next again, to pass over it); free. What was read
 * counts only once next has returned 0: that is when the end of the archive
 * and the checksums of its compression were seen. After an error only free may follow.
 *
 * Used by one thread at a time. Memory: the decoder's and a few MiB more.
 */
#ifndef XC_ARCHIVE_READER_H
#define XC_ARCHIVE_READER_H

#include <stdbool.h>

#include "archive/decoder.h"
#include "archive/format.h"
#include "base/compiler.h"
#include "base/err.h"

struct xc_archive;

enum xc_archive_type {
	XC_ARCHIVE_FILE,
	XC_ARCHIVE_DIR,
	XC_ARCHIVE_SYMLINK,
	XC_ARCHIVE_HARDLINK, /* another name of what `target` names */
	XC_ARCHIVE_REMOVED,  /* in a delta: what the base has at this path is gone */
};

struct xc_archive_member {
	enum xc_archive_type type;
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
struct xc_archive_limits {
	uint64_t members; /* those that are left out count, too */
	uint64_t bytes;   /* of the decoded stream, and of a file's size */
	/* Past `ratio_from_bytes` the decoded stream is at most `ratio` times what was read. */
	uint64_t ratio_from_bytes, ratio;
};

/* What is used where no others are given. */
extern const struct xc_archive_limits xc_archive_limits;

struct xc_archive_opts {
	/*
	 * Gives the next bytes of the object, which stay until the next call; none
	 * at its end. 0, or -1 with `err` filled, which the functions below hand on.
	 */
	int (*read)(void *context, const char **ret_data, size_t *ret_length, struct xc_err *err);
	void *context;
	const struct xc_decoder_ops *decoder;   /* how it is compressed */
	const struct xc_archive_format *format; /* what is in that */
	bool delta;                             /* it goes on top of another: see REMOVED */
	const struct xc_archive_limits *limits; /* NULL: the usual ones */
};

/* `opts` is copied. */
struct xc_archive *xc_archive_new(const struct xc_archive_opts *opts);
void xc_archive_free(struct xc_archive *reader); /* NULL is allowed */

/* 1 and a member, 0 at the end of an archive that was whole, or -1. */
int xc_archive_next(struct xc_archive *reader, struct xc_archive_member *ret_member,
		    struct xc_err *err) XC_CHECK;

/*
 * 1 and some of the last file's content, which belongs at *ret_offset and stays until the
 * next call; 0 at its end; or -1. Offsets ascend; what lies between is a hole.
 */
int xc_archive_data(struct xc_archive *reader, const char **ret_data, size_t *ret_length,
		    uint64_t *ret_offset, struct xc_err *err) XC_CHECK;

/* How many members are of no use here so far: devices, FIFOs, sockets. */
uint64_t xc_archive_left_out(const struct xc_archive *reader);

#endif
