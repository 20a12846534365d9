/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wait for something that ends once, on another thread. Calling order: init;
 * what ends calls xc_waiter_end; wait, as often as need be; release.
 */
#ifndef XC_BASE_WAITER_H
#define XC_BASE_WAITER_H

#include <pthread.h>
#include <stdbool.h>

struct xc_waiter {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool ended;
	int result;
};

void xc_waiter_init(struct xc_waiter *waiter);
/* Only once it has ended, or if nothing will end it. */
void xc_waiter_release(struct xc_waiter *waiter);

/*
 * It has ended, with `result`. The waiter's memory may be gone when this
 * returns: whoever waits may release it at once.
 */
void xc_waiter_end(struct xc_waiter *waiter, int result);

/* Blocks until it has ended. Returns the result. */
int xc_waiter_wait(struct xc_waiter *waiter);

#endif
