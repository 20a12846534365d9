/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of a pack that are on their way before anyone waits for them: its
 * index, and at the same time its beginning. Over a network that is a round
 * trip less before the first file is made. A pack that is no longer than one
 * read comes as a whole.
 */
#ifndef XC_FETCH_READAHEAD_H
#define XC_FETCH_READAHEAD_H

#include "store/store.h"

struct xc_readahead;

/* Start to read `length` bytes of a pack; NULL if there is no memory. The name is copied. */
struct xc_readahead *xc_readahead_start(struct xc_store *store, const char *pack_name,
					uint64_t offset, size_t length);

size_t xc_readahead_length(const struct xc_readahead *ahead);
/* Whether it holds all of these bytes of the pack. NULL holds none. */
bool xc_readahead_holds(const struct xc_readahead *ahead, uint64_t offset, size_t length);

/*
 * Wait for its end; *ret_data is where the pack's byte `offset` lies, which it
 * holds. The memory is the readahead's until xc_readahead_take.
 */
int xc_readahead_wait(struct xc_readahead *ahead, uint64_t offset, const char **ret_data,
		      struct xc_err *err) XC_CHECK;

/*
 * Take the buffer over: it is in *ret_data before `done` is called, as for any
 * read whose `owner` that is; perhaps at once, on any thread. To be freed with
 * free() after that.
 */
void xc_readahead_take(struct xc_readahead *ahead, char **ret_data, void *owner,
		       void (*done)(struct xc_store_read *read, int result));

/* Waits for the end of the read. NULL is allowed. */
void xc_readahead_free(struct xc_readahead *ahead);

#endif
