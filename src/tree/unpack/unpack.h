/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Create members in the staging folders of a restore, on many threads at
 * once. Directories come into being when the first of their members needs
 * them, so there is no phase that all threads wait for.
 *
 * Calling order: one struct xc_unpack per layer and one struct
 * xc_unpack_worker per thread; xc_unpack_member or xc_unpack_piece
 * for everything with a header or content in a segment; when all segments
 * are through, xc_unpack_links, and last xc_unpack_directories over all
 * positions, in any split.
 *
 * Names never pass through a path: every call has an open directory and one
 * component. What is there already where a member goes is a duplicate
 * (CORRUPT), since the staging folder was empty.
 */
#ifndef XC_TREE_UNPACK_UNPACK_H
#define XC_TREE_UNPACK_UNPACK_H

#include <sys/stat.h>

#include "base/err.h"
#include "base/member.h"
#include "base/member_set.h"
#include "tree/owner.h"
#include "tree/stage/stage.h"
#include "tree/stamp.h"

struct xc_unpack;
struct xc_unpack_worker;

#define XC_UNPACK_NO_TARGET UINT32_MAX

struct xc_unpack_opts {
	const struct xc_members *members;
	const struct xc_stage *stage;
	/* For each top of the table, in order, the target of the stage it goes to, or
	 * XC_UNPACK_NO_TARGET if none of its members counts. */
	const uint32_t *targets;
	uint32_t target_count;
	/* The members that are placed, borrowed; NULL: all. */
	const struct xc_member_set *alive;
	const struct xc_owner *owner; /* of all that is made; NULL: as saved */
	/*
	 * By position, where the stamps of the files go once nothing changes them any
	 * more here: after xc_unpack_links. Borrowed; NULL: nowhere. What was staged as
	 * another name of an existing file has none.
	 */
	struct xc_stamp *stamps;
};

struct xc_unpack *xc_unpack_new(const struct xc_unpack_opts *opts);
void xc_unpack_free(struct xc_unpack *unpack); /* NULL is allowed */

struct xc_unpack_worker *xc_unpack_worker_new(struct xc_unpack *unpack);
void xc_unpack_worker_free(struct xc_unpack_worker *worker); /* NULL is allowed */
/* Go on with another layer of the same stage. */
void xc_unpack_worker_move(struct xc_unpack_worker *worker, struct xc_unpack *unpack);

/*
 * Create a member that is not a file with content in pieces: a directory, a
 * symlink, or a file with all of its content (`data`, as
 * xc_member_content_bytes says). Hard links are left to xc_unpack_links.
 */
int xc_unpack_member(struct xc_unpack_worker *worker, uint32_t position, const char *data,
		     struct xc_err *err) XC_CHECK;

/*
 * Write a piece of a file's content: `length` bytes at `offset` of its
 * content bytes. Pieces come in any order and from any thread; the call that
 * completes the content also completes the file.
 */
int xc_unpack_piece(struct xc_unpack_worker *worker, uint32_t position, uint64_t offset,
		    const char *data, size_t length, struct xc_err *err) XC_CHECK;

/*
 * Whether an existing file has all that is said of the member besides its
 * content and xattrs: its type, size, mode, times and owner, as they would be
 * given here, and no other name. False where that is not sure.
 */
bool xc_unpack_is_equal(const struct xc_unpack *unpack, uint32_t position, const struct stat *st);

/*
 * Create a file as another name of `fd`, an open file that stands beside its
 * new place, with the directories above it. IO if the file cannot be linked,
 * among other reasons with EXDEV, EMLINK and EPERM.
 */
int xc_unpack_existing(struct xc_unpack_worker *worker, uint32_t position, int fd,
		       struct xc_err *err) XC_CHECK;

/* Whether a directory was made already. */
bool xc_unpack_is_made(const struct xc_unpack *unpack, uint32_t position);

/*
 * Make all hard links. Their targets must be alive (else CORRUPT). What cannot
 * be a name of its file, on another mount or because the file has all the
 * names it can have, becomes a copy. One thread.
 */
int xc_unpack_links(struct xc_unpack_worker *worker, struct xc_err *err) XC_CHECK;

/*
 * Give the directories in [first, end) their mode, owner, xattrs and times,
 * once nothing is created in any of them any more. Those whose mode shuts out
 * their owner are left to xc_unpack_closed_directories, one thread, from the
 * deepest up.
 */
int xc_unpack_directories(struct xc_unpack_worker *worker, uint32_t first, uint32_t end,
			  struct xc_err *err) XC_CHECK;
int xc_unpack_closed_directories(struct xc_unpack_worker *worker, struct xc_err *err) XC_CHECK;

/* How many hard links became copies. */
uint64_t xc_unpack_copied_links(const struct xc_unpack *unpack);

/* Whether members belong to others whose owner could not be kept, not being root. */
bool xc_unpack_owner_dropped(const struct xc_unpack *unpack);

#endif
