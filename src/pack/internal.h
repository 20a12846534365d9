/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share: the sections of an index and its rules. */
#ifndef XC_PACK_INTERNAL_H
#define XC_PACK_INTERNAL_H

#include "base/varint.h"
#include "pack/index.h"

#define XC_SKIPPABLE_MAGIC        0x184d2a50u /* of 16 that RFC 8878 gives to applications */
#define XC_SKIPPABLE_HEADER_BYTES 8
#define XC_SECTION_SKIP_NIBBLE    0x8
#define XC_SECTION_HEADER_BYTES   16
#define XC_SECTION_NEEDED         1u

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

/* No section decodes to more. */
#define XC_RAW_BYTES_MAX ((uint64_t)4 << 30)

/*
 * What a restore keeps beside the table (tree/place/place.h, tree/stage/stage.h): of a
 * member whether it was made, of a top its place in the file system, of a
 * segment the range that it comes in and the job that decodes it.
 */
#define XC_MEMBER_COST_BYTES  (sizeof(struct xc_member) + 4)
#define XC_TOP_COST_BYTES     512u
#define XC_SEGMENT_COST_BYTES (sizeof(struct xc_segment) + 104)

enum xc_section_id {
	XC_SECTION_HEAD = 1,
	XC_SECTION_SEGMENTS,
	XC_SECTION_SHAPE,
	XC_SECTION_NAMES,
	XC_SECTION_ATTRS,
	XC_SECTION_ATTR_IDS,
	XC_SECTION_MTIMES,
	XC_SECTION_SIZES,
	XC_SECTION_HEADERS,
	XC_SECTION_LINKS,
	XC_SECTION_HASHES,
	XC_SECTION_SPARSE,
	XC_SECTION_XATTRS,
	XC_SECTION_END, /* one past the last */
};

enum xc_attr_flags {
	XC_ATTR_SPARSE = 1,
	XC_ATTR_XATTRS = 2,
};

/* One section as it stands in an index; all zero for one that is not there. */
struct xc_section {
	const uint8_t *frame;
	size_t frame_bytes;
	uint64_t raw_bytes;
};

struct xc_sections {
	struct xc_section items[XC_SECTION_END];
};

const char *xc_section_name(enum xc_section_id id);

/* Find the sections in an index and check their framing. CORRUPT or FORMAT. */
int xc_sections_scan(const void *data, size_t length, struct xc_sections *ret_sections,
		     struct xc_err *err) XC_CHECK;

/*
 * Decode a section whose raw length lies within the two bounds; the caller
 * frees `*ret_raw`, NULL if there are no bytes. CORRUPT.
 */
int xc_section_read(const struct xc_sections *sections, enum xc_section_id id, uint64_t min_bytes,
		    uint64_t max_bytes, uint8_t **ret_raw, struct xc_err *err) XC_CHECK;

struct xc_section_writer;
struct xc_section_writer *xc_section_writer_new(void);
void xc_section_writer_free(struct xc_section_writer *writer);

/* Append a section with the bytes of `raw`; nothing if there are none. INTERNAL. */
int xc_section_append(struct xc_section_writer *writer, enum xc_section_id id,
		      const struct xc_buf *raw, struct xc_buf *out, struct xc_err *err) XC_CHECK;

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

/*
 * Check all that must hold between members and segments, tar_offset apart;
 * an error of `kind` says what does not. members.items must be filled.
 */
int xc_index_check(const struct xc_index *index, enum xc_err_kind kind,
		   struct xc_err *err) XC_CHECK;

/* The rules for the members' names and order, a part of xc_index_check. */
int xc_index_check_tree(const struct xc_members *members, enum xc_err_kind kind,
			struct xc_err *err) XC_CHECK;

#endif
