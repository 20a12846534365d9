/* SPDX-License-Identifier: Apache-2.0 */
#include "base/waiter.h"

void xc_waiter_init(struct xc_waiter *waiter)
{
	*waiter = (struct xc_waiter){ .ended = false };
	pthread_mutex_init(&waiter->lock, NULL);
	pthread_cond_init(&waiter->changed, NULL);
}

void xc_waiter_release(struct xc_waiter *waiter)
{
	pthread_cond_destroy(&waiter->changed);
	pthread_mutex_destroy(&waiter->lock);
}

void xc_waiter_end(struct xc_waiter *waiter, int result)
{
	pthread_mutex_lock(&waiter->lock);
	waiter->result = result;
	waiter->ended = true;
	/* Under the lock: once it is let go, the waiter may be released. */
	pthread_cond_broadcast(&waiter->changed);
	pthread_mutex_unlock(&waiter->lock);
}

int xc_waiter_wait(struct xc_waiter *waiter)
{
	int result;

	pthread_mutex_lock(&waiter->lock);
	while (!waiter->ended)
		pthread_cond_wait(&waiter->changed, &waiter->lock);
	result = waiter->result;
	pthread_mutex_unlock(&waiter->lock);
	return result;
}
