/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a key has an entry, asked before the work of making one. */
#ifndef XC_ENTRY_TAKEN_H
#define XC_ENTRY_TAKEN_H

#include "entry/entry.h"

struct xc_taken {
	bool taken; /* by an entry that is good, as far as was looked, or not ours to judge */
	struct xc_err broken;        /* why the entry that is there cannot be used; NONE: no such */
	char *object;                /* the name of its manifest, whether there is one or not */
	struct xc_store_tag tag;     /* of that manifest, so that it can be replaced */
	struct xc_manifest manifest; /* empty if there is none that can be read */
};

#define XC_TAKEN_INIT                                                                              \
	{                                                                                          \
		0                                                                                  \
	}
void xc_taken_release(struct xc_taken *taken);
#define cleanup_taken __attribute__((cleanup(xc_taken_release)))

/*
 * Look for the entry of exactly the query's key in the first scope. It is broken
 * if its manifest cannot be read, or a pack is missing or too short. Where its
 * manifest has the tag `suspect`, which may be NULL, its packs are read to the
 * end. An entry of another format is for other programs: the key is taken.
 * `ret_taken` is to be released in any case.
 */
int xc_entry_taken(const struct xc_cache *cache, const struct xc_query *query, const char *suspect,
		   struct xc_taken *ret_taken, struct xc_err *err) XC_CHECK;

#endif
