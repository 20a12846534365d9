/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hex.h"
#include "store/url.h"

#include <string.h>

#include "base/buf.h"
#include "base/uri.h"
#include "base/utf8.h"

/* <ctype.h> goes by the locale, URLs do not. */
static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

size_t xc_url_scheme_length(const char *url)
{
	size_t length = 0;

	if (!is_alpha(url[0]))
		return 0;
	while (is_alpha(url[length]) || is_digit(url[length]) ||
	       (url[length] != '\0' && strchr("+-.", url[length])))
		length++;
	return url[length] == ':' ? length : 0;
}

int xc_url_decode(const char *text, size_t length, char **ret_bytes, struct xc_err *err)
{
	cleanup_free char *bytes = xc_malloc(length + 1);
	size_t used = 0;

	for (size_t i = 0; i < length; i++) {
		int high, low;

		if (text[i] != '%') {
			bytes[used++] = text[i];
			continue;
		}
		high = length - i > 2 ? xc_hex_value(text[i + 1]) : -1;
		low = length - i > 2 ? xc_hex_value(text[i + 2]) : -1;
		if (high < 0 || low < 0) {
			cleanup_free char *bad =
				xc_strndup(text + i, XC_MIN(length - i, (size_t)3));

			return xc_err_set(err, XC_ERR_USAGE,
					  "'%s' in the store URL is not percent-encoding; "
					  "write the character %% itself as %%25",
					  XC_QUOTE(bad));
		}
		if (high == 0 && low == 0)
			return xc_err_set(err, XC_ERR_USAGE,
					  "the store URL holds a NUL (%%00), which no path can; "
					  "leave it out");
		bytes[used++] = (char)(high << 4 | low);
		i += 2;
	}
	bytes[used] = '\0';
	*ret_bytes = STEAL_PTR(bytes);
	return 0;
}

char *xc_url_encode_path(const char *path)
{
	struct xc_buf url = XC_BUF_INIT;

	while (*path != '\0') {
		size_t length = xc_utf8_sequence(path);

		if (length > 1 || (length == 1 && !is_control(*path) && !strchr(" %?#", *path))) {
			xc_buf_add(&url, path, length);
			path += length;
		} else {
			xc_buf_addf(&url, "%%%02X", (unsigned char)*path);
			path++;
		}
	}
	return xc_buf_steal(&url);
}

void xc_url_release(struct xc_url *url)
{
	free(url->host);
	free(url->path);
	free(url->options);
	*url = (struct xc_url){ 0 };
}

static int check_characters(const char *rest, struct xc_err *err)
{
	for (const char *at = rest; *at != '\0'; at++) {
		if (is_control(*at))
			return xc_err_set(err, XC_ERR_USAGE,
					  "the store URL holds the control character \\x%02x; "
					  "write it as %%%02X or leave it out",
					  (unsigned char)*at, (unsigned char)*at);
		if (*at == '#')
			return xc_err_set(err, XC_ERR_USAGE,
					  "'%s' is a fragment, which a store URL cannot have; "
					  "write the character # itself as %%23",
					  XC_QUOTE(at));
	}
	return 0;
}

int xc_url_parse(const char *rest, struct xc_url *ret_url, struct xc_err *err)
{
	cleanup_url struct xc_url url = { 0 };
	const char *query = strchrnul(rest, '?');
	const char *path = rest;

	if (check_characters(rest, err) < 0)
		return -1;
	if (strncmp(rest, "//", 2) == 0)
		for (path = rest + 2; path < query && *path != '/';)
			path++;
	url.host = path == rest ? xc_strdup("") : xc_strndup(rest + 2, (size_t)(path - rest) - 2);
	url.options = xc_strdup(*query == '?' ? query + 1 : "");
	if (xc_url_decode(path, (size_t)(query - path), &url.path, err) < 0)
		return -1;
	*ret_url = url;
	url = (struct xc_url){ 0 };
	return 0;
}
