/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long to wait before another attempt. Pure: the time is an argument.
 *
 * Waits are a random part of a bound that doubles ("full jitter": AWS
 * Architecture Blog, "Exponential Backoff And Jitter"). Each retry also takes
 * tokens from a bucket that successes fill again; while it is empty, the
 * bound is the highest from the start: a server that fails everywhere is left
 * in peace, and one that comes back is still found.
 */
#ifndef XC_HTTP_RETRY_H
#define XC_HTTP_RETRY_H

#include <stdbool.h>

#include "base/compiler.h"

#define XC_RETRY_WAIT_MS_MAX 20000
/* Without tokens each wait is drawn from this: a server that is gone for good is known in 40 s. */
#define XC_RETRY_EMPTY_MS_MAX 5000
/* A server may ask for no more: eight times that is long for a cache. */
#define XC_RETRY_ASKED_MS_MAX   20000
#define XC_RETRY_TOKENS         500
#define XC_RETRY_COST_TRANSPORT 10
#define XC_RETRY_COST_STATUS    5

struct xc_retry {
	unsigned backoff_ms;
	unsigned tokens;
	uint64_t random; /* never 0 */
};

void xc_retry_init(struct xc_retry *retry, unsigned backoff_ms, uint64_t seed);

/* The wait before the next attempt after `attempts` that failed (at least 1). */
uint64_t xc_retry_wait_ms(struct xc_retry *retry, unsigned attempts, unsigned cost);

/* A request succeeded; `cost` is what its last retry took, 0 if it needed none. */
void xc_retry_succeeded(struct xc_retry *retry, unsigned cost);

/*
 * The value of a Retry-After header (RFC 9110, 10.2.3), seconds or a date, in
 * milliseconds from now; 0 for nonsense and for the past.
 */
uint64_t xc_retry_after_ms(const char *value, int64_t now_seconds);

#endif
