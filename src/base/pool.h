/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool of worker threads. Jobs are structs of the caller with a struct
 * xc_job inside; the pool allocates nothing per job. What bounds the work in
 * flight is the caller's fixed set of jobs: a job is waited for before it is
 * submitted again, and waiting in the order of submission gives the results
 * in that order, whatever the number of threads.
 *
 * With one thread there is no thread: submit runs the job before it returns
 * (jobs that are submitted meanwhile, by the job or elsewhere, follow it). Both
 * ways pass the same tests.
 *
 * submit may be called from any thread, also from running jobs; wait and drain
 * from any thread but those of running jobs; free from the pool's maker.
 */
#ifndef XC_BASE_POOL_H
#define XC_BASE_POOL_H

#include <stdbool.h>

#include "base/compiler.h"

struct xc_pool;

struct xc_job {
	/* `worker` is the context of the thread that runs the job. */
	void (*run)(struct xc_job *job, void *worker);
	struct xc_job *next; /* the pool's */
	bool pending;        /* the pool's: submitted and not yet finished */
};

enum xc_pool_order {
	XC_POOL_FIFO,
	XC_POOL_LIFO, /* newest first: depth before breadth */
};

#define XC_POOL_THREADS_MAX 256

/*
 * A pool of `threads` (1 to XC_POOL_THREADS_MAX). workers[i] is handed to the
 * jobs of thread i; `workers` is borrowed and may be NULL.
 */
struct xc_pool *xc_pool_new(unsigned threads, enum xc_pool_order order, void *const *workers);

/* Waits for all jobs, ends the threads and frees. NULL is allowed. */
void xc_pool_free(struct xc_pool *pool);

/* Hand over a job that is not pending. The job's memory stays until it has finished. */
void xc_pool_submit(struct xc_pool *pool, struct xc_job *job);

/* Wait until a job is not pending. One that was never submitted is not. */
void xc_pool_wait(struct xc_pool *pool, struct xc_job *job);

/* Wait until no job is pending, those that jobs submitted included. */
void xc_pool_drain(struct xc_pool *pool);

#endif
