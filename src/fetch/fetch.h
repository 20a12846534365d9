/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments of packs, on demand: read from the store, checked against their
 * SHA-256, decoded on a pool's workers and handed to `consume`, each at most
 * once. What entry, member or file they are of is not known here.
 *
 *   xc_fetch_new  ->  xc_fetch_start, xc_fetch_wait ... or xc_fetch_segment ...  ->  xc_fetch_free
 *
 * A request names segments in the order in which they are wanted; neighbours
 * are read together. More urgent requests overtake others wherever they would
 * wait: for a read, for memory and for a worker; while one is under way, all
 * that are less urgent have one read in flight. A segment that several requests
 * want comes once: who asks for what is on its way waits for it, and what was
 * consumed is no longer asked for.
 *
 * Threads. All calls but new and free may come from several threads at once.
 * Reads are started by the threads that wait, as a read may block; so somebody
 * has to wait, and each waiter works for all requests. `consume` runs on the
 * workers, several at a time, for each segment on one; it must not wait for the
 * fetch. With one worker it runs on a thread that waits.
 *
 * Memory. One account has the ranges as stored, what is decoded, and what the
 * caller's indexes took: 256 MiB hold all of it. Segments may be as long as the
 * format allows; the longer they are the fewer are under way.
 */
#ifndef XC_FETCH_FETCH_H
#define XC_FETCH_FETCH_H

#include "base/cancel.h"
#include "base/priority.h"
#include "fetch/readahead.h"
#include "pack/segment.h"
#include "store/store.h"

struct xc_fetch;
struct xc_fetch_request;

/* Where segments come from. All borrowed while the fetch lives. */
struct xc_fetch_pack {
	const char *name; /* the pack's object */
	const char *id;   /* for messages */
	const struct xc_segment *segments;
	uint32_t segment_count;
	/* The pack's first bytes, on their way already; NULL: none. It keeps its owner, but the
	 * fetch may take its memory. */
	struct xc_readahead *head;
};

struct xc_segment_ref {
	uint32_t pack, segment;
};

/* A segment that has come; valid during the call. */
struct xc_fetched {
	struct xc_segment_ref ref;
	const char *raw; /* raw_bytes of it */
	unsigned worker; /* below xc_fetch_threads: no two calls at a time have the same */
};
/* -1 with `err` filled fails the requests that want this segment. */
typedef int xc_fetch_consume_fn(void *context, const struct xc_fetched *fetched,
				struct xc_err *err);

struct xc_fetch_opts {
	struct xc_store *store;
	const struct xc_fetch_pack *packs;
	uint32_t pack_count;
	unsigned threads;     /* at least 1; fewer are used where memory is short */
	uint64_t taken_bytes; /* of the account, by the indexes; at most XC_FETCH_TAKEN_MAX */
	/* NULL: segments are neither decoded nor kept, only their SHA-256 sums compared. */
	xc_fetch_consume_fn *consume;
	void *context;
	const struct xc_cancel *cancel; /* ends all requests with CANCELED; may be NULL */
};

#define XC_FETCH_TAKEN_MAX ((uint64_t)144 << 20)

struct xc_fetch *xc_fetch_new(const struct xc_fetch_opts *opts);
/* Waits for reads and workers under way. All requests are freed by then. NULL is allowed. */
void xc_fetch_free(struct xc_fetch *fetch);

unsigned xc_fetch_threads(const struct xc_fetch *fetch);
/* What was read from the store so far. */
uint64_t xc_fetch_bytes(struct xc_fetch *fetch);

/* Ask for segments. `refs` is copied. */
struct xc_fetch_request *xc_fetch_start(struct xc_fetch *fetch, const struct xc_segment_ref *refs,
					size_t count, enum xc_priority priority);

/*
 * Wait until all segments of a request are consumed, or one of them has failed:
 * that ends the request, while others go on. The error is that of the store, of
 * `consume`, CORRUPT for bytes that were wrong twice, IO if there is no memory,
 * or CANCELED. Consumers that are running may still run when this returns. A
 * segment that failed is asked for anew by the next request for it.
 */
int xc_fetch_wait(struct xc_fetch_request *request, struct xc_err *err) XC_CHECK;

/* One request from its start to its end. */
int xc_fetch_run(struct xc_fetch *fetch, const struct xc_segment_ref *refs, size_t count,
		 enum xc_priority priority, struct xc_err *err) XC_CHECK;

/*
 * End a request: who waits for it gets CANCELED. What is not read yet, and what
 * has come and no other request wants, is dropped.
 */
void xc_fetch_cancel(struct xc_fetch_request *request);

/* Cancels it, if it is not over. NULL is allowed. No thread waits for it. */
void xc_fetch_request_free(struct xc_fetch_request *request);

/* One segment at once: as an urgent request that is waited for. */
int xc_fetch_segment(struct xc_fetch *fetch, struct xc_segment_ref ref,
		     struct xc_err *err) XC_CHECK;

#endif
