/* SPDX-License-Identifier: Apache-2.0 */
/* What a repository takes: a table for people, an object in JSON. */
#ifndef XC_REPORT_STATS_H
#define XC_REPORT_STATS_H

#include <stdio.h>

#include "base/json.h"
#include "upkeep/stats.h"

void xc_stats_print(const struct xc_stats *stats, FILE *out);

/* A document; what was not counted is null. New reference. */
json_t *xc_stats_document(const struct xc_stats *stats);

#endif
