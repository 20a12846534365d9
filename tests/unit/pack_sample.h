/* SPDX-License-Identifier: Apache-2.0 */
/* Small tables of members and segments, written as rows. */
#ifndef XC_TESTS_PACK_SAMPLE_H
#define XC_TESTS_PACK_SAMPLE_H

#include "pack/index.h"
#include "pack/tar.h"

/* A member; `depth` is -1 behind the last row. */
struct sample_row {
	int depth;
	const char *name;
	uint8_t type;
	uint64_t size_bytes;
	const char *target; /* symlink */
	uint32_t link;      /* hard link */
};

#define SAMPLE_END                                                                                 \
	{                                                                                          \
		-1, NULL, 0, 0, NULL, 0                                                            \
	}

/* One segment over all members; what a row leaves open follows from its position. */
static inline void sample_index(const struct sample_row *rows, struct xc_index *ret_index)
{
	struct xc_index index = XC_INDEX_INIT;
	struct xc_members *members = &index.members;
	uint32_t parents[64];

	for (; rows[members->count].depth >= 0; members->count++)
		;
	members->items = xc_calloc(members->count, sizeof(*members->items));
	index.tar_bytes = XC_TAR_END_BYTES;
	for (uint32_t i = 0; i < members->count; i++) {
		const struct sample_row *row = &rows[i];
		struct xc_member *member = &members->items[i];

		*member = (struct xc_member){ .size_bytes = row->size_bytes,
					      .mtime_s = 1700000000 + i % 3,
					      .mtime_ns = i * 1000,
					      .parent = XC_MEMBER_NONE,
					      .link = XC_MEMBER_NONE,
					      .header_bytes = 512,
					      .mode = row->type == XC_MEMBER_DIR ? 0755 : 0644,
					      .type = row->type };
		member->name = xc_arena_text(&members->arena, row->name, strlen(row->name));
		parents[row->depth] = i;
		if (row->depth > 0)
			member->parent = parents[row->depth - 1];
		if (row->type == XC_MEMBER_HARDLINK)
			member->link = row->link;
		if (row->type == XC_MEMBER_SYMLINK) {
			struct xc_member_extra *extra =
				xc_arena_alloc(&members->arena, sizeof(*extra));

			*extra = (struct xc_member_extra){ .target = row->target };
			member->extra = extra;
		}
		if (row->size_bytes > 0)
			memset(member->content_hash, (int)i + 1, sizeof(member->content_hash));
		index.tar_bytes += xc_member_span_bytes(member);
	}
	index.segment_count = 1;
	index.segments = xc_calloc(1, sizeof(*index.segments));
	index.segments[0].raw_bytes = (uint32_t)index.tar_bytes;
	index.segments[0].stored_bytes = 77;
	*ret_index = index;
}

#endif
