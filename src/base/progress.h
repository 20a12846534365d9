/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters that a running operation keeps and a reporter reads from another
 * thread. Plain relaxed counters: they inform people, nothing depends on them.
 */
#ifndef XC_BASE_PROGRESS_H
#define XC_BASE_PROGRESS_H

#include <stdatomic.h>
#include <stdint.h>

enum xc_phase {
	XC_PHASE_LOOKUP = 0,
	XC_PHASE_SCAN,    /* save: walking the tree */
	XC_PHASE_COMPARE, /* save: reading what may be as it was */
	XC_PHASE_PACK,    /* save: reading, compressing, writing */
	XC_PHASE_EXTRACT, /* restore: reading, decoding, creating */
	XC_PHASE_VERIFY,  /* verify: reading and decoding */
	XC_PHASE_FINISH,  /* save: index and manifest; restore: links, times, moving into place */
};

struct xc_progress {
	atomic_int phase; /* enum xc_phase */
	atomic_uint_fast64_t members_done, members_total;
	atomic_uint_fast64_t raw_bytes_done, raw_bytes_total; /* file contents */
	atomic_uint_fast64_t stored_bytes;                    /* moved to or from the store */
};

/* NULL is a progress that nobody watches. */
static inline void xc_progress_phase(struct xc_progress *progress, enum xc_phase phase)
{
	if (progress)
		atomic_store_explicit(&progress->phase, (int)phase, memory_order_relaxed);
}

static inline void xc_progress_add(struct xc_progress *progress, uint64_t members,
				   uint64_t raw_bytes, uint64_t stored_bytes)
{
	if (!progress)
		return;
	atomic_fetch_add_explicit(&progress->members_done, members, memory_order_relaxed);
	atomic_fetch_add_explicit(&progress->raw_bytes_done, raw_bytes, memory_order_relaxed);
	atomic_fetch_add_explicit(&progress->stored_bytes, stored_bytes, memory_order_relaxed);
}

/* What was counted is of no use: it begins anew. */
static inline void xc_progress_restart(struct xc_progress *progress)
{
	if (!progress)
		return;
	atomic_store_explicit(&progress->members_done, 0, memory_order_relaxed);
	atomic_store_explicit(&progress->raw_bytes_done, 0, memory_order_relaxed);
	atomic_store_explicit(&progress->stored_bytes, 0, memory_order_relaxed);
}

static inline void xc_progress_totals(struct xc_progress *progress, uint64_t members,
				      uint64_t raw_bytes)
{
	if (!progress)
		return;
	atomic_store_explicit(&progress->members_total, members, memory_order_relaxed);
	atomic_store_explicit(&progress->raw_bytes_total, raw_bytes, memory_order_relaxed);
}

#endif
