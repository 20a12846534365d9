/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Freeing what no entry of a repository needs any more, beside running saves
 * and restores and beside another of its kind. It may be ended at any point:
 * packs go before the tombstones that name them, so the next run goes on.
 */
#ifndef XC_UPKEEP_GC_H
#define XC_UPKEEP_GC_H

#include "entry/entry.h"

struct xc_gc_opts {
	int64_t grace_ns;   /* how long what is no longer named stays for those that read it */
	int64_t max_age_ns; /* 0: entries of any age stay */
	bool has_max_bytes;
	uint64_t max_bytes;         /* see xc_gc_judge_entries */
	bool dry_run;               /* nothing is written or removed, the result is as if it were */
	xc_cache_entry_fn *removed; /* called for each entry that is removed; may be NULL */
	void *context;
};

struct xc_gc_count {
	uint64_t count, bytes;
};

struct xc_gc_result {
	struct xc_gc_count removed; /* packs */
	struct xc_gc_count waiting; /* packs that nothing names, and that may go later */
	int64_t first_ns, last_ns;  /* when: the first and the last of them; by the store's clock */
	struct xc_gc_count marked;  /* of those, such as got a tombstone in this run */
	struct xc_gc_count live;    /* packs that entries name */
	uint64_t tombstones_removed;            /* that have done their work */
	uint64_t entries;                       /* that stay */
	uint64_t removed_old, removed_for_room; /* entries */
	bool above_max; /* what stays named is more than max_bytes all the same */
};

/*
 * Collect. CORRUPT or FORMAT, naming the first one, if a manifest or a tombstone
 * cannot be read: nothing was removed. After another error some may have been.
 */
int xc_gc(const struct xc_cache *cache, const struct xc_gc_opts *opts,
	  struct xc_gc_result *ret_result, struct xc_err *err) XC_CHECK;

#endif
