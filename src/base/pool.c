/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"

#include <pthread.h>
#include <signal.h>

#include "base/err.h"

struct worker_thread {
	struct xc_pool *pool;
	pthread_t thread;
	void *context;
};

struct xc_pool {
	pthread_mutex_t mutex;
	pthread_cond_t work;     /* a job was queued, or the pool ends */
	pthread_cond_t finished; /* a job that somebody waits for finished */
	struct xc_job *first, *last;
	enum xc_pool_order order;
	size_t pending;   /* queued and running */
	unsigned waiting; /* threads that sleep on `finished` */
	bool ending;
	bool serial_busy; /* no threads: a submit runs the queue, perhaps further up the stack */
	unsigned count;   /* threads; 0 if serial */
	void *serial_context;
	struct worker_thread threads[];
};

static void push(struct xc_pool *pool, struct xc_job *job)
{
	job->pending = true;
	job->next = NULL;
	pool->pending++;
	if (!pool->first) {
		pool->first = pool->last = job;
	} else if (pool->order == XC_POOL_LIFO) {
		job->next = pool->first;
		pool->first = job;
	} else {
		pool->last->next = job;
		pool->last = job;
	}
}

static struct xc_job *pop(struct xc_pool *pool)
{
	struct xc_job *job = pool->first;

	if (job)
		pool->first = job->next;
	return job;
}

static void finish(struct xc_pool *pool, struct xc_job *job)
{
	job->pending = false;
	pool->pending--;
	if (pool->waiting > 0)
		pthread_cond_broadcast(&pool->finished);
}

static void *work_loop(void *arg)
{
	struct worker_thread *self = arg;
	struct xc_pool *pool = self->pool;

	pthread_mutex_lock(&pool->mutex);
	for (;;) {
		struct xc_job *job = pop(pool);

		if (!job) {
			if (pool->ending)
				break;
			pthread_cond_wait(&pool->work, &pool->mutex);
			continue;
		}
		pthread_mutex_unlock(&pool->mutex);
		job->run(job, self->context);
		pthread_mutex_lock(&pool->mutex);
		finish(pool, job);
	}
	pthread_mutex_unlock(&pool->mutex);
	return NULL;
}

static void start_threads(struct xc_pool *pool, unsigned threads, void *const *workers)
{
	sigset_t all, before;

	/* Signals go to the thread that can answer them. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (unsigned i = 0; i < threads; i++) {
		struct worker_thread *worker = &pool->threads[i];

		worker->pool = pool;
		worker->context = workers ? workers[i] : NULL;
		if (pthread_create(&worker->thread, NULL, work_loop, worker) != 0)
			break;
		pool->count++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct xc_pool *xc_pool_new(unsigned threads, enum xc_pool_order order, void *const *workers)
{
	struct xc_pool *pool = xc_calloc(1, sizeof(*pool) + threads * sizeof(struct worker_thread));

	pool->order = order;
	pthread_mutex_init(&pool->mutex, NULL);
	pthread_cond_init(&pool->work, NULL);
	pthread_cond_init(&pool->finished, NULL);
	pool->serial_context = workers ? workers[0] : NULL;
	/* Where not even one thread can be had, the work is done all the same. */
	if (threads > 1)
		start_threads(pool, threads, workers);
	return pool;
}

void xc_pool_free(struct xc_pool *pool)
{
	if (!pool)
		return;
	pthread_mutex_lock(&pool->mutex);
	pool->ending = true;
	pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->mutex);
	for (unsigned i = 0; i < pool->count; i++)
		pthread_join(pool->threads[i].thread, NULL);
	pthread_cond_destroy(&pool->finished);
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->mutex);
	free(pool);
}

/* With the mutex held, which is let go while a job runs. */
static void run_serially(struct xc_pool *pool)
{
	struct xc_job *job;

	if (pool->serial_busy)
		return;
	pool->serial_busy = true;
	while ((job = pop(pool)) != NULL) {
		pthread_mutex_unlock(&pool->mutex);
		job->run(job, pool->serial_context);
		pthread_mutex_lock(&pool->mutex);
		finish(pool, job);
	}
	pool->serial_busy = false;
}

void xc_pool_submit(struct xc_pool *pool, struct xc_job *job)
{
	pthread_mutex_lock(&pool->mutex);
	push(pool, job);
	if (pool->count == 0)
		run_serially(pool);
	else
		pthread_cond_signal(&pool->work);
	pthread_mutex_unlock(&pool->mutex);
}

void xc_pool_wait(struct xc_pool *pool, struct xc_job *job)
{
	pthread_mutex_lock(&pool->mutex);
	pool->waiting++;
	while (job->pending)
		pthread_cond_wait(&pool->finished, &pool->mutex);
	pool->waiting--;
	pthread_mutex_unlock(&pool->mutex);
}

void xc_pool_drain(struct xc_pool *pool)
{
	pthread_mutex_lock(&pool->mutex);
	pool->waiting++;
	while (pool->pending > 0)
		pthread_cond_wait(&pool->finished, &pool->mutex);
	pool->waiting--;
	pthread_mutex_unlock(&pool->mutex);
}
