/* SPDX-License-Identifier: Apache-2.0 */
/* How a stock is filled: stock.c lists, stock_read.c reads. */
#ifndef XC_UPKEEP_INTERNAL_H
#define XC_UPKEEP_INTERNAL_H

#include "entry/objects.h"
#include "upkeep/stock.h"

/* Read the tombstones and entries from these positions on. */
int xc_stock_read_tombstones(const struct xc_cache *cache, struct xc_stock *stock, size_t first,
			     struct xc_err *err) XC_CHECK;
int xc_stock_read_entries(const struct xc_cache *cache, struct xc_stock *stock, size_t first,
			  xc_stock_manifest_fn *told, void *context, struct xc_err *err) XC_CHECK;

static inline struct xc_entry_ref xc_stock_ref(const struct xc_stock_entry *entry)
{
	return (struct xc_entry_ref){ entry->object, entry->version, entry->key };
}

/* Something that is there cannot be read. */
void xc_stock_note_unreadable(struct xc_stock *stock, const struct xc_err *why);

#endif
