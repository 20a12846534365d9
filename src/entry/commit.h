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
	const char *entry_name;
	const struct xc_manifest *manifest;
	const struct xc_buf *data; /* the manifest, encoded */
	bool update;               /* replace whatever entry of the key there is */
	/* Replace the manifest of this tag, which is broken, and no other; NULL for none. */
	const struct xc_store_tag *broken;
};

struct xc_committed {
	bool exists;         /* another entry has the key; ours was not written */
	bool may_drop_pack;  /* nothing names the pack, nor ever will */
	struct xc_err doubt; /* what the store said although the entry is there; else NONE */
};

/*
 * 0 if the entry is there or another has the key. *ret_committed is always
 * filled. A put whose outcome nobody knows leaves the pack: it may still come
 * to be named.
 */
int xc_commit(const struct xc_commit *commit, struct xc_committed *ret_committed,
	      struct xc_err *err) XC_CHECK;

#endif
