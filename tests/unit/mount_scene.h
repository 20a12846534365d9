/* SPDX-License-Identifier: Apache-2.0 */
/* Layers of an entry, made member by member, and their raw files. After cmocka.h. */
#ifndef XC_TESTS_MOUNT_SCENE_H
#define XC_TESTS_MOUNT_SCENE_H

#include "archive/tar.h"
#include "mount_check.h"
#include "pack/internal.h"

#define MOUNT_LAYERS 4
#define MOUNT_LEVELS 70

struct mount_scene {
	struct xc_entry_layers layers;
	struct xc_layer manifest[MOUNT_LAYERS];
	uint32_t capacity[MOUNT_LAYERS], parents[MOUNT_LAYERS][MOUNT_LEVELS];
	struct xc_layout layout;
	struct xc_buf image;
};

static inline void mount_scene_init(struct mount_scene *scene, uint32_t layers)
{
	*scene = (struct mount_scene){ .layers.count = layers };
	scene->layers.items = xc_calloc(MOUNT_LAYERS, sizeof(*scene->layers.items));
	for (uint32_t i = 0; i < layers; i++) {
		memset(scene->manifest[i].pack, '1' + (int)i, XC_PACK_ID_BYTES);
		scene->layers.items[i].layer = &scene->manifest[i];
	}
}

static inline void mount_scene_release(struct mount_scene *scene)
{
	xc_layout_release(&scene->layout);
	xc_buf_release(&scene->image);
	xc_layers_release(&scene->layers);
}
#define cleanup_mount_scene __attribute__((cleanup(mount_scene_release)))

/* Append a member at a depth. What it points to must not change place: give it an extra at once. */
static inline struct xc_member *mount_put(struct mount_scene *scene, uint32_t layer, uint32_t depth,
					  enum xc_member_type type, const char *name)
{
	struct xc_members *members = &scene->layers.items[layer].index.members;
	struct xc_member *member;

	if (members->count == scene->capacity[layer]) {
		scene->capacity[layer] = scene->capacity[layer] ? 2 * scene->capacity[layer] : 64;
		members->items = xc_realloc(members->items,
					    scene->capacity[layer] * sizeof(*members->items));
	}
	member = &members->items[members->count];
	*member = (struct xc_member){
		.name = xc_arena_text(&members->arena, name, strlen(name)),
		.mtime_s = 1700000000 + 1000000 * (int64_t)layer + members->count,
		.mtime_ns = members->count % 1000000000,
		.parent = depth > 0 ? scene->parents[layer][depth - 1] : XC_MEMBER_NONE,
		.link = XC_MEMBER_NONE,
		.header_bytes = 512u << members->count % 3,
		.mode = type == XC_MEMBER_DIR ? 0755 : 0644,
		.type = (uint8_t)type,
	};
	scene->parents[layer][depth] = members->count++;
	return member;
}

static inline struct xc_member_extra *mount_extra(struct mount_scene *scene, uint32_t layer,
						  struct xc_member *member)
{
	struct xc_members *members = &scene->layers.items[layer].index.members;
	struct xc_member_extra *extra = xc_arena_alloc(&members->arena, sizeof(*extra));

	*extra = (struct xc_member_extra){ 0 };
	member->extra = extra;
	return extra;
}

static inline void mount_file(struct mount_scene *scene, uint32_t layer, uint32_t depth,
			      const char *name, uint64_t size)
{
	mount_put(scene, layer, depth, XC_MEMBER_FILE, name)->size_bytes = size;
}

static inline void mount_symlink(struct mount_scene *scene, uint32_t layer, uint32_t depth,
				 const char *name, const char *target)
{
	struct xc_member *member = mount_put(scene, layer, depth, XC_MEMBER_SYMLINK, name);

	mount_extra(scene, layer, member)->target = target;
}

/* Runs are pairs of offset and length, up to a length of 0. */
static inline void mount_sparse(struct mount_scene *scene, uint32_t layer, uint32_t depth,
				const char *name, uint64_t size, const uint64_t (*runs)[2])
{
	struct xc_member *member = mount_put(scene, layer, depth, XC_MEMBER_FILE, name);
	struct xc_member_extra *extra = mount_extra(scene, layer, member);
	struct xc_extent *extents;

	for (extra->extent_count = 0; runs[extra->extent_count][1] > 0;)
		extra->extent_count++;
	extents = xc_arena_alloc(&scene->layers.items[layer].index.members.arena,
				 (extra->extent_count + 1) * sizeof(*extents));
	for (uint32_t i = 0; i < extra->extent_count; i++)
		extents[i] = (struct xc_extent){ .offset = runs[i][0], .length = runs[i][1] };
	xc_extents_sum(extents, extra->extent_count);
	extra->extents = extents;
	extra->sparse = true;
	member->size_bytes = size;
}

/* Cut the tar stream of a layer into segments, once all members are there. All are alive. */
static inline void mount_cut(struct mount_scene *scene, uint32_t layer, uint32_t segment_bytes)
{
	struct xc_index *index = &scene->layers.items[layer].index;
	struct xc_err err = { 0 };
	uint64_t tar = 0;

	for (uint32_t i = 0; i < index->members.count; i++) {
		index->members.items[i].tar_offset = tar;
		tar += xc_member_span_bytes(&index->members.items[i]);
	}
	tar += XC_TAR_END_BYTES;
	index->tar_bytes = tar;
	index->segments = xc_calloc(tar / segment_bytes + 1, sizeof(*index->segments));
	for (uint64_t at = 0; at < tar; at += segment_bytes)
		index->segments[index->segment_count++] = (struct xc_segment){
			.tar_offset = at,
			.stored_bytes = 1,
			.raw_bytes = (uint32_t)XC_MIN((uint64_t)segment_bytes, tar - at),
		};
	if (xc_index_check(index, XC_ERR_INTERNAL, &err) < 0)
		fail_msg("layer %u: %s", layer, err.msg);
	xc_member_set_init(&scene->layers.items[layer].alive, index->members.count, true);
}

static inline void mount_kill(struct mount_scene *scene, uint32_t layer, uint32_t position)
{
	xc_member_set_remove(&scene->layers.items[layer].alive, position);
}

/* Lay out and write, and compare what was written with the layers. */
static inline void mount_write(struct mount_scene *scene, unsigned block_bits,
			       const struct xc_owner *owner)
{
	const struct xc_image_opts opts = { .owner = owner, .uuid = "0123456789abcde" };
	struct xc_err err = { 0 };
	const char *wrong;

	xc_layout_release(&scene->layout);
	if (xc_layout_make(&scene->layers, block_bits, &scene->layout, &err) < 0 ||
	    xc_image_write(&scene->layout, &opts, &scene->image, &err) < 0)
		fail_msg("%s", err.msg);
	wrong = mount_check_image(&scene->layers, &scene->layout, owner, &scene->image);
	if (wrong)
		fail_msg("blocks of %u: %s", 1u << block_bits, wrong);
}

static inline char mount_content(uint32_t layer, uint32_t position, uint64_t at)
{
	return (char)(1 + (layer * 7 + position * 31 + at * 13 + (at >> 9)) % 255);
}

/* A segment as a decoder would give it; what is no content is not zero. */
static inline char *mount_decode(const struct mount_scene *scene, uint32_t layer, uint32_t segment)
{
	const struct xc_index *index = &scene->layers.items[layer].index;
	const struct xc_segment *info = &index->segments[segment];
	char *raw = xc_malloc(info->raw_bytes);

	memset(raw, 0xee, info->raw_bytes);
	for (uint32_t i = xc_index_find_member(index, info->tar_offset); i < index->members.count;
	     i++) {
		const struct xc_member *member = &index->members.items[i];
		uint64_t content = member->tar_offset + member->header_bytes;
		uint64_t end = content + xc_member_content_bytes(member);
		uint64_t from = XC_MAX(content, info->tar_offset);

		if (member->tar_offset >= info->tar_offset + info->raw_bytes)
			break;
		for (; from < XC_MIN(end, info->tar_offset + info->raw_bytes); from++)
			raw[from - info->tar_offset] = mount_content(layer, i, from - content);
	}
	return raw;
}

/* The raw file of a layer; to be freed. */
static inline char *mount_raw(const struct mount_scene *scene, uint32_t layer, size_t *ret_length)
{
	const struct xc_index *index = &scene->layers.items[layer].index;
	const uint64_t *segment_raw = scene->layout.layers[layer].segment_raw;
	size_t length = segment_raw[index->segment_count];
	char *raw = xc_malloc(length);

	memset(raw, 0xdd, length);
	for (uint32_t i = 0; i < index->segment_count; i++) {
		char *decoded = mount_decode(scene, layer, i);
		struct xc_layout_pieces pieces;
		struct xc_layout_piece piece;

		memset(raw + segment_raw[i], 0, segment_raw[i + 1] - segment_raw[i]);
		xc_layout_pieces_init(&pieces, &scene->layout, layer, i);
		while (xc_layout_pieces_next(&pieces, &piece))
			memcpy(raw + piece.raw, decoded + piece.at, piece.length);
		free(decoded);
	}
	*ret_length = length;
	return raw;
}

/* Byte `at` of a file as it must read, holes included. */
static inline char mount_byte(const struct mount_scene *scene, uint32_t layer, uint32_t position,
			      uint64_t at)
{
	const struct xc_member *member = &scene->layers.items[layer].index.members.items[position];

	if (!member->extra || !member->extra->sparse)
		return mount_content(layer, position, at);
	for (uint32_t i = 0; i < member->extra->extent_count; i++) {
		const struct xc_extent *run = &member->extra->extents[i];

		if (at >= run->offset && at < run->offset + run->length)
			return mount_content(layer, position, run->before + (at - run->offset));
	}
	return 0;
}

#endif
