/* SPDX-License-Identifier: Apache-2.0 */
/* Where contents lie in the raw file of a layer. */
#include "mount/internal.h"

/* The raw file of a layer as it is laid out, member by member and segment by segment. */
struct laying {
	const struct xc_index *index;
	unsigned block_bits;
	uint64_t block;   /* the first that is free */
	uint32_t segment; /* the first of which the place is not known yet */
	uint64_t *segment_raw;
};

static uint32_t run_count(const struct xc_member *member)
{
	if (member->extra && member->extra->sparse)
		return member->extra->extent_count;
	return xc_member_content_bytes(member) > 0;
}

/* A file that is not sparse is one run. */
static struct xc_extent run_of(const struct xc_member *member, uint32_t run)
{
	if (member->extra && member->extra->sparse)
		return member->extra->extents[run];
	return (struct xc_extent){ .length = member->size_bytes };
}

static uint64_t content_start(const struct xc_member *member)
{
	return member->tar_offset + member->header_bytes;
}

static uint64_t block_of(uint64_t at, unsigned block_bits)
{
	return at >> block_bits;
}

/* Where the run behind `last`, whose first byte lies at `raw`, has its own first byte. */
static uint64_t raw_behind(const struct xc_extent *last, uint64_t raw, const struct xc_extent *run,
			   unsigned block_bits)
{
	uint64_t mask = ((uint64_t)1 << block_bits) - 1, end = last->offset + last->length - 1;
	uint64_t block = (raw + last->length - 1) & ~mask;

	/* A block that holds data of both is there once. */
	if (block_of(run->offset, block_bits) != block_of(end, block_bits))
		block += mask + 1;
	return block + (run->offset & mask);
}

bool xc_layout_next_blocks(const struct xc_member_extra *extra, unsigned block_bits, uint32_t *run,
			   struct xc_block_run *ret_blocks)
{
	struct xc_block_run blocks = { 0 };

	for (uint32_t first = *run; *run < extra->extent_count; ++*run) {
		const struct xc_extent *extent = &extra->extents[*run];

		if (*run == first)
			blocks.first = block_of(extent->offset, block_bits);
		else if (block_of(extent->offset, block_bits) > blocks.end)
			break;
		blocks.end = block_of(extent->offset + extent->length - 1, block_bits) + 1;
	}
	if (blocks.end == 0)
		return false;
	*ret_blocks = blocks;
	return true;
}

static uint64_t content_blocks(const struct xc_member *member, unsigned block_bits)
{
	uint64_t mask = ((uint64_t)1 << block_bits) - 1, count = 0;
	struct xc_block_run blocks;
	uint32_t run = 0;

	if (!member->extra || !member->extra->sparse)
		return (xc_member_content_bytes(member) + mask) >> block_bits;
	while (xc_layout_next_blocks(member->extra, block_bits, &run, &blocks))
		count += blocks.end - blocks.first;
	return count;
}

/* The segments that begin before `tar_end`, counted from `tar` on, begin as far from `raw`. */
static void place_segments(struct laying *laying, uint64_t tar, uint64_t tar_end, uint64_t raw)
{
	const struct xc_index *index = laying->index;

	for (; laying->segment < index->segment_count &&
	       index->segments[laying->segment].tar_offset < tar_end;
	     laying->segment++)
		laying->segment_raw[laying->segment] =
			raw + (index->segments[laying->segment].tar_offset - tar);
}

/* Those that begin in front of a member's content, up to its first byte, begin at its block. */
static void place_segments_before(struct laying *laying, uint64_t tar)
{
	const struct xc_index *index = laying->index;

	for (; laying->segment < index->segment_count &&
	       index->segments[laying->segment].tar_offset <= tar;
	     laying->segment++)
		laying->segment_raw[laying->segment] = laying->block << laying->block_bits;
}

static void lay_member(struct laying *laying, const struct xc_member *member)
{
	uint64_t tar = content_start(member), raw = laying->block << laying->block_bits;
	uint32_t runs = run_count(member);
	struct xc_extent last = { 0 };

	place_segments_before(laying, tar);
	for (uint32_t i = 0; i < runs; i++) {
		struct xc_extent run = run_of(member, i);

		if (i == 0)
			raw += run.offset & (((uint64_t)1 << laying->block_bits) - 1);
		else
			raw = raw_behind(&last, raw, &run, laying->block_bits);
		place_segments(laying, tar + run.before, tar + run.before + run.length, raw);
		last = run;
	}
	laying->block += content_blocks(member, laying->block_bits);
}

static int lay_layer(struct xc_layout_layer *layer, unsigned block_bits, uint64_t *blocks_left,
		     struct xc_err *err)
{
	const struct xc_members *members = &layer->entry->index.members;
	struct laying laying = { .index = &layer->entry->index, .block_bits = block_bits };

	layer->blocks = xc_calloc(members->count + 1, sizeof(*layer->blocks));
	layer->segment_raw =
		xc_calloc(laying.index->segment_count + (size_t)1, sizeof(*layer->segment_raw));
	laying.segment_raw = layer->segment_raw;
	for (uint32_t i = 0; i < members->count; i++) {
		layer->blocks[i] = (uint32_t)laying.block;
		if (content_blocks(&members->items[i], block_bits) > *blocks_left - laying.block)
			return xc_err_set(err, XC_ERR_UNSUPPORTED,
					  "its files are too large together: a mount takes up to "
					  "%llu bytes",
					  (unsigned long long)(XC_LAYOUT_BLOCKS_MAX << block_bits));
		lay_member(&laying, &members->items[i]);
	}
	layer->blocks[members->count] = (uint32_t)laying.block;
	place_segments_before(&laying, UINT64_MAX);
	layer->segment_raw[laying.index->segment_count] = laying.block << block_bits;
	*blocks_left -= laying.block;
	return 0;
}

static bool has_content(const struct xc_entry_layer *layer)
{
	const struct xc_member_set *alive = &layer->alive;

	for (uint32_t i = xc_member_set_next(alive, 0); i < alive->size;
	     i = xc_member_set_next(alive, i + 1))
		if (xc_member_content_bytes(&layer->index.members.items[i]) > 0)
			return true;
	return false;
}

int xc_layout_contents(struct xc_layout *layout, struct xc_err *err)
{
	uint64_t blocks_left = XC_LAYOUT_BLOCKS_MAX;

	for (uint32_t i = 0; i < layout->layer_count; i++)
		if (has_content(layout->layers[i].entry) &&
		    lay_layer(&layout->layers[i], layout->block_bits, &blocks_left, err) < 0)
			return -1;
	return 0;
}

/* --- pieces --- */

static uint64_t first_raw(const struct xc_layout_pieces *pieces, const struct xc_member *member)
{
	uint64_t mask = ((uint64_t)1 << pieces->block_bits) - 1;

	return ((uint64_t)pieces->layer->blocks[pieces->position] << pieces->block_bits) +
	       (run_of(member, 0).offset & mask);
}

/* Go on to the next member that has content, from `position` on. */
static void seek_member(struct xc_layout_pieces *pieces, uint32_t position)
{
	const struct xc_members *members = &pieces->layer->entry->index.members;

	while (position < members->count && run_count(&members->items[position]) == 0)
		position++;
	pieces->position = position;
	pieces->run = 0;
	if (position < members->count)
		pieces->raw = first_raw(pieces, &members->items[position]);
}

void xc_layout_pieces_init(struct xc_layout_pieces *pieces, const struct xc_layout *layout,
			   uint32_t layer, uint32_t segment)
{
	const struct xc_index *index = &layout->layers[layer].entry->index;
	uint64_t start = index->segments[segment].tar_offset, content;
	const struct xc_member *member;

	*pieces = (struct xc_layout_pieces){
		.layer = &layout->layers[layer],
		.block_bits = layout->block_bits,
		.start = start,
		.end = start + index->segments[segment].raw_bytes,
	};
	seek_member(pieces, xc_index_find_member(index, start));
	if (pieces->position == index->members.count)
		return;
	member = &index->members.items[pieces->position];
	content = content_start(member);
	if (start >= content + xc_member_content_bytes(member)) {
		seek_member(pieces, pieces->position + 1);
	} else if (start > content) {
		if (member->extra && member->extra->sparse)
			pieces->run = xc_member_find_run(member->extra, start - content);
		pieces->raw = pieces->layer->segment_raw[segment];
	}
}

static void pass_run(struct xc_layout_pieces *pieces, const struct xc_member *member, uint64_t from)
{
	struct xc_extent last = run_of(member, pieces->run), next;
	uint64_t skipped = from - content_start(member) - last.before;

	if (pieces->run + 1 == run_count(member)) {
		seek_member(pieces, pieces->position + 1);
		return;
	}
	next = run_of(member, ++pieces->run);
	pieces->raw = raw_behind(&last, pieces->raw - skipped, &next, pieces->block_bits);
}

bool xc_layout_pieces_next(struct xc_layout_pieces *pieces, struct xc_layout_piece *ret_piece)
{
	const struct xc_members *members = &pieces->layer->entry->index.members;
	const struct xc_member *member = &members->items[pieces->position];
	struct xc_extent run;
	uint64_t tar, from, to;

	if (pieces->position == members->count)
		return false;
	run = run_of(member, pieces->run);
	tar = content_start(member) + run.before;
	from = XC_MAX(tar, pieces->start);
	to = XC_MIN(tar + run.length, pieces->end);
	if (from >= to)
		return false;
	*ret_piece = (struct xc_layout_piece){
		.raw = pieces->raw,
		.at = (uint32_t)(from - pieces->start),
		.length = (uint32_t)(to - from),
	};
	pass_run(pieces, member, from);
	return true;
}
