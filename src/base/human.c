/* SPDX-License-Identifier: Apache-2.0 */
#include "base/human.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/err.h"

const char *xc_human_size(uint64_t bytes, char *out)
{
	static const char *const units[] = { "kB", "MB", "GB", "TB", "PB", "EB" };
	double value = (double)bytes / 1000;
	size_t unit = 0;

	if (bytes < 1000) {
		snprintf(out, XC_HUMAN_MAX, "%" PRIu64 " B", bytes);
		return out;
	}
	/* What would be rounded to 1000 belongs to the next unit. */
	while (value >= 999.5 && unit + 1 < ARRAY_LEN(units)) {
		value /= 1000;
		unit++;
	}
	snprintf(out, XC_HUMAN_MAX, "%.*f %s",
		 value < 9.995   ? 2
		 : value < 99.95 ? 1
				 : 0,
		 value, units[unit]);
	return out;
}

/* What a unit multiplies by; 0 for what is none. */
static double unit_factor(const char *unit)
{
	static const char letters[] = "KMGT";
	const char *letter = memchr(letters, *unit & ~0x20, strlen(letters));
	double step = 1000, factor = 1;

	unit += letter != NULL;
	if (letter && *unit == 'i') {
		step = 1024;
		unit++;
	}
	if (*unit == 'B')
		unit++;
	for (; letter && letter >= letters; letter--)
		factor *= step;
	return *unit == '\0' ? factor : 0;
}

int xc_human_parse_size(const char *text, uint64_t *ret_bytes)
{
	double value = 0, digit = 1;
	const char *at = text;

	for (; *at >= '0' && *at <= '9'; at++)
		value = value * 10 + (*at - '0');
	if (at == text)
		return -1;
	if (*at == '.')
		for (at++; *at >= '0' && *at <= '9'; at++)
			value += (*at - '0') * (digit /= 10);
	if (*at == ' ' && at[1] != '\0')
		at++;
	value *= unit_factor(at);
	if (value >= 9e18 || unit_factor(at) < 1)
		return -1;
	*ret_bytes = (uint64_t)value;
	return 0;
}

const char *xc_human_count(uint64_t count, char *out)
{
	char digits[24];
	size_t length = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, count), used = 0;

	for (size_t i = 0; i < length; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			out[used++] = ',';
		out[used++] = digits[i];
	}
	out[used] = '\0';
	return out;
}

const char *xc_human_counted(uint64_t count, const char *one, const char *many, char *out)
{
	char number[XC_HUMAN_MAX];

	snprintf(out, XC_HUMAN_MAX, "%.26s %.20s", xc_human_count(count, number),
		 count == 1 ? one : many);
	return out;
}

const char *xc_human_duration(uint64_t duration_ms, char *out)
{
	uint64_t seconds = duration_ms / 1000 + (duration_ms % 1000 >= 500);

	if (duration_ms < 1000)
		snprintf(out, XC_HUMAN_MAX, "%" PRIu64 " ms", duration_ms);
	else if (duration_ms < 59950)
		snprintf(out, XC_HUMAN_MAX, "%.1f s", (double)duration_ms / 1000);
	else if (seconds < 3600)
		snprintf(out, XC_HUMAN_MAX, "%" PRIu64 " min %" PRIu64 " s", seconds / 60,
			 seconds % 60);
	else
		snprintf(out, XC_HUMAN_MAX, "%" PRIu64 " h %" PRIu64 " min", seconds / 3600,
			 seconds % 3600 / 60);
	return out;
}

const char *xc_human_rate(uint64_t bytes, uint64_t duration_ms, char *out)
{
	double per_second = (double)bytes * 1000 / (double)XC_MAX(duration_ms, (uint64_t)1);
	/* The largest double below 2^64. */
	uint64_t rate = per_second < 18446744073709549568.0 ? (uint64_t)per_second : UINT64_MAX;

	xc_human_size(rate, out);
	memcpy(out + strlen(out), "/s", sizeof("/s"));
	return out;
}

const char *xc_human_ratio(uint64_t bytes, uint64_t stored_bytes, char *out)
{
	double ratio = stored_bytes ? (double)bytes / (double)stored_bytes : 1;

	snprintf(out, XC_HUMAN_MAX, "%.1fx", ratio);
	return out;
}

const char *xc_human_age(int64_t age_s, char *out)
{
	static const struct {
		int64_t below_s, unit_s;
		const char *one, *many;
	} steps[] = {
		{ 60, 1, "s", "s" },
		{ 3600, 60, "min", "min" },
		{ 2 * 86400, 3600, "h", "h" },
		{ 60 * 86400, 86400, "day", "days" },
		{ 2 * 365 * (int64_t)86400, 30 * 86400, "month", "months" },
		{ INT64_MAX, 365 * 86400, "year", "years" },
	};
	size_t step = 0;

	if (age_s < 0)
		age_s = 0;
	while (step + 1 < ARRAY_LEN(steps) && age_s >= steps[step].below_s)
		step++;
	return xc_human_counted((uint64_t)(age_s / steps[step].unit_s), steps[step].one,
				steps[step].many, out);
}

const char *xc_human_time(int64_t time_s, char *out)
{
	time_t when = (time_t)time_s;
	struct tm tm;

	if (!localtime_r(&when, &tm) || strftime(out, XC_HUMAN_MAX, "%Y-%m-%d %H:%M", &tm) == 0)
		snprintf(out, XC_HUMAN_MAX, "@%" PRId64, time_s);
	return out;
}

void xc_human_quote(const char *text, struct xc_buf *out)
{
	/* At most four bytes for one, and the room that xc_err_quote keeps for an ellipsis. */
	size_t room = 4 * strlen(text) + 8;
	char *at = xc_buf_reserve(out, room);

	if (!at)
		xc_out_of_memory();
	xc_err_quote(text, at, room);
	xc_buf_grow_by(out, strlen(at));
}
