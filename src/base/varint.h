/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading foreign bytes without leaving them, and the two ways in which the
 * format writes integers: little-endian of fixed width, and varints (LEB128,
 * seven bits a byte, lowest first, the high bit set on all bytes but the
 * last, in the shortest form).
 */
#ifndef XC_BASE_VARINT_H
#define XC_BASE_VARINT_H

#include <string.h>

#include "base/compiler.h"

#define XC_VARINT64_MAX_BYTES  10
#define XC_VARINT128_MAX_BYTES 19

/* What is left to read: from `at` to before `end`. */
struct xc_cursor {
	const uint8_t *at;
	const uint8_t *end;
};

static inline struct xc_cursor xc_cursor_over(const void *data, size_t length)
{
	/* No arithmetic on a NULL that stands for nothing. */
	const uint8_t *bytes = data ? data : (const uint8_t *)"";

	return (struct xc_cursor){ bytes, bytes + length };
}

static inline size_t xc_cursor_left(const struct xc_cursor *cursor)
{
	return (size_t)(cursor->end - cursor->at);
}

/* The next `length` bytes, which the cursor then has passed; NULL if there are fewer. */
static inline const uint8_t *xc_cursor_bytes(struct xc_cursor *cursor, size_t length)
{
	const uint8_t *bytes = cursor->at;

	if (length > xc_cursor_left(cursor))
		return NULL;
	cursor->at += length;
	return bytes;
}

/* The next text, its terminating NUL passed too; NULL if no NUL follows. */
static inline const char *xc_cursor_text(struct xc_cursor *cursor, size_t *ret_length)
{
	const char *text = (const char *)cursor->at;
	const uint8_t *nul = memchr(cursor->at, 0, xc_cursor_left(cursor));

	if (!nul)
		return NULL;
	*ret_length = (size_t)(nul - cursor->at);
	cursor->at = nul + 1;
	return text;
}

/* A varint of any width: -1 if it is cut off, too wide, or not in its shortest form. */
XC_CHECK static inline int xc_cursor_varint128(struct xc_cursor *cursor,
					       unsigned __int128 *ret_value)
{
	unsigned __int128 value = 0;
	const uint8_t *at = cursor->at;

	for (unsigned int shift = 0; at < cursor->end && shift < 128; shift += 7) {
		uint8_t byte = *at++;

		if (shift == 126 && byte > 3)
			return -1;
		value |= (unsigned __int128)(byte & 0x7f) << shift;
		if (byte & 0x80)
			continue;
		if (byte == 0 && shift > 0)
			return -1;
		cursor->at = at;
		*ret_value = value;
		return 0;
	}
	return -1;
}

/* The same for 64 bits. */
XC_CHECK static inline int xc_cursor_varint(struct xc_cursor *cursor, uint64_t *ret_value)
{
	unsigned __int128 wide;

	/* Most integers of an index are one byte. */
	if (cursor->at < cursor->end && *cursor->at < 0x80) {
		*ret_value = *cursor->at++;
		return 0;
	}
	if (xc_cursor_varint128(cursor, &wide) < 0 || wide > UINT64_MAX)
		return -1;
	*ret_value = (uint64_t)wide;
	return 0;
}

/* The same for 32 bits. */
XC_CHECK static inline int xc_cursor_varint32(struct xc_cursor *cursor, uint32_t *ret_value)
{
	uint64_t wide;

	if (xc_cursor_varint(cursor, &wide) < 0 || wide > UINT32_MAX)
		return -1;
	*ret_value = (uint32_t)wide;
	return 0;
}

/* Write a varint; `out` has room for XC_VARINT128_MAX_BYTES. Returns its length. */
static inline size_t xc_varint_put128(void *out, unsigned __int128 value)
{
	uint8_t *bytes = out;
	size_t length = 0;

	for (; value >= 0x80; value >>= 7)
		bytes[length++] = (uint8_t)value | 0x80;
	bytes[length++] = (uint8_t)value;
	return length;
}

/* The same; room for XC_VARINT64_MAX_BYTES. */
static inline size_t xc_varint_put(void *out, uint64_t value)
{
	uint8_t *bytes = out;
	size_t length = 0;

	for (; value >= 0x80; value >>= 7)
		bytes[length++] = (uint8_t)value | 0x80;
	bytes[length++] = (uint8_t)value;
	return length;
}

/* Zigzag: small magnitudes of either sign become small unsigned integers. */
static inline unsigned __int128 xc_zigzag_encode(__int128 value)
{
	return ((unsigned __int128)value << 1) ^ (unsigned __int128)(value >> 127);
}

static inline __int128 xc_zigzag_decode(unsigned __int128 value)
{
	return (__int128)(value >> 1) ^ -(__int128)(value & 1);
}

static inline uint16_t xc_le16_get(const void *data)
{
	const uint8_t *bytes = data;

	return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static inline uint32_t xc_le32_get(const void *data)
{
	const uint8_t *bytes = data;

	return (uint32_t)xc_le16_get(bytes) | (uint32_t)xc_le16_get(bytes + 2) << 16;
}

static inline uint64_t xc_le64_get(const void *data)
{
	const uint8_t *bytes = data;

	return (uint64_t)xc_le32_get(bytes) | (uint64_t)xc_le32_get(bytes + 4) << 32;
}

static inline void xc_le_put(void *out, uint64_t value, size_t width)
{
	uint8_t *bytes = out;

	for (size_t i = 0; i < width; i++)
		bytes[i] = (uint8_t)(value >> (8 * i));
}

#endif
