/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"
#include "base/json.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/utf8.h"

#define NS_PER_S 1000000000

static json_t *must(json_t *value)
{
	if (!value)
		xc_out_of_memory();
	return value;
}

json_t *xc_json_parse(const void *data, size_t length, size_t max_bytes, const char *what,
		      struct xc_err *err)
{
	json_error_t reason;
	json_t *value;

	if (length > max_bytes) {
		xc_err_set(err, XC_ERR_CORRUPT, "%s: %zu bytes, more than the %zu allowed", what,
			   length, max_bytes);
		return NULL;
	}
	value = json_loadb(length ? data : "", length, JSON_REJECT_DUPLICATES, &reason);
	if (!value)
		xc_err_set(err, XC_ERR_CORRUPT, "%s: line %d, column %d: %s", what, reason.line,
			   reason.column, XC_QUOTE(reason.text));
	return value;
}

json_t *xc_json_base64(const void *data, size_t length)
{
	cleanup_buf struct xc_buf text = XC_BUF_INIT;

	xc_base64_encode(data, length, &text);
	return must(json_stringn_nocheck(xc_buf_str(&text), text.len_bytes));
}

int xc_json_base64_value(const json_t *value, struct xc_buf *out)
{
	const char *text = json_string_value(value);

	return text ? xc_base64_decode(text, json_string_length(value), out) : -1;
}

json_t *xc_json_text(const char *text)
{
	json_t *object;

	if (xc_utf8_valid(text))
		return must(json_string_nocheck(text));
	object = must(json_object());
	if (json_object_set_new(object, "base64", xc_json_base64(text, strlen(text))) < 0)
		xc_out_of_memory();
	return object;
}

char *xc_json_text_value(const json_t *value)
{
	cleanup_buf struct xc_buf bytes = XC_BUF_INIT;
	const char *text = json_string_value(value);

	if (text)
		return strlen(text) == json_string_length(value) ? xc_strdup(text) : NULL;
	if (!json_is_object(value) || json_object_size(value) != 1)
		return NULL;
	if (xc_json_base64_value(json_object_get(value, "base64"), &bytes) < 0)
		return NULL;
	if (bytes.len_bytes > 0 && memchr(bytes.data, '\0', bytes.len_bytes))
		return NULL;
	return xc_buf_steal(&bytes);
}

json_t *xc_json_time_at(int64_t seconds, uint32_t ns)
{
	time_t time = (time_t)seconds;
	struct tm tm;
	char text[80];

	if (gmtime_r(&time, &tm))
		snprintf(text, sizeof(text), "%04lld-%02d-%02dT%02d:%02d:%02d.%09uZ",
			 tm.tm_year + 1900LL, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
			 tm.tm_sec, ns);
	else
		snprintf(text, sizeof(text), "@%lld.%09u", (long long)seconds, ns);
	return must(json_string_nocheck(text));
}

json_t *xc_json_time(int64_t time_ns)
{
	int64_t ns = time_ns % NS_PER_S;

	if (ns < 0)
		ns += NS_PER_S;
	return xc_json_time_at(time_ns / NS_PER_S - (time_ns % NS_PER_S < 0), (uint32_t)ns);
}

/* Exactly `digits` digits; -1 if there are not that many. */
static int take_number(const char **text, int digits)
{
	int value = 0;

	for (; digits > 0; digits--, (*text)++) {
		if (**text < '0' || **text > '9')
			return -1;
		value = value * 10 + (**text - '0');
	}
	return value;
}

/* "." and one to nine digits, as nanoseconds; 0 if there is no "."; -1 if it is no fraction. */
static int take_fraction(const char **text)
{
	int value = 0, digits = 0;

	if (**text != '.')
		return 0;
	for ((*text)++; **text >= '0' && **text <= '9' && digits < 9; (*text)++, digits++)
		value = value * 10 + (**text - '0');
	if (digits == 0)
		return -1;
	for (; digits < 9; digits++)
		value *= 10;
	return value;
}

static int days_of_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

int xc_json_time_value(const json_t *value, int64_t *ret_time_ns)
{
	static const char between[] = "--T::";
	static const int digits[] = { 4, 2, 2, 2, 2, 2 };
	const char *text = json_string_value(value);
	int part[6], ns;
	__int128 wide;
	struct tm tm;

	if (!text)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(part); i++) {
		part[i] = take_number(&text, digits[i]);
		if (part[i] < 0 || (i < 5 && *text++ != between[i]))
			return -1;
	}
	if (part[1] < 1 || part[1] > 12 || part[2] < 1 ||
	    part[2] > days_of_month(part[0], part[1]) || part[3] > 23 || part[4] > 59 ||
	    part[5] > 59)
		return -1;
	ns = take_fraction(&text);
	if (ns < 0 || text[0] != 'Z' || text[1] != '\0')
		return -1;
	tm = (struct tm){ .tm_year = part[0] - 1900,
			  .tm_mon = part[1] - 1,
			  .tm_mday = part[2],
			  .tm_hour = part[3],
			  .tm_min = part[4],
			  .tm_sec = part[5] };
	wide = (__int128)timegm(&tm) * NS_PER_S + ns;
	if (wide < INT64_MIN || wide > INT64_MAX)
		return -1;
	*ret_time_ns = (int64_t)wide;
	return 0;
}

static int add_piece(const char *piece, size_t length, void *data)
{
	xc_buf_add(data, piece, length);
	return 0;
}

void xc_json_write(const json_t *value, int pretty, struct xc_buf *out)
{
	size_t flags = JSON_ENCODE_ANY | JSON_REAL_PRECISION(9);

	flags |= pretty ? JSON_INDENT(2) : JSON_COMPACT;
	if (json_dump_callback(value, add_piece, out, flags) < 0)
		xc_out_of_memory();
	xc_buf_add_char(out, '\n');
}
