/* SPDX-License-Identifier: Apache-2.0 */
/* Small questions about strings, and variables of the environment. */
#ifndef XC_BASE_TEXT_H
#define XC_BASE_TEXT_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static inline bool xc_starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

static inline bool xc_ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);

	return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

/* A variable of the environment; NULL also if it is empty. */
static inline const char *xc_env(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

#endif
