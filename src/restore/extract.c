/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/extract.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/pool.h"
#include "restore/ranges.h"

/*
 * A worker holds one decoded segment and the files it writes, a buffer one
 * range as stored: these bounds keep all of them below 256 MiB. Where
 * segments are longer than they are usually cut, or the members take a lot
 * for an entry of that size, fewer workers take part.
 */
#define EXTRACT_THREADS_MAX 14
#define WORKER_BYTES        ((size_t)1 << 20) /* beside the segment */
#define EXTRACT_BYTES_MAX   ((size_t)176 << 20)
#define SHARED_BYTES_MAX    ((size_t)224 << 20) /* with the indexes */
#define BUFFERED_BYTES_MIN  ((size_t)48 << 20)
#define BUFFERED_BYTES_MAX  ((size_t)128 << 20)

struct extract;

enum buffer_state { BUFFER_FREE, BUFFER_READING, BUFFER_READY, BUFFER_WORKING };

/* One range in memory. */
struct buffer {
	struct xc_store_read read;
	struct extract *extract;
	enum buffer_state state;
	const struct xc_range *range;
	char *data;
	size_t capacity_bytes;
	struct segment_job *jobs; /* one for each segment of the range */
	uint32_t job_count, job_capacity;
	uint32_t segments_left;
};

struct segment_job {
	struct xc_job job; /* first, so that the job leads here */
	struct buffer *buffer;
	uint32_t segment;
};

/* A stretch of the member table whose directories are finished. */
struct directories_job {
	struct xc_job job; /* first, so that the job leads here */
	uint32_t layer, first, end;
};

struct worker {
	struct extract *extract;
	struct xc_segment_decoder *decoder;
	/* For the layer worked on last: they come one after the other, and descriptors are few. */
	struct xc_place_worker *place;
	uint32_t layer;
};

struct extract {
	const struct xc_cache *cache;
	struct xc_extract_layer *layers;
	uint32_t layer_count;
	struct xc_ranges ranges;
	struct xc_pool *pool;
	struct buffer *buffers;
	uint32_t buffer_count;
	uint32_t busy_buffers; /* not free */
	atomic_bool failed;
	pthread_mutex_t mutex; /* of the buffers' states and of err */
	pthread_cond_t changed;
	size_t buffered_bytes;
	size_t buffered_bytes_max;
	uint64_t fetched_bytes;
	struct xc_err err;
};

bool xc_extract_is_alive(const struct xc_extract_layer *layer, uint32_t position)
{
	return !layer->dead || !(layer->dead[position / 8] & 1u << position % 8);
}

/* With the mutex held. */
static void fail_locked(struct extract *extract, const struct xc_err *err)
{
	if (!atomic_exchange(&extract->failed, true))
		extract->err = *err;
	pthread_cond_signal(&extract->changed);
}

static void fail(struct extract *extract, const struct xc_err *err)
{
	pthread_mutex_lock(&extract->mutex);
	fail_locked(extract, err);
	pthread_mutex_unlock(&extract->mutex);
}

static bool gives_up(const struct extract *extract)
{
	return atomic_load_explicit(&extract->failed, memory_order_relaxed) ||
	       xc_cancel_requested(extract->cache->cancel);
}

static struct xc_place_worker *place_of(struct worker *worker, uint32_t layer)
{
	if (!worker->place || worker->layer != layer) {
		xc_place_worker_free(worker->place);
		worker->place = xc_place_worker_new(worker->extract->layers[layer].place);
		worker->layer = layer;
	}
	return worker->place;
}

/* What a decoded segment holds of one member. */
static int place_part(struct xc_place_worker *place, const struct xc_member *member,
		      uint32_t position, const struct xc_segment *segment, const char *raw,
		      uint64_t *content_bytes, struct xc_err *err)
{
	uint64_t start = segment->tar_offset, end = start + segment->raw_bytes;
	uint64_t content = member->tar_offset + member->header_bytes;
	uint64_t length = xc_member_content_bytes(member);
	uint64_t from = XC_MAX(content, start), to = XC_MIN(content + length, end);

	/* Without content a member belongs to the segment where its header starts. */
	if (length == 0)
		return member->tar_offset < start ? 0 : xc_place_member(place, position, "", err);
	if (from >= to)
		return 0;
	*content_bytes += to - from;
	if (to - from == length)
		return xc_place_member(place, position, raw + (from - start), err);
	return xc_place_piece(place, position, from - content, raw + (from - start),
			      (size_t)(to - from), err);
}

/*
 * Bytes that are not what the index says may have been spoilt on their way:
 * the store is asked once more for this segment alone, into the same place.
 */
static int decode_again(struct worker *worker, const struct xc_extract_layer *layer,
			const struct xc_segment *segment, char *stored, const char **ret_raw,
			struct xc_err *err)
{
	if (xc_store_read_wait(worker->extract->cache->store, layer->pack_name, segment->offset,
			       stored, segment->stored_bytes, err) < 0)
		return -1;
	return xc_segment_decode(worker->decoder, segment, stored, ret_raw, err);
}

static int decode(struct worker *worker, const struct xc_extract_layer *layer, uint32_t number,
		  char *stored, const char **ret_raw, struct xc_err *err)
{
	const struct xc_segment *segment = &layer->index.segments[number];

	if (xc_segment_decode(worker->decoder, segment, stored, ret_raw, err) == 0)
		return 0;
	if (err->kind == XC_ERR_CORRUPT &&
	    decode_again(worker, layer, segment, stored, ret_raw, err) == 0)
		return 0;
	return xc_err_wrap(err, "pack %s", layer->layer->pack);
}

static int place_segment(struct worker *worker, const struct xc_range *range, uint32_t number,
			 char *stored, struct xc_err *err)
{
	const struct xc_extract_layer *layer = &worker->extract->layers[range->layer];
	const struct xc_segment *segment = &layer->index.segments[number];
	const struct xc_members *members = &layer->index.members;
	uint64_t content_bytes = 0, placed = 0;
	const char *raw;

	if (decode(worker, layer, number, stored, &raw, err) < 0)
		return -1;
	for (uint32_t i = xc_index_find_member(&layer->index, segment->tar_offset);
	     i < members->count &&
	     members->items[i].tar_offset < segment->tar_offset + segment->raw_bytes;
	     i++) {
		if (!xc_extract_is_alive(layer, i))
			continue;
		if (gives_up(worker->extract))
			return xc_err_set(err, XC_ERR_CANCELED, "interrupted");
		if (place_part(place_of(worker, range->layer), &members->items[i], i, segment, raw,
			       &content_bytes, err) < 0)
			return -1;
		placed += members->items[i].tar_offset >= segment->tar_offset;
	}
	xc_progress_add(worker->extract->cache->progress, placed, content_bytes,
			segment->stored_bytes);
	return 0;
}

/* With the mutex held. */
static void free_buffer(struct buffer *buffer)
{
	buffer->state = BUFFER_FREE;
	buffer->extract->busy_buffers--;
	pthread_cond_signal(&buffer->extract->changed);
}

static void buffer_segment_done(struct buffer *buffer)
{
	struct extract *extract = buffer->extract;

	pthread_mutex_lock(&extract->mutex);
	if (--buffer->segments_left == 0)
		free_buffer(buffer);
	pthread_mutex_unlock(&extract->mutex);
}

static void run_segment(struct xc_job *job, void *context)
{
	struct segment_job *self = (struct segment_job *)job;
	struct worker *worker = context;
	struct buffer *buffer = self->buffer;
	const struct xc_range *range = buffer->range;
	const struct xc_extract_layer *layer = &worker->extract->layers[range->layer];
	char *stored = buffer->data + (layer->index.segments[self->segment].offset - range->offset);
	struct xc_err err;

	if (!gives_up(worker->extract) &&
	    place_segment(worker, range, self->segment, stored, &err) < 0)
		fail(worker->extract, &err);
	buffer_segment_done(buffer);
}

static void read_done(struct xc_store_read *read, int result)
{
	struct buffer *buffer = read->owner;
	struct extract *extract = buffer->extract;

	if (result < 0)
		fail(extract, &read->err);
	pthread_mutex_lock(&extract->mutex);
	if (result < 0) {
		free_buffer(buffer);
	} else {
		buffer->state = BUFFER_READY;
		extract->fetched_bytes += read->length;
		pthread_cond_signal(&extract->changed);
	}
	pthread_mutex_unlock(&extract->mutex);
}

/* Gives the memory of all free buffers back. Mutex held. */
static void drop_free_buffers(struct extract *extract)
{
	for (uint32_t i = 0; i < extract->buffer_count; i++) {
		struct buffer *buffer = &extract->buffers[i];

		if (buffer->state != BUFFER_FREE)
			continue;
		free(STEAL_PTR(buffer->data));
		extract->buffered_bytes -= buffer->capacity_bytes;
		buffer->capacity_bytes = 0;
	}
}

/*
 * Makes room for a range; false while too much is buffered already, or if
 * there is no memory, which ends the extraction. Mutex held.
 */
static bool reserve_buffer(struct extract *extract, struct buffer *buffer, size_t length)
{
	struct xc_err err;

	if (length <= buffer->capacity_bytes)
		return true;
	if (extract->buffered_bytes - buffer->capacity_bytes + length >
	    extract->buffered_bytes_max) {
		if (extract->busy_buffers > 0)
			return false;
		drop_free_buffers(extract);
	}
	extract->buffered_bytes -= buffer->capacity_bytes;
	buffer->capacity_bytes = 0;
	free(buffer->data);
	buffer->data = malloc(length);
	if (!buffer->data) {
		xc_err_sys(&err, ENOMEM, "a buffer of %zu bytes", length);
		fail_locked(extract, &err);
		return false;
	}
	buffer->capacity_bytes = length;
	extract->buffered_bytes += length;
	return true;
}

/* A range whose read was started before: its buffer is taken over. Mutex held, let go meanwhile. */
static void adopt_read(struct extract *extract, struct buffer *buffer, const struct xc_range *range)
{
	struct xc_readahead *ahead = extract->layers[range->layer].ahead;

	buffer->state = BUFFER_READING;
	buffer->range = range;
	extract->buffered_bytes += range->length - buffer->capacity_bytes;
	extract->busy_buffers++;
	pthread_mutex_unlock(&extract->mutex);
	free(buffer->data);
	buffer->capacity_bytes = range->length;
	buffer->data = xc_readahead_take(ahead, buffer, read_done);
	pthread_mutex_lock(&extract->mutex);
}

/* Gives a free buffer a range to read. Mutex held; it is let go while the store is asked. */
static void start_read(struct extract *extract, struct buffer *buffer, const struct xc_range *range)
{
	buffer->state = BUFFER_READING;
	buffer->range = range;
	buffer->read = (struct xc_store_read){
		.name = extract->layers[range->layer].pack_name,
		.offset = range->offset,
		.length = range->length,
		.buffer = buffer->data,
		.owner = buffer,
		.done = read_done,
	};
	extract->busy_buffers++;
	pthread_mutex_unlock(&extract->mutex);
	xc_store_read(extract->cache->store, &buffer->read);
	pthread_mutex_lock(&extract->mutex);
}

/* Hands the segments of a range that has come to the workers. Mutex held, let go meanwhile. */
static void start_segments(struct extract *extract, struct buffer *buffer)
{
	const struct xc_range *range = buffer->range;

	buffer->state = BUFFER_WORKING;
	pthread_mutex_unlock(&extract->mutex);
	/* The jobs of the range before have run, but the pool may still hold the last of them. */
	for (uint32_t i = 0; i < buffer->job_count; i++)
		xc_pool_wait(extract->pool, &buffer->jobs[i].job);
	if (range->count > buffer->job_capacity) {
		free(buffer->jobs);
		buffer->jobs = xc_calloc(range->count, sizeof(*buffer->jobs));
		buffer->job_capacity = range->count;
	}
	buffer->job_count = 0;
	for (uint32_t i = range->first; i < range->first + range->count; i++)
		if (xc_segment_is_needed(&extract->layers[range->layer], i))
			buffer->jobs[buffer->job_count++] = (struct segment_job){
				.job = { .run = run_segment },
				.buffer = buffer,
				.segment = i,
			};
	buffer->segments_left = buffer->job_count;
	for (uint32_t i = 0, count = buffer->job_count; i < count; i++)
		xc_pool_submit(extract->pool, &buffer->jobs[i].job);
	pthread_mutex_lock(&extract->mutex);
}

static struct buffer *find_buffer(struct extract *extract, enum buffer_state state)
{
	for (uint32_t i = 0; i < extract->buffer_count; i++)
		if (extract->buffers[i].state == state)
			return &extract->buffers[i];
	return NULL;
}

/* A signal only sets a flag, so look at it now and then. */
static void wait_for_change(struct extract *extract)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 100000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	pthread_cond_timedwait(&extract->changed, &extract->mutex, &until);
}

/* Reads and hands out ranges until all are through, or something failed and all is quiet. */
static void pump(struct extract *extract)
{
	uint32_t next = 0;

	pthread_mutex_lock(&extract->mutex);
	for (;;) {
		bool more = next < extract->ranges.count && !gives_up(extract);
		struct buffer *ready = find_buffer(extract, BUFFER_READY);
		struct buffer *unused = more ? find_buffer(extract, BUFFER_FREE) : NULL;

		if (ready)
			start_segments(extract, ready);
		else if (unused && extract->ranges.items[next].ahead)
			adopt_read(extract, unused, &extract->ranges.items[next++]);
		else if (unused &&
			 reserve_buffer(extract, unused, extract->ranges.items[next].length))
			start_read(extract, unused, &extract->ranges.items[next++]);
		else if (extract->busy_buffers > 0)
			wait_for_change(extract);
		else
			break;
	}
	pthread_mutex_unlock(&extract->mutex);
	xc_pool_drain(extract->pool);
}

static int outcome(struct extract *extract, struct xc_err *err)
{
	if (atomic_load(&extract->failed)) {
		*err = extract->err;
		return -1;
	}
	return xc_cancel_check(extract->cache->cancel, err);
}

static void run_directories(struct xc_job *job, void *context)
{
	struct directories_job *self = (struct directories_job *)job;
	struct worker *worker = context;
	struct xc_err err;

	if (!gives_up(worker->extract) &&
	    xc_place_directories(place_of(worker, self->layer), self->first, self->end, &err) < 0)
		fail(worker->extract, &err);
}

#define DIRECTORY_JOBS 16

static int finish_layer(struct extract *extract, struct worker *worker, uint32_t layer,
			struct xc_err *err)
{
	struct directories_job jobs[DIRECTORY_JOBS] = { 0 };
	uint32_t count = extract->layers[layer].index.members.count;

	if (xc_place_links(place_of(worker, layer), err) < 0)
		return -1;
	for (uint32_t i = 0; i < DIRECTORY_JOBS; i++) {
		jobs[i] = (struct directories_job){
			.job = { .run = run_directories },
			.layer = layer,
			.first = (uint32_t)((uint64_t)count * i / DIRECTORY_JOBS),
			.end = (uint32_t)((uint64_t)count * (i + 1) / DIRECTORY_JOBS),
		};
		xc_pool_submit(extract->pool, &jobs[i].job);
	}
	xc_pool_drain(extract->pool);
	return outcome(extract, err);
}

static int finish(struct extract *extract, struct worker *worker, struct xc_err *err)
{
	for (uint32_t i = 0; i < extract->layer_count; i++)
		if (finish_layer(extract, worker, i, err) < 0)
			return -1;
	for (uint32_t i = 0; i < extract->layer_count; i++)
		if (xc_place_closed_directories(place_of(worker, i), err) < 0)
			return -1;
	return 0;
}

static struct worker *new_worker(struct extract *extract)
{
	struct worker *worker = xc_calloc(1, sizeof(*worker));

	worker->extract = extract;
	worker->decoder = xc_segment_decoder_new();
	return worker;
}

static void free_worker(struct worker *worker)
{
	xc_place_worker_free(worker->place);
	xc_segment_decoder_free(worker->decoder);
	free(worker);
}

static int extract_with_workers(struct extract *extract, unsigned threads, struct xc_err *err)
{
	cleanup_free void **workers = xc_calloc(threads, sizeof(*workers));
	int result;

	for (unsigned i = 0; i < threads; i++)
		workers[i] = new_worker(extract);
	extract->pool = xc_pool_new(threads, XC_POOL_FIFO, workers);
	pump(extract);
	result = outcome(extract, err);
	if (result == 0) {
		xc_progress_phase(extract->cache->progress, XC_PHASE_FINISH);
		result = finish(extract, workers[0], err);
	}
	xc_pool_free(extract->pool);
	for (unsigned i = 0; i < threads; i++)
		free_worker(workers[i]);
	return result;
}

/* The most that one worker holds decoded. */
static size_t longest_segment(const struct extract *extract)
{
	size_t longest_bytes = XC_SEGMENT_TARGET_BYTES;

	for (uint32_t i = 0; i < extract->ranges.count; i++) {
		const struct xc_range *range = &extract->ranges.items[i];
		const struct xc_segment *segments =
			extract->layers[range->layer].index.segments + range->first;

		for (uint32_t k = 0; k < range->count; k++)
			longest_bytes = XC_MAX(longest_bytes, segments[k].raw_bytes);
	}
	return longest_bytes;
}

_Static_assert(SHARED_BYTES_MAX - XC_BUDGET_FREE_BYTES >= XC_SEGMENT_RAW_MAX + WORKER_BYTES,
	       "no room for the longest segment");

/* How many workers there may be; what they leave is for the buffers. */
static unsigned share_memory(struct extract *extract, uint64_t index_bytes)
{
	size_t bytes = XC_MIN(EXTRACT_BYTES_MAX, SHARED_BYTES_MAX - (size_t)index_bytes);
	size_t worker_bytes = longest_segment(extract) + WORKER_BYTES;
	size_t fitting = (bytes - BUFFERED_BYTES_MIN) / worker_bytes;
	unsigned threads = XC_MIN(extract->cache->threads, (unsigned)EXTRACT_THREADS_MAX);

	threads = XC_MAX(XC_MIN(threads, (unsigned)fitting), 1u);
	extract->buffered_bytes_max = XC_MIN(bytes - threads * worker_bytes, BUFFERED_BYTES_MAX);
	return threads;
}

int xc_extract(const struct xc_cache *cache, struct xc_extract_layer *layers, uint32_t count,
	       uint64_t index_bytes, uint64_t *ret_fetched_bytes, struct xc_err *err)
{
	struct extract extract = {
		.cache = cache,
		.layers = layers,
		.layer_count = count,
		.buffer_count = cache->store->read_concurrency,
		.mutex = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER,
	};
	unsigned threads;
	int result;

	xc_ranges_make(layers, count, cache->store->read_bytes, &extract.ranges);
	extract.buffers = xc_calloc(extract.buffer_count, sizeof(*extract.buffers));
	for (uint32_t i = 0; i < extract.buffer_count; i++)
		extract.buffers[i].extract = &extract;
	threads = share_memory(&extract, index_bytes);
	result = extract_with_workers(&extract, threads, err);
	for (uint32_t i = 0; i < extract.buffer_count; i++) {
		free(extract.buffers[i].data);
		free(extract.buffers[i].jobs);
	}
	free(extract.buffers);
	xc_ranges_release(&extract.ranges);
	*ret_fetched_bytes = extract.fetched_bytes;
	return result;
}
