/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the manifests of entries, and writing their tombstones. */
#ifndef XC_ENTRY_OBJECTS_H
#define XC_ENTRY_OBJECTS_H

#include "entry/entry.h"

/*
 * Read and parse the manifest `object`, and check that it is the one of
 * `version` and, unless NULL, of `key`. NOT_FOUND if there is none.
 */
int xc_load_manifest(const struct xc_cache *cache, const char *object, const char *version,
		     const char *key, struct xc_manifest *ret_manifest,
		     struct xc_err *err) XC_CHECK;

/* The same with the tag of what was read, also where that is CORRUPT or of an unknown FORMAT. */
int xc_load_tagged(const struct xc_cache *cache, const char *object, const char *version,
		   const char *key, struct xc_store_tag *ret_tag, struct xc_manifest *ret_manifest,
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
