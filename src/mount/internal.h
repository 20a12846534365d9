/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share. */
#ifndef XC_MOUNT_INTERNAL_H
#define XC_MOUNT_INTERNAL_H

#include "mount/layout.h"

/*
 * Fill `blocks` and `segment_raw` of all layers that have living content.
 * UNSUPPORTED if the contents take too many blocks.
 */
int xc_layout_contents(struct xc_layout *layout, struct xc_err *err) XC_CHECK;

#endif
