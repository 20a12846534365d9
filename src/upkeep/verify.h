/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether entries could be restored: all that a restore reads is read and
 * checked, and nothing is written. What several entries share is read once.
 */
#ifndef XC_UPKEEP_VERIFY_H
#define XC_UPKEEP_VERIFY_H

#include "entry/entry.h"

struct xc_verify_opts {
	const char *key;     /* in the context's scopes; NULL: every entry of the repository */
	const char *version; /* NULL: of any */
	/* Called for each entry once it is checked: `broken` is NULL for one that is good. */
	void (*checked)(const struct xc_entry *entry, const struct xc_err *broken, void *context);
	void *context;
};

struct xc_verify_result {
	uint64_t entries, broken;
	uint64_t unknown;      /* of these formats that this program does not know: not broken */
	uint64_t packs, bytes; /* that were read */
	uint64_t unnamed, unnamed_bytes; /* packs that no entry names; only without a key */
};

/* NOT_FOUND if there is no such entry. Broken entries are a result, no error. */
int xc_verify(const struct xc_cache *cache, const struct xc_verify_opts *opts,
	      struct xc_verify_result *ret_result, struct xc_err *err) XC_CHECK;

#endif
