/* SPDX-License-Identifier: Apache-2.0 */
#include "save/same.h"

#include <string.h>

#include "base/pool.h"
#include "save/member.h"

/* A job has so many files or bytes, whichever is first: enough to pay for handing it over. */
#define JOB_FILES 256
#define JOB_BYTES ((uint64_t)8 << 20)
#define JOBS_MAX  64
/* Each may hold a piece of a large file. */
#define THREADS_MAX 16

struct same_job {
	struct xc_job job; /* first, so that the job leads here */
	const struct xc_same_opts *opts;
	struct xc_same_item *items;
	size_t count;
};

static uint32_t xattr_count(const struct xc_member_extra *extra)
{
	return extra ? extra->xattr_count : 0;
}

bool xc_same_xattrs(const struct xc_member_extra *a, const struct xc_member_extra *b)
{
	uint32_t count = xattr_count(a);

	if (count != xattr_count(b))
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (strcmp(a->xattrs[i].name, b->xattrs[i].name) != 0 ||
		    a->xattrs[i].length != b->xattrs[i].length ||
		    memcmp(a->xattrs[i].value, b->xattrs[i].value, a->xattrs[i].length) != 0)
			return false;
	return true;
}

static bool is_same(struct xc_member_reader *reader, const struct xc_same_item *item)
{
	struct xc_member_read read;

	return xc_member_reader_hash(reader, item->position, &read) == 0 &&
	       memcmp(read.content_hash, item->member->content_hash, sizeof(read.content_hash)) ==
		       0 &&
	       xc_same_xattrs(read.extra, item->member->extra);
}

static void run_job(struct xc_job *job, void *worker)
{
	struct same_job *self = (struct same_job *)job;

	for (size_t i = 0; i < self->count; i++) {
		struct xc_same_item *item = &self->items[i];

		if (xc_cancel_requested(self->opts->cancel))
			return;
		item->same = is_same(worker, item);
		xc_progress_add(self->opts->progress, 1, xc_member_content_bytes(item->member), 0);
	}
}

/* The next items for one job. */
static size_t take_items(const struct xc_same_item *items, size_t count)
{
	uint64_t bytes = 0;
	size_t taken = 0;

	while (taken < count && taken < JOB_FILES && bytes < JOB_BYTES)
		bytes += xc_member_content_bytes(items[taken++].member);
	return taken;
}

int xc_same_find(struct xc_tree *tree, struct xc_same_item *items, size_t count,
		 const struct xc_same_opts *opts, struct xc_err *err)
{
	unsigned threads = XC_MIN(opts->threads, (unsigned)THREADS_MAX);
	cleanup_free struct same_job *jobs = xc_calloc(JOBS_MAX, sizeof(*jobs));
	cleanup_free void **readers = xc_calloc(threads, sizeof(*readers));
	struct xc_pool *pool;

	for (unsigned i = 0; i < threads; i++)
		readers[i] = xc_member_reader_new(tree);
	pool = xc_pool_new(threads, XC_POOL_FIFO, readers);
	for (size_t at = 0, next = 0; at < count; next = (next + 1) % JOBS_MAX) {
		struct same_job *job = &jobs[next];

		xc_pool_wait(pool, &job->job);
		*job = (struct same_job){ .job.run = run_job,
					  .opts = opts,
					  .items = items + at,
					  .count = take_items(items + at, count - at) };
		at += job->count;
		xc_pool_submit(pool, &job->job);
	}
	xc_pool_free(pool);
	for (unsigned i = 0; i < threads; i++)
		xc_member_reader_free(readers[i], &tree->members.arena);
	return xc_cancel_check(opts->cancel, err);
}
