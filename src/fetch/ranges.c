/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/internal.h"

static const struct xc_segment *segment_of(const struct xc_fetch *fetch, struct xc_segment_ref ref)
{
	return &fetch->opts.packs[ref.pack].segments[ref.segment];
}

static bool is_idle(struct xc_fetch *fetch, struct xc_segment_ref ref)
{
	return *xc_fetch_state(fetch, ref) == SEGMENT_IDLE;
}

/* What came ahead of everything is not read again. */
static bool is_in_head(const struct xc_fetch *fetch, struct xc_segment_ref ref)
{
	const struct xc_segment *segment = segment_of(fetch, ref);

	return !fetch->head_taken[ref.pack] &&
	       xc_readahead_holds(fetch->opts.packs[ref.pack].head, segment->offset,
				  segment->stored_bytes);
}

static bool is_in_range(const struct xc_fetch *fetch, const struct xc_range *range,
			struct xc_segment_ref ref)
{
	const struct xc_segment *segment = segment_of(fetch, ref);

	return ref.pack == range->pack && segment->offset >= range->offset &&
	       segment->offset + segment->stored_bytes <= range->offset + range->length;
}

/* Makes a range longer by a segment behind it; false if that is not worth it. */
static bool extend(const struct xc_fetch *fetch, struct xc_range *range, struct xc_segment_ref ref)
{
	const struct xc_segment *segment = segment_of(fetch, ref);
	uint64_t end = range->offset + range->length;

	if (ref.pack != range->pack || segment->offset < end ||
	    segment->offset - end > RANGE_GAP_BYTES ||
	    segment->offset + segment->stored_bytes - range->offset > fetch->opts.store->read_bytes)
		return false;
	range->length = (size_t)(segment->offset + segment->stored_bytes - range->offset);
	return true;
}

bool xc_fetch_next_range(struct xc_fetch *fetch, struct xc_fetch_request *request,
			 struct xc_range *ret_range)
{
	const struct xc_segment_ref *refs = request->refs;
	struct xc_range range;
	size_t i;

	while (request->next_ref < request->count && !is_idle(fetch, refs[request->next_ref]))
		request->next_ref++;
	i = request->next_ref;
	if (i == request->count)
		return false;
	range = (struct xc_range){
		.pack = refs[i].pack,
		.offset = segment_of(fetch, refs[i])->offset,
		.length = segment_of(fetch, refs[i])->stored_bytes,
		.head = is_in_head(fetch, refs[i]),
	};
	if (range.head) {
		range.offset = 0;
		range.length = xc_readahead_length(fetch->opts.packs[range.pack].head);
	}
	for (i++; i < request->count; i++)
		if (is_idle(fetch, refs[i]) && !is_in_range(fetch, &range, refs[i]) &&
		    (range.head || !extend(fetch, &range, refs[i])))
			break;
	range.next_ref = i;
	*ret_range = range;
	return true;
}

void xc_fetch_fill_buffer(struct xc_fetch_buffer *buffer, const struct xc_fetch_request *request,
			  const struct xc_range *range)
{
	struct xc_fetch *fetch = buffer->fetch;

	buffer->range = *range;
	buffer->priority = request->priority;
	buffer->canceled = false;
	buffer->count = buffer->taken = 0;
	for (size_t i = request->next_ref; i < range->next_ref; i++) {
		struct xc_segment_ref ref = request->refs[i];

		if (!is_idle(fetch, ref) || !is_in_range(fetch, range, ref))
			continue;
		XC_GROW(buffer->segments, buffer->count, buffer->capacity, 8);
		buffer->segments[buffer->count++] = ref.segment;
		*xc_fetch_state(fetch, ref) = SEGMENT_BUFFERED;
	}
	buffer->left = buffer->count;
}
