/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include <zstd.h>

#include "pack/section_internal.h"

/* Names and shapes shrink by a tenth at level 6, for three times the time. */
#define SECTION_LEVEL 3

/* One section's frame: its header, then what `body` holds. */
static int scan_one(struct xc_cursor *body, uint32_t *last_id, struct xc_sections *sections,
		    struct xc_err *err)
{
	const uint8_t *header = xc_cursor_bytes(body, XC_SECTION_HEADER_BYTES);
	struct xc_section section;
	uint32_t id, flags;

	if (!header)
		return xc_err_set(err, XC_ERR_CORRUPT, "index: a section without its header");
	id = xc_le16_get(header);
	flags = xc_le16_get(header + 2);
	if (id <= *last_id)
		return xc_err_set(err, XC_ERR_CORRUPT, "index: section %u after section %u", id,
				  *last_id);
	if (*last_id == 0 && id != XC_SECTION_HEAD)
		return xc_err_set(err, XC_ERR_CORRUPT, "index: section %u comes first", id);
	*last_id = id;
	if ((flags & ~XC_SECTION_NEEDED) != 0 || xc_le32_get(header + 4) != 0)
		return xc_err_set(err, XC_ERR_CORRUPT, "index: section %u: unknown flags", id);
	section.raw_bytes = xc_le64_get(header + 8);
	section.frame = body->at;
	section.frame_bytes = xc_cursor_left(body);
	if ((section.raw_bytes == 0) != (section.frame_bytes == 0))
		return xc_err_set(err, XC_ERR_CORRUPT,
				  "index: section %u: its length does not fit its frame", id);
	if (id < XC_SECTION_END)
		sections->items[id] = section;
	else if (flags & XC_SECTION_NEEDED)
		return xc_err_set(err, XC_ERR_FORMAT,
				  "index: section %u is required, but unknown to this version", id);
	return 0;
}

int xc_sections_scan(const void *data, size_t length, struct xc_sections *ret_sections,
		     struct xc_err *err)
{
	struct xc_cursor cursor = xc_cursor_over(data, length);
	struct xc_sections sections = { 0 };
	uint32_t last_id = 0;

	while (xc_cursor_left(&cursor) > 0) {
		size_t offset = length - xc_cursor_left(&cursor);
		const uint8_t *header = xc_cursor_bytes(&cursor, XC_SKIPPABLE_HEADER_BYTES);
		const uint8_t *bytes = NULL;
		struct xc_cursor body;

		if (header && xc_le32_get(header) != (XC_SKIPPABLE_MAGIC | XC_SECTION_SKIP_NIBBLE))
			return xc_err_set(err, XC_ERR_CORRUPT, "index: no section at byte %zu",
					  offset);
		if (header)
			bytes = xc_cursor_bytes(&cursor, xc_le32_get(header + 4));
		if (!bytes)
			return xc_err_set(err, XC_ERR_CORRUPT,
					  "index: cut off in the section at byte %zu", offset);
		body = xc_cursor_over(bytes, xc_le32_get(header + 4));
		if (scan_one(&body, &last_id, &sections, err) < 0)
			return -1;
	}
	if (!sections.items[XC_SECTION_HEAD].frame)
		return xc_err_set(err, XC_ERR_CORRUPT, "index: no section HEAD");
	*ret_sections = sections;
	return 0;
}

static int check_frame(const struct xc_section *section, enum xc_section_id id, struct xc_err *err)
{
	size_t frame_bytes = ZSTD_findFrameCompressedSize(section->frame, section->frame_bytes);

	if (ZSTD_isError(frame_bytes))
		return xc_err_set(err, XC_ERR_CORRUPT, "index: section %s: invalid zstd frame: %s",
				  xc_section_kind(id)->name, ZSTD_getErrorName(frame_bytes));
	if (frame_bytes != section->frame_bytes)
		return xc_err_set(err, XC_ERR_CORRUPT,
				  "index: section %s: %zu bytes after its frame",
				  xc_section_kind(id)->name, section->frame_bytes - frame_bytes);
	if (ZSTD_getFrameContentSize(section->frame, section->frame_bytes) != section->raw_bytes)
		return xc_err_set(
			err, XC_ERR_CORRUPT,
			"index: section %s: its frame has a different length than it says",
			xc_section_kind(id)->name);
	return 0;
}

int xc_section_read(const struct xc_sections *sections, enum xc_section_id id, uint64_t min_bytes,
		    uint64_t max_bytes, uint8_t **ret_raw, struct xc_err *err)
{
	const struct xc_section *section = &sections->items[id];
	cleanup_free uint8_t *raw = NULL;
	size_t result;

	max_bytes = XC_MIN(max_bytes, XC_RAW_BYTES_MAX);
	if (section->raw_bytes < min_bytes || section->raw_bytes > max_bytes)
		return xc_err_set(
			err, XC_ERR_CORRUPT, "index: section %s: invalid size of %llu bytes",
			xc_section_kind(id)->name, (unsigned long long)section->raw_bytes);
	if (section->raw_bytes > 0) {
		if (check_frame(section, id, err) < 0)
			return -1;
		raw = malloc(section->raw_bytes);
		if (!raw)
			return xc_err_sys(err, ENOMEM, "index: section %s of %llu bytes",
					  xc_section_kind(id)->name,
					  (unsigned long long)section->raw_bytes);
		result = ZSTD_decompress(raw, section->raw_bytes, section->frame,
					 section->frame_bytes);
		if (ZSTD_isError(result) || result != section->raw_bytes)
			return xc_err_set(err, XC_ERR_CORRUPT, "index: section %s: %s",
					  xc_section_kind(id)->name,
					  ZSTD_isError(result) ? ZSTD_getErrorName(result)
							       : "too short");
	}
	*ret_raw = STEAL_PTR(raw);
	return 0;
}

struct xc_section_writer {
	ZSTD_CCtx *context;
};

struct xc_section_writer *xc_section_writer_new(void)
{
	struct xc_section_writer *writer = xc_malloc(sizeof(*writer));

	writer->context = ZSTD_createCCtx();
	if (!writer->context)
		xc_out_of_memory();
	if (ZSTD_isError(ZSTD_CCtx_setParameter(writer->context, ZSTD_c_compressionLevel,
						SECTION_LEVEL)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(writer->context, ZSTD_c_checksumFlag, 1)))
		abort();
	return writer;
}

void xc_section_writer_free(struct xc_section_writer *writer)
{
	if (!writer)
		return;
	ZSTD_freeCCtx(writer->context);
	free(writer);
}

int xc_section_append(struct xc_section_writer *writer, enum xc_section_id id,
		      const struct xc_buf *raw, struct xc_buf *out, struct xc_err *err)
{
	const size_t before_bytes = XC_SKIPPABLE_HEADER_BYTES + XC_SECTION_HEADER_BYTES;
	size_t bound_bytes = ZSTD_compressBound(raw->len_bytes), frame_bytes;
	char *at;

	if (raw->len_bytes == 0)
		return 0;
	at = xc_buf_reserve(out, before_bytes + bound_bytes);
	if (!at)
		return xc_err_set(err, XC_ERR_INTERNAL, "index: no room for section %s",
				  xc_section_kind(id)->name);
	frame_bytes = ZSTD_compress2(writer->context, at + before_bytes, bound_bytes, raw->data,
				     raw->len_bytes);
	if (ZSTD_isError(frame_bytes))
		return xc_err_set(err, XC_ERR_INTERNAL, "index: cannot compress section %s: %s",
				  xc_section_kind(id)->name, ZSTD_getErrorName(frame_bytes));
	if (frame_bytes > UINT32_MAX - XC_SECTION_HEADER_BYTES)
		return xc_err_set(err, XC_ERR_INTERNAL, "index: section %s is too long",
				  xc_section_kind(id)->name);
	xc_le_put(at, XC_SKIPPABLE_MAGIC | XC_SECTION_SKIP_NIBBLE, 4);
	xc_le_put(at + 4, XC_SECTION_HEADER_BYTES + frame_bytes, 4);
	xc_le_put(at + 8, id, 2);
	xc_le_put(at + 10, xc_section_kind(id)->needed ? XC_SECTION_NEEDED : 0, 2);
	xc_le_put(at + 12, 0, 4);
	xc_le_put(at + 16, raw->len_bytes, 8);
	xc_buf_grow_by(out, before_bytes + frame_bytes);
	return 0;
}
