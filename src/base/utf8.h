/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 by RFC 3629: no overlong forms, no surrogates, nothing past U+10FFFF. */
#ifndef XC_BASE_UTF8_H
#define XC_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The length in bytes (1 to 4) of the valid sequence that the terminated
 * `text` starts with; 0 if it starts with none or is empty.
 */
size_t xc_utf8_sequence(const char *text);

/* Whether all of `text` is valid. */
bool xc_utf8_valid(const char *text);

/* How many UTF-16 code units `text` has; a byte outside valid sequences counts as one. */
size_t xc_utf8_utf16_units(const char *text);

#endif
