/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing a pack, from its first segment to the seek table behind its index:
 *
 *   writer = xc_pack_writer_new(level, write, context);
 *   for each segment, in the order of the tar stream:
 *           xc_pack_writer_add(writer, &segment, stored, err);
 *   xc_pack_writer_end(writer, &contents, &layer, err);
 *   xc_pack_writer_free(writer);
 *
 * It knows bytes, not where they go: `write` takes them in order. After a
 * failure the writer can only be freed, and what was written is no pack. Used
 * by one thread at a time.
 */
#ifndef XC_PACK_WRITER_H
#define XC_PACK_WRITER_H

#include "base/err.h"
#include "base/member.h"
#include "pack/index.h"
#include "pack/manifest.h"
#include "pack/segment.h"

struct xc_pack_writer;

/* Takes the next `length` bytes of the pack. Returns -1 with the error set to end the writing. */
typedef int xc_pack_write_fn(void *context, const void *data, size_t length, struct xc_err *err);

/* `level` is that of the segment that the writer makes itself, the end of the tar stream. */
struct xc_pack_writer *xc_pack_writer_new(int level, xc_pack_write_fn *write, void *context);
void xc_pack_writer_free(struct xc_pack_writer *writer); /* NULL is allowed */

/*
 * Write the next segment: `stored` holds segment->stored_bytes. raw_bytes and
 * sha256 must be set as xc_segment_encode sets them; the offsets are the
 * writer's to know. Fails only as `write` does.
 */
int xc_pack_writer_add(struct xc_pack_writer *writer, const struct xc_segment *segment,
		       const void *stored, struct xc_err *err) XC_CHECK;

/* The bytes written so far. */
uint64_t xc_pack_writer_bytes(const struct xc_pack_writer *writer);

/* What the index of a pack tells. All borrowed. */
struct xc_pack_contents {
	/* With header_bytes and content_hash; their spans are what the segments hold, in order. */
	const struct xc_members *members;
	const struct xc_overrides *overrides; /* of earlier layers' members; NULL: none */
	/* What the other indexes of the entry take of its readers' memory; NULL: there are none. */
	const struct xc_index_budget *spent;
};

/*
 * Write the end of the tar stream, the index and the seek table. The index is
 * read back first, by the limits of every reader: CORRUPT or INTERNAL if none
 * would take it, before a byte of it is written.
 *
 * Fills all of `*ret_layer` but the pack's id, which is the caller's to give,
 * and the dead: none.
 */
int xc_pack_writer_end(struct xc_pack_writer *writer, const struct xc_pack_contents *contents,
		       struct xc_layer *ret_layer, struct xc_err *err) XC_CHECK;

#endif
