/* SPDX-License-Identifier: Apache-2.0 */
/* What the back ends of the store share with store.c. */
#ifndef XC_STORE_INTERNAL_H
#define XC_STORE_INTERNAL_H

#include "store/store.h"

/* Every upload starts with this, so that append and commit find their back end. */
struct xc_upload {
	struct xc_store *store;
};

/*
 * Open a back end by the part of its URL that follows the scheme and colon
 * ("///path?options" for file). Returns USAGE for what it cannot read.
 */
typedef int xc_store_open_fn(const char *rest, struct xc_store **ret_store, struct xc_err *err);

xc_store_open_fn xc_store_open_file;
xc_store_open_fn xc_store_open_memory;

#endif
