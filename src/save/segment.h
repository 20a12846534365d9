/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The work of one segment of a save, done by one thread of the pool: read
 * the files, write the tar stream's piece, compress and hash it.
 *
 * What reading a member told (how long its header is, its xattrs, its content
 * hash, that it changed or vanished) is a part of the segment's result. The
 * table itself is not written here. Names, types, parents and links of all
 * members are read at any time; the rest only of those that the item names, so
 * that the caller may write that of members that came back.
 */
#ifndef XC_SAVE_SEGMENT_H
#define XC_SAVE_SEGMENT_H

#include <stdatomic.h>

#include "base/cancel.h"
#include "base/pool.h"
#include "pack/segment.h"
#include "save/member.h"
#include "save/plan.h"

/* What all segments of a pack are read from. */
struct xc_save_source {
	struct xc_tree *tree;
	const struct xc_member_set *set;
	const struct xc_cancel *cancel;
	atomic_bool failed; /* a segment that failed makes the others give up */
};

/* One segment on its way: from its plan to its stored bytes. */
struct xc_save_slot {
	struct xc_job job; /* first, so that the job leads to the slot */
	struct xc_save_source *source;
	struct xc_plan_item item;
	/* Results; `stored` and `read` are used again and again. */
	int result;
	struct xc_err err;
	struct xc_buf stored; /* empty if all of the run vanished */
	struct xc_segment segment;
	struct xc_member_read *read; /* a run's first members, at least one; or a piece's file */
	uint32_t read_count;
	uint32_t next; /* position of the run's first member that another segment wants */
	uint64_t content_bytes;
	struct xc_notes notes;                 /* what files lose */
	uint8_t piece_digest[XC_SHA256_BYTES]; /* of a piece of a large file */
};

/* A slot for items of at most `count_max` members. */
void xc_save_slot_init(struct xc_save_slot *slot, struct xc_save_source *source,
		       uint32_t count_max);
void xc_save_slot_release(struct xc_save_slot *slot);

/* One per thread. */
struct xc_save_worker;
struct xc_save_worker *xc_save_worker_new(struct xc_tree *tree, int level);
/* Frees the worker; what it allocated for members goes to `arena`. NULL is allowed. */
void xc_save_worker_free(struct xc_save_worker *worker, struct xc_arena *arena);

/*
 * The job (slot->job.run; its context is a worker): fills the slot's results.
 * A file that changed since the walk is taken as it is; one that changes while
 * it is read is read again a few times, then it is CHANGED. A run that would
 * outgrow its segment ends early, at slot->next. Of a large file the content
 * hash is left to who sees all of its pieces.
 */
void xc_save_segment_run(struct xc_job *job, void *worker);

#endif
