/* SPDX-License-Identifier: Apache-2.0 */
/* Small tables of members and segments, written as rows, and their indexes. After cmocka.h. */
#ifndef XC_TESTS_PACK_SAMPLE_H
#define XC_TESTS_PACK_SAMPLE_H

#include "archive/tar.h"
#include "pack/index.h"
#include "pack/internal.h"

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

#define FILE_(depth, name, size)                                                                   \
	{                                                                                          \
		depth, name, XC_MEMBER_FILE, size, NULL, 0                                         \
	}
#define DIR_(depth, name)                                                                          \
	{                                                                                          \
		depth, name, XC_MEMBER_DIR, 0, NULL, 0                                             \
	}
#define SYMLINK_(depth, name, target)                                                              \
	{                                                                                          \
		depth, name, XC_MEMBER_SYMLINK, 0, target, 0                                       \
	}
#define HARDLINK_(depth, name, link)                                                               \
	{                                                                                          \
		depth, name, XC_MEMBER_HARDLINK, 0, NULL, link                                     \
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

/* Recount what follows from members that were changed. */
static inline void sample_retotal(struct xc_index *index)
{
	index->tar_bytes = XC_TAR_END_BYTES;
	for (uint32_t i = 0; i < index->members.count; i++)
		index->tar_bytes += xc_member_span_bytes(&index->members.items[i]);
	index->segments[0].raw_bytes = (uint32_t)index->tar_bytes;
}

static inline void sample_encode(const struct xc_index *index, struct xc_buf *out)
{
	struct xc_err err = { 0 };

	if (xc_index_encode(index, out, &err) < 0)
		fail_msg("%s", err.msg);
}

static inline void sample_parse(const struct xc_buf *bytes, struct xc_index *ret_index)
{
	struct xc_index_budget budget = { 0 };
	struct xc_err err = { 0 };

	if (xc_index_parse(bytes->data, bytes->len_bytes, &budget, ret_index, &err) < 0)
		fail_msg("%s", err.msg);
}

/* Make an index again with the bytes of one section replaced; NULL takes it out. */
static inline void sample_rebuild(const struct xc_buf *bytes, enum xc_section_id id,
				  const void *data, size_t length, struct xc_buf *out)
{
	struct xc_section_writer *writer = xc_section_writer_new();
	struct xc_sections sections;
	struct xc_err err = { 0 };

	assert_int_equal(xc_sections_scan(bytes->data, bytes->len_bytes, &sections, &err), 0);
	for (enum xc_section_id i = XC_SECTION_HEAD; i < XC_SECTION_END; i++) {
		cleanup_buf struct xc_buf raw = XC_BUF_INIT;
		uint8_t *was;

		assert_int_equal(xc_section_read(&sections, i, 0, UINT64_MAX, &was, &err), 0);
		if (i == id)
			xc_buf_add(&raw, data, length);
		else
			xc_buf_add(&raw, was, (size_t)sections.items[i].raw_bytes);
		free(was);
		assert_int_equal(xc_section_append(writer, i, &raw, out, &err), 0);
	}
	xc_section_writer_free(writer);
}

#define BYTES(text) text, sizeof(text) - 1

/* The content of a HEAD, its numbers as bytes. */
#define HEAD(version, members, segments, tar)                                                      \
	"xcindex\0" version "\0\0\0" members segments "\0\0\0\0" tar "\0\0\0\0\0"

/* The sample: a directory with a file of 5 bytes, one of 4, a symlink, a hard link. */
static const struct sample_row sample_small_rows[] = {
	DIR_(0, "./d"),        FILE_(1, "a", 5),     FILE_(1, "ab", 4),
	SYMLINK_(1, "l", "a"), HARDLINK_(1, "m", 1), SAMPLE_END,
};

#endif
