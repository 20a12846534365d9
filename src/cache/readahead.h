/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The beginning of a pack, read while its index is still on its way: over a
 * network a round trip less before the first file is made. A pack that is
 * no longer than one read comes as a whole, index included.
 */
#ifndef XC_CACHE_READAHEAD_H
#define XC_CACHE_READAHEAD_H

#include "store/store.h"

struct xc_readahead;

/* Start to read the first `length` bytes of a pack; never NULL. The name is copied. */
struct xc_readahead *xc_readahead_start(struct xc_store *store, const char *pack_name,
					size_t length);

size_t xc_readahead_length(const struct xc_readahead *ahead);

/* Wait for its end; *ret_data is the reader's until xc_readahead_take. */
int xc_readahead_wait(struct xc_readahead *ahead, const char **ret_data,
		      struct xc_err *err) XC_CHECK;

/*
 * Take the buffer over, and have `done` called once it is filled, as for any
 * read whose `owner` that is: perhaps at once, on any thread. To be freed
 * with free() after that.
 */
char *xc_readahead_take(struct xc_readahead *ahead, void *owner,
			void (*done)(struct xc_store_read *read, int result));

/* Waits for the end of the read. NULL is allowed. */
void xc_readahead_free(struct xc_readahead *ahead);

#endif
