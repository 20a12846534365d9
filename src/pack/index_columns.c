/* SPDX-License-Identifier: Apache-2.0 */
/* Reading sections entry by entry, and those that fill one field of every member. */
#include <errno.h>

#include "archive/tar.h"
#include "pack/internal.h"

int xc_index_charge(struct xc_index_parse *parse, uint64_t bytes)
{
	struct xc_index_budget *budget = parse->budget;
	uint64_t limit_bytes =
		XC_BUDGET_FREE_BYTES + budget->stored_bytes * XC_BUDGET_BYTES_PER_BYTE;

	limit_bytes = XC_MIN(limit_bytes, XC_BUDGET_BYTES_MAX);
	if (bytes > limit_bytes || budget->used_bytes > limit_bytes - bytes)
		return xc_err_set(parse->err, XC_ERR_CORRUPT,
				  "index: more than the %llu MiB of memory that an entry with an "
				  "index of %llu bytes may take",
				  (unsigned long long)(limit_bytes >> 20),
				  (unsigned long long)budget->stored_bytes);
	budget->used_bytes += bytes;
	return 0;
}

void xc_index_refund(struct xc_index_parse *parse, uint64_t bytes)
{
	parse->budget->used_bytes -= bytes;
}

static void *or_out_of_memory(struct xc_index_parse *parse, void *at, uint64_t bytes)
{
	if (!at)
		xc_err_sys(parse->err, ENOMEM, "index: %llu bytes", (unsigned long long)bytes);
	return at;
}

void *xc_index_table(struct xc_index_parse *parse, uint64_t count, size_t item_bytes,
		     size_t cost_bytes)
{
	/* Counts come from 32 bits: no overflow. */
	if (xc_index_charge(parse, count * cost_bytes) < 0)
		return NULL;
	return or_out_of_memory(parse, calloc(XC_MAX(count, (uint64_t)1), item_bytes),
				count * item_bytes);
}

void *xc_index_alloc(struct xc_index_parse *parse, uint64_t bytes)
{
	if (xc_index_charge(parse, bytes) < 0)
		return NULL;
	return or_out_of_memory(parse, xc_arena_try_alloc(&parse->index->members.arena, bytes),
				bytes);
}

char *xc_index_text(struct xc_index_parse *parse, const char *text, size_t length)
{
	if (xc_index_charge(parse, length + 1) < 0)
		return NULL;
	return or_out_of_memory(
		parse, xc_arena_try_text(&parse->index->members.arena, text, length), length);
}

void xc_column_release(struct xc_column *column)
{
	if (column->parse)
		xc_index_refund(column->parse,
				column->parse->sections->items[column->id].raw_bytes);
	free(column->raw);
}

int xc_column_open(struct xc_index_parse *parse, enum xc_section_id id, uint64_t min_bytes,
		   uint64_t max_bytes, struct xc_column *ret_column)
{
	uint64_t raw_bytes = parse->sections->items[id].raw_bytes;
	uint8_t *raw;

	if (xc_index_charge(parse, raw_bytes) < 0)
		return -1;
	if (xc_section_read(parse->sections, id, min_bytes, max_bytes, &raw, parse->err) < 0) {
		xc_index_refund(parse, raw_bytes);
		return -1;
	}
	*ret_column = (struct xc_column){ .raw = raw, .id = id, .parse = parse };
	ret_column->cursor = xc_cursor_over(raw, raw_bytes);
	return 0;
}

int xc_column_fail(const struct xc_column *column, uint32_t position, const char *wrong)
{
	return xc_err_set(column->parse->err, XC_ERR_CORRUPT, "index: section %s: entry %u: %s",
			  xc_section_kind(column->id)->name, position, wrong);
}

int xc_column_close(const struct xc_column *column)
{
	size_t left = xc_cursor_left(&column->cursor);

	if (left == 0)
		return 0;
	return xc_err_set(column->parse->err, XC_ERR_CORRUPT,
			  "index: section %s: %zu bytes too many",
			  xc_section_kind(column->id)->name, left);
}

int xc_index_read_mtimes(struct xc_index_parse *parse)
{
	cleanup_column struct xc_column column = { 0 };
	struct xc_members *members = &parse->index->members;
	uint64_t count = members->count;
	__int128 time_ns = 0, seconds;
	unsigned __int128 difference;

	if (xc_column_open(parse, XC_SECTION_MTIMES, count, XC_VARINT128_MAX_BYTES * count,
			   &column) < 0)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		if (xc_cursor_varint128(&column.cursor, &difference) < 0)
			return xc_column_fail(&column, i, XC_BAD_VARINT);
		/* A time has 95 bits at most: the sum of two such cannot overflow. */
		if (difference >> 100)
			return xc_column_fail(&column, i, "out of bounds");
		time_ns += xc_zigzag_decode(difference);
		if (time_ns >= INT64_MIN && time_ns <= INT64_MAX) {
			int64_t narrow = (int64_t)time_ns; /* divides ten times as fast */
			int64_t ns = narrow % XC_NS_PER_S;

			seconds = narrow / XC_NS_PER_S - (ns < 0);
		} else {
			seconds = time_ns / XC_NS_PER_S - (time_ns % XC_NS_PER_S < 0);
		}
		if (seconds < INT64_MIN || seconds > INT64_MAX)
			return xc_column_fail(&column, i, "out of bounds");
		members->items[i].mtime_s = (int64_t)seconds;
		members->items[i].mtime_ns = (uint32_t)(time_ns - seconds * XC_NS_PER_S);
	}
	return xc_column_close(&column);
}

int xc_index_read_sizes(struct xc_index_parse *parse)
{
	cleanup_column struct xc_column column = { 0 };
	struct xc_members *members = &parse->index->members;

	if (xc_column_open(parse, XC_SECTION_SIZES, 0,
			   XC_VARINT64_MAX_BYTES * (uint64_t)members->count, &column) < 0)
		return -1;
	for (uint32_t i = 0; i < members->count; i++)
		if (members->items[i].type == XC_MEMBER_FILE &&
		    xc_cursor_varint(&column.cursor, &members->items[i].size_bytes) < 0)
			return xc_column_fail(&column, i, XC_BAD_VARINT);
	return xc_column_close(&column);
}

int xc_index_read_headers(struct xc_index_parse *parse)
{
	cleanup_column struct xc_column column = { 0 };
	struct xc_members *members = &parse->index->members;
	uint64_t count = members->count, blocks;

	if (xc_column_open(parse, XC_SECTION_HEADERS, count, XC_VARINT64_MAX_BYTES * count,
			   &column) < 0)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		if (xc_cursor_varint(&column.cursor, &blocks) < 0)
			return xc_column_fail(&column, i, XC_BAD_VARINT);
		if (blocks > XC_TAR_HEADER_MAX / XC_TAR_BLOCK_BYTES)
			return xc_column_fail(&column, i, "too long");
		members->items[i].header_bytes = (uint32_t)blocks * XC_TAR_BLOCK_BYTES;
	}
	return xc_column_close(&column);
}

/* What set_attr made belongs to this table, which is still being filled. */
static struct xc_member_extra *extra_of(struct xc_member *member)
{
	return (struct xc_member_extra *)(uintptr_t)member->extra;
}

static int read_link(struct xc_column *column, struct xc_members *members, uint32_t position)
{
	struct xc_member *member = &members->items[position];
	const char *target;
	uint64_t distance;
	size_t length;

	if (member->type == XC_MEMBER_SYMLINK) {
		target = xc_cursor_text(&column->cursor, &length);
		if (!target || length > XC_TARGET_MAX)
			return xc_column_fail(column, position,
					      "a target that is cut off or too long");
		target = xc_index_text(column->parse, target, length);
		if (!target)
			return -1;
		extra_of(member)->target = target;
	} else {
		if (xc_cursor_varint(&column->cursor, &distance) < 0)
			return xc_column_fail(column, position, XC_BAD_VARINT);
		if (distance == 0 || distance > position)
			return xc_column_fail(column, position, "a hard link to no earlier member");
		member->link = position - (uint32_t)distance;
	}
	return 0;
}

int xc_index_read_links(struct xc_index_parse *parse)
{
	cleanup_column struct xc_column column = { 0 };
	struct xc_members *members = &parse->index->members;

	if (xc_column_open(parse, XC_SECTION_LINKS, 0,
			   (XC_TARGET_MAX + 1) * (uint64_t)members->count, &column) < 0)
		return -1;
	for (uint32_t i = 0; i < members->count; i++)
		if (members->items[i].type >= XC_MEMBER_SYMLINK &&
		    read_link(&column, members, i) < 0)
			return -1;
	return xc_column_close(&column);
}

static int read_extents(struct xc_column *column, struct xc_members *members, uint32_t position)
{
	struct xc_member_extra *extra = extra_of(&members->items[position]);
	struct xc_extent *extents;
	uint64_t count, gap, end = 0;

	if (xc_cursor_varint(&column->cursor, &count) < 0)
		return xc_column_fail(column, position, XC_BAD_VARINT);
	if (count > xc_cursor_left(&column->cursor) / 2)
		return xc_column_fail(column, position, "cut off");
	extents = xc_index_alloc(column->parse, count * sizeof(*extents));
	if (!extents)
		return -1;
	for (uint64_t i = 0; i < count; i++) {
		if (xc_cursor_varint(&column->cursor, &gap) < 0 ||
		    xc_cursor_varint(&column->cursor, &extents[i].length) < 0)
			return xc_column_fail(column, position, XC_BAD_VARINT);
		if (__builtin_add_overflow(end, gap, &extents[i].offset) ||
		    __builtin_add_overflow(extents[i].offset, extents[i].length, &end))
			return xc_column_fail(column, position, "more bytes than can be counted");
	}
	xc_extents_sum(extents, (uint32_t)count);
	extra->extents = extents;
	extra->extent_count = (uint32_t)count;
	return 0;
}

int xc_index_read_sparse(struct xc_index_parse *parse)
{
	cleanup_column struct xc_column column = { 0 };
	struct xc_members *members = &parse->index->members;

	if (xc_column_open(parse, XC_SECTION_SPARSE, 0, UINT64_MAX, &column) < 0)
		return -1;
	for (uint32_t i = 0; i < members->count; i++)
		if (members->items[i].extra && members->items[i].extra->sparse &&
		    read_extents(&column, members, i) < 0)
			return -1;
	return xc_column_close(&column);
}

int xc_index_read_hashes(struct xc_index_parse *parse)
{
	cleanup_column struct xc_column column = { 0 };
	struct xc_members *members = &parse->index->members;

	if (xc_column_open(parse, XC_SECTION_HASHES, 0,
			   XC_CONTENT_HASH_BYTES * (uint64_t)members->count, &column) < 0)
		return -1;
	for (uint32_t i = 0; i < members->count; i++) {
		const uint8_t *hash;

		if (xc_member_content_bytes(&members->items[i]) == 0)
			continue;
		hash = xc_cursor_bytes(&column.cursor, XC_CONTENT_HASH_BYTES);
		if (!hash)
			return xc_column_fail(&column, i, "cut off");
		memcpy(members->items[i].content_hash, hash, XC_CONTENT_HASH_BYTES);
	}
	return xc_column_close(&column);
}

static int read_xattr(struct xc_column *column, uint32_t position, struct xc_xattr *xattr)
{
	size_t length;
	const char *name = xc_cursor_text(&column->cursor, &length);
	const uint8_t *value;

	if (!name || length > XC_XATTR_NAME_MAX)
		return xc_column_fail(column, position, "a name that is cut off or too long");
	if (xc_cursor_varint32(&column->cursor, &xattr->length) < 0)
		return xc_column_fail(column, position, XC_BAD_VARINT);
	value = xc_cursor_bytes(&column->cursor, xattr->length);
	if (!value || xattr->length > XC_XATTR_VALUE_MAX)
		return xc_column_fail(column, position, "a value that is cut off or too long");
	xattr->name = xc_index_text(column->parse, name, length);
	xattr->value = xc_index_text(column->parse, (const char *)value, xattr->length);
	return xattr->name && xattr->value ? 0 : -1;
}

static int read_member_xattrs(struct xc_column *column, struct xc_members *members,
			      uint32_t position)
{
	struct xc_member_extra *extra = extra_of(&members->items[position]);
	struct xc_xattr *xattrs;
	uint32_t count;

	if (xc_cursor_varint32(&column->cursor, &count) < 0)
		return xc_column_fail(column, position, XC_BAD_VARINT);
	/* "user.x", its terminator and a length: no less. */
	if (count == 0 || count > XC_XATTRS_MAX || count > xc_cursor_left(&column->cursor) / 8)
		return xc_column_fail(column, position, "none, too many, or cut off");
	xattrs = xc_index_alloc(column->parse, count * sizeof(*xattrs));
	if (!xattrs)
		return -1;
	for (uint32_t i = 0; i < count; i++)
		if (read_xattr(column, position, &xattrs[i]) < 0)
			return -1;
	extra->xattrs = xattrs;
	extra->xattr_count = count;
	return 0;
}

int xc_index_read_xattrs(struct xc_index_parse *parse)
{
	cleanup_column struct xc_column column = { 0 };
	struct xc_members *members = &parse->index->members;

	if (xc_column_open(parse, XC_SECTION_XATTRS, 0, UINT64_MAX, &column) < 0)
		return -1;
	for (uint32_t i = 0; i < members->count; i++)
		if (members->items[i].extra && members->items[i].extra->xattr_count > 0 &&
		    read_member_xattrs(&column, members, i) < 0)
			return -1;
	return xc_column_close(&column);
}
