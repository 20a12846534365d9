/* SPDX-License-Identifier: Apache-2.0 */
/* The entries of one scope, by the names of their manifests. */
#ifndef XC_ENTRY_LISTING_H
#define XC_ENTRY_LISTING_H

#include "entry/objects.h"

/* One entry of a listing, owned. */
struct xc_listed {
	char *object;
	char *version;
	char *key; /* NULL if the name was cut */
	uint64_t size_bytes;
	int64_t modified_ns;
};

static inline struct xc_entry_ref xc_listed_ref(const struct xc_listed *listed)
{
	return (struct xc_entry_ref){ listed->object, listed->version, listed->key };
}

struct xc_listing {
	struct xc_listed *items;
	size_t count, capacity;
};

#define XC_LISTING_INIT                                                                            \
	{                                                                                          \
		0                                                                                  \
	}
void xc_listing_release(struct xc_listing *listing);
#define cleanup_listing __attribute__((cleanup(xc_listing_release)))

/* Which entries of a scope. */
struct xc_selection {
	const char *scope;
	const char *version; /* NULL: of any */
	const char *key_prefix;
	size_t max_names; /* look at so many names at most; 0: at all */
};

/*
 * The entries whose key starts with the prefix as far as names tell; newest
 * first, ties by name from the last. Names that no entry has are passed over.
 */
int xc_list_scope(const struct xc_cache *cache, const struct xc_selection *selection,
		  struct xc_listing *ret_listing, struct xc_err *err) XC_CHECK;

#endif
