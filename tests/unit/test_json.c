/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"

static json_t *parse(const char *text)
{
	struct xc_err err = { 0 };
	json_t *value = xc_json_parse(text, strlen(text), 1000, "test", &err);

	if (!value)
		fail_msg("%s: %s", text, err.msg);
	return value;
}

static void documents_are_refused_with_their_place(void **state)
{
	static const struct {
		const char *catches, *text, *wrong;
	} rows[] = {
		{ "an empty object from a store", "", "doc: line" },
		{ "a cut document", "{\"a\": 1,\n", "doc: line 2" },
		{ "a member twice", "{\"a\": 1, \"a\": 2}", "line 1, column" },
		{ "text behind the document", "{} {}", "end of file" },
		{ "bytes that are not UTF-8", "{\"a\": \"\xff\"}", "unable to decode" },
		{ "a NUL within a text", "{\"a\": \"\\u0000\"}", "line 1" },
		{ "half a surrogate pair", "{\"a\": \"\\ud800\"}", "line 1" },
		{ "a number too large for 64 bits", "[9223372036854775808]", "too big" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct xc_err err = { 0 };

		assert_null(xc_json_parse(rows[i].text, strlen(rows[i].text), 100, "doc", &err));
		if (err.kind != XC_ERR_CORRUPT || !strstr(err.msg, rows[i].wrong))
			fail_msg("%s: kind %d, %s", rows[i].catches, (int)err.kind, err.msg);
	}
}

static void a_document_over_its_ceiling_is_not_read(void **state)
{
	struct xc_err err = { 0 };

	(void)state;
	assert_null(xc_json_parse("[1, 2, 3]", 9, 8, "doc", &err));
	assert_int_equal(err.kind, XC_ERR_CORRUPT);
	assert_non_null(strstr(err.msg, "9 bytes"));
	assert_null(xc_json_parse(NULL, 0, 8, "doc", &err));
}

static void nesting_without_end_is_refused(void **state)
{
	static char text[100000];
	struct xc_err err = { 0 };

	(void)state;
	memset(text, '[', sizeof(text));
	assert_null(xc_json_parse(text, sizeof(text), sizeof(text), "doc", &err));
	assert_int_equal(err.kind, XC_ERR_CORRUPT);
}

static void any_text_survives(void **state)
{
	static const struct {
		const char *text, *json;
	} rows[] = {
		{ "", "\"\"\n" },
		{ "plain", "\"plain\"\n" },
		{ "a\"b\\c\n\x01", "\"a\\\"b\\\\c\\n\\u0001\"\n" },
		{ "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80",
		  "\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80\"\n" },
		{ "\xff", "{\"base64\":\"/w==\"}\n" },
		{ "\xff\xfe", "{\"base64\":\"//4=\"}\n" },
		{ "\xff\xfe\xfd", "{\"base64\":\"//79\"}\n" },
		{ "a\x80z~", "{\"base64\":\"YYB6fg==\"}\n" },
		{ "\xed\xa0\x80", "{\"base64\":\"7aCA\"}\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_json json_t *value = xc_json_text(rows[i].text);
		cleanup_buf struct xc_buf out = XC_BUF_INIT;
		cleanup_free char *again = xc_json_text_value(value);

		xc_json_write(value, 0, &out);
		assert_string_equal(out.data, rows[i].json);
		assert_non_null(again);
		assert_string_equal(again, rows[i].text);
	}
}

static void what_is_no_text_is_refused(void **state)
{
	static const char *const rows[] = {
		"null",
		"1",
		"[]",
		"{}",
		"{\"base64\": 1}",
		"{\"base64\": null}",
		"{\"base64\": \"YQ==\", \"x\": 1}", /* a text with more to it */
		"{\"base64\": \"YQ=\"}",            /* a group that is cut off */
		"{\"base64\": \"YQ\"}",             /* without padding */
		"{\"base64\": \"YR==\"}",           /* bits behind the last byte */
		"{\"base64\": \"YWJ=\"}",           /* the same of two bytes */
		"{\"base64\": \"YQ==YQ==\"}",       /* padding in the middle */
		"{\"base64\": \"Y===\"}",           /* less than a byte */
		"{\"base64\": \"====\"}",
		"{\"base64\": \"YQ=Q\"}",
		"{\"base64\": \"-_==\"}", /* the alphabet of URLs */
		"{\"base64\": \"YQ ==\"}",
		"{\"base64\": \"AA==\"}", /* a NUL, which would end a C string early */
		"{\"base64\": \"YQBi\"}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_json json_t *value = json_loads(rows[i], JSON_DECODE_ANY, NULL);
		cleanup_free char *text = NULL;

		assert_non_null(value);
		text = xc_json_text_value(value);
		if (text)
			fail_msg("%s is taken for %s", rows[i], text);
	}
	assert_null(xc_json_text_value(NULL));
}

static void bytes_survive_and_are_appended(void **state)
{
	uint8_t bytes[256];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	for (size_t length = 0; length <= sizeof(bytes); length++) {
		cleanup_json json_t *value = xc_json_base64(bytes, length);
		cleanup_buf struct xc_buf out = XC_BUF_INIT;

		xc_buf_add_str(&out, "x");
		assert_int_equal(xc_json_base64_value(value, &out), 0);
		assert_int_equal(out.len_bytes, length + 1);
		assert_memory_equal(out.data + 1, bytes, length);
	}
}

static void a_bad_string_appends_nothing(void **state)
{
	cleanup_json json_t *value = json_string("YWFhYWFh?Q==");
	cleanup_buf struct xc_buf out = XC_BUF_INIT;

	(void)state;
	xc_buf_add_str(&out, "x");
	assert_int_equal(xc_json_base64_value(value, &out), -1);
	assert_string_equal(out.data, "x");
}

static void times_survive_to_the_nanosecond(void **state)
{
	static const struct {
		int64_t time_ns;
		const char *text;
	} rows[] = {
		{ 0, "1970-01-01T00:00:00.000000000Z" },
		{ 1, "1970-01-01T00:00:00.000000001Z" },
		{ -1, "1969-12-31T23:59:59.999999999Z" },
		{ -1000000000, "1969-12-31T23:59:59.000000000Z" },
		{ 951827696123456789, "2000-02-29T12:34:56.123456789Z" },
		{ INT64_MAX, "2262-04-11T23:47:16.854775807Z" },
		{ INT64_MIN, "1677-09-21T00:12:43.145224192Z" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_json json_t *value = xc_json_time(rows[i].time_ns);
		int64_t time_ns = 0;

		assert_string_equal(json_string_value(value), rows[i].text);
		assert_int_equal(xc_json_time_value(value, &time_ns), 0);
		assert_true(time_ns == rows[i].time_ns);
	}
}

static void other_forms_of_times_are_read_or_refused(void **state)
{
	static const struct {
		const char *text;
		int64_t time_ns; /* -1: refused */
	} rows[] = {
		{ "1970-01-01T00:00:01Z", 1000000000 },
		{ "1970-01-01T00:00:00.5Z", 500000000 },
		{ "1970-01-01T00:00:00.Z", -1 },
		{ "1970-01-01T00:00:00.1234567891Z", -1 },
		{ "1970-01-01T00:00:00", -1 },
		{ "1970-01-01T00:00:00z", -1 },
		{ "1970-01-01T00:00:00+00:00", -1 },
		{ "1970-01-01 00:00:00Z", -1 },
		{ "1970-1-01T00:00:00Z", -1 },
		{ "1970-02-29T00:00:00Z", -1 },
		{ "1970-13-01T00:00:00Z", -1 },
		{ "1970-00-01T00:00:00Z", -1 },
		{ "1970-01-00T00:00:00Z", -1 },
		{ "1970-01-01T24:00:00Z", -1 },
		{ "1970-01-01T00:60:00Z", -1 },
		{ "2262-04-11T23:47:16.854775808Z", -1 },
		{ "1677-09-21T00:12:43.145224191Z", -1 },
		{ "9999-12-31T23:59:59Z", -1 },
		{ "1970-01-01T00:00:00Zx", -1 },
		{ "", -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_json json_t *value = json_string(rows[i].text);
		int64_t time_ns = 0;

		if (xc_json_time_value(value, &time_ns) < 0)
			time_ns = -1;
		if (time_ns != rows[i].time_ns)
			fail_msg("%s: %lld", rows[i].text, (long long)time_ns);
	}
}

static void documents_keep_their_order_and_end_in_a_newline(void **state)
{
	cleanup_json json_t *value = parse("{\"z\": [1, {\"y\": true}], \"a\": null}");
	cleanup_buf struct xc_buf out = XC_BUF_INIT;

	(void)state;
	xc_json_write(value, 0, &out);
	xc_json_write(value, 1, &out);
	assert_string_equal(out.data,
			    "{\"z\":[1,{\"y\":true}],\"a\":null}\n"
			    "{\n  \"z\": [\n    1,\n    {\n      \"y\": true\n    }\n  ],\n"
			    "  \"a\": null\n}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents_are_refused_with_their_place),
		cmocka_unit_test(a_document_over_its_ceiling_is_not_read),
		cmocka_unit_test(nesting_without_end_is_refused),
		cmocka_unit_test(any_text_survives),
		cmocka_unit_test(what_is_no_text_is_refused),
		cmocka_unit_test(bytes_survive_and_are_appended),
		cmocka_unit_test(a_bad_string_appends_nothing),
		cmocka_unit_test(times_survive_to_the_nanosecond),
		cmocka_unit_test(other_forms_of_times_are_read_or_refused),
		cmocka_unit_test(documents_keep_their_order_and_end_in_a_newline),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
