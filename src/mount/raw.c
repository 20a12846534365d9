/* SPDX-License-Identifier: Apache-2.0 */
#include "mount/raw.h"

#include <errno.h>
#include <limits.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/grow.h"

#define PARTS_MAX 1024 /* IOV_MAX of Linux */

/* Padding reaches to the end of a block, of 4096 bytes at most. */
static const char zeros[4096];

/* Parts that lie one behind the other in the raw file. */
struct batch {
	int fd;
	uint64_t offset; /* of the first */
	uint64_t end;    /* behind the last */
	struct iovec parts[PARTS_MAX];
	int count;
};

static int write_batch(struct batch *batch)
{
	struct iovec *at = batch->parts;
	int count = batch->count;

	while (count > 0) {
		ssize_t written = pwritev(batch->fd, at, count, (off_t)batch->offset);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return -1;
		batch->offset += (uint64_t)written;
		for (; count > 0 && (size_t)written >= at->iov_len; at++, count--)
			written -= (ssize_t)at->iov_len;
		if (count > 0) {
			at->iov_base = (char *)at->iov_base + written;
			at->iov_len -= (size_t)written;
		}
	}
	batch->offset = batch->end;
	batch->count = 0;
	return 0;
}

static int add_part(struct batch *batch, const char *data, size_t length)
{
	if (batch->count == PARTS_MAX && write_batch(batch) < 0)
		return -1;
	batch->parts[batch->count++] = (struct iovec){ (void *)data, length };
	batch->end += length;
	return 0;
}

static int add_zeros_to(struct batch *batch, uint64_t end)
{
	while (batch->end < end)
		if (add_part(batch, zeros, (size_t)XC_MIN(end - batch->end, sizeof(zeros))) < 0)
			return -1;
	return 0;
}

int xc_raw_put(const struct xc_layout *layout, struct xc_segment_ref ref, const char *decoded,
	       int fd, struct xc_err *err)
{
	const uint64_t *segment_raw = layout->layers[ref.pack].segment_raw;
	uint64_t start = segment_raw[ref.segment], end = segment_raw[ref.segment + 1];
	struct batch batch = { .fd = fd, .offset = start, .end = start };
	struct xc_layout_pieces pieces;
	struct xc_layout_piece piece;

	xc_layout_pieces_init(&pieces, layout, ref.pack, ref.segment);
	while (xc_layout_pieces_next(&pieces, &piece))
		if (add_zeros_to(&batch, piece.raw) < 0 ||
		    add_part(&batch, decoded + piece.at, piece.length) < 0)
			return xc_err_sys(err, errno, "cannot write contents");
	if (add_zeros_to(&batch, end) < 0 || write_batch(&batch) < 0)
		return xc_err_sys(err, errno, "cannot write contents");
	return 0;
}

/* --- all of them --- */

/* By the fetch, for each segment, on its worker. */
static int write_segment(void *context, const struct xc_fetched *fetched, struct xc_err *err)
{
	const struct xc_raw_opts *opts = context;
	const struct xc_entry_layer *layer = &opts->layers->items[fetched->ref.pack];
	const struct xc_segment *segment = &layer->index.segments[fetched->ref.segment];
	const uint64_t *raw = opts->layout->layers[fetched->ref.pack].segment_raw;

	if (xc_cancel_check(opts->cache->cancel, err) < 0 ||
	    xc_raw_put(opts->layout, fetched->ref, fetched->raw, opts->fds[fetched->ref.pack],
		       err) < 0)
		return -1;
	xc_progress_add(opts->cache->progress, 0,
			raw[fetched->ref.segment + 1] - raw[fetched->ref.segment],
			segment->stored_bytes);
	return 0;
}

int xc_raw_size(const struct xc_raw_opts *opts, struct xc_err *err)
{
	for (uint32_t i = 0; i < opts->layers->count; i++) {
		const uint64_t *segment_raw = opts->layout->layers[i].segment_raw;

		if (segment_raw &&
		    ftruncate(opts->fds[i],
			      (off_t)segment_raw[opts->layers->items[i].index.segment_count]) < 0)
			return xc_err_sys(err, errno, "cannot make a file for the contents");
	}
	return 0;
}

static int fetch_needed(const struct xc_raw_opts *opts, struct xc_fetch *fetch, struct xc_err *err)
{
	cleanup_free struct xc_segment_ref *refs = NULL;
	size_t count = 0, capacity = 0;

	for (uint32_t i = 0; i < opts->layers->count; i++) {
		const struct xc_entry_layer *layer = &opts->layers->items[i];

		for (uint32_t k = 0; opts->fds[i] >= 0 && k < layer->index.segment_count; k++) {
			if (!xc_layer_needs_segment(layer, k))
				continue;
			XC_GROW(refs, count, capacity, 64);
			refs[count++] = (struct xc_segment_ref){ i, k };
		}
	}
	return xc_fetch_run(fetch, refs, count, XC_PRIORITY_NORMAL, err);
}

int xc_raw_write(const struct xc_raw_opts *opts, uint64_t *ret_fetched_bytes, struct xc_err *err)
{
	cleanup_free struct xc_fetch_pack *packs = xc_calloc(opts->layers->count, sizeof(*packs));
	struct xc_fetch *fetch;
	int result;

	*ret_fetched_bytes = 0;
	if (xc_raw_size(opts, err) < 0)
		return -1;
	for (uint32_t i = 0; i < opts->layers->count; i++)
		packs[i] = xc_layer_fetch_pack(&opts->layers->items[i]);
	fetch = xc_fetch_new(&(struct xc_fetch_opts){
		.store = opts->cache->store,
		.packs = packs,
		.pack_count = opts->layers->count,
		.threads = opts->cache->threads,
		.taken_bytes = xc_index_budget_free_used(&opts->layers->budget),
		.consume = write_segment,
		.context = (void *)opts,
		.cancel = opts->cache->cancel,
	});
	result = fetch_needed(opts, fetch, err);
	*ret_fetched_bytes = xc_fetch_bytes(fetch);
	xc_fetch_free(fetch);
	return result;
}
