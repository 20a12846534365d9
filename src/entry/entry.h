/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries and what happens to them as a whole: look up, list, remove. They
 * print nothing; counters go to the progress while they run.
 *
 * A context is filled once and may serve several operations, one at a time;
 * those that move contents, save and restore, stand above this folder.
 */
#ifndef XC_ENTRY_ENTRY_H
#define XC_ENTRY_ENTRY_H

#include <stdbool.h>

#include "base/cancel.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/progress.h"
#include "base/strlist.h"
#include "key/key.h"
#include "pack/index.h"
#include "pack/manifest.h"
#include "store/store.h"
#include "tree/notes.h"
#include "tree/owner.h"
#include "tree/roots.h"

/* An entry that is there and cannot be used. */
struct xc_broken_entry {
	char *scope;
	char *object;            /* its manifest's name in the store */
	char *key;               /* NULL if only the manifest would know it */
	struct xc_store_tag tag; /* of the manifest as it was read */
	struct xc_err why;
};

struct xc_broken {
	struct xc_broken_entry *items;
	size_t count;
};

#define XC_BROKEN_INIT                                                                             \
	{                                                                                          \
		0                                                                                  \
	}
void xc_broken_release(struct xc_broken *broken);
#define cleanup_broken __attribute__((cleanup(xc_broken_release)))

/* All pointers are borrowed and outlive the operations. */
struct xc_cache {
	struct xc_store *store;
	const char *repository;
	const struct xc_strlist *scopes; /* at least one; the first is written to, all are read */
	const struct xc_roots *roots;
	unsigned threads;               /* at least 1 */
	const struct xc_owner *owner;   /* whose all that is restored becomes; NULL: as saved */
	struct xc_progress *progress;   /* may be NULL */
	const struct xc_cancel *cancel; /* may be NULL */
	/* Where a restore leaves word for a later save (state/state.h); NULL: nowhere. */
	const char *state_folder;
	/* What a lookup or a restore passed over as broken is added here; may be NULL. */
	struct xc_broken *broken;
};

/* What to look for, in actions/cache's terms. Checked by the operations themselves. */
struct xc_query {
	const char *key;
	const struct xc_strlist *restore_keys; /* may be empty */
	const struct xc_strlist *paths;        /* lines; at least one */
	/*
	 * Where there is no entry, look for objects of the legacy layout
	 * (docs/FORMAT.md). Takes exactly one path, without wildcards. A save
	 * ignores it.
	 */
	bool legacy_layout;
};

/* The key or restore key that led to `matched`: what it starts with; NULL if nothing does. */
const char *xc_query_matched_by(const struct xc_query *query, const char *matched);

/* Objects of the legacy layout, by their names in the store. */
struct xc_legacy_objects {
	char *base;  /* NULL: it is an entry that matched */
	char *delta; /* NULL if there is none */
	uint64_t base_bytes, delta_bytes;
};

/*
 * What a lookup found. Where that is of the legacy layout, `scope` is empty,
 * and the manifest has no more than key, paths, created_ns and the totals:
 * before it was restored stored_bytes, then all of them.
 */
struct xc_match {
	char *scope;
	bool exact;                  /* the key itself, not a prefix */
	struct xc_manifest manifest; /* manifest.key is the key that matched */
	char *object;            /* the manifest's name in the store; NULL in the legacy layout */
	struct xc_store_tag tag; /* of the manifest as it was read */
	struct xc_legacy_objects legacy;
};

#define XC_MATCH_INIT                                                                              \
	{                                                                                          \
		0                                                                                  \
	}
void xc_match_release(struct xc_match *match);
#define cleanup_match __attribute__((cleanup(xc_match_release)))

/*
 * Look for an entry: in each scope in turn the exact key, then the newest
 * entry whose key starts with it, then the same for each restore key.
 * NOT_FOUND if there is none. An entry of an unknown format version is passed
 * over; NOT_FOUND then says so. So is one that is broken, be it that its pack
 * is gone; if nothing else matches, CORRUPT tells what is wrong with it. With legacy_layout a miss
 * also looks for objects of the legacy layout; USAGE if the paths are not fit for them.
 */
int xc_cache_lookup(const struct xc_cache *cache, const struct xc_query *query,
		    struct xc_match *ret_match, struct xc_err *err) XC_CHECK;

/* One entry as a listing shows it. */
struct xc_entry {
	const char *scope;
	const char *version;
	const char *key; /* NULL if the name was cut: only the manifest knows it */
	const char *object;
	uint64_t manifest_bytes;
	int64_t modified_ns;
	const struct xc_manifest *manifest; /* NULL unless asked for, or if it cannot be read */
	const struct xc_err *manifest_err;  /* why it cannot be read, else NULL */
};

typedef int xc_cache_entry_fn(const struct xc_entry *entry, void *context, struct xc_err *err);

struct xc_list_opts {
	const char *key_prefix; /* NULL or "" for all */
	const char *version;    /* NULL for all versions */
	bool with_manifests;    /* read each entry's manifest: one request each */
	size_t max_names;       /* look at so many names of a scope at most; 0: at all */
};

/* All entries in the context's scopes, newest first within a scope. */
int xc_cache_list(const struct xc_cache *cache, const struct xc_list_opts *opts,
		  xc_cache_entry_fn *found, void *context, struct xc_err *err) XC_CHECK;

struct xc_remove_opts {
	const char *key; /* exactly one of key and key_prefix is given */
	const char *key_prefix;
	const char *version; /* NULL for all versions */
};

/*
 * Remove entries from the first scope, each after leaving a tombstone under
 * removed/ that names its packs. The packs stay, for restores that are
 * running. Several are removed at once; `removed`, if not NULL, is called for
 * each in turn. *ret_count is how many there were; 0 is success. On failure
 * some may be gone that were not told.
 */
int xc_cache_remove(const struct xc_cache *cache, const struct xc_remove_opts *opts,
		    xc_cache_entry_fn *removed, void *context, uint64_t *ret_count,
		    struct xc_err *err) XC_CHECK;

/*
 * The entry of exactly this key in the first scope that has it, whatever its
 * version unless `version` is given; the newest if there are several.
 * NOT_FOUND if there is none.
 */
int xc_cache_find_key(const struct xc_cache *cache, const char *key, const char *version,
		      struct xc_match *ret_match, struct xc_err *err) XC_CHECK;

#endif
