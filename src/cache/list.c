/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cache/internal.h"

static int tell_entry(const struct xc_cache *cache, const char *scope,
		      const struct xc_listed *listed, bool with_manifest, xc_cache_entry_fn *found,
		      void *context, struct xc_err *err)
{
	cleanup_manifest struct xc_manifest manifest = XC_MANIFEST_INIT;
	struct xc_err manifest_err = { 0 };
	struct xc_entry entry = {
		.scope = scope,
		.version = listed->version,
		.key = listed->key,
		.object = listed->object,
		.manifest_bytes = listed->size_bytes,
		.modified_ns = listed->modified_ns,
	};

	if (with_manifest) {
		if (xc_load_manifest(cache, listed->object, listed->version, listed->key, &manifest,
				     &manifest_err) == 0) {
			entry.manifest = &manifest;
			entry.key = manifest.key;
		} else if (manifest_err.kind == XC_ERR_NOT_FOUND) {
			return 0; /* removed since it was listed */
		} else {
			entry.manifest_err = &manifest_err;
		}
	}
	return found(&entry, context, err);
}

static bool key_has_prefix(const struct xc_entry *entry, const char *prefix)
{
	return !entry->key || strncmp(entry->key, prefix, strlen(prefix)) == 0;
}

struct filter {
	const char *prefix;
	xc_cache_entry_fn *found;
	void *context;
};

/* A name that was cut may match the prefix although its key does not. */
static int tell_if_matching(const struct xc_entry *entry, void *context, struct xc_err *err)
{
	const struct filter *filter = context;

	return key_has_prefix(entry, filter->prefix) ? filter->found(entry, filter->context, err)
						     : 0;
}

int xc_cache_list(const struct xc_cache *cache, const struct xc_list_opts *opts,
		  xc_cache_entry_fn *found, void *context, struct xc_err *err)
{
	struct filter filter = {
		.prefix = opts->key_prefix ? opts->key_prefix : "",
		.found = found,
		.context = context,
	};

	for (size_t s = 0; s < cache->scopes->count; s++) {
		cleanup_listing struct xc_listing listing = XC_LISTING_INIT;
		const char *scope = cache->scopes->items[s];

		if (xc_list_scope(cache, scope, opts->version, filter.prefix, &listing, err) < 0)
			return -1;
		for (size_t i = 0; i < listing.count; i++)
			if (xc_cancel_check(cache->cancel, err) < 0 ||
			    tell_entry(cache, scope, &listing.items[i], opts->with_manifests,
				       tell_if_matching, &filter, err) < 0)
				return -1;
	}
	return 0;
}

struct removal {
	const struct xc_cache *cache;
	const struct xc_remove_opts *opts;
	xc_cache_entry_fn *removed;
	void *context;
	uint64_t count;
};

static bool is_wanted(const struct xc_remove_opts *opts, const struct xc_entry *entry)
{
	/* An entry whose key nobody can tell is only removed by a prefix that its name matched. */
	if (!entry->key)
		return opts->key_prefix != NULL;
	return opts->key ? strcmp(entry->key, opts->key) == 0
			 : strncmp(entry->key, opts->key_prefix, strlen(opts->key_prefix)) == 0;
}

static int remove_entry(const struct xc_entry *entry, void *context, struct xc_err *err)
{
	struct removal *removal = context;

	if (!is_wanted(removal->opts, entry))
		return 0;
	/* What is no manifest names no pack; of one that cannot be read now nobody knows. */
	if (entry->manifest_err && entry->manifest_err->kind != XC_ERR_CORRUPT &&
	    entry->manifest_err->kind != XC_ERR_FORMAT) {
		*err = *entry->manifest_err;
		return xc_err_wrap(err, "cannot remove key %s",
				   XC_QUOTE(entry->key ? entry->key : entry->object));
	}
	/* The tombstone first: a pack must never lose its last entry without a trace. */
	if (entry->manifest &&
	    xc_write_tombstone(removal->cache, entry->scope, entry->manifest, err) < 0)
		return xc_err_wrap(err, "cannot leave a tombstone for key %s",
				   XC_QUOTE(entry->key));
	if (xc_store_remove(removal->cache->store, entry->object, err) < 0) {
		if (err->kind == XC_ERR_NOT_FOUND)
			return 0;
		return xc_err_wrap(err, "cannot remove key %s",
				   XC_QUOTE(entry->key ? entry->key : entry->object));
	}
	removal->count++;
	return removal->removed ? removal->removed(entry, removal->context, err) : 0;
}

int xc_cache_remove(const struct xc_cache *cache, const struct xc_remove_opts *opts,
		    xc_cache_entry_fn *removed, void *context, uint64_t *ret_count,
		    struct xc_err *err)
{
	struct removal removal = {
		.cache = cache,
		.opts = opts,
		.removed = removed,
		.context = context,
	};
	const char *scope = cache->scopes->items[0];
	cleanup_listing struct xc_listing listing = XC_LISTING_INIT;
	const char *prefix = opts->key ? opts->key : opts->key_prefix;

	if (xc_list_scope(cache, scope, opts->version, prefix, &listing, err) < 0)
		return -1;
	for (size_t i = 0; i < listing.count; i++)
		if (xc_cancel_check(cache->cancel, err) < 0 ||
		    tell_entry(cache, scope, &listing.items[i], true, remove_entry, &removal, err) <
			    0)
			return -1;
	*ret_count = removal.count;
	return 0;
}
