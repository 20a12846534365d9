/* SPDX-License-Identifier: Apache-2.0 */
/* Restore: an entry comes back to where its paths say. */
#ifndef XC_RESTORE_RESTORE_H
#define XC_RESTORE_RESTORE_H

#include "entry/entry.h"

struct xc_restore_result {
	struct xc_match match;
	uint64_t lookup_ms, extract_ms, total_ms;
	uint64_t fetched_bytes;   /* read from the store */
	uint64_t replaced;        /* files that stood where members went */
	bool owner_dropped;       /* members of others, which nobody could give to them */
	uint64_t copied_links;    /* hard links that the file systems did not allow */
	uint64_t left_out;        /* legacy layout: devices, FIFOs and sockets in it */
	struct xc_err unrecorded; /* why the next save cannot know what was restored; else NONE */
};

#define XC_RESTORE_RESULT_INIT                                                                     \
	{                                                                                          \
		0                                                                                  \
	}
void xc_restore_result_release(struct xc_restore_result *result);
#define cleanup_restore_result __attribute__((cleanup(xc_restore_result_release)))

/*
 * Look up and bring back. All or nothing: members are placed beside their
 * targets and moved into place at the end; on failure everything is as it was
 * before. NOT_FOUND for a miss. An entry that turns out broken gives way to the
 * next one that matches; if there is none, CORRUPT tells of the first.
 */
int xc_cache_restore(const struct xc_cache *cache, const struct xc_query *query,
		     struct xc_restore_result *ret_result, struct xc_err *err) XC_CHECK;

#endif
