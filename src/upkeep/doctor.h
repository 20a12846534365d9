/* SPDX-License-Identifier: Apache-2.0 */
/* Doctor: whether a store can do all that saves and restores need. */
#ifndef XC_UPKEEP_DOCTOR_H
#define XC_UPKEEP_DOCTOR_H

#include "entry/entry.h"
#include "store/examine.h"

struct xc_diagnosis {
	bool works; /* a save and a restore would succeed */
	uint64_t round_trip_us;
	uint64_t trial_bytes; /* how much was uploaded, then downloaded */
	uint64_t upload_ms, download_ms;
};

/*
 * Try everything that a save and a restore need of the store, in the first
 * scope and under names of its own, which are removed again; tell each finding
 * as it comes. *ret_diagnosis is always filled.
 */
void xc_cache_diagnose(const struct xc_cache *cache, xc_finding_fn *found, void *context,
		       struct xc_diagnosis *ret_diagnosis);

#endif
