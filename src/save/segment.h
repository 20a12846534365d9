/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The work of one segment of a save, done by one thread of the pool: read
 * the files, write the tar stream's piece, compress and hash it.
 */
#ifndef XC_SAVE_SEGMENT_H
#define XC_SAVE_SEGMENT_H

#include <stdatomic.h>

#include "base/cancel.h"
#include "base/pool.h"
#include "pack/segment.h"
#include "save/plan.h"
#include "tree/walk/walk.h"

struct xc_save_worker;

/* One segment on its way: from its plan to its stored bytes. */
struct xc_save_slot {
	struct xc_job job; /* first, so that the job leads to the slot */
	struct xc_tree *tree;
	struct xc_plan_item item;
	const struct xc_cancel *cancel;
	atomic_bool *failed; /* shared: a slot that failed makes the others give up */
	/* Results; `stored` is used again and again. */
	int result;
	struct xc_err err;
	struct xc_buf stored;
	struct xc_segment segment;
	uint32_t packed; /* of the run's members, at least one: the rest wants another segment */
	uint64_t content_bytes;
	uint8_t piece_digest[XC_SHA256_BYTES]; /* of a piece of a large file */
	const struct xc_member_extra *extra; /* of a large file: its first piece reads the xattrs */
};

/* One per thread. */
struct xc_save_worker *xc_save_worker_new(struct xc_tree *tree, int level);
/* Frees the worker; what it allocated for members goes to the tree's arena, what it noted to
 * `notes`. */
void xc_save_worker_free(struct xc_save_worker *worker, struct xc_notes *notes);

/*
 * The job: fills the slot's results and, in the member table, header_bytes
 * and content_hash of the members whose header the segment has (of a large
 * file the hash and the xattrs are left to the caller, who sees all of its
 * pieces and when no other thread reads the member any more), and takes over the size, mode, times
 * and owner of a file that changed since the walk. A file that changes while it is read is read
 * again a few times, then it is CHANGED. A run whose headers are so long that
 * it would outgrow a segment ends early: `packed` says before which member.
 */
void xc_save_segment_run(struct xc_job *job, void *worker);

#endif
