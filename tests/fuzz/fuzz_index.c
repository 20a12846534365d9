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

#include "sections.h"

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
		if (wrap_sections(data + 1, size - 1, &wrapped) < 0)
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
