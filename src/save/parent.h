/* SPDX-License-Identifier: Apache-2.0 */
/* The entry that a save builds on: found, and seen to be there still before the commit. */
#ifndef XC_SAVE_PARENT_H
#define XC_SAVE_PARENT_H

#include "entry/taken.h"
#include "save/save.h"
#include "state/state.h"

struct xc_parent {
	bool found;
	bool recorded;         /* by a restore on this machine: the state may have stamps */
	struct xc_state state; /* restored_ns is when the entry was known to be there */
};

#define XC_PARENT_INIT                                                                             \
	{                                                                                          \
		.state = XC_STATE_INIT                                                             \
	}
void xc_parent_release(struct xc_parent *parent);
#define cleanup_parent __attribute__((cleanup(xc_parent_release)))

/*
 * Look for a parent in the order that struct xc_save_opts gives; the manifest
 * of `taken`, the entry of the key itself, is moved from there if it is the
 * one. An entry that cannot be read is none: the save then sends all. Only
 * packs in scopes that this job reads count. CANCELED, and no other error.
 * `ret_parent` is to be released in any case.
 */
int xc_parent_find(const struct xc_cache *cache, const struct xc_query *query,
		   const struct xc_save_opts *opts, struct xc_taken *taken,
		   struct xc_parent *ret_parent, struct xc_err *err) XC_CHECK;

/*
 * Whether an entry of `manifest`, in the first scope, may be committed although
 * most of its packs are the parent's: all packs are there, and the parent still
 * names its own, or did until so recently that no clean-up can take them. 0 if
 * so, 1 if not. Else as the store has it.
 */
int xc_parent_confirm(const struct xc_cache *cache, const struct xc_parent *parent,
		      const struct xc_manifest *manifest, struct xc_err *err) XC_CHECK;

#endif
