/* SPDX-License-Identifier: Apache-2.0 */
#include "base/grow.h"
#include "entry/listing.h"

#include <string.h>

#include "key/objects.h"

/* Those who may write to a store must not fill the memory of those who look for an entry. */
#define LISTED_MAX       1000000
#define LISTED_BYTES_MAX ((size_t)256 << 20)

struct scan {
	struct xc_listing listing;
	size_t entries_bytes; /* length of "<repository>/<scope>/entries/" */
	const struct xc_selection *selection;
	size_t names, bytes;
	bool full; /* enough names were looked at */
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
	XC_GROW(listing->items, listing->count, listing->capacity, 64);
	listing->items[listing->count++] = listed;
}

static void note_name(struct scan *scan, const struct xc_store_object *object)
{
	const char *prefix = scan->selection->key_prefix;
	const char *version = object->name + scan->entries_bytes;
	const char *element = strchr(version, '/');
	cleanup_buf struct xc_buf key = XC_BUF_INIT;
	struct xc_err ignored;
	int decoded;

	if (!element || element - version != XC_VERSION_HEX || strchr(element + 1, '/'))
		return;
	decoded = xc_key_decode(element + 1, &key, &ignored);
	if (decoded < 0 || (decoded == 0 && strncmp(key.data, prefix, strlen(prefix)) != 0))
		return;
	add_listed(&scan->listing, (struct xc_listed){
					   .object = xc_strdup(object->name),
					   .version = xc_strndup(version, XC_VERSION_HEX),
					   .key = decoded == 0 ? xc_buf_steal(&key) : NULL,
					   .size_bytes = object->size_bytes,
					   .modified_ns = object->modified_ns,
				   });
}

static int note_object(const struct xc_store_object *object, void *context, struct xc_err *err)
{
	struct scan *scan = context;

	scan->bytes += strlen(object->name);
	if (scan->names >= LISTED_MAX || scan->bytes > LISTED_BYTES_MAX)
		return xc_err_set(
			err, XC_ERR_CORRUPT,
			"scope %s has too many entries to list: at most %d, with names of "
			"%zu MiB in all; \"xcache gc --max-age DAYS\" removes old ones",
			XC_QUOTE(scan->selection->scope), LISTED_MAX, LISTED_BYTES_MAX >> 20);
	note_name(scan, object);
	scan->full = ++scan->names == scan->selection->max_names;
	return scan->full ? xc_err_set(err, XC_ERR_CANCELED, "enough was listed") : 0;
}

static int compare_newest_first(const void *a, const void *b)
{
	const struct xc_listed *left = a, *right = b;

	if (left->modified_ns != right->modified_ns)
		return left->modified_ns > right->modified_ns ? -1 : 1;
	return strcmp(right->object, left->object);
}

int xc_list_scope(const struct xc_cache *cache, const struct xc_selection *selection,
		  struct xc_listing *ret_listing, struct xc_err *err)
{
	cleanup_buf struct xc_buf prefix = XC_BUF_INIT;
	struct scan scan = { .selection = selection };

	if (xc_name_entries(cache->repository, selection->scope, NULL, &prefix, err) < 0)
		return -1;
	scan.entries_bytes = prefix.len_bytes;
	if (selection->version) {
		xc_buf_addf(&prefix, "%s/", selection->version);
		xc_key_encode_prefix(selection->key_prefix, &prefix);
	}
	if (xc_store_list(cache->store, prefix.data, note_object, &scan, err) < 0 && !scan.full) {
		xc_listing_release(&scan.listing);
		return -1;
	}
	if (scan.listing.count > 1)
		qsort(scan.listing.items, scan.listing.count, sizeof(*scan.listing.items),
		      compare_newest_first);
	*ret_listing = scan.listing;
	return 0;
}
