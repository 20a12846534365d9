/* SPDX-License-Identifier: Apache-2.0 */
#include "http/retry.h"

#include <string.h>

void xc_retry_init(struct xc_retry *retry, unsigned backoff_ms, uint64_t seed)
{
	*retry = (struct xc_retry){ .backoff_ms = backoff_ms,
				    .tokens = XC_RETRY_TOKENS,
				    .random = seed ? seed : 1 };
}

/* Marsaglia's xorshift64: spread is all that is asked of it. */
static uint64_t next_random(struct xc_retry *retry)
{
	retry->random ^= retry->random << 13;
	retry->random ^= retry->random >> 7;
	retry->random ^= retry->random << 17;
	return retry->random;
}

uint64_t xc_retry_wait_ms(struct xc_retry *retry, unsigned attempts, unsigned cost)
{
	unsigned doublings = XC_MIN(attempts - 1, 30U);
	uint64_t bound_ms =
		XC_MIN((uint64_t)XC_RETRY_WAIT_MS_MAX, (uint64_t)retry->backoff_ms << doublings);

	if (retry->tokens >= cost)
		retry->tokens -= cost;
	else
		bound_ms = XC_MAX(bound_ms, (uint64_t)XC_RETRY_EMPTY_MS_MAX);
	return next_random(retry) % (bound_ms + 1);
}

void xc_retry_succeeded(struct xc_retry *retry, unsigned cost)
{
	retry->tokens = XC_MIN(retry->tokens + (cost ? cost : 1), (unsigned)XC_RETRY_TOKENS);
}

/* "Sun, 06 Nov 1994 08:49:37 GMT", which is all that servers may still send; -1 for others. */
static int64_t read_date(const char *text)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct tm date = { 0 };
	char month[4];
	const char *found;
	int length = 0;

	if (sscanf(text, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n", &date.tm_mday, month,
		   &date.tm_year, &date.tm_hour, &date.tm_min, &date.tm_sec, &length) != 6 ||
	    length == 0 || text[length] != '\0')
		return -1;
	found = strstr(months, month);
	if (strlen(month) != 3 || !found || (found - months) % 3 != 0)
		return -1;
	date.tm_mon = (int)(found - months) / 3;
	date.tm_year -= 1900;
	return timegm(&date);
}

uint64_t xc_retry_after_ms(const char *value, int64_t now_seconds)
{
	size_t digits = strspn(value, "0123456789");
	int64_t wait_seconds = 0;

	if (digits > 0 && value[digits] == '\0')
		wait_seconds = digits > 6 ? INT32_MAX : strtol(value, NULL, 10);
	else
		wait_seconds = read_date(value) - now_seconds;
	if (wait_seconds <= 0)
		return 0;
	return XC_MIN((uint64_t)wait_seconds * 1000, (uint64_t)XC_RETRY_ASKED_MS_MAX);
}
