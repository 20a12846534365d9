/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers as people read them. Every function writes into `out`, which holds
 * XC_HUMAN_MAX bytes, and returns it; the macros give it room that lives
 * until the end of the calling statement's block.
 */
#ifndef XC_BASE_HUMAN_H
#define XC_BASE_HUMAN_H

#include "base/buf.h"
#include "base/compiler.h"

#define XC_HUMAN_MAX 48

/* SI units and three significant digits: "0 B", "1.50 kB", "733 MB". */
const char *xc_human_size(uint64_t bytes, char *out);

/*
 * A size as people write it: "1000", "500M", "1.5 GB", "20GiB". K, M, G and T are
 * powers of 1000, as above, with an "i" of 1024. -1 for anything else.
 */
int xc_human_parse_size(const char *text, uint64_t *ret_bytes) XC_CHECK;

/* "105,449". */
const char *xc_human_count(uint64_t count, char *out);

/* "1 file", "2,000 files": `one` and `many` are the noun, at most 20 bytes each. */
const char *xc_human_counted(uint64_t count, const char *one, const char *many, char *out);

/* "12 ms", "1.1 s", "2 min 5 s", "1 h 2 min". */
const char *xc_human_duration(uint64_t duration_ms, char *out);

/* "666 MB/s". No time at all counts as a millisecond. */
const char *xc_human_rate(uint64_t bytes, uint64_t duration_ms, char *out);

/* How many times smaller: "6.2x". Nothing stored gives "1.0x". */
const char *xc_human_ratio(uint64_t bytes, uint64_t stored_bytes, char *out);

/* One coarse unit: "5 s", "3 min", "7 h", "12 days", "4 months", "2 years". Below 0 is 0. */
const char *xc_human_age(int64_t age_s, char *out);

/* Local time, "2026-11-21 03:12"; "@<seconds>" if no calendar has it. */
const char *xc_human_time(int64_t time_s, char *out);

#define XC_HUMAN_ROOM         ((char[XC_HUMAN_MAX]){ 0 })
#define XC_SIZE(bytes)        xc_human_size((bytes), XC_HUMAN_ROOM)
#define XC_COUNT(count)       xc_human_count((count), XC_HUMAN_ROOM)
#define XC_COUNTED(n, o, m)   xc_human_counted((n), (o), (m), XC_HUMAN_ROOM)
#define XC_DURATION(ms)       xc_human_duration((ms), XC_HUMAN_ROOM)
#define XC_RATE(bytes, ms)    xc_human_rate((bytes), (ms), XC_HUMAN_ROOM)
#define XC_RATIO(raw, stored) xc_human_ratio((raw), (stored), XC_HUMAN_ROOM)
#define XC_AGE(seconds)       xc_human_age((seconds), XC_HUMAN_ROOM)
#define XC_TIME(seconds)      xc_human_time((seconds), XC_HUMAN_ROOM)

/* Append `text`, however long, made safe for a terminal as xc_err_quote does. */
void xc_human_quote(const char *text, struct xc_buf *out);

#endif
