/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads. Servers take requests of the kernel, and wait for segments, each no
 * longer than its deadline. Fetchers take segments that are waited for off a queue, and fetch
 * them: a store that hangs holds them, and no server. One more thread fetches the rest.
 */
#include "mount/lazy.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "mount/fuse.h"
#include "mount/raw.h"

#define SERVERS          8
#define FETCHERS         8
#define RETRY_FIRST_MS   1000
#define RETRY_LONGEST_MS 60000

enum segment_state {
	ABSENT,
	QUEUED, /* or being fetched, on demand */
	FAILED, /* the demand before; the next one tries anew */
};

struct device {
	uint32_t layer;
	const uint64_t *segment_raw;
	uint32_t segment_count;
	/* By segment: it is in the raw file, or nobody reads it. Set once, after the file was
	 * written. */
	atomic_bool *local;
	uint8_t *states; /* enum segment_state; under the mutex */
};

struct xc_lazy {
	struct xc_lazy_opts opts;
	struct xc_entry_layers layers; /* a copy of the struct */
	struct device *devices;
	uint64_t *sizes;
	uint32_t device_count;
	uint32_t *device_of_layer;
	struct xc_fetch_pack *packs;
	struct xc_fuse fuse;
	struct xc_cancel cancel;
	int stop_fd; /* readable: servers end */
	struct xc_fetch *fetch;

	pthread_mutex_t mutex;
	pthread_cond_t came;   /* a segment, or the end of a demand */
	pthread_cond_t wanted; /* by a fetcher: the queue has something, or stop */
	struct xc_segment_ref *queue;
	size_t queue_first, queue_count, queue_capacity;
	bool stop;

	pthread_t servers[SERVERS], fetchers[FETCHERS], background;
	unsigned server_count, fetcher_count;
	bool has_background;
};

/* --- segments --- */

static struct device *device_of(struct xc_lazy *lazy, struct xc_segment_ref ref)
{
	return &lazy->devices[lazy->device_of_layer[ref.pack]];
}

static bool is_local(const struct device *device, uint32_t segment)
{
	return atomic_load_explicit(&device->local[segment], memory_order_acquire);
}

/* By the fetch, for each segment, on its worker. */
static int keep_segment(void *context, const struct xc_fetched *fetched, struct xc_err *err)
{
	struct xc_lazy *lazy = context;
	struct device *device = device_of(lazy, fetched->ref);

	if (xc_raw_put(lazy->opts.layout, fetched->ref, fetched->raw,
		       lazy->opts.fds[fetched->ref.pack], err) < 0)
		return -1;
	atomic_store_explicit(&device->local[fetched->ref.segment], true, memory_order_release);
	pthread_mutex_lock(&lazy->mutex);
	pthread_cond_broadcast(&lazy->came);
	pthread_mutex_unlock(&lazy->mutex);
	return 0;
}

/* --- on demand --- */

static void enqueue(struct xc_lazy *lazy, struct xc_segment_ref ref)
{
	device_of(lazy, ref)->states[ref.segment] = QUEUED;
	lazy->queue[(lazy->queue_first + lazy->queue_count++) % lazy->queue_capacity] = ref;
	pthread_cond_signal(&lazy->wanted);
}

static void *fetch_demands(void *context)
{
	struct xc_lazy *lazy = context;
	struct xc_err ignored;

	pthread_mutex_lock(&lazy->mutex);
	for (;;) {
		struct xc_segment_ref ref;
		int result;

		while (lazy->queue_count == 0 && !lazy->stop)
			pthread_cond_wait(&lazy->wanted, &lazy->mutex);
		if (lazy->stop)
			break;
		ref = lazy->queue[lazy->queue_first];
		lazy->queue_first = (lazy->queue_first + 1) % lazy->queue_capacity;
		lazy->queue_count--;
		pthread_mutex_unlock(&lazy->mutex);
		result = xc_fetch_segment(lazy->fetch, ref, &ignored);
		pthread_mutex_lock(&lazy->mutex);
		device_of(lazy, ref)->states[ref.segment] = result < 0 ? FAILED : ABSENT;
		pthread_cond_broadcast(&lazy->came);
	}
	pthread_mutex_unlock(&lazy->mutex);
	return NULL;
}

static struct timespec deadline_after(unsigned ms)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += ms / 1000;
	at.tv_nsec += (long)(ms % 1000) * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	return at;
}

/* Wait until a segment is there; false if it does not come. With the mutex held. */
static bool wait_for(struct xc_lazy *lazy, struct xc_segment_ref ref,
		     const struct timespec *deadline)
{
	struct device *device = device_of(lazy, ref);
	uint8_t *state = &device->states[ref.segment];

	if (!is_local(device, ref.segment) && *state != QUEUED && !lazy->stop)
		enqueue(lazy, ref);
	while (!is_local(device, ref.segment))
		if (lazy->stop || *state != QUEUED ||
		    pthread_cond_timedwait(&lazy->came, &lazy->mutex, deadline) == ETIMEDOUT)
			return is_local(device, ref.segment);
	return true;
}

/* The last segment that begins at or before a byte of the raw file. */
static uint32_t find_segment(const struct device *device, uint64_t offset)
{
	uint32_t low = 0, high = device->segment_count;

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (device->segment_raw[middle] <= offset)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static bool have_range(struct xc_lazy *lazy, const struct device *device, uint64_t offset,
		       uint64_t end)
{
	const struct timespec deadline = deadline_after(
		lazy->opts.deadline_ms ? lazy->opts.deadline_ms : XC_LAZY_DEADLINE_MS);
	uint32_t first = find_segment(device, offset);
	bool have = true;

	for (uint32_t i = first; have && i < device->segment_count && device->segment_raw[i] < end;
	     i++) {
		if (is_local(device, i))
			continue;
		pthread_mutex_lock(&lazy->mutex);
		have = wait_for(lazy, (struct xc_segment_ref){ device->layer, i }, &deadline);
		pthread_mutex_unlock(&lazy->mutex);
	}
	return have;
}

/* An xc_fuse_read_fn. */
static int read_device(void *context, uint32_t file, uint64_t offset, size_t length, char *out)
{
	struct xc_lazy *lazy = context;
	const struct device *device = &lazy->devices[file];

	if (!have_range(lazy, device, offset, offset + length) ||
	    xc_fd_pread_full(lazy->opts.fds[device->layer], out, length, (off_t)offset) !=
		    (ssize_t)length)
		return EIO;
	return 0;
}

/* Whoever waits for a segment or for a demand waits no longer. */
static void end_waits(struct xc_lazy *lazy)
{
	pthread_mutex_lock(&lazy->mutex);
	lazy->stop = true;
	pthread_cond_broadcast(&lazy->came);
	pthread_cond_broadcast(&lazy->wanted);
	pthread_mutex_unlock(&lazy->mutex);
}

static bool is_unmounted(const struct xc_lazy *lazy)
{
	struct pollfd event = { .fd = lazy->fuse.fd };

	return poll(&event, 1, 0) > 0 && (event.revents & (POLLERR | POLLHUP));
}

static void *serve_requests(void *context)
{
	struct xc_lazy *lazy = context;
	struct xc_fuse_worker *worker = xc_fuse_worker_new(&lazy->fuse);
	struct pollfd events[2] = {
		{ .fd = lazy->fuse.fd, .events = POLLIN },
		{ .fd = lazy->stop_fd, .events = POLLIN },
	};

	while ((poll(events, 2, -1) > 0 || errno == EINTR) && !events[1].revents)
		if (xc_fuse_serve_one(worker) < 0)
			break;
	/* The others may wait for a store that hangs, though nobody reads any more. */
	if (is_unmounted(lazy))
		end_waits(lazy);
	xc_fuse_worker_free(worker);
	return NULL;
}

/* --- the rest --- */

static size_t list_absent(struct xc_lazy *lazy, struct xc_segment_ref *refs)
{
	size_t count = 0;

	for (uint32_t i = 0; i < lazy->device_count; i++)
		for (uint32_t k = 0; k < lazy->devices[i].segment_count; k++)
			if (!is_local(&lazy->devices[i], k))
				refs[count++] =
					(struct xc_segment_ref){ lazy->devices[i].layer, k };
	return count;
}

/* False if it is to stop. */
static bool pause_for(struct xc_lazy *lazy, unsigned ms)
{
	const struct timespec until = deadline_after(ms);
	bool goes_on;

	pthread_mutex_lock(&lazy->mutex);
	while (!lazy->stop && pthread_cond_timedwait(&lazy->came, &lazy->mutex, &until) == 0)
		;
	goes_on = !lazy->stop;
	pthread_mutex_unlock(&lazy->mutex);
	return goes_on;
}

/*
 * All at once, as neighbours are read together. One segment that fails ends that; so
 * after a failure it goes on in steps, from one segment up, and passes over those that fail.
 */
static void *fetch_rest(void *context)
{
	struct xc_lazy *lazy = context;
	cleanup_free struct xc_segment_ref *refs = xc_malloc(lazy->queue_capacity * sizeof(*refs));
	unsigned wait_ms = RETRY_FIRST_MS;
	size_t step = lazy->queue_capacity, count, taken;
	struct xc_err ignored;

	while ((count = list_absent(lazy, refs)) > 0)
		for (size_t at = 0; at < count; at += taken) {
			taken = XC_MIN(step, count - at);
			if (xc_fetch_run(lazy->fetch, refs + at, taken, XC_PRIORITY_BACKGROUND,
					 &ignored) == 0) {
				step = XC_MIN(2 * step, lazy->queue_capacity);
				wait_ms = RETRY_FIRST_MS;
				continue;
			}
			step = 1;
			if (!pause_for(lazy, wait_ms))
				return NULL;
			wait_ms = XC_MIN(wait_ms * 2, (unsigned)RETRY_LONGEST_MS);
		}
	if (lazy->opts.complete)
		lazy->opts.complete(lazy->opts.context);
	return NULL;
}

/* --- the whole --- */

static void add_device(struct xc_lazy *lazy, uint32_t layer)
{
	const struct xc_entry_layer *entry = &lazy->layers.items[layer];
	struct device *device = &lazy->devices[lazy->device_count];
	uint32_t count = entry->index.segment_count;

	*device = (struct device){
		.layer = layer,
		.segment_raw = lazy->opts.layout->layers[layer].segment_raw,
		.segment_count = count,
		.local = xc_calloc(count, sizeof(*device->local)),
		.states = xc_calloc(count, sizeof(*device->states)),
	};
	for (uint32_t i = 0; i < count; i++)
		atomic_init(&device->local[i], !xc_layer_needs_segment(entry, i));
	lazy->sizes[lazy->device_count] = device->segment_raw[count];
	lazy->device_of_layer[layer] = lazy->device_count++;
	lazy->queue_capacity += count;
}

static void make_devices(struct xc_lazy *lazy)
{
	uint32_t count = lazy->layers.count;

	lazy->devices = xc_calloc(count, sizeof(*lazy->devices));
	lazy->sizes = xc_calloc(count, sizeof(*lazy->sizes));
	lazy->device_of_layer = xc_calloc(count, sizeof(*lazy->device_of_layer));
	lazy->packs = xc_calloc(count, sizeof(*lazy->packs));
	for (uint32_t i = 0; i < count; i++) {
		lazy->packs[i] = xc_layer_fetch_pack(&lazy->layers.items[i]);
		if (lazy->opts.fds[i] >= 0)
			add_device(lazy, i);
	}
	lazy->queue = xc_calloc(lazy->queue_capacity + 1, sizeof(*lazy->queue));
}

static void init_conditions(struct xc_lazy *lazy)
{
	pthread_condattr_t attributes;

	pthread_mutex_init(&lazy->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&lazy->came, &attributes);
	pthread_cond_init(&lazy->wanted, &attributes);
	pthread_condattr_destroy(&attributes);
}

static int start_threads(struct xc_lazy *lazy)
{
	for (; lazy->fetcher_count < FETCHERS; lazy->fetcher_count++)
		if (pthread_create(&lazy->fetchers[lazy->fetcher_count], NULL, fetch_demands,
				   lazy) != 0)
			return -1;
	for (; lazy->server_count < SERVERS; lazy->server_count++)
		if (pthread_create(&lazy->servers[lazy->server_count], NULL, serve_requests,
				   lazy) != 0)
			return -1;
	return 0;
}

int xc_lazy_start(const struct xc_lazy_opts *opts, struct xc_lazy **ret_lazy, struct xc_err *err)
{
	struct xc_lazy *lazy = xc_calloc(1, sizeof(*lazy));
	const struct xc_raw_opts raw = {
		.cache = opts->cache,
		.layers = opts->layers,
		.layout = opts->layout,
		.fds = opts->fds,
	};

	lazy->opts = *opts;
	lazy->layers = *opts->layers;
	lazy->stop_fd = eventfd(0, EFD_CLOEXEC);
	init_conditions(lazy);
	make_devices(lazy);
	lazy->fuse = (struct xc_fuse){
		.fd = opts->fuse_fd,
		.sizes = lazy->sizes,
		.count = lazy->device_count,
		.read = read_device,
		.context = lazy,
	};
	lazy->fetch = xc_fetch_new(&(struct xc_fetch_opts){
		.store = opts->cache->store,
		.packs = lazy->packs,
		.pack_count = lazy->layers.count,
		.threads = opts->cache->threads,
		.taken_bytes = xc_index_budget_free_used(&lazy->layers.budget),
		.consume = keep_segment,
		.context = lazy,
		.cancel = &lazy->cancel,
	});
	if (xc_raw_size(&raw, err) < 0) {
		xc_lazy_free(lazy);
		return -1;
	}
	if (lazy->stop_fd < 0 || fcntl(opts->fuse_fd, F_SETFL, O_NONBLOCK) < 0 ||
	    start_threads(lazy) < 0) {
		xc_lazy_free(lazy);
		return xc_err_set(err, XC_ERR_IO, "cannot start to serve a lazy mount");
	}
	*ret_lazy = lazy;
	return 0;
}

void xc_lazy_serve(struct xc_lazy *lazy)
{
	lazy->has_background = pthread_create(&lazy->background, NULL, fetch_rest, lazy) == 0;
	for (unsigned i = 0; i < lazy->server_count; i++)
		pthread_join(lazy->servers[i], NULL);
	lazy->server_count = 0;
}

uint64_t xc_lazy_fetched_bytes(struct xc_lazy *lazy)
{
	return xc_fetch_bytes(lazy->fetch);
}

static void stop(struct xc_lazy *lazy)
{
	xc_cancel_request(&lazy->cancel, -1);
	end_waits(lazy);
	if (lazy->stop_fd >= 0)
		eventfd_write(lazy->stop_fd, 1);
	for (unsigned i = 0; i < lazy->server_count; i++)
		pthread_join(lazy->servers[i], NULL);
	for (unsigned i = 0; i < lazy->fetcher_count; i++)
		pthread_join(lazy->fetchers[i], NULL);
	if (lazy->has_background)
		pthread_join(lazy->background, NULL);
}

void xc_lazy_free(struct xc_lazy *lazy)
{
	if (!lazy)
		return;
	stop(lazy);
	xc_fetch_free(lazy->fetch);
	for (uint32_t i = 0; i < lazy->device_count; i++) {
		free(lazy->devices[i].local);
		free(lazy->devices[i].states);
	}
	free(lazy->devices);
	free(lazy->sizes);
	free(lazy->device_of_layer);
	free(lazy->packs);
	free(lazy->queue);
	pthread_cond_destroy(&lazy->came);
	pthread_cond_destroy(&lazy->wanted);
	pthread_mutex_destroy(&lazy->mutex);
	xc_fd_close(&lazy->stop_fd);
	free(lazy);
}
