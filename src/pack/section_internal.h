/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sections of an index: their kinds, and the frames that they travel in.
 * A new one is an id, a row in sections.c, and a file with writer and reader.
 */
#ifndef XC_PACK_SECTION_INTERNAL_H
#define XC_PACK_SECTION_INTERNAL_H

#include "base/buf.h"
#include "base/err.h"
#include "base/varint.h"

#define XC_SKIPPABLE_MAGIC        0x184d2a50u /* of 16 that RFC 8878 gives to applications */
#define XC_SKIPPABLE_HEADER_BYTES 8
#define XC_SECTION_SKIP_NIBBLE    0x8
#define XC_SECTION_HEADER_BYTES   16
#define XC_SECTION_NEEDED         1u

/* No section decodes to more. */
#define XC_RAW_BYTES_MAX ((uint64_t)4 << 30)

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
	XC_SECTION_OVERRIDES,
	XC_SECTION_END, /* one past the last */
};

struct xc_index_parse;
struct xc_index_write;

struct xc_section_kind {
	const char *name;
	/* A reader that does not know it must refuse the index; else it may pass over it. */
	bool needed;
	/* Puts the bytes of the section; if it puts none there is no such section. */
	void (*write)(struct xc_index_write *write);
	/* Takes them into the table; NULL if the reader of another section does. */
	int (*read)(struct xc_index_parse *parse);
};

/* The kind of an id from XC_SECTION_HEAD to before XC_SECTION_END. */
const struct xc_section_kind *xc_section_kind(enum xc_section_id id);

/* Read all sections, in the order in which they depend on each other. */
int xc_sections_read_all(struct xc_index_parse *parse) XC_CHECK;

/* One section as it stands in an index; all zero for one that is not there. */
struct xc_section {
	const uint8_t *frame;
	size_t frame_bytes;
	uint64_t raw_bytes;
};

struct xc_sections {
	struct xc_section items[XC_SECTION_END];
};

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

/*
 * Append a section with the bytes of `raw`, marked as needed if its kind is;
 * nothing if there are none. INTERNAL.
 */
int xc_section_append(struct xc_section_writer *writer, enum xc_section_id id,
		      const struct xc_buf *raw, struct xc_buf *out, struct xc_err *err) XC_CHECK;

#endif
