/* SPDX-License-Identifier: Apache-2.0 */
/* Writing the attributes: each distinct set once, and which of them a member has. */
#include "pack/internal.h"

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
	uint8_t flags = xc_member_is_sparse(member) ? XC_ATTR_SPARSE : 0;

	if (xc_member_has_xattrs(member))
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
void xc_index_write_attrs(struct xc_index_write *write)
{
	const struct xc_members *members = &write->index->members;
	__attribute__((cleanup(attr_table_release))) struct attr_table table = { 0 };

	write->attr_ids = xc_malloc(members->count * sizeof(*write->attr_ids));
	for (uint32_t i = 0; i < members->count; i++) {
		struct attr attr = attr_of(&members->items[i]);

		/* The bytes between its members are compared too: there are none. */
		_Static_assert(sizeof(attr) == 12, "struct attr has padding");
		write->attr_ids[i] = attr_id(&table, &attr);
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
