/* SPDX-License-Identifier: Apache-2.0 */
/* The raw files of a mount: contents without headers, as layout.h lays them out. */
#ifndef XC_MOUNT_RAW_H
#define XC_MOUNT_RAW_H

#include "mount/layout.h"

/* All borrowed. */
struct xc_raw_opts {
	const struct xc_cache *cache;
	const struct xc_entry_layers *layers;
	const struct xc_layout *layout; /* of these layers */
	const int *fds;                 /* by layer, empty files; -1 where there is no raw file */
};

/* Give the raw files their lengths: all zeros, and no room taken. IO. */
int xc_raw_size(const struct xc_raw_opts *opts, struct xc_err *err) XC_CHECK;

/*
 * Fetch and decode every segment that holds something alive, and write the raw
 * files. *ret_fetched_bytes is what was read from the store, also on failure. The error is as
 * xc_fetch_wait says; IO (ENOSPC) if there is no room.
 */
int xc_raw_write(const struct xc_raw_opts *opts, uint64_t *ret_fetched_bytes,
		 struct xc_err *err) XC_CHECK;

/*
 * Write one decoded segment of a layer to its place in the raw file. Any
 * thread, any number of segments at once. IO.
 */
int xc_raw_put(const struct xc_layout *layout, struct xc_segment_ref ref, const char *decoded,
	       int fd, struct xc_err *err) XC_CHECK;

#endif
