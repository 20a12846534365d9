/* SPDX-License-Identifier: Apache-2.0 */
/* What the back ends of the store share with store.c. */
#ifndef XC_STORE_BACK_END_H
#define XC_STORE_BACK_END_H

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
xc_store_open_fn xc_store_open_s3;

/* The tag of an object by its bytes. No ETag begins so: those stand in quotes. */
#define XC_STORE_DIGEST_TAG "sha256:"
void xc_store_tag_of(const void *data, size_t length, struct xc_store_tag *ret_tag);

/* For tests: an empty store in memory, gone with its handle. */
struct xc_store *xc_store_memory_new(void);

/*
 * For tests of the layers above: let `calls` more calls of a memory store's
 * operations succeed, then fail each with IO and without any effect. -1
 * ends that. Closing the store and aborting an upload always work.
 */
void xc_store_memory_fail_after(struct xc_store *store, long calls);

#endif
