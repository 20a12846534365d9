/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both tables are in the order of base/member.h, so each directory of a layer
 * is merged with the tree's directory of the same path, name by name.
 */
#include "save/origins.h"

#include <string.h>

#include "base/grow.h"

/* A directory of the layer whose members are being matched, and how far its twin is read. */
struct frame {
	uint32_t position; /* in the layer; XC_MEMBER_NONE for what holds the root paths */
	uint32_t twin;     /* in the tree; the next two are of no use without one */
	bool has_twin;
	uint32_t next_file, next_dir; /* of the twin's members; members->count behind the last */
};

struct matching {
	const struct xc_members *members;
	const uint32_t *ends; /* where the members below each one end */
	const struct xc_members *layer;
	struct frame *frames;
	uint32_t count, capacity;
};

static bool is_dir(const struct xc_member *member)
{
	return member->type == XC_MEMBER_DIR;
}

/* The end of what lies below each member, by one pass from the last one up. */
static uint32_t *find_ends(const struct xc_members *members)
{
	uint32_t *ends = xc_malloc(members->count * sizeof(*ends));

	for (uint32_t i = 0; i < members->count; i++)
		ends[i] = i + 1;
	for (uint32_t i = members->count; i-- > 0;) {
		uint32_t parent = members->items[i].parent;

		if (parent != XC_MEMBER_NONE && ends[parent] < ends[i])
			ends[parent] = ends[i];
	}
	return ends;
}

static bool is_below(const struct matching *matching, uint32_t position, uint32_t dir)
{
	return position < matching->members->count &&
	       matching->members->items[position].parent == dir;
}

static void push(struct matching *matching, uint32_t position, bool has_twin, uint32_t twin)
{
	const struct xc_members *members = matching->members;
	struct frame frame = { .position = position, .has_twin = has_twin, .twin = twin };

	if (has_twin) {
		frame.next_file = twin == XC_MEMBER_NONE ? 0 : twin + 1;
		frame.next_dir = frame.next_file;
		/* Files come first, and nothing lies below them. Root paths are of both kinds. */
		while (twin != XC_MEMBER_NONE && is_below(matching, frame.next_dir, twin) &&
		       !is_dir(&members->items[frame.next_dir]))
			frame.next_dir++;
	}
	XC_GROW(matching->frames, matching->count, matching->capacity, 64);
	matching->frames[matching->count++] = frame;
}

/* Moves on to the first of the twin's members whose name is not less; whether it is this one. */
static bool seek(const struct matching *matching, uint32_t *next, const struct frame *frame,
		 const struct xc_member *wanted)
{
	const struct xc_member *items = matching->members->items;
	bool any_kind = frame->twin == XC_MEMBER_NONE;

	while (is_below(matching, *next, frame->twin) &&
	       (any_kind || is_dir(&items[*next]) == is_dir(wanted))) {
		int order = strcmp(items[*next].name, wanted->name);

		if (order >= 0)
			return order == 0 && is_dir(&items[*next]) == is_dir(wanted);
		*next = matching->ends[*next];
	}
	return false;
}

/* The tree's member with the path of the layer's; XC_MEMBER_NONE without one. */
static uint32_t find_twin(struct matching *matching, uint32_t position)
{
	const struct xc_member *wanted = &matching->layer->items[position];
	struct frame *frame;
	uint32_t *next, found;

	while (matching->frames[matching->count - 1].position != wanted->parent)
		matching->count--;
	frame = &matching->frames[matching->count - 1];
	next = is_dir(wanted) && frame->twin != XC_MEMBER_NONE ? &frame->next_dir
							       : &frame->next_file;
	found = frame->has_twin && seek(matching, next, frame, wanted) ? *next : XC_MEMBER_NONE;
	if (is_dir(wanted))
		push(matching, position, found != XC_MEMBER_NONE, found);
	return found;
}

static void match_layer(struct matching *matching, const struct xc_entry_layer *layer,
			uint32_t number, struct xc_origin *origins)
{
	matching->layer = &layer->index.members;
	matching->count = 0;
	push(matching, XC_MEMBER_NONE, true, XC_MEMBER_NONE);
	for (uint32_t i = 0; i < layer->index.members.count; i++) {
		uint32_t twin = find_twin(matching, i);

		if (twin != XC_MEMBER_NONE && xc_member_set_has(&layer->alive, i))
			origins[twin] = (struct xc_origin){ number, i };
	}
}

struct xc_origin *xc_origins_find(const struct xc_members *members,
				  const struct xc_entry_layers *layers)
{
	struct xc_origin *origins = xc_malloc(members->count * sizeof(*origins));
	uint32_t *ends = find_ends(members);
	struct matching matching = { .members = members, .ends = ends };

	for (uint32_t i = 0; i < members->count; i++)
		origins[i] = (struct xc_origin){ .layer = XC_ORIGIN_NONE };
	for (uint32_t i = 0; i < layers->count; i++)
		match_layer(&matching, &layers->items[i], i, origins);
	free(matching.frames);
	free(ends);
	return origins;
}
