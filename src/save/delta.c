/* SPDX-License-Identifier: Apache-2.0 */
#include "save/delta.h"

#include <string.h>

#include "base/clock.h"
#include "base/grow.h"
#include "save/policy.h"

/* About what a member takes of a pack: its part of index and headers, and content that shrinks. */
#define MEMBER_WEIGHT_BYTES 48
#define CONTENT_SHRINKS     4

/* What becomes of a member of the tree. */
enum verdict {
	FRESH,   /* into the new pack */
	KEPT,    /* it stays where it is */
	UNKNOWN, /* until its content was read */
};

struct deciding {
	struct xc_tree *tree;
	const struct xc_delta_parent *parent;
	const struct xc_delta_opts *opts;
	struct xc_origin *origins;
	uint8_t *verdicts; /* enum verdict, by position */
	struct xc_delta *delta;
};

static const struct xc_member *origin_of(const struct deciding *deciding, uint32_t position)
{
	const struct xc_origin *origin = &deciding->origins[position];

	return &deciding->parent->layers->items[origin->layer]
			.index.members.items[origin->position];
}

/* --- what can be told without reading --- */

static bool is_untouched(const struct deciding *deciding, uint32_t position)
{
	const struct xc_origin *origin = &deciding->origins[position];

	return deciding->parent->stamps && deciding->tree->stamps &&
	       xc_stamp_equal(&deciding->parent->stamps[origin->layer][origin->position],
			      &deciding->tree->stamps[position]);
}

static bool has_same_holes(const struct xc_member_extra *a, const struct xc_member_extra *b)
{
	bool sparse = a && a->sparse;

	if (sparse != (b && b->sparse))
		return false;
	if (!sparse)
		return true;
	if (a->extent_count != b->extent_count)
		return false;
	for (uint32_t i = 0; i < a->extent_count; i++)
		if (a->extents[i].offset != b->extents[i].offset ||
		    a->extents[i].length != b->extents[i].length)
			return false;
	return true;
}

static enum verdict judge_file(const struct deciding *deciding, uint32_t position)
{
	const struct xc_member *member = &deciding->tree->members.items[position];
	const struct xc_member *old = origin_of(deciding, position);

	if (member->size_bytes != old->size_bytes)
		return FRESH;
	if (is_untouched(deciding, position))
		return KEPT;
	return has_same_holes(member->extra, old->extra) ? UNKNOWN : FRESH;
}

/* Of its target's verdict later: here, whether it is the name of the same file as before. */
static bool is_same_link(const struct deciding *deciding, uint32_t position)
{
	const struct xc_origin *own = &deciding->origins[position];
	const struct xc_origin *target =
		&deciding->origins[deciding->tree->members.items[position].link];

	return target->layer == own->layer &&
	       target->position == origin_of(deciding, position)->link;
}

static enum verdict judge(const struct deciding *deciding, uint32_t position)
{
	const struct xc_member *member = &deciding->tree->members.items[position], *old;

	if (deciding->origins[position].layer == XC_ORIGIN_NONE)
		return FRESH;
	old = origin_of(deciding, position);
	if (member->type != old->type)
		return FRESH;
	switch (member->type) {
	case XC_MEMBER_FILE:
		return judge_file(deciding, position);
	case XC_MEMBER_DIR:
		return xc_same_xattrs(member->extra, old->extra) ? KEPT : FRESH;
	case XC_MEMBER_SYMLINK:
		return strcmp(member->extra->target, old->extra->target) == 0 ? KEPT : FRESH;
	default:
		return is_same_link(deciding, position) ? KEPT : FRESH;
	}
}

/* --- what belongs together --- */

/* A name that has to be written takes its file along. */
static void spread_to_files(const struct deciding *deciding)
{
	const struct xc_members *members = &deciding->tree->members;

	for (uint32_t i = 0; i < members->count; i++)
		if (members->items[i].type == XC_MEMBER_HARDLINK && deciding->verdicts[i] == FRESH)
			deciding->verdicts[members->items[i].link] = FRESH;
}

/* And a file takes all its names along. */
static void spread_links(const struct deciding *deciding)
{
	const struct xc_members *members = &deciding->tree->members;

	spread_to_files(deciding);
	for (uint32_t i = 0; i < members->count; i++)
		if (members->items[i].type == XC_MEMBER_HARDLINK &&
		    deciding->verdicts[members->items[i].link] == FRESH)
			deciding->verdicts[i] = FRESH;
}

/* A pack is a tree by itself: its members come with the directories above them. */
static void spread_parents(const struct deciding *deciding)
{
	const struct xc_members *members = &deciding->tree->members;

	for (uint32_t i = members->count; i-- > 0;)
		if (deciding->verdicts[i] == FRESH && members->items[i].parent != XC_MEMBER_NONE)
			deciding->verdicts[members->items[i].parent] = FRESH;
}

/* --- reading --- */

static struct xc_same_item *collect_unknown(const struct deciding *deciding, size_t *ret_count)
{
	struct xc_same_item *items = NULL;
	size_t count = 0, capacity = 0;

	for (uint32_t i = 0; i < deciding->tree->members.count; i++) {
		if (deciding->verdicts[i] != UNKNOWN)
			continue;
		XC_GROW(items, count, capacity, 256);
		items[count++] =
			(struct xc_same_item){ .position = i, .member = origin_of(deciding, i) };
	}
	*ret_count = count;
	return items;
}

static int read_unknown(const struct deciding *deciding, struct xc_err *err)
{
	const struct xc_delta_opts *opts = deciding->opts;
	const struct xc_same_opts same_opts = {
		.threads = opts->threads,
		.cancel = opts->cancel,
		.progress = opts->progress,
	};
	size_t count;
	cleanup_free struct xc_same_item *items = collect_unknown(deciding, &count);
	uint64_t bytes = 0;

	if (count == 0)
		return 0;
	for (size_t i = 0; i < count; i++)
		bytes += xc_member_content_bytes(items[i].member);
	xc_progress_phase(opts->progress, XC_PHASE_COMPARE);
	xc_progress_restart(opts->progress);
	xc_progress_totals(opts->progress, count, bytes);
	if (xc_same_find(deciding->tree, items, count, &same_opts, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		deciding->verdicts[items[i].position] = items[i].same ? KEPT : FRESH;
	return 0;
}

/* --- what changed, and what is written anew for other reasons --- */

/* Links have the times and attributes of their file. */
static bool is_touched(const struct deciding *deciding, uint32_t position)
{
	const struct xc_member *member = &deciding->tree->members.items[position];
	const struct xc_override now = xc_override_of(member, 0);
	const struct xc_override before = xc_override_of(origin_of(deciding, position), 0);

	return member->type != XC_MEMBER_HARDLINK && !xc_override_equal(&now, &before);
}

/* Before directories are taken along and layers tidied up. */
static void count_changes(const struct deciding *deciding)
{
	struct xc_delta_counts *counts = &deciding->delta->counts;
	const struct xc_entry_layers *layers = deciding->parent->layers;
	uint64_t alive = 0, kept = 0, touched = 0;

	for (uint32_t i = 0; i < layers->count; i++)
		alive += layers->items[i].alive.count;
	for (uint32_t i = 0; i < deciding->tree->members.count; i++) {
		if (deciding->verdicts[i] == FRESH) {
			counts->new_members++;
			continue;
		}
		kept++;
		touched += is_touched(deciding, i);
	}
	counts->removed_members = alive - kept;
	deciding->delta->has_pack = counts->new_members + touched > 0;
	deciding->delta->changed = deciding->delta->has_pack || counts->removed_members > 0;
}

static uint64_t weigh(const struct xc_member *member)
{
	return xc_member_content_bytes(member) / CONTENT_SHRINKS + MEMBER_WEIGHT_BYTES;
}

static struct xc_layer_weight *weigh_layers(const struct deciding *deciding)
{
	const struct xc_entry_layers *layers = deciding->parent->layers;
	struct xc_layer_weight *weights = xc_calloc(layers->count, sizeof(*weights));
	int64_t now_ns = xc_clock_now_ns();

	for (uint32_t i = 0; i < layers->count; i++) {
		const struct xc_entry_layer *layer = &layers->items[i];

		for (uint32_t k = 0; k < layer->index.members.count; k++)
			weights[i].all_bytes += weigh(&layer->index.members.items[k]);
		weights[i].expires =
			xc_policy_expires(layer->layer->pack, deciding->opts->expire_days, now_ns);
	}
	for (uint32_t i = 0; i < deciding->tree->members.count; i++)
		if (deciding->verdicts[i] == KEPT)
			weights[deciding->origins[i].layer].kept_bytes +=
				weigh(origin_of(deciding, i));
	return weights;
}

/* Of what goes into the new pack; 1 at least if there is to be one, be it for overrides alone. */
static uint64_t weigh_fresh(const struct deciding *deciding)
{
	uint64_t bytes = deciding->delta->has_pack;

	for (uint32_t i = 0; i < deciding->tree->members.count; i++)
		if (deciding->verdicts[i] == FRESH)
			bytes += weigh(&deciding->tree->members.items[i]);
	return bytes;
}

/* Members of layers that are written anew are fresh as well. */
static bool tidy_layers(const struct deciding *deciding)
{
	uint32_t count = deciding->parent->layers->count;
	cleanup_free struct xc_layer_weight *weights = weigh_layers(deciding);
	cleanup_free bool *rewrite = xc_calloc(count, sizeof(*rewrite));

	if (!xc_policy_rewrite(weights, count, weigh_fresh(deciding), rewrite))
		return false;
	for (uint32_t i = 0; i < deciding->tree->members.count; i++) {
		if (deciding->verdicts[i] != KEPT || !rewrite[deciding->origins[i].layer])
			continue;
		deciding->verdicts[i] = FRESH;
		deciding->delta->counts.rewritten_members++;
	}
	return true;
}

/* --- what comes of it --- */

static const struct xc_override *find_overridden(const struct xc_entry_layer *layer,
						 uint32_t position)
{
	uint32_t low = 0, high = layer->overridden_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (layer->overridden[middle].position < position)
			low = middle + 1;
		else
			high = middle;
	}
	return low < layer->overridden_count && layer->overridden[low].position == position
		       ? &layer->overridden[low]
		       : NULL;
}

static bool differs_from_index(const struct deciding *deciding, uint32_t position)
{
	const struct xc_origin *origin = &deciding->origins[position];
	const struct xc_member *member = &deciding->tree->members.items[position];
	const struct xc_override *own =
		find_overridden(&deciding->parent->layers->items[origin->layer], origin->position);
	const struct xc_override now = xc_override_of(member, origin->position);

	return own ? !xc_override_equal(&now, own) : is_touched(deciding, position);
}

struct override_list {
	struct xc_override *items;
	uint32_t count, capacity;
};

static void add_override(struct override_list *list, const struct xc_member *member,
			 uint32_t position)
{
	XC_GROW(list->items, list->count, list->capacity, 64);
	list->items[list->count++] = xc_override_of(member, position);
}

/* Kept members of one layer come in the order of its table, as in the tree's. */
static void keep_members(const struct deciding *deciding, struct override_list *lists)
{
	struct xc_delta *delta = deciding->delta;

	for (uint32_t i = 0; i < deciding->tree->members.count; i++) {
		const struct xc_member *member = &deciding->tree->members.items[i];
		const struct xc_origin *origin = &deciding->origins[i];

		if (deciding->verdicts[i] == FRESH) {
			xc_member_set_add(&delta->fresh, i);
			continue;
		}
		xc_member_set_add(&delta->kept[origin->layer], origin->position);
		delta->counts.kept_members++;
		delta->counts.kept_bytes += member->size_bytes;
		delta->counts.touched_members += is_touched(deciding, i);
		if (member->type != XC_MEMBER_HARDLINK && differs_from_index(deciding, i))
			add_override(&lists[origin->layer], member, origin->position);
	}
}

static void take_overrides(const struct deciding *deciding, const struct override_list *lists)
{
	const struct xc_entry_layers *layers = deciding->parent->layers;
	struct xc_overrides *overrides = &deciding->delta->overrides;

	overrides->layers = xc_calloc(layers->count, sizeof(*overrides->layers));
	for (uint32_t i = 0; i < layers->count; i++) {
		struct xc_layer_overrides *layer = &overrides->layers[overrides->count];

		if (lists[i].count == 0)
			continue;
		memcpy(layer->pack, layers->items[i].layer->pack, sizeof(layer->pack));
		layer->items = lists[i].items;
		layer->count = lists[i].count;
		overrides->count++;
	}
}

static void fill_delta(const struct deciding *deciding)
{
	const struct xc_entry_layers *layers = deciding->parent->layers;
	cleanup_free struct override_list *lists = xc_calloc(layers->count, sizeof(*lists));
	struct xc_delta *delta = deciding->delta;

	xc_member_set_init(&delta->fresh, deciding->tree->members.count, false);
	delta->kept = xc_calloc(layers->count, sizeof(*delta->kept));
	for (; delta->layer_count < layers->count; delta->layer_count++)
		xc_member_set_init(&delta->kept[delta->layer_count],
				   layers->items[delta->layer_count].index.members.count, false);
	keep_members(deciding, lists);
	take_overrides(deciding, lists);
}

static int decide(const struct deciding *deciding, struct xc_err *err)
{
	uint32_t count = deciding->tree->members.count;

	for (uint32_t i = 0; i < count; i++)
		deciding->verdicts[i] = (uint8_t)judge(deciding, i);
	/* What goes with a name that changed need not be read here. */
	spread_to_files(deciding);
	if (read_unknown(deciding, err) < 0)
		return -1;
	spread_links(deciding);
	count_changes(deciding);
	deciding->delta->has_pack |= tidy_layers(deciding);
	spread_parents(deciding);
	fill_delta(deciding);
	return 0;
}

int xc_delta_find(struct xc_tree *tree, const struct xc_delta_parent *parent,
		  const struct xc_delta_opts *opts, struct xc_delta *ret_delta, struct xc_err *err)
{
	cleanup_free struct xc_origin *origins = xc_origins_find(&tree->members, parent->layers);
	cleanup_free uint8_t *verdicts = xc_malloc(tree->members.count);
	const struct deciding deciding = {
		.tree = tree,
		.parent = parent,
		.opts = opts,
		.origins = origins,
		.verdicts = verdicts,
		.delta = ret_delta,
	};

	*ret_delta = (struct xc_delta)XC_DELTA_INIT;
	return decide(&deciding, err);
}

void xc_delta_all(const struct xc_tree *tree, struct xc_delta *ret_delta)
{
	*ret_delta = (struct xc_delta){
		.counts.new_members = tree->members.count,
		.has_pack = true,
		.changed = true,
	};
	xc_member_set_init(&ret_delta->fresh, tree->members.count, true);
}

uint64_t xc_delta_fresh_bytes(const struct xc_delta *delta, const struct xc_tree *tree)
{
	const struct xc_member_set *fresh = &delta->fresh;
	uint64_t bytes = 0;

	for (uint32_t i = xc_member_set_next(fresh, 0); i < fresh->size;
	     i = xc_member_set_next(fresh, i + 1))
		bytes += xc_member_content_bytes(&tree->members.items[i]);
	return bytes;
}

void xc_delta_release(struct xc_delta *delta)
{
	xc_member_set_release(&delta->fresh);
	for (uint32_t i = 0; i < delta->layer_count; i++)
		xc_member_set_release(&delta->kept[i]);
	free(delta->kept);
	xc_overrides_release(&delta->overrides);
	*delta = (struct xc_delta)XC_DELTA_INIT;
}
