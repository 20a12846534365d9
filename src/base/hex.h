/* SPDX-License-Identifier: Apache-2.0 */
/* Hexadecimal digits (RFC 4648, 8). */
#ifndef XC_BASE_HEX_H
#define XC_BASE_HEX_H

#include "base/compiler.h"

/* What a digit of either case stands for; -1 if it is none. */
int xc_hex_value(char c);

/* Lower-case digits with a terminator: `out` holds 2 * length + 1 bytes. */
void xc_hex_encode(const void *data, size_t length, char *out);
/* The reverse: exactly 2 * length lower-case digits; -1 for anything else. */
int xc_hex_decode(const char *text, void *out, size_t length) XC_CHECK;

#endif
