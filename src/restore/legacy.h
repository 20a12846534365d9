/* SPDX-License-Identifier: Apache-2.0 */
/* Restoring objects of the legacy layout; entry/legacy.h says what that is. */
#ifndef XC_RESTORE_LEGACY_H
#define XC_RESTORE_LEGACY_H

#include "restore/restore.h"

/*
 * Bring back what result->match names, and fill the rest of the result, its
 * totals included. All or nothing, as xc_cache_restore is.
 */
int xc_legacy_restore(const struct xc_cache *cache, const struct xc_query *query,
		      struct xc_restore_result *result, struct xc_err *err) XC_CHECK;

#endif
