/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a byte that says how much of the key is a prefix, then a text that
 * is taken as a key and as an element of a name.
 *
 * Demands: a name decodes to its key alone, that of a prefix is a prefix of
 * the key's, and no name holds a slash, a line's end or a dot in first place.
 */
#include "fuzz.h"

#include "key/key.h"

static void check_key(const char *key, size_t prefix_bytes)
{
	cleanup_free char *prefix = xc_strndup(key, prefix_bytes);
	cleanup_buf struct xc_buf name = XC_BUF_INIT, start = XC_BUF_INIT, decoded = XC_BUF_INIT;
	struct xc_err err;
	int result;

	if (key[0] == '\0')
		return;
	xc_key_encode(key, &name);
	MUST(name.len_bytes <= XC_KEY_NAME_MAX && name.data[0] != '.');
	MUST(!strchr(name.data, '/') && !strchr(name.data, '\n'));
	result = xc_key_decode(name.data, &decoded, &err);
	MUST(result == 1 || (result == 0 && strcmp(decoded.data, key) == 0));

	xc_key_encode_prefix(prefix, &start);
	MUST(strncmp(name.data, xc_buf_str(&start), start.len_bytes) == 0);
	(void)!xc_key_check_one(key, &err);
}

static void check_element(const char *element)
{
	cleanup_buf struct xc_buf key = XC_BUF_INIT, name = XC_BUF_INIT;
	struct xc_err err;
	int result = xc_key_decode(element, &key, &err);

	if (result != 0) {
		MUST(key.len_bytes == 0);
		MUST(result == 1 || err.kind == XC_ERR_CORRUPT);
		return;
	}
	xc_key_encode(key.data, &name);
	MUST(strcmp(name.data, element) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = NULL;

	if (size == 0)
		return 0;
	text = xc_strndup((const char *)data + 1, size - 1);
	check_key(text, XC_MIN(strlen(text), (size_t)data[0]));
	check_element(text);
	return 0;
}
