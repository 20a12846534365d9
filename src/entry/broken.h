/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries that are there and cannot be used: their manifest is no manifest, or
 * a pack is gone, cut short or spoilt. A lookup or a restore passes them over
 * and says so; a save may replace the one of its own key.
 */
#ifndef XC_ENTRY_BROKEN_H
#define XC_ENTRY_BROKEN_H

#include "entry/objects.h"

/* A search that meets more than these ends: it is the store that is broken then. */
#define XC_BROKEN_MAX 8

/* Whether an error says that the entry itself is of no use. */
bool xc_is_broken(const struct xc_err *err);

/* The entry `ref` of `scope` is broken, as `why` says; `tag` is its manifest's. */
void xc_broken_note(struct xc_broken *broken, const char *scope, const struct xc_entry_ref *ref,
		    const struct xc_store_tag *tag, const struct xc_err *why);
/* The same of an entry that was found. */
void xc_broken_note_match(struct xc_broken *broken, const struct xc_match *match,
			  const struct xc_err *why);
bool xc_broken_has(const struct xc_broken *broken, const char *object);

/* Hand what was noted to cache->broken, if that is wanted, and release the rest. */
void xc_broken_hand_over(const struct xc_cache *cache, struct xc_broken *broken);

/*
 * Whether the packs of an entry are there and long enough: a small request each, side by side.
 * NOT_FOUND or CORRUPT if one is not.
 */
int xc_packs_check(const struct xc_cache *cache, const char *scope,
		   const struct xc_manifest *manifest, struct xc_err *err) XC_CHECK;

/* Read all of them and compare the SHA-256 sums of their indexes and segments. */
int xc_packs_verify(const struct xc_cache *cache, const char *scope,
		    const struct xc_manifest *manifest, struct xc_err *err) XC_CHECK;

#endif
