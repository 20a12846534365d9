/* SPDX-License-Identifier: Apache-2.0 */
#include "base/member.h"

#include <string.h>

void xc_members_release(struct xc_members *members)
{
	free(members->items);
	xc_arena_release(&members->arena);
	*members = (struct xc_members)XC_MEMBERS_INIT;
}

uint64_t xc_member_content_bytes(const struct xc_member *member)
{
	const struct xc_member_extra *extra = member->extra;
	const struct xc_extent *last;

	if (member->type != XC_MEMBER_FILE)
		return 0;
	if (!extra || !extra->sparse)
		return member->size_bytes;
	if (extra->extent_count == 0)
		return 0;
	last = &extra->extents[extra->extent_count - 1];
	return last->before + last->length;
}

void xc_extents_sum(struct xc_extent *extents, uint32_t count)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < count; i++) {
		extents[i].before = sum;
		sum += extents[i].length;
	}
}

uint32_t xc_member_find_run(const struct xc_member_extra *extra, uint64_t at)
{
	uint32_t low = 0, high = extra->extent_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct xc_extent *run = &extra->extents[middle];

		if (run->before + run->length > at)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

uint64_t xc_member_span_bytes(const struct xc_member *member)
{
	return member->header_bytes + ((xc_member_content_bytes(member) + 511) & ~(uint64_t)511);
}

void xc_members_path(const struct xc_members *members, uint32_t position, struct xc_buf *out)
{
	const struct xc_member *items = members->items;
	size_t length = 0, at;
	char *path;

	for (uint32_t i = position; i != XC_MEMBER_NONE; i = items[i].parent)
		length += strlen(items[i].name) + (i != position);
	path = xc_buf_reserve(out, length);
	if (!path)
		xc_out_of_memory();
	at = length;
	for (uint32_t i = position; i != XC_MEMBER_NONE; i = items[i].parent) {
		size_t name_length = strlen(items[i].name);

		if (i != position)
			path[--at] = '/';
		at -= name_length;
		memcpy(path + at, items[i].name, name_length);
	}
	/* The root "/" as a root path already ends in the slash that joins. */
	if (length > 1 && path[0] == '/' && path[1] == '/') {
		memmove(path, path + 1, --length);
	}
	xc_buf_grow_by(out, length);
}

uint32_t xc_members_root(const struct xc_members *members, uint32_t position)
{
	while (members->items[position].parent != XC_MEMBER_NONE)
		position = members->items[position].parent;
	return position;
}

/* The slash of "/" is the one that joins. */
static uint32_t top_level(const char *name)
{
	uint32_t level = 0;

	for (const char *at = name; (at = strchr(at, '/')) != NULL && name[1] != '\0'; at++)
		level++;
	return level;
}

enum xc_levels xc_members_levels(const struct xc_members *members, uint32_t *ret_position)
{
	cleanup_free uint16_t *levels = xc_malloc(members->count * sizeof(*levels));
	uint64_t sum = 0;

	for (uint32_t i = 0; i < members->count; i++) {
		const struct xc_member *member = &members->items[i];
		uint32_t level = member->parent == XC_MEMBER_NONE ? top_level(member->name)
								  : levels[member->parent] + 1u;

		if (level > XC_MEMBER_LEVEL_MAX) {
			*ret_position = i;
			return XC_LEVELS_TOO_DEEP;
		}
		levels[i] = (uint16_t)level;
		sum += level;
		if (member->type == XC_MEMBER_HARDLINK)
			sum += levels[member->link];
	}
	return sum > XC_LEVELS_FREE + (uint64_t)XC_LEVELS_PER_MEMBER * members->count
		       ? XC_LEVELS_TOO_MANY
		       : XC_LEVELS_GOOD;
}
