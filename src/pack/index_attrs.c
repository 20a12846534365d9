/* SPDX-License-Identifier: Apache-2.0 */
/* The attributes: each distinct set once, and which of them a member has. */
#include "pack/internal.h"

enum attr_flags {
	ATTR_SPARSE = 1,
	ATTR_XATTRS = 2,
};

/* The bytes between its members are compared too: there are none. */
_Static_assert(sizeof(struct xc_attr) == 12, "struct xc_attr has padding");

/* --- writing --- */

void xc_attr_table_release(struct xc_attr_table *table)
{
	free(table->attrs);
	free(table->slots);
}

static struct xc_attr attr_of(const struct xc_member *member)
{
	uint8_t flags = xc_member_is_sparse(member) ? ATTR_SPARSE : 0;

	if (xc_member_has_xattrs(member))
		flags |= ATTR_XATTRS;
	return (struct xc_attr){ member->uid, member->gid, member->mode, member->type, flags };
}

/* The slot that holds an attribute, or the free one where it belongs. */
static uint32_t *find_slot(const struct xc_attr_table *table, const struct xc_attr *attr)
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

static void grow_attr_table(struct xc_attr_table *table)
{
	table->slot_count = table->slot_count ? 2 * table->slot_count : 64;
	table->attrs = xc_realloc(table->attrs, table->slot_count / 2 * sizeof(*table->attrs));
	free(table->slots);
	table->slots = xc_calloc(table->slot_count, sizeof(*table->slots));
	for (uint32_t i = 0; i < table->count; i++)
		*find_slot(table, &table->attrs[i]) = i + 1;
}

uint32_t xc_attr_id(struct xc_attr_table *table, const struct xc_attr *attr)
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
void xc_index_write_attrs(struct xc_index_write *write)
{
	const struct xc_members *members = &write->index->members;
	cleanup_attr_table struct xc_attr_table table = { 0 };

	write->attr_ids = xc_malloc(members->count * sizeof(*write->attr_ids));
	for (uint32_t i = 0; i < members->count; i++) {
		struct xc_attr attr = attr_of(&members->items[i]);

		write->attr_ids[i] = xc_attr_id(&table, &attr);
	}
	if (members->count > 0)
		xc_index_put_varint(write, table.count);
	for (uint32_t i = 0; i < table.count; i++) {
		xc_index_put_varint(write, table.attrs[i].type);
		xc_index_put_varint(write, table.attrs[i].flags);
		xc_index_put_varint(write, table.attrs[i].mode);
		xc_index_put_varint(write, table.attrs[i].uid);
		xc_index_put_varint(write, table.attrs[i].gid);
	}
}

void xc_index_write_attr_ids(struct xc_index_write *write)
{
	for (uint32_t i = 0; i < write->index->members.count; i++)
		xc_index_put_varint(write, write->attr_ids[i]);
	free(STEAL_PTR(write->attr_ids));
}

/* --- reading --- */

static int read_attr(struct xc_column *column, uint32_t position, struct xc_attr *attr)
{
	uint64_t value[5];

	for (size_t i = 0; i < ARRAY_LEN(value); i++)
		if (xc_cursor_varint(&column->cursor, &value[i]) < 0)
			return xc_column_fail(column, position, XC_BAD_VARINT);
	if (value[0] > XC_MEMBER_HARDLINK)
		return xc_column_fail(column, position, "an unknown type");
	if ((value[1] & ~(uint64_t)(ATTR_SPARSE | ATTR_XATTRS)) != 0 ||
	    ((value[1] & ATTR_SPARSE) && value[0] != XC_MEMBER_FILE) ||
	    ((value[1] & ATTR_XATTRS) && value[0] > XC_MEMBER_DIR))
		return xc_column_fail(column, position, "flags that its type cannot have");
	if (value[2] > 07777 || value[3] > UINT32_MAX || value[4] > UINT32_MAX)
		return xc_column_fail(column, position, "a mode or an owner out of bounds");
	*attr = (struct xc_attr){ .type = (uint8_t)value[0],
				  .flags = (uint8_t)value[1],
				  .mode = (uint16_t)value[2],
				  .uid = (uint32_t)value[3],
				  .gid = (uint32_t)value[4] };
	return 0;
}

static int read_attr_table(struct xc_index_parse *parse, struct xc_attr **ret_attrs,
			   uint32_t *ret_count)
{
	cleanup_column struct xc_column column = { 0 };
	cleanup_free struct xc_attr *attrs = NULL;
	uint32_t count;

	if (xc_column_open(parse, XC_SECTION_ATTRS, 0, UINT64_MAX, &column) < 0)
		return -1;
	if (parse->index->members.count == 0)
		count = 0;
	else if (xc_cursor_varint32(&column.cursor, &count) < 0)
		return xc_column_fail(&column, 0, XC_BAD_VARINT);
	if (count > xc_cursor_left(&column.cursor) / 5)
		return xc_column_fail(&column, 0, "cut off");
	attrs = xc_index_table(parse, count, sizeof(*attrs), sizeof(*attrs));
	if (!attrs)
		return -1;
	for (uint32_t i = 0; i < count; i++)
		if (read_attr(&column, i, &attrs[i]) < 0)
			return -1;
	if (xc_column_close(&column) < 0)
		return -1;
	*ret_attrs = STEAL_PTR(attrs);
	*ret_count = count;
	return 0;
}

static int set_attr(struct xc_index_parse *parse, struct xc_member *member,
		    const struct xc_attr *attr)
{
	struct xc_member_extra *extra;

	member->type = attr->type;
	member->mode = attr->mode;
	member->uid = attr->uid;
	member->gid = attr->gid;
	member->link = XC_MEMBER_NONE;
	if (attr->flags == 0 && attr->type != XC_MEMBER_SYMLINK)
		return 0;
	extra = xc_index_alloc(parse, sizeof(*extra));
	if (!extra)
		return -1;
	*extra = (struct xc_member_extra){ .sparse = attr->flags & ATTR_SPARSE };
	/* Until their section is read, one stands for some. */
	extra->xattr_count = attr->flags & ATTR_XATTRS ? 1 : 0;
	member->extra = extra;
	return 0;
}

/* The first column: it makes the table. */
int xc_index_read_attrs(struct xc_index_parse *parse)
{
	cleanup_column struct xc_column column = { 0 };
	cleanup_free struct xc_attr *attrs = NULL;
	struct xc_members *members = &parse->index->members;
	uint32_t attr_count = 0, id;

	if (read_attr_table(parse, &attrs, &attr_count) < 0 ||
	    xc_column_open(parse, XC_SECTION_ATTR_IDS, members->count, 5 * (uint64_t)members->count,
			   &column) < 0)
		return -1;
	members->items = xc_index_table(parse, members->count, sizeof(*members->items),
					XC_MEMBER_COST_BYTES);
	if (!members->items)
		return -1;
	for (uint32_t i = 0; i < members->count; i++) {
		if (xc_cursor_varint32(&column.cursor, &id) < 0)
			return xc_column_fail(&column, i, XC_BAD_VARINT);
		if (id >= attr_count)
			return xc_column_fail(&column, i, "no such attributes");
		if (set_attr(parse, &members->items[i], &attrs[id]) < 0)
			return -1;
	}
	xc_index_refund(parse, attr_count * sizeof(*attrs));
	return xc_column_close(&column);
}
