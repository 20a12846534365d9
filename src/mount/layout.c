/* SPDX-License-Identifier: Apache-2.0 */
/* The layers of an entry as one tree. */
#include "mount/layout.h"

#include <stdio.h>
#include <string.h>

#include "base/grow.h"
#include "mount/internal.h"

/* What is known of a layer while it is merged. */
struct side {
	const struct xc_member *items;
	struct xc_member_set needed; /* what is alive, and the directories above it */
	uint32_t *ends;              /* per position: behind all that lies below it */
	uint32_t *nodes;             /* per position of what is in the tree, its node */
};

/* A layer's record of a name in the directory at hand. */
struct record {
	const char *name;
	uint32_t layer, position;
};

/* A directory whose names are not read yet, and its records: one for each layer that has it. */
struct open_dir {
	uint32_t node;
	uint32_t first_record, record_count;
};

/* An entry whose node is that of an earlier name. */
struct late_link {
	uint32_t entry, layer, position; /* the position that it links to */
};

struct merge {
	const struct xc_entry_layers *layers;
	struct xc_layout *layout;
	struct side *sides;
	/* All names of the directory at hand, in runs that are sorted each. */
	struct record *records, *spare;
	uint32_t record_count, record_capacity, spare_capacity;
	uint32_t *runs; /* where each begins */
	uint32_t run_count, run_capacity;
	/* What comes first in the tree last. */
	struct open_dir *open;
	uint32_t open_count, open_capacity;
	struct record *dir_records; /* of those that are or were open */
	uint32_t dir_record_count, dir_record_capacity;
	struct late_link *links;
	uint32_t link_count, link_capacity;
};

static const struct xc_member *member_of(const struct merge *merge, const struct record *record)
{
	return &merge->sides[record->layer].items[record->position];
}

static bool is_alive(const struct merge *merge, const struct record *record)
{
	return xc_member_set_has(&merge->layers->items[record->layer].alive, record->position);
}

/* --- what is needed of each layer --- */

static void open_side(struct side *side, const struct xc_entry_layer *layer)
{
	const struct xc_members *members = &layer->index.members;
	uint32_t count = members->count;

	side->items = members->items;
	xc_member_set_init(&side->needed, count, false);
	side->ends = xc_calloc(count, sizeof(*side->ends));
	side->nodes = xc_calloc(count, sizeof(*side->nodes));
	/* From the last one up, so that all below a directory are known before it. */
	for (uint32_t i = count; i-- > 0;) {
		uint32_t parent = members->items[i].parent;

		if (side->ends[i] == 0)
			side->ends[i] = i + 1;
		if (xc_member_set_has(&layer->alive, i))
			xc_member_set_add(&side->needed, i);
		if (parent == XC_MEMBER_NONE)
			continue;
		if (side->ends[parent] == 0)
			side->ends[parent] = side->ends[i];
		if (xc_member_set_has(&side->needed, i))
			xc_member_set_add(&side->needed, parent);
	}
}

static int open_sides(struct merge *merge, struct xc_err *err)
{
	struct xc_layout *layout = merge->layout;
	uint64_t needed = 0;

	merge->sides = xc_calloc(merge->layers->count, sizeof(*merge->sides));
	for (uint32_t i = 0; i < merge->layers->count; i++) {
		open_side(&merge->sides[i], &merge->layers->items[i]);
		needed += merge->sides[i].needed.count;
	}
	if (needed > XC_LAYOUT_MEMBERS_MAX)
		return xc_err_set(err, XC_ERR_UNSUPPORTED,
				  "it has more than %u files and directories",
				  XC_LAYOUT_MEMBERS_MAX);
	layout->nodes = xc_calloc(needed + 1, sizeof(*layout->nodes));
	layout->entries = xc_calloc(needed, sizeof(*layout->entries));
	return 0;
}

/* --- the names of a directory --- */

static void add_record(struct merge *merge, uint32_t layer, uint32_t position)
{
	const char *name = merge->sides[layer].items[position].name;

	XC_GROW(merge->records, merge->record_count, merge->record_capacity, 256);
	merge->records[merge->record_count++] = (struct record){ name, layer, position };
}

static void begin_run(struct merge *merge)
{
	if (merge->run_count > 0 && merge->runs[merge->run_count - 1] == merge->record_count)
		return;
	XC_GROW(merge->runs, merge->run_count, merge->run_capacity, 16);
	merge->runs[merge->run_count++] = merge->record_count;
}

/* What a layer has in a directory: its files, then its subdirectories, are a run each. */
static void add_names(struct merge *merge, const struct record *dir)
{
	const struct side *side = &merge->sides[dir->layer];
	uint32_t end = side->ends[dir->position], i = dir->position + 1;

	begin_run(merge);
	for (; i < end && side->items[i].type != XC_MEMBER_DIR; i++)
		if (xc_member_set_has(&side->needed, i))
			add_record(merge, dir->layer, i);
	begin_run(merge);
	for (; i < end; i = side->ends[i])
		if (xc_member_set_has(&side->needed, i))
			add_record(merge, dir->layer, i);
}

static void add_tops(struct merge *merge)
{
	for (uint32_t layer = 0; layer < merge->layers->count; layer++) {
		const struct side *side = &merge->sides[layer];

		begin_run(merge);
		for (uint32_t i = 0; i < side->needed.size; i = side->ends[i])
			if (xc_member_set_has(&side->needed, i))
				add_record(merge, layer, i);
	}
}

/* Two runs that follow each other become one; what is equal stays in the order of the layers. */
static void join_runs(const struct record *from, uint32_t middle, uint32_t end, uint32_t first,
		      struct record *into)
{
	uint32_t left = first, right = middle;

	for (uint32_t i = first; i < end; i++) {
		bool take_left = right == end ||
				 (left < middle && strcmp(from[left].name, from[right].name) <= 0);

		into[i] = from[take_left ? left++ : right++];
	}
}

static void sort_records(struct merge *merge)
{
	if (merge->spare_capacity < merge->record_capacity) {
		merge->spare_capacity = merge->record_capacity;
		free(merge->spare);
		merge->spare = xc_malloc(merge->spare_capacity * sizeof(*merge->spare));
	}
	while (merge->run_count > 1) {
		struct record *sorted = merge->spare;
		uint32_t count = 0;

		for (uint32_t i = 0; i < merge->run_count; i += 2) {
			uint32_t end =
				i + 2 < merge->run_count ? merge->runs[i + 2] : merge->record_count;
			uint32_t middle = i + 1 < merge->run_count ? merge->runs[i + 1] : end;

			join_runs(merge->records, middle, end, merge->runs[i], sorted);
			merge->runs[count++] = merge->runs[i];
		}
		merge->run_count = count;
		merge->spare = merge->records;
		merge->records = sorted;
		count = merge->spare_capacity;
		merge->spare_capacity = merge->record_capacity;
		merge->record_capacity = count;
	}
	merge->run_count = 0;
}

/* --- nodes --- */

static void fail_twice(const struct merge *merge, const struct record *record, struct xc_err *err)
{
	cleanup_buf struct xc_buf path = XC_BUF_INIT;

	xc_members_path(&merge->layers->items[record->layer].index.members, record->position,
			&path);
	xc_err_set(err, XC_ERR_CORRUPT, "the entry has %s twice", XC_QUOTE(path.data));
}

/* Of the records of one name, the one that counts; NULL with the error set. */
static const struct record *choose_record(const struct merge *merge, const struct record *records,
					  uint32_t count, struct xc_err *err)
{
	const struct record *chosen = records;

	for (uint32_t i = 0; count > 1 && i < count; i++) {
		if (member_of(merge, &records[i])->type != XC_MEMBER_DIR) {
			fail_twice(merge, &records[i], err);
			return NULL;
		}
		if (is_alive(merge, &records[i]) || !is_alive(merge, chosen))
			chosen = &records[i];
	}
	return chosen;
}

static void open_directory(struct merge *merge, uint32_t node, const struct record *records,
			   uint32_t count)
{
	XC_GROW(merge->open, merge->open_count, merge->open_capacity, 64);
	merge->open[merge->open_count++] = (struct open_dir){
		.node = node,
		.first_record = merge->dir_record_count,
		.record_count = count,
	};
	for (uint32_t i = 0; i < count; i++) {
		XC_GROW(merge->dir_records, merge->dir_record_count, merge->dir_record_capacity,
			64);
		merge->dir_records[merge->dir_record_count++] = records[i];
	}
}

static uint32_t add_node(struct merge *merge, uint32_t parent, const struct record *record)
{
	struct xc_layout *layout = merge->layout;
	bool is_dir = member_of(merge, record)->type == XC_MEMBER_DIR;

	layout->nodes[layout->node_count] = (struct xc_layout_node){
		.layer = record->layer,
		.position = record->position,
		.parent = parent,
		.links = is_dir ? 2 : 1,
	};
	layout->nodes[parent].links += is_dir;
	merge->sides[record->layer].nodes[record->position] = layout->node_count;
	return layout->node_count++;
}

/* An entry for a name that `count` layers have. */
static int add_entry(struct merge *merge, uint32_t parent, const struct record *records,
		     uint32_t count, struct xc_err *err)
{
	struct xc_layout *layout = merge->layout;
	struct xc_layout_entry *entry = &layout->entries[layout->entry_count];
	const struct record *record = choose_record(merge, records, count, err);
	const struct xc_member *member;

	if (!record)
		return -1;
	member = member_of(merge, record);
	entry->name = record->name;
	entry->name_bytes = (uint32_t)strlen(record->name);
	if (member->type == XC_MEMBER_HARDLINK) {
		XC_GROW(merge->links, merge->link_count, merge->link_capacity, 64);
		merge->links[merge->link_count++] = (struct late_link){
			layout->entry_count,
			record->layer,
			member->link,
		};
	} else {
		entry->node = add_node(merge, parent, record);
		if (member->type == XC_MEMBER_DIR)
			open_directory(merge, entry->node, records, count);
	}
	layout->entry_count++;
	return 0;
}

/* Subdirectories are filled in the order of their names: so a search reads the image forwards. */
static void turn_round(struct merge *merge, uint32_t first)
{
	for (uint32_t last = merge->open_count; first + 1 < last; first++) {
		struct open_dir dir = merge->open[first];

		merge->open[first] = merge->open[--last];
		merge->open[last] = dir;
	}
}

/* The names that were collected become the directory's entries. */
static int fill_directory(struct merge *merge, uint32_t node, struct xc_err *err)
{
	struct xc_layout_node *dir = &merge->layout->nodes[node];
	uint32_t was_open = merge->open_count, next;

	sort_records(merge);
	dir->first_entry = merge->layout->entry_count;
	for (uint32_t i = 0; i < merge->record_count; i = next) {
		const struct record *records = &merge->records[i];

		for (next = i + 1; next < merge->record_count &&
				   strcmp(merge->records[next].name, records->name) == 0;)
			next++;
		if (add_entry(merge, node, records, next - i, err) < 0)
			return -1;
	}
	dir->entry_count = merge->layout->entry_count - dir->first_entry;
	turn_round(merge, was_open);
	merge->record_count = 0;
	return 0;
}

static int merge_tree(struct merge *merge, struct xc_err *err)
{
	merge->layout->nodes[0] =
		(struct xc_layout_node){ .layer = XC_LAYOUT_NO_LAYER, .links = 2 };
	merge->layout->node_count = 1;
	add_tops(merge);
	if (fill_directory(merge, 0, err) < 0)
		return -1;
	while (merge->open_count > 0) {
		struct open_dir dir = merge->open[--merge->open_count];

		for (uint32_t i = 0; i < dir.record_count; i++)
			add_names(merge, &merge->dir_records[dir.first_record + i]);
		if (fill_directory(merge, dir.node, err) < 0)
			return -1;
	}
	return 0;
}

static int resolve_links(struct merge *merge, struct xc_err *err)
{
	for (uint32_t i = 0; i < merge->link_count; i++) {
		const struct late_link *link = &merge->links[i];
		struct xc_layout_node *node;

		if (!xc_member_set_has(&merge->layers->items[link->layer].alive, link->position))
			return xc_err_set(err, XC_ERR_CORRUPT,
					  "the entry has a hard link to a file that it lacks");
		merge->layout->entries[link->entry].node =
			merge->sides[link->layer].nodes[link->position];
		node = &merge->layout->nodes[merge->layout->entries[link->entry].node];
		node->links++;
	}
	return 0;
}

/* --- tops --- */

static int compare_entries(const void *a, const void *b)
{
	return strcmp(((const struct xc_layout_entry *)a)->name,
		      ((const struct xc_layout_entry *)b)->name);
}

/* A root path is no file name: the first node has a number for each instead. */
static void name_tops(struct xc_layout *layout)
{
	struct xc_layout_entry *entries = layout->entries;
	char text[16];

	layout->top_count = layout->nodes[0].entry_count;
	layout->tops = xc_calloc(layout->top_count, sizeof(*layout->tops));
	for (uint32_t i = 0; i < layout->top_count; i++) {
		layout->tops[i] = (struct xc_layout_top){ entries[i].name, entries[i].node };
		entries[i].name_bytes = (uint32_t)snprintf(text, sizeof(text), "%u", i);
		entries[i].name = xc_arena_text(&layout->arena, text, entries[i].name_bytes);
	}
	if (layout->top_count > 1)
		qsort(entries, layout->top_count, sizeof(*entries), compare_entries);
}

static void merge_release(struct merge *merge)
{
	for (uint32_t i = 0; merge->sides && i < merge->layers->count; i++) {
		xc_member_set_release(&merge->sides[i].needed);
		free(merge->sides[i].ends);
		free(merge->sides[i].nodes);
	}
	free(merge->sides);
	free(merge->records);
	free(merge->spare);
	free(merge->runs);
	free(merge->open);
	free(merge->dir_records);
	free(merge->links);
}

int xc_layout_make(const struct xc_entry_layers *layers, unsigned block_bits,
		   struct xc_layout *ret_layout, struct xc_err *err)
{
	struct merge merge = { .layers = layers, .layout = ret_layout };
	int result;

	*ret_layout = (struct xc_layout){ .block_bits = block_bits, .layer_count = layers->count };
	ret_layout->layers = xc_calloc(layers->count, sizeof(*ret_layout->layers));
	for (uint32_t i = 0; i < layers->count; i++)
		ret_layout->layers[i].entry = &layers->items[i];
	result = open_sides(&merge, err);
	if (result == 0)
		result = merge_tree(&merge, err);
	if (result == 0)
		result = resolve_links(&merge, err);
	merge_release(&merge);
	if (result < 0)
		return -1;
	name_tops(ret_layout);
	return xc_layout_contents(ret_layout, err);
}

void xc_layout_release(struct xc_layout *layout)
{
	for (uint32_t i = 0; i < layout->layer_count; i++) {
		free(layout->layers[i].blocks);
		free(layout->layers[i].segment_raw);
	}
	free(layout->layers);
	free(layout->nodes);
	free(layout->entries);
	free(layout->tops);
	xc_arena_release(&layout->arena);
	*layout = (struct xc_layout)XC_LAYOUT_INIT;
}

const struct xc_member *xc_layout_member(const struct xc_layout *layout,
					 const struct xc_layout_node *node)
{
	static const struct xc_member first = { .type = XC_MEMBER_DIR, .mode = 0755 };

	if (node->layer == XC_LAYOUT_NO_LAYER)
		return &first;
	return &layout->layers[node->layer].entry->index.members.items[node->position];
}

void xc_layout_path(const struct xc_layout *layout, const struct xc_layout_node *node,
		    struct xc_buf *out)
{
	xc_members_path(&layout->layers[node->layer].entry->index.members, node->position, out);
}
