/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/ranges.h"

struct building {
	struct xc_ranges ranges;
	uint32_t capacity;
};

bool xc_segment_is_needed(const struct xc_extract_layer *layer, uint32_t segment)
{
	const struct xc_index *index = &layer->index;
	uint64_t start = index->segments[segment].tar_offset;
	uint64_t end = start + index->segments[segment].raw_bytes;

	for (uint32_t i = xc_index_find_member(index, start);
	     i < index->members.count && index->members.items[i].tar_offset < end; i++) {
		const struct xc_member *member = &index->members.items[i];
		uint64_t content = member->tar_offset + member->header_bytes;

		/* A header alone counts where it starts, content wherever there is some. */
		if ((member->tar_offset >= start ||
		     content + xc_member_content_bytes(member) > start) &&
		    xc_extract_is_alive(layer, i))
			return true;
	}
	return false;
}

static struct xc_range *add_range(struct building *building)
{
	struct xc_ranges *ranges = &building->ranges;

	if (ranges->count == building->capacity) {
		building->capacity = building->capacity ? 2 * building->capacity : 64;
		ranges->items =
			xc_realloc(ranges->items, building->capacity * sizeof(*ranges->items));
	}
	return &ranges->items[ranges->count++];
}

static void add_segment(struct building *building, uint32_t layer, uint32_t segment,
			const struct xc_segment *info, size_t read_bytes)
{
	const struct xc_ranges *ranges = &building->ranges;
	struct xc_range *last = ranges->count ? &ranges->items[ranges->count - 1] : NULL;

	if (last && last->layer == layer && !last->ahead &&
	    info->offset - (last->offset + last->length) <= XC_RANGE_GAP_BYTES &&
	    info->offset + info->stored_bytes - last->offset <= read_bytes) {
		last->count = segment - last->first + 1;
		last->length = (size_t)(info->offset + info->stored_bytes - last->offset);
		return;
	}
	*add_range(building) = (struct xc_range){
		.layer = layer,
		.first = segment,
		.count = 1,
		.offset = info->offset,
		.length = info->stored_bytes,
	};
}

/*
 * The segments that came with the readahead as a range, unless nothing in them
 * is needed; returns how many there are.
 */
static uint32_t add_ahead(struct building *building, const struct xc_extract_layer *layer,
			  uint32_t number)
{
	const struct xc_index *index = &layer->index;
	size_t length = layer->ahead ? xc_readahead_length(layer->ahead) : 0;
	uint32_t count = 0;
	bool needed = false;

	while (count < index->segment_count &&
	       index->segments[count].offset + index->segments[count].stored_bytes <= length) {
		needed = needed || xc_segment_is_needed(layer, count);
		count++;
	}
	if (needed)
		*add_range(building) = (struct xc_range){
			.layer = number,
			.count = count,
			.length = length,
			.ahead = true,
		};
	return count;
}

void xc_ranges_make(const struct xc_extract_layer *layers, uint32_t count, size_t read_bytes,
		    struct xc_ranges *ret_ranges)
{
	struct building building = { 0 };

	for (uint32_t layer = 0; layer < count; layer++)
		for (uint32_t i = add_ahead(&building, &layers[layer], layer);
		     i < layers[layer].index.segment_count; i++)
			if (xc_segment_is_needed(&layers[layer], i))
				add_segment(&building, layer, i, &layers[layer].index.segments[i],
					    read_bytes);
	*ret_ranges = building.ranges;
}

void xc_ranges_release(struct xc_ranges *ranges)
{
	free(ranges->items);
	*ranges = (struct xc_ranges)XC_RANGES_INIT;
}
