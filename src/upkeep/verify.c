/* SPDX-License-Identifier: Apache-2.0 */
#include "upkeep/verify.h"

#include <string.h>

#include "base/hex.h"
#include "base/progress.h"
#include "entry/broken.h"
#include "entry/layer.h"
#include "fetch/fetch.h"
#include "upkeep/internal.h"

struct verification {
	struct xc_cache cache; /* the caller's, with all scopes of the stock to read packs of */
	const struct xc_verify_opts *opts;
	struct xc_stock stock;
	struct xc_err *packs; /* by position: what is wrong; of kind INTERNAL until it was read */
	struct xc_verify_result *result;
};

/* The pack where the layer of an entry of `scope` has it. */
static size_t find_pack(const struct verification *verification, const char *scope,
			const struct xc_layer *layer)
{
	const struct xc_stock *stock = &verification->stock;
	uint8_t id[XC_STOCK_ID_BYTES];
	size_t pack;

	if (xc_hex_decode(layer->pack, id, sizeof(id)) < 0)
		return SIZE_MAX;
	for (pack = xc_stock_find_pack(stock, id); xc_stock_has_id(stock, pack, id); pack++)
		if (strcmp(stock->scopes.items[stock->packs[pack].scope],
			   layer->scope ? layer->scope : scope) == 0)
			return pack;
	return SIZE_MAX;
}

/* What the listing says of the packs: all of them, as long as they should be. */
static int check_sizes(const struct verification *verification, const char *scope,
		       const struct xc_manifest *manifest, struct xc_err *err)
{
	for (uint32_t i = 0; i < manifest->layer_count; i++) {
		const struct xc_layer *layer = &manifest->layers[i];
		size_t pack = find_pack(verification, scope, layer);
		uint64_t size_bytes;

		if (pack == SIZE_MAX)
			return xc_err_set(err, XC_ERR_CORRUPT, "pack %s is missing", layer->pack);
		size_bytes = verification->stock.packs[pack].size_bytes;
		if (size_bytes != layer->pack_bytes)
			return xc_err_set(err, XC_ERR_CORRUPT,
					  "pack %s has %llu bytes instead of %llu", layer->pack,
					  (unsigned long long)size_bytes,
					  (unsigned long long)layer->pack_bytes);
	}
	return 0;
}

/* What is being read, for its progress. */
struct reading {
	struct xc_progress *progress;
	const struct xc_segment *segments;
};

/* Segments are checked and decoded before this. */
static int count_segment(void *context, const struct xc_fetched *fetched, struct xc_err *err)
{
	const struct reading *reading = context;

	(void)err;
	xc_progress_add(reading->progress, 0, reading->segments[fetched->ref.segment].stored_bytes,
			0);
	return 0;
}

static int read_segments(struct verification *verification, const struct xc_entry_layer *layer,
			 uint64_t taken_bytes, struct xc_err *err)
{
	const struct xc_fetch_pack pack = xc_layer_fetch_pack(layer);
	struct reading reading = { verification->cache.progress, layer->index.segments };
	struct xc_fetch *fetch = xc_fetch_new(&(struct xc_fetch_opts){
		.store = verification->cache.store,
		.packs = &pack,
		.pack_count = 1,
		.threads = verification->cache.threads,
		.taken_bytes = taken_bytes,
		.consume = count_segment,
		.context = &reading,
		.cancel = verification->cache.cancel,
	});
	cleanup_free struct xc_segment_ref *refs = xc_calloc(pack.segment_count + 1, sizeof(*refs));
	int result;

	for (uint32_t i = 0; i < pack.segment_count; i++)
		refs[i].segment = i;
	result = xc_fetch_run(fetch, refs, pack.segment_count, XC_PRIORITY_NORMAL, err);
	xc_fetch_free(fetch);
	return result;
}

static bool was_read(const struct verification *verification, size_t pack)
{
	return verification->packs[pack].kind != XC_ERR_INTERNAL;
}

/* A pack that another entry has, too, is read once; what was wrong with it is told again. */
static int check_layer(struct verification *verification, const char *scope,
		       const struct xc_entry_layer *layer, uint64_t taken_bytes, struct xc_err *err)
{
	size_t pack = find_pack(verification, scope, layer->layer);
	struct xc_verify_result *result = verification->result;

	if (!was_read(verification, pack)) {
		verification->packs[pack].kind = XC_ERR_NONE;
		result->packs++;
		result->bytes += layer->layer->pack_bytes;
		if (read_segments(verification, layer, taken_bytes, err) < 0) {
			if (!xc_is_broken(err))
				return -1;
			verification->packs[pack] = *err;
		}
	}
	*err = verification->packs[pack];
	return err->kind == XC_ERR_NONE ? 0 : -1;
}

static int check_contents(struct verification *verification, const struct xc_stock_entry *entry,
			  const struct xc_manifest *manifest, struct xc_err *err)
{
	cleanup_layers struct xc_entry_layers layers = XC_ENTRY_LAYERS_INIT;
	const char *scope = verification->stock.scopes.items[entry->scope];
	const struct xc_layers_source source = { .scope = scope, .manifest = manifest };

	if (check_sizes(verification, scope, manifest, err) < 0 ||
	    xc_layers_load(&verification->cache, &source, &layers, err) < 0)
		return -1;
	for (uint32_t i = 0; i < layers.count; i++)
		if (check_layer(verification, scope, &layers.items[i],
				xc_index_budget_free_used(&layers.budget), err) < 0)
			return -1;
	return 0;
}

/* Tell what came of an entry. -1 for errors that say nothing of it. */
static int conclude(struct verification *verification, struct xc_entry *entry, int checked,
		    struct xc_err *err)
{
	const struct xc_verify_opts *opts = verification->opts;
	struct xc_verify_result *result = verification->result;

	if (checked < 0 && !xc_is_broken(err) && err->kind != XC_ERR_FORMAT)
		return -1;
	result->entries++;
	result->unknown += checked < 0 && err->kind == XC_ERR_FORMAT;
	result->broken += checked < 0 && err->kind != XC_ERR_FORMAT;
	if (opts->checked)
		opts->checked(entry, checked < 0 ? err : NULL, opts->context);
	return 0;
}

static int check_entry(struct verification *verification, const struct xc_stock_entry *listed,
		       struct xc_err *err)
{
	cleanup_manifest struct xc_manifest manifest = XC_MANIFEST_INIT;
	const struct xc_entry_ref ref = xc_stock_ref(listed);
	struct xc_entry entry = {
		.scope = verification->stock.scopes.items[listed->scope],
		.version = listed->version,
		.key = listed->key,
		.object = listed->object,
		.manifest_bytes = listed->manifest_bytes,
		.modified_ns = listed->written_ns,
	};
	struct xc_store_tag tag;
	int checked;

	if (xc_cancel_check(verification->cache.cancel, err) < 0)
		return -1;
	checked = xc_load_manifest(&verification->cache, &ref, &tag, &manifest, err);
	/* Removed since it was listed. */
	if (checked < 0 && err->kind == XC_ERR_NOT_FOUND)
		return 0;
	if (checked == 0) {
		entry.manifest = &manifest;
		entry.key = manifest.key;
		if (verification->opts->key && strcmp(manifest.key, verification->opts->key) != 0)
			return 0;
		checked = check_contents(verification, listed, &manifest, err);
	}
	return conclude(verification, &entry, checked, err);
}

static bool is_in_scopes(const struct verification *verification, const struct xc_strlist *scopes,
			 const struct xc_stock_entry *entry)
{
	for (size_t i = 0; i < scopes->count; i++)
		if (strcmp(verification->stock.scopes.items[entry->scope], scopes->items[i]) == 0)
			return true;
	return false;
}

/* As far as names tell. */
static bool is_wanted(const struct verification *verification, const struct xc_strlist *scopes,
		      const struct xc_stock_entry *entry)
{
	const struct xc_verify_opts *opts = verification->opts;

	if (opts->version && strcmp(entry->version, opts->version) != 0)
		return false;
	if (!opts->key)
		return true;
	return is_in_scopes(verification, scopes, entry) &&
	       (!entry->key || strcmp(entry->key, opts->key) == 0);
}

static void count_unnamed(struct verification *verification)
{
	const struct xc_stock *stock = &verification->stock;
	uint64_t named_bytes = 0;

	for (size_t i = 0; i < stock->pack_count; i++) {
		if (stock->packs[i].names > 0) {
			named_bytes += stock->packs[i].size_bytes;
			continue;
		}
		verification->result->unnamed++;
		verification->result->unnamed_bytes += stock->packs[i].size_bytes;
	}
	xc_progress_totals(verification->cache.progress, 0, named_bytes);
}

static int check_all(struct verification *verification, const struct xc_strlist *scopes,
		     struct xc_err *err)
{
	struct xc_stock *stock = &verification->stock;

	if (xc_stock_list(&verification->cache, stock, err) < 0)
		return -1;
	verification->cache.scopes = &stock->scopes;
	verification->packs = xc_calloc(stock->pack_count + 1, sizeof(*verification->packs));
	for (size_t i = 0; i < stock->pack_count; i++)
		verification->packs[i].kind = XC_ERR_INTERNAL;
	if (!verification->opts->key) {
		if (xc_stock_read(&verification->cache, stock, NULL, NULL, err) < 0)
			return -1;
		count_unnamed(verification);
	}
	xc_progress_phase(verification->cache.progress, XC_PHASE_VERIFY);
	for (size_t i = 0; i < stock->entry_count; i++)
		if (is_wanted(verification, scopes, &stock->entries[i]) &&
		    check_entry(verification, &stock->entries[i], err) < 0)
			return -1;
	return 0;
}

int xc_verify(const struct xc_cache *cache, const struct xc_verify_opts *opts,
	      struct xc_verify_result *ret_result, struct xc_err *err)
{
	struct xc_verify_result found = { 0 };
	struct verification verification = {
		.cache = *cache,
		.opts = opts,
		.stock = XC_STOCK_INIT,
		.result = &found,
	};
	int result = check_all(&verification, cache->scopes, err);

	free(verification.packs);
	xc_stock_release(&verification.stock);
	if (result == 0 && opts->key && found.entries == 0)
		result = xc_err_set(err, XC_ERR_NOT_FOUND, "there is no entry for key %s",
				    XC_QUOTE(opts->key));
	if (result == 0)
		*ret_result = found;
	return result;
}
