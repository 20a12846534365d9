/* SPDX-License-Identifier: Apache-2.0 */
#include "pack/index.h"

void xc_index_release(struct xc_index *index)
{
	xc_members_release(&index->members);
	free(index->segments);
	xc_overrides_release(&index->overrides);
	*index = (struct xc_index)XC_INDEX_INIT;
}

uint64_t xc_index_budget_free_used(const struct xc_index_budget *budget)
{
	uint64_t given_bytes = budget->stored_bytes * XC_BUDGET_BYTES_PER_BYTE;

	return budget->used_bytes - XC_MIN(budget->used_bytes, given_bytes);
}

uint64_t xc_index_segments_end(const struct xc_index *index)
{
	const struct xc_segment *last;

	if (index->segment_count == 0)
		return 0;
	last = &index->segments[index->segment_count - 1];
	return last->offset + last->stored_bytes;
}

uint32_t xc_index_find_member(const struct xc_index *index, uint64_t tar_offset)
{
	uint32_t low = 0, high = index->members.count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct xc_member *member = &index->members.items[middle];

		if (member->tar_offset + xc_member_span_bytes(member) > tar_offset)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}
