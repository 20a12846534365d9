/* SPDX-License-Identifier: Apache-2.0 */
#include "entry/broken.h"

#include <string.h>

#include "entry/layer.h"
#include "fetch/reads.h"
#include "key/objects.h"

bool xc_is_broken(const struct xc_err *err)
{
	return err->kind == XC_ERR_CORRUPT || err->kind == XC_ERR_NOT_FOUND;
}

void xc_broken_release(struct xc_broken *broken)
{
	for (size_t i = 0; i < broken->count; i++) {
		free(broken->items[i].scope);
		free(broken->items[i].object);
		free(broken->items[i].key);
	}
	free(broken->items);
	*broken = (struct xc_broken)XC_BROKEN_INIT;
}

static struct xc_broken_entry *add(struct xc_broken *broken)
{
	broken->items = xc_realloc(broken->items, (broken->count + 1) * sizeof(*broken->items));
	return &broken->items[broken->count++];
}

void xc_broken_note(struct xc_broken *broken, const char *scope, const struct xc_entry_ref *ref,
		    const struct xc_store_tag *tag, const struct xc_err *why)
{
	struct xc_broken_entry *entry;

	if (xc_broken_has(broken, ref->object))
		return;
	entry = add(broken);
	*entry = (struct xc_broken_entry){
		.scope = xc_strdup(scope),
		.object = xc_strdup(ref->object),
		.key = ref->key ? xc_strdup(ref->key) : NULL,
		.tag = *tag,
		.why = *why,
	};
	/* What is gone is no miss: there was an entry, and it cannot be used. */
	if (entry->why.kind == XC_ERR_NOT_FOUND)
		entry->why.kind = XC_ERR_CORRUPT;
}

void xc_broken_note_match(struct xc_broken *broken, const struct xc_match *match,
			  const struct xc_err *why)
{
	const struct xc_entry_ref ref = xc_match_ref(match);

	xc_broken_note(broken, match->scope, &ref, &match->tag, why);
}

bool xc_broken_has(const struct xc_broken *broken, const char *object)
{
	for (size_t i = 0; i < broken->count; i++)
		if (strcmp(broken->items[i].object, object) == 0)
			return true;
	return false;
}

void xc_broken_hand_over(const struct xc_cache *cache, struct xc_broken *broken)
{
	if (cache->broken) {
		for (size_t i = 0; i < broken->count; i++)
			*add(cache->broken) = broken->items[i];
		broken->count = 0;
	}
	xc_broken_release(broken);
}

/* The last byte of a pack says that all of it is there. */
static int read_last_bytes(const struct xc_cache *cache, const struct xc_reads_item *items,
			   uint32_t count, struct xc_err *err)
{
	struct xc_reads *reads = xc_reads_new(
		&(struct xc_reads_opts){
			.store = cache->store,
			.in_flight = XC_READS_IN_FLIGHT_MAX,
			.bytes = XC_READS_IN_FLIGHT_MAX,
		},
		items, count);
	const char *data;
	int result = 0;

	for (uint32_t i = 0; result == 0 && i < count; i++) {
		result = xc_cancel_check(cache->cancel, err);
		if (result == 0)
			result = xc_reads_next(reads, &data, err);
	}
	xc_reads_free(reads);
	return result;
}

int xc_packs_check(const struct xc_cache *cache, const char *scope,
		   const struct xc_manifest *manifest, struct xc_err *err)
{
	cleanup_strlist struct xc_strlist names = XC_STRLIST_INIT;
	cleanup_free struct xc_reads_item *items = xc_calloc(manifest->layer_count, sizeof(*items));

	for (uint32_t i = 0; i < manifest->layer_count; i++) {
		cleanup_buf struct xc_buf name = XC_BUF_INIT;

		if (xc_name_layer_pack(cache, scope, &manifest->layers[i], &name, err) < 0)
			return -1;
		xc_strlist_add(&names, name.data);
		items[i] = (struct xc_reads_item){
			.name = names.items[i],
			.offset = manifest->layers[i].pack_bytes - 1,
			.length = 1,
		};
	}
	return read_last_bytes(cache, items, manifest->layer_count, err);
}

/* All segments of all layers, on the heap. */
static struct xc_segment_ref *list_segments(const struct xc_entry_layers *layers, size_t *ret_count)
{
	struct xc_segment_ref *refs;
	size_t count = 0;

	for (uint32_t i = 0; i < layers->count; i++)
		count += layers->items[i].index.segment_count;
	refs = xc_calloc(count, sizeof(*refs));
	*ret_count = count;
	count = 0;
	for (uint32_t i = 0; i < layers->count; i++)
		for (uint32_t k = 0; k < layers->items[i].index.segment_count; k++)
			refs[count++] = (struct xc_segment_ref){ i, k };
	return refs;
}

static int fetch_all(const struct xc_cache *cache, struct xc_entry_layers *layers,
		     struct xc_err *err)
{
	cleanup_free struct xc_fetch_pack *packs = xc_calloc(layers->count, sizeof(*packs));
	cleanup_free struct xc_segment_ref *refs = NULL;
	struct xc_fetch *fetch;
	size_t count;
	int result;

	for (uint32_t i = 0; i < layers->count; i++)
		packs[i] = xc_layer_fetch_pack(&layers->items[i]);
	refs = list_segments(layers, &count);
	fetch = xc_fetch_new(&(struct xc_fetch_opts){
		.store = cache->store,
		.packs = packs,
		.pack_count = layers->count,
		.threads = cache->threads,
		.taken_bytes = xc_index_budget_free_used(&layers->budget),
		.cancel = cache->cancel,
	});
	result = xc_fetch_run(fetch, refs, count, XC_PRIORITY_NORMAL, err);
	xc_fetch_free(fetch);
	return result;
}

int xc_packs_verify(const struct xc_cache *cache, const char *scope,
		    const struct xc_manifest *manifest, struct xc_err *err)
{
	cleanup_layers struct xc_entry_layers layers = XC_ENTRY_LAYERS_INIT;

	if (xc_layers_load(cache,
			   &(struct xc_layers_source){ .scope = scope, .manifest = manifest },
			   &layers, err) < 0)
		return -1;
	return fetch_all(cache, &layers, err);
}
