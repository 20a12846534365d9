/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/stream.h"

#include <pthread.h>
#include <stdbool.h>

enum chunk_state {
	CHUNK_FREE,
	CHUNK_READING,
	CHUNK_READY, /* or failed: see result */
};

struct chunk {
	struct xc_store_read read;
	char *data;
	enum chunk_state state; /* under the lock */
	int result;
};

struct xc_stream {
	struct xc_store *store;
	const char *name;
	uint64_t size_bytes;
	uint64_t asked_bytes; /* what reads were started for */
	struct chunk chunks[XC_STREAM_READS_MAX];
	unsigned count; /* of chunks that are used */
	unsigned next;  /* the chunk that holds what comes next */
	bool lent;      /* chunk `next` was given to the caller */
	pthread_mutex_t lock;
	pthread_cond_t ended;
};

static void note_end(struct xc_store_read *read, int result)
{
	struct chunk *chunk = (struct chunk *)read;
	struct xc_stream *stream = read->owner;

	/* The stream's memory ends with the wait for this, so signal before the lock is let go. */
	pthread_mutex_lock(&stream->lock);
	chunk->result = result;
	chunk->state = CHUNK_READY;
	pthread_cond_signal(&stream->ended);
	pthread_mutex_unlock(&stream->lock);
}

static void start_read(struct xc_stream *stream, struct chunk *chunk)
{
	uint64_t left = stream->size_bytes - stream->asked_bytes;
	size_t length = (size_t)XC_MIN(left, (uint64_t)XC_STREAM_READ_BYTES);

	chunk->state = CHUNK_FREE;
	if (length == 0)
		return;
	if (!chunk->data)
		chunk->data = xc_malloc(length);
	chunk->read = (struct xc_store_read){
		.name = stream->name,
		.offset = stream->asked_bytes,
		.length = length,
		.buffer = chunk->data,
		.owner = stream,
		.done = note_end,
	};
	chunk->state = CHUNK_READING;
	stream->asked_bytes += length;
	xc_store_read(stream->store, &chunk->read);
}

struct xc_stream *xc_stream_new(struct xc_store *store, const char *name, uint64_t size_bytes)
{
	struct xc_stream *stream = xc_calloc(1, sizeof(*stream));

	stream->store = store;
	stream->name = name;
	stream->size_bytes = size_bytes;
	stream->count = XC_MAX(1u, XC_MIN(store->read_concurrency, (unsigned)XC_STREAM_READS_MAX));
	pthread_mutex_init(&stream->lock, NULL);
	pthread_cond_init(&stream->ended, NULL);
	for (unsigned i = 0; i < stream->count; i++)
		start_read(stream, &stream->chunks[i]);
	return stream;
}

static void wait_for(struct xc_stream *stream, const struct chunk *chunk)
{
	pthread_mutex_lock(&stream->lock);
	while (chunk->state == CHUNK_READING)
		pthread_cond_wait(&stream->ended, &stream->lock);
	pthread_mutex_unlock(&stream->lock);
}

void xc_stream_free(struct xc_stream *stream)
{
	if (!stream)
		return;
	for (unsigned i = 0; i < stream->count; i++) {
		wait_for(stream, &stream->chunks[i]);
		free(stream->chunks[i].data);
	}
	pthread_cond_destroy(&stream->ended);
	pthread_mutex_destroy(&stream->lock);
	free(stream);
}

int xc_stream_read(struct xc_stream *stream, const char **ret_data, size_t *ret_length,
		   struct xc_err *err)
{
	struct chunk *chunk = &stream->chunks[stream->next];

	if (stream->lent) {
		start_read(stream, chunk);
		stream->next = (stream->next + 1) % stream->count;
		stream->lent = false;
		chunk = &stream->chunks[stream->next];
	}
	wait_for(stream, chunk);
	if (chunk->state == CHUNK_FREE) {
		*ret_data = "";
		*ret_length = 0;
		return 0;
	}
	if (chunk->result < 0) {
		*err = chunk->read.err;
		return -1;
	}
	*ret_data = chunk->data;
	*ret_length = chunk->read.length;
	stream->lent = true;
	return 0;
}
