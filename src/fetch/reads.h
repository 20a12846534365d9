/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ranges of objects that are wanted in a known order, a few of them on their
 * way at a time: the indexes of an entry's packs, or one object from its
 * beginning to its end. Used by one thread; reads may end on any.
 *
 *   xc_reads_new  ->  xc_reads_next ...  ->  xc_reads_free
 */
#ifndef XC_FETCH_READS_H
#define XC_FETCH_READS_H

#include "store/store.h"

struct xc_reads;

/* One range; the name is borrowed. */
struct xc_reads_item {
	const char *name;
	uint64_t offset;
	size_t length;
};

struct xc_reads_opts {
	struct xc_store *store;
	unsigned in_flight; /* at most so many reads at once, 1 to XC_READS_IN_FLIGHT_MAX, */
	size_t bytes;       /* and so much memory, unless a single range is longer */
};

#define XC_READS_IN_FLIGHT_MAX 16

/* Start to read. `items` is borrowed, in the order in which they are wanted. */
struct xc_reads *xc_reads_new(const struct xc_reads_opts *opts, const struct xc_reads_item *items,
			      size_t count);
/* Waits for the reads under way. NULL is allowed. */
void xc_reads_free(struct xc_reads *reads);

/*
 * The bytes of the next item, of which there must be one; valid until the next
 * call. IO if there is no memory for it, else what the store says.
 */
int xc_reads_next(struct xc_reads *reads, const char **ret_data, struct xc_err *err) XC_CHECK;

#endif
