/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layers of an entry as those who work on its members see them: each
 * layer's index, read and checked, and which of its members are dead. A member
 * that is not dead is alive; what is fetched, placed, listed and counted
 * follows from that alone.
 */
#ifndef XC_ENTRY_LAYER_H
#define XC_ENTRY_LAYER_H

#include "base/member_set.h"
#include "entry/entry.h"
#include "fetch/fetch.h"

struct xc_entry_layer {
	const struct xc_layer *layer; /* the manifest's, borrowed */
	char *pack_name;              /* the pack's object */
	/* Its members are as the newest layer's overrides made them; it keeps none itself. */
	struct xc_index index;
	struct xc_member_set alive; /* its members that are not dead */
	/* What the index itself says of the members that were overridden; by position. */
	struct xc_override *overridden;
	uint32_t overridden_count;
	struct xc_buf stored; /* the index as stored, if it was to be kept; else empty */
	/* The first bytes of the pack, perhaps still on their way; NULL if not asked for. */
	struct xc_readahead *head;
};

struct xc_entry_layers {
	struct xc_entry_layer *items; /* as in the manifest, oldest first */
	uint32_t count;
	struct xc_index_budget budget; /* what all indexes together took */
	uint64_t fetched_bytes;        /* read for indexes alone, apart from what a head has */
};

#define XC_ENTRY_LAYERS_INIT                                                                       \
	{                                                                                          \
		0                                                                                  \
	}

/* Whose layers. All borrowed. */
struct xc_layers_source {
	const char *scope; /* of the manifest */
	const struct xc_manifest *manifest;
	/*
	 * Ask for the beginning of the first pack as well, unless some of its members
	 * are dead: over a network that is a round trip less before the first file is
	 * made, and a pack no longer than one read comes as a whole.
	 */
	bool head;
	bool keep_stored; /* of each index the bytes as stored */
	/* Each layer's index as stored, from elsewhere than the store; NULL: from the store. */
	const struct xc_buf *stored;
};

/*
 * Read the indexes of all layers, several at a time. CORRUPT and NOT_FOUND if
 * the entry is not what the manifest says; `ret_layers` is to be released in
 * any case.
 */
int xc_layers_load(const struct xc_cache *cache, const struct xc_layers_source *source,
		   struct xc_entry_layers *ret_layers, struct xc_err *err) XC_CHECK;
/* Waits for the heads that are on their way. */
void xc_layers_release(struct xc_entry_layers *layers);
#define cleanup_layers __attribute__((cleanup(xc_layers_release)))

/* Where a fetch finds a layer's segments; all of it borrowed from the layer. */
struct xc_fetch_pack xc_layer_fetch_pack(const struct xc_entry_layer *layer);

/* Whether a segment holds something of a member that is alive. */
bool xc_layer_needs_segment(const struct xc_entry_layer *layer, uint32_t segment);

#endif
