/* SPDX-License-Identifier: Apache-2.0 */
/* The pool gives the same results for every number of threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/pool.h"

static const unsigned thread_counts[] = { 1, 2, 8, XC_POOL_THREADS_MAX };

#define JOBS 500

struct square {
	struct xc_job job; /* first, so that the job leads here */
	uint64_t number, result;
	unsigned runs;
};

static void run_square(struct xc_job *job, void *worker)
{
	struct square *square = (struct square *)job;

	(void)worker;
	/* So that later jobs overtake earlier ones. */
	if (square->number % 7 == 0)
		usleep(200);
	square->result = square->number * square->number;
	square->runs++;
}

/* Waiting in the order of submission gives the results in that order. */
static void waits_in_order(void **state)
{
	(void)state;
	for (size_t t = 0; t < ARRAY_LEN(thread_counts); t++) {
		static struct square jobs[JOBS];
		struct xc_pool *pool = xc_pool_new(thread_counts[t], XC_POOL_FIFO, NULL);

		for (unsigned i = 0; i < JOBS; i++) {
			jobs[i] = (struct square){ .job = { .run = run_square }, .number = i };
			xc_pool_submit(pool, &jobs[i].job);
		}
		for (unsigned i = 0; i < JOBS; i++) {
			xc_pool_wait(pool, &jobs[i].job);
			assert_int_equal(jobs[i].result, i * i);
			assert_int_equal(jobs[i].runs, 1);
			assert_false(jobs[i].job.pending);
		}
		xc_pool_free(pool);
	}
}

/* A few slots for many jobs, each waited for before it is used again: what a save does. */
static void reuses_slots(void **state)
{
	(void)state;
	for (size_t t = 0; t < ARRAY_LEN(thread_counts); t++) {
		struct square slots[5] = { 0 };
		struct xc_pool *pool = xc_pool_new(thread_counts[t], XC_POOL_FIFO, NULL);
		uint64_t submitted = 0, sum = 0;

		for (uint64_t taken = 0; taken < JOBS; taken++) {
			for (; submitted < JOBS && submitted - taken < ARRAY_LEN(slots);
			     submitted++) {
				struct square *slot = &slots[submitted % ARRAY_LEN(slots)];

				slot->job.run = run_square;
				slot->number = submitted;
				xc_pool_submit(pool, &slot->job);
			}
			xc_pool_wait(pool, &slots[taken % ARRAY_LEN(slots)].job);
			assert_int_equal(slots[taken % ARRAY_LEN(slots)].number, taken);
			sum += slots[taken % ARRAY_LEN(slots)].result;
		}
		assert_int_equal(sum, (uint64_t)JOBS * (JOBS - 1) * (2 * JOBS - 1) / 6);
		xc_pool_free(pool);
	}
}

struct node {
	struct xc_job job; /* first, so that the job leads here */
	struct xc_pool *pool;
	struct node *nodes;
	uint32_t position;
	atomic_uint *count;
};

#define NODES 2047

/* A walk of a binary tree: jobs submit jobs. */
static void run_node(struct xc_job *job, void *worker)
{
	struct node *node = (struct node *)job;

	(void)worker;
	atomic_fetch_add(node->count, 1);
	for (uint32_t i = 2 * node->position + 1; i <= 2 * node->position + 2; i++)
		if (i < NODES)
			xc_pool_submit(node->pool, &node->nodes[i].job);
}

static void drains_what_jobs_submit(void **state)
{
	(void)state;
	for (size_t t = 0; t < ARRAY_LEN(thread_counts); t++) {
		for (int order = XC_POOL_FIFO; order <= XC_POOL_LIFO; order++) {
			static struct node nodes[NODES];
			atomic_uint count = 0;
			struct xc_pool *pool =
				xc_pool_new(thread_counts[t], (enum xc_pool_order)order, NULL);

			for (uint32_t i = 0; i < NODES; i++)
				nodes[i] = (struct node){ .job = { .run = run_node },
							  .pool = pool,
							  .nodes = nodes,
							  .position = i,
							  .count = &count };
			xc_pool_submit(pool, &nodes[0].job);
			xc_pool_drain(pool);
			assert_int_equal(atomic_load(&count), NODES);
			/* And once more: a pool that was drained goes on. */
			xc_pool_submit(pool, &nodes[NODES / 2].job);
			xc_pool_drain(pool);
			assert_int_equal(atomic_load(&count), NODES + 1);
			xc_pool_free(pool);
		}
	}
}

struct traced {
	struct xc_job job; /* first, so that the job leads here */
	struct xc_pool *pool;
	struct traced *below;
	char name;
	char *trace;
};

static void run_traced(struct xc_job *job, void *worker)
{
	struct traced *self = (struct traced *)job;
	char *end = self->trace;

	(void)worker;
	while (*end)
		end++;
	*end = self->name;
	for (int i = 0; self->below && i < 3; i++)
		xc_pool_submit(self->pool, &self->below[i].job);
}

/* With one thread the order is known: last in, first out, but never one within another. */
static void takes_the_newest_first(void **state)
{
	static const struct {
		enum xc_pool_order order;
		const char *trace;
	} rows[] = { { XC_POOL_FIFO, "rabcdef" }, { XC_POOL_LIFO, "rcbfeda" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char trace[16] = "";
		struct xc_pool *pool = xc_pool_new(1, rows[i].order, NULL);
		struct traced root = { .name = 'r' }, children[3] = { 0 }, deeper[3] = { 0 };

		root.below = children;
		children[1].below = deeper;
		for (int k = 0; k < 3; k++) {
			children[k].name = (char)('a' + k);
			deeper[k].name = (char)('d' + k);
			children[k].job.run = deeper[k].job.run = run_traced;
			children[k].pool = deeper[k].pool = pool;
			children[k].trace = deeper[k].trace = trace;
		}
		root.job.run = run_traced;
		root.pool = pool;
		root.trace = trace;
		xc_pool_submit(pool, &root.job);
		/* With one thread it has run already. */
		assert_string_equal(trace, rows[i].trace);
		xc_pool_free(pool);
	}
}

struct held {
	struct xc_job job; /* first, so that the job leads here */
	pthread_mutex_t *gate;
	atomic_uint *begun;
	unsigned *next, order;
};

static void run_held(struct xc_job *job, void *worker)
{
	struct held *self = (struct held *)job;

	(void)worker;
	atomic_fetch_add(self->begun, 1);
	pthread_mutex_lock(self->gate);
	self->order = (*self->next)++;
	pthread_mutex_unlock(self->gate);
}

/* One thread is kept busy to the end, so that the order of the other one shows. */
static void queues_newest_first_for_threads(void **state)
{
	pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER, own_gate = PTHREAD_MUTEX_INITIALIZER;
	struct held jobs[6] = { 0 };
	atomic_uint begun = 0;
	unsigned next = 0, done = 0;
	struct xc_pool *pool = xc_pool_new(2, XC_POOL_LIFO, NULL);

	(void)state;
	/* In the order of below: a lock that is held while another is taken comes first. */
	pthread_mutex_lock(&own_gate);
	pthread_mutex_lock(&gate);
	for (int i = 0; i < 6; i++) {
		jobs[i] = (struct held){
			.job = { .run = run_held },
			.gate = i == 0 ? &own_gate : &gate,
			.begun = &begun,
			.next = &next,
		};
		xc_pool_submit(pool, &jobs[i].job);
		/* Each thread takes one of the first two. */
		while (i == 1 && atomic_load(&begun) < 2)
			usleep(1000);
	}
	pthread_mutex_unlock(&gate);
	while (done < 5) {
		usleep(1000);
		pthread_mutex_lock(&gate);
		done = next;
		pthread_mutex_unlock(&gate);
	}
	pthread_mutex_unlock(&own_gate);
	xc_pool_drain(pool);
	for (int i = 0; i < 6; i++)
		assert_int_equal(jobs[i].order, i == 0 ? 5 : i == 1 ? 0 : 6 - i);
	xc_pool_free(pool);
}

struct marked {
	struct xc_job job; /* first, so that the job leads here */
	int *seen;
};

static void run_marked(struct xc_job *job, void *worker)
{
	((struct marked *)job)->seen = worker;
	usleep(100);
}

/* Each thread has a context of its own, and no other's. */
static void hands_out_contexts(void **state)
{
	(void)state;
	for (unsigned threads = 1; threads <= 4; threads++) {
		int marks[4] = { 0 };
		void *workers[4] = { &marks[0], &marks[1], &marks[2], &marks[3] };
		struct marked jobs[64] = { 0 };
		struct xc_pool *pool = xc_pool_new(threads, XC_POOL_FIFO, workers);

		for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
			jobs[i].job.run = run_marked;
			xc_pool_submit(pool, &jobs[i].job);
		}
		xc_pool_drain(pool);
		for (size_t i = 0; i < ARRAY_LEN(jobs); i++)
			assert_true(jobs[i].seen >= marks && jobs[i].seen < marks + threads);
		xc_pool_free(pool);
	}
}

/* Freeing waits for the jobs; nothing at all is freed, too. */
static void frees_after_the_last_job(void **state)
{
	(void)state;
	for (size_t t = 0; t < ARRAY_LEN(thread_counts); t++) {
		static struct square jobs[JOBS];
		struct xc_pool *pool = xc_pool_new(thread_counts[t], XC_POOL_LIFO, NULL);
		struct square never = { 0 };

		xc_pool_drain(pool);
		/* One that was never submitted is not waited for. */
		xc_pool_wait(pool, &never.job);
		for (unsigned i = 0; i < JOBS; i++) {
			jobs[i] = (struct square){ .job = { .run = run_square }, .number = i };
			xc_pool_submit(pool, &jobs[i].job);
		}
		xc_pool_free(pool);
		for (unsigned i = 0; i < JOBS; i++)
			assert_int_equal(jobs[i].runs, 1);
	}
	xc_pool_free(NULL);
}

struct asking {
	struct xc_job job; /* first, so that the job leads here */
	bool blocked;
};

static void run_asking(struct xc_job *job, void *worker)
{
	sigset_t mask;

	(void)worker;
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	((struct asking *)job)->blocked = sigismember(&mask, SIGINT) && sigismember(&mask, SIGTERM);
}

/* Signals go to the thread that waits, not to one amidst its work. */
static void workers_take_no_signals(void **state)
{
	struct xc_pool *pool = xc_pool_new(2, XC_POOL_FIFO, NULL);
	struct asking job = { .job = { .run = run_asking } };
	sigset_t mask;

	(void)state;
	xc_pool_submit(pool, &job.job);
	xc_pool_wait(pool, &job.job);
	assert_true(job.blocked);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	assert_false(sigismember(&mask, SIGINT));
	xc_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_in_order),
		cmocka_unit_test(reuses_slots),
		cmocka_unit_test(drains_what_jobs_submit),
		cmocka_unit_test(takes_the_newest_first),
		cmocka_unit_test(queues_newest_first_for_threads),
		cmocka_unit_test(hands_out_contexts),
		cmocka_unit_test(frees_after_the_last_job),
		cmocka_unit_test(workers_take_no_signals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
