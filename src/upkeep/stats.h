/* SPDX-License-Identifier: Apache-2.0 */
/* What the entries of a repository take, and what nobody needs. */
#ifndef XC_UPKEEP_STATS_H
#define XC_UPKEEP_STATS_H

#include "entry/entry.h"

struct xc_stats_count {
	uint64_t count, bytes;
};

struct xc_stats {
	uint64_t entries, scopes, layers;
	uint64_t entry_bytes;        /* as if each entry had its packs for itself */
	struct xc_stats_count packs; /* all that there are */
	struct xc_stats_count named; /* by entries, each once */
	/*
	 * Of the named ones: what no entry restores any more, by the share of the tar
	 * stream that belongs to such members. Only with `exact`.
	 */
	uint64_t dead_bytes;
	bool exact;
	uint64_t tombstones;
	uint64_t missing;     /* layers whose pack is not there */
	uint64_t unreadable;  /* manifests and tombstones */
	struct xc_err reason; /* of the first of these; NONE if there is none */
};

/*
 * Count. `fast`: without the indexes of packs, so that dead members are not
 * counted. An index that cannot be read counts as unreadable.
 */
int xc_stats(const struct xc_cache *cache, bool fast, struct xc_stats *ret_stats,
	     struct xc_err *err) XC_CHECK;

#endif
