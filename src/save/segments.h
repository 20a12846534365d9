/* SPDX-License-Identifier: Apache-2.0 */
/* All segments of a pack: read side by side, written in order. */
#ifndef XC_SAVE_SEGMENTS_H
#define XC_SAVE_SEGMENTS_H

#include "base/progress.h"
#include "pack/writer.h"
#include "save/segment.h"

struct xc_segments_opts {
	int level;
	unsigned threads;
	size_t upload_bytes;          /* what the store may hold of the pack in memory */
	struct xc_progress *progress; /* may be NULL */
	struct xc_notes *notes;       /* what files lose is added, in the order of the table */
};

/*
 * Read the members of a plan and give their segments to `writer` in the plan's
 * order. Here, and nowhere else, what reading told goes into the table of
 * source->tree: header_bytes (0 of a file that vanished), content_hash, xattrs,
 * and what changed since the walk. On failure the segments that are being read
 * end first; errors as xc_save_segment_run and the writer have them.
 */
int xc_save_segments(struct xc_save_source *source, const struct xc_plan *plan,
		     const struct xc_segments_opts *opts, struct xc_pack_writer *writer,
		     struct xc_err *err) XC_CHECK;

#endif
