/* SPDX-License-Identifier: Apache-2.0 */
/* What the back ends of the store share with store.c. */
#ifndef XC_STORE_BACK_END_H
#define XC_STORE_BACK_END_H

#include <stdlib.h>

#include "store/store.h"

/* Every upload starts with this, so that append and commit find their back end. */
struct xc_upload {
	struct xc_store *store;
};

/* Before a store is taken for one of a certain back end: another struct would be read as its. */
static inline void xc_store_check_type(const struct xc_store *store, const struct xc_store_ops *ops)
{
	if (store->ops != ops)
		abort();
}

/*
 * Open a back end by the part of its URL that follows the scheme and colon
 * ("///path?options" for file); `opts` is never NULL. Returns USAGE for what it cannot read.
 */
typedef int xc_store_open_fn(const char *rest, const struct xc_store_opts *opts,
			     struct xc_store **ret_store, struct xc_err *err);

xc_store_open_fn xc_store_open_file;
xc_store_open_fn xc_store_open_s3;

/* The tag of an object by its bytes. No ETag begins so: those stand in quotes. */
#define XC_STORE_DIGEST_TAG "sha256:"
void xc_store_tag_of(const void *data, size_t length, struct xc_store_tag *ret_tag);

#endif
