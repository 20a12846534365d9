/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XC_MOUNT_LAZY_H
#define XC_MOUNT_LAZY_H

#include "mount/layout.h"

struct xc_lazy;

struct xc_lazy_opts {
	const struct xc_cache *cache;
	const struct xc_entry_layers *layers;
	const struct xc_layout *layout;
	const int *fds;
	int fuse_fd;
};

int xc_lazy_start(const struct xc_lazy_opts *opts, struct xc_lazy **ret_lazy,
		  struct xc_err *err) XC_CHECK;
void xc_lazy_serve(struct xc_lazy *lazy);
void xc_lazy_free(struct xc_lazy *lazy);

#endif
