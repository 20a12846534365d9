/* SPDX-License-Identifier: Apache-2.0 */
/* From a table to sections. */
#include "archive/tar.h"
#include "pack/internal.h"

void xc_index_put_bytes(struct xc_index_write *write, const void *data, size_t length)
{
	if (xc_buf_try_add(&write->raw, data, length) < 0)
		write->full = true;
}

static void put_text(struct xc_index_write *write, const char *text)
{
	xc_index_put_bytes(write, text, strlen(text) + 1);
}

static void put_varint128(struct xc_index_write *write, unsigned __int128 value)
{
	char *at = xc_buf_reserve(&write->raw, XC_VARINT128_MAX_BYTES);

	if (at)
		xc_buf_grow_by(&write->raw, xc_varint_put128(at, value));
	else
		write->full = true;
}

void xc_index_put_varint(struct xc_index_write *write, uint64_t value)
{
	char *at = xc_buf_reserve(&write->raw, XC_VARINT64_MAX_BYTES);

	if (at)
		xc_buf_grow_by(&write->raw, xc_varint_put(at, value));
	else
		write->full = true;
}

void xc_index_write_head(struct xc_index_write *write)
{
	const struct xc_index *index = write->index;
	char head[XC_HEAD_BYTES];

	memcpy(head, XC_HEAD_MAGIC, sizeof(XC_HEAD_MAGIC));
	xc_le_put(head + 8, XC_INDEX_VERSION, 4);
	xc_le_put(head + 12, index->members.count, 4);
	xc_le_put(head + 16, index->segment_count, 4);
	xc_le_put(head + 20, 0, 4);
	xc_le_put(head + 24, index->tar_bytes, 8);
	xc_index_put_bytes(write, head, sizeof(head));
}

void xc_index_write_segments(struct xc_index_write *write)
{
	const struct xc_index *index = write->index;

	for (uint32_t i = 0; i < index->segment_count; i++) {
		xc_index_put_varint(write, index->segments[i].stored_bytes);
		xc_index_put_varint(write, index->segments[i].raw_bytes);
		xc_index_put_bytes(write, index->segments[i].sha256, XC_SHA256_BYTES);
	}
}

/* `depths` holds those of the members before. */
static uint32_t depth_of(const struct xc_member *member, const uint32_t *depths)
{
	return member->parent == XC_MEMBER_NONE ? 0 : depths[member->parent] + 1;
}

static size_t shared_length(const char *a, const char *b)
{
	size_t length = 0;

	while (a[length] != '\0' && a[length] == b[length])
		length++;
	return length;
}

/* How much of a member's name its predecessor's gives. */
static size_t shared_with_last(const struct xc_members *members, uint32_t position)
{
	const struct xc_member *member = &members->items[position];

	if (position == 0 || member->parent == XC_MEMBER_NONE)
		return 0;
	return shared_length(member->name, member[-1].name);
}

void xc_index_write_shape(struct xc_index_write *write)
{
	const struct xc_members *members = &write->index->members;
	cleanup_free uint32_t *depths = xc_malloc(members->count * sizeof(*depths));

	for (uint32_t i = 0; i < members->count; i++) {
		depths[i] = depth_of(&members->items[i], depths);
		xc_index_put_varint(write, depths[i]);
		xc_index_put_varint(write, shared_with_last(members, i));
	}
}

void xc_index_write_names(struct xc_index_write *write)
{
	const struct xc_members *members = &write->index->members;

	for (uint32_t i = 0; i < members->count; i++)
		put_text(write, members->items[i].name + shared_with_last(members, i));
}

bool xc_member_has_xattrs(const struct xc_member *member)
{
	return member->type <= XC_MEMBER_DIR && member->extra && member->extra->xattr_count > 0;
}

bool xc_member_is_sparse(const struct xc_member *member)
{
	return member->type == XC_MEMBER_FILE && member->extra && member->extra->sparse;
}

void xc_index_write_mtimes(struct xc_index_write *write)
{
	const struct xc_members *members = &write->index->members;
	__int128 last_ns = 0;

	for (uint32_t i = 0; i < members->count; i++) {
		const struct xc_member *member = &members->items[i];
		__int128 time_ns = (__int128)member->mtime_s * XC_NS_PER_S + member->mtime_ns;

		put_varint128(write, xc_zigzag_encode(time_ns - last_ns));
		last_ns = time_ns;
	}
}

void xc_index_write_sizes(struct xc_index_write *write)
{
	const struct xc_members *members = &write->index->members;

	for (uint32_t i = 0; i < members->count; i++)
		if (members->items[i].type == XC_MEMBER_FILE)
			xc_index_put_varint(write, members->items[i].size_bytes);
}

void xc_index_write_headers(struct xc_index_write *write)
{
	const struct xc_members *members = &write->index->members;

	for (uint32_t i = 0; i < members->count; i++)
		xc_index_put_varint(write, members->items[i].header_bytes / XC_TAR_BLOCK_BYTES);
}

void xc_index_write_links(struct xc_index_write *write)
{
	const struct xc_members *members = &write->index->members;

	for (uint32_t i = 0; i < members->count; i++) {
		const struct xc_member *member = &members->items[i];

		if (member->type == XC_MEMBER_SYMLINK)
			put_text(write, member->extra->target);
		else if (member->type == XC_MEMBER_HARDLINK)
			xc_index_put_varint(write, i - member->link);
	}
}

void xc_index_write_hashes(struct xc_index_write *write)
{
	const struct xc_members *members = &write->index->members;

	for (uint32_t i = 0; i < members->count; i++)
		if (xc_member_content_bytes(&members->items[i]) > 0)
			xc_index_put_bytes(write, members->items[i].content_hash,
					   XC_CONTENT_HASH_BYTES);
}

static void put_sparse(struct xc_index_write *write, const struct xc_member_extra *extra)
{
	uint64_t end = 0;

	xc_index_put_varint(write, extra->extent_count);
	for (uint32_t i = 0; i < extra->extent_count; i++) {
		xc_index_put_varint(write, extra->extents[i].offset - end);
		xc_index_put_varint(write, extra->extents[i].length);
		end = extra->extents[i].offset + extra->extents[i].length;
	}
}

void xc_index_write_sparse(struct xc_index_write *write)
{
	const struct xc_members *members = &write->index->members;

	for (uint32_t i = 0; i < members->count; i++)
		if (xc_member_is_sparse(&members->items[i]))
			put_sparse(write, members->items[i].extra);
}

static void put_xattrs(struct xc_index_write *write, const struct xc_member_extra *extra)
{
	xc_index_put_varint(write, extra->xattr_count);
	for (uint32_t i = 0; i < extra->xattr_count; i++) {
		put_text(write, extra->xattrs[i].name);
		xc_index_put_varint(write, extra->xattrs[i].length);
		xc_index_put_bytes(write, extra->xattrs[i].value, extra->xattrs[i].length);
	}
}

void xc_index_write_xattrs(struct xc_index_write *write)
{
	const struct xc_members *members = &write->index->members;

	for (uint32_t i = 0; i < members->count; i++)
		if (xc_member_has_xattrs(&members->items[i]))
			put_xattrs(write, members->items[i].extra);
}

static int write_section(struct xc_index_write *write, struct xc_section_writer *writer,
			 enum xc_section_id id, struct xc_buf *out, struct xc_err *err)
{
	const struct xc_section_kind *kind = xc_section_kind(id);

	xc_buf_clear(&write->raw);
	if (!kind->write)
		return xc_err_set(err, XC_ERR_INTERNAL, "index: section %d has no writer", (int)id);
	kind->write(write);
	if (write->full)
		return xc_err_set(err, XC_ERR_INTERNAL, "index: section %s is too long",
				  kind->name);
	return xc_section_append(writer, id, &write->raw, out, err);
}

static int write_sections(const struct xc_index *index, struct xc_buf *out, struct xc_err *err)
{
	struct xc_section_writer *writer = xc_section_writer_new();
	struct xc_index_write write = { .index = index };
	int result = 0;

	xc_buf_init(&write.raw, XC_RAW_BYTES_MAX);
	for (enum xc_section_id id = XC_SECTION_HEAD; result == 0 && id < XC_SECTION_END; id++)
		result = write_section(&write, writer, id, out, err);
	xc_section_writer_free(writer);
	xc_buf_release(&write.raw);
	free(write.attr_ids);
	return result;
}

int xc_index_encode(const struct xc_index *index, struct xc_buf *out, struct xc_err *err)
{
	size_t start = out->len_bytes, length;
	int result;

	if (index->members.count > XC_MEMBERS_MAX)
		return xc_err_set(err, XC_ERR_INTERNAL, "index: %u members are too many",
				  index->members.count);
	if (xc_index_check(index, XC_ERR_INTERNAL, err) < 0)
		return -1;
	result = write_sections(index, out, err);
	length = out->len_bytes - start;
	if (result == 0 && length > XC_INDEX_STORED_MAX)
		result = xc_err_set(err, XC_ERR_INTERNAL, "index: %zu bytes are too many", length);
	if (result < 0)
		xc_buf_truncate(out, start);
	return result;
}
