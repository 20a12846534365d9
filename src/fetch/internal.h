/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fetch, from a request's segments to workers:
 *
 *   request -> range (ranges.c) -> buffer (buffers.c) -> worker (workers.c)
 *
 * fetch.c has the requests and the threads that wait for them. All of it is
 * under one mutex, which is let go while the store, a decoder or a consumer
 * is at work; functions whose comment says nothing else run with it held.
 */
#ifndef XC_FETCH_INTERNAL_H
#define XC_FETCH_INTERNAL_H

#include <pthread.h>

#include "base/grow.h"
#include "base/pool.h"
#include "fetch/fetch.h"

/*
 * A worker holds one decoded segment, of usual length unless the account gives
 * it more, and the files that a consumer writes. At most FETCH_BYTES_MAX are
 * used, and with the caller's indexes SHARED_BYTES_MAX; that leaves the rest of
 * the program its share of 256 MiB.
 */
#define FETCH_THREADS_MAX  14
#define WORKER_BYTES       (XC_SEGMENT_USUAL_BYTES + ((size_t)1 << 20))
#define FETCH_BYTES_MAX    ((size_t)188 << 20)
#define SHARED_BYTES_MAX   ((size_t)224 << 20)
#define BUFFERED_BYTES_MIN ((size_t)48 << 20)
#define BUFFERED_BYTES_MAX ((size_t)128 << 20)

/* Buffers for urgent requests, beside one for each read that the store finds worth having. */
#define URGENT_BUFFERS 4

/*
 * A gap that is cheaper to read than to ask around: at 100 MB/s a megabyte
 * takes as long as a request's round trip.
 */
#define RANGE_GAP_BYTES ((uint64_t)1 << 20)

enum segment_state {
	SEGMENT_IDLE,     /* nobody works on it */
	SEGMENT_BUFFERED, /* a buffer has it, or will once it is read */
	SEGMENT_WORKING,  /* a worker has it */
	SEGMENT_DONE,     /* consumed */
};

/* Bytes of a pack that are read together. */
struct xc_range {
	uint32_t pack;
	uint64_t offset;
	size_t length;
	bool head;       /* the pack's head holds it: no read is needed */
	size_t next_ref; /* what the request goes on with behind it */
};

enum buffer_state { BUFFER_FREE, BUFFER_READING, BUFFER_READY };

/* A range in memory. */
struct xc_fetch_buffer {
	struct xc_store_read read;
	struct xc_fetch *fetch;
	enum buffer_state state;
	struct xc_range range;
	enum xc_priority priority; /* of the most urgent request that wants some of it */
	uint64_t sequence;         /* older ones go first */
	bool canceled;             /* nobody wanted it any more while it was read */
	char *data;
	size_t capacity_bytes;
	uint32_t *segments; /* those that the range was read for */
	uint32_t count, capacity;
	uint32_t taken; /* by workers, or dropped */
	uint32_t left;  /* not through yet */
};

struct xc_fetch_request {
	struct xc_fetch *fetch;
	struct xc_fetch_request *next; /* active ones, in the order of their start */
	struct xc_segment_ref *refs;
	size_t count;
	size_t next_ref; /* all before it were read, or others read them */
	size_t consumed; /* all before it are */
	enum xc_priority priority;
	bool over;
	struct xc_err err; /* of kind NONE unless it failed */
};

struct xc_fetch_worker {
	struct xc_fetch *fetch;
	unsigned number;
	struct xc_segment_decoder *decoder;
};

/* Has a worker of the pool take segments until there are none. */
struct xc_fetch_shift {
	struct xc_job job; /* first, so that the job leads here */
	bool at_work;
};

struct xc_fetch {
	struct xc_fetch_opts opts;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	uint8_t **states; /* per pack and segment, enum segment_state */
	bool *head_taken; /* per pack */
	struct xc_fetch_request *active;
	bool ending;

	struct xc_fetch_buffer *buffers;
	uint32_t buffer_count;
	uint32_t reading; /* buffers */
	uint64_t sequence;
	uint64_t fetched_bytes;

	/* The account, beside what all workers have anyway. */
	size_t used_bytes;  /* buffers, free ones included, and what is decoded beyond the usual */
	size_t extra_bytes; /* of these: decoded */
	size_t most_bytes;
	size_t longest_extra_bytes; /* of one segment */

	struct xc_pool *pool;
	struct xc_fetch_worker *workers;
	void **contexts;               /* the workers, as the pool wants them */
	struct xc_fetch_shift *shifts; /* as many as workers */
	unsigned threads;
};

static inline uint8_t *xc_fetch_state(struct xc_fetch *fetch, struct xc_segment_ref ref)
{
	return &fetch->states[ref.pack][ref.segment];
}

/* No more than what is under way is to be done. */
bool xc_fetch_gives_up(const struct xc_fetch *fetch);

/* Ends a request with an error. */
void xc_fetch_fail(struct xc_fetch_request *request, const struct xc_err *err);
/* A segment could not be had: ends the requests that want it. */
void xc_fetch_segment_failed(struct xc_fetch *fetch, struct xc_segment_ref ref,
			     const struct xc_err *err);
bool xc_fetch_is_wanted(const struct xc_fetch *fetch, struct xc_segment_ref ref);
/* Segments were dropped that had been on their way: requests look for what they need anew. */
void xc_fetch_recheck(struct xc_fetch *fetch);

/* ranges.c */

/* What a request reads next; false if it needs nothing more. */
bool xc_fetch_next_range(struct xc_fetch *fetch, struct xc_fetch_request *request,
			 struct xc_range *ret_range);
/* Note the segments of a range in its buffer, and that they are on their way. */
void xc_fetch_fill_buffer(struct xc_fetch_buffer *buffer, const struct xc_fetch_request *request,
			  const struct xc_range *range);

/* buffers.c */

/* How much workers and buffers share; fills `threads` and the account. */
void xc_fetch_share_memory(struct xc_fetch *fetch);
void xc_fetch_make_buffers(struct xc_fetch *fetch);
void xc_fetch_free_buffers(struct xc_fetch *fetch);
/*
 * Start to read what the most urgent request needs next. False if nothing is
 * needed or can be read now. Lets the mutex go.
 */
bool xc_fetch_read_next(struct xc_fetch *fetch);
/* Ask for the end of all reads, and wait for it. */
void xc_fetch_end_reads(struct xc_fetch *fetch);
/* A segment that is on its way is wanted with this priority, too. */
void xc_fetch_make_urgent(struct xc_fetch *fetch, struct xc_segment_ref ref,
			  enum xc_priority priority);
/* A segment that was taken from a buffer is through. */
void xc_fetch_segment_left(struct xc_fetch_buffer *buffer);
/* A request has ended: drops what is buffered and no active one wants. */
void xc_fetch_drop_unwanted(struct xc_fetch *fetch);
/* Memory for a decoded segment, beyond what each worker has: whether there is some; take, give. */
bool xc_fetch_fits_extra(struct xc_fetch *fetch, size_t raw_bytes);
void xc_fetch_take_extra(struct xc_fetch *fetch, size_t raw_bytes);
void xc_fetch_give_extra(struct xc_fetch *fetch, size_t raw_bytes);

/* workers.c */

void xc_fetch_start_workers(struct xc_fetch *fetch);
/* Waits for them. Without the mutex. */
void xc_fetch_end_workers(struct xc_fetch *fetch);
/* Sets a worker to work if there is one without, and something to do. Lets the mutex go. */
bool xc_fetch_wake_worker(struct xc_fetch *fetch);

#endif
