/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extraction: the layers of an entry, from their indexes and packs to
 * members in the staging folders. Ranges of the packs are read ahead into a
 * bounded set of buffers, and each segment goes to a worker as soon as its
 * bytes are there.
 */
#ifndef XC_RESTORE_EXTRACT_H
#define XC_RESTORE_EXTRACT_H

#include "entry/entry.h"
#include "fetch/readahead.h"
#include "tree/place/place.h"

struct xc_extract_layer {
	const struct xc_layer *layer; /* from the manifest */
	struct xc_index index;
	uint8_t *dead; /* a bit per member; NULL if all count */
	char *pack_name;
	struct xc_place *place;
	/* The first bytes of the pack, perhaps still on their way; NULL if none were asked for. */
	struct xc_readahead *ahead;
};

/* Whether a member of the layer counts. */
bool xc_extract_is_alive(const struct xc_extract_layer *layer, uint32_t position);

/*
 * Bring all members that count into the staging folders: contents, links,
 * then the directories' attributes. `layers` have their index and place set.
 * `index_bytes` is what the indexes took of XC_BUDGET_FREE_BYTES.
 * *ret_fetched_bytes is what was read from the store.
 */
int xc_extract(const struct xc_cache *cache, struct xc_extract_layer *layers, uint32_t count,
	       uint64_t index_bytes, uint64_t *ret_fetched_bytes, struct xc_err *err) XC_CHECK;

#endif
