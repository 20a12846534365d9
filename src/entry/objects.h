/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the manifests of entries, and writing their tombstones. */
#ifndef XC_ENTRY_OBJECTS_H
#define XC_ENTRY_OBJECTS_H

#include "entry/entry.h"

/* What a name says of an entry. All borrowed. */
struct xc_entry_ref {
	const char *object; /* its manifest's name in the store */
	const char *version;
	const char *key; /* NULL if the name was cut: only the manifest knows it */
};

/*
 * Read and parse a manifest, and check that it is the one of the entry that its
 * name says. NOT_FOUND if there is none. `ret_tag`, of what was read, is also
 * written where that is CORRUPT or of an unknown FORMAT.
 */
int xc_load_manifest(const struct xc_cache *cache, const struct xc_entry_ref *ref,
		     struct xc_store_tag *ret_tag, struct xc_manifest *ret_manifest,
		     struct xc_err *err) XC_CHECK;

/*
 * Write the tombstone of an entry that loses its manifest: it names the packs
 * but those that `kept`, the manifest in its place or NULL, names as well.
 * Nothing is written if that leaves none.
 */
int xc_write_tombstone(const struct xc_cache *cache, const char *scope,
		       const struct xc_manifest *manifest, const struct xc_manifest *kept,
		       struct xc_err *err) XC_CHECK;

#endif
