/* SPDX-License-Identifier: Apache-2.0 */
/* When an attempt is too slow. Pure: told the time and the bytes so far. */
#ifndef XC_HTTP_TAIL_H
#define XC_HTTP_TAIL_H

#include <stdbool.h>

#include "base/compiler.h"

/* Below so much a second nothing moves. */
#define XC_PACE_BYTES_PER_SECOND 1024
#define XC_TAIL_SAMPLES          64
#define XC_TAIL_SAMPLES_LEAST    3
#define XC_TAIL_FLOOR_MS         1000

/* The progress of one attempt. */
struct xc_pace {
	uint64_t mark_ms, mark_bytes;
};

void xc_pace_start(struct xc_pace *pace, uint64_t now_ms, uint64_t bytes);

/* Less than XC_PACE_BYTES_PER_SECOND for `patience_ms`, or nothing at all if `any` will do. */
bool xc_pace_stalled(struct xc_pace *pace, uint64_t now_ms, uint64_t bytes, unsigned patience_ms,
		     bool any);

/* How long the last requests took, as milliseconds for a MiB. */
struct xc_tail {
	uint64_t samples[XC_TAIL_SAMPLES];
	unsigned count, next;
};

void xc_tail_add(struct xc_tail *tail, uint64_t duration_ms, uint64_t bytes);

/*
 * After how long a request for `bytes` is later than it should be: twice what
 * nine of ten take, at least floor_ms. UINT64_MAX while too few were seen.
 */
uint64_t xc_tail_limit_ms(const struct xc_tail *tail, uint64_t bytes, uint64_t floor_ms);

#endif
