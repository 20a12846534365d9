/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/readahead.h"

#include <pthread.h>

struct xc_readahead {
	struct xc_store_read read;
	char *name;
	char *data; /* NULL once it was taken */
	pthread_mutex_t lock;
	pthread_cond_t ended;
	bool is_done;
	int result;
	void (*done)(struct xc_store_read *read, int result);
	void *owner;
};

static void tell(struct xc_readahead *ahead)
{
	ahead->read.owner = ahead->owner;
	ahead->done(&ahead->read, ahead->result);
}

static void note_end(struct xc_store_read *read, int result)
{
	struct xc_readahead *ahead = read->owner;

	pthread_mutex_lock(&ahead->lock);
	ahead->result = result;
	if (ahead->done)
		tell(ahead);
	/* Its memory ends with the wait for it, so signal before the lock is let go. */
	ahead->is_done = true;
	pthread_cond_broadcast(&ahead->ended);
	pthread_mutex_unlock(&ahead->lock);
}

struct xc_readahead *xc_readahead_start(struct xc_store *store, const char *pack_name,
					uint64_t offset, size_t length)
{
	char *data = malloc(length);
	struct xc_readahead *ahead;

	if (!data)
		return NULL;
	ahead = xc_calloc(1, sizeof(*ahead));
	pthread_mutex_init(&ahead->lock, NULL);
	pthread_cond_init(&ahead->ended, NULL);
	ahead->name = xc_strdup(pack_name);
	ahead->data = data;
	ahead->read = (struct xc_store_read){
		.name = ahead->name,
		.offset = offset,
		.length = length,
		.buffer = ahead->data,
		.owner = ahead,
		.done = note_end,
	};
	xc_store_read(store, &ahead->read);
	return ahead;
}

size_t xc_readahead_length(const struct xc_readahead *ahead)
{
	return ahead->read.length;
}

bool xc_readahead_holds(const struct xc_readahead *ahead, uint64_t offset, size_t length)
{
	return ahead && offset >= ahead->read.offset &&
	       offset - ahead->read.offset <= ahead->read.length &&
	       length <= ahead->read.length - (size_t)(offset - ahead->read.offset);
}

static void wait_for_end(struct xc_readahead *ahead)
{
	pthread_mutex_lock(&ahead->lock);
	while (!ahead->is_done)
		pthread_cond_wait(&ahead->ended, &ahead->lock);
	pthread_mutex_unlock(&ahead->lock);
}

int xc_readahead_wait(struct xc_readahead *ahead, uint64_t offset, const char **ret_data,
		      struct xc_err *err)
{
	wait_for_end(ahead);
	if (ahead->result < 0) {
		*err = ahead->read.err;
		return -1;
	}
	*ret_data = ahead->data + (offset - ahead->read.offset);
	return 0;
}

void xc_readahead_take(struct xc_readahead *ahead, char **ret_data, void *owner,
		       void (*done)(struct xc_store_read *read, int result))
{
	pthread_mutex_lock(&ahead->lock);
	*ret_data = STEAL_PTR(ahead->data);
	ahead->owner = owner;
	ahead->done = done;
	if (ahead->is_done)
		tell(ahead);
	pthread_mutex_unlock(&ahead->lock);
}

void xc_readahead_free(struct xc_readahead *ahead)
{
	if (!ahead)
		return;
	wait_for_end(ahead);
	pthread_cond_destroy(&ahead->ended);
	pthread_mutex_destroy(&ahead->lock);
	free(ahead->data);
	free(ahead->name);
	free(ahead);
}
