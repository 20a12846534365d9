/* SPDX-License-Identifier: Apache-2.0 */
/* Restore: an entry comes back to where its paths say. */
#ifndef XC_RESTORE_RESTORE_H
#define XC_RESTORE_RESTORE_H

#include "entry/layer.h"
#include "restore/targets.h"

struct xc_restore_result {
	struct xc_match match;
	uint64_t lookup_ms, extract_ms, total_ms;
	uint64_t fetched_bytes;   /* read from the store */
	uint64_t replaced;        /* files that stood where members went */
	bool owner_dropped;       /* members of others, which nobody could give to them */
	uint64_t copied_links;    /* hard links that the file systems did not allow */
	uint64_t left_out;        /* legacy layout: devices, FIFOs and sockets in it */
	struct xc_err unrecorded; /* why the next save cannot know what was restored; else NONE */
};

#define XC_RESTORE_RESULT_INIT                                                                     \
	{                                                                                          \
		0                                                                                  \
	}
void xc_restore_result_release(struct xc_restore_result *result);
#define cleanup_restore_result __attribute__((cleanup(xc_restore_result_release)))

/*
 * Look up and bring back. All or nothing: members are placed beside their
 * targets and moved into place at the end; on failure everything is as it was
 * before. NOT_FOUND for a miss. An entry that turns out broken gives way to the
 * next one that matches; if there is none, CORRUPT tells of the first.
 */
int xc_cache_restore(const struct xc_cache *cache, const struct xc_query *query,
		     struct xc_restore_result *ret_result, struct xc_err *err) XC_CHECK;

/* A restore that knows what it brings back and where, and has placed nothing yet. All borrowed. */
struct xc_restoring {
	const struct xc_cache *cache;
	const struct xc_query *query;
	const struct xc_match *match;
	struct xc_entry_layers *layers;
	const struct xc_targets *targets;
};

/* Another way than extraction to fill the targets. */
struct xc_restore_means {
	/* Make the places of `patterns` ready, before they are looked at. May be NULL. */
	int (*prepare)(void *context, const struct xc_patterns *patterns, struct xc_err *err);
	/*
	 * Fill them all; what is read from the store is added to *fetched_bytes.
	 * UNSUPPORTED, with nothing changed: extraction does it. Any other error ends
	 * the restore as one of extraction would. May be NULL.
	 */
	int (*fill)(void *context, const struct xc_restoring *restoring, uint64_t *fetched_bytes,
		    struct xc_err *err);
	/*
	 * Once all is in place: take over the layers where they are still needed. They
	 * go by the manifest in the result. What a later save is to know is in the state by then.
	 */
	void (*keep)(void *context, struct xc_entry_layers *layers);
	void *context;
};

/* xc_cache_restore by other means; NULL: by extraction alone. */
int xc_cache_restore_by(const struct xc_cache *cache, const struct xc_query *query,
			const struct xc_restore_means *means, struct xc_restore_result *ret_result,
			struct xc_err *err) XC_CHECK;

#endif
