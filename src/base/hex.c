/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hex.h"

#include <stdint.h>
#include <string.h>

int xc_hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

void xc_hex_encode(const void *data, size_t length, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *bytes = data;

	for (size_t i = 0; i < length; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	*out = '\0';
}

int xc_hex_decode(const char *text, void *out, size_t length)
{
	uint8_t *bytes = out;

	if (strlen(text) != 2 * length || strspn(text, "0123456789abcdef") != 2 * length)
		return -1;
	for (size_t i = 0; i < length; i++)
		bytes[i] =
			(uint8_t)(xc_hex_value(text[2 * i]) << 4 | xc_hex_value(text[2 * i + 1]));
	return 0;
}
