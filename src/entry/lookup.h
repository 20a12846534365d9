/* SPDX-License-Identifier: Apache-2.0 */
/* What a lookup and a restore share of finding an entry. */
#ifndef XC_ENTRY_LOOKUP_H
#define XC_ENTRY_LOOKUP_H

#include "entry/entry.h"

/* The keys and paths of a query, checked. */
int xc_check_query(const struct xc_query *query, struct xc_err *err) XC_CHECK;

/*
 * What a lookup does, without a look at the packs. Entries in `broken` are
 * passed over, and those whose manifest is broken are added.
 */
int xc_find_match(const struct xc_cache *cache, const struct xc_query *query,
		  struct xc_broken *broken, struct xc_match *ret_match,
		  struct xc_err *err) XC_CHECK;

#endif
