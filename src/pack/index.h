/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index of a pack: all its members and segments, as sections in zstd
 * skippable frames (RFC 8878, 3.1.2) behind the last segment. docs/FORMAT.md
 * specifies every byte.
 *
 * The index is the one authority on what a pack holds; its tar headers are
 * for other programs. A parsed index has been checked: names are single
 * components, order and uniqueness are as base/member.h says, the members'
 * spans tile the tar stream without gap or overlap, and so do the segments.
 */
#ifndef XC_PACK_INDEX_H
#define XC_PACK_INDEX_H

#include "base/buf.h"
#include "base/err.h"
#include "base/member.h"
#include "pack/overrides.h"
#include "pack/segment.h"

/* Ceilings for what comes from a store. */
#define XC_INDEX_STORED_MAX ((size_t)512 << 20)

/*
 * The tar streams of one entry may be XC_CONTENT_FREE_BYTES long together, and
 * XC_CONTENT_BYTES_PER_BYTE for each byte of their segments in the packs. zstd
 * makes some 30,000 zeros of a byte, so that a small entry could fill a disk;
 * what people keep is far from that ratio.
 */
#define XC_CONTENT_FREE_BYTES     ((uint64_t)8 << 30)
#define XC_CONTENT_BYTES_PER_BYTE 1000u

/*
 * What the indexes of one entry may take of memory together, so that a small
 * entry cannot take a lot: XC_BUDGET_FREE_BYTES, and XC_BUDGET_BYTES_PER_BYTE
 * for each byte of an index that was read and is the one that the manifest
 * names. All that a restore keeps of members and segments counts, and so does
 * a section while it is decoded. A million empty files take 100 MiB of it and
 * give back next to nothing; files with content give 20 bytes each and take
 * 120. Begin with zeros.
 */
struct xc_index_budget {
	uint64_t stored_bytes; /* of the indexes read so far */
	uint64_t used_bytes;
	uint64_t tar_bytes; /* of the tar streams, and their segments as stored */
	uint64_t segment_bytes;
};

#define XC_BUDGET_FREE_BYTES     ((uint64_t)144 << 20)
#define XC_BUDGET_BYTES_PER_BYTE 16u
#define XC_BUDGET_BYTES_MAX      ((uint64_t)8 << 30)

/* How much of XC_BUDGET_FREE_BYTES was used. */
uint64_t xc_index_budget_free_used(const struct xc_index_budget *budget);

struct xc_index {
	struct xc_members members; /* tar_offset of each is set */
	struct xc_segment *segments;
	uint32_t segment_count;        /* the last one holds the end of the archive */
	uint64_t tar_bytes;            /* length of the tar stream, its end included */
	struct xc_overrides overrides; /* of members of earlier layers */
};

#define XC_INDEX_INIT                                                                              \
	{                                                                                          \
		0                                                                                  \
	}

void xc_index_release(struct xc_index *index);
#define cleanup_index __attribute__((cleanup(xc_index_release)))

/*
 * Append the sections for `index` to `out`. members (with header_bytes,
 * content_hash, but not tar_offset) and segments (stored_bytes, raw_bytes,
 * sha256) must be filled and consistent. The same input gives the same bytes.
 */
int xc_index_encode(const struct xc_index *index, struct xc_buf *out, struct xc_err *err) XC_CHECK;

/*
 * Parse `length` bytes from a store. CORRUPT for whatever does not hold, with
 * what and where; FORMAT for another format version or an unknown section
 * that is marked as needed; IO if memory is out. `budget` is that of the entry,
 * the same one for all its indexes.
 */
int xc_index_parse(const void *data, size_t length, struct xc_index_budget *budget,
		   struct xc_index *ret_index, struct xc_err *err) XC_CHECK;

/* Give up an index's overrides, with the memory that they count in `budget`. */
void xc_index_drop_overrides(struct xc_index *index, struct xc_index_budget *budget);

/* Where the last segment ends in the pack; 0 without any. */
uint64_t xc_index_segments_end(const struct xc_index *index);

/*
 * The first member whose span reaches past `tar_offset`, so that a segment's
 * members can be walked from there; members.count if none does.
 */
uint32_t xc_index_find_member(const struct xc_index *index, uint64_t tar_offset);

#endif
