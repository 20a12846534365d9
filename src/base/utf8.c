/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

static bool is_continuation(unsigned char byte)
{
	return (byte & 0xc0) == 0x80;
}

size_t xc_utf8_sequence(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	unsigned char low = 0x80, high = 0xbf;
	size_t length;

	if (s[0] == 0)
		return 0;
	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		length = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		length = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		length = 4;
	else
		return 0;
	/* The second byte's range is what keeps out overlong forms and surrogates. */
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if (!is_continuation(s[i]))
			return 0;
	return length;
}

bool xc_utf8_valid(const char *text)
{
	while (*text != '\0') {
		size_t length = xc_utf8_sequence(text);

		if (length == 0)
			return false;
		text += length;
	}
	return true;
}

size_t xc_utf8_utf16_units(const char *text)
{
	size_t units = 0;

	while (*text != '\0') {
		size_t length = xc_utf8_sequence(text);

		units += length == 4 ? 2 : 1;
		text += length ? length : 1;
	}
	return units;
}
