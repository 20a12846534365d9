/* SPDX-License-Identifier: Apache-2.0 */
/* What gc has done, or would do. */
#ifndef XC_REPORT_GC_H
#define XC_REPORT_GC_H

#include <stdio.h>

#include "base/json.h"
#include "upkeep/gc.h"

/* A line for each thing that there is to say. `opts` are those that it was run with. */
void xc_gc_print(const struct xc_gc_opts *opts, const struct xc_gc_result *result, FILE *out);

/* "dry_run", "removed", "waiting", "marked" and "live"; takes the array of removed entries. */
json_t *xc_gc_document(const struct xc_gc_opts *opts, const struct xc_gc_result *result,
		       json_t *removed_entries);

#endif
