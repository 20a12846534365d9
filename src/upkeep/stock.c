/* SPDX-License-Identifier: Apache-2.0 */
#include "upkeep/stock.h"

#include <string.h>

#include "base/grow.h"
#include "base/hex.h"
#include "key/objects.h"
#include "upkeep/internal.h"

/* Some 400 MiB of packs at most, and as much of names again: a million of each, and more. */
#define OBJECTS_MAX    4000000
#define TEXT_BYTES_MAX ((size_t)512 << 20)

struct listing {
	const struct xc_cache *cache;
	struct xc_stock *stock;
	size_t repository_bytes; /* length of "<repository>/" */
	bool again;
	/* What the listing before found, sorted. */
	size_t known_entries, known_tombstones;
	/* The scope of the object before, as names have it: objects of one come together. */
	struct xc_buf element;
	uint32_t scope;
};

void xc_stock_release(struct xc_stock *stock)
{
	xc_strlist_release(&stock->scopes);
	free(stock->packs);
	free(stock->tombstones);
	free(stock->entries);
	free(stock->references);
	xc_arena_release(&stock->texts);
	*stock = (struct xc_stock)XC_STOCK_INIT;
}

void xc_stock_note_unreadable(struct xc_stock *stock, const struct xc_err *why)
{
	if (stock->unreadable++ == 0)
		stock->reason = *why;
}

static const char *keep_text(struct xc_stock *stock, const char *text)
{
	return xc_arena_text(&stock->texts, text, strlen(text));
}

static uint32_t scope_position(struct xc_stock *stock, const char *scope)
{
	for (size_t i = 0; i < stock->scopes.count; i++)
		if (strcmp(stock->scopes.items[i], scope) == 0)
			return (uint32_t)i;
	xc_strlist_add(&stock->scopes, scope);
	return (uint32_t)(stock->scopes.count - 1);
}

static int find_scope(struct listing *listing, const struct xc_object_name *name,
		      struct xc_err *err)
{
	cleanup_buf struct xc_buf scope = XC_BUF_INIT;

	if (listing->element.len_bytes == name->scope_bytes &&
	    memcmp(xc_buf_str(&listing->element), name->scope, name->scope_bytes) == 0)
		return 0;
	if (xc_key_scope_decode(name->scope, name->scope_bytes, &scope, err) < 0)
		return -1;
	listing->scope = scope_position(listing->stock, scope.data);
	xc_buf_truncate(&listing->element, 0);
	xc_buf_add(&listing->element, name->scope, name->scope_bytes);
	return 0;
}

/*
 * The later of what the store says and of the time in the id's first digits. No
 * upload takes a day: an id that is later by more comes from a wrong clock.
 */
static int64_t written_ns(const uint8_t id[XC_STOCK_ID_BYTES], int64_t modified_ns)
{
	const int64_t day_ns = 86400 * INT64_C(1000000000);
	uint64_t milliseconds = 0;

	for (size_t i = 0; i < 6; i++)
		milliseconds = milliseconds << 8 | id[i];
	if (milliseconds > (uint64_t)(modified_ns + day_ns) / 1000000)
		return modified_ns;
	return XC_MAX(modified_ns, (int64_t)milliseconds * 1000000);
}

static void add_pack(struct listing *listing, const struct xc_store_object *object,
		     const struct xc_object_name *name)
{
	struct xc_stock *stock = listing->stock;
	struct xc_stock_pack pack = {
		.scope = listing->scope,
		.size_bytes = object->size_bytes,
		.tombstone_ns = XC_STOCK_NEVER,
	};
	cleanup_free char *id = xc_strndup(name->rest, XC_PACK_ID_LEN);

	if (listing->again || xc_hex_decode(id, pack.id, sizeof(pack.id)) < 0)
		return;
	pack.written_ns = written_ns(pack.id, object->modified_ns);
	XC_GROW(stock->packs, stock->pack_count, stock->pack_capacity, 1024);
	stock->packs[stock->pack_count++] = pack;
}

static int compare_tombstones(const void *a, const void *b)
{
	const struct xc_stock_tombstone *left = a, *right = b;

	return strcmp(left->object, right->object);
}

static int compare_entries(const void *a, const void *b)
{
	const struct xc_stock_entry *left = a, *right = b;

	return strcmp(left->object, right->object);
}

static void add_tombstone(struct listing *listing, const struct xc_store_object *object)
{
	struct xc_stock *stock = listing->stock;
	struct xc_stock_tombstone tombstone = {
		.object = object->name,
		.written_ns = object->modified_ns,
	};

	if (listing->known_tombstones > 0 &&
	    bsearch(&tombstone, stock->tombstones, listing->known_tombstones, sizeof(tombstone),
		    compare_tombstones))
		return;
	tombstone.object = keep_text(stock, object->name);
	XC_GROW(stock->tombstones, stock->tombstone_count, stock->tombstone_capacity, 256);
	stock->tombstones[stock->tombstone_count++] = tombstone;
}

/* "<version>/<key>". */
static int parse_entry(const char *rest, struct xc_stock *stock, struct xc_stock_entry *entry,
		       struct xc_err *err)
{
	const char *element = strchr(rest, '/');
	cleanup_buf struct xc_buf key = XC_BUF_INIT;
	int decoded = -1;

	if (element && element - rest == XC_VERSION_HEX && !strchr(element + 1, '/'))
		decoded = xc_key_decode(element + 1, &key, err);
	if (decoded < 0)
		return xc_err_set(err, XC_ERR_FORMAT,
				  "%s lies among the entries, but this program knows no such name",
				  XC_QUOTE(entry->object));
	memcpy(entry->version, rest, XC_VERSION_HEX);
	entry->key = decoded == 0 ? keep_text(stock, key.data) : NULL;
	return 0;
}

static void add_entry(struct listing *listing, const struct xc_store_object *object,
		      const struct xc_object_name *name)
{
	struct xc_stock *stock = listing->stock;
	struct xc_stock_entry entry = {
		.object = object->name,
		.scope = listing->scope,
		.manifest_bytes = object->size_bytes,
		.written_ns = object->modified_ns,
	};
	struct xc_err err;

	if (listing->known_entries > 0 &&
	    bsearch(&entry, stock->entries, listing->known_entries, sizeof(entry), compare_entries))
		return;
	if (parse_entry(name->rest, stock, &entry, &err) < 0) {
		xc_stock_note_unreadable(stock, &err);
		return;
	}
	entry.object = keep_text(stock, object->name);
	XC_GROW(stock->entries, stock->entry_count, stock->entry_capacity, 256);
	stock->entries[stock->entry_count++] = entry;
}

static int check_room(const struct xc_stock *stock, struct xc_err *err)
{
	if (stock->pack_count + stock->tombstone_count + stock->entry_count < OBJECTS_MAX &&
	    stock->texts.total_bytes < TEXT_BYTES_MAX)
		return 0;
	return xc_err_set(err, XC_ERR_CORRUPT,
			  "the repository has too many objects: at most %d, with names of %zu MiB "
			  "in all",
			  OBJECTS_MAX, TEXT_BYTES_MAX >> 20);
}

static int note_object(const struct xc_store_object *object, void *context, struct xc_err *err)
{
	struct listing *listing = context;
	struct xc_object_name name = xc_name_take_apart(object->name, listing->repository_bytes);

	if (xc_cancel_check(listing->cache->cancel, err) < 0 || check_room(listing->stock, err) < 0)
		return -1;
	if (name.kind == XC_OBJECT_OTHER)
		return 0;
	if (find_scope(listing, &name, err) < 0) {
		/* Somebody else's, unless it is an entry's: then there is more than we know. */
		if (name.kind == XC_OBJECT_ENTRY)
			xc_stock_note_unreadable(listing->stock, err);
		return 0;
	}
	if (name.kind == XC_OBJECT_PACK)
		add_pack(listing, object, &name);
	else if (name.kind == XC_OBJECT_TOMBSTONE)
		add_tombstone(listing, object);
	else
		add_entry(listing, object, &name);
	return 0;
}

static int compare_packs(const void *a, const void *b)
{
	const struct xc_stock_pack *left = a, *right = b;

	return memcmp(left->id, right->id, sizeof(left->id));
}

bool xc_stock_has_id(const struct xc_stock *stock, size_t pack, const uint8_t id[XC_STOCK_ID_BYTES])
{
	return pack < stock->pack_count &&
	       memcmp(stock->packs[pack].id, id, XC_STOCK_ID_BYTES) == 0;
}

size_t xc_stock_find_pack(const struct xc_stock *stock, const uint8_t id[XC_STOCK_ID_BYTES])
{
	size_t low = 0, high = stock->pack_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(stock->packs[middle].id, id, XC_STOCK_ID_BYTES) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return xc_stock_has_id(stock, low, id) ? low : SIZE_MAX;
}

static int list(struct listing *listing, struct xc_err *err)
{
	cleanup_buf struct xc_buf prefix = XC_BUF_INIT;
	int result;

	if (xc_key_repository_prefix(listing->cache->repository, &prefix, err) < 0)
		return -1;
	listing->repository_bytes = prefix.len_bytes;
	result = xc_store_list(listing->cache->store, prefix.data, note_object, listing, err);
	xc_buf_release(&listing->element);
	return result;
}

static void sort(void *items, size_t count, size_t size_bytes,
		 int (*compare)(const void *a, const void *b))
{
	if (count > 1)
		qsort(items, count, size_bytes, compare);
}

int xc_stock_list(const struct xc_cache *cache, struct xc_stock *stock, struct xc_err *err)
{
	struct listing listing = { .cache = cache, .stock = stock };

	if (list(&listing, err) < 0)
		return -1;
	sort(stock->packs, stock->pack_count, sizeof(*stock->packs), compare_packs);
	sort(stock->tombstones, stock->tombstone_count, sizeof(*stock->tombstones),
	     compare_tombstones);
	sort(stock->entries, stock->entry_count, sizeof(*stock->entries), compare_entries);
	return 0;
}

int xc_stock_read(const struct xc_cache *cache, struct xc_stock *stock, xc_stock_manifest_fn *told,
		  void *context, struct xc_err *err)
{
	if (xc_stock_read_tombstones(cache, stock, 0, err) < 0)
		return -1;
	return xc_stock_read_entries(cache, stock, 0, told, context, err);
}

int xc_stock_look_again(const struct xc_cache *cache, struct xc_stock *stock, struct xc_err *err)
{
	struct listing listing = {
		.cache = cache,
		.stock = stock,
		.again = true,
		.known_entries = stock->entry_count,
		.known_tombstones = stock->tombstone_count,
	};

	if (list(&listing, err) < 0 ||
	    xc_stock_read_tombstones(cache, stock, listing.known_tombstones, err) < 0)
		return -1;
	return xc_stock_read_entries(cache, stock, listing.known_entries, NULL, NULL, err);
}
