/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/places.h"

#include <errno.h>
#include <string.h>

struct place {
	struct xc_stage_place at;
	uint32_t target;
};

static int compare_places(const void *a, const void *b)
{
	const struct place *left = a, *right = b;

	if (left->at.device != right->at.device)
		return left->at.device < right->at.device ? -1 : 1;
	if (left->at.inode != right->at.inode)
		return left->at.inode < right->at.inode ? -1 : 1;
	return strcmp(left->at.missing, right->at.missing);
}

/* Where a layer has the members of a target; XC_MEMBER_NONE if it has none. */
static uint32_t find_top(const struct xc_members *members, const struct xc_layer_targets *tops,
			 uint32_t target)
{
	uint32_t top = 0;

	for (uint32_t i = 0; i < members->count; i++)
		if (members->items[i].parent == XC_MEMBER_NONE && tops->items[top++] == target)
			return i;
	return XC_MEMBER_NONE;
}

static bool has_same_holes(const struct xc_member_extra *a, const struct xc_member_extra *b)
{
	bool sparse = a && a->sparse;

	if (sparse != (b && b->sparse))
		return false;
	return !sparse ||
	       (a->extent_count == b->extent_count &&
		(a->extent_count == 0 ||
		 memcmp(a->extents, b->extents, a->extent_count * sizeof(*a->extents)) == 0));
}

/* Whether they become the same file: of one inode a save has content once, and links to it. */
static bool is_same_file(const struct xc_members *members, uint32_t a, uint32_t b)
{
	const struct xc_member *left = &members->items[a], *right = &members->items[b];

	if (left->type == XC_MEMBER_HARDLINK)
		left = &members->items[left->link];
	if (right->type == XC_MEMBER_HARDLINK)
		right = &members->items[right->link];
	if (left == right)
		return true;
	if (left->type != right->type || left->mode != right->mode ||
	    left->size_bytes != right->size_bytes ||
	    memcmp(left->content_hash, right->content_hash, XC_CONTENT_HASH_BYTES) != 0)
		return false;
	return left->type == XC_MEMBER_SYMLINK
		       ? strcmp(left->extra->target, right->extra->target) == 0
		       : has_same_holes(left->extra, right->extra);
}

/* How many members a root path has, itself too: they follow it in the table. */
static uint32_t count_below(const struct xc_members *members, uint32_t top)
{
	uint32_t end = top + 1;

	while (end < members->count && members->items[end].parent != XC_MEMBER_NONE)
		end++;
	return end - top;
}

/* Whether a layer has the same below two of its root paths. */
static bool is_same_tree(const struct xc_entry_layer *layer, uint32_t a, uint32_t b)
{
	const struct xc_members *members = &layer->index.members;
	uint32_t count = count_below(members, a);

	if (count_below(members, b) != count)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		const struct xc_member *left = &members->items[a + i];
		const struct xc_member *right = &members->items[b + i];

		if (i > 0 &&
		    (left->parent - a != right->parent - b || strcmp(left->name, right->name) != 0))
			return false;
		if (xc_member_set_has(&layer->alive, a + i) !=
			    xc_member_set_has(&layer->alive, b + i) ||
		    !is_same_file(members, a + i, b + i))
			return false;
	}
	return true;
}

/* Whether all layers have the same for two targets. */
static bool is_same(const struct xc_targets *targets, const struct xc_entry_layers *layers,
		    uint32_t a, uint32_t b)
{
	for (uint32_t i = 0; i < layers->count; i++) {
		const struct xc_members *members = &layers->items[i].index.members;
		uint32_t left = find_top(members, &targets->of_layers[i], a);
		uint32_t right = find_top(members, &targets->of_layers[i], b);

		if ((left == XC_MEMBER_NONE) != (right == XC_MEMBER_NONE) ||
		    (left != XC_MEMBER_NONE && !is_same_tree(&layers->items[i], left, right)))
			return false;
	}
	return true;
}

int xc_places_check(const struct xc_targets *targets, const struct xc_entry_layers *layers,
		    struct xc_err *err)
{
	cleanup_free struct place *places = xc_calloc(targets->count, sizeof(*places));

	for (uint32_t i = 0; targets->count > 1 && i < targets->count; i++) {
		places[i].target = i;
		if (xc_stage_place(targets->stage, i, &places[i].at) < 0)
			return xc_err_sys(err, errno, "cannot examine %s",
					  XC_QUOTE(targets->items[i].absolute));
	}
	if (targets->count > 1)
		qsort(places, targets->count, sizeof(*places), compare_places);
	for (uint32_t i = 1; i < targets->count; i++)
		if (compare_places(&places[i - 1], &places[i]) == 0 &&
		    !is_same(targets, layers, places[i - 1].target, places[i].target))
			return xc_err_set(
				err, XC_ERR_CORRUPT,
				"the entry has %s and %s, which are one place here, but differ",
				XC_QUOTE(targets->items[places[i - 1].target].stored),
				XC_QUOTE(targets->items[places[i].target].stored));
	return 0;
}
