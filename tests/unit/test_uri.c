/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/uri.h"

static void all_but_the_unreserved_is_encoded(void **state)
{
	static const struct {
		const char *catches, *bytes;
		bool keep_slash;
		const char *encoded;
	} rows[] = {
		{ "an empty text", "", false, "" },
		{ "tilde encoded as RFC 2396 did", "a-_.~Z9", false, "a-_.~Z9" },
		{ "a blank as a plus", "a b", true, "a%20b" },
		{ "a plus left for servers to read as a blank", "a+b", true, "a%2Bb" },
		{ "an asterisk, which libcurl leaves", "*'()!", true, "%2A%27%28%29%21" },
		{ "a slash in a query", "a/b", false, "a%2Fb" },
		{ "a slash in a path", "a//b/", true, "a//b/" },
		{ "an encoded key, which is a key like any other", "%2F", true, "%252F" },
		{ "signed characters", "\xc3\xa9\xff", true, "%C3%A9%FF" },
		{ "control characters", "\x01\x7f", true, "%01%7F" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_buf struct xc_buf out = XC_BUF_INIT, back = XC_BUF_INIT;

		xc_uri_encode(rows[i].bytes, strlen(rows[i].bytes), rows[i].keep_slash, &out);
		if (strcmp(xc_buf_str(&out), rows[i].encoded) != 0)
			fail_msg("%s: %s", rows[i].catches, xc_buf_str(&out));
		assert_true(xc_uri_decode(xc_buf_str(&out), out.len_bytes, &back));
		assert_string_equal(xc_buf_str(&back), rows[i].bytes);
	}
}

static void a_query_grows_by_encoded_parameters(void **state)
{
	cleanup_buf struct xc_buf query = XC_BUF_INIT;

	(void)state;
	xc_uri_add_query(&query, "list-type", "2");
	xc_uri_add_query(&query, "continuation-token", "a+/=&b");
	xc_uri_add_query(&query, "uploads", "");
	assert_string_equal(query.data, "list-type=2&continuation-token=a%2B%2F%3D%26b&uploads=");
}

static void what_encodes_nothing_is_kept_and_told(void **state)
{
	static const struct {
		const char *catches, *text;
		bool is_whole;
		const char *bytes;
	} rows[] = {
		{ "lower-case digits", "%c3%a9", true, "\xc3\xa9" },
		{ "a plus as a blank", "a+b", true, "a+b" },
		{ "a read behind the end", "a%", false, "a%" },
		{ "one digit at the end", "a%4", false, "a%4" },
		{ "no digits", "%zz%41", false, "%zzA" },
		{ "decoding twice", "%2541", true, "%41" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_buf struct xc_buf out = XC_BUF_INIT;
		bool is_whole = xc_uri_decode(rows[i].text, strlen(rows[i].text), &out);

		if (is_whole != rows[i].is_whole || strcmp(xc_buf_str(&out), rows[i].bytes) != 0)
			fail_msg("%s: %d, %s", rows[i].catches, is_whole, xc_buf_str(&out));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_but_the_unreserved_is_encoded),
		cmocka_unit_test(a_query_grows_by_encoded_parameters),
		cmocka_unit_test(what_encodes_nothing_is_kept_and_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
