/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Indexes from a store. The first byte says what follows: 0, an index as it
 * stands; else the contents of its sections in the order of their ids, each
 * behind its length in two bytes, which are then wrapped as a writer would,
 * so that mutations get past checksums and frames.
 *
 * Demands: what was read is written again and read again as the same.
 */
#include "fuzz.h"

#include "base/varint.h"
#include "pack/internal.h"

static int wrap(const uint8_t *data, size_t size, struct xc_buf *out)
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

/* What was parsed must be written again, and read again as the same. */
static void check_again(const struct xc_index *index, size_t stored_bytes)
{
	cleanup_buf struct xc_buf first = XC_BUF_INIT, second = XC_BUF_INIT;
	cleanup_index struct xc_index again = XC_INDEX_INIT;
	/* What was written may be shorter: it has the same table. */
	struct xc_index_budget budget = { .stored_bytes = stored_bytes };
	struct xc_err err = { 0 };

	MUST(xc_index_encode(index, &first, &err) == 0);
	MUST(xc_index_parse(first.data, first.len_bytes, &budget, &again, &err) == 0);
	MUST(xc_index_encode(&again, &second, &err) == 0);
	MUST(first.len_bytes == second.len_bytes &&
	     memcmp(first.data, second.data, first.len_bytes) == 0);
	for (uint64_t offset = 0; offset <= index->tar_bytes && offset < 1000000; offset += 511)
		MUST(xc_index_find_member(index, offset) <= index->members.count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_buf struct xc_buf wrapped = XC_BUF_INIT;
	cleanup_index struct xc_index index = XC_INDEX_INIT;
	struct xc_err err = { 0 };

	if (size == 0)
		return 0;
	if (data[0] != 0) {
		if (wrap(data + 1, size - 1, &wrapped) < 0)
			return 0;
		data = (const uint8_t *)xc_buf_str(&wrapped);
		size = wrapped.len_bytes;
	} else {
		data++;
		size--;
	}
	if (xc_index_parse(data, size, &(struct xc_index_budget){ 0 }, &index, &err) == 0)
		check_again(&index, size);
	else
		MUST(err.kind == XC_ERR_CORRUPT || err.kind == XC_ERR_FORMAT);
	return 0;
}
