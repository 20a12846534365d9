/* SPDX-License-Identifier: Apache-2.0 */
#include "report/table.h"

#include <string.h>

#include "base/err.h"
#include "base/human.h"
#include "base/utf8.h"

#define GAP_COLUMNS 2
/* A cell that is longer pushes the rest of its own row, not of all rows. */
#define PADDED_COLUMNS_MAX 80

static uint32_t code_point(const char *text, size_t length)
{
	static const unsigned char first_bits[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t code = (unsigned char)text[0] & first_bits[length];

	for (size_t i = 1; i < length; i++)
		code = code << 6 | ((unsigned char)text[i] & 0x3f);
	return code;
}

/* The large blocks of Unicode's EastAsianWidth.txt (W, F) and of combining marks. */
static size_t code_width(uint32_t code)
{
	static const struct {
		uint32_t first, last;
		size_t width;
	} blocks[] = {
		{ 0x0300, 0x036f, 0 },   { 0x1100, 0x115f, 2 },   { 0x1ab0, 0x1aff, 0 },
		{ 0x1dc0, 0x1dff, 0 },   { 0x200b, 0x200f, 0 },   { 0x20d0, 0x20ff, 0 },
		{ 0x2e80, 0xa4cf, 2 },   { 0xac00, 0xd7a3, 2 },   { 0xf900, 0xfaff, 2 },
		{ 0xfe00, 0xfe0f, 0 },   { 0xfe20, 0xfe2f, 0 },   { 0xfe30, 0xfe6f, 2 },
		{ 0xff00, 0xff60, 2 },   { 0xffe0, 0xffe6, 2 },   { 0x1f300, 0x1f64f, 2 },
		{ 0x1f900, 0x1f9ff, 2 }, { 0x20000, 0x3fffd, 2 },
	};

	for (size_t i = 0; i < ARRAY_LEN(blocks); i++)
		if (code >= blocks[i].first && code <= blocks[i].last)
			return blocks[i].width;
	return 1;
}

size_t xc_table_width(const char *text)
{
	size_t width = 0;

	while (*text != '\0') {
		size_t length = xc_utf8_sequence(text);

		width += length ? code_width(code_point(text, length)) : 1;
		text += length ? length : 1;
	}
	return width;
}

void xc_table_add(struct xc_table *table, const char *text)
{
	struct xc_buf cell = XC_BUF_INIT;

	xc_human_quote(text, &cell);
	xc_strlist_take(&table->cells, xc_buf_steal(&cell));
}

static void print_cell(const struct xc_table *table, size_t column, const char *text, size_t width,
		       FILE *out)
{
	size_t own = xc_table_width(text), padding = width - XC_MIN(width, own);
	bool last = column + 1 == table->column_count;

	if (table->columns[column].right)
		fprintf(out, "%*s%s", (int)padding, "", text);
	else
		fprintf(out, "%s%*s", text, last ? 0 : (int)padding, "");
	fprintf(out, "%*s", last ? 0 : GAP_COLUMNS, "");
	if (last)
		putc('\n', out);
}

void xc_table_print(const struct xc_table *table, FILE *out)
{
	size_t count = table->column_count, rows = table->cells.count / count;
	cleanup_free size_t *widths = xc_calloc(count, sizeof(*widths));

	for (size_t i = 0; i < count; i++)
		widths[i] = xc_table_width(table->columns[i].title);
	for (size_t i = 0; i < rows * count; i++)
		widths[i % count] =
			XC_MAX(widths[i % count], XC_MIN(xc_table_width(table->cells.items[i]),
							 (size_t)PADDED_COLUMNS_MAX));
	for (size_t i = 0; i < count; i++)
		print_cell(table, i, table->columns[i].title, widths[i], out);
	for (size_t i = 0; i < rows * count; i++)
		print_cell(table, i % count, table->cells.items[i], widths[i % count], out);
}

void xc_table_release(struct xc_table *table)
{
	xc_strlist_release(&table->cells);
}
