/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells people on standard error how far a long operation is: a live line on
 * a terminal, else a line every few seconds. Start before the operation and
 * stop before printing anything else.
 *
 * The reporter has a thread of its own that only reads the counters.
 */
#ifndef XC_REPORT_PROGRESS_H
#define XC_REPORT_PROGRESS_H

#include "base/buf.h"
#include "base/progress.h"

struct xc_reporter;

/* `progress` is borrowed until the reporter was stopped. Never fails: at worst it stays silent. */
struct xc_reporter *xc_reporter_start(const struct xc_progress *progress);

/* Clears the live line and ends the thread. NULL is allowed. */
void xc_reporter_stop(struct xc_reporter *reporter);

/* The counters at one moment, and for how long the phase has been going on. */
struct xc_progress_view {
	enum xc_phase phase;
	uint64_t phase_ms;
	uint64_t members_done, members_total;
	uint64_t raw_bytes_done, raw_bytes_total;
};

/*
 * Append "Saving 42%  4,400 of 10,544 files  312 MB of 733 MB  650 MB/s  2 s left",
 * with `gap` between the parts, and of the parts only as many as fit into
 * `width` columns. What is not known is left out.
 */
void xc_progress_describe(const struct xc_progress_view *view, const char *gap, size_t width,
			  struct xc_buf *out);

#endif
