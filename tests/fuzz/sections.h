/* SPDX-License-Identifier: Apache-2.0 */
/* Indexes from the contents of their sections, so that mutations get past checksums and frames. */
#ifndef XC_TESTS_FUZZ_SECTIONS_H
#define XC_TESTS_FUZZ_SECTIONS_H

#include "base/varint.h"
#include "pack/internal.h"

/* The contents in the order of their ids, each behind its length in two bytes, as a writer wraps
 * them. */
static inline int wrap_sections(const uint8_t *data, size_t size, struct xc_buf *out)
{
	struct xc_section_writer *writer = xc_section_writer_new();
	struct xc_cursor cursor = xc_cursor_over(data, size);
	struct xc_err err = { 0 };
	int result = 0;

	for (enum xc_section_id id = XC_SECTION_HEAD; id < XC_SECTION_END && result == 0; id++) {
		const uint8_t *length = xc_cursor_bytes(&cursor, 2), *bytes;
		cleanup_buf struct xc_buf raw = XC_BUF_INIT;
		size_t left = xc_cursor_left(&cursor);

		if (!length)
			break;
		bytes = xc_cursor_bytes(&cursor, XC_MIN((size_t)xc_le16_get(length), left));
		xc_buf_add(&raw, bytes, (size_t)(cursor.at - bytes));
		result = xc_section_append(writer, id, &raw, out, &err);
	}
	xc_section_writer_free(writer);
	return result;
}

#endif
