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

/* How many members a directory or root path has, itself too: they follow it in the table. */
static uint32_t count_below(const struct xc_members *members, uint32_t top)
{
	uint32_t end = top + 1;

	while (end < members->count && members->items[end].parent != XC_MEMBER_NONE &&
	       members->items[end].parent >= top)
		end++;
	return end - top;
}

/* Whether a layer has the same below two of its members. */
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

/* --- places inside each other --- */

/* A target by the path that leads to it without symlinks. */
struct real_place {
	char *path;
	uint32_t target;
};

/* A folder stands right before all that lies in it: a slash comes before any other byte. */
static int compare_paths(const void *a, const void *b)
{
	const unsigned char *left = (const void *)((const struct real_place *)a)->path;
	const unsigned char *right = (const void *)((const struct real_place *)b)->path;

	while (*left && *left == *right) {
		left++;
		right++;
	}
	return (*left == '/' ? 1 : *left * 2) - (*right == '/' ? 1 : *right * 2);
}

/* What of `path` is below `folder`, without a slash in front; NULL if it is not below. */
static const char *rest_below(const char *path, const char *folder)
{
	size_t length = strcmp(folder, "/") == 0 ? 0 : strlen(folder);

	return strncmp(path, folder, length) == 0 && path[length] == '/' ? path + length + 1 : NULL;
}

/* The member of this name, `length` bytes long, in a directory; XC_MEMBER_NONE. */
static uint32_t find_name(const struct xc_members *members, uint32_t directory, const char *name,
			  size_t length)
{
	uint32_t end = directory + count_below(members, directory);

	for (uint32_t i = directory + 1; i < end; i++)
		if (members->items[i].parent == directory &&
		    strncmp(members->items[i].name, name, length) == 0 &&
		    members->items[i].name[length] == '\0')
			return i;
	return XC_MEMBER_NONE;
}

static bool is_alive_below(const struct xc_entry_layer *layer, uint32_t at)
{
	uint32_t end = at + count_below(&layer->index.members, at);

	while (at < end && !xc_member_set_has(&layer->alive, at))
		at++;
	return at < end;
}

/*
 * What a layer has at `path` below a member, if anything of it is alive, or at a part of it that is
 * no directory and so would be in the way; XC_MEMBER_NONE if nothing does.
 */
static uint32_t find_path(const struct xc_entry_layer *layer, uint32_t at, const char *path)
{
	const struct xc_members *members = &layer->index.members;

	while (at != XC_MEMBER_NONE && *path) {
		size_t length = strcspn(path, "/");

		if (members->items[at].type != XC_MEMBER_DIR)
			break;
		at = find_name(members, at, path, length);
		path += length + (path[length] == '/');
	}
	return at != XC_MEMBER_NONE && is_alive_below(layer, at) ? at : XC_MEMBER_NONE;
}

/*
 * Whether the target `inner` can be filled beside `outer`, in which it lies at
 * `path`: `outer` has nothing there, or the same.
 */
static bool is_no_conflict(const struct xc_targets *targets, const struct xc_entry_layers *layers,
			   uint32_t outer, uint32_t inner, const char *path)
{
	bool same = true, any = false;

	for (uint32_t i = 0; i < layers->count; i++) {
		const struct xc_members *members = &layers->items[i].index.members;
		uint32_t top = find_top(members, &targets->of_layers[i], outer);
		uint32_t left = find_top(members, &targets->of_layers[i], inner);
		uint32_t right = top == XC_MEMBER_NONE ? XC_MEMBER_NONE
						       : find_path(&layers->items[i], top, path);

		any |= right != XC_MEMBER_NONE;
		same &= (left == XC_MEMBER_NONE) == (right == XC_MEMBER_NONE) &&
			(left == XC_MEMBER_NONE || is_same_tree(&layers->items[i], left, right));
	}
	return !any || same;
}

/* Each with the nearest one that it lies in: a chain of folders agrees if its links do. */
static int check_nested(const struct xc_targets *targets, const struct xc_entry_layers *layers,
			const struct real_place *places, struct xc_err *err)
{
	cleanup_free uint32_t *around = xc_calloc(targets->count, sizeof(*around));
	uint32_t depth = 0;

	for (uint32_t i = 0; i < targets->count; i++) {
		const char *rest = NULL;

		while (depth > 0 &&
		       !(rest = rest_below(places[i].path, places[around[depth - 1]].path)))
			depth--;
		if (depth > 0) {
			uint32_t outer = places[around[depth - 1]].target;

			if (!is_no_conflict(targets, layers, outer, places[i].target, rest))
				return xc_err_set(
					err, XC_ERR_CORRUPT,
					"the entry has %s and %s; here one is inside the other, "
					"and they differ",
					XC_QUOTE(targets->items[outer].stored),
					XC_QUOTE(targets->items[places[i].target].stored));
		}
		around[depth++] = i;
	}
	return 0;
}

static int check_real_places(const struct xc_targets *targets, const struct xc_entry_layers *layers,
			     struct xc_err *err)
{
	cleanup_free struct real_place *places = xc_calloc(targets->count, sizeof(*places));
	int result = 0;

	for (uint32_t i = 0; result == 0 && i < targets->count; i++) {
		places[i].target = i;
		places[i].path = xc_stage_real_path(targets->stage, i);
		if (!places[i].path)
			result = xc_err_sys(err, errno, "cannot examine %s",
					    XC_QUOTE(targets->items[i].absolute));
	}
	if (result == 0) {
		qsort(places, targets->count, sizeof(*places), compare_paths);
		result = check_nested(targets, layers, places, err);
	}
	for (uint32_t i = 0; i < targets->count; i++)
		free(places[i].path);
	return result;
}

/* --- places that are one --- */

static int check_equal(const struct xc_targets *targets, const struct xc_entry_layers *layers,
		       struct xc_err *err)
{
	cleanup_free struct place *places = xc_calloc(targets->count, sizeof(*places));

	for (uint32_t i = 0; i < targets->count; i++) {
		places[i].target = i;
		if (xc_stage_place(targets->stage, i, &places[i].at) < 0)
			return xc_err_sys(err, errno, "cannot examine %s",
					  XC_QUOTE(targets->items[i].absolute));
	}
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

int xc_places_check(const struct xc_targets *targets, const struct xc_entry_layers *layers,
		    struct xc_err *err)
{
	if (targets->count < 2)
		return 0;
	return check_equal(targets, layers, err) < 0 ? -1 : check_real_places(targets, layers, err);
}
