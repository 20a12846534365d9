/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Giving a manifest its place, which is what makes an entry. Another save or
 * update of the key may do the same at this moment: each pack that a manifest
 * has named is then named by the entry or by a tombstone.
 */
#ifndef XC_ENTRY_COMMIT_H
#define XC_ENTRY_COMMIT_H

#include "entry/entry.h"

/* All borrowed. */
struct xc_commit {
	const struct xc_cache *cache;
	const char *scope;
	/* Its key and version name the entry; by its time and newest pack it is known again. */
	const struct xc_manifest *manifest;
	/*
	 * What it may take the place of: nothing (XC_PUT_IF_ABSENT), whatever entry
	 * the key has (XC_PUT_ALWAYS), or the one whose manifest was read with a tag
	 * (XC_PUT_IF_TAG) and no other. Where that is gone by now, it is the first.
	 */
	struct xc_put_condition over;
};

struct xc_committed {
	bool exists;         /* another entry has the key; ours was not written */
	bool may_drop_pack;  /* nothing names the pack, nor ever will */
	struct xc_err doubt; /* what the store said although the entry is there; else NONE */
};

/*
 * 0 if the entry is there or another has the key. *ret_committed is always
 * filled. A put whose outcome nobody knows leaves the pack: it may still come
 * to be named. USAGE if no reader would take the manifest: such an entry would
 * keep its key and never be restored. Packs of a replaced entry that the new
 * one does not name go into a tombstone.
 */
int xc_commit(const struct xc_commit *commit, struct xc_committed *ret_committed,
	      struct xc_err *err) XC_CHECK;

#endif
