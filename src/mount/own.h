/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts that xcache made: found again, and unmounted. */
#ifndef XC_MOUNT_OWN_H
#define XC_MOUNT_OWN_H

#include "mount/mounter.h"
#include "tree/patterns/patterns.h"

/*
 * Unmount what an earlier restore mounted at places that the patterns declare, and
 * wait until its keeper has removed what belonged to it. *mounter is started
 * if it is NULL and needed.
 */
int xc_own_mounts_clear(const struct xc_patterns *patterns, struct xc_mounter **mounter,
			struct xc_err *err) XC_CHECK;

#endif
