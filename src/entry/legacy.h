/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The legacy layout, as a shell action left it in buckets: `<key>-base.tar.zst`
 * and `<key>-delta-<any>.tar.zst` directly below the store's prefix, tar
 * archives of the content of one directory. docs/FORMAT.md has the rules.
 */
#ifndef XC_ENTRY_LEGACY_H
#define XC_ENTRY_LEGACY_H

#include "entry/entry.h"

/* USAGE unless the query has exactly one path, without wildcards, exclusion or escapes. */
int xc_legacy_check(const struct xc_cache *cache, const struct xc_query *query,
		    struct xc_err *err) XC_CHECK;

/*
 * Where the one path of such a query leads to, on the heap, and how much of it
 * the user wrote out. USAGE as above.
 */
int xc_legacy_target(const struct xc_cache *cache, const struct xc_query *query, char **ret_target,
		     size_t *ret_literal_bytes, struct xc_err *err) XC_CHECK;

/*
 * Look for the key itself, then for the newest whose key starts with each
 * restore key in turn. 0 found, 1 not found, -1 error.
 */
int xc_legacy_find(const struct xc_cache *cache, const struct xc_query *query,
		   struct xc_match *ret_match, struct xc_err *err) XC_CHECK;

#endif
