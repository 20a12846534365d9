/* SPDX-License-Identifier: Apache-2.0 */
#include "entry/lookup.h"

#include <string.h>

#include "entry/broken.h"
#include "entry/legacy.h"
#include "entry/listing.h"
#include "entry/objects.h"

/* How many entries of one second are told apart: each takes a request. */
#define TIES_MAX 16

void xc_match_release(struct xc_match *match)
{
	free(match->scope);
	free(match->older.base);
	free(match->older.delta);
	free(match->object);
	xc_manifest_release(&match->manifest);
	*match = (struct xc_match)XC_MATCH_INIT;
}

struct lookup {
	const struct xc_cache *cache;
	const char *version;
	const char *scope;         /* that is being searched */
	struct xc_broken *broken;  /* entries that are of no use */
	struct xc_err passed_over; /* why an entry of another format was of no use */
};

static void move_match(struct xc_match *from, struct xc_match *to)
{
	*to = *from;
	*from = (struct xc_match)XC_MATCH_INIT;
}

/* An entry that cannot be read. 1: the search may go on, -1: it may not. */
static int pass_over(struct lookup *lookup, const char *object, const char *key,
		     const struct xc_store_tag *tag, struct xc_err *err)
{
	if (err->kind == XC_ERR_FORMAT)
		lookup->passed_over = *err;
	if (err->kind == XC_ERR_FORMAT || err->kind == XC_ERR_NOT_FOUND)
		return 1;
	if (err->kind != XC_ERR_CORRUPT)
		return -1;
	xc_broken_note(lookup->broken, lookup->scope, object, key, tag, err);
	return lookup->broken->count > XC_BROKEN_MAX ? -1 : 1;
}

/* 0 with the match, 1 if the entry is of no use, -1 on error. `key` is NULL if not known. */
static int load(struct lookup *lookup, const char *object, const char *key,
		struct xc_match *ret_match, struct xc_err *err)
{
	cleanup_match struct xc_match match = XC_MATCH_INIT;

	if (xc_broken_has(lookup->broken, object))
		return 1;
	if (xc_load_tagged(lookup->cache, object, lookup->version, key, &match.tag, &match.manifest,
			   err) < 0)
		return pass_over(lookup, object, key, &match.tag, err);
	match.scope = xc_strdup(lookup->scope);
	match.object = xc_strdup(object);
	move_match(&match, ret_match);
	return 0;
}

static int find_exact(struct lookup *lookup, const char *key, struct xc_match *ret_match,
		      struct xc_err *err)
{
	cleanup_buf struct xc_buf name = XC_BUF_INIT;
	int found;

	if (xc_name_entry(lookup->cache, lookup->scope, lookup->version, key, &name, err) < 0)
		return -1;
	found = load(lookup, name.data, key, ret_match, err);
	if (found == 0)
		ret_match->exact = true;
	return found;
}

/* A listed entry, if it can be used and its key starts with `prefix`. */
static int load_listed(struct lookup *lookup, const struct xc_listed *listed, const char *prefix,
		       struct xc_match *ret_match, struct xc_err *err)
{
	cleanup_match struct xc_match match = XC_MATCH_INIT;
	size_t length = strlen(prefix);
	int found;

	if (listed->key && strncmp(listed->key, prefix, length) != 0)
		return 1;
	found = load(lookup, listed->object, listed->key, &match, err);
	if (found != 0)
		return found;
	/* A name that was cut does not tell whether the whole prefix matches. */
	if (strncmp(match.manifest.key, prefix, length) != 0)
		return 1;
	move_match(&match, ret_match);
	return 0;
}

/*
 * Entries that the store calls equally old as the one found: S3 knows whole
 * seconds only, their manifests know better.
 */
static int break_ties(struct lookup *lookup, const struct xc_listing *listing, size_t found,
		      const char *prefix, struct xc_match *best, struct xc_err *err)
{
	for (size_t i = found + 1;
	     i < listing->count && i - found < TIES_MAX &&
	     listing->items[i].modified_ns == listing->items[found].modified_ns;
	     i++) {
		cleanup_match struct xc_match match = XC_MATCH_INIT;
		int loaded = load_listed(lookup, &listing->items[i], prefix, &match, err);

		if (loaded < 0)
			return -1;
		if (loaded == 0 && match.manifest.created_ns > best->manifest.created_ns) {
			struct xc_match older = *best;

			*best = match;
			match = older;
		}
	}
	return 0;
}

static int find_newest(struct lookup *lookup, const struct xc_listing *listing, const char *prefix,
		       struct xc_match *ret_match, struct xc_err *err)
{
	for (size_t i = 0; i < listing->count; i++) {
		cleanup_match struct xc_match match = XC_MATCH_INIT;
		int loaded = load_listed(lookup, &listing->items[i], prefix, &match, err);

		if (loaded < 0)
			return -1;
		if (loaded == 0) {
			if (break_ties(lookup, listing, i, prefix, &match, err) < 0)
				return -1;
			move_match(&match, ret_match);
			return 0;
		}
	}
	return 1;
}

/* An entry of exactly this key, which goes before newer ones that begin so. */
static int find_listed(struct lookup *lookup, const struct xc_listing *listing, const char *key,
		       struct xc_match *ret_match, struct xc_err *err)
{
	for (size_t i = 0; i < listing->count; i++)
		if (listing->items[i].key && strcmp(listing->items[i].key, key) == 0)
			return load_listed(lookup, &listing->items[i], key, ret_match, err);
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
static int find_prefixes(struct lookup *lookup, const struct xc_query *query,
			 struct xc_match *ret_match, struct xc_err *err)
{
	cleanup_listing struct xc_listing listing = XC_LISTING_INIT;
	cleanup_free char *prefix = common_prefix(query);
	const struct xc_selection selection = {
		.scope = lookup->scope,
		.version = lookup->version,
		.key_prefix = prefix,
	};
	int found;

	if (xc_list_scope(lookup->cache, &selection, &listing, err) < 0)
		return -1;
	found = find_newest(lookup, &listing, query->key, ret_match, err);
	for (size_t i = 0; found == 1 && i < query->restore_keys->count; i++) {
		const char *key = query->restore_keys->items[i];

		found = find_listed(lookup, &listing, key, ret_match, err);
		if (found == 1)
			found = find_newest(lookup, &listing, key, ret_match, err);
	}
	return found;
}

static int find_in_scope(struct lookup *lookup, const struct xc_query *query,
			 struct xc_match *ret_match, struct xc_err *err)
{
	int found = find_exact(lookup, query->key, ret_match, err);

	return found == 1 ? find_prefixes(lookup, query, ret_match, err) : found;
}

static int find_in_scopes(struct lookup *lookup, const struct xc_query *query,
			  struct xc_match *ret_match, struct xc_err *err)
{
	const struct xc_cache *cache = lookup->cache;
	int found = 1;

	for (size_t i = 0; found == 1 && i < cache->scopes->count; i++) {
		if (xc_cancel_check(cache->cancel, err) < 0)
			return -1;
		lookup->scope = cache->scopes->items[i];
		found = find_in_scope(lookup, query, ret_match, err);
	}
	return found;
}

/* Where the store matches keys by itself. What is of no use would be found again: a miss. */
static int find_by_store(struct lookup *lookup, const struct xc_query *query,
			 struct xc_match *ret_match, struct xc_err *err)
{
	struct xc_store *store = lookup->cache->store;
	const struct xc_store_query wanted = {
		.key = query->key,
		.restore_keys = query->restore_keys,
		.version = lookup->version,
		.scopes = lookup->cache->scopes,
	};
	cleanup_store_found struct xc_store_found found = { 0 };
	int loaded;

	if (xc_store_find(store, &wanted, &found, err) < 0)
		return err->kind == XC_ERR_NOT_FOUND ? 1 : -1;
	if (!xc_query_matched_by(query, found.key))
		return xc_err_set(err, XC_ERR_CORRUPT,
				  "the store %s found key %s, which matches neither key nor "
				  "restore keys",
				  XC_QUOTE(store->display_url), XC_QUOTE(found.key));
	lookup->scope = found.scope;
	loaded = load(lookup, found.name, found.key, ret_match, err);
	lookup->scope = NULL;
	if (loaded == 0)
		ret_match->exact = strcmp(found.key, query->key) == 0;
	return loaded;
}

/* Why nothing was found. Returns -1. */
static int tell_miss(const struct lookup *lookup, const struct xc_query *query, struct xc_err *err)
{
	if (lookup->broken->count > 0) {
		*err = lookup->broken->items[0].why;
		return -1;
	}
	if (lookup->passed_over.kind != XC_ERR_NONE)
		return xc_err_set(err, XC_ERR_NOT_FOUND,
				  "no entry that this xcache can read: %.300s",
				  lookup->passed_over.msg);
	return xc_err_set(err, XC_ERR_NOT_FOUND, "no entry for key %s%s%s", XC_QUOTE(query->key),
			  query->restore_keys->count ? " or its restore keys" : "",
			  query->legacy_layout ? ", nor objects of the older layout" : "");
}

int xc_find_match(const struct xc_cache *cache, const struct xc_query *query,
		  struct xc_broken *broken, struct xc_match *ret_match, struct xc_err *err)
{
	char version[XC_VERSION_HEX + 1];
	struct lookup lookup = { .cache = cache, .version = version, .broken = broken };
	struct xc_match match = XC_MATCH_INIT;
	int found;

	if (xc_check_query(query, err) < 0 ||
	    (query->legacy_layout && xc_legacy_check(cache, query, err) < 0))
		return -1;
	xc_progress_phase(cache->progress, XC_PHASE_LOOKUP);
	xc_key_version(query->paths, version);
	found = cache->store->can & XC_STORE_CAN_FIND ? find_by_store(&lookup, query, &match, err)
						      : find_in_scopes(&lookup, query, &match, err);
	if (found == 1 && query->legacy_layout)
		found = xc_legacy_find(cache, query, &match, err);
	if (found < 0)
		return -1;
	if (found == 1)
		return tell_miss(&lookup, query, err);
	*ret_match = match;
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
		if (match.older.base ||
		    xc_packs_look(cache, match.scope, &match.manifest, err) == 0) {
			move_match(&match, ret_match);
			return 0;
		}
		if (!xc_is_broken(err))
			return -1;
		xc_err_wrap(err, "key %s cannot be restored", XC_QUOTE(match.manifest.key));
		xc_broken_note(broken, match.scope, match.object, match.manifest.key, &match.tag,
			       err);
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

/* The first of a listing that is of exactly this key. 1 if none is. */
static int find_named(struct lookup *lookup, const struct xc_listing *listing, const char *key,
		      struct xc_match *ret_match, struct xc_err *err)
{
	for (size_t i = 0; i < listing->count; i++) {
		const struct xc_listed *listed = &listing->items[i];
		cleanup_match struct xc_match match = XC_MATCH_INIT;

		if (listed->key && strcmp(listed->key, key) != 0)
			continue;
		if (xc_load_tagged(lookup->cache, listed->object, listed->version, listed->key,
				   &match.tag, &match.manifest, err) < 0) {
			if (err->kind == XC_ERR_NOT_FOUND)
				continue;
			if (err->kind == XC_ERR_CORRUPT)
				xc_broken_note(lookup->broken, lookup->scope, listed->object,
					       listed->key, &match.tag, err);
			return -1;
		}
		if (strcmp(match.manifest.key, key) != 0)
			continue;
		match.scope = xc_strdup(lookup->scope);
		match.object = xc_strdup(listed->object);
		match.exact = true;
		move_match(&match, ret_match);
		return 0;
	}
	return 1;
}

int xc_cache_find_key(const struct xc_cache *cache, const char *key, const char *version,
		      struct xc_match *ret_match, struct xc_err *err)
{
	struct xc_broken broken = XC_BROKEN_INIT;
	struct lookup lookup = { .cache = cache, .broken = &broken };
	int found = 1;

	for (size_t s = 0; found == 1 && s < cache->scopes->count; s++) {
		cleanup_listing struct xc_listing listing = XC_LISTING_INIT;

		struct xc_selection selection = {
			.scope = cache->scopes->items[s],
			.version = version,
			.key_prefix = key,
		};

		lookup.scope = selection.scope;
		found = xc_list_scope(cache, &selection, &listing, err);
		if (found == 0)
			found = find_named(&lookup, &listing, key, ret_match, err);
	}
	xc_broken_hand_over(cache, &broken);
	if (found == 1)
		return xc_err_set(err, XC_ERR_NOT_FOUND, "no entry for key %s", XC_QUOTE(key));
	return found;
}
