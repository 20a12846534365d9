/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The older layout, as a shell action left it in buckets: `<key>-base.tar.zst`
 * and `<key>-delta-<any>.tar.zst` directly below the store's prefix, tar
 * archives of the content of one directory. docs/FORMAT.md has the rules.
 */
#ifndef XC_CACHE_LEGACY_H
#define XC_CACHE_LEGACY_H

#include "cache/cache.h"

/* USAGE unless the query has exactly one path, without wildcards, exclusion or escapes. */
int xc_legacy_check(const struct xc_cache *cache, const struct xc_query *query,
		    struct xc_err *err) XC_CHECK;

/*
 * Look for the key itself, then for the newest whose key starts with each
 * restore key in turn. 0 found, 1 not found, -1 error.
 */
int xc_legacy_find(const struct xc_cache *cache, const struct xc_query *query,
		   struct xc_match *ret_match, struct xc_err *err) XC_CHECK;

/*
 * Bring back what result->match names, and fill the rest of the result, its
 * totals included. All or nothing, as xc_cache_restore is.
 */
int xc_legacy_restore(const struct xc_cache *cache, const struct xc_query *query,
		      struct xc_restore_result *result, struct xc_err *err) XC_CHECK;

#endif
