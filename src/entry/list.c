/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/pool.h"
#include "entry/listing.h"
#include "entry/remove.h"

/*
 * Requests at once: a listing of many entries takes as long as the network is
 * far away. The worst manifest takes some 22 MiB while it is read, 256 MiB are
 * to be enough.
 */
#define VISITS_MAX 10u

/* How often an entry may be replaced while it is being removed. */
#define TRIES_MAX 64

struct removal;

/* An entry whose manifest is read, and which is removed if that is wanted, while those before it
 * are told. */
struct visit {
	struct xc_job job; /* first, so that the job leads here */
	const struct xc_cache *cache;
	const struct removal *removal; /* NULL: only read */
	const char *scope;
	const struct xc_listed *listed;
	struct xc_manifest manifest; /* empty unless err.kind is NONE */
	struct xc_store_tag tag;     /* of the manifest as it was read */
	struct xc_err err;
	bool removed;
	struct xc_err removal_err; /* NONE unless the removal failed */
};

/* `visit` is NULL if manifests were not asked for. */
static struct xc_entry entry_of(const char *scope, const struct xc_listed *listed,
				const struct visit *visit)
{
	struct xc_entry entry = {
		.scope = scope,
		.version = listed->version,
		.key = listed->key,
		.object = listed->object,
		.manifest_bytes = listed->size_bytes,
		.modified_ns = listed->modified_ns,
	};

	if (visit && visit->err.kind != XC_ERR_NONE) {
		entry.manifest_err = &visit->err;
	} else if (visit) {
		entry.manifest = &visit->manifest;
		entry.key = visit->manifest.key;
	}
	return entry;
}

struct removal {
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

/* Returns -1 with removal_err EXISTS if the entry was replaced in the meantime. */
static int visit_once(struct visit *visit)
{
	const struct xc_entry_ref ref = xc_listed_ref(visit->listed);
	struct xc_entry entry;
	int result;

	if (xc_cancel_check(visit->cache->cancel, &visit->err) < 0)
		return 0;
	if (xc_load_manifest(visit->cache, &ref, &visit->tag, &visit->manifest, &visit->err) == 0)
		visit->err.kind = XC_ERR_NONE;
	entry = entry_of(visit->scope, visit->listed, visit);
	if (!visit->removal || visit->err.kind == XC_ERR_NOT_FOUND ||
	    !is_wanted(visit->removal->opts, &entry))
		return 0;
	result = xc_remove_entry(visit->cache, &entry, &visit->tag, &visit->removal_err);
	visit->removed = result > 0;
	if (result >= 0)
		visit->removal_err.kind = XC_ERR_NONE;
	return result < 0 ? -1 : 0;
}

static void run_visit(struct xc_job *job, void *worker)
{
	struct visit *visit = (struct visit *)job;

	(void)worker;
	for (int tries = 0;
	     visit_once(visit) < 0 && visit->removal_err.kind == XC_ERR_EXISTS && tries < TRIES_MAX;
	     tries++) {
		xc_manifest_release(&visit->manifest);
		visit->removal_err.kind = XC_ERR_NONE;
	}
}

static int report_visit(const struct visit *visit, xc_cache_entry_fn *found, void *context,
			struct xc_err *err)
{
	struct xc_entry entry = entry_of(visit->scope, visit->listed, visit);

	if (visit->removal_err.kind != XC_ERR_NONE) {
		*err = visit->removal_err;
		return -1;
	}
	/* What is not there any more was removed by others since it was listed. */
	if (visit->removal ? !visit->removed : visit->err.kind == XC_ERR_NOT_FOUND)
		return 0;
	return found(&entry, context, err);
}

/* The entries of one scope, and whom each is told to. */
struct telling {
	const struct xc_cache *cache;
	const struct xc_selection *selection;
	const struct removal *removal; /* NULL: nothing is removed */
	xc_cache_entry_fn *found;
	void *context;
};

/* One after the other, in the listing's order, while those that follow are being visited. */
static int visit_all(const struct telling *telling, const struct xc_listing *listing,
		     struct xc_err *err)
{
	const struct xc_cache *cache = telling->cache;
	struct xc_pool *pool =
		xc_pool_new(XC_MIN(cache->store->read_concurrency, VISITS_MAX), XC_POOL_FIFO, NULL);
	struct visit visits[VISITS_MAX] = { 0 };
	size_t submitted = 0;
	int result = 0;

	for (size_t told = 0; result == 0 && told < listing->count; told++) {
		struct visit *visit = &visits[told % VISITS_MAX];

		for (; submitted < listing->count && submitted - told < VISITS_MAX; submitted++) {
			visits[submitted % VISITS_MAX] = (struct visit){
				.job = { .run = run_visit },
				.cache = cache,
				.removal = telling->removal,
				.scope = telling->selection->scope,
				.listed = &listing->items[submitted],
			};
			xc_pool_submit(pool, &visits[submitted % VISITS_MAX].job);
		}
		xc_pool_wait(pool, &visit->job);
		result = xc_cancel_check(cache->cancel, err);
		if (result == 0)
			result = report_visit(visit, telling->found, telling->context, err);
		xc_manifest_release(&visit->manifest);
	}
	xc_pool_free(pool);
	for (size_t i = 0; i < VISITS_MAX; i++)
		xc_manifest_release(&visits[i].manifest);
	return result;
}

static int report_names(const struct telling *telling, const struct xc_listing *listing,
			struct xc_err *err)
{
	for (size_t i = 0; i < listing->count; i++) {
		struct xc_entry entry =
			entry_of(telling->selection->scope, &listing->items[i], NULL);

		if (xc_cancel_check(telling->cache->cancel, err) < 0 ||
		    telling->found(&entry, telling->context, err) < 0)
			return -1;
	}
	return 0;
}

static int list_scope(const struct telling *telling, bool with_manifests, struct xc_err *err)
{
	cleanup_listing struct xc_listing listing = XC_LISTING_INIT;

	if (xc_list_scope(telling->cache, telling->selection, &listing, err) < 0)
		return -1;
	return with_manifests ? visit_all(telling, &listing, err)
			      : report_names(telling, &listing, err);
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
static int report_if_matching(const struct xc_entry *entry, void *context, struct xc_err *err)
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
		const struct xc_selection selection = {
			.scope = cache->scopes->items[s],
			.version = opts->version,
			.key_prefix = filter.prefix,
			.max_names = opts->max_names,
		};
		const struct telling telling = {
			.cache = cache,
			.selection = &selection,
			.found = report_if_matching,
			.context = &filter,
		};

		if (list_scope(&telling, opts->with_manifests, err) < 0)
			return -1;
	}
	return 0;
}

static int count_removed(const struct xc_entry *entry, void *context, struct xc_err *err)
{
	struct removal *removal = context;

	removal->count++;
	return removal->removed ? removal->removed(entry, removal->context, err) : 0;
}

int xc_cache_remove(const struct xc_cache *cache, const struct xc_remove_opts *opts,
		    xc_cache_entry_fn *removed, void *context, uint64_t *ret_count,
		    struct xc_err *err)
{
	struct removal removal = {
		.opts = opts,
		.removed = removed,
		.context = context,
	};
	const struct xc_selection selection = {
		.scope = cache->scopes->items[0],
		.version = opts->version,
		.key_prefix = opts->key ? opts->key : opts->key_prefix,
	};
	const struct telling telling = {
		.cache = cache,
		.selection = &selection,
		.removal = &removal,
		.found = count_removed,
		.context = &removal,
	};

	if (list_scope(&telling, true, err) < 0)
		return -1;
	*ret_count = removal.count;
	return 0;
}
