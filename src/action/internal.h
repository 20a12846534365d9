/* SPDX-License-Identifier: Apache-2.0 */
/* What the flows share: a run's settings, its cache, and what came of it. */
#ifndef XC_ACTION_INTERNAL_H
#define XC_ACTION_INTERNAL_H

#include "action/access.h"
#include "action/action.h"
#include "action/commands.h"
#include "action/inputs.h"
#include "action/outputs.h"
#include "entry/entry.h"
#include "mount/mount.h"

/* The names of what main leaves for post. */
#define XC_STATE_KEY    "CACHE_KEY"
#define XC_STATE_RESULT "CACHE_RESULT"
#define XC_STATE_MAIN   "XCACHE_MAIN"

struct xc_action_run {
	const struct xc_action_host *host;
	bool root; /* the root action: state instead of outputs */
	struct xc_action_context context;
	struct xc_action_inputs inputs;
	struct xc_action_event event;
	bool shared; /* scope: repository */
	struct xc_strlist scopes;
	struct xc_roots roots;
	struct xc_store *store;
	struct xc_owner owner;   /* the workspace's, for the root action */
	struct xc_cache cache;   /* filled once it is open */
	struct xc_query query;   /* filled once it was tried */
	struct xc_broken broken; /* entries that were passed over */
	struct xc_restore_result restored;
	struct xc_mount *mount; /* what came with `restored` */
};

/* Read everything that the runner gave, and hide the secrets in it. */
void xc_action_run_begin(struct xc_action_run *run, const struct xc_action_host *host);

/* Say what is wrong with `scope` and the store's inputs. USAGE. */
int xc_action_run_check(struct xc_action_run *run, struct xc_err *err) XC_CHECK;

/* Open the cache for `key`, which is borrowed; the host's work begins. */
int xc_action_run_open(struct xc_action_run *run, const char *key, struct xc_err *err) XC_CHECK;

/* The host's work is over. May be repeated. */
void xc_action_run_finish(struct xc_action_run *run);

void xc_action_run_end(struct xc_action_run *run);
#define cleanup_action_run __attribute__((cleanup(xc_action_run_end)))

/*
 * Whether the run has a ref to keep caches for; says so if not. And whether
 * it lacks a store because it comes from a fork, which gets no secrets.
 */
bool xc_action_run_has_ref(const struct xc_action_run *run);
bool xc_action_run_lacks_store(const struct xc_action_run *run);

/* Why this run must not write, NULL if it may: read-only, or xc_action_access_ban. */
const char *xc_action_run_ban(const struct xc_action_run *run);

/* Warn where the root action's container does not hold what a path line or the store names. */
void xc_action_warn_outside(const struct xc_action_run *run);

/* An entry that a miss came close to. */
struct xc_action_closest {
	char *key, *scope; /* NULL: there is none */
	bool other_paths;  /* of other path lines */
};

/*
 * The entry whose key begins most like the one asked for, among
 * 1000 of each of the run's scopes.
 */
void xc_action_closest_find(const struct xc_action_run *run, struct xc_action_closest *ret_nearest);
void xc_action_closest_release(struct xc_action_closest *closest);
#define cleanup_action_closest __attribute__((cleanup(xc_action_closest_release)))

enum xc_action_result {
	XC_RESULT_RESTORED,
	XC_RESULT_FOUND, /* lookup-only */
	XC_RESULT_MISS,
	XC_RESULT_CLEARED, /* a miss by the clear tag */
	XC_RESULT_FAILED,
	XC_RESULT_SAVED,
	XC_RESULT_KEPT, /* there was an entry of this key */
};

/* What came of a step, for log and summary. All borrowed. */
struct xc_action_outcome {
	enum xc_action_result result;
	const struct xc_manifest *manifest; /* NULL without an entry */
	const char *scope;                  /* where the entry is */
	const char *reason;                 /* of a failure or a miss, or NULL */
	const struct xc_action_closest *closest;
	const struct xc_strlist *notes; /* of a save, or NULL */
	const char *sharing; /* what a save shares with an earlier entry; NULL: nothing */
	uint64_t lookup_ms;
	uint64_t scan_ms; /* of a save */
	uint64_t work_ms; /* transfer, and with it extraction or compression */
	uint64_t total_ms;
	uint64_t transferred_bytes;
};

/*
 * Append what an exact hit saved beside building what it holds, as it took
 * the job that saved it; nothing if that is not known, or if it was no such hit.
 */
void xc_action_saved_time(const struct xc_action_run *run, const struct xc_action_outcome *outcome,
			  struct xc_buf *out);

/* A folded group of lines: where, what, how fast. */
void xc_action_log(const struct xc_action_run *run, const struct xc_action_outcome *outcome);

/* A table and a timeline in the job's summary; a warning if it cannot be written. */
void xc_action_summary(const struct xc_action_run *run, const struct xc_action_outcome *outcome);

/* The Markdown of that. */
void xc_action_summary_text(const struct xc_action_run *run,
			    const struct xc_action_outcome *outcome, struct xc_buf *out);

enum xc_action_clear {
	XC_CLEAR_NO,
	XC_CLEAR_YES, /* the head commit asks for it, and what could be removed was */
	XC_CLEAR_CANCELED,
};

/* Look for the clear tag, and obey it. */
enum xc_action_clear xc_action_clear(const struct xc_action_run *run);

#endif
