/* SPDX-License-Identifier: Apache-2.0 */
#include "entry/layer.h"

#include <string.h>

#include "entry/objects.h"
#include "fetch/index.h"
#include "fetch/reads.h"
#include "key/objects.h"

/*
 * A first segment that does not compress is a little longer than its content,
 * and would else be read twice.
 */
#define HEAD_MARGIN_BYTES ((size_t)64 << 10)

#define INDEXES_IN_FLIGHT 8
#define INDEXES_BYTES     ((size_t)32 << 20)

/* The loading of an entry's indexes. */
struct loading {
	const struct xc_cache *cache;
	const struct xc_layers_source *source;
	struct xc_entry_layers *layers;
	struct xc_reads_item *items; /* the indexes that no head has */
	struct xc_reads *reads;
	bool index_in_head; /* the first layer's */
};

static int name_layers(const struct xc_cache *cache, const struct xc_layers_source *source,
		       struct xc_entry_layers *layers, struct xc_err *err)
{
	const struct xc_manifest *manifest = source->manifest;
	uint64_t members = 0;

	layers->items = xc_calloc(manifest->layer_count, sizeof(*layers->items));
	for (uint32_t i = 0; i < manifest->layer_count; i++) {
		struct xc_buf name = XC_BUF_INIT;

		members += manifest->layers[i].member_count;
		if (members > XC_MEMBERS_MAX)
			return xc_err_set(
				err, XC_ERR_CORRUPT,
				"together the layers have more members than one entry may have");
		if (xc_name_layer_pack(cache, source->scope, &manifest->layers[i], &name, err) < 0)
			return -1;
		layers->items[layers->count++] = (struct xc_entry_layer){
			.layer = &manifest->layers[i],
			.pack_name = xc_buf_steal(&name),
		};
	}
	return 0;
}

/* How much of a pack is asked for before its index has come; 0 for nothing. */
static size_t head_length(const struct xc_store *store, const struct xc_layer *layer)
{
	size_t most = XC_MAX(store->read_bytes, XC_SEGMENT_TARGET_BYTES) + HEAD_MARGIN_BYTES;

	if (layer->dead_count > 0)
		return 0;
	if (layer->pack_bytes <= most)
		return (size_t)layer->pack_bytes;
	return (size_t)XC_MIN(layer->index_offset, (uint64_t)most);
}

/* The indexes first, as nothing begins without them. */
static void start_reads(struct loading *loading)
{
	struct xc_store *store = loading->cache->store;
	struct xc_entry_layer *first = loading->layers->items;
	bool head = loading->source->head && loading->layers->count > 0;
	size_t head_bytes = head ? head_length(store, first->layer) : 0, count = 0;

	loading->items = xc_calloc(loading->layers->count, sizeof(*loading->items));
	loading->index_in_head = head_bytes > 0 && head_bytes == first->layer->pack_bytes;
	if (loading->index_in_head)
		first->head = xc_readahead_start(store, first->pack_name, 0, head_bytes);
	/* Without memory for all of it the index alone may find some. */
	loading->index_in_head = loading->index_in_head && first->head;
	for (uint32_t i = loading->index_in_head; i < loading->layers->count; i++) {
		const struct xc_entry_layer *layer = &loading->layers->items[i];

		loading->items[count++] = (struct xc_reads_item){
			.name = layer->pack_name,
			.offset = layer->layer->index_offset,
			.length = layer->layer->index_bytes,
		};
		loading->layers->fetched_bytes += layer->layer->index_bytes;
	}
	loading->reads = xc_reads_new(
		&(struct xc_reads_opts){
			.store = store,
			.in_flight = INDEXES_IN_FLIGHT,
			.bytes = INDEXES_BYTES,
		},
		loading->items, count);
	if (head_bytes > 0 && !first->head)
		first->head = xc_readahead_start(store, first->pack_name, 0, head_bytes);
}

/* The bytes of a layer's index, borrowed. */
static int next_index(struct loading *loading, uint32_t number, const char **ret_data,
		      struct xc_err *err)
{
	const struct xc_entry_layer *layer = &loading->layers->items[number];

	if (!loading->source->stored) {
		if (number == 0 && loading->index_in_head)
			return xc_readahead_wait(layer->head, layer->layer->index_offset, ret_data,
						 err);
		return xc_reads_next(loading->reads, ret_data, err);
	}
	if (loading->source->stored[number].len_bytes != layer->layer->index_bytes)
		return xc_err_set(err, XC_ERR_CORRUPT,
				  "the index of pack %s has another length than the manifest says",
				  layer->layer->pack);
	*ret_data = loading->source->stored[number].data;
	return 0;
}

static int load_layer(struct loading *loading, uint32_t number, struct xc_err *err)
{
	struct xc_entry_layer *layer = &loading->layers->items[number];
	const struct xc_index_source source = {
		.store = loading->cache->store,
		.pack_name = layer->pack_name,
		.layer = layer->layer,
		.keep = loading->source->keep_stored ? &layer->stored : NULL,
	};
	const char *data;

	if (xc_cancel_check(loading->cache->cancel, err) < 0)
		return -1;
	if (next_index(loading, number, &data, err) < 0)
		return -1;
	if (xc_fetch_index(&source, data, &loading->layers->budget, &layer->index, err) < 0)
		return -1;
	/* Only the newest layer's count. */
	if (number + 1 < loading->layers->count)
		xc_index_drop_overrides(&layer->index, &loading->layers->budget);
	xc_layer_alive(layer->layer, &layer->alive);
	return 0;
}

/* Give a member what an override says, and the override what the member said. */
static void swap_override(struct xc_member *member, struct xc_override *override)
{
	const struct xc_override own = xc_override_of(member, override->position);

	member->mtime_ns = override->mtime_ns;
	member->mtime_s = override->mtime_s;
	member->uid = override->uid;
	member->gid = override->gid;
	member->mode = override->mode;
	*override = own;
}

/* The overrides become what the layer keeps of its own index: no memory is taken. */
static void override_layer(struct xc_entry_layer *layer, struct xc_layer_overrides *overrides)
{
	struct xc_members *members = &layer->index.members;
	uint32_t count = 0;

	for (uint32_t i = 0; i < overrides->count; i++) {
		uint32_t position = overrides->items[i].position;

		/* What is dead or not there is no longer anyone's; a hard link is its file's. */
		if (position >= members->count || !xc_member_set_has(&layer->alive, position) ||
		    members->items[position].type == XC_MEMBER_HARDLINK)
			continue;
		overrides->items[count] = overrides->items[i];
		swap_override(&members->items[position], &overrides->items[count++]);
	}
	layer->overridden = STEAL_PTR(overrides->items);
	layer->overridden_count = count;
	overrides->count = 0;
}

/* In the other layers only: a layer's own members are as they were written. */
static void apply_overrides(struct xc_entry_layers *layers)
{
	struct xc_overrides *overrides = &layers->items[layers->count - 1].index.overrides;

	for (uint32_t i = 0; i < overrides->count; i++)
		for (uint32_t k = 0; k + 1 < layers->count; k++)
			if (strcmp(layers->items[k].layer->pack, overrides->layers[i].pack) == 0)
				override_layer(&layers->items[k], &overrides->layers[i]);
	xc_overrides_release(overrides);
}

int xc_layers_load(const struct xc_cache *cache, const struct xc_layers_source *source,
		   struct xc_entry_layers *ret_layers, struct xc_err *err)
{
	struct loading loading = { .cache = cache, .source = source, .layers = ret_layers };
	int result;

	*ret_layers = (struct xc_entry_layers)XC_ENTRY_LAYERS_INIT;
	if (name_layers(cache, source, ret_layers, err) < 0)
		return -1;
	if (!source->stored)
		start_reads(&loading);
	result = 0;
	for (uint32_t i = 0; result == 0 && i < ret_layers->count; i++)
		result = load_layer(&loading, i, err);
	xc_reads_free(loading.reads);
	free(loading.items);
	if (result == 0 && ret_layers->count > 0)
		apply_overrides(ret_layers);
	return result;
}

void xc_layers_release(struct xc_entry_layers *layers)
{
	for (uint32_t i = 0; i < layers->count; i++) {
		struct xc_entry_layer *layer = &layers->items[i];

		xc_readahead_free(layer->head);
		xc_index_release(&layer->index);
		xc_member_set_release(&layer->alive);
		xc_buf_release(&layer->stored);
		free(layer->overridden);
		free(layer->pack_name);
	}
	free(layers->items);
	*layers = (struct xc_entry_layers)XC_ENTRY_LAYERS_INIT;
}

struct xc_fetch_pack xc_layer_fetch_pack(const struct xc_entry_layer *layer)
{
	return (struct xc_fetch_pack){
		.name = layer->pack_name,
		.id = layer->layer->pack,
		.segments = layer->index.segments,
		.segment_count = layer->index.segment_count,
		.head = layer->head,
	};
}

bool xc_layer_needs_segment(const struct xc_entry_layer *layer, uint32_t segment)
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
		    xc_member_set_has(&layer->alive, i))
			return true;
	}
	return false;
}
