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
 * ("///path?options" for file); `opts` is never NULL. Returns USAGE for what it cannot read.
 */
typedef int xc_store_open_fn(const char *rest, const struct xc_store_opts *opts,
			     struct xc_store **ret_store, struct xc_err *err);

xc_store_open_fn xc_store_open_file;
xc_store_open_fn xc_store_open_memory;
xc_store_open_fn xc_store_open_s3;

/*
 * For tests of the layers above: let `calls` more calls of a memory store's
 * operations succeed, then fail each with IO and without any effect. -1
 * ends that. Closing the store and aborting an upload always work.
 */
void xc_store_memory_fail_after(struct xc_store *store, long calls);

#endif
