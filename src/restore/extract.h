/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extraction: from the segments that a fetch brings to members in the staging
 * folders, each on the worker that decoded it.
 */
#ifndef XC_RESTORE_EXTRACT_H
#define XC_RESTORE_EXTRACT_H

#include "entry/layer.h"
#include "tree/unpack/unpack.h"

struct xc_extract_layer {
	struct xc_entry_layer *entry; /* borrowed */
	struct xc_unpack *unpack;
};

/* All borrowed. */
struct xc_extract_opts {
	const struct xc_cache *cache;
	const struct xc_extract_layer *layers;
	uint32_t layer_count;
	uint64_t index_bytes; /* what the indexes took of XC_BUDGET_FREE_BYTES */
};

/*
 * Bring all members that are alive into the staging folders: contents, links,
 * then the directories' attributes. Segments that hold nothing of them are not
 * fetched. *ret_fetched_bytes is what was read from the store.
 */
int xc_extract(const struct xc_extract_opts *opts, uint64_t *ret_fetched_bytes,
	       struct xc_err *err) XC_CHECK;

#endif
