/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Root paths that are one place, although their text differs: a symlink or a
 * mount above them leads to the same directory.
 */
#ifndef XC_RESTORE_PLACES_H
#define XC_RESTORE_PLACES_H

#include "restore/targets.h"

/*
 * Once the stage is open: CORRUPT if two targets are one place, or one lies in
 * the other, and `layers` have different things for them, of which the later
 * would replace the earlier. What was saved by two names of one directory is
 * the same under both, and is fine. A target that lies in another only by way of a
 * part of a tree that is mounted elsewhere is not found out.
 */
int xc_places_check(const struct xc_targets *targets, const struct xc_entry_layers *layers,
		    struct xc_err *err) XC_CHECK;

#endif
