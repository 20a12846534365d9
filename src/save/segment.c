/* SPDX-License-Identifier: Apache-2.0 */
#include "save/segment.h"

struct xc_save_worker {
	struct xc_member_reader *reader;
	struct xc_segment_encoder *encoder;
	struct xc_buf raw;
};

struct xc_save_worker *xc_save_worker_new(struct xc_tree *tree, int level)
{
	struct xc_save_worker *worker = xc_calloc(1, sizeof(*worker));

	worker->reader = xc_member_reader_new(tree);
	worker->encoder = xc_segment_encoder_new(level);
	xc_buf_init(&worker->raw, XC_SEGMENT_RAW_MAX);
	return worker;
}

void xc_save_worker_free(struct xc_save_worker *worker, struct xc_arena *arena)
{
	if (!worker)
		return;
	xc_member_reader_free(worker->reader, arena);
	xc_segment_encoder_free(worker->encoder);
	xc_buf_release(&worker->raw);
	free(worker);
}

void xc_save_slot_init(struct xc_save_slot *slot, struct xc_save_source *source, uint32_t count_max)
{
	*slot = (struct xc_save_slot){ .job.run = xc_save_segment_run, .source = source };
	slot->read = xc_malloc(count_max * sizeof(*slot->read));
	xc_buf_init(&slot->stored, XC_SEGMENT_STORED_MAX);
}

void xc_save_slot_release(struct xc_save_slot *slot)
{
	xc_buf_release(&slot->stored);
	xc_notes_release(&slot->notes);
	free(slot->read);
}

static bool gives_up(const struct xc_save_slot *slot)
{
	return atomic_load_explicit(&slot->source->failed, memory_order_relaxed) ||
	       xc_cancel_requested(slot->source->cancel);
}

static int build_run(struct xc_save_worker *worker, struct xc_save_slot *slot)
{
	const struct xc_member *members = slot->source->tree->members.items;
	uint32_t at = slot->item.first;

	for (; slot->read_count < slot->item.count;
	     at = xc_member_set_next(slot->source->set, at + 1)) {
		struct xc_member_read *read = &slot->read[slot->read_count];

		if (gives_up(slot))
			return xc_err_set(&slot->err, XC_ERR_CANCELED, "interrupted");
		if (slot->read_count > 0 &&
		    worker->raw.len_bytes + xc_member_span_bytes(&members[at]) >
			    XC_SEGMENT_TARGET_BYTES)
			break;
		if (xc_member_reader_add(worker->reader, at, read, &slot->err) < 0)
			return -1;
		slot->content_bytes +=
			xc_member_content_bytes(read->changed ? read->changed : &members[at]);
		slot->read_count++;
	}
	slot->next = at;
	return 0;
}

static int build_piece(struct xc_save_worker *worker, struct xc_save_slot *slot)
{
	const struct xc_file_piece piece = { .position = slot->item.first,
					     .offset = slot->item.offset,
					     .length = (size_t)slot->item.length };

	if (gives_up(slot))
		return xc_err_set(&slot->err, XC_ERR_CANCELED, "interrupted");
	if (xc_member_reader_add_piece(worker->reader, &piece, slot->piece_digest, slot->read,
				       &slot->err) < 0)
		return -1;
	slot->content_bytes = piece.length;
	slot->read_count = 1;
	return 0;
}

void xc_save_segment_run(struct xc_job *job, void *context)
{
	struct xc_save_slot *slot = (struct xc_save_slot *)job;
	struct xc_save_worker *worker = context;

	xc_buf_clear(&worker->raw);
	slot->content_bytes = 0;
	slot->read_count = 0;
	xc_notes_release(&slot->notes);
	xc_member_reader_begin(worker->reader, &worker->raw, &slot->notes);
	slot->result = slot->item.piece ? build_piece(worker, slot) : build_run(worker, slot);
	xc_buf_clear(&slot->stored);
	if (slot->result == 0 && worker->raw.len_bytes > 0)
		slot->result =
			xc_segment_encode(worker->encoder, worker->raw.data, worker->raw.len_bytes,
					  &slot->stored, &slot->segment, &slot->err);
	if (slot->result < 0)
		atomic_store_explicit(&slot->source->failed, true, memory_order_relaxed);
}
