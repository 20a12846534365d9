/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hex.h"
#include "key/key.h"

#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/utf8.h"

int xc_key_check_one(const char *key, struct xc_err *err)
{
	if (key[0] == '\0')
		return xc_err_set(err, XC_ERR_USAGE, "Input required and not supplied: key");
	if (xc_utf8_utf16_units(key) > XC_KEY_MAX_UNITS)
		return xc_err_set(err, XC_ERR_USAGE,
				  "Key Validation Error: %s cannot be larger than %d characters.",
				  XC_QUOTE(key), XC_KEY_MAX_UNITS);
	if (strchr(key, ','))
		return xc_err_set(err, XC_ERR_USAGE,
				  "Key Validation Error: %s cannot contain commas.", XC_QUOTE(key));
	return 0;
}

int xc_key_check(const char *key, const struct xc_strlist *restore_keys, struct xc_err *err)
{
	/* A missing key is what the user must hear of first, as from actions/cache. */
	if (key[0] != '\0' && restore_keys->count + 1 > XC_KEYS_MAX)
		return xc_err_set(err, XC_ERR_USAGE,
				  "Key Validation Error: Keys are limited to a maximum of %d.",
				  XC_KEYS_MAX);
	if (xc_key_check_one(key, err) < 0)
		return -1;
	for (size_t i = 0; i < restore_keys->count; i++) {
		if (restore_keys->items[i][0] == '\0')
			return xc_err_set(err, XC_ERR_USAGE,
					  "Key Validation Error: A restore key cannot be empty.");
		if (xc_key_check_one(restore_keys->items[i], err) < 0)
			return -1;
	}
	return 0;
}

void xc_key_version(const struct xc_strlist *path_lines, char ret_version[XC_VERSION_HEX + 1])
{
	struct xc_hasher *hasher = xc_hasher_new();
	uint8_t digest[XC_SHA256_BYTES];

	for (size_t i = 0; i < path_lines->count; i++) {
		if (i > 0)
			xc_hasher_update(hasher, "|", 1);
		xc_hasher_update(hasher, path_lines->items[i], strlen(path_lines->items[i]));
	}
	xc_hasher_update(hasher, "|xcache-1", strlen("|xcache-1"));
	xc_hasher_finish(hasher, digest);
	xc_hasher_free(hasher);
	xc_hex_encode(digest, XC_VERSION_HEX / 2, ret_version);
}

void xc_key_new_id(char ret_id[XC_PACK_ID_LEN + 1])
{
	uint8_t id[XC_PACK_ID_LEN / 2];
	uint64_t milliseconds = (uint64_t)xc_clock_now_ns() / 1000000;

	/* Big-endian: the digits sort as the number does. 48 bits last until the year 10889. */
	for (size_t i = 0; i < 6; i++)
		id[i] = (uint8_t)(milliseconds >> (8 * (5 - i)));
	xc_random_bytes(id + 6, sizeof(id) - 6);
	xc_hex_encode(id, sizeof(id), ret_id);
}
