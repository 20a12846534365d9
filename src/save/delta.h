/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an entry that builds on another one, its parent, has to send: of each
 * member of the tree, whether it stays alive in one of the parent's layers or
 * goes into a new pack.
 *
 * A file that a restore wrote and nobody touched since is not read; each other
 * one that may have its old content is hashed. Only content counts: new times,
 * modes and owners alone become overrides (pack/overrides.h). A file and its
 * hard links are one: all of them stay, or all go.
 */
#ifndef XC_SAVE_DELTA_H
#define XC_SAVE_DELTA_H

#include "save/origins.h"
#include "save/same.h"
#include "tree/stamp.h"

/* The entry that is built on. All borrowed. */
struct xc_delta_parent {
	const struct xc_entry_layers *layers;
	struct xc_stamp *const *stamps; /* as in state/state.h; NULL: nothing is known */
};

struct xc_delta_opts {
	unsigned threads;
	unsigned expire_days; /* of the store, 0 for never: see save/policy.h */
	const struct xc_cancel *cancel;
	struct xc_progress *progress;
};

struct xc_delta_counts {
	uint64_t new_members;       /* with other content than before, or not there before */
	uint64_t rewritten_members; /* the same, yet in the new pack, to tidy up layers */
	uint64_t kept_members, kept_bytes;
	uint64_t touched_members; /* of those kept: with other times or attributes */
	uint64_t removed_members; /* of the parent's: gone, or with new content */
};

struct xc_delta {
	struct xc_member_set fresh; /* the tree's members for the new pack, directories included */
	struct xc_member_set *kept; /* for each of the parent's layers, what stays alive */
	uint32_t layer_count;
	struct xc_overrides overrides; /* of all that is kept */
	struct xc_delta_counts counts;
	/* Whether there is a new pack at all: new members, or overrides that differ. */
	bool has_pack;
	/* Whether the entry would differ from the parent in anything that a restore shows. */
	bool changed;
};

#define XC_DELTA_INIT                                                                              \
	{                                                                                          \
		0                                                                                  \
	}

/* CANCELED, and no other error. `ret_delta` is to be released in any case. */
int xc_delta_find(struct xc_tree *tree, const struct xc_delta_parent *parent,
		  const struct xc_delta_opts *opts, struct xc_delta *ret_delta,
		  struct xc_err *err) XC_CHECK;
/* The delta of a save without a parent: everything is fresh. */
void xc_delta_all(const struct xc_tree *tree, struct xc_delta *ret_delta);

/* The content of what is fresh. */
uint64_t xc_delta_fresh_bytes(const struct xc_delta *delta, const struct xc_tree *tree);

void xc_delta_release(struct xc_delta *delta);
#define cleanup_delta __attribute__((cleanup(xc_delta_release)))

#endif
