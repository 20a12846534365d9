/* SPDX-License-Identifier: Apache-2.0 */
/* From a table to sections. Each is written whole, then compressed. */
#include "archive/tar.h"
#include "pack/internal.h"

struct encode {
	const struct xc_members *members;
	struct xc_section_writer *writer;
	struct xc_buf raw; /* of one section after the other */
	bool full;         /* raw could not take all */
	struct xc_buf *out;
	struct xc_err *err;
};

static void put_bytes(struct encode *encode, const void *data, size_t length)
{
	if (xc_buf_try_add(&encode->raw, data, length) < 0)
		encode->full = true;
}

static void put_text(struct encode *encode, const char *text)
{
	put_bytes(encode, text, strlen(text) + 1);
}

static void put_varint128(struct encode *encode, unsigned __int128 value)
{
	char *at = xc_buf_reserve(&encode->raw, XC_VARINT128_MAX_BYTES);

	if (at)
		xc_buf_grow_by(&encode->raw, xc_varint_put128(at, value));
	else
		encode->full = true;
}

static void put_varint(struct encode *encode, uint64_t value)
{
	char *at = xc_buf_reserve(&encode->raw, XC_VARINT64_MAX_BYTES);

	if (at)
		xc_buf_grow_by(&encode->raw, xc_varint_put(at, value));
	else
		encode->full = true;
}

/* Make a section of what was put. */
static int finish(struct encode *encode, enum xc_section_id id)
{
	if (encode->full)
		return xc_err_set(encode->err, XC_ERR_INTERNAL, "index: section %s is too long",
				  xc_section_name(id));
	if (xc_section_append(encode->writer, id, &encode->raw, encode->out, encode->err) < 0)
		return -1;
	xc_buf_clear(&encode->raw);
	return 0;
}

static int write_head(struct encode *encode, const struct xc_index *index)
{
	char head[XC_HEAD_BYTES];

	memcpy(head, XC_HEAD_MAGIC, sizeof(XC_HEAD_MAGIC));
	xc_le_put(head + 8, XC_INDEX_VERSION, 4);
	xc_le_put(head + 12, index->members.count, 4);
	xc_le_put(head + 16, index->segment_count, 4);
	xc_le_put(head + 20, 0, 4);
	xc_le_put(head + 24, index->tar_bytes, 8);
	put_bytes(encode, head, sizeof(head));
	return finish(encode, XC_SECTION_HEAD);
}

static int write_segments(struct encode *encode, const struct xc_index *index)
{
	for (uint32_t i = 0; i < index->segment_count; i++) {
		put_varint(encode, index->segments[i].stored_bytes);
		put_varint(encode, index->segments[i].raw_bytes);
		put_bytes(encode, index->segments[i].sha256, XC_SHA256_BYTES);
	}
	return finish(encode, XC_SECTION_SEGMENTS);
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

static int write_tree(struct encode *encode)
{
	const struct xc_members *members = encode->members;
	cleanup_free uint32_t *depths = xc_malloc(members->count * sizeof(*depths));

	for (uint32_t i = 0; i < members->count; i++) {
		depths[i] = depth_of(&members->items[i], depths);
		put_varint(encode, depths[i]);
		put_varint(encode, shared_with_last(members, i));
	}
	if (finish(encode, XC_SECTION_SHAPE) < 0)
		return -1;
	for (uint32_t i = 0; i < members->count; i++)
		put_text(encode, members->items[i].name + shared_with_last(members, i));
	return finish(encode, XC_SECTION_NAMES);
}

static bool has_xattrs(const struct xc_member *member)
{
	return member->type <= XC_MEMBER_DIR && member->extra && member->extra->xattr_count > 0;
}

static bool is_sparse(const struct xc_member *member)
{
	return member->type == XC_MEMBER_FILE && member->extra && member->extra->sparse;
}

struct attr {
	uint32_t uid, gid;
	uint16_t mode;
	uint8_t type, flags;
};

/* The distinct attributes in order of first use, and a hash table that finds them. */
struct attr_table {
	struct attr *attrs;
	uint32_t count;
	uint32_t *slots;     /* position in attrs plus one; 0 is free */
	uint32_t slot_count; /* a power of two, at least twice the count */
};

static void attr_table_release(struct attr_table *table)
{
	free(table->attrs);
	free(table->slots);
}

static struct attr attr_of(const struct xc_member *member)
{
	uint8_t flags = is_sparse(member) ? XC_ATTR_SPARSE : 0;

	if (has_xattrs(member))
		flags |= XC_ATTR_XATTRS;
	return (struct attr){ member->uid, member->gid, member->mode, member->type, flags };
}

/* The slot that holds an attribute, or the free one where it belongs. */
static uint32_t *find_slot(const struct attr_table *table, const struct attr *attr)
{
	uint64_t hash = ((uint64_t)attr->uid << 32 | attr->gid) * 0x9e3779b97f4a7c15u;
	uint32_t at;

	hash ^= ((uint64_t)attr->mode << 16 | (uint64_t)attr->type << 8 | attr->flags) << 7;
	at = (uint32_t)((hash * 0x9e3779b97f4a7c15u) >> 32);
	for (;; at++) {
		uint32_t *slot = &table->slots[at & (table->slot_count - 1)];

		if (*slot == 0 || memcmp(&table->attrs[*slot - 1], attr, sizeof(*attr)) == 0)
			return slot;
	}
}

static void grow_attr_table(struct attr_table *table)
{
	table->slot_count = table->slot_count ? 2 * table->slot_count : 64;
	table->attrs = xc_realloc(table->attrs, table->slot_count / 2 * sizeof(*table->attrs));
	free(table->slots);
	table->slots = xc_calloc(table->slot_count, sizeof(*table->slots));
	for (uint32_t i = 0; i < table->count; i++)
		*find_slot(table, &table->attrs[i]) = i + 1;
}

static uint32_t attr_id(struct attr_table *table, const struct attr *attr)
{
	uint32_t *slot;

	if (2 * table->count == table->slot_count)
		grow_attr_table(table);
	slot = find_slot(table, attr);
	if (*slot == 0) {
		table->attrs[table->count] = *attr;
		*slot = ++table->count;
	}
	return *slot - 1;
}

/* The ids are collected first, as the table that precedes them comes from them. */
static int write_attrs(struct encode *encode)
{
	const struct xc_members *members = encode->members;
	__attribute__((cleanup(attr_table_release))) struct attr_table table = { 0 };
	cleanup_free uint32_t *ids = xc_malloc(members->count * sizeof(*ids));

	for (uint32_t i = 0; i < members->count; i++) {
		struct attr attr = attr_of(&members->items[i]);

		/* The bytes between its members are compared too: there are none. */
		_Static_assert(sizeof(attr) == 12, "struct attr has padding");
		ids[i] = attr_id(&table, &attr);
	}
	if (members->count > 0)
		put_varint(encode, table.count);
	for (uint32_t i = 0; i < table.count; i++) {
		put_varint(encode, table.attrs[i].type);
		put_varint(encode, table.attrs[i].flags);
		put_varint(encode, table.attrs[i].mode);
		put_varint(encode, table.attrs[i].uid);
		put_varint(encode, table.attrs[i].gid);
	}
	if (finish(encode, XC_SECTION_ATTRS) < 0)
		return -1;
	for (uint32_t i = 0; i < members->count; i++)
		put_varint(encode, ids[i]);
	return finish(encode, XC_SECTION_ATTR_IDS);
}

static void put_mtime(struct encode *encode, const struct xc_member *member,
		      const struct xc_member *last)
{
	__int128 difference = (__int128)member->mtime_s * XC_NS_PER_S + member->mtime_ns;

	if (last)
		difference -= (__int128)last->mtime_s * XC_NS_PER_S + last->mtime_ns;
	put_varint128(encode, xc_zigzag_encode(difference));
}

static void put_link(struct encode *encode, uint32_t position)
{
	const struct xc_member *member = &encode->members->items[position];

	if (member->type == XC_MEMBER_SYMLINK)
		put_text(encode, member->extra->target);
	else if (member->type == XC_MEMBER_HARDLINK)
		put_varint(encode, position - member->link);
}

static void put_sparse(struct encode *encode, const struct xc_member_extra *extra)
{
	uint64_t end = 0;

	put_varint(encode, extra->extent_count);
	for (uint32_t i = 0; i < extra->extent_count; i++) {
		put_varint(encode, extra->extents[i].offset - end);
		put_varint(encode, extra->extents[i].length);
		end = extra->extents[i].offset + extra->extents[i].length;
	}
}

static void put_xattrs(struct encode *encode, const struct xc_member_extra *extra)
{
	put_varint(encode, extra->xattr_count);
	for (uint32_t i = 0; i < extra->xattr_count; i++) {
		put_text(encode, extra->xattrs[i].name);
		put_varint(encode, extra->xattrs[i].length);
		put_bytes(encode, extra->xattrs[i].value, extra->xattrs[i].length);
	}
}

/* What one member adds to a section that goes member by member. */
static int put_member(struct encode *encode, enum xc_section_id id, uint32_t position)
{
	const struct xc_member *member = &encode->members->items[position];

	switch (id) {
	case XC_SECTION_MTIMES:
		put_mtime(encode, member, position > 0 ? member - 1 : NULL);
		break;
	case XC_SECTION_SIZES:
		if (member->type == XC_MEMBER_FILE)
			put_varint(encode, member->size_bytes);
		break;
	case XC_SECTION_HEADERS:
		put_varint(encode, member->header_bytes / XC_TAR_BLOCK_BYTES);
		break;
	case XC_SECTION_LINKS:
		put_link(encode, position);
		break;
	case XC_SECTION_HASHES:
		if (xc_member_content_bytes(member) > 0)
			put_bytes(encode, member->content_hash, XC_CONTENT_HASH_BYTES);
		break;
	case XC_SECTION_SPARSE:
		if (is_sparse(member))
			put_sparse(encode, member->extra);
		break;
	case XC_SECTION_XATTRS:
		if (has_xattrs(member))
			put_xattrs(encode, member->extra);
		break;
	default:
		return xc_err_set(encode->err, XC_ERR_INTERNAL,
				  "index: section %d does not go member by member", (int)id);
	}
	return 0;
}

static int write_sections(struct encode *encode, const struct xc_index *index)
{
	if (write_head(encode, index) < 0 || write_segments(encode, index) < 0 ||
	    write_tree(encode) < 0 || write_attrs(encode) < 0)
		return -1;
	for (enum xc_section_id id = XC_SECTION_MTIMES; id < XC_SECTION_END; id++) {
		for (uint32_t i = 0; i < index->members.count; i++)
			if (put_member(encode, id, i) < 0)
				return -1;
		if (finish(encode, id) < 0)
			return -1;
	}
	return 0;
}

int xc_index_encode(const struct xc_index *index, struct xc_buf *out, struct xc_err *err)
{
	struct encode encode = { .members = &index->members, .out = out, .err = err };
	size_t start = out->len_bytes, length;
	int result;

	if (index->members.count > XC_MEMBERS_MAX)
		return xc_err_set(err, XC_ERR_INTERNAL, "index: %u members are too many",
				  index->members.count);
	if (xc_index_check(index, XC_ERR_INTERNAL, err) < 0)
		return -1;
	xc_buf_init(&encode.raw, XC_RAW_BYTES_MAX);
	encode.writer = xc_section_writer_new();
	result = write_sections(&encode, index);
	xc_section_writer_free(encode.writer);
	xc_buf_release(&encode.raw);
	length = out->len_bytes - start;
	if (result == 0 && length > XC_INDEX_STORED_MAX)
		result = xc_err_set(err, XC_ERR_INTERNAL, "index: %zu bytes are too many", length);
	if (result < 0)
		xc_buf_truncate(out, start);
	return result;
}
