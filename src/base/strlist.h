/* SPDX-License-Identifier: Apache-2.0 */
/* A list of heap strings that it owns. Used by one thread at a time. */
#ifndef XC_BASE_STRLIST_H
#define XC_BASE_STRLIST_H

#include "base/compiler.h"

struct xc_strlist {
	char **items;
	size_t count;
	size_t capacity;
};

#define XC_STRLIST_INIT                                                                            \
	{                                                                                          \
		0                                                                                  \
	}

/* Append a copy. */
void xc_strlist_add(struct xc_strlist *list, const char *text);
/* Append `text` itself; the list frees it. */
void xc_strlist_take(struct xc_strlist *list, char *text);
/*
 * Append each line of `text`: split at '\n', white space trimmed at both
 * ends, "! x" read as "!x", empty lines dropped. So actions/cache reads its
 * list inputs (actions/cache, src/utils/actionUtils.ts).
 */
void xc_strlist_add_lines(struct xc_strlist *list, const char *text);
void xc_strlist_release(struct xc_strlist *list);

#define cleanup_strlist __attribute__((cleanup(xc_strlist_release)))

#endif
