/* SPDX-License-Identifier: Apache-2.0 */
/* Tombstones: which packs may go before long. docs/FORMAT.md has the form. */
#ifndef XC_ENTRY_TOMBSTONE_H
#define XC_ENTRY_TOMBSTONE_H

#include "entry/entry.h"

/*
 * The ids of the packs that the tombstone `object` names, appended. NOT_FOUND if
 * it is gone, CORRUPT if it is none, FORMAT if it is of another version.
 */
int xc_load_tombstone(const struct xc_cache *cache, const char *object, struct xc_strlist *ret_ids,
		      struct xc_err *err) XC_CHECK;

/* An entry that loses its manifest. All borrowed. */
struct xc_tombstone {
	const char *scope;
	const struct xc_manifest *manifest;
	const struct xc_manifest *kept; /* the manifest in its place; NULL: none */
};

/*
 * Write its tombstone, which names the packs of its scope but those that the
 * manifest in its place names as well. The tombstone's own name is appended to
 * `ret_name`, which may be NULL. Nothing is written if no pack is left over.
 */
int xc_write_tombstone(const struct xc_cache *cache, const struct xc_tombstone *tombstone,
		       struct xc_buf *ret_name, struct xc_err *err) XC_CHECK;

/*
 * One tombstone for packs of a scope that no entry names and no tombstone
 * mentions, as a save that was killed leaves them.
 */
int xc_write_tombstone_of(const struct xc_cache *cache, const char *scope,
			  const struct xc_strlist *ids, struct xc_err *err) XC_CHECK;

#endif
