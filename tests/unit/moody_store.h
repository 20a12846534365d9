/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store whose reads come late, out of order, spoilt, in part or not at all,
 * from threads of its own or at once, as its dice fall. The bytes are those of
 * another store, which answers at once. It reads, and that is all.
 */
#ifndef XC_TESTS_MOODY_STORE_H
#define XC_TESTS_MOODY_STORE_H

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "dice.h"
#include "store/store.h"

#define MOODY_READS_MAX 64
#define MOODY_THREADS   3

enum mood {
	MOOD_FINE,
	MOOD_SPOILT,    /* a byte is wrong */
	MOOD_CUT,       /* only the beginning comes, and nobody says so */
	MOOD_CUT_SHORT, /* only the beginning comes, and the store says so */
	MOOD_BROKEN,    /* nothing comes */
	MOOD_CANCELED,
};

struct moody_late {
	struct xc_store_read *read;
	enum mood mood;
	int64_t due_ns;
};

struct moody_store {
	struct xc_store base;
	struct xc_store *bytes; /* where they come from; borrowed */
	unsigned trouble;       /* percentage of reads that go wrong */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct dice dice;
	struct moody_late late[MOODY_READS_MAX];
	unsigned late_count;
	bool closing;
	atomic_uint started, ended; /* reads */
	pthread_t threads[MOODY_THREADS];
};

static inline struct moody_store *moody_of(struct xc_store *store)
{
	return (struct moody_store *)store;
}

static inline int moody_fill(struct moody_store *store, struct xc_store_read *read, enum mood mood)
{
	size_t half = (read->length + 1) / 2;
	size_t length = mood == MOOD_CUT || mood == MOOD_CUT_SHORT ? half : read->length;

	if (mood == MOOD_CANCELED)
		return xc_err_set(&read->err, XC_ERR_CANCELED, "canceled");
	if (mood == MOOD_BROKEN)
		return xc_err_set(&read->err, XC_ERR_IO, "the store is broken");
	if (xc_store_read_wait(store->bytes, read->name, read->offset, read->buffer, length,
			       &read->err) < 0)
		return -1;
	if (mood == MOOD_CUT_SHORT)
		return xc_err_set(&read->err, XC_ERR_TRANSIENT, "the answer ended early");
	if (mood == MOOD_CUT)
		memset(read->buffer + half, 0, read->length - half);
	if (mood == MOOD_SPOILT)
		read->buffer[half - 1] ^= 1;
	return 0;
}

static inline void moody_answer(struct moody_store *store, struct xc_store_read *read,
				enum mood mood)
{
	int result = moody_fill(store, read, mood);

	/* The store may be closed as soon as its last read has ended. */
	atomic_fetch_add(&store->ended, 1);
	read->done(read, result);
}

static inline void moody_read(struct xc_store *base, struct xc_store_read *read)
{
	struct moody_store *store = moody_of(base);
	enum mood mood = MOOD_FINE;
	bool at_once;

	atomic_fetch_add(&store->started, 1);
	pthread_mutex_lock(&store->lock);
	if (happens(&store->dice, store->trouble))
		mood = between(&store->dice, MOOD_SPOILT, MOOD_BROKEN);
	at_once = happens(&store->dice, 25) || store->late_count == MOODY_READS_MAX;
	if (!at_once)
		store->late[store->late_count++] = (struct moody_late){
			.read = read,
			.mood = mood,
			.due_ns = xc_clock_now_ns() + between(&store->dice, 0, 2000) * 1000,
		};
	pthread_cond_signal(&store->changed);
	pthread_mutex_unlock(&store->lock);
	if (at_once)
		moody_answer(store, read, mood);
}

static inline void moody_cancel(struct xc_store *base, struct xc_store_read *read)
{
	struct moody_store *store = moody_of(base);

	pthread_mutex_lock(&store->lock);
	for (unsigned i = 0; i < store->late_count; i++)
		if (store->late[i].read == read) {
			store->late[i].mood = MOOD_CANCELED;
			store->late[i].due_ns = 0;
		}
	pthread_cond_signal(&store->changed);
	pthread_mutex_unlock(&store->lock);
}

/* The read that is due next; with the lock held. */
static inline struct moody_late *moody_next(struct moody_store *store)
{
	struct moody_late *next = NULL;

	for (unsigned i = 0; i < store->late_count; i++)
		if (!next || store->late[i].due_ns < next->due_ns)
			next = &store->late[i];
	return next;
}

static inline void *moody_run(void *context)
{
	struct moody_store *store = context;
	struct moody_late *next, late;

	pthread_mutex_lock(&store->lock);
	while ((next = moody_next(store)) != NULL || !store->closing) {
		if (!next) {
			pthread_cond_wait(&store->changed, &store->lock);
		} else if (next->due_ns > xc_clock_now_ns()) {
			struct timespec until = {
				.tv_sec = next->due_ns / 1000000000,
				.tv_nsec = next->due_ns % 1000000000,
			};

			pthread_cond_timedwait(&store->changed, &store->lock, &until);
		} else {
			late = *next;
			*next = store->late[--store->late_count];
			pthread_mutex_unlock(&store->lock);
			moody_answer(store, late.read, late.mood);
			pthread_mutex_lock(&store->lock);
		}
	}
	pthread_mutex_unlock(&store->lock);
	return NULL;
}

static const struct xc_store_ops moody_ops = { .read = moody_read, .read_cancel = moody_cancel };

/* How many reads at once it finds worth having, and how long, is up to the dice as well. */
static inline void moody_open(struct moody_store *store, struct xc_store *bytes, struct dice *dice,
			      unsigned trouble)
{
	*store = (struct moody_store){
		.base = {
			.ops = &moody_ops,
			.read_concurrency = between(dice, 1, 6),
			.read_bytes = between(dice, 1, 30000),
		},
		.bytes = bytes,
		.trouble = trouble,
		.dice = { roll(dice) },
	};
	pthread_mutex_init(&store->lock, NULL);
	pthread_cond_init(&store->changed, NULL);
	for (unsigned i = 0; i < MOODY_THREADS; i++)
		assert_int_equal(pthread_create(&store->threads[i], NULL, moody_run, store), 0);
}

/* Answers what waits first. No read may be started any more. */
static inline void moody_close(struct moody_store *store)
{
	pthread_mutex_lock(&store->lock);
	store->closing = true;
	pthread_cond_broadcast(&store->changed);
	pthread_mutex_unlock(&store->lock);
	for (unsigned i = 0; i < MOODY_THREADS; i++)
		pthread_join(store->threads[i], NULL);
	pthread_cond_destroy(&store->changed);
	pthread_mutex_destroy(&store->lock);
}

#endif
