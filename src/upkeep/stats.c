/* SPDX-License-Identifier: Apache-2.0 */
#include "upkeep/stats.h"

#include <string.h>

#include "base/hex.h"
#include "fetch/index.h"
#include "key/objects.h"
#include "upkeep/stock.h"

/* A pack of which some entry leaves out members: what all of them together keep. */
struct partial {
	struct xc_layer layer; /* as the first of them has it; it owns nothing here */
	struct xc_member_set alive;
};

struct census {
	const struct xc_cache *cache;
	struct xc_stock stock;
	struct partial **partials; /* by the position of the pack; NULL for most */
	bool *whole;               /* some entry keeps all of it */
	struct xc_stats *stats;
};

static void free_partial(struct partial *partial)
{
	if (partial)
		xc_member_set_release(&partial->alive);
	free(partial);
}

static void add_alive(struct partial *partial, const struct xc_layer *layer)
{
	struct xc_member_set alive;

	xc_layer_alive(layer, &alive);
	for (uint32_t i = xc_member_set_next(&alive, 0); i < alive.size;
	     i = xc_member_set_next(&alive, i + 1))
		if (i < partial->alive.size)
			xc_member_set_add(&partial->alive, i);
	xc_member_set_release(&alive);
}

static void note_layer(struct census *census, const struct xc_layer *layer)
{
	uint8_t id[XC_STOCK_ID_BYTES];
	size_t pack = xc_hex_decode(layer->pack, id, sizeof(id)) == 0
			      ? xc_stock_find_pack(&census->stock, id)
			      : SIZE_MAX;

	census->stats->layers++;
	if (pack == SIZE_MAX || census->whole[pack])
		return;
	if (layer->dead_count == 0) {
		census->whole[pack] = true;
		free_partial(census->partials[pack]);
		census->partials[pack] = NULL;
		return;
	}
	if (!census->partials[pack]) {
		census->partials[pack] = xc_calloc(1, sizeof(**census->partials));
		census->partials[pack]->layer = *layer;
		census->partials[pack]->layer.dead = NULL;
		census->partials[pack]->layer.dead_count = 0;
		census->partials[pack]->layer.scope = NULL;
		xc_member_set_init(&census->partials[pack]->alive, layer->member_count, false);
	}
	add_alive(census->partials[pack], layer);
}

static void note_manifest(const struct xc_stock_entry *entry, const struct xc_manifest *manifest,
			  void *context)
{
	struct census *census = context;

	census->stats->entries++;
	census->stats->entry_bytes += entry->pack_bytes;
	census->stats->missing += entry->packs.missing;
	for (uint32_t i = 0; i < manifest->layer_count; i++)
		note_layer(census, &manifest->layers[i]);
}

/* Of a pack's bytes those that belong to dead members, by their share of the tar stream. */
static uint64_t dead_bytes(const struct partial *partial, const struct xc_index *index,
			   uint64_t pack_bytes)
{
	uint64_t dead = 0, all = 0;

	for (uint32_t i = 0; i < index->members.count; i++) {
		uint64_t span = xc_member_span_bytes(&index->members.items[i]);

		all += span;
		if (!xc_member_set_has(&partial->alive, i))
			dead += span;
	}
	return all > 0 ? (uint64_t)((double)pack_bytes * ((double)dead / (double)all)) : 0;
}

static int load_index(const struct census *census, size_t pack, const struct partial *partial,
		      struct xc_index *ret_index, struct xc_err *err)
{
	const char *scope = census->stock.scopes.items[census->stock.packs[pack].scope];
	const struct xc_layer *layer = &partial->layer;
	struct xc_index_budget budget = { 0 };
	cleanup_buf struct xc_buf name = XC_BUF_INIT;
	cleanup_free char *data = NULL;

	if (layer->index_bytes > XC_INDEX_STORED_MAX)
		return xc_err_set(err, XC_ERR_CORRUPT, "the index of pack %s is too long",
				  layer->pack);
	data = xc_malloc(layer->index_bytes);
	if (xc_name_pack(census->cache->repository, scope, layer->pack, &name, err) < 0 ||
	    xc_store_read_wait(census->cache->store, name.data, layer->index_offset, data,
			       layer->index_bytes, err) < 0)
		return -1;
	return xc_fetch_index(
		&(struct xc_index_source){
			.store = census->cache->store,
			.pack_name = name.data,
			.layer = layer,
		},
		data, &budget, ret_index, err);
}

static int count_dead(struct census *census, size_t pack, struct xc_err *err)
{
	const struct partial *partial = census->partials[pack];
	cleanup_index struct xc_index index = XC_INDEX_INIT;

	if (xc_cancel_check(census->cache->cancel, err) < 0)
		return -1;
	if (load_index(census, pack, partial, &index, err) == 0) {
		census->stats->dead_bytes +=
			dead_bytes(partial, &index, census->stock.packs[pack].size_bytes);
		return 0;
	}
	if (err->kind != XC_ERR_CORRUPT && err->kind != XC_ERR_FORMAT &&
	    err->kind != XC_ERR_NOT_FOUND)
		return -1;
	if (census->stats->unreadable++ == 0)
		census->stats->reason = *err;
	return 0;
}

static void count_packs(struct census *census)
{
	const struct xc_stock *stock = &census->stock;
	struct xc_stats *stats = census->stats;

	for (size_t i = 0; i < stock->pack_count; i++) {
		stats->packs.count++;
		stats->packs.bytes += stock->packs[i].size_bytes;
		if (stock->packs[i].names == 0)
			continue;
		stats->named.count++;
		stats->named.bytes += stock->packs[i].size_bytes;
	}
}

static void count_scopes(const struct census *census)
{
	const struct xc_stock *stock = &census->stock;
	cleanup_free bool *has = xc_calloc(stock->scopes.count + 1, sizeof(*has));

	for (size_t i = 0; i < stock->entry_count; i++)
		has[stock->entries[i].scope] = true;
	for (size_t i = 0; i < stock->scopes.count; i++)
		census->stats->scopes += has[i];
}

static int take_census(struct census *census, bool fast, struct xc_err *err)
{
	struct xc_stats *stats = census->stats;
	struct xc_stock *stock = &census->stock;
	int result = 0;

	if (xc_stock_list(census->cache, stock, err) < 0)
		return -1;
	census->partials = xc_calloc(stock->pack_count + 1, sizeof(struct partial *));
	census->whole = xc_calloc(stock->pack_count + 1, sizeof(*census->whole));
	if (xc_stock_read(census->cache, stock, note_manifest, census, err) < 0)
		return -1;
	count_packs(census);
	count_scopes(census);
	stats->tombstones = stock->tombstone_count;
	stats->unreadable = stock->unreadable;
	stats->reason = stock->reason;
	stats->exact = !fast;
	for (size_t i = 0; !fast && result == 0 && i < stock->pack_count; i++)
		if (census->partials[i])
			result = count_dead(census, i, err);
	return result;
}

int xc_stats(const struct xc_cache *cache, bool fast, struct xc_stats *ret_stats,
	     struct xc_err *err)
{
	struct xc_stats stats = { 0 };
	struct census census = { .cache = cache, .stock = XC_STOCK_INIT, .stats = &stats };
	int result = take_census(&census, fast, err);

	for (size_t i = 0; census.partials && i < census.stock.pack_count; i++)
		free_partial(census.partials[i]);
	free(census.partials);
	free(census.whole);
	xc_stock_release(&census.stock);
	if (result == 0)
		*ret_stats = stats;
	return result;
}
