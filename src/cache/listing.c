/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cache/internal.h"

struct scan {
	struct xc_listing listing;
	size_t entries_bytes; /* length of "<repository>/<scope>/entries/" */
	const char *key_prefix;
};

void xc_listing_release(struct xc_listing *listing)
{
	for (size_t i = 0; i < listing->count; i++) {
		free(listing->items[i].object);
		free(listing->items[i].version);
		free(listing->items[i].key);
	}
	free(listing->items);
	*listing = (struct xc_listing)XC_LISTING_INIT;
}

static void add_listed(struct xc_listing *listing, struct xc_listed listed)
{
	if (listing->count == listing->capacity) {
		listing->capacity = listing->capacity ? 2 * listing->capacity : 64;
		listing->items =
			xc_realloc(listing->items, listing->capacity * sizeof(*listing->items));
	}
	listing->items[listing->count++] = listed;
}

static int note_object(const struct xc_store_object *object, void *context, struct xc_err *err)
{
	struct scan *scan = context;
	const char *version = object->name + scan->entries_bytes;
	const char *element = strchr(version, '/');
	cleanup_buf struct xc_buf key = XC_BUF_INIT;
	struct xc_err ignored;
	int decoded;

	(void)err;
	if (!element || element - version != XC_VERSION_HEX || strchr(element + 1, '/'))
		return 0;
	decoded = xc_key_decode(element + 1, &key, &ignored);
	if (decoded < 0)
		return 0;
	if (decoded == 0 && strncmp(key.data, scan->key_prefix, strlen(scan->key_prefix)) != 0)
		return 0;
	add_listed(&scan->listing, (struct xc_listed){
					   .object = xc_strdup(object->name),
					   .version = xc_strndup(version, XC_VERSION_HEX),
					   .key = decoded == 0 ? xc_buf_steal(&key) : NULL,
					   .size_bytes = object->size_bytes,
					   .modified_ns = object->modified_ns,
				   });
	return 0;
}

static int compare_newest_first(const void *a, const void *b)
{
	const struct xc_listed *left = a, *right = b;

	if (left->modified_ns != right->modified_ns)
		return left->modified_ns > right->modified_ns ? -1 : 1;
	return strcmp(right->object, left->object);
}

int xc_list_scope(const struct xc_cache *cache, const char *scope, const char *version,
		  const char *key_prefix, struct xc_listing *ret_listing, struct xc_err *err)
{
	cleanup_buf struct xc_buf prefix = XC_BUF_INIT;
	struct scan scan = { .key_prefix = key_prefix };
	int result;

	if (xc_name_entries(cache, scope, NULL, &prefix, err) < 0)
		return -1;
	scan.entries_bytes = prefix.len_bytes;
	if (version) {
		xc_buf_addf(&prefix, "%s/", version);
		xc_key_encode_prefix(key_prefix, &prefix);
	}
	result = xc_store_list(cache->store, prefix.data, note_object, &scan, err);
	if (result < 0) {
		xc_listing_release(&scan.listing);
		return -1;
	}
	if (scan.listing.count > 1)
		qsort(scan.listing.items, scan.listing.count, sizeof(*scan.listing.items),
		      compare_newest_first);
	*ret_listing = scan.listing;
	return 0;
}
