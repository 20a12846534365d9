/* SPDX-License-Identifier: Apache-2.0 */
/* Listings of entries: a table for people, an array in JSON. */
#ifndef XC_REPORT_ENTRIES_H
#define XC_REPORT_ENTRIES_H

#include "base/json.h"
#include "entry/entry.h"
#include "report/table.h"

/* An empty table with the columns of a listing; `scopes`: with one for the scope. */
void xc_entries_init(struct xc_table *ret_table, bool scopes);

/* Add the row of one entry. What the entry does not say shows as "?". */
void xc_entries_add(struct xc_table *table, const struct xc_entry *entry, int64_t now_s);

/*
 * One entry as JSON: with a manifest what xc_manifest_set_json sets, without
 * one "key" (null if unknown), "scope", "version" and perhaps "error"; always
 * "object" and "modified". New reference.
 */
json_t *xc_entries_json(const struct xc_entry *entry);

#endif
