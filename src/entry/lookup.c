/* SPDX-License-Identifier: Apache-2.0 */
#include "entry/lookup.h"

#include <string.h>

#include "base/text.h"
#include "entry/broken.h"
#include "entry/legacy.h"
#include "entry/listing.h"
#include "key/objects.h"

/* How many entries of one second are told apart: each takes a request. */
#define TIES_MAX 16

void xc_match_release(struct xc_match *match)
{
	free(match->scope);
	free(match->legacy.base);
	free(match->legacy.delta);
	free(match->object);
	xc_manifest_release(&match->manifest);
	*match = (struct xc_match)XC_MATCH_INIT;
}

struct lookup {
	const struct xc_cache *cache;
	const struct xc_query *query;
	const char *version;
	const char *scope;                /* that is being searched */
	const struct xc_listing *listing; /* of its entries; NULL before it was asked for */
	struct xc_broken *broken;         /* entries that are of no use */
	struct xc_err passed_over;        /* why an entry of another format was of no use */
	struct xc_match match;            /* what was found */
};

static void move_match(struct xc_match *from, struct xc_match *to)
{
	xc_match_release(to);
	*to = *from;
	*from = (struct xc_match)XC_MATCH_INIT;
}

/* An entry that cannot be read. 1: the search may go on, -1: it may not. */
static int pass_over(struct lookup *lookup, const struct xc_entry_ref *ref,
		     const struct xc_store_tag *tag, struct xc_err *err)
{
	if (err->kind == XC_ERR_FORMAT)
		lookup->passed_over = *err;
	if (err->kind == XC_ERR_FORMAT || err->kind == XC_ERR_NOT_FOUND)
		return 1;
	if (err->kind != XC_ERR_CORRUPT)
		return -1;
	xc_broken_note(lookup->broken, lookup->scope, ref, tag, err);
	return lookup->broken->count > XC_BROKEN_MAX ? -1 : 1;
}

/* 0 with the match, 1 if the entry is of no use, -1 on error. */
static int load(struct lookup *lookup, const struct xc_entry_ref *ref, struct xc_match *ret_match,
		struct xc_err *err)
{
	cleanup_match struct xc_match match = XC_MATCH_INIT;

	if (xc_broken_has(lookup->broken, ref->object))
		return 1;
	if (xc_load_manifest(lookup->cache, ref, &match.tag, &match.manifest, err) < 0)
		return pass_over(lookup, ref, &match.tag, err);
	match.scope = xc_strdup(lookup->scope);
	match.object = xc_strdup(ref->object);
	move_match(&match, ret_match);
	return 0;
}

/* The functions that follow return 0 with lookup->match, 1 if there is nothing, or -1. */

static int find_exact(struct lookup *lookup, struct xc_err *err)
{
	const struct xc_entry_name named = {
		.repository = lookup->cache->repository,
		.scope = lookup->scope,
		.version = lookup->version,
		.key = lookup->query->key,
	};
	cleanup_buf struct xc_buf name = XC_BUF_INIT;
	struct xc_entry_ref ref;
	int found;

	if (xc_name_entry(&named, &name, err) < 0)
		return -1;
	ref = (struct xc_entry_ref){ name.data, named.version, named.key };
	found = load(lookup, &ref, &lookup->match, err);
	lookup->match.exact = found == 0;
	return found;
}

/* Entry `i` of the listing, if it can be used and its key starts with `prefix`. */
static int load_listed(struct lookup *lookup, size_t i, const char *prefix,
		       struct xc_match *ret_match, struct xc_err *err)
{
	const struct xc_entry_ref ref = xc_listed_ref(&lookup->listing->items[i]);
	cleanup_match struct xc_match match = XC_MATCH_INIT;
	int found;

	if (ref.key && !xc_starts_with(ref.key, prefix))
		return 1;
	found = load(lookup, &ref, &match, err);
	if (found != 0)
		return found;
	/* A name that was cut does not tell whether the whole prefix matches. */
	if (!xc_starts_with(match.manifest.key, prefix))
		return 1;
	move_match(&match, ret_match);
	return 0;
}

/*
 * Entries that the store calls equally old as the one found, number `found`: S3
 * knows whole seconds only, their manifests know better.
 */
static int break_ties(struct lookup *lookup, size_t found, const char *prefix, struct xc_err *err)
{
	const struct xc_listing *listing = lookup->listing;

	for (size_t i = found + 1;
	     i < listing->count && i - found < TIES_MAX &&
	     listing->items[i].modified_ns == listing->items[found].modified_ns;
	     i++) {
		cleanup_match struct xc_match match = XC_MATCH_INIT;
		int loaded = load_listed(lookup, i, prefix, &match, err);

		if (loaded < 0)
			return -1;
		if (loaded == 0 && match.manifest.created_ns > lookup->match.manifest.created_ns)
			move_match(&match, &lookup->match);
	}
	return 0;
}

static int find_newest(struct lookup *lookup, const char *prefix, struct xc_err *err)
{
	for (size_t i = 0; i < lookup->listing->count; i++) {
		int loaded = load_listed(lookup, i, prefix, &lookup->match, err);

		if (loaded != 1)
			return loaded < 0 ? -1 : break_ties(lookup, i, prefix, err);
	}
	return 1;
}

/* An entry of exactly this key, which goes before newer ones that begin so. */
static int find_listed(struct lookup *lookup, const char *key, struct xc_err *err)
{
	const struct xc_listing *listing = lookup->listing;

	for (size_t i = 0; i < listing->count; i++)
		if (listing->items[i].key && strcmp(listing->items[i].key, key) == 0)
			return load_listed(lookup, i, key, &lookup->match, err);
	return 1;
}

/* What the key and all restore keys start with, on the heap. */
static char *common_prefix(const struct xc_query *query)
{
	size_t length = strlen(query->key);

	for (size_t i = 0; i < query->restore_keys->count; i++) {
		const char *restore_key = query->restore_keys->items[i];
		size_t same = 0;

		while (same < length && restore_key[same] == query->key[same])
			same++;
		length = same;
	}
	return xc_strndup(query->key, length);
}

/*
 * One listing answers for the key and all restore keys: a request for each of
 * them and each scope would cost a miss far more than a longer answer does.
 */
static int find_prefixes(struct lookup *lookup, struct xc_err *err)
{
	const struct xc_strlist *restore_keys = lookup->query->restore_keys;
	cleanup_listing struct xc_listing listing = XC_LISTING_INIT;
	cleanup_free char *prefix = common_prefix(lookup->query);
	const struct xc_selection selection = {
		.scope = lookup->scope,
		.version = lookup->version,
		.key_prefix = prefix,
	};
	int found;

	if (xc_list_scope(lookup->cache, &selection, &listing, err) < 0)
		return -1;
	lookup->listing = &listing;
	found = find_newest(lookup, lookup->query->key, err);
	for (size_t i = 0; found == 1 && i < restore_keys->count; i++) {
		found = find_listed(lookup, restore_keys->items[i], err);
		if (found == 1)
			found = find_newest(lookup, restore_keys->items[i], err);
	}
	lookup->listing = NULL;
	return found;
}

static int find_in_scopes(struct lookup *lookup, struct xc_err *err)
{
	const struct xc_cache *cache = lookup->cache;
	int found = 1;

	for (size_t i = 0; found == 1 && i < cache->scopes->count; i++) {
		if (xc_cancel_check(cache->cancel, err) < 0)
			return -1;
		lookup->scope = cache->scopes->items[i];
		found = find_exact(lookup, err);
		if (found == 1)
			found = find_prefixes(lookup, err);
	}
	return found;
}

/* Where the store matches keys by itself. What is of no use would be found again: a miss. */
static int find_by_store(struct lookup *lookup, struct xc_err *err)
{
	struct xc_store *store = lookup->cache->store;
	const struct xc_query *query = lookup->query;
	const struct xc_store_query wanted = {
		.key = query->key,
		.restore_keys = query->restore_keys,
		.version = lookup->version,
		.scopes = lookup->cache->scopes,
	};
	cleanup_store_found struct xc_store_found found = { 0 };
	struct xc_entry_ref ref;
	int loaded;

	if (xc_store_find(store, &wanted, &found, err) < 0)
		return err->kind == XC_ERR_NOT_FOUND ? 1 : -1;
	if (!xc_query_matched_by(query, found.key))
		return xc_err_set(err, XC_ERR_CORRUPT,
				  "the store %s found key %s, which matches neither key nor "
				  "restore keys",
				  XC_QUOTE(store->display_url), XC_QUOTE(found.key));
	lookup->scope = found.scope;
	ref = (struct xc_entry_ref){ found.name, lookup->version, found.key };
	loaded = load(lookup, &ref, &lookup->match, err);
	lookup->scope = NULL;
	lookup->match.exact = loaded == 0 && strcmp(found.key, query->key) == 0;
	return loaded;
}

/* Why nothing was found. Returns -1. */
static int set_miss(const struct lookup *lookup, struct xc_err *err)
{
	const struct xc_query *query = lookup->query;

	if (lookup->broken->count > 0) {
		*err = lookup->broken->items[0].why;
		return -1;
	}
	if (lookup->passed_over.kind != XC_ERR_NONE)
		return xc_err_set(err, XC_ERR_NOT_FOUND,
				  "no entry that this version of xcache can read: %.300s",
				  lookup->passed_over.msg);
	return xc_err_set(err, XC_ERR_NOT_FOUND, "no entry for key %s%s%s", XC_QUOTE(query->key),
			  query->restore_keys->count ? " or its restore keys" : "",
			  query->legacy_layout ? ", nor objects of the legacy layout" : "");
}

static int find(struct lookup *lookup, struct xc_err *err)
{
	const struct xc_cache *cache = lookup->cache;
	int found = cache->store->can & XC_STORE_CAN_FIND ? find_by_store(lookup, err)
							  : find_in_scopes(lookup, err);

	if (found == 1 && lookup->query->legacy_layout)
		found = xc_legacy_find(cache, lookup->query, &lookup->match, err);
	return found == 1 ? set_miss(lookup, err) : found;
}

int xc_find_match(const struct xc_cache *cache, const struct xc_query *query,
		  struct xc_broken *broken, struct xc_match *ret_match, struct xc_err *err)
{
	char version[XC_VERSION_HEX + 1];
	struct lookup lookup = {
		.cache = cache, .query = query, .version = version, .broken = broken
	};

	if (xc_check_query(query, err) < 0 ||
	    (query->legacy_layout && xc_legacy_check(cache, query, err) < 0))
		return -1;
	xc_progress_phase(cache->progress, XC_PHASE_LOOKUP);
	xc_key_version(query->paths, version);
	if (find(&lookup, err) < 0) {
		xc_match_release(&lookup.match);
		return -1;
	}
	*ret_match = lookup.match;
	return 0;
}

/* The next match whose packs are there. */
static int find_whole(const struct xc_cache *cache, const struct xc_query *query,
		      struct xc_broken *broken, struct xc_match *ret_match, struct xc_err *err)
{
	for (;;) {
		cleanup_match struct xc_match match = XC_MATCH_INIT;

		if (xc_find_match(cache, query, broken, &match, err) < 0)
			return -1;
		if (match.legacy.base ||
		    xc_packs_check(cache, match.scope, &match.manifest, err) == 0) {
			move_match(&match, ret_match);
			return 0;
		}
		if (!xc_is_broken(err))
			return -1;
		xc_err_wrap(err, "key %s cannot be restored", XC_QUOTE(match.manifest.key));
		xc_broken_note_match(broken, &match, err);
		if (broken->count > XC_BROKEN_MAX)
			return -1;
	}
}

int xc_cache_lookup(const struct xc_cache *cache, const struct xc_query *query,
		    struct xc_match *ret_match, struct xc_err *err)
{
	struct xc_broken broken = XC_BROKEN_INIT;
	int result = find_whole(cache, query, &broken, ret_match, err);

	xc_broken_hand_over(cache, &broken);
	return result;
}

/*
 * The newest of a listing that is of exactly this key. Unlike a lookup it does
 * not go on to older entries where that one cannot be read: it is the one meant.
 */
static int find_named(struct lookup *lookup, const char *key, struct xc_err *err)
{
	for (size_t i = 0; i < lookup->listing->count; i++) {
		const struct xc_entry_ref ref = xc_listed_ref(&lookup->listing->items[i]);
		int loaded;

		if (ref.key && strcmp(ref.key, key) != 0)
			continue;
		loaded = load(lookup, &ref, &lookup->match, err);
		if (loaded < 0 || (loaded == 1 && err->kind != XC_ERR_NOT_FOUND))
			return -1;
		if (loaded == 1 || strcmp(lookup->match.manifest.key, key) != 0)
			continue;
		lookup->match.exact = true;
		return 0;
	}
	return 1;
}

static int find_named_in_scopes(struct lookup *lookup, const char *key, struct xc_err *err)
{
	const struct xc_strlist *scopes = lookup->cache->scopes;
	int found = 1;

	for (size_t s = 0; found == 1 && s < scopes->count; s++) {
		cleanup_listing struct xc_listing listing = XC_LISTING_INIT;
		const struct xc_selection selection = {
			.scope = scopes->items[s],
			.version = lookup->version,
			.key_prefix = key,
		};

		lookup->scope = selection.scope;
		lookup->listing = &listing;
		found = xc_list_scope(lookup->cache, &selection, &listing, err);
		if (found == 0)
			found = find_named(lookup, key, err);
		lookup->listing = NULL;
	}
	return found;
}

int xc_cache_find_key(const struct xc_cache *cache, const char *key, const char *version,
		      struct xc_match *ret_match, struct xc_err *err)
{
	struct xc_broken broken = XC_BROKEN_INIT;
	struct lookup lookup = { .cache = cache, .version = version, .broken = &broken };
	int found = find_named_in_scopes(&lookup, key, err);

	xc_broken_hand_over(cache, &broken);
	if (found == 0) {
		*ret_match = lookup.match;
		return 0;
	}
	xc_match_release(&lookup.match);
	return found < 0 ? -1
			 : xc_err_set(err, XC_ERR_NOT_FOUND, "no entry for key %s", XC_QUOTE(key));
}
