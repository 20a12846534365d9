/* SPDX-License-Identifier: Apache-2.0 */
#include "save/segments.h"

#include <string.h>

/*
 * Memory is bounded by threads and slots: a thread has the raw segment and
 * zstd's tables, a slot one compressed segment, which of content that does
 * not compress is as long. What is left of 256 MiB is for the members.
 */
#define SAVE_BYTES_MAX   ((size_t)200 << 20)
#define SAVE_THREADS_MAX 10
#define UPLOAD_BYTES_MAX ((size_t)96 << 20) /* what the store may hold */
#define SLOTS_AHEAD      2

/* A large file whose pieces come by. */
struct large_file {
	struct xc_member_read read; /* with its first piece */
	struct xc_hasher *hasher;
};

struct packing {
	struct xc_save_source *source;
	const struct xc_plan *plan;
	const struct xc_segments_opts *opts;
	struct xc_pack_writer *writer;
	struct xc_pool *pool;
	struct xc_save_slot *slots;
	uint32_t slot_count;
	struct large_file large;
};

/* Not its name, type, parent and link: threads are reading those of every member. */
static void take_member(struct packing *packing, uint32_t position,
			const struct xc_member_read *read)
{
	struct xc_member *member = &packing->source->tree->members.items[position];
	const struct xc_member *changed = read->changed;

	member->header_bytes = read->header_bytes;
	member->extra = read->extra;
	memcpy(member->content_hash, read->content_hash, sizeof(member->content_hash));
	if (!changed)
		return;
	member->size_bytes = changed->size_bytes;
	member->mtime_s = changed->mtime_s;
	member->mtime_ns = changed->mtime_ns;
	member->uid = changed->uid;
	member->gid = changed->gid;
	member->mode = changed->mode;
}

static void take_run(struct packing *packing, const struct xc_save_slot *slot)
{
	uint32_t at = slot->item.first;

	for (uint32_t i = 0; i < slot->read_count; i++) {
		take_member(packing, at, &slot->read[i]);
		at = xc_member_set_next(packing->source->set, at + 1);
	}
}

/* The pieces come in order; the last one completes the hash, and no thread needs the member. */
static void take_piece(struct packing *packing, const struct xc_save_slot *slot)
{
	struct large_file *large = &packing->large;
	const struct xc_plan_item *item = &slot->item;
	const struct xc_member *member = &packing->source->tree->members.items[item->first];
	uint8_t digest[XC_SHA256_BYTES];

	if (item->offset == 0) {
		xc_hasher_begin(large->hasher);
		large->read = slot->read[0];
	}
	xc_hasher_update(large->hasher, slot->piece_digest, sizeof(slot->piece_digest));
	if (item->offset + item->length < xc_member_content_bytes(member))
		return;
	xc_hasher_finish(large->hasher, digest);
	memcpy(large->read.content_hash, digest, sizeof(large->read.content_hash));
	take_member(packing, item->first, &large->read);
}

static int take_slot(struct packing *packing, const struct xc_save_slot *slot, struct xc_err *err)
{
	if (slot->result < 0) {
		*err = slot->err;
		return -1;
	}
	if (slot->stored.len_bytes > 0 &&
	    xc_pack_writer_add(packing->writer, &slot->segment, slot->stored.data, err) < 0)
		return -1;
	if (slot->item.piece)
		take_piece(packing, slot);
	else
		take_run(packing, slot);
	xc_notes_merge(packing->opts->notes, &slot->notes);
	xc_progress_add(packing->opts->progress,
			slot->item.piece && slot->item.offset > 0 ? 0 : slot->read_count,
			slot->content_bytes, slot->stored.len_bytes);
	return xc_cancel_check(packing->source->cancel, err);
}

/* The slot's segment, and those of what did not fit into it. */
static int finish_slot(struct packing *packing, struct xc_save_slot *slot, struct xc_err *err)
{
	for (;;) {
		xc_pool_wait(packing->pool, &slot->job);
		if (take_slot(packing, slot, err) < 0)
			return -1;
		if (slot->read_count == slot->item.count)
			return 0;
		slot->item.first = slot->next;
		slot->item.count -= slot->read_count;
		xc_pool_submit(packing->pool, &slot->job);
	}
}

static int pack_items(struct packing *packing, struct xc_err *err)
{
	const struct xc_plan *plan = packing->plan;
	uint32_t submitted = 0;
	int result = 0;

	for (uint32_t taken = 0; result == 0 && taken < plan->count; taken++) {
		for (; submitted < plan->count && submitted - taken < packing->slot_count;
		     submitted++) {
			struct xc_save_slot *slot =
				&packing->slots[submitted % packing->slot_count];

			slot->item = plan->items[submitted];
			xc_pool_submit(packing->pool, &slot->job);
		}
		result = finish_slot(packing, &packing->slots[taken % packing->slot_count], err);
	}
	if (result < 0)
		atomic_store(&packing->source->failed, true);
	xc_pool_drain(packing->pool);
	/* A slot that gave up because another failed says "interrupted": tell the cause. */
	for (uint32_t i = 0; result < 0 && err->kind == XC_ERR_CANCELED && i < packing->slot_count;
	     i++)
		if (packing->slots[i].result < 0 && packing->slots[i].err.kind != XC_ERR_CANCELED)
			*err = packing->slots[i].err;
	return result;
}

/* The strong levels have tables of up to 82 MiB: fewer threads then. */
static unsigned thread_count(const struct xc_segments_opts *opts)
{
	size_t thread_bytes = 2 * XC_SEGMENT_TARGET_BYTES + xc_segment_encoder_bytes(opts->level);
	size_t left_bytes = SAVE_BYTES_MAX - SLOTS_AHEAD * XC_SEGMENT_TARGET_BYTES -
			    XC_MIN(opts->upload_bytes, UPLOAD_BYTES_MAX);
	unsigned most = (unsigned)XC_MIN(left_bytes / thread_bytes, (size_t)SAVE_THREADS_MAX);

	return XC_MIN(opts->threads, XC_MAX(most, 1u));
}

static uint32_t longest_item(const struct xc_plan *plan)
{
	uint32_t count = 1;

	for (uint32_t i = 0; i < plan->count; i++)
		count = XC_MAX(count, plan->items[i].count);
	return count;
}

int xc_save_segments(struct xc_save_source *source, const struct xc_plan *plan,
		     const struct xc_segments_opts *opts, struct xc_pack_writer *writer,
		     struct xc_err *err)
{
	unsigned threads = thread_count(opts);
	uint32_t slot_count = threads + SLOTS_AHEAD;
	cleanup_free struct xc_save_slot *slots = xc_calloc(slot_count, sizeof(*slots));
	cleanup_free void **workers = xc_calloc(threads, sizeof(*workers));
	struct packing packing = {
		.source = source,
		.plan = plan,
		.opts = opts,
		.writer = writer,
		.slots = slots,
		.slot_count = slot_count,
		.large.hasher = xc_hasher_new(),
	};
	int result;

	for (unsigned i = 0; i < threads; i++)
		workers[i] = xc_save_worker_new(source->tree, opts->level);
	for (uint32_t i = 0; i < slot_count; i++)
		xc_save_slot_init(&slots[i], source, longest_item(plan));
	packing.pool = xc_pool_new(threads, XC_POOL_FIFO, workers);
	result = pack_items(&packing, err);
	xc_pool_free(packing.pool);
	for (uint32_t i = 0; i < slot_count; i++)
		xc_save_slot_release(&slots[i]);
	for (unsigned i = 0; i < threads; i++)
		xc_save_worker_free(workers[i], &source->tree->members.arena);
	xc_hasher_free(packing.large.hasher);
	return result;
}
