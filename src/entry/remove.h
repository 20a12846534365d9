/* SPDX-License-Identifier: Apache-2.0 */
/* Taking one entry away. */
#ifndef XC_ENTRY_REMOVE_H
#define XC_ENTRY_REMOVE_H

#include "entry/entry.h"

/*
 * Leave a tombstone for the packs of an entry whose manifest was read with
 * `tag`, then remove the manifest. 1: removed; 0: there was none any more; -1
 * with EXISTS if it is another one by now, which stays.
 */
int xc_remove_entry(const struct xc_cache *cache, const struct xc_entry *entry,
		    const struct xc_store_tag *tag, struct xc_err *err) XC_CHECK;

#endif
