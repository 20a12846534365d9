/* SPDX-License-Identifier: Apache-2.0 */
#include "http/tail.h"

#include <string.h>

void xc_pace_start(struct xc_pace *pace, uint64_t now_ms, uint64_t bytes)
{
	*pace = (struct xc_pace){ .mark_ms = now_ms, .mark_bytes = bytes };
}

bool xc_pace_stalled(struct xc_pace *pace, uint64_t now_ms, uint64_t bytes, unsigned patience_ms,
		     bool any)
{
	uint64_t least = any ? 1 : (uint64_t)patience_ms * XC_PACE_BYTES_PER_SECOND / 1000;

	if (bytes >= pace->mark_bytes + XC_MAX(least, (uint64_t)1)) {
		xc_pace_start(pace, now_ms, bytes);
		return false;
	}
	return now_ms - pace->mark_ms >= patience_ms;
}

/* Small requests take as long as the way there and back, whatever their size. */
static uint64_t mebibytes(uint64_t bytes)
{
	return XC_MAX((bytes + (1 << 20) - 1) >> 20, (uint64_t)1);
}

void xc_tail_add(struct xc_tail *tail, uint64_t duration_ms, uint64_t bytes)
{
	tail->samples[tail->next] = duration_ms / mebibytes(bytes);
	tail->next = (tail->next + 1) % XC_TAIL_SAMPLES;
	tail->count = XC_MIN(tail->count + 1, (unsigned)XC_TAIL_SAMPLES);
}

static int compare_samples(const void *a, const void *b)
{
	uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;

	return (first > second) - (first < second);
}

uint64_t xc_tail_limit_ms(const struct xc_tail *tail, uint64_t bytes, uint64_t floor_ms)
{
	uint64_t sorted[XC_TAIL_SAMPLES];

	if (tail->count < XC_TAIL_SAMPLES_LEAST)
		return UINT64_MAX;
	memcpy(sorted, tail->samples, tail->count * sizeof(sorted[0]));
	qsort(sorted, tail->count, sizeof(sorted[0]), compare_samples);
	return XC_MAX(2 * sorted[(tail->count - 1) * 9 / 10] * mebibytes(bytes), floor_ms);
}
