/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/fetch.h"

#include <string.h>
#include <time.h>

#include "fetch/internal.h"

struct xc_fetch *xc_fetch_new(const struct xc_fetch_opts *opts)
{
	struct xc_fetch *fetch = xc_calloc(1, sizeof(*fetch));

	fetch->opts = *opts;
	pthread_mutex_init(&fetch->mutex, NULL);
	pthread_cond_init(&fetch->changed, NULL);
	fetch->states = xc_calloc(opts->pack_count, sizeof(*fetch->states));
	fetch->head_taken = xc_calloc(opts->pack_count, sizeof(*fetch->head_taken));
	for (uint32_t i = 0; i < opts->pack_count; i++)
		fetch->states[i] = xc_calloc(opts->packs[i].segment_count, 1);
	xc_fetch_share_memory(fetch);
	xc_fetch_make_buffers(fetch);
	xc_fetch_start_workers(fetch);
	return fetch;
}

void xc_fetch_free(struct xc_fetch *fetch)
{
	if (!fetch)
		return;
	pthread_mutex_lock(&fetch->mutex);
	fetch->ending = true;
	xc_fetch_end_reads(fetch);
	pthread_mutex_unlock(&fetch->mutex);
	xc_fetch_end_workers(fetch);
	xc_fetch_free_buffers(fetch);
	for (uint32_t i = 0; i < fetch->opts.pack_count; i++)
		free(fetch->states[i]);
	free(fetch->states);
	free(fetch->head_taken);
	pthread_cond_destroy(&fetch->changed);
	pthread_mutex_destroy(&fetch->mutex);
	free(fetch);
}

unsigned xc_fetch_threads(const struct xc_fetch *fetch)
{
	return fetch->threads;
}

uint64_t xc_fetch_bytes(struct xc_fetch *fetch)
{
	uint64_t bytes;

	pthread_mutex_lock(&fetch->mutex);
	bytes = fetch->fetched_bytes;
	pthread_mutex_unlock(&fetch->mutex);
	return bytes;
}

bool xc_fetch_gives_up(const struct xc_fetch *fetch)
{
	return fetch->ending || xc_cancel_requested(fetch->opts.cancel);
}

/* --- requests --- */

struct xc_fetch_request *xc_fetch_start(struct xc_fetch *fetch, const struct xc_segment_ref *refs,
					size_t count, enum xc_priority priority)
{
	struct xc_fetch_request *request = xc_calloc(1, sizeof(*request));
	struct xc_fetch_request **end = &fetch->active;

	request->fetch = fetch;
	request->refs = xc_calloc(count, sizeof(*refs));
	if (count > 0)
		memcpy(request->refs, refs, count * sizeof(*refs));
	request->count = count;
	request->priority = priority;
	pthread_mutex_lock(&fetch->mutex);
	while (*end)
		end = &(*end)->next;
	*end = request;
	if (priority == XC_PRIORITY_URGENT)
		for (size_t i = 0; i < count; i++)
			if (*xc_fetch_state(fetch, refs[i]) == SEGMENT_BUFFERED)
				xc_fetch_make_urgent(fetch, refs[i], priority);
	/* Those who wait for others work for this one, too. */
	pthread_cond_broadcast(&fetch->changed);
	pthread_mutex_unlock(&fetch->mutex);
	return request;
}

/* Takes a request from those that are worked for. */
static void end_request(struct xc_fetch_request *request)
{
	struct xc_fetch *fetch = request->fetch;
	struct xc_fetch_request **link = &fetch->active;

	request->over = true;
	while (*link != request)
		link = &(*link)->next;
	*link = request->next;
	pthread_cond_broadcast(&fetch->changed);
}

void xc_fetch_fail(struct xc_fetch_request *request, const struct xc_err *err)
{
	request->err = *err;
	end_request(request);
	xc_fetch_drop_unwanted(request->fetch);
}

static bool wants(const struct xc_fetch_request *request, struct xc_segment_ref ref)
{
	for (size_t i = request->consumed; i < request->count; i++)
		if (request->refs[i].pack == ref.pack && request->refs[i].segment == ref.segment)
			return true;
	return false;
}

bool xc_fetch_is_wanted(const struct xc_fetch *fetch, struct xc_segment_ref ref)
{
	for (const struct xc_fetch_request *request = fetch->active; request;
	     request = request->next)
		if (wants(request, ref))
			return true;
	return false;
}

void xc_fetch_segment_failed(struct xc_fetch *fetch, struct xc_segment_ref ref,
			     const struct xc_err *err)
{
	struct xc_fetch_request *next;

	for (struct xc_fetch_request *request = fetch->active; request; request = next) {
		next = request->next;
		if (wants(request, ref))
			xc_fetch_fail(request, err);
	}
}

void xc_fetch_recheck(struct xc_fetch *fetch)
{
	for (struct xc_fetch_request *request = fetch->active; request; request = request->next)
		request->next_ref = request->consumed;
}

void xc_fetch_cancel(struct xc_fetch_request *request)
{
	struct xc_fetch *fetch = request->fetch;
	struct xc_err err;

	xc_err_set(&err, XC_ERR_CANCELED, "the request was canceled");
	pthread_mutex_lock(&fetch->mutex);
	if (!request->over)
		xc_fetch_fail(request, &err);
	pthread_mutex_unlock(&fetch->mutex);
}

void xc_fetch_request_free(struct xc_fetch_request *request)
{
	if (!request)
		return;
	xc_fetch_cancel(request);
	free(request->refs);
	free(request);
}

/* --- waiting --- */

/* Whether a request is over, be it that its last segment was consumed just now. */
static bool is_over(struct xc_fetch_request *request)
{
	struct xc_fetch *fetch = request->fetch;

	if (request->over)
		return true;
	while (request->consumed < request->count &&
	       *xc_fetch_state(fetch, request->refs[request->consumed]) == SEGMENT_DONE)
		request->consumed++;
	if (request->consumed < request->count)
		return false;
	end_request(request);
	return true;
}

/* A signal only sets a flag, so look at it now and then. */
static void wait_for_change(struct xc_fetch *fetch)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 100000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	pthread_cond_timedwait(&fetch->changed, &fetch->mutex, &until);
}

int xc_fetch_wait(struct xc_fetch_request *request, struct xc_err *err)
{
	struct xc_fetch *fetch = request->fetch;
	int result = 0;

	pthread_mutex_lock(&fetch->mutex);
	while (!is_over(request) && !xc_fetch_gives_up(fetch))
		if (!xc_fetch_wake_worker(fetch) && !xc_fetch_read_next(fetch))
			wait_for_change(fetch);
	if (request->err.kind != XC_ERR_NONE) {
		*err = request->err;
		result = -1;
	} else if (!request->over) {
		result = xc_err_set(err, XC_ERR_CANCELED, "interrupted");
	}
	pthread_mutex_unlock(&fetch->mutex);
	return result;
}

int xc_fetch_run(struct xc_fetch *fetch, const struct xc_segment_ref *refs, size_t count,
		 enum xc_priority priority, struct xc_err *err)
{
	struct xc_fetch_request *request = xc_fetch_start(fetch, refs, count, priority);
	int result = xc_fetch_wait(request, err);

	xc_fetch_request_free(request);
	return result;
}

int xc_fetch_segment(struct xc_fetch *fetch, struct xc_segment_ref ref, struct xc_err *err)
{
	return xc_fetch_run(fetch, &ref, 1, XC_PRIORITY_URGENT, err);
}
