/* SPDX-License-Identifier: Apache-2.0 */
/* From members of a tree to a pack in the store. */
#ifndef XC_SAVE_PACK_H
#define XC_SAVE_PACK_H

#include "base/member_set.h"
#include "entry/entry.h"
#include "tree/walk/walk.h"

/* All borrowed. */
struct xc_save_pack {
	const struct xc_cache *cache;
	const char *scope;
	struct xc_tree *tree; /* what reading its files tells goes into its table (segments.h) */
	/*
	 * What the pack shall hold, with the directory of each member and the target of
	 * each hard link. What vanishes meanwhile is taken out, with a note.
	 */
	struct xc_member_set *set;
	const struct xc_overrides *overrides; /* of members of earlier layers; NULL: none */
	const struct xc_index_budget *spent;  /* by the entry's other indexes; NULL: nothing */
	struct xc_notes *notes;               /* what is left out or loses something is added */
	int level;
};

/*
 * Write a pack of the set's members. Fills all of *ret_layer but the dead, and
 * adds the members to all of `totals` but stored_bytes. On failure there is no
 * such pack. CHANGED if a file does not hold still; IO naming the file that
 * cannot be read.
 */
int xc_save_pack(const struct xc_save_pack *pack, struct xc_layer *ret_layer,
		 struct xc_totals *totals, struct xc_err *err) XC_CHECK;

/* Remove a pack that nothing names. A clean-up would find it just the same: no errors. */
void xc_save_drop_pack(const struct xc_cache *cache, const char *scope,
		       const struct xc_layer *layer);

#endif
