/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/internal.h"

/* The ready buffer that goes first; NULL if none has anything to take. */
static struct xc_fetch_buffer *find_ready(struct xc_fetch *fetch)
{
	struct xc_fetch_buffer *best = NULL;

	for (uint32_t i = 0; i < fetch->buffer_count; i++) {
		struct xc_fetch_buffer *buffer = &fetch->buffers[i];

		if (buffer->state != BUFFER_READY || buffer->taken == buffer->count)
			continue;
		if (!best || buffer->priority > best->priority ||
		    (buffer->priority == best->priority && buffer->sequence < best->sequence))
			best = buffer;
	}
	return best;
}

static const struct xc_segment *next_segment(const struct xc_fetch_buffer *buffer)
{
	const struct xc_fetch_pack *pack = &buffer->fetch->opts.packs[buffer->range.pack];

	return &pack->segments[buffer->segments[buffer->taken]];
}

/* The buffer whose next segment is to be worked on; NULL if there is nothing, or no memory. */
static struct xc_fetch_buffer *find_work(struct xc_fetch *fetch)
{
	struct xc_fetch_buffer *buffer = xc_fetch_gives_up(fetch) ? NULL : find_ready(fetch);

	return buffer && xc_fetch_fits_extra(fetch, next_segment(buffer)->raw_bytes) ? buffer
										     : NULL;
}

/* Without somebody who wants the content the check is enough. Without the mutex. */
static int decode_once(struct xc_fetch_worker *worker, const struct xc_segment *segment,
		       const char *stored, const char **ret_raw, struct xc_err *err)
{
	return worker->fetch->opts.consume
		       ? xc_segment_decode(worker->decoder, segment, stored, ret_raw, err)
		       : xc_segment_check(worker->decoder, segment, stored, err);
}

/*
 * Bytes that are not what the index says may have been spoilt on their way:
 * the store is asked once more for this segment alone, into the same place.
 * Without the mutex.
 */
static int decode(struct xc_fetch_worker *worker, struct xc_segment_ref ref, char *stored,
		  const char **ret_raw, struct xc_err *err)
{
	const struct xc_fetch_pack *pack = &worker->fetch->opts.packs[ref.pack];
	const struct xc_segment *segment = &pack->segments[ref.segment];

	if (decode_once(worker, segment, stored, ret_raw, err) == 0)
		return 0;
	if (err->kind == XC_ERR_CORRUPT &&
	    xc_store_read_wait(worker->fetch->opts.store, pack->name, segment->offset, stored,
			       segment->stored_bytes, err) == 0 &&
	    decode_once(worker, segment, stored, ret_raw, err) == 0)
		return 0;
	return xc_err_wrap(err, "pack %s", pack->id);
}

/* Without the mutex. */
static int consume(struct xc_fetch_worker *worker, const struct xc_fetch_buffer *buffer,
		   struct xc_segment_ref ref, struct xc_err *err)
{
	const struct xc_fetch_opts *opts = &worker->fetch->opts;
	const struct xc_segment *segment = &opts->packs[ref.pack].segments[ref.segment];
	struct xc_fetched fetched = { .ref = ref, .worker = worker->number };
	int result;

	if (decode(worker, ref, buffer->data + (segment->offset - buffer->range.offset),
		   &fetched.raw, err) < 0)
		return -1;
	if (!opts->consume)
		return 0;
	result = opts->consume(opts->context, &fetched, err);
	xc_segment_decoder_trim(worker->decoder);
	return result;
}

/* The mutex is let go meanwhile. */
static void work_on_next(struct xc_fetch_worker *worker, struct xc_fetch_buffer *buffer)
{
	struct xc_fetch *fetch = worker->fetch;
	size_t raw_bytes = next_segment(buffer)->raw_bytes;
	struct xc_segment_ref ref = { buffer->range.pack, buffer->segments[buffer->taken++] };
	struct xc_err err;
	int result;

	*xc_fetch_state(fetch, ref) = SEGMENT_WORKING;
	xc_fetch_take_extra(fetch, raw_bytes);
	pthread_mutex_unlock(&fetch->mutex);
	result = consume(worker, buffer, ref, &err);
	pthread_mutex_lock(&fetch->mutex);
	*xc_fetch_state(fetch, ref) = result < 0 ? SEGMENT_IDLE : SEGMENT_DONE;
	xc_fetch_give_extra(fetch, raw_bytes);
	xc_fetch_segment_left(buffer);
	if (result < 0)
		xc_fetch_segment_failed(fetch, ref, &err);
	pthread_cond_broadcast(&fetch->changed);
}

static void run_shift(struct xc_job *job, void *context)
{
	struct xc_fetch_shift *shift = (struct xc_fetch_shift *)job;
	struct xc_fetch_worker *worker = context;
	struct xc_fetch *fetch = worker->fetch;
	struct xc_fetch_buffer *buffer;

	pthread_mutex_lock(&fetch->mutex);
	while ((buffer = find_work(fetch)) != NULL) {
		work_on_next(worker, buffer);
		/* A thread that waits, and works here itself, looks after the reads in between. */
		if (fetch->threads == 1)
			break;
	}
	shift->at_work = false;
	pthread_mutex_unlock(&fetch->mutex);
}

bool xc_fetch_wake_worker(struct xc_fetch *fetch)
{
	struct xc_fetch_shift *shift = NULL;

	for (unsigned i = 0; !shift && i < fetch->threads; i++)
		if (!fetch->shifts[i].at_work)
			shift = &fetch->shifts[i];
	if (!shift || !find_work(fetch))
		return false;
	shift->at_work = true;
	pthread_mutex_unlock(&fetch->mutex);
	/* It has run, but the pool may still hold it. */
	xc_pool_wait(fetch->pool, &shift->job);
	xc_pool_submit(fetch->pool, &shift->job);
	pthread_mutex_lock(&fetch->mutex);
	return true;
}

void xc_fetch_start_workers(struct xc_fetch *fetch)
{
	fetch->workers = xc_calloc(fetch->threads, sizeof(*fetch->workers));
	fetch->contexts = xc_calloc(fetch->threads, sizeof(*fetch->contexts));
	fetch->shifts = xc_calloc(fetch->threads, sizeof(*fetch->shifts));
	for (unsigned i = 0; i < fetch->threads; i++) {
		fetch->shifts[i].job.run = run_shift;
		fetch->workers[i] = (struct xc_fetch_worker){
			.fetch = fetch,
			.number = i,
			.decoder = xc_segment_decoder_new(),
		};
		fetch->contexts[i] = &fetch->workers[i];
	}
	fetch->pool = xc_pool_new(fetch->threads, XC_POOL_FIFO, fetch->contexts);
}

void xc_fetch_end_workers(struct xc_fetch *fetch)
{
	xc_pool_free(fetch->pool);
	for (unsigned i = 0; i < fetch->threads; i++)
		xc_segment_decoder_free(fetch->workers[i].decoder);
	free(fetch->workers);
	free(fetch->contexts);
	free(fetch->shifts);
}
