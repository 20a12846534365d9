/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Create members in the staging folders of a restore, on many threads at
 * once. Directories come into being when the first of their members needs
 * them, so there is no phase that all threads wait for.
 *
 * Calling order: one struct xc_place per layer and one struct
 * xc_place_worker per thread; xc_place_member or xc_place_piece
 * for everything with a header or content in a segment; when all segments
 * are through, xc_place_links, and last xc_place_directories over all
 * positions, in any split.
 *
 * Names never pass through a path: every call has an open directory and one
 * component. What is there already where a member goes is a duplicate
 * (CORRUPT), since the staging folder was empty.
 */
#ifndef XC_TREE_PLACE_PLACE_H
#define XC_TREE_PLACE_PLACE_H

#include <sys/stat.h>

#include "base/err.h"
#include "base/member.h"
#include "base/member_set.h"
#include "tree/owner.h"
#include "tree/stage/stage.h"

struct xc_place;
struct xc_place_worker;

#define XC_PLACE_NO_TARGET UINT32_MAX

struct xc_place_opts {
	const struct xc_members *members;
	const struct xc_stage *stage;
	/* For each top of the table, in order, the target of the stage it goes to, or
	 * XC_PLACE_NO_TARGET if none of its members counts. */
	const uint32_t *targets;
	uint32_t target_count;
	/* The members that are placed, borrowed; NULL: all. */
	const struct xc_member_set *alive;
	const struct xc_owner *owner; /* of all that is made; NULL: as saved */
};

struct xc_place *xc_place_new(const struct xc_place_opts *opts);
void xc_place_free(struct xc_place *place); /* NULL is allowed */

struct xc_place_worker *xc_place_worker_new(struct xc_place *place);
void xc_place_worker_free(struct xc_place_worker *worker); /* NULL is allowed */
/* Go on with another layer of the same stage. */
void xc_place_worker_move(struct xc_place_worker *worker, struct xc_place *place);

/*
 * Create a member that is not a file with content in pieces: a directory, a
 * symlink, or a file with all of its content (`data`, as
 * xc_member_content_bytes says). Hard links are left to xc_place_links.
 */
int xc_place_member(struct xc_place_worker *worker, uint32_t position, const char *data,
		    struct xc_err *err) XC_CHECK;

/*
 * Write a piece of a file's content: `length` bytes at `offset` of its
 * content bytes. Pieces come in any order and from any thread; the call that
 * completes the content also completes the file.
 */
int xc_place_piece(struct xc_place_worker *worker, uint32_t position, uint64_t offset,
		   const char *data, size_t length, struct xc_err *err) XC_CHECK;

/*
 * Whether a standing file has all that is said of the member besides its
 * content and xattrs: its type, size, mode, times and owner, as they would be
 * given here, and no other name. False where that is not sure.
 */
bool xc_place_is_equal(const struct xc_place *place, uint32_t position, const struct stat *st);

/*
 * Create a file as another name of `fd`, an open file that stands beside its
 * new place, with the directories above it. IO if the file cannot be linked,
 * among other reasons with EXDEV, EMLINK and EPERM.
 */
int xc_place_standing(struct xc_place_worker *worker, uint32_t position, int fd,
		      struct xc_err *err) XC_CHECK;

/* Whether a directory was made already. */
bool xc_place_is_made(const struct xc_place *place, uint32_t position);

/*
 * Make all hard links. Their targets must be alive (else CORRUPT). What cannot
 * be a name of its file, on another mount or because the file has all the
 * names it can have, becomes a copy. One thread.
 */
int xc_place_links(struct xc_place_worker *worker, struct xc_err *err) XC_CHECK;

/*
 * Give the directories in [first, end) their mode, owner, xattrs and times,
 * once nothing is created in any of them any more. Those whose mode shuts out
 * their owner are left to xc_place_closed_directories, one thread, from the
 * deepest up.
 */
int xc_place_directories(struct xc_place_worker *worker, uint32_t first, uint32_t end,
			 struct xc_err *err) XC_CHECK;
int xc_place_closed_directories(struct xc_place_worker *worker, struct xc_err *err) XC_CHECK;

/* How many hard links became copies. */
uint64_t xc_place_copied_links(const struct xc_place *place);

/* Whether members belong to others whose owner could not be kept, not being root. */
bool xc_place_owner_dropped(const struct xc_place *place);

#endif
