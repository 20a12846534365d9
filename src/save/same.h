/* SPDX-License-Identifier: Apache-2.0 */
/* Whether files have the content that a layer has of them, found out by reading. */
#ifndef XC_SAVE_SAME_H
#define XC_SAVE_SAME_H

#include "base/progress.h"
#include "tree/walk/walk.h"

/* A file of the tree, and the member whose content and xattrs it may have. */
struct xc_same_item {
	uint32_t position;              /* in the tree */
	const struct xc_member *member; /* borrowed; of the same size and holes */
	bool same;                      /* the result */
};

struct xc_same_opts {
	unsigned threads;
	const struct xc_cancel *cancel; /* may be NULL */
	struct xc_progress *progress;   /* may be NULL; counts members and bytes */
};

/*
 * Read the files and fill `same` of each item. Ascending positions are read
 * fastest. A file that vanished, changes or cannot be read is not the same:
 * who saves it will see. CANCELED, and no other error.
 */
int xc_same_find(struct xc_tree *tree, struct xc_same_item *items, size_t count,
		 const struct xc_same_opts *opts, struct xc_err *err) XC_CHECK;

/* Whether two members have the same xattrs; they are sorted by name. */
bool xc_same_xattrs(const struct xc_member_extra *a, const struct xc_member_extra *b);

#endif
