/* SPDX-License-Identifier: Apache-2.0 */
#include "upkeep/gc.h"

#include <string.h>

#include "base/hex.h"
#include "entry/broken.h"
#include "entry/remove.h"
#include "entry/tombstone.h"
#include "key/objects.h"
#include "upkeep/decide.h"
#include "upkeep/internal.h"

/* One DeleteObjects, or one tombstone of some 35 kB. */
#define BATCH 1000

struct collection {
	const struct xc_cache *cache;
	const struct xc_gc_opts *opts;
	struct xc_gc_rules rules;
	struct xc_stock stock;
	struct xc_gc_result *result;
};

static enum xc_pack_fate fate_of(const struct collection *collection, size_t pack)
{
	int64_t until_ns;

	return xc_gc_judge_pack(&collection->rules, &collection->stock.packs[pack], &until_ns);
}

static void count_pack(struct xc_gc_count *count, const struct xc_stock_pack *pack)
{
	count->count++;
	count->bytes += pack->size_bytes;
}

static void count_waiting(struct xc_gc_result *result, const struct xc_stock_pack *pack,
			  int64_t until_ns)
{
	if (result->waiting.count == 0 || until_ns < result->first_ns)
		result->first_ns = until_ns;
	if (result->waiting.count == 0 || until_ns > result->last_ns)
		result->last_ns = until_ns;
	count_pack(&result->waiting, pack);
}

/* A broken entry can be removed, so that this works again: whoever asks is told which. */
static void note_broken(const struct collection *collection)
{
	const struct xc_stock *stock = &collection->stock;
	const struct xc_stock_entry *entry = &stock->entries[stock->unreadable_entry];
	const struct xc_entry_ref ref = xc_stock_ref(entry);

	xc_broken_note(collection->cache->broken, stock->scopes.items[entry->scope], &ref,
		       &(struct xc_store_tag){ "" }, &stock->reason);
}

static int check_readable(const struct collection *collection, struct xc_err *err)
{
	const struct xc_stock *stock = &collection->stock;

	if (stock->unreadable == 0)
		return 0;
	if (stock->unreadable_entry != SIZE_MAX && collection->cache->broken)
		note_broken(collection);
	*err = stock->reason;
	return xc_err_wrap(err,
			   "nothing was removed, because what cannot be read may name any pack");
}

static int look(struct collection *collection, struct xc_err *err)
{
	const struct xc_cache *cache = collection->cache;
	struct xc_stock *stock = &collection->stock;
	cleanup_buf struct xc_buf prefix = XC_BUF_INIT;

	if (xc_key_repository_prefix(cache->repository, &prefix, err) < 0 ||
	    xc_store_now(cache->store, prefix.data, &collection->rules.now_ns, err) < 0 ||
	    xc_stock_list(cache, stock, err) < 0 || check_readable(collection, err) < 0 ||
	    xc_stock_read(cache, stock, NULL, NULL, err) < 0)
		return -1;
	return check_readable(collection, err);
}

/* Only what goes needs the second look: what was named a moment ago may be marked by now. */
static int look_again(struct collection *collection, struct xc_err *err)
{
	bool any = false;

	for (size_t i = 0; !any && i < collection->stock.pack_count; i++)
		any = fate_of(collection, i) == XC_PACK_GOES;
	if (!any)
		return 0;
	if (xc_stock_look_again(collection->cache, &collection->stock, err) < 0)
		return -1;
	return check_readable(collection, err);
}

static int add_pack_name(const struct collection *collection, const struct xc_stock_pack *pack,
			 struct xc_strlist *names, struct xc_err *err)
{
	char id[2 * XC_STOCK_ID_BYTES + 1];
	struct xc_buf name = XC_BUF_INIT;

	xc_hex_encode(pack->id, sizeof(pack->id), id);
	if (xc_name_pack(collection->cache->repository, collection->stock.scopes.items[pack->scope],
			 id, &name, err) < 0)
		return -1;
	xc_strlist_take(names, xc_buf_steal(&name));
	return 0;
}

static int remove_batch(const struct collection *collection, struct xc_strlist *names,
			struct xc_err *err)
{
	int result = xc_cancel_check(collection->cache->cancel, err);

	if (result == 0 && names->count > 0 && !collection->opts->dry_run)
		result = xc_store_remove_many(collection->cache->store, names, err);
	xc_strlist_release(names);
	return result;
}

static int remove_packs(struct collection *collection, struct xc_err *err)
{
	const struct xc_stock *stock = &collection->stock;
	cleanup_strlist struct xc_strlist names = XC_STRLIST_INIT;
	struct xc_gc_count batch = { 0 };

	for (size_t i = 0; i < stock->pack_count; i++) {
		if (fate_of(collection, i) == XC_PACK_GOES) {
			if (add_pack_name(collection, &stock->packs[i], &names, err) < 0)
				return -1;
			count_pack(&batch, &stock->packs[i]);
		}
		if (batch.count < BATCH && i + 1 < stock->pack_count)
			continue;
		if (remove_batch(collection, &names, err) < 0)
			return -1;
		collection->result->removed.count += batch.count;
		collection->result->removed.bytes += batch.bytes;
		batch = (struct xc_gc_count){ 0 };
	}
	return 0;
}

static int remove_tombstones(struct collection *collection, struct xc_err *err)
{
	const struct xc_stock *stock = &collection->stock;
	cleanup_strlist struct xc_strlist names = XC_STRLIST_INIT;

	for (size_t i = 0; i < stock->tombstone_count; i++) {
		if (xc_gc_is_spent(&collection->rules, stock, &stock->tombstones[i])) {
			xc_strlist_add(&names, stock->tombstones[i].object);
			collection->result->tombstones_removed++;
		}
		if (names.count == BATCH && remove_batch(collection, &names, err) < 0)
			return -1;
	}
	return remove_batch(collection, &names, err);
}

static int compare_scopes(const void *a, const void *b)
{
	const struct xc_stock_pack *const *left = a, *const *right = b;

	if ((*left)->scope != (*right)->scope)
		return (*left)->scope < (*right)->scope ? -1 : 1;
	return memcmp((*left)->id, (*right)->id, sizeof((*left)->id));
}

static int write_mark(const struct collection *collection, uint32_t scope, struct xc_strlist *ids,
		      struct xc_err *err)
{
	int result = xc_cancel_check(collection->cache->cancel, err);

	if (result == 0 && ids->count > 0 && !collection->opts->dry_run)
		result = xc_write_tombstone_of(collection->cache,
					       collection->stock.scopes.items[scope], ids, err);
	xc_strlist_release(ids);
	return result;
}

/* One tombstone for each scope, in which these packs lie together. */
static int mark_all(struct collection *collection, const struct xc_stock_pack **packs, size_t count,
		    struct xc_err *err)
{
	cleanup_strlist struct xc_strlist ids = XC_STRLIST_INIT;
	char id[2 * XC_STOCK_ID_BYTES + 1];

	if (count > 1)
		qsort(packs, count, sizeof(*packs), compare_scopes);
	for (size_t i = 0; i < count; i++) {
		bool last = i + 1 == count || packs[i + 1]->scope != packs[i]->scope;

		xc_hex_encode(packs[i]->id, sizeof(packs[i]->id), id);
		xc_strlist_add(&ids, id);
		count_pack(&collection->result->marked, packs[i]);
		if ((last || ids.count == BATCH) &&
		    write_mark(collection, packs[i]->scope, &ids, err) < 0)
			return -1;
	}
	return 0;
}

static int mark_packs(struct collection *collection, struct xc_err *err)
{
	const struct xc_stock *stock = &collection->stock;
	cleanup_free const struct xc_stock_pack **packs =
		xc_calloc(stock->pack_count + 1, sizeof(*packs));
	size_t count = 0;

	for (size_t i = 0; i < stock->pack_count; i++)
		if (fate_of(collection, i) == XC_PACK_UNMARKED)
			packs[count++] = &stock->packs[i];
	return mark_all(collection, packs, count, err);
}

/*
 * Remove an entry as it was when it was judged: what was saved since stays. 1
 * if it was removed.
 */
static int remove_entry(const struct collection *collection, const struct xc_stock_entry *judged,
			struct xc_err *err)
{
	const struct xc_gc_opts *opts = collection->opts;
	cleanup_manifest struct xc_manifest manifest = XC_MANIFEST_INIT;
	struct xc_entry entry = {
		.scope = collection->stock.scopes.items[judged->scope],
		.version = judged->version,
		.key = judged->key,
		.object = judged->object,
		.manifest_bytes = judged->manifest_bytes,
		.modified_ns = judged->written_ns,
		.manifest = &manifest,
	};
	const struct xc_entry_ref ref = xc_stock_ref(judged);
	struct xc_store_tag tag;
	int result = 1;

	if (xc_cancel_check(collection->cache->cancel, err) < 0)
		return -1;
	if (xc_load_manifest(collection->cache, &ref, &tag, &manifest, err) < 0)
		return err->kind == XC_ERR_NOT_FOUND ? 0 : -1;
	if (manifest.created_ns != judged->created_ns)
		return 0;
	if (!opts->dry_run)
		result = xc_remove_entry(collection->cache, &entry, &tag, err);
	if (result < 0)
		return err->kind == XC_ERR_EXISTS ? 0 : -1;
	if (result > 0 && opts->removed && opts->removed(&entry, opts->context, err) < 0)
		return -1;
	return result;
}

/* The entry is gone: its packs may have lost their last name. */
static void unname(struct collection *collection, const struct xc_stock_entry *entry)
{
	for (uint32_t i = 0; i < entry->packs.count; i++) {
		size_t at = collection->stock.references[entry->packs.first + i];
		struct xc_stock_pack *pack = &collection->stock.packs[at];

		pack->names--;
		pack->tombstone_ns = XC_MAX(pack->tombstone_ns, collection->rules.now_ns);
	}
}

static int remove_entries(struct collection *collection, struct xc_err *err)
{
	struct xc_gc_result *result = collection->result;
	uint64_t live_bytes;
	cleanup_free enum xc_entry_fate *fates =
		xc_gc_judge_entries(&collection->rules, &collection->stock, &live_bytes);

	for (size_t i = 0; i < collection->stock.entry_count; i++) {
		struct xc_stock_entry *entry = &collection->stock.entries[i];
		int removed;

		if (fates[i] == XC_ENTRY_STAYS)
			continue;
		removed = remove_entry(collection, entry, err);
		if (removed < 0)
			return -1;
		if (removed == 0)
			continue;
		unname(collection, entry);
		entry->state = XC_STOCK_GONE;
		result->removed_old += fates[i] == XC_ENTRY_TOO_OLD;
		result->removed_for_room += fates[i] == XC_ENTRY_TOO_MUCH;
	}
	return 0;
}

static void sum_up(const struct collection *collection)
{
	const struct xc_stock *stock = &collection->stock;
	struct xc_gc_result *result = collection->result;

	for (size_t i = 0; i < stock->pack_count; i++) {
		int64_t until_ns;
		enum xc_pack_fate fate =
			xc_gc_judge_pack(&collection->rules, &stock->packs[i], &until_ns);

		if (fate == XC_PACK_STAYS)
			count_pack(&result->live, &stock->packs[i]);
		else if (fate != XC_PACK_GOES)
			count_waiting(result, &stock->packs[i], until_ns);
	}
	for (size_t i = 0; i < stock->entry_count; i++)
		result->entries += stock->entries[i].state == XC_STOCK_READ;
	result->above_max =
		collection->rules.has_max_bytes && result->live.bytes > collection->rules.max_bytes;
}

static int collect(struct collection *collection, struct xc_err *err)
{
	if (look(collection, err) < 0 || look_again(collection, err) < 0 ||
	    remove_packs(collection, err) < 0 || remove_tombstones(collection, err) < 0 ||
	    mark_packs(collection, err) < 0 || remove_entries(collection, err) < 0)
		return -1;
	sum_up(collection);
	return 0;
}

int xc_gc(const struct xc_cache *cache, const struct xc_gc_opts *opts,
	  struct xc_gc_result *ret_result, struct xc_err *err)
{
	struct xc_gc_result done = { 0 };
	struct collection collection = {
		.cache = cache,
		.opts = opts,
		.rules = {
			.grace_ns = opts->grace_ns,
			.max_age_ns = opts->max_age_ns,
			.has_max_bytes = opts->has_max_bytes,
			.max_bytes = opts->max_bytes,
		},
		.stock = XC_STOCK_INIT,
		.result = &done,
	};
	int result = collect(&collection, err);

	xc_stock_release(&collection.stock);
	if (result < 0 && done.removed.count > 0)
		xc_err_wrap(err, "after %llu packs were removed",
			    (unsigned long long)done.removed.count);
	if (result == 0)
		*ret_result = done;
	return result;
}
