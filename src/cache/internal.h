/* SPDX-License-Identifier: Apache-2.0 */
/* What the operations share: object names, manifests, time. */
#ifndef XC_CACHE_INTERNAL_H
#define XC_CACHE_INTERNAL_H

#include "base/clock.h"
#include "cache/cache.h"

/* Append the name of an entry's manifest. */
int xc_name_entry(const struct xc_cache *cache, const char *scope, const char *version,
		  const char *key, struct xc_buf *out, struct xc_err *err) XC_CHECK;

/* Append what the names of all entries of a scope start with; of one version unless NULL. */
int xc_name_entries(const struct xc_cache *cache, const char *scope, const char *version,
		    struct xc_buf *out, struct xc_err *err) XC_CHECK;

/* Append the name of a pack. */
int xc_name_pack(const struct xc_cache *cache, const char *scope, const char *id,
		 struct xc_buf *out, struct xc_err *err) XC_CHECK;

/*
 * Read and parse the manifest `object`, and check that it is the one of
 * `version` and, unless NULL, of `key`. NOT_FOUND if there is none.
 */
int xc_load_manifest(const struct xc_cache *cache, const char *object, const char *version,
		     const char *key, struct xc_manifest *ret_manifest,
		     struct xc_err *err) XC_CHECK;

/* The same with the tag of what was read, also where that is CORRUPT or of an unknown FORMAT. */
int xc_load_tagged(const struct xc_cache *cache, const char *object, const char *version,
		   const char *key, struct xc_store_tag *ret_tag, struct xc_manifest *ret_manifest,
		   struct xc_err *err) XC_CHECK;

/*
 * What a lookup does, without a look at the packs. Entries in `broken` are
 * passed over, and those whose manifest is broken are added.
 */
int xc_find_match(const struct xc_cache *cache, const struct xc_query *query,
		  struct xc_broken *broken, struct xc_match *ret_match,
		  struct xc_err *err) XC_CHECK;

/* Write the tombstone of an entry that is about to lose its manifest. */
int xc_write_tombstone(const struct xc_cache *cache, const char *scope,
		       const struct xc_manifest *manifest, struct xc_err *err) XC_CHECK;

/* The keys and paths of a query, checked. */
int xc_check_query(const struct xc_query *query, struct xc_err *err) XC_CHECK;

/* One entry of a listing, owned. */
struct xc_listed {
	char *object;
	char *version;
	char *key; /* NULL if the name was cut */
	uint64_t size_bytes;
	int64_t modified_ns;
};

struct xc_listing {
	struct xc_listed *items;
	size_t count, capacity;
};

#define XC_LISTING_INIT                                                                            \
	{                                                                                          \
		0                                                                                  \
	}
void xc_listing_release(struct xc_listing *listing);
#define cleanup_listing __attribute__((cleanup(xc_listing_release)))

/* Which entries of a scope. */
struct xc_selection {
	const char *scope;
	const char *version; /* NULL: of any */
	const char *key_prefix;
	size_t max_names; /* look at so many names at most; 0: at all */
};

/*
 * The entries whose key starts with the prefix as far as names tell; newest
 * first, ties by name from the last. Names that no entry has are passed over.
 */
int xc_list_scope(const struct xc_cache *cache, const struct xc_selection *selection,
		  struct xc_listing *ret_listing, struct xc_err *err) XC_CHECK;

#endif
