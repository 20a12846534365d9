/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/extract.h"

#include <stdatomic.h>

#include "base/grow.h"
#include "base/pool.h"

_Static_assert(XC_FETCH_TAKEN_MAX == XC_BUDGET_FREE_BYTES, "one account for both");

struct extract {
	const struct xc_extract_opts *opts;
	/* One for each thread, made for the first layer that it works on. */
	struct xc_unpack_worker **workers;
	unsigned threads;
};

/* A decoded segment, and the part of its layer's members that it holds. */
struct segment {
	const struct xc_index *index;
	const struct xc_segment *info;
	const char *raw;
	struct xc_unpack_worker *unpack;
	uint64_t content_bytes, members; /* placed */
};

/* A stretch of the member table whose directories are finished. */
struct directories_job {
	struct xc_job job; /* first, so that the job leads here */
	struct extract *extract;
	uint32_t layer, first, end;
	int result;
	struct xc_err err;
};

/* A thread goes from layer to layer with the directories that it has open. */
static struct xc_unpack_worker *worker_for(struct extract *extract, unsigned worker, uint32_t layer)
{
	struct xc_unpack *unpack = extract->opts->layers[layer].unpack;

	if (!extract->workers[worker])
		extract->workers[worker] = xc_unpack_worker_new(unpack);
	else
		xc_unpack_worker_move(extract->workers[worker], unpack);
	return extract->workers[worker];
}

/* What a decoded segment holds of one member. */
static int place_part(struct segment *segment, uint32_t position, struct xc_err *err)
{
	const struct xc_member *member = &segment->index->members.items[position];
	uint64_t start = segment->info->tar_offset, end = start + segment->info->raw_bytes;
	uint64_t content = member->tar_offset + member->header_bytes;
	uint64_t length = xc_member_content_bytes(member);
	uint64_t from = XC_MAX(content, start), to = XC_MIN(content + length, end);
	const char *data = segment->raw + (from - start);

	segment->members += member->tar_offset >= start;
	/* Without content a member belongs to the segment where its header starts. */
	if (length == 0)
		return member->tar_offset < start
			       ? 0
			       : xc_unpack_member(segment->unpack, position, "", err);
	if (from >= to)
		return 0;
	segment->content_bytes += to - from;
	if (to - from == length)
		return xc_unpack_member(segment->unpack, position, data, err);
	return xc_unpack_piece(segment->unpack, position, from - content, data, (size_t)(to - from),
			       err);
}

/* By the fetch, for each segment, on its worker. */
static int place_segment(void *context, const struct xc_fetched *fetched, struct xc_err *err)
{
	struct extract *extract = context;
	const struct xc_entry_layer *layer = extract->opts->layers[fetched->ref.pack].entry;
	const struct xc_members *members = &layer->index.members;
	struct segment segment = {
		.index = &layer->index,
		.info = &layer->index.segments[fetched->ref.segment],
		.raw = fetched->raw,
		.unpack = worker_for(extract, fetched->worker, fetched->ref.pack),
	};
	uint64_t end = segment.info->tar_offset + segment.info->raw_bytes;

	for (uint32_t i = xc_index_find_member(&layer->index, segment.info->tar_offset);
	     i < members->count && members->items[i].tar_offset < end; i++)
		if (xc_member_set_has(&layer->alive, i) &&
		    (xc_cancel_check(extract->opts->cache->cancel, err) < 0 ||
		     place_part(&segment, i, err) < 0))
			return -1;
	xc_progress_add(extract->opts->cache->progress, segment.members, segment.content_bytes,
			segment.info->stored_bytes);
	return 0;
}

/* --- what is fetched --- */

static void add_needed(const struct xc_entry_layer *layer, uint32_t number,
		       struct xc_segment_ref **refs, size_t *count, size_t *capacity)
{
	for (uint32_t i = 0; i < layer->index.segment_count; i++) {
		if (!xc_layer_needs_segment(layer, i))
			continue;
		XC_GROW(*refs, *count, *capacity, 64);
		(*refs)[(*count)++] = (struct xc_segment_ref){ number, i };
	}
}

static int fetch_needed(struct extract *extract, struct xc_fetch *fetch, struct xc_err *err)
{
	cleanup_free struct xc_segment_ref *refs = NULL;
	size_t count = 0, capacity = 0;

	for (uint32_t i = 0; i < extract->opts->layer_count; i++)
		add_needed(extract->opts->layers[i].entry, i, &refs, &count, &capacity);
	return xc_fetch_run(fetch, refs, count, XC_PRIORITY_NORMAL, err);
}

static int place_segments(struct extract *extract, uint64_t *fetched_bytes, struct xc_err *err)
{
	cleanup_free struct xc_fetch_pack *packs =
		xc_calloc(extract->opts->layer_count, sizeof(*packs));
	struct xc_fetch *fetch;
	int result;

	for (uint32_t i = 0; i < extract->opts->layer_count; i++)
		packs[i] = xc_layer_fetch_pack(extract->opts->layers[i].entry);
	fetch = xc_fetch_new(&(struct xc_fetch_opts){
		.store = extract->opts->cache->store,
		.packs = packs,
		.pack_count = extract->opts->layer_count,
		.threads = extract->opts->cache->threads,
		.taken_bytes = extract->opts->index_bytes,
		.consume = place_segment,
		.context = extract,
		.cancel = extract->opts->cache->cancel,
	});
	extract->threads = xc_fetch_threads(fetch);
	extract->workers = xc_calloc(extract->threads, sizeof(struct xc_unpack_worker *));
	result = fetch_needed(extract, fetch, err);
	*fetched_bytes = xc_fetch_bytes(fetch);
	xc_fetch_free(fetch);
	return result;
}

/* --- what follows when all contents are there --- */

static void run_directories(struct xc_job *job, void *context)
{
	struct directories_job *self = (struct directories_job *)job;
	const unsigned *worker = context;

	self->result = xc_cancel_check(self->extract->opts->cache->cancel, &self->err);
	if (self->result == 0)
		self->result =
			xc_unpack_directories(worker_for(self->extract, *worker, self->layer),
					      self->first, self->end, &self->err);
}

#define DIRECTORY_JOBS 16

static int finish_directories(struct extract *extract, struct xc_pool *pool, uint32_t layer,
			      struct xc_err *err)
{
	struct directories_job jobs[DIRECTORY_JOBS] = { 0 };
	uint32_t count = extract->opts->layers[layer].entry->index.members.count;

	for (uint32_t i = 0; i < DIRECTORY_JOBS; i++) {
		jobs[i] = (struct directories_job){
			.job = { .run = run_directories },
			.extract = extract,
			.layer = layer,
			.first = (uint32_t)((uint64_t)count * i / DIRECTORY_JOBS),
			.end = (uint32_t)((uint64_t)count * (i + 1) / DIRECTORY_JOBS),
		};
		xc_pool_submit(pool, &jobs[i].job);
	}
	xc_pool_drain(pool);
	for (uint32_t i = 0; i < DIRECTORY_JOBS; i++)
		if (jobs[i].result < 0) {
			*err = jobs[i].err;
			return -1;
		}
	return 0;
}

static int finish(struct extract *extract, struct xc_err *err)
{
	cleanup_free unsigned *numbers = xc_calloc(extract->threads, sizeof(*numbers));
	cleanup_free void **contexts = xc_calloc(extract->threads, sizeof(*contexts));
	struct xc_pool *pool;
	int result = 0;

	for (unsigned i = 0; i < extract->threads; i++) {
		numbers[i] = i;
		contexts[i] = &numbers[i];
	}
	xc_progress_phase(extract->opts->cache->progress, XC_PHASE_FINISH);
	/* A link that is made changes the time of a directory, be it another layer's. */
	for (uint32_t i = 0; result == 0 && i < extract->opts->layer_count; i++)
		result = xc_unpack_links(worker_for(extract, 0, i), err);
	pool = xc_pool_new(extract->threads, XC_POOL_FIFO, contexts);
	for (uint32_t i = 0; result == 0 && i < extract->opts->layer_count; i++)
		result = finish_directories(extract, pool, i, err);
	xc_pool_free(pool);
	for (uint32_t i = 0; result == 0 && i < extract->opts->layer_count; i++)
		result = xc_unpack_closed_directories(worker_for(extract, 0, i), err);
	return result;
}

int xc_extract(const struct xc_extract_opts *opts, uint64_t *ret_fetched_bytes, struct xc_err *err)
{
	struct extract extract = { .opts = opts };
	uint64_t fetched_bytes;
	int result = place_segments(&extract, &fetched_bytes, err);

	if (result == 0)
		result = finish(&extract, err);
	for (unsigned i = 0; i < extract.threads; i++)
		xc_unpack_worker_free(extract.workers[i]);
	free(extract.workers);
	*ret_fetched_bytes = fetched_bytes;
	return result;
}
