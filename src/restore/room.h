/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a restore can fit, before anything of it is placed: all of it must
 * be there before it takes the place of what it replaces.
 */
#ifndef XC_RESTORE_ROOM_H
#define XC_RESTORE_ROOM_H

#include "restore/extract.h"
#include "restore/targets.h"

/*
 * IO (ENOSPC) with the path if the file system of a target is surely too small for
 * what the layers bring there and is not made yet. One that
 * compresses, or is not known to count as it tells, never is.
 */
int xc_room_check(const struct xc_targets *targets, const struct xc_extract_layer *layers,
		  uint32_t layer_count, struct xc_err *err) XC_CHECK;

#endif
