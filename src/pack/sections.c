/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of sections, as docs/FORMAT.md lists them. */
#include "pack/internal.h"

static const struct xc_section_kind kinds[XC_SECTION_END] = {
	[XC_SECTION_HEAD] = { "HEAD", true, xc_index_write_head, xc_index_read_head },
	[XC_SECTION_SEGMENTS] = { "SEGMENTS", true, xc_index_write_segments,
				  xc_index_read_segments },
	[XC_SECTION_SHAPE] = { "SHAPE", true, xc_index_write_shape, xc_index_read_tree },
	[XC_SECTION_NAMES] = { "NAMES", true, xc_index_write_names, NULL },
	[XC_SECTION_ATTRS] = { "ATTRS", true, xc_index_write_attrs, xc_index_read_attrs },
	[XC_SECTION_ATTR_IDS] = { "ATTR_IDS", true, xc_index_write_attr_ids, NULL },
	[XC_SECTION_MTIMES] = { "MTIMES", true, xc_index_write_mtimes, xc_index_read_mtimes },
	[XC_SECTION_SIZES] = { "SIZES", true, xc_index_write_sizes, xc_index_read_sizes },
	[XC_SECTION_HEADERS] = { "HEADERS", true, xc_index_write_headers, xc_index_read_headers },
	[XC_SECTION_LINKS] = { "LINKS", true, xc_index_write_links, xc_index_read_links },
	[XC_SECTION_HASHES] = { "HASHES", true, xc_index_write_hashes, xc_index_read_hashes },
	[XC_SECTION_SPARSE] = { "SPARSE", true, xc_index_write_sparse, xc_index_read_sparse },
	[XC_SECTION_XATTRS] = { "XATTRS", true, xc_index_write_xattrs, xc_index_read_xattrs },
	[XC_SECTION_OVERRIDES] = { "OVERRIDES", true, xc_index_write_overrides,
				   xc_index_read_overrides },
};

/* ATTRS makes the table, and a hash is there only where SPARSE leaves content. */
static const enum xc_section_id read_order[] = {
	XC_SECTION_HEAD,   XC_SECTION_SEGMENTS, XC_SECTION_ATTRS,   XC_SECTION_SHAPE,
	XC_SECTION_MTIMES, XC_SECTION_SIZES,    XC_SECTION_HEADERS, XC_SECTION_LINKS,
	XC_SECTION_SPARSE, XC_SECTION_HASHES,   XC_SECTION_XATTRS,  XC_SECTION_OVERRIDES,
};

const struct xc_section_kind *xc_section_kind(enum xc_section_id id)
{
	return &kinds[id];
}

int xc_sections_read_all(struct xc_index_parse *parse)
{
	for (size_t i = 0; i < ARRAY_LEN(read_order); i++)
		if (kinds[read_order[i]].read(parse) < 0)
			return -1;
	return 0;
}
