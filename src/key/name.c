/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and scopes as elements of object names, and back. */
#include <string.h>

#include "base/hash.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "key/key.h"

#define DIGEST_DIGITS 32
/* What remains of a cut name: room is left for "%-" and the digest. */
#define CUT_BYTES (XC_KEY_NAME_MAX - 2 - DIGEST_DIGITS)

/*
 * One step of encoding: writes what the first character or byte of `text`
 * becomes, at most 4 bytes, and returns how many bytes of `text` that is.
 */
static size_t encode_step(const char *text, bool first, char ret_unit[4], size_t *ret_unit_bytes)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t sequence = xc_utf8_sequence(text);
	unsigned char byte = (unsigned char)*text;

	if (sequence > 1 || (sequence == 1 && byte >= 0x20 && byte != 0x7f && byte != '%' &&
			     byte != '/' && byte != '\\' && !(first && byte == '.'))) {
		memcpy(ret_unit, text, sequence);
		*ret_unit_bytes = sequence;
		return sequence;
	}
	ret_unit[0] = '%';
	ret_unit[1] = digits[byte >> 4];
	ret_unit[2] = digits[byte & 15];
	*ret_unit_bytes = 3;
	return 1;
}

/* Whether the whole of `text` may be the beginning of a sequence that goes on. */
static bool is_cut_sequence(const char *text)
{
	static const char continuations[] = { '\x80', '\xa0' };
	size_t length = strlen(text);

	if (length == 0 || length > 3 || xc_utf8_sequence(text) > 0)
		return false;
	/*
	 * For every first byte, one of the two is a valid second
	 * byte; each is a valid later one.
	 */
	for (size_t i = 0; i < ARRAY_LEN(continuations); i++) {
		char whole[5] = { 0 };

		memset(whole, continuations[i], 4);
		memcpy(whole, text, length);
		if (xc_utf8_sequence(whole) > length)
			return true;
	}
	return false;
}

/* Append all of `text`, encoded. */
static void add_encoded(const char *text, struct xc_buf *out)
{
	char unit[4];
	size_t unit_bytes;

	for (const char *at = text; *at != '\0';) {
		at += encode_step(at, at == text, unit, &unit_bytes);
		xc_buf_add(out, unit, unit_bytes);
	}
}

/* Append as many whole units of `text` as CUT_BYTES hold, without a sequence that may go on. */
static void add_cut(const char *text, struct xc_buf *out)
{
	size_t start_bytes = out->len_bytes;
	char unit[4];
	size_t unit_bytes;

	for (const char *at = text; *at != '\0' && !is_cut_sequence(at);) {
		at += encode_step(at, at == text, unit, &unit_bytes);
		if (out->len_bytes - start_bytes + unit_bytes > CUT_BYTES)
			return;
		xc_buf_add(out, unit, unit_bytes);
	}
}

void xc_key_encode(const char *key, struct xc_buf *out)
{
	size_t start_bytes = out->len_bytes;
	uint8_t digest[XC_SHA256_BYTES];
	char hex[DIGEST_DIGITS + 1];

	add_encoded(key, out);
	if (out->len_bytes - start_bytes <= XC_KEY_NAME_MAX)
		return;
	xc_buf_truncate(out, start_bytes);
	add_cut(key, out);
	xc_sha256(key, strlen(key), digest);
	xc_hex_encode(digest, DIGEST_DIGITS / 2, hex);
	xc_buf_addf(out, "%%-%s", hex);
}

void xc_key_encode_prefix(const char *prefix, struct xc_buf *out)
{
	add_cut(prefix, out);
}

int xc_key_scope_prefix(const char *repository, const char *scope, struct xc_buf *out,
			struct xc_err *err)
{
	if (repository[0] == '\0')
		return xc_err_set(err, XC_ERR_USAGE, "the repository's name is empty");
	if (scope[0] == '\0')
		return xc_err_set(err, XC_ERR_USAGE, "the scope is empty");
	add_encoded(repository, out);
	xc_buf_add_char(out, '/');
	add_encoded(scope, out);
	return 0;
}

int xc_key_repository_prefix(const char *repository, struct xc_buf *out, struct xc_err *err)
{
	if (repository[0] == '\0')
		return xc_err_set(err, XC_ERR_USAGE, "the repository's name is empty");
	add_encoded(repository, out);
	xc_buf_add_char(out, '/');
	return 0;
}

/* Append what `length` bytes of an element stand for; -1 if a "%XX" is malformed. */
static int add_decoded(const char *element, size_t length, struct xc_buf *out)
{
	for (size_t i = 0; i < length; i++) {
		int high, low;

		if (element[i] != '%') {
			xc_buf_add_char(out, element[i]);
			continue;
		}
		high = i + 2 < length ? xc_hex_value(element[i + 1]) : -1;
		low = i + 2 < length ? xc_hex_value(element[i + 2]) : -1;
		if (high < 0 || low < 0)
			return -1;
		xc_buf_add_char(out, (char)(high << 4 | low));
		i += 2;
	}
	return 0;
}

/* Whether encoding what was decoded gives the same `length` bytes again. */
static bool is_canonical(const char *element, size_t length, const struct xc_buf *decoded)
{
	cleanup_buf struct xc_buf again = XC_BUF_INIT;

	add_encoded(xc_buf_str(decoded), &again);
	return again.len_bytes == length && memcmp(xc_buf_str(&again), element, length) == 0;
}

/* Whether the `length` bytes before a digest are what add_cut leaves of too long a key. */
static bool is_cut_length(const char *element, size_t length)
{
	const char *digest = element + length + 2;

	return length <= CUT_BYTES && length + 4 > CUT_BYTES && strlen(digest) == DIGEST_DIGITS &&
	       strspn(digest, "0123456789abcdef") == DIGEST_DIGITS;
}

int xc_key_decode(const char *element, struct xc_buf *out, struct xc_err *err)
{
	cleanup_buf struct xc_buf decoded = XC_BUF_INIT;
	const char *mark = strstr(element, "%-");
	size_t length = mark ? (size_t)(mark - element) : strlen(element);

	if (length == 0 || length > XC_KEY_NAME_MAX || (mark && !is_cut_length(element, length)) ||
	    add_decoded(element, length, &decoded) < 0 || !is_canonical(element, length, &decoded))
		return xc_err_set(err, XC_ERR_CORRUPT, "'%s' is not the name of an entry",
				  XC_QUOTE(element));
	if (mark)
		return 1;
	xc_buf_add(out, decoded.data, decoded.len_bytes);
	return 0;
}

int xc_key_scope_decode(const char *element, size_t length, struct xc_buf *out, struct xc_err *err)
{
	cleanup_buf struct xc_buf decoded = XC_BUF_INIT;

	if (length == 0 || add_decoded(element, length, &decoded) < 0 ||
	    !is_canonical(element, length, &decoded)) {
		cleanup_free char *text = xc_strndup(element, length);

		return xc_err_set(err, XC_ERR_CORRUPT, "'%s' is not the name of a scope",
				  XC_QUOTE(text));
	}
	xc_buf_add(out, decoded.data, decoded.len_bytes);
	return 0;
}
