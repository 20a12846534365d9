/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing large objects. Bytes gather in a part's buffer; when it is full
 * and more comes, the upload in parts begins and the part goes out while the
 * next one fills. What fits in one part is a single PUT at commit. Buffers
 * are few: append waits for one, so memory is bounded.
 *
 * There may be 10,000 parts. All are of one size, as some servers demand,
 * until 6,000 of them are there; then the size doubles with every 1,000:
 * 560 GiB in all when parts begin with 16 MiB. Servers that want equal parts
 * stay at 10,000 of the first size. More needs part-size=.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "store/s3/internal.h"

#define EQUAL_PARTS 6000
#define GROW_AFTER  1000
/* Of which there are fewer in flight when they have grown. */
#define IN_FLIGHT_BYTES_MAX ((size_t)64 << 20)

struct s3_upload;

struct part_buffer {
	struct xc_s3_part part;
	struct s3_upload *upload;
	char *data;
	size_t capacity_bytes, used_bytes;
	bool busy; /* on its way; under the lock */
};

struct s3_upload {
	struct xc_upload base;
	char *key;
	char *upload_id; /* NULL until there is a second part */
	struct part_buffer buffers[XC_S3_PARTS_IN_FLIGHT + 1];
	struct part_buffer *filling; /* NULL: none yet */
	uint64_t total_bytes;
	unsigned count; /* of the parts that went out */
	atomic_bool canceled;

	pthread_mutex_t lock; /* what follows */
	pthread_cond_t changed;
	struct xc_s3_completed *completed;
	unsigned completed_capacity;
	unsigned in_flight;
	bool failed;
	struct xc_err err;
};

static struct xc_s3_store *store_of(const struct s3_upload *upload)
{
	return xc_s3_store(upload->base.store);
}

/* The size of part `number`, counted from 1. */
static size_t size_of_part(const struct xc_s3_store *store, unsigned number)
{
	if (store->equal_parts || number <= EQUAL_PARTS)
		return store->part_bytes;
	return store->part_bytes << ((number - EQUAL_PARTS - 1) / GROW_AFTER + 1);
}

int xc_s3_store_upload_begin(struct xc_store *store, const char *name,
			     struct xc_upload **ret_upload, struct xc_err *err)
{
	struct s3_upload *upload;
	char *key;

	if (xc_s3_store_key(xc_s3_store(store), name, &key, err) < 0)
		return -1;
	upload = xc_calloc(1, sizeof(*upload));
	upload->base.store = store;
	upload->key = key;
	pthread_mutex_init(&upload->lock, NULL);
	pthread_cond_init(&upload->changed, NULL);
	for (size_t i = 0; i < ARRAY_LEN(upload->buffers); i++)
		upload->buffers[i].upload = upload;
	*ret_upload = &upload->base;
	return 0;
}

static void part_done(struct xc_s3_part *part, int result)
{
	struct part_buffer *buffer = part->owner;
	struct s3_upload *upload = buffer->upload;

	pthread_mutex_lock(&upload->lock);
	if (result == 0) {
		upload->completed[part->number - 1] = part->completed;
	} else if (!upload->failed) {
		upload->failed = true;
		upload->err = part->err;
		/* The others need not be tried again. */
		atomic_store(&upload->canceled, true);
	}
	buffer->busy = false;
	upload->in_flight--;
	pthread_cond_signal(&upload->changed);
	pthread_mutex_unlock(&upload->lock);
}

/* With the lock held. */
static int outcome(const struct s3_upload *upload, struct xc_err *err)
{
	if (!upload->failed)
		return 0;
	*err = upload->err;
	return -1;
}

static int wait_for_all(struct s3_upload *upload, struct xc_err *err)
{
	int result;

	pthread_mutex_lock(&upload->lock);
	while (upload->in_flight > 0)
		pthread_cond_wait(&upload->changed, &upload->lock);
	result = outcome(upload, err);
	pthread_mutex_unlock(&upload->lock);
	return result;
}

static unsigned most_in_flight(const struct s3_upload *upload, size_t part_bytes)
{
	size_t fit = IN_FLIGHT_BYTES_MAX / part_bytes;

	return XC_MIN(store_of(upload)->parts_in_flight, (unsigned)XC_MAX(fit, (size_t)1));
}

/* A buffer that is free and may be filled, with the lock held; NULL if one has to be waited for. */
static struct part_buffer *find_buffer(struct s3_upload *upload, size_t part_bytes)
{
	if (upload->in_flight >= most_in_flight(upload, part_bytes) && upload->in_flight > 0)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(upload->buffers); i++)
		if (!upload->buffers[i].busy)
			return &upload->buffers[i];
	return NULL;
}

/* Make `filling` an empty buffer for the next part. */
static int next_buffer(struct s3_upload *upload, struct xc_err *err)
{
	size_t part_bytes = size_of_part(store_of(upload), upload->count + 1);
	struct part_buffer *buffer = NULL;
	int result;

	pthread_mutex_lock(&upload->lock);
	while ((result = outcome(upload, err)) == 0 && !(buffer = find_buffer(upload, part_bytes)))
		pthread_cond_wait(&upload->changed, &upload->lock);
	pthread_mutex_unlock(&upload->lock);
	if (result < 0)
		return -1;
	if (buffer->capacity_bytes != part_bytes) {
		free(buffer->data);
		buffer->data = malloc(part_bytes);
		buffer->capacity_bytes = buffer->data ? part_bytes : 0;
		if (!buffer->data)
			return xc_err_set(err, XC_ERR_IO,
					  "there is no memory for a part of %zu bytes; choose a "
					  "smaller part-size",
					  part_bytes);
	}
	buffer->used_bytes = 0;
	upload->filling = buffer;
	return 0;
}

static int too_many_parts(const struct s3_upload *upload, struct xc_err *err)
{
	return xc_err_set(err, XC_ERR_USAGE,
			  "the object '%s' does not fit in %d parts of %zu MiB; give the store's "
			  "URL a larger part-size",
			  XC_QUOTE(upload->key), XC_S3_PARTS_MAX,
			  store_of(upload)->part_bytes >> 20);
}

/* Send off the part that was filled. */
static int send_part(struct s3_upload *upload, struct xc_err *err)
{
	struct xc_s3 *s3 = store_of(upload)->s3;
	struct part_buffer *buffer = upload->filling;
	int result;

	if (upload->count == XC_S3_PARTS_MAX)
		return too_many_parts(upload, err);
	if (!upload->upload_id && xc_s3_upload_create(s3, upload->key, &upload->upload_id, err) < 0)
		return -1;
	upload->filling = NULL;
	upload->count++;
	buffer->part = (struct xc_s3_part){
		.key = upload->key,
		.upload_id = upload->upload_id,
		.number = upload->count,
		.data = buffer->data,
		.length = buffer->used_bytes,
		.owner = buffer,
		.canceled = &upload->canceled,
		.done = part_done,
	};
	pthread_mutex_lock(&upload->lock);
	result = outcome(upload, err);
	if (result == 0) {
		if (upload->count > upload->completed_capacity) {
			upload->completed_capacity = XC_MAX(2 * upload->completed_capacity, 16u);
			upload->completed =
				xc_realloc(upload->completed,
					   upload->completed_capacity * sizeof(*upload->completed));
		}
		buffer->busy = true;
		upload->in_flight++;
	}
	pthread_mutex_unlock(&upload->lock);
	if (result == 0)
		xc_s3_part(s3, &buffer->part);
	return result;
}

int xc_s3_store_upload_append(struct xc_upload *base, const void *data, size_t length,
			      struct xc_err *err)
{
	struct s3_upload *upload = (struct s3_upload *)base;
	const char *from = data;

	while (length > 0) {
		struct part_buffer *buffer = upload->filling;
		size_t fits;

		if (buffer && buffer->used_bytes == buffer->capacity_bytes) {
			if (send_part(upload, err) < 0)
				return -1;
			buffer = NULL;
		}
		if (!buffer && next_buffer(upload, err) < 0)
			return -1;
		buffer = upload->filling;
		fits = XC_MIN(length, buffer->capacity_bytes - buffer->used_bytes);
		memcpy(buffer->data + buffer->used_bytes, from, fits);
		buffer->used_bytes += fits;
		upload->total_bytes += fits;
		from += fits;
		length -= fits;
	}
	return 0;
}

static int commit(struct s3_upload *upload, struct xc_err *err)
{
	struct xc_s3 *s3 = store_of(upload)->s3;
	struct part_buffer *buffer = upload->filling;
	struct xc_s3_upload whole;
	int result;

	if (!upload->upload_id)
		return xc_s3_put(s3, upload->key, buffer ? buffer->data : NULL,
				 buffer ? buffer->used_bytes : 0, false, err);
	if (buffer && send_part(upload, err) < 0)
		return -1;
	if (wait_for_all(upload, err) < 0)
		return -1;
	whole = (struct xc_s3_upload){
		.key = upload->key,
		.upload_id = upload->upload_id,
		.parts = upload->completed,
		.count = upload->count,
		.total_bytes = upload->total_bytes,
	};
	result = xc_s3_upload_complete(s3, &whole, err);
	if (result == 0) {
		/* There is nothing left to take back. */
		free(upload->upload_id);
		upload->upload_id = NULL;
	}
	return result;
}

/* S3 keeps the parts, and counts them, until somebody takes them back. */
static void take_back(struct s3_upload *upload)
{
	struct xc_err ignored;

	atomic_store(&upload->canceled, true);
	/* Parts that arrive after the abort would stay. */
	(void)!wait_for_all(upload, &ignored);
	if (upload->upload_id)
		(void)!xc_s3_upload_abort(store_of(upload)->s3, upload->key, upload->upload_id,
					  &ignored);
}

void xc_s3_store_upload_abort(struct xc_upload *base)
{
	struct s3_upload *upload = (struct s3_upload *)base;

	take_back(upload);
	for (size_t i = 0; i < ARRAY_LEN(upload->buffers); i++)
		free(upload->buffers[i].data);
	pthread_cond_destroy(&upload->changed);
	pthread_mutex_destroy(&upload->lock);
	free(upload->completed);
	free(upload->upload_id);
	free(upload->key);
	free(upload);
}

int xc_s3_store_upload_commit(struct xc_upload *base, struct xc_err *err)
{
	int result = commit((struct s3_upload *)base, err);

	xc_s3_store_upload_abort(base);
	return result;
}
