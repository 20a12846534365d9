/* SPDX-License-Identifier: Apache-2.0 */
#include "base/grow.h"
#include "base/strlist.h"

#include <stdbool.h>
#include <string.h>

#include "base/err.h"

void xc_strlist_take(struct xc_strlist *list, char *text)
{
	XC_GROW(list->items, list->count, list->capacity, 8);
	list->items[list->count++] = text;
}

void xc_strlist_add(struct xc_strlist *list, const char *text)
{
	xc_strlist_take(list, xc_strdup(text));
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void add_trimmed(struct xc_strlist *list, const char *start, const char *end)
{
	char *line;

	while (start < end && is_space(*start))
		start++;
	while (end > start && is_space(end[-1]))
		end--;
	if (start == end)
		return;
	line = xc_strndup(start, (size_t)(end - start));
	if (line[0] == '!') {
		size_t spaces = 0;

		while (is_space(line[1 + spaces]))
			spaces++;
		memmove(line + 1, line + 1 + spaces, strlen(line + 1 + spaces) + 1);
	}
	xc_strlist_take(list, line);
}

void xc_strlist_add_lines(struct xc_strlist *list, const char *text)
{
	for (;;) {
		const char *end = strchrnul(text, '\n');

		add_trimmed(list, text, end);
		if (*end == '\0')
			return;
		text = end + 1;
	}
}

void xc_strlist_release(struct xc_strlist *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct xc_strlist)XC_STRLIST_INIT;
}
