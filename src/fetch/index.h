/* SPDX-License-Identifier: Apache-2.0 */
/* Indexes of packs, read and checked against the manifest that names them. */
#ifndef XC_FETCH_INDEX_H
#define XC_FETCH_INDEX_H

#include "pack/index.h"
#include "pack/manifest.h"
#include "store/store.h"

/* Where the index of one layer is read from. All borrowed. */
struct xc_index_source {
	struct xc_store *store;
	const char *pack_name; /* the pack's object */
	const struct xc_layer *layer;
	struct xc_buf *keep; /* the index as stored is appended here; NULL: it need not be kept */
};

/*
 * Check and parse the index that was read as `data`, layer->index_bytes long.
 * If it is not the one that the manifest names, the store is asked once more.
 * `budget` is the one of its entry, whose other indexes are kept too. CORRUPT
 * if it is not what the manifest says, or takes more memory than the entry may.
 */
int xc_fetch_index(const struct xc_index_source *source, const char *data,
		   struct xc_index_budget *budget, struct xc_index *ret_index,
		   struct xc_err *err) XC_CHECK;

#endif
