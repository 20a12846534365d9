/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/reads.h"

#include <errno.h>

#include "fetch/readahead.h"

struct xc_reads {
	struct xc_reads_opts opts;
	const struct xc_reads_item *items;
	size_t count;
	size_t started, next; /* items */
	size_t bytes;         /* of all that are started and not given back */
	/* Of the items [next, started), and the one that the caller has. */
	struct xc_readahead *ring[XC_READS_IN_FLIGHT_MAX];
	struct xc_readahead *lent;
};

static bool may_start(const struct xc_reads *reads)
{
	size_t in_flight = reads->started - reads->next;

	if (reads->started == reads->count || in_flight == reads->opts.in_flight)
		return false;
	return in_flight == 0 ||
	       reads->items[reads->started].length <= reads->opts.bytes - reads->bytes;
}

/* One for which there is no memory yet is tried again when it is wanted. */
static void start(struct xc_reads *reads)
{
	while (may_start(reads)) {
		const struct xc_reads_item *item = &reads->items[reads->started];
		struct xc_readahead *ahead = xc_readahead_start(reads->opts.store, item->name,
								item->offset, item->length);

		if (!ahead)
			return;
		reads->ring[reads->started++ % XC_READS_IN_FLIGHT_MAX] = ahead;
		reads->bytes += item->length;
	}
}

struct xc_reads *xc_reads_new(const struct xc_reads_opts *opts, const struct xc_reads_item *items,
			      size_t count)
{
	struct xc_reads *reads = xc_calloc(1, sizeof(*reads));

	reads->opts = *opts;
	reads->items = items;
	reads->count = count;
	start(reads);
	return reads;
}

static void give_back(struct xc_reads *reads)
{
	if (reads->lent)
		reads->bytes -= xc_readahead_length(reads->lent);
	xc_readahead_free(STEAL_PTR(reads->lent));
}

void xc_reads_free(struct xc_reads *reads)
{
	if (!reads)
		return;
	give_back(reads);
	for (; reads->next < reads->started; reads->next++)
		xc_readahead_free(reads->ring[reads->next % XC_READS_IN_FLIGHT_MAX]);
	free(reads);
}

int xc_reads_next(struct xc_reads *reads, const char **ret_data, struct xc_err *err)
{
	const struct xc_reads_item *item = &reads->items[reads->next];

	give_back(reads);
	start(reads);
	if (reads->next == reads->started)
		return xc_err_sys(err, ENOMEM, "%zu bytes of %s", item->length,
				  XC_QUOTE(item->name));
	reads->lent = reads->ring[reads->next++ % XC_READS_IN_FLIGHT_MAX];
	return xc_readahead_wait(reads->lent, item->offset, ret_data, err);
}
