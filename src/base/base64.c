/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include <stdint.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void xc_base64_encode(const void *data, size_t length, struct xc_buf *out)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < length; i += 3) {
		size_t have = XC_MIN(length - i, (size_t)3);
		uint32_t group = (uint32_t)bytes[i] << 16;
		char text[4];

		if (have > 1)
			group |= (uint32_t)bytes[i + 1] << 8;
		if (have > 2)
			group |= bytes[i + 2];
		text[0] = digits[group >> 18];
		text[1] = digits[group >> 12 & 63];
		text[2] = have > 1 ? digits[group >> 6 & 63] : '=';
		text[3] = have > 2 ? digits[group & 63] : '=';
		xc_buf_add(out, text, sizeof(text));
	}
}

static int digit_value(char c)
{
	const char *at = c == '\0' ? NULL : strchr(digits, c);

	return at ? (int)(at - digits) : -1;
}

/* Four digits of which `length` count; the bits that the padding cuts off must be zero. */
static int decode_group(const char *text, size_t length, char out[3])
{
	uint32_t group = 0;

	for (size_t i = 0; i < 4; i++) {
		int digit = i < length ? digit_value(text[i]) : 0;

		if (digit < 0)
			return -1;
		group = group << 6 | (uint32_t)digit;
	}
	if ((length == 2 && (group & 0xffff)) || (length == 3 && (group & 0xff)))
		return -1;
	out[0] = (char)(group >> 16);
	out[1] = (char)(group >> 8);
	out[2] = (char)group;
	return 0;
}

int xc_base64_decode(const char *text, size_t length, struct xc_buf *out)
{
	size_t start = out->len_bytes;

	if (length % 4 != 0)
		return -1;
	while (length > 0) {
		size_t count = 4;
		char group[3];

		if (length == 4 && text[3] == '=')
			count = text[2] == '=' ? 2 : 3;
		if (decode_group(text, count, group) < 0 ||
		    xc_buf_try_add(out, group, count - 1) < 0) {
			xc_buf_truncate(out, start);
			return -1;
		}
		text += 4;
		length -= 4;
	}
	return 0;
}
