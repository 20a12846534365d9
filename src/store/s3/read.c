/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading ranges. One range is split into requests so that all connections
 * have something to do, but none into crumbs: at 1 MiB the wait for an
 * answer's start already takes as long as its bytes.
 */
#include <stdlib.h>

#include "store/s3/internal.h"

#define PIECE_BYTES_MIN ((size_t)1 << 20)
#define PIECE_BYTES_MAX ((size_t)8 << 20)

struct s3_read {
	struct xc_s3_store *store;
	struct xc_store_read *read;
	char *key;
	atomic_uint left;
	atomic_flag failed; /* whoever sets it tells why */
	atomic_bool has_failed;
	struct xc_s3_read pieces[];
};

static void end_read(struct s3_read *self)
{
	struct xc_store_read *read = self->read;
	int result = atomic_load(&self->has_failed) ? -1 : 0;

	free(self->key);
	free(self);
	read->done(read, result);
}

static void piece_done(struct xc_s3_read *piece, int result)
{
	struct s3_read *self = piece->owner;

	atomic_fetch_sub(&self->store->reading_bytes, piece->length);
	if (result < 0 && !atomic_flag_test_and_set(&self->failed)) {
		self->read->err = piece->err;
		atomic_store(&self->has_failed, true);
	}
	if (atomic_fetch_sub(&self->left, 1) == 1)
		end_read(self);
}

static size_t choose_piece_bytes(struct xc_s3_store *store, size_t length)
{
	uint64_t outstanding_bytes =
		atomic_fetch_add(&store->reading_bytes, length) + (uint64_t)length;
	struct xc_http_counters counters;
	uint64_t share_bytes;

	xc_http_count(xc_s3_http(store->s3), &counters);
	/* More pieces than connections: only while some wait, more connections are tried. */
	share_bytes = outstanding_bytes * 2 / 3 / XC_MAX(counters.connections, 1u);
	if (share_bytes <= PIECE_BYTES_MIN)
		return PIECE_BYTES_MIN;
	return (size_t)XC_MIN(share_bytes, (uint64_t)PIECE_BYTES_MAX);
}

void xc_s3_store_read(struct xc_store *base, struct xc_store_read *read)
{
	struct xc_s3_store *store = xc_s3_store(base);
	size_t piece_bytes, count, step;
	struct s3_read *self;
	char *key;

	if (xc_s3_store_key(store, read->name, &key, &read->err) < 0) {
		read->done(read, -1);
		return;
	}
	piece_bytes = choose_piece_bytes(store, read->length);
	/* Of one size, rather than a crumb at the end; a little more than a piece is one, too. */
	count = XC_MAX((read->length + piece_bytes / 2) / piece_bytes, (size_t)1);
	step = (read->length - 1) / count + 1;
	count = (read->length - 1) / step + 1;
	self = xc_calloc(1, sizeof(*self) + count * sizeof(self->pieces[0]));
	self->store = store;
	self->read = read;
	self->key = key;
	atomic_store(&self->left, (unsigned)count);
	/* The last piece may be done, and all of this gone, before its submit returns. */
	for (size_t i = 0; i < count; i++) {
		size_t at = i * step;

		self->pieces[i] = (struct xc_s3_read){
			.key = key,
			.offset = read->offset + at,
			.length = XC_MIN(step, read->length - at),
			.buffer = read->buffer + at,
			.priority = read->priority,
			.canceled = &read->canceled,
			.owner = self,
			.done = piece_done,
		};
		xc_s3_read(store->s3, &self->pieces[i]);
	}
}

void xc_s3_store_read_cancel(struct xc_store *base, struct xc_store_read *read)
{
	xc_http_cancel(xc_s3_http(xc_s3_store(base)->s3), &read->canceled);
}
