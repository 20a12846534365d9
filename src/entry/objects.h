/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the manifests of entries, and naming the packs of their layers. */
#ifndef XC_ENTRY_OBJECTS_H
#define XC_ENTRY_OBJECTS_H

#include "entry/entry.h"

/* What a name says of an entry. All borrowed. */
struct xc_entry_ref {
	const char *object; /* its manifest's name in the store */
	const char *version;
	const char *key; /* NULL if the name was cut: only the manifest knows it */
};

static inline struct xc_entry_ref xc_match_ref(const struct xc_match *match)
{
	return (struct xc_entry_ref){ match->object, match->manifest.version, match->manifest.key };
}

/* Whether a scope is among those that are read. */
bool xc_reads_scope(const struct xc_cache *cache, const char *scope);

/*
 * Append the name of the pack of a layer, whose manifest lies in `scope`.
 * CORRUPT if the pack lies in a scope that is neither that one nor among those
 * that are read: an entry must not lead to what its reader may not see.
 */
int xc_name_layer_pack(const struct xc_cache *cache, const char *scope,
		       const struct xc_layer *layer, struct xc_buf *out,
		       struct xc_err *err) XC_CHECK;

/*
 * Read and parse a manifest, and check that it is the one of the entry that its
 * name says. NOT_FOUND if there is none. `ret_tag`, of what was read, is also
 * written where that is CORRUPT or of an unknown FORMAT.
 */
int xc_load_manifest(const struct xc_cache *cache, const struct xc_entry_ref *ref,
		     struct xc_store_tag *ret_tag, struct xc_manifest *ret_manifest,
		     struct xc_err *err) XC_CHECK;

#endif
