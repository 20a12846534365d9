/* SPDX-License-Identifier: Apache-2.0 */
/* What came of an operation, in a line or two for people. */
#ifndef XC_REPORT_SUMMARY_H
#define XC_REPORT_SUMMARY_H

#include <stdio.h>

#include "entry/entry.h"
#include "restore/restore.h"
#include "save/save.h"

void xc_summary_save(const char *key, const struct xc_save_result *result, FILE *out);

/* `scopes` are those that were searched: a match in a later one than the first is worth a word. */
void xc_summary_restore(const struct xc_query *query, const struct xc_strlist *scopes,
			const struct xc_restore_result *result, FILE *out);

void xc_summary_lookup(const struct xc_query *query, const struct xc_strlist *scopes,
		       const struct xc_match *match, int64_t now_s, FILE *out);

/* Where the time went: one more line, for those who want to know. */
void xc_summary_save_times(const struct xc_save_result *result, FILE *out);
void xc_summary_restore_times(const struct xc_restore_result *result, FILE *out);

/* Append "2 sockets, 1 FIFO"; nothing if nothing was left out. */
void xc_summary_skipped(const struct xc_skipped *skipped, struct xc_buf *out);

#endif
