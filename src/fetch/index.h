/* SPDX-License-Identifier: Apache-2.0 */
/* Indexes of packs, read and checked against the manifest that names them. */
#ifndef XC_FETCH_INDEX_H
#define XC_FETCH_INDEX_H

#include "fetch/readahead.h"
#include "pack/index.h"
#include "pack/manifest.h"
#include "store/store.h"

/* Where the index of one layer is read from. All borrowed. */
struct xc_index_source {
	struct xc_store *store;
	const char *pack_name; /* the pack's object */
	const struct xc_layer *layer;
	struct xc_readahead *ahead; /* may hold it already; NULL: nothing does */
};

/*
 * Read and check an index. `budget` is the one of its entry, whose other
 * indexes are kept too. CORRUPT if it is not what the manifest says, or takes
 * more memory than the entry may.
 */
int xc_fetch_index(const struct xc_index_source *source, struct xc_index_budget *budget,
		   struct xc_index *ret_index, struct xc_err *err) XC_CHECK;

#endif
