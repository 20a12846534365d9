/* SPDX-License-Identifier: Apache-2.0 */
/* A store of one pack that a test holds back, spoils and breaks. After cmocka.h. */
#ifndef XC_TESTS_HELD_STORE_H
#define XC_TESTS_HELD_STORE_H

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "store/store.h"

struct held_store {
	struct xc_store base;
	struct xc_buf pack;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool hold; /* reads wait until they are let go */
	struct xc_store_read *held[64];
	unsigned held_count;
	unsigned started;  /* reads */
	unsigned canceled; /* of those that were held */
	unsigned spoil;    /* so many reads come with a wrong byte */
	uint64_t fail_at;  /* reads of this offset fail */
	bool broken;       /* all fail */
};

static inline struct held_store *held_of(struct xc_store *store)
{
	return (struct held_store *)store;
}

static inline void held_answer(struct held_store *store, struct xc_store_read *read)
{
	bool spoil, fail;

	pthread_mutex_lock(&store->lock);
	spoil = store->spoil > 0;
	store->spoil -= spoil;
	fail = store->broken || read->offset == store->fail_at;
	pthread_mutex_unlock(&store->lock);
	memcpy(read->buffer, store->pack.data + read->offset, read->length);
	if (spoil)
		read->buffer[read->length / 2] ^= 1;
	read->done(read, fail ? xc_err_set(&read->err, XC_ERR_IO, "the store is broken") : 0);
}

static inline void held_read(struct xc_store *base, struct xc_store_read *read)
{
	struct held_store *store = held_of(base);
	bool hold;

	pthread_mutex_lock(&store->lock);
	store->started++;
	hold = store->hold;
	if (hold)
		store->held[store->held_count++] = read;
	pthread_cond_broadcast(&store->changed);
	pthread_mutex_unlock(&store->lock);
	if (!hold)
		held_answer(store, read);
}

/* The read of an offset, if it is held: no longer. */
static inline struct xc_store_read *held_take(struct held_store *store, uint64_t offset)
{
	struct xc_store_read *read = NULL;

	pthread_mutex_lock(&store->lock);
	for (unsigned i = 0; i < store->held_count; i++)
		if (store->held[i]->offset == offset) {
			read = store->held[i];
			store->held[i] = store->held[--store->held_count];
			break;
		}
	pthread_mutex_unlock(&store->lock);
	return read;
}

static inline void *held_end_canceled(void *context)
{
	struct xc_store_read *read = context;

	read->done(read, xc_err_set(&read->err, XC_ERR_CANCELED, "canceled"));
	return NULL;
}

static inline void held_cancel(struct xc_store *base, struct xc_store_read *read)
{
	struct xc_store_read *held = held_take(held_of(base), read->offset);
	pthread_t thread;

	if (!held)
		return;
	held_of(base)->canceled++;
	assert_int_equal(pthread_create(&thread, NULL, held_end_canceled, held), 0);
	pthread_detach(thread);
}

static const struct xc_store_ops held_ops = { .read = held_read, .read_cancel = held_cancel };

static inline void wait_for_started(struct held_store *store, unsigned count)
{
	pthread_mutex_lock(&store->lock);
	while (store->started < count)
		pthread_cond_wait(&store->changed, &store->lock);
	pthread_mutex_unlock(&store->lock);
}

static inline void let_go(struct held_store *store, uint64_t offset)
{
	struct xc_store_read *read = held_take(store, offset);

	assert_non_null(read);
	held_answer(store, read);
}

/* All that are held, and all to come. */
static inline void let_all_go(struct held_store *store)
{
	struct xc_store_read *held[64];
	unsigned count;

	pthread_mutex_lock(&store->lock);
	store->hold = false;
	count = store->held_count;
	memcpy(held, store->held, count * sizeof(struct xc_store_read *));
	store->held_count = 0;
	pthread_mutex_unlock(&store->lock);
	for (unsigned i = 0; i < count; i++)
		held_answer(store, held[i]);
}

/* Each segment is a range of its own. */
static inline void held_open(struct held_store *store)
{
	store->base = (struct xc_store){
		.ops = &held_ops,
		.read_concurrency = 2,
		.read_bytes = 1,
	};
	store->fail_at = UINT64_MAX;
	pthread_mutex_init(&store->lock, NULL);
	pthread_cond_init(&store->changed, NULL);
}

static inline void held_close(struct held_store *store)
{
	xc_buf_release(&store->pack);
	pthread_cond_destroy(&store->changed);
	pthread_mutex_destroy(&store->lock);
}

#endif
