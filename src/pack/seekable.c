/* SPDX-License-Identifier: Apache-2.0 */
#include "pack/seekable.h"

#include "base/varint.h"
#include "pack/internal.h"

#define FOOTER_MAGIC       0x8f92eab1u
#define FOOTER_BYTES       9
#define TABLE_SKIP_NIBBLE  0xe
#define SEEKABLE_FRAME_MAX 0x8000000u /* "MAXFRAMES" of the format's reference */

static void add_le32(struct xc_buf *out, uint32_t value)
{
	char bytes[4];

	xc_le_put(bytes, value, sizeof(bytes));
	xc_buf_add(out, bytes, sizeof(bytes));
}

static void add_entry(struct xc_buf *out, uint32_t stored_bytes, uint32_t raw_bytes)
{
	add_le32(out, stored_bytes);
	add_le32(out, raw_bytes);
}

/* Append an entry for every frame of the index; returns their count, or -1. */
static int add_index_entries(const void *index, size_t index_bytes, struct xc_buf *out,
			     struct xc_err *err)
{
	struct xc_cursor cursor = xc_cursor_over(index, index_bytes);
	int count = 0;

	while (xc_cursor_left(&cursor) > 0) {
		const uint8_t *header = xc_cursor_bytes(&cursor, XC_SKIPPABLE_HEADER_BYTES);
		uint32_t body_bytes;

		if (!header || (xc_le32_get(header) & 0xfffffff0u) != XC_SKIPPABLE_MAGIC)
			return xc_err_set(err, XC_ERR_INTERNAL,
					  "the index has no frame where one must be");
		body_bytes = xc_le32_get(header + 4);
		if (body_bytes > UINT32_MAX - XC_SKIPPABLE_HEADER_BYTES ||
		    !xc_cursor_bytes(&cursor, body_bytes))
			return xc_err_set(err, XC_ERR_INTERNAL, "a frame of the index is cut off");
		add_entry(out, XC_SKIPPABLE_HEADER_BYTES + body_bytes, 0);
		count++;
	}
	return count;
}

int xc_seekable_encode(const struct xc_segment *segments, uint32_t count, const void *index,
		       size_t index_bytes, struct xc_buf *out, struct xc_err *err)
{
	cleanup_buf struct xc_buf index_entries = XC_BUF_INIT;
	int index_frames = add_index_entries(index, index_bytes, &index_entries, err);
	uint32_t frames;

	if (index_frames < 0)
		return -1;
	if (count > SEEKABLE_FRAME_MAX - (uint32_t)index_frames)
		return xc_err_set(err, XC_ERR_INTERNAL, "%u segments are too many", count);
	frames = count + (uint32_t)index_frames;
	add_le32(out, XC_SKIPPABLE_MAGIC | TABLE_SKIP_NIBBLE);
	add_le32(out, frames * 8 + FOOTER_BYTES);
	for (uint32_t i = 0; i < count; i++)
		add_entry(out, segments[i].stored_bytes, segments[i].raw_bytes);
	xc_buf_add(out, xc_buf_str(&index_entries), index_entries.len_bytes);
	add_le32(out, frames);
	xc_buf_add_char(out, 0); /* descriptor: entries without checksums */
	add_le32(out, FOOTER_MAGIC);
	return 0;
}
