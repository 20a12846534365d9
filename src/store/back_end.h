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
 * ("///path?options" for file). `opts` is never NULL; `own` is its struct, of
 * own_bytes and zeroed but for what the settings say. Returns USAGE for what
 * it cannot read.
 */
typedef int xc_store_open_fn(const char *rest, const struct xc_store_opts *opts, const void *own,
			     struct xc_store **ret_store, struct xc_err *err);

/* A setting of a back end, and its place in the back end's own struct. */
struct xc_store_option {
	const char *name;
	bool is_switch; /* a bool; else a const char *, NULL if not given */
	size_t offset;
};

/* A row of the table in store.c. */
struct xc_store_back_end {
	const char *scheme;
	const char *example; /* of its URL */
	xc_store_open_fn *open;
	const struct xc_store_option *options;
	size_t option_count;
	size_t own_bytes; /* of the struct that they fill */
};

extern const struct xc_store_back_end xc_store_file_back_end;
extern const struct xc_store_back_end xc_store_s3_back_end;

/* The tag of an object by its bytes. No ETag begins so: those stand in quotes. */
#define XC_STORE_DIGEST_TAG "sha256:"
void xc_store_tag_of(const void *data, size_t length, struct xc_store_tag *ret_tag);

#endif
