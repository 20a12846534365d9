/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/pool.h"
#include "cache/internal.h"

/* Requests at once: a listing of many entries takes as long as the network is far away. */
#define LOADS_MAX 16u

/* A manifest that is read while those before it are told. */
struct load {
	struct xc_job job; /* first, so that the job leads here */
	const struct xc_cache *cache;
	const struct xc_listed *listed;
	struct xc_manifest manifest; /* empty unless err.kind is NONE */
	struct xc_err err;
};

static void run_load(struct xc_job *job, void *worker)
{
	struct load *load = (struct load *)job;
	const struct xc_listed *listed = load->listed;

	(void)worker;
	if (xc_cancel_check(load->cache->cancel, &load->err) == 0 &&
	    xc_load_manifest(load->cache, listed->object, listed->version, listed->key,
			     &load->manifest, &load->err) == 0)
		load->err.kind = XC_ERR_NONE;
}

/* `load` is NULL if manifests were not asked for. */
static int tell_entry(const char *scope, const struct xc_listed *listed, const struct load *load,
		      xc_cache_entry_fn *found, void *context, struct xc_err *err)
{
	struct xc_entry entry = {
		.scope = scope,
		.version = listed->version,
		.key = listed->key,
		.object = listed->object,
		.manifest_bytes = listed->size_bytes,
		.modified_ns = listed->modified_ns,
	};

	if (load && load->err.kind == XC_ERR_NOT_FOUND)
		return 0; /* removed since it was listed */
	if (load && load->err.kind != XC_ERR_NONE) {
		entry.manifest_err = &load->err;
	} else if (load) {
		entry.manifest = &load->manifest;
		entry.key = load->manifest.key;
	}
	return found(&entry, context, err);
}

/* One after the other, in the listing's order, while those that follow are being read. */
static int tell_with_manifests(const struct xc_cache *cache, const char *scope,
			       const struct xc_listing *listing, xc_cache_entry_fn *found,
			       void *context, struct xc_err *err)
{
	struct xc_pool *pool =
		xc_pool_new(XC_MIN(cache->store->read_concurrency, LOADS_MAX), XC_POOL_FIFO, NULL);
	struct load loads[LOADS_MAX] = { 0 };
	size_t submitted = 0;
	int result = 0;

	for (size_t told = 0; result == 0 && told < listing->count; told++) {
		struct load *load = &loads[told % LOADS_MAX];

		for (; submitted < listing->count && submitted - told < LOADS_MAX; submitted++) {
			loads[submitted % LOADS_MAX] = (struct load){
				.job = { .run = run_load },
				.cache = cache,
				.listed = &listing->items[submitted],
			};
			xc_pool_submit(pool, &loads[submitted % LOADS_MAX].job);
		}
		xc_pool_wait(pool, &load->job);
		result = xc_cancel_check(cache->cancel, err);
		if (result == 0)
			result = tell_entry(scope, load->listed, load, found, context, err);
		xc_manifest_release(&load->manifest);
	}
	xc_pool_free(pool);
	for (size_t i = 0; i < LOADS_MAX; i++)
		xc_manifest_release(&loads[i].manifest);
	return result;
}

static int tell_names(const struct xc_cache *cache, const char *scope,
		      const struct xc_listing *listing, xc_cache_entry_fn *found, void *context,
		      struct xc_err *err)
{
	for (size_t i = 0; i < listing->count; i++)
		if (xc_cancel_check(cache->cancel, err) < 0 ||
		    tell_entry(scope, &listing->items[i], NULL, found, context, err) < 0)
			return -1;
	return 0;
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
		if ((opts->with_manifests ? tell_with_manifests : tell_names)(
			    cache, scope, &listing, tell_if_matching, &filter, err) < 0)
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
	if (tell_with_manifests(cache, scope, &listing, remove_entry, &removal, err) < 0)
		return -1;
	*ret_count = removal.count;
	return 0;
}
