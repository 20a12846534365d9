/* SPDX-License-Identifier: Apache-2.0 */
/* The time that only goes forward, for durations and deadlines, and that of the calendar. */
#ifndef XC_BASE_CLOCK_H
#define XC_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Milliseconds of the monotonic clock (clock_gettime(2)). */
static inline uint64_t xc_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Nanoseconds since 1970. Others may set this clock, back too. */
static inline int64_t xc_clock_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

#endif
