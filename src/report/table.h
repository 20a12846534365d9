/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aligned columns for a terminal. Fill the cells row by row, then print.
 *
 *   static const struct xc_column columns[] = { { "KEY", false }, { "SIZE", true } };
 *   struct xc_table table = { .columns = columns, .column_count = 2 };
 *   xc_table_add(&table, key); xc_table_add(&table, size); ...
 *   xc_table_print(&table, stdout); xc_table_release(&table);
 */
#ifndef XC_REPORT_TABLE_H
#define XC_REPORT_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#include "base/strlist.h"

struct xc_column {
	const char *title;
	bool right; /* aligned to the right, as numbers are */
};

struct xc_table {
	const struct xc_column *columns; /* borrowed */
	size_t column_count;
	struct xc_strlist cells; /* row by row */
};

/* Append one cell: a copy of `text`, made safe for a terminal. */
void xc_table_add(struct xc_table *table, const char *text);
/* The titles and all rows. Cells of an unfinished row are left out. */
void xc_table_print(const struct xc_table *table, FILE *out);
void xc_table_release(struct xc_table *table);
#define cleanup_table __attribute__((cleanup(xc_table_release)))

/* How many columns of a terminal `text` takes: wide letters two, combining ones none. */
size_t xc_table_width(const char *text);

#endif
