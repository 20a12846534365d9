/* SPDX-License-Identifier: Apache-2.0 */
/* Tombstones as those who clean up read and write them; docs/FORMAT.md has the form. */
#ifndef XC_ENTRY_TOMBSTONE_H
#define XC_ENTRY_TOMBSTONE_H

#include "entry/entry.h"

/*
 * The ids of the packs that the tombstone `object` names, appended. NOT_FOUND if
 * it is gone, CORRUPT if it is none, FORMAT if it is of another version.
 */
int xc_load_tombstone(const struct xc_cache *cache, const char *object, struct xc_strlist *ret_ids,
		      struct xc_err *err) XC_CHECK;

/*
 * One tombstone for packs of a scope that no entry names and no tombstone
 * mentions, as a save that was killed leaves them.
 */
int xc_write_tombstone_of(const struct xc_cache *cache, const char *scope,
			  const struct xc_strlist *ids, struct xc_err *err) XC_CHECK;

#endif
