/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share: writing, reading and checking an index. */
#ifndef XC_PACK_INTERNAL_H
#define XC_PACK_INTERNAL_H

#include "pack/index.h"
#include "pack/section_internal.h"

#define XC_INDEX_VERSION      1
#define XC_NS_PER_S           1000000000
#define XC_HEAD_BYTES         32
#define XC_HEAD_MAGIC         "xcindex" /* with its terminator: 8 bytes */
#define XC_TOP_NAME_MAX       ((size_t)64 << 10)
#define XC_TARGET_MAX         4095
#define XC_XATTRS_MAX         1000
#define XC_XATTR_NAME_MAX     255
#define XC_XATTR_VALUE_MAX    ((uint32_t)64 << 10)
#define XC_SEGMENT_RECORD_MIN (2 + XC_SHA256_BYTES)

/*
 * What a restore keeps beside the table (tree/unpack/unpack.h, tree/stage/stage.h): of a
 * member whether it was made, of a root path its place in the file system, of a
 * segment the range that it comes in and the job that decodes it.
 */
#define XC_MEMBER_COST_BYTES  (sizeof(struct xc_member) + 4)
#define XC_TOP_COST_BYTES     512u
#define XC_SEGMENT_COST_BYTES (sizeof(struct xc_segment) + 104)

/* An index that is being written: each section whole, then compressed. */
struct xc_index_write {
	const struct xc_index *index;
	struct xc_buf raw;  /* of the section */
	bool full;          /* raw could not take all */
	uint32_t *attr_ids; /* of the members, put together with the table that they count in */
};

void xc_index_put_bytes(struct xc_index_write *write, const void *data, size_t length);
void xc_index_put_varint(struct xc_index_write *write, uint64_t value);

/* Attributes that many members have in common. */
struct xc_attr {
	uint32_t uid, gid;
	uint16_t mode;
	uint8_t type, flags;
};

/* Those of a section, each once, in the order of first use, and a hash table that finds them. */
struct xc_attr_table {
	struct xc_attr *attrs;
	uint32_t count;
	uint32_t *slots;     /* position in attrs plus one; 0 is free */
	uint32_t slot_count; /* a power of two, at least twice the count */
};

/* The position of some attributes in the table, which takes them if it has none like them. */
uint32_t xc_attr_id(struct xc_attr_table *table, const struct xc_attr *attr);
void xc_attr_table_release(struct xc_attr_table *table);
#define cleanup_attr_table __attribute__((cleanup(xc_attr_table_release)))

/* Whether a member has these sections' data. */
bool xc_member_has_xattrs(const struct xc_member *member);
bool xc_member_is_sparse(const struct xc_member *member);

void xc_index_write_head(struct xc_index_write *write);
void xc_index_write_segments(struct xc_index_write *write);
void xc_index_write_shape(struct xc_index_write *write);
void xc_index_write_names(struct xc_index_write *write);
void xc_index_write_attrs(struct xc_index_write *write);
void xc_index_write_attr_ids(struct xc_index_write *write);
void xc_index_write_mtimes(struct xc_index_write *write);
void xc_index_write_sizes(struct xc_index_write *write);
void xc_index_write_headers(struct xc_index_write *write);
void xc_index_write_links(struct xc_index_write *write);
void xc_index_write_hashes(struct xc_index_write *write);
void xc_index_write_sparse(struct xc_index_write *write);
void xc_index_write_xattrs(struct xc_index_write *write);
void xc_index_write_overrides(struct xc_index_write *write);

/* An index that is being parsed. */
struct xc_index_parse {
	const struct xc_sections *sections;
	struct xc_index *index;
	struct xc_index_budget *budget;
	struct xc_err *err;
};

/* Count memory that is about to be taken, CORRUPT beyond the budget; and that was given back. */
int xc_index_charge(struct xc_index_parse *parse, uint64_t bytes) XC_CHECK;
void xc_index_refund(struct xc_index_parse *parse, uint64_t bytes);
/* `count` cleared items, counted at `cost_bytes` each; NULL with the error set. */
void *xc_index_table(struct xc_index_parse *parse, uint64_t count, size_t item_bytes,
		     size_t cost_bytes);
/* Memory of the members' arena, counted; NULL with the error set. */
void *xc_index_alloc(struct xc_index_parse *parse, uint64_t bytes);
char *xc_index_text(struct xc_index_parse *parse, const char *text, size_t length);

/* A section that is being read. */
struct xc_column {
	struct xc_cursor cursor;
	uint8_t *raw;
	enum xc_section_id id;
	struct xc_index_parse *parse; /* NULL if none was opened */
};

#define XC_BAD_VARINT "no integer where one must be"

/* Decode a section of `min_bytes` to `max_bytes` and stand at its start. CORRUPT. */
int xc_column_open(struct xc_index_parse *parse, enum xc_section_id id, uint64_t min_bytes,
		   uint64_t max_bytes, struct xc_column *ret_column) XC_CHECK;
/* CORRUPT, with what is wrong and at which entry. Returns -1. */
int xc_column_fail(const struct xc_column *column, uint32_t position, const char *wrong);
/* CORRUPT unless all was read. */
int xc_column_close(const struct xc_column *column) XC_CHECK;
void xc_column_release(struct xc_column *column);
#define cleanup_column __attribute__((cleanup(xc_column_release)))

int xc_index_read_head(struct xc_index_parse *parse) XC_CHECK;
int xc_index_read_segments(struct xc_index_parse *parse) XC_CHECK;
int xc_index_read_attrs(struct xc_index_parse *parse) XC_CHECK; /* makes the table; and ATTR_IDS */
int xc_index_read_tree(struct xc_index_parse *parse) XC_CHECK;  /* SHAPE and NAMES */
/*
 * Each fills one field of all members, whose attributes are set already:
 * sparse before hashes, as there is a hash only where there is content.
 */
int xc_index_read_mtimes(struct xc_index_parse *parse) XC_CHECK;
int xc_index_read_sizes(struct xc_index_parse *parse) XC_CHECK;
int xc_index_read_headers(struct xc_index_parse *parse) XC_CHECK;
int xc_index_read_links(struct xc_index_parse *parse) XC_CHECK;
int xc_index_read_sparse(struct xc_index_parse *parse) XC_CHECK;
int xc_index_read_hashes(struct xc_index_parse *parse) XC_CHECK;
int xc_index_read_xattrs(struct xc_index_parse *parse) XC_CHECK;
int xc_index_read_overrides(struct xc_index_parse *parse) XC_CHECK; /* of other indexes' members */

/*
 * Check all that must hold between members and segments, tar_offset apart;
 * an error of `kind` says what does not. members.items must be filled.
 */
int xc_index_check(const struct xc_index *index, enum xc_err_kind kind,
		   struct xc_err *err) XC_CHECK;

/* Parts of xc_index_check: the rules for overrides, and for the members' names and order. */
int xc_index_check_overrides(const struct xc_overrides *overrides, enum xc_err_kind kind,
			     struct xc_err *err) XC_CHECK;
int xc_index_check_tree(const struct xc_members *members, enum xc_err_kind kind,
			struct xc_err *err) XC_CHECK;

#endif
