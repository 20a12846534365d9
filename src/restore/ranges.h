/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which bytes of the packs a restore needs: the segments that hold something
 * of a member that counts, merged into ranges that are worth a request.
 */
#ifndef XC_RESTORE_RANGES_H
#define XC_RESTORE_RANGES_H

#include "restore/extract.h"

/* Segments [first, first + count) of a layer, read together. */
struct xc_range {
	uint32_t layer;
	uint32_t first, count;
	uint64_t offset; /* in the pack */
	size_t length;
	bool ahead; /* read already: the layer's readahead holds it */
};

struct xc_ranges {
	struct xc_range *items;
	uint32_t count;
};

#define XC_RANGES_INIT                                                                             \
	{                                                                                          \
		0                                                                                  \
	}

/*
 * A gap that is cheaper to read than to ask around: at 100 MB/s a megabyte
 * takes as long as a request's round trip.
 */
#define XC_RANGE_GAP_BYTES ((uint64_t)1 << 20)

/*
 * Ranges of about `read_bytes`, in the order of the layers and their segments.
 * What a layer's readahead holds is one range, of just the readahead's length.
 * Each range holds a segment that is needed.
 */
void xc_ranges_make(const struct xc_extract_layer *layers, uint32_t count, size_t read_bytes,
		    struct xc_ranges *ret_ranges);
void xc_ranges_release(struct xc_ranges *ranges);
#define cleanup_ranges __attribute__((cleanup(xc_ranges_release)))

/* Whether a segment holds something of a member that counts. */
bool xc_segment_is_needed(const struct xc_extract_layer *layer, uint32_t segment);

#endif
