/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/internal.h"

#include <errno.h>

_Static_assert(SHARED_BYTES_MAX - XC_FETCH_TAKEN_MAX >= BUFFERED_BYTES_MIN + WORKER_BYTES,
	       "no room for a worker");

static size_t extra_of(size_t raw_bytes)
{
	return raw_bytes - XC_MIN(raw_bytes, XC_SEGMENT_USUAL_BYTES);
}

void xc_fetch_share_memory(struct xc_fetch *fetch)
{
	const struct xc_fetch_opts *opts = &fetch->opts;
	size_t bytes = XC_MIN(FETCH_BYTES_MAX, SHARED_BYTES_MAX - (size_t)opts->taken_bytes);
	size_t fitting = (bytes - BUFFERED_BYTES_MIN) / WORKER_BYTES;

	fetch->threads = XC_MIN(opts->threads, (unsigned)FETCH_THREADS_MAX);
	fetch->threads = XC_MAX(XC_MIN(fetch->threads, (unsigned)fitting), 1u);
	fetch->most_bytes = XC_MIN(bytes - fetch->threads * WORKER_BYTES, BUFFERED_BYTES_MAX);
	for (uint32_t i = 0; i < opts->pack_count; i++)
		for (uint32_t k = 0; k < opts->packs[i].segment_count; k++)
			fetch->longest_extra_bytes =
				XC_MAX(fetch->longest_extra_bytes,
				       extra_of(opts->packs[i].segments[k].raw_bytes));
}

static struct xc_fetch_buffer *find_free(struct xc_fetch *fetch)
{
	for (uint32_t i = 0; i < fetch->buffer_count; i++)
		if (fetch->buffers[i].state == BUFFER_FREE)
			return &fetch->buffers[i];
	return NULL;
}

static void drop_data(struct xc_fetch_buffer *buffer)
{
	free(STEAL_PTR(buffer->data));
	buffer->fetch->used_bytes -= buffer->capacity_bytes;
	buffer->capacity_bytes = 0;
}

/* Whether `bytes` more fit, if need be in the place of buffers that are free. */
static bool fits(struct xc_fetch *fetch, size_t bytes)
{
	for (uint32_t i = 0;
	     fetch->used_bytes + bytes > fetch->most_bytes && i < fetch->buffer_count; i++)
		if (fetch->buffers[i].state == BUFFER_FREE)
			drop_data(&fetch->buffers[i]);
	return fetch->used_bytes + bytes <= fetch->most_bytes;
}

/* Buffers that are not free. */
static uint32_t count_busy(const struct xc_fetch *fetch)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < fetch->buffer_count; i++)
		count += fetch->buffers[i].state != BUFFER_FREE;
	return count;
}

bool xc_fetch_fits_extra(struct xc_fetch *fetch, size_t raw_bytes)
{
	size_t bytes = extra_of(raw_bytes);

	/* Reads leave room for one of the longest. */
	return bytes == 0 || fetch->extra_bytes == 0 || fits(fetch, bytes);
}

void xc_fetch_take_extra(struct xc_fetch *fetch, size_t raw_bytes)
{
	fetch->used_bytes += extra_of(raw_bytes);
	fetch->extra_bytes += extra_of(raw_bytes);
}

void xc_fetch_give_extra(struct xc_fetch *fetch, size_t raw_bytes)
{
	fetch->used_bytes -= extra_of(raw_bytes);
	fetch->extra_bytes -= extra_of(raw_bytes);
}

/* Memory for a range: 1 if there is, 0 if it has to wait, -1 if the machine has none. */
static int reserve(struct xc_fetch_buffer *buffer, size_t length, struct xc_err *err)
{
	struct xc_fetch *fetch = buffer->fetch;
	size_t kept_bytes =
		fetch->longest_extra_bytes - XC_MIN(fetch->longest_extra_bytes, fetch->extra_bytes);

	if (length <= buffer->capacity_bytes)
		return 1;
	drop_data(buffer);
	/* What is longer than all that there is goes alone. */
	if (!fits(fetch, length + kept_bytes) && count_busy(fetch) > 0)
		return 0;
	buffer->data = malloc(length);
	if (!buffer->data) {
		xc_err_sys(err, ENOMEM, "a buffer of %zu bytes", length);
		return -1;
	}
	buffer->capacity_bytes = length;
	fetch->used_bytes += length;
	return 1;
}

static void free_buffer(struct xc_fetch_buffer *buffer)
{
	buffer->state = BUFFER_FREE;
	pthread_cond_broadcast(&buffer->fetch->changed);
}

static struct xc_segment_ref ref_at(const struct xc_fetch_buffer *buffer, uint32_t i)
{
	return (struct xc_segment_ref){ buffer->range.pack, buffer->segments[i] };
}

void xc_fetch_segment_left(struct xc_fetch_buffer *buffer)
{
	if (--buffer->left == 0)
		free_buffer(buffer);
}

/* What nobody works on yet may be asked for again. */
static void drop_all(struct xc_fetch_buffer *buffer)
{
	uint32_t taken = buffer->taken;

	buffer->taken = buffer->count;
	for (uint32_t i = taken; i < buffer->count; i++)
		*xc_fetch_state(buffer->fetch, ref_at(buffer, i)) = SEGMENT_IDLE;
	buffer->left -= buffer->count - taken;
	if (buffer->left == 0)
		free_buffer(buffer);
}

static bool is_any_wanted(const struct xc_fetch_buffer *buffer)
{
	for (uint32_t i = buffer->taken; i < buffer->count; i++)
		if (xc_fetch_is_wanted(buffer->fetch, ref_at(buffer, i)))
			return true;
	return buffer->taken == buffer->count;
}

/* What came ahead is its owner's to end. */
static void cancel_read(struct xc_fetch_buffer *buffer)
{
	buffer->canceled = true;
	if (!buffer->range.head)
		xc_store_read_cancel(buffer->fetch->opts.store, &buffer->read);
}

void xc_fetch_drop_unwanted(struct xc_fetch *fetch)
{
	for (uint32_t i = 0; i < fetch->buffer_count; i++) {
		struct xc_fetch_buffer *buffer = &fetch->buffers[i];

		if (buffer->state == BUFFER_FREE || buffer->canceled || is_any_wanted(buffer))
			continue;
		if (buffer->state == BUFFER_READY) {
			drop_all(buffer);
		} else {
			/* It is dropped once the store has let it go. */
			cancel_read(buffer);
		}
	}
}

static void note_failure(struct xc_fetch_buffer *buffer, const struct xc_err *err)
{
	struct xc_fetch *fetch = buffer->fetch;
	uint32_t count = buffer->count;

	for (uint32_t i = 0; i < count; i++)
		xc_fetch_segment_failed(fetch, ref_at(buffer, i), err);
}

/* By the store, on any thread; takes the mutex. */
static void read_done(struct xc_store_read *read, int result)
{
	struct xc_fetch_buffer *buffer = read->owner;
	struct xc_fetch *fetch = buffer->fetch;

	pthread_mutex_lock(&fetch->mutex);
	fetch->reading--;
	buffer->state = BUFFER_READY;
	if (result == 0)
		fetch->fetched_bytes += buffer->range.length;
	else if (!buffer->canceled)
		note_failure(buffer, &read->err);
	if (result < 0 || (buffer->canceled && !is_any_wanted(buffer))) {
		drop_all(buffer);
		/* Somebody may have begun to wait for a read that was canceled before. */
		xc_fetch_recheck(fetch);
	}
	pthread_cond_broadcast(&fetch->changed);
	pthread_mutex_unlock(&fetch->mutex);
}

/* The mutex is let go while the store is asked. */
static void start_read(struct xc_fetch_buffer *buffer)
{
	struct xc_fetch *fetch = buffer->fetch;
	const struct xc_fetch_pack *pack = &fetch->opts.packs[buffer->range.pack];

	buffer->state = BUFFER_READING;
	buffer->sequence = fetch->sequence++;
	fetch->reading++;
	if (buffer->range.head) {
		drop_data(buffer);
		buffer->capacity_bytes = buffer->range.length;
		fetch->used_bytes += buffer->capacity_bytes;
		fetch->head_taken[buffer->range.pack] = true;
		pthread_mutex_unlock(&fetch->mutex);
		xc_readahead_take(pack->head, &buffer->data, buffer, read_done);
	} else {
		buffer->read = (struct xc_store_read){
			.name = pack->name,
			.offset = buffer->range.offset,
			.length = buffer->range.length,
			.buffer = buffer->data,
			.priority = buffer->priority,
			.owner = buffer,
			.done = read_done,
		};
		pthread_mutex_unlock(&fetch->mutex);
		xc_store_read(fetch->opts.store, &buffer->read);
	}
	pthread_mutex_lock(&fetch->mutex);
}

/* The most urgent request that has something to read, and what. */
static struct xc_fetch_request *find_next(struct xc_fetch *fetch, struct xc_range *ret_range)
{
	struct xc_fetch_request *best = NULL;
	struct xc_range range;

	for (struct xc_fetch_request *request = fetch->active; request; request = request->next)
		if ((!best || request->priority > best->priority) &&
		    xc_fetch_next_range(fetch, request, &range)) {
			best = request;
			*ret_range = range;
		}
	return best;
}

static bool is_any_more_urgent(const struct xc_fetch *fetch, enum xc_priority priority)
{
	for (const struct xc_fetch_request *request = fetch->active; request;
	     request = request->next)
		if (request->priority > priority)
			return true;
	return false;
}

/* So much on the wire is not to be added to while somebody waits for something else. */
static bool is_any_read_so(const struct xc_fetch *fetch, enum xc_priority priority)
{
	for (uint32_t i = 0; i < fetch->buffer_count; i++)
		if (fetch->buffers[i].state == BUFFER_READING &&
		    fetch->buffers[i].priority <= priority)
			return true;
	return false;
}

static bool may_read(const struct xc_fetch *fetch, enum xc_priority priority)
{
	uint32_t most = fetch->opts.store->read_concurrency +
			(priority == XC_PRIORITY_URGENT ? URGENT_BUFFERS : 0);

	return count_busy(fetch) < most &&
	       (!is_any_more_urgent(fetch, priority) || !is_any_read_so(fetch, priority));
}

bool xc_fetch_read_next(struct xc_fetch *fetch)
{
	struct xc_fetch_buffer *buffer = find_free(fetch);
	struct xc_fetch_request *request;
	struct xc_range range;
	struct xc_err err;
	int reserved;

	if (!buffer || xc_fetch_gives_up(fetch))
		return false;
	request = find_next(fetch, &range);
	if (!request || !may_read(fetch, request->priority))
		return false;
	reserved = range.head ? 1 : reserve(buffer, range.length, &err);
	if (reserved < 0) {
		xc_fetch_fail(request, &err);
		return true;
	}
	if (reserved == 0)
		return false;
	xc_fetch_fill_buffer(buffer, request, &range);
	request->next_ref = range.next_ref;
	start_read(buffer);
	return true;
}

void xc_fetch_make_buffers(struct xc_fetch *fetch)
{
	fetch->buffer_count = fetch->opts.store->read_concurrency + URGENT_BUFFERS;
	fetch->buffers = xc_calloc(fetch->buffer_count, sizeof(*fetch->buffers));
	for (uint32_t i = 0; i < fetch->buffer_count; i++)
		fetch->buffers[i].fetch = fetch;
}

void xc_fetch_end_reads(struct xc_fetch *fetch)
{
	for (uint32_t i = 0; i < fetch->buffer_count; i++)
		if (fetch->buffers[i].state == BUFFER_READING && !fetch->buffers[i].canceled)
			cancel_read(&fetch->buffers[i]);
	while (fetch->reading > 0)
		pthread_cond_wait(&fetch->changed, &fetch->mutex);
}

void xc_fetch_make_urgent(struct xc_fetch *fetch, struct xc_segment_ref ref,
			  enum xc_priority priority)
{
	for (uint32_t i = 0; i < fetch->buffer_count; i++) {
		struct xc_fetch_buffer *buffer = &fetch->buffers[i];

		for (uint32_t k = buffer->taken;
		     buffer->state != BUFFER_FREE && buffer->range.pack == ref.pack &&
		     k < buffer->count;
		     k++)
			if (buffer->segments[k] == ref.segment)
				buffer->priority = XC_MAX(buffer->priority, priority);
	}
}

void xc_fetch_free_buffers(struct xc_fetch *fetch)
{
	for (uint32_t i = 0; i < fetch->buffer_count; i++) {
		free(fetch->buffers[i].data);
		free(fetch->buffers[i].segments);
	}
	free(fetch->buffers);
}
