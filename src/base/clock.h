/* SPDX-License-Identifier: Apache-2.0 */
/* The time that only goes forward, for durations and deadlines, and that of the calendar. */
#ifndef XC_BASE_CLOCK_H
#define XC_BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds of the monotonic clock (clock_gettime(2)). */
uint64_t xc_clock_ms(void);

/* Nanoseconds since 1970. Others may set this clock, back too. */
int64_t xc_clock_now_ns(void);

#endif
