/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server of a lazy mount: contents come from the store when they are read,
 * and the rest meanwhile, with less priority. What has come lies in the raw
 * files, from which every read is answered. One that cannot be served within
 * the deadline is an error (EIO), and the next one tries anew: no wrong byte is
 * ever given.
 *
 *   xc_lazy_start  ->  xc_lazy_serve  ->  xc_lazy_free
 */
#ifndef XC_MOUNT_LAZY_H
#define XC_MOUNT_LAZY_H

#include "mount/layout.h"

struct xc_lazy;

/* All borrowed, but for `layers` itself: what it leads to may not move. */
struct xc_lazy_opts {
	const struct xc_cache
		*cache; /* its store and threads; its cancel and progress are not used */
	const struct xc_entry_layers *layers;
	const struct xc_layout *layout;
	const int *fds;       /* by layer: empty raw files, -1 where there is none */
	int fuse_fd;          /* /dev/fuse, of which a directory is mounted: see fuse.h */
	unsigned deadline_ms; /* of each read; 0: XC_LAZY_DEADLINE_MS */
	/* Once all contents are in the raw files, on a thread of its own; may be NULL. */
	void (*complete)(void *context);
	void *context;
};

#define XC_LAZY_DEADLINE_MS 60000

/* From here on reads are answered. IO. */
int xc_lazy_start(const struct xc_lazy_opts *opts, struct xc_lazy **ret_lazy,
		  struct xc_err *err) XC_CHECK;

/* What did not come by reads comes now. Returns when the file system was unmounted. */
void xc_lazy_serve(struct xc_lazy *lazy);

/* What was read from the store so far. */
uint64_t xc_lazy_fetched_bytes(struct xc_lazy *lazy);

/* Ends all reads, also those under way. NULL is allowed. */
void xc_lazy_free(struct xc_lazy *lazy);

#endif
