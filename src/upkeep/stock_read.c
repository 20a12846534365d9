/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/grow.h"
#include "base/hex.h"
#include "base/pool.h"
#include "entry/tombstone.h"
#include "upkeep/internal.h"

/* As for a listing: the worst manifest takes some 22 MiB while it is read. */
#define VISITS_MAX 10u

/* An object that is read while what came before it is taken into the stock. */
struct visit {
	struct xc_job job; /* first, so that the job leads here */
	const struct xc_cache *cache;
	const struct xc_stock_tombstone *tombstone; /* one of the two */
	const struct xc_stock_entry *entry;
	struct xc_strlist ids;       /* of the tombstone */
	struct xc_manifest manifest; /* of the entry */
	struct xc_err err;           /* of kind NONE if it was read */
};

/* What reading goes through. */
struct round {
	const struct xc_cache *cache;
	struct xc_stock *stock;
	bool tombstones; /* else entries */
	size_t first, end;
	xc_stock_manifest_fn *told;
	void *context;
};

static int read_object(struct visit *visit)
{
	struct xc_entry_ref ref;
	struct xc_store_tag tag;

	if (visit->tombstone)
		return xc_load_tombstone(visit->cache, visit->tombstone->object, &visit->ids,
					 &visit->err);
	ref = xc_stock_ref(visit->entry);
	return xc_load_manifest(visit->cache, &ref, &tag, &visit->manifest, &visit->err);
}

static void run_visit(struct xc_job *job, void *worker)
{
	struct visit *visit = (struct visit *)job;

	(void)worker;
	if (xc_cancel_check(visit->cache->cancel, &visit->err) == 0 && read_object(visit) == 0)
		visit->err.kind = XC_ERR_NONE;
}

static void release_visit(struct visit *visit)
{
	xc_strlist_release(&visit->ids);
	xc_manifest_release(&visit->manifest);
}

static void add_reference(struct xc_stock *stock, size_t pack, struct xc_stock_names *names)
{
	XC_GROW(stock->references, stock->reference_count, stock->reference_capacity, 1024);
	stock->references[stock->reference_count++] = (uint32_t)pack;
	names->count++;
}

static struct xc_stock_names refer(struct xc_stock *stock, const struct xc_buf *ids)
{
	struct xc_stock_names names = { .first = stock->reference_count };

	for (size_t at = 0; at < ids->len_bytes; at += XC_STOCK_ID_BYTES) {
		const uint8_t *id = (const uint8_t *)ids->data + at;
		size_t pack = xc_stock_find_pack(stock, id);

		names.missing += pack == SIZE_MAX;
		for (; xc_stock_has_id(stock, pack, id); pack++)
			add_reference(stock, pack, &names);
	}
	return names;
}

static void add_id(struct xc_buf *ids, const char *text)
{
	uint8_t id[XC_STOCK_ID_BYTES];

	if (xc_hex_decode(text, id, sizeof(id)) == 0)
		xc_buf_add(ids, (const char *)id, sizeof(id));
}

static void take_tombstone(struct xc_stock *stock, struct xc_stock_tombstone *tombstone,
			   const struct visit *visit)
{
	cleanup_buf struct xc_buf ids = XC_BUF_INIT;

	tombstone->state = XC_STOCK_READ;
	for (size_t i = 0; i < visit->ids.count; i++)
		add_id(&ids, visit->ids.items[i]);
	tombstone->packs = refer(stock, &ids);
	for (uint32_t i = 0; i < tombstone->packs.count; i++) {
		struct xc_stock_pack *pack =
			&stock->packs[stock->references[tombstone->packs.first + i]];

		pack->tombstone_ns = XC_MAX(pack->tombstone_ns, tombstone->written_ns);
	}
}

static void take_entry(struct xc_stock *stock, struct xc_stock_entry *entry,
		       const struct visit *visit)
{
	const struct xc_manifest *manifest = &visit->manifest;
	cleanup_buf struct xc_buf ids = XC_BUF_INIT;

	if (!entry->key)
		entry->key = xc_arena_text(&stock->texts, manifest->key, strlen(manifest->key));
	entry->state = XC_STOCK_READ;
	entry->created_ns = manifest->created_ns;
	for (uint32_t i = 0; i < manifest->layer_count; i++) {
		add_id(&ids, manifest->layers[i].pack);
		entry->pack_bytes += manifest->layers[i].pack_bytes;
	}
	entry->packs = refer(stock, &ids);
	for (uint32_t i = 0; i < entry->packs.count; i++)
		stock->packs[stock->references[entry->packs.first + i]].names++;
}

/* What a visit brought. -1 for an error that says nothing of the object itself. */
static int take(const struct round *round, size_t at, const struct visit *visit, struct xc_err *err)
{
	struct xc_stock *stock = round->stock;

	if (visit->err.kind == XC_ERR_NONE && round->tombstones) {
		take_tombstone(stock, &stock->tombstones[at], visit);
	} else if (visit->err.kind == XC_ERR_NONE) {
		take_entry(stock, &stock->entries[at], visit);
		if (round->told)
			round->told(&stock->entries[at], &visit->manifest, round->context);
	} else if (visit->err.kind == XC_ERR_NOT_FOUND && round->tombstones) {
		stock->tombstones[at].state = XC_STOCK_GONE;
	} else if (visit->err.kind == XC_ERR_NOT_FOUND) {
		stock->entries[at].state = XC_STOCK_GONE;
	} else if (visit->err.kind == XC_ERR_CORRUPT || visit->err.kind == XC_ERR_FORMAT) {
		if (!round->tombstones && visit->err.kind == XC_ERR_CORRUPT &&
		    stock->unreadable == 0)
			stock->unreadable_entry = at;
		xc_stock_note_unreadable(stock, &visit->err);
	} else {
		*err = visit->err;
		return -1;
	}
	return 0;
}

static struct visit make_visit(const struct round *round, size_t at)
{
	struct visit visit = { .job = { .run = run_visit }, .cache = round->cache };

	if (round->tombstones)
		visit.tombstone = &round->stock->tombstones[at];
	else
		visit.entry = &round->stock->entries[at];
	return visit;
}

static int read_all(const struct round *round, struct xc_err *err)
{
	struct xc_pool *pool = xc_pool_new(
		XC_MIN(round->cache->store->read_concurrency, VISITS_MAX), XC_POOL_FIFO, NULL);
	struct visit visits[VISITS_MAX] = { 0 };
	size_t submitted = round->first;
	int result = 0;

	for (size_t at = round->first; result == 0 && at < round->end; at++) {
		struct visit *visit = &visits[at % VISITS_MAX];

		for (; submitted < round->end && submitted - at < VISITS_MAX; submitted++) {
			visits[submitted % VISITS_MAX] = make_visit(round, submitted);
			xc_pool_submit(pool, &visits[submitted % VISITS_MAX].job);
		}
		xc_pool_wait(pool, &visit->job);
		result = take(round, at, visit, err);
		release_visit(visit);
	}
	xc_pool_free(pool);
	for (size_t i = 0; i < VISITS_MAX; i++)
		release_visit(&visits[i]);
	return result;
}

int xc_stock_read_tombstones(const struct xc_cache *cache, struct xc_stock *stock, size_t first,
			     struct xc_err *err)
{
	const struct round round = {
		.cache = cache,
		.stock = stock,
		.tombstones = true,
		.first = first,
		.end = stock->tombstone_count,
	};

	return read_all(&round, err);
}

int xc_stock_read_entries(const struct xc_cache *cache, struct xc_stock *stock, size_t first,
			  xc_stock_manifest_fn *told, void *context, struct xc_err *err)
{
	const struct round round = {
		.cache = cache,
		.stock = stock,
		.first = first,
		.end = stock->entry_count,
		.told = told,
		.context = context,
	};

	return read_all(&round, err);
}
