/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packs and indexes as an enemy would write them: of any table, checked by
 * nobody. The tar headers are blank: the index is the authority.
 */
#ifndef XC_TESTS_CRAFT_H
#define XC_TESTS_CRAFT_H

#include "archive/tar.h"
#include "pack/internal.h"
#include "pack/manifest.h"
#include "pack/seekable.h"
#include "scene.h"

/* One member of a crafted table. The claims are what the index says if they are not zero. */
struct craft_member {
	uint32_t depth;
	uint8_t type;
	const char *name;
	const char *text; /* a file's content, a symlink's target */
	uint32_t back;    /* a hard link's distance to its target */
	uint64_t claimed_size;
	uint32_t claimed_header_blocks;
	uint16_t mode; /* 0 stands for 0755 or 0644 */
};

#define DIR_(depth_, name_)                                                                        \
	{                                                                                          \
		.depth = (depth_), .type = XC_MEMBER_DIR, .name = (name_)                          \
	}
#define FILE_(depth_, name_, text_)                                                                \
	{                                                                                          \
		(depth_), XC_MEMBER_FILE, (name_), (text_), 0, 0, 0, 0                             \
	}
#define LINK_(depth_, name_, text_)                                                                \
	{                                                                                          \
		(depth_), XC_MEMBER_SYMLINK, (name_), (text_), 0, 0, 0, 0                          \
	}
#define HARD_(depth_, name_, back_)                                                                \
	{                                                                                          \
		.depth = (depth_), .type = XC_MEMBER_HARDLINK, .name = (name_), .back = (back_)    \
	}

struct craft {
	const struct craft_member *members;
	uint32_t count;
	size_t segment_bytes; /* where the stream is cut; 0: nowhere but before the end */
	/* Changes the segments and the head that the index is made of; may be NULL. */
	void (*twist)(struct craft *craft);
	void (*twist_section)(enum xc_section_id id, struct xc_buf *raw);
	/* Filled on the way. */
	struct xc_segment segments[64];
	uint32_t segment_count, head_count, head_segments, head_version;
	uint64_t tar_bytes;
	struct xc_buf tar, pack;
	struct xc_layer layer;
};

static inline void craft_varint(struct xc_buf *out, uint64_t value)
{
	char bytes[XC_VARINT64_MAX_BYTES];

	xc_buf_add(out, bytes, xc_varint_put(bytes, value));
}

static inline void craft_text(struct xc_buf *out, const char *text)
{
	xc_buf_add(out, text, strlen(text) + 1);
}

static inline uint64_t craft_size(const struct craft_member *member)
{
	if (member->type != XC_MEMBER_FILE)
		return 0;
	return member->claimed_size ? member->claimed_size : strlen(member->text);
}

static inline void craft_head(const struct craft *craft, struct xc_buf *out)
{
	char head[XC_HEAD_BYTES] = XC_HEAD_MAGIC;

	xc_le_put(head + 8, craft->head_version, 4);
	xc_le_put(head + 12, craft->head_count, 4);
	xc_le_put(head + 16, craft->head_segments, 4);
	xc_le_put(head + 24, craft->tar_bytes, 8);
	xc_buf_add(out, head, sizeof(head));
}

static inline void craft_attrs(const struct craft *craft, struct xc_buf *out)
{
	if (craft->count > 0)
		craft_varint(out, craft->count);
	for (uint32_t i = 0; i < craft->count; i++) {
		const struct craft_member *member = &craft->members[i];
		uint16_t usual = member->type == XC_MEMBER_DIR ? 0755 : 0644;

		craft_varint(out, member->type);
		craft_varint(out, 0);
		craft_varint(out, member->mode ? member->mode : usual);
		craft_varint(out, geteuid());
		craft_varint(out, getegid());
	}
}

static inline void craft_links(const struct craft *craft, struct xc_buf *out)
{
	for (uint32_t i = 0; i < craft->count; i++) {
		if (craft->members[i].type == XC_MEMBER_SYMLINK)
			craft_text(out, craft->members[i].text);
		else if (craft->members[i].type == XC_MEMBER_HARDLINK)
			craft_varint(out, craft->members[i].back);
	}
}

static inline void craft_segments(const struct craft *craft, struct xc_buf *out)
{
	for (uint32_t i = 0; i < craft->segment_count; i++) {
		craft_varint(out, craft->segments[i].stored_bytes);
		craft_varint(out, craft->segments[i].raw_bytes);
		xc_buf_add(out, craft->segments[i].sha256, XC_SHA256_BYTES);
	}
}

static inline void craft_member_column(const struct craft *craft, enum xc_section_id id,
				       struct xc_buf *out)
{
	static const char no_hash[XC_CONTENT_HASH_BYTES];

	for (uint32_t i = 0; i < craft->count; i++) {
		const struct craft_member *member = &craft->members[i];

		if (id == XC_SECTION_SHAPE) {
			craft_varint(out, member->depth);
			craft_varint(out, 0);
		} else if (id == XC_SECTION_NAMES) {
			craft_text(out, member->name);
		} else if (id == XC_SECTION_ATTR_IDS) {
			craft_varint(out, i);
		} else if (id == XC_SECTION_MTIMES) {
			/* The first is a difference from 1970, the others from the one before. */
			craft_varint(out, i == 0 ? 3000000000000000000u : 0);
		} else if (id == XC_SECTION_SIZES && member->type == XC_MEMBER_FILE) {
			craft_varint(out, craft_size(member));
		} else if (id == XC_SECTION_HEADERS) {
			craft_varint(out, member->claimed_header_blocks
						  ? member->claimed_header_blocks
						  : 1);
		} else if (id == XC_SECTION_HASHES && craft_size(member) > 0) {
			xc_buf_add(out, no_hash, sizeof(no_hash));
		}
	}
}

static inline void craft_section(const struct craft *craft, enum xc_section_id id,
				 struct xc_buf *out)
{
	if (id == XC_SECTION_HEAD)
		craft_head(craft, out);
	else if (id == XC_SECTION_SEGMENTS)
		craft_segments(craft, out);
	else if (id == XC_SECTION_ATTRS)
		craft_attrs(craft, out);
	else if (id == XC_SECTION_LINKS)
		craft_links(craft, out);
	else
		craft_member_column(craft, id, out);
}

static inline void craft_index(const struct craft *craft, struct xc_buf *out)
{
	struct xc_section_writer *writer = xc_section_writer_new();
	struct xc_err err;

	for (enum xc_section_id id = XC_SECTION_HEAD; id < XC_SECTION_END; id++) {
		cleanup_buf struct xc_buf raw = XC_BUF_INIT;

		craft_section(craft, id, &raw);
		if (craft->twist_section)
			craft->twist_section(id, &raw);
		must(xc_section_append(writer, id, &raw, out, &err), &err);
	}
	xc_section_writer_free(writer);
}

static inline void craft_tar(struct craft *craft)
{
	static const char zeros[XC_TAR_END_BYTES];

	for (uint32_t i = 0; i < craft->count; i++) {
		const struct craft_member *member = &craft->members[i];

		xc_buf_add(&craft->tar, zeros, XC_TAR_BLOCK_BYTES);
		if (member->type != XC_MEMBER_FILE)
			continue;
		xc_buf_add_str(&craft->tar, member->text);
		xc_buf_add(&craft->tar, zeros, -strlen(member->text) % XC_TAR_BLOCK_BYTES);
	}
	xc_buf_add(&craft->tar, zeros, XC_TAR_END_BYTES);
}

static inline void craft_pack_segments(struct craft *craft)
{
	struct xc_segment_encoder *encoder = xc_segment_encoder_new(1);
	size_t at = 0, step = craft->segment_bytes ? craft->segment_bytes : craft->tar.len_bytes;
	struct xc_err err;

	while (at < craft->tar.len_bytes) {
		cleanup_buf struct xc_buf stored = XC_BUF_INIT;
		struct xc_segment *segment = &craft->segments[craft->segment_count++];
		size_t length = XC_MIN(step, craft->tar.len_bytes - at);

		assert_true(craft->segment_count <= ARRAY_LEN(craft->segments));
		must(xc_segment_encode(encoder, craft->tar.data + at, length, &stored, segment,
				       &err),
		     &err);
		xc_buf_add(&craft->pack, stored.data, stored.len_bytes);
		at += length;
	}
	xc_segment_encoder_free(encoder);
}

/* The index and the end of a pack whose segments are made, and the layer that leads to it. */
static inline void craft_finish(struct craft *craft)
{
	cleanup_buf struct xc_buf index = XC_BUF_INIT;
	struct xc_err err;

	craft->head_count = craft->count;
	craft->head_segments = craft->segment_count;
	craft->head_version = XC_INDEX_VERSION;
	if (craft->twist)
		craft->twist(craft);
	craft_index(craft, &index);
	xc_key_new_id(craft->layer.pack);
	craft->layer.index_offset = craft->pack.len_bytes;
	craft->layer.index_bytes = index.len_bytes;
	craft->layer.member_count = craft->count;
	xc_sha256(index.data, index.len_bytes, craft->layer.index_sha256);
	xc_buf_add(&craft->pack, index.data, index.len_bytes);
	must(xc_seekable_encode(craft->segments, craft->segment_count, index.data, index.len_bytes,
				&craft->pack, &err),
	     &err);
	craft->layer.pack_bytes = craft->pack.len_bytes;
}

/* Make the pack and the layer of a manifest that leads to it. */
static inline void craft_pack(struct craft *craft)
{
	craft_tar(craft);
	craft_pack_segments(craft);
	craft->tar_bytes = craft->tar.len_bytes;
	craft_finish(craft);
}

static inline void craft_release(struct craft *craft)
{
	xc_buf_release(&craft->tar);
	xc_buf_release(&craft->pack);
}

static inline void store_put(const struct scene *scene, const char *name, const void *data,
			     size_t length)
{
	struct xc_err err;

	must(xc_store_put(scene->store, name, data, length, XC_PUT_ALWAYS, &err), &err);
}

static inline char *pack_name(const char *id)
{
	return xc_asprintf("a%%2Fb/main/packs/%s.tar.zst", id);
}

/* The name of the manifest for the scene's query. */
static inline char *entry_name(const struct scene *scene)
{
	struct xc_buf name = XC_BUF_INIT;
	char version[XC_VERSION_HEX + 1];

	xc_key_version(scene->query.paths, version);
	xc_buf_addf(&name, "a%%2Fb/main/entries/%s/", version);
	xc_key_encode(scene->query.key, &name);
	return xc_buf_steal(&name);
}

/* What an honest writer would count of a layer, as far as its pack can be read. */
static inline void craft_totals(const struct scene *scene, const struct xc_layer *layer,
				struct xc_totals *totals)
{
	cleanup_free char *name = pack_name(layer->pack), *data = xc_malloc(layer->index_bytes);
	cleanup_index struct xc_index index = XC_INDEX_INIT;
	struct xc_index_budget budget = { 0 };
	struct xc_err ignored;

	if (xc_store_read_wait(scene->store, name, layer->index_offset, data, layer->index_bytes,
			       &ignored) == 0 &&
	    xc_index_parse(data, layer->index_bytes, &budget, &index, &ignored) == 0)
		xc_totals_add(totals, layer, &index.members);
}

/* A manifest of these layers, which are borrowed, as the entry that the query is for. */
static inline void craft_manifest(const struct scene *scene, struct xc_layer *layers,
				  uint32_t count, struct xc_buf *out)
{
	struct xc_manifest manifest = {
		.key = (char *)scene->query.key,
		.tool = (char *)"nobody",
		.created_ns = 1500000000000000000,
		.paths = scene->paths,
		.layers = layers,
		.layer_count = count,
	};

	xc_key_version(scene->query.paths, manifest.version);
	for (uint32_t i = 0; i < count; i++)
		craft_totals(scene, &layers[i], &manifest.totals);
	xc_manifest_encode(&manifest, out);
}

static inline void put_manifest(const struct scene *scene, struct xc_layer *layers, uint32_t count)
{
	cleanup_buf struct xc_buf data = XC_BUF_INIT;
	cleanup_free char *name = entry_name(scene);

	craft_manifest(scene, layers, count, &data);
	store_put(scene, name, data.data, data.len_bytes);
}

static inline void put_pack(const struct scene *scene, const struct craft *craft)
{
	cleanup_free char *name = pack_name(craft->layer.pack);

	store_put(scene, name, craft->pack.data, craft->pack.len_bytes);
}

#endif
