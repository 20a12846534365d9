/* SPDX-License-Identifier: Apache-2.0 */
#include "base/uri.h"

#include <string.h>

#include "base/hex.h"

/* Not isalnum: that asks the locale. */
static bool is_unreserved(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || c == '.' || c == '~';
}

void xc_uri_encode(const char *bytes, size_t length, bool keep_slash, struct xc_buf *out)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (is_unreserved(c) || (keep_slash && c == '/'))
			xc_buf_add_char(out, (char)c);
		else
			xc_buf_add(out, (char[]){ '%', digits[c >> 4], digits[c & 15] }, 3);
	}
}

void xc_uri_add_query(struct xc_buf *query, const char *name, const char *value)
{
	if (query->len_bytes)
		xc_buf_add_char(query, '&');
	xc_uri_encode(name, strlen(name), false, query);
	xc_buf_add_char(query, '=');
	xc_uri_encode(value, strlen(value), false, query);
}

bool xc_uri_decode(const char *text, size_t length, struct xc_buf *out)
{
	bool is_whole = true;

	for (size_t i = 0; i < length; i++) {
		int high = -1, low = -1;

		if (text[i] == '%' && length - i > 2) {
			high = xc_hex_value(text[i + 1]);
			low = xc_hex_value(text[i + 2]);
		}
		if (high >= 0 && low >= 0) {
			xc_buf_add_char(out, (char)(high << 4 | low));
			i += 2;
		} else {
			xc_buf_add_char(out, text[i]);
			is_whole &= text[i] != '%';
		}
	}
	return is_whole;
}
