/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a repository's stock may go. Pure: lists in, decisions out.
 * docs/UPKEEP.md says why the rules are safe beside saves and restores.
 */
#ifndef XC_UPKEEP_DECIDE_H
#define XC_UPKEEP_DECIDE_H

#include "upkeep/stock.h"

struct xc_gc_rules {
	int64_t now_ns; /* by the store's clock, as all times of the stock */
	int64_t grace_ns;
	int64_t max_age_ns; /* of entries since they were saved; 0: any */
	bool has_max_bytes;
	uint64_t max_bytes; /* of all packs that entries name */
};

enum xc_pack_fate {
	XC_PACK_STAYS,    /* an entry names it */
	XC_PACK_UNMARKED, /* nothing names it, not even a tombstone: it is to get one */
	XC_PACK_WAITS,    /* it, or its newest tombstone, is younger than the grace */
	XC_PACK_GOES,
};

/* *ret_until_ns: when it may go if nothing names it by then; of one that waits or is unmarked. */
enum xc_pack_fate xc_gc_judge_pack(const struct xc_gc_rules *rules,
				   const struct xc_stock_pack *pack, int64_t *ret_until_ns);

/*
 * Whether a tombstone has done its work: it is older than the grace, and each
 * of its packs goes, is gone, or is named by an entry again. A younger one may
 * belong to an entry that is being removed right now.
 */
bool xc_gc_is_spent(const struct xc_gc_rules *rules, const struct xc_stock *stock,
		    const struct xc_stock_tombstone *tombstone);

enum xc_entry_fate {
	XC_ENTRY_STAYS,
	XC_ENTRY_TOO_OLD,  /* for max_age_ns */
	XC_ENTRY_TOO_MUCH, /* for max_bytes */
};

/*
 * Which entries have to go, one value for each, to be freed. First all that are
 * older than max_age_ns. Then, until the packs that the others name have no more
 * than max_bytes in all, one after the other, the least recently saved first,
 * but never the newest of a group: entries of one scope and one version whose
 * keys are alike up to their last '-'. *ret_live_bytes is what stays named.
 */
enum xc_entry_fate *xc_gc_judge_entries(const struct xc_gc_rules *rules,
					const struct xc_stock *stock, uint64_t *ret_live_bytes);

#endif
