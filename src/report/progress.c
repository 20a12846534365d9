/* SPDX-License-Identifier: Apache-2.0 */
#include "report/progress.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/human.h"
#include "report/table.h"

#define REDRAW_MS       100
#define LOG_LINE_MS     5000
#define ESTIMATE_MIN_MS 1000
#define COLUMNS_DEFAULT 80

struct xc_reporter {
	const struct xc_progress *progress;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stop; /* under the lock */
	bool live; /* a terminal whose line can be redrawn */
	bool drawn;
	enum xc_phase phase;
	uint64_t phase_start_ms;
};

static const char *phase_name(enum xc_phase phase)
{
	switch (phase) {
	case XC_PHASE_LOOKUP:
		return "Looking up";
	case XC_PHASE_SCAN:
		return "Scanning";
	case XC_PHASE_COMPARE:
		return "Comparing";
	case XC_PHASE_PACK:
		return "Saving";
	case XC_PHASE_EXTRACT:
		return "Restoring";
	case XC_PHASE_VERIFY:
		return "Verifying";
	case XC_PHASE_FINISH:
		return "Finishing";
	}
	return "Working";
}

/* The line so far and what may still be added to it. */
struct line {
	struct xc_buf *out;
	const char *gap;
	size_t width, used;
	size_t parts;
};

static void add_part(struct line *line, const char *text)
{
	/* The name of the phase is no part of the list that follows it. */
	const char *gap = line->parts == 0 ? "" : line->parts == 1 ? " " : line->gap;
	size_t need = strlen(gap) + xc_table_width(text);

	if (need > line->width - line->used) {
		line->width = line->used;
		return;
	}
	xc_buf_addf(line->out, "%s%s", gap, text);
	line->used += need;
	line->parts++;
}

static void add_estimate(struct line *line, const struct xc_progress_view *view, double fraction)
{
	char part[2 * XC_HUMAN_MAX];

	if (view->phase_ms < ESTIMATE_MIN_MS || fraction < 0.02 || fraction >= 1)
		return;
	/* Whole seconds: more digits would only flicker. */
	snprintf(part, sizeof(part), "%s left",
		 XC_AGE((int64_t)((double)view->phase_ms / 1000 * (1 - fraction) / fraction) + 1));
	add_part(line, part);
}

static void add_counters(struct line *line, const struct xc_progress_view *view)
{
	char part[2 * XC_HUMAN_MAX + 16];

	if (view->members_total > 0) {
		snprintf(part, sizeof(part), "%s of %s files and dirs",
			 XC_COUNT(view->members_done), XC_COUNT(view->members_total));
		add_part(line, part);
	} else if (view->members_done > 0) {
		add_part(line, XC_COUNTED(view->members_done, "file", "files and dirs"));
	}
	if (view->raw_bytes_total == 0)
		return;
	snprintf(part, sizeof(part), "%s of %s", XC_SIZE(view->raw_bytes_done),
		 XC_SIZE(view->raw_bytes_total));
	add_part(line, part);
	if (view->raw_bytes_done > 0)
		add_part(line, XC_RATE(view->raw_bytes_done, view->phase_ms));
}

void xc_progress_describe(const struct xc_progress_view *view, const char *gap, size_t width,
			  struct xc_buf *out)
{
	struct line line = { .out = out, .gap = gap, .width = width };
	bool counts = view->phase == XC_PHASE_COMPARE || view->phase == XC_PHASE_PACK ||
		      view->phase == XC_PHASE_EXTRACT;
	double fraction = 0;
	char percent[8];

	if (view->raw_bytes_total > 0)
		fraction = (double)view->raw_bytes_done / (double)view->raw_bytes_total;
	else if (view->members_total > 0)
		fraction = (double)view->members_done / (double)view->members_total;
	fraction = fraction > 1 ? 1 : fraction;
	add_part(&line, phase_name(view->phase));
	if (!counts && view->phase != XC_PHASE_SCAN)
		return;
	if (counts && fraction > 0) {
		snprintf(percent, sizeof(percent), "%d%%", (int)(fraction * 100));
		add_part(&line, percent);
	}
	add_counters(&line, view);
	if (counts)
		add_estimate(&line, view, fraction);
}

static uint64_t load(const atomic_uint_fast64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static struct xc_progress_view take_view(struct xc_reporter *reporter)
{
	const struct xc_progress *progress = reporter->progress;
	enum xc_phase phase =
		(enum xc_phase)atomic_load_explicit(&progress->phase, memory_order_relaxed);
	uint64_t now = xc_clock_ms();

	if (phase != reporter->phase) {
		reporter->phase = phase;
		reporter->phase_start_ms = now;
	}
	return (struct xc_progress_view){
		.phase = phase,
		.phase_ms = now - reporter->phase_start_ms,
		.members_done = load(&progress->members_done),
		.members_total = load(&progress->members_total),
		.raw_bytes_done = load(&progress->raw_bytes_done),
		.raw_bytes_total = load(&progress->raw_bytes_total),
	};
}

static size_t terminal_columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return COLUMNS_DEFAULT;
	return size.ws_col;
}

/* One write per line, so that it does not mix with what others write. */
static void draw(struct xc_reporter *reporter, const struct xc_progress_view *view)
{
	cleanup_buf struct xc_buf text = XC_BUF_INIT;

	if (reporter->live) {
		xc_buf_add_char(&text, '\r');
		/* A letter in the last column would make some terminals wrap. */
		xc_progress_describe(view, "  ", terminal_columns() - 1, &text);
		xc_buf_add_str(&text, "\033[K");
	} else {
		xc_progress_describe(view, ", ", SIZE_MAX, &text);
		xc_buf_add_char(&text, '\n');
	}
	reporter->drawn = true;
	/* Nothing can be done for people who cannot be reached. */
	(void)!xc_fd_write_all(STDERR_FILENO, text.data, text.len_bytes);
}

static void wait_until(struct xc_reporter *reporter, uint64_t deadline_ms)
{
	struct timespec deadline = { .tv_sec = (time_t)(deadline_ms / 1000),
				     .tv_nsec = (long)(deadline_ms % 1000) * 1000000 };
	int result = 0;

	while (!reporter->stop && result == 0)
		result = pthread_cond_timedwait(&reporter->changed, &reporter->lock, &deadline);
}

static void *report(void *context)
{
	struct xc_reporter *reporter = context;
	uint64_t start_ms = xc_clock_ms(), next_line_ms = start_ms + LOG_LINE_MS;
	uint64_t deadline_ms = start_ms;

	reporter->phase_start_ms = start_ms;
	pthread_mutex_lock(&reporter->lock);
	for (;;) {
		struct xc_progress_view view;

		/* Without a terminal too: the rate needs to know when the phase began. */
		deadline_ms = XC_MAX(deadline_ms + REDRAW_MS, xc_clock_ms());
		wait_until(reporter, deadline_ms);
		if (reporter->stop)
			break;
		view = take_view(reporter);
		if (!reporter->live && xc_clock_ms() < next_line_ms)
			continue;
		draw(reporter, &view);
		next_line_ms += LOG_LINE_MS;
	}
	pthread_mutex_unlock(&reporter->lock);
	return NULL;
}

static bool is_live(void)
{
	const char *term = getenv("TERM");

	return isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}

struct xc_reporter *xc_reporter_start(const struct xc_progress *progress)
{
	struct xc_reporter *reporter = xc_calloc(1, sizeof(*reporter));
	pthread_condattr_t monotonic;

	reporter->progress = progress;
	reporter->live = is_live();
	pthread_mutex_init(&reporter->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&reporter->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (pthread_create(&reporter->thread, NULL, report, reporter) == 0)
		return reporter;
	pthread_cond_destroy(&reporter->changed);
	pthread_mutex_destroy(&reporter->lock);
	free(reporter);
	return NULL;
}

void xc_reporter_stop(struct xc_reporter *reporter)
{
	static const char clear[] = "\r\033[K";

	if (!reporter)
		return;
	pthread_mutex_lock(&reporter->lock);
	reporter->stop = true;
	pthread_cond_signal(&reporter->changed);
	pthread_mutex_unlock(&reporter->lock);
	pthread_join(reporter->thread, NULL);
	if (reporter->live && reporter->drawn)
		(void)!xc_fd_write_all(STDERR_FILENO, clear, sizeof(clear) - 1);
	pthread_cond_destroy(&reporter->changed);
	pthread_mutex_destroy(&reporter->lock);
	free(reporter);
}
