/* SPDX-License-Identifier: Apache-2.0 */
/* From path lines to the tree of what they match. */
#ifndef XC_SAVE_SCAN_H
#define XC_SAVE_SCAN_H

#include "entry/entry.h"
#include "tree/walk/walk.h"

/*
 * Walk what the path lines of `query` match; with `stamps` the tree has those.
 * `notes` is told what was left out. NO_MATCH if that is everything; other errors as
 * xc_patterns_parse, xc_patterns_search and xc_tree_walk have them.
 */
int xc_save_scan(const struct xc_cache *cache, const struct xc_query *query, bool stamps,
		 struct xc_notes *notes, struct xc_tree *ret_tree, struct xc_err *err) XC_CHECK;

#endif
