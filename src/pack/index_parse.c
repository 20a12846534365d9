/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From sections to a table. Only what keeps the reading itself safe is
 * checked on the way; what the table must be is checked when it stands.
 */
#include "base/grow.h"
#include "pack/internal.h"

int xc_index_read_head(struct xc_index_parse *parse)
{
	cleanup_column struct xc_column column = { 0 };
	struct xc_index *index = parse->index;
	const uint8_t *head;
	uint32_t version;

	/* A later version may have a longer one. */
	if (xc_column_open(parse, XC_SECTION_HEAD, XC_HEAD_BYTES, UINT16_MAX, &column) < 0)
		return -1;
	head = column.raw;
	if (memcmp(head, XC_HEAD_MAGIC, sizeof(XC_HEAD_MAGIC)) != 0)
		return xc_column_fail(&column, 0, "not the magic of an index");
	version = xc_le32_get(head + 8);
	if (version != XC_INDEX_VERSION)
		return xc_err_set(parse->err, XC_ERR_FORMAT,
				  "index: format version %u, this program knows %d", version,
				  XC_INDEX_VERSION);
	index->members.count = xc_le32_get(head + 12);
	index->segment_count = xc_le32_get(head + 16);
	index->tar_bytes = xc_le64_get(head + 24);
	if (xc_le32_get(head + 20) != 0)
		return xc_column_fail(&column, 0, "reserved bytes that are not zero");
	if (index->members.count > XC_MEMBERS_MAX)
		return xc_err_set(parse->err, XC_ERR_CORRUPT, "index: %u members are too many",
				  index->members.count);
	xc_cursor_bytes(&column.cursor, XC_HEAD_BYTES);
	return xc_column_close(&column);
}

int xc_index_read_segments(struct xc_index_parse *parse)
{
	cleanup_column struct xc_column column = { 0 };
	struct xc_index *index = parse->index;
	uint64_t count = index->segment_count, offset = 0, tar_offset = 0;

	if (xc_column_open(parse, XC_SECTION_SEGMENTS, count * XC_SEGMENT_RECORD_MIN,
			   count * (XC_SHA256_BYTES + 2 * XC_VARINT64_MAX_BYTES), &column) < 0)
		return -1;
	index->segments =
		xc_index_table(parse, count, sizeof(*index->segments), XC_SEGMENT_COST_BYTES);
	if (!index->segments)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		struct xc_segment *segment = &index->segments[i];
		const uint8_t *sha256;

		if (xc_cursor_varint32(&column.cursor, &segment->stored_bytes) < 0 ||
		    xc_cursor_varint32(&column.cursor, &segment->raw_bytes) < 0)
			return xc_column_fail(&column, i, XC_BAD_VARINT);
		sha256 = xc_cursor_bytes(&column.cursor, XC_SHA256_BYTES);
		if (!sha256)
			return xc_column_fail(&column, i, "cut off");
		memcpy(segment->sha256, sha256, XC_SHA256_BYTES);
		segment->offset = offset;
		segment->tar_offset = tar_offset;
		offset += segment->stored_bytes;
		tar_offset += segment->raw_bytes;
	}
	return xc_column_close(&column);
}

/* The positions of the members above and before the current one, by depth. */
struct path {
	uint32_t *positions;
	uint32_t count, capacity;
};

static void path_release(struct path *path)
{
	free(path->positions);
}
#define cleanup_path __attribute__((cleanup(path_release)))

static int set_parent(struct xc_column *shape, struct path *path, uint32_t position, uint64_t depth,
		      struct xc_member *member)
{
	if (depth > path->count || depth > XC_MEMBER_LEVEL_MAX)
		return xc_column_fail(shape, position, "deeper than a member can be here");
	XC_GROW(path->positions, depth, path->capacity, 64);
	member->parent = depth > 0 ? path->positions[depth - 1] : XC_MEMBER_NONE;
	path->positions[depth] = position;
	path->count = (uint32_t)depth + 1;
	return 0;
}

/* `before` holds the name of the member before, and the member's own afterwards. */
static int read_name(struct xc_index_parse *parse, struct xc_column *names, uint32_t position,
		     uint64_t shared, struct xc_buf *before)
{
	struct xc_members *members = &parse->index->members;
	struct xc_member *member = &members->items[position];
	bool is_top = member->parent == XC_MEMBER_NONE;
	size_t rest_length, max_length = is_top ? XC_TOP_NAME_MAX : XC_MEMBER_NAME_MAX;
	const char *rest = xc_cursor_text(&names->cursor, &rest_length);

	if (!rest)
		return xc_column_fail(names, position, "cut off");
	if (shared > (is_top ? 0 : before->len_bytes))
		return xc_column_fail(names, position, "shares more than allowed");
	if (shared > max_length || rest_length > max_length - shared)
		return xc_column_fail(names, position, "too long");
	xc_buf_truncate(before, (size_t)shared);
	xc_buf_add(before, rest, rest_length);
	if (is_top && xc_index_charge(parse, XC_TOP_COST_BYTES + 3 * before->len_bytes) < 0)
		return -1;
	member->name = xc_index_text(parse, before->data, before->len_bytes);
	return member->name ? 0 : -1;
}

int xc_index_read_tree(struct xc_index_parse *parse)
{
	cleanup_column struct xc_column shape = { 0 }, names = { 0 };
	cleanup_path struct path path = { 0 };
	cleanup_buf struct xc_buf name = XC_BUF_INIT;
	struct xc_members *members = &parse->index->members;
	uint64_t count = members->count, depth, shared;

	if (xc_column_open(parse, XC_SECTION_SHAPE, 2 * count, 2 * XC_VARINT64_MAX_BYTES * count,
			   &shape) < 0 ||
	    xc_column_open(parse, XC_SECTION_NAMES, count, (XC_TOP_NAME_MAX + 1) * count, &names) <
		    0)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		if (xc_cursor_varint(&shape.cursor, &depth) < 0 ||
		    xc_cursor_varint(&shape.cursor, &shared) < 0)
			return xc_column_fail(&shape, i, XC_BAD_VARINT);
		if (set_parent(&shape, &path, i, depth, &members->items[i]) < 0 ||
		    read_name(parse, &names, i, shared, &name) < 0)
			return -1;
	}
	return xc_column_close(&shape) < 0 ? -1 : xc_column_close(&names);
}

static void set_offsets(struct xc_members *members)
{
	uint64_t offset = 0;

	for (uint32_t i = 0; i < members->count; i++) {
		members->items[i].tar_offset = offset;
		offset += xc_member_span_bytes(&members->items[i]);
	}
}

/* How long the contents may be. The segments were checked, so the sums are bounded. */
static int claim_contents(struct xc_index_parse *parse)
{
	const struct xc_index *index = parse->index;
	struct xc_index_budget *budget = parse->budget;

	budget->tar_bytes += index->tar_bytes;
	budget->segment_bytes += xc_index_segments_end(index);
	if (budget->tar_bytes <=
	    XC_CONTENT_FREE_BYTES + XC_CONTENT_BYTES_PER_BYTE * budget->segment_bytes)
		return 0;
	return xc_err_set(parse->err, XC_ERR_CORRUPT,
			  "index: contents of %llu bytes are too many for %llu stored bytes",
			  (unsigned long long)budget->tar_bytes,
			  (unsigned long long)budget->segment_bytes);
}

int xc_index_parse(const void *data, size_t length, struct xc_index_budget *budget,
		   struct xc_index *ret_index, struct xc_err *err)
{
	cleanup_index struct xc_index index = XC_INDEX_INIT;
	struct xc_sections sections;
	struct xc_index_parse parse = {
		.sections = &sections, .index = &index, .budget = budget, .err = err
	};

	if (length > XC_INDEX_STORED_MAX)
		return xc_err_set(err, XC_ERR_CORRUPT, "index: %zu bytes are too many", length);
	budget->stored_bytes += length;
	if (xc_sections_scan(data, length, &sections, err) < 0 ||
	    xc_sections_read_all(&parse) < 0 || xc_index_check(&index, XC_ERR_CORRUPT, err) < 0 ||
	    claim_contents(&parse) < 0)
		return -1;
	set_offsets(&index.members);
	*ret_index = index;
	index = (struct xc_index)XC_INDEX_INIT;
	return 0;
}
