/* SPDX-License-Identifier: Apache-2.0 */
/* Save: what path lines match becomes an entry. */
#ifndef XC_SAVE_SAVE_H
#define XC_SAVE_SAVE_H

#include "entry/entry.h"
#include "tree/notes.h"

/* What the rules that `xcache lifecycle` prints leave, unless they are told otherwise. */
#define XC_EXPIRE_DAYS_DEFAULT 14

struct xc_save_opts {
	int level; /* XC_LEVEL_MIN to XC_LEVEL_MAX */
	/*
	 * If the key has an entry already: replace it, provided that the content
	 * changed, and that no other job replaced it since it was read.
	 */
	bool update;
	/*
	 * Keys of an entry to build on, and prefixes of keys, in the order in which
	 * they are looked for; NULL or empty for none. A restore of the same paths on
	 * this machine (state/state.h) goes first, and with `update` the entry of the
	 * key itself comes last.
	 */
	const struct xc_strlist *parent_keys;
	bool full; /* build on nothing: send all of it */
	/*
	 * After how many days the store expires what was written; 0: never. Packs
	 * that are older than a third of that are written anew.
	 */
	unsigned expire_days;
	uint64_t build_ms; /* for the manifest; 0 if not known */
	/*
	 * The tag of a manifest whose entry could not be restored, or NULL. If that
	 * has the key, its packs are read to the end to see whether it is broken.
	 */
	const char *suspect;
};

/* Special files are left out of a save; these count them. */
struct xc_skipped {
	uint64_t sockets, fifos, devices;
};

/* What a save took over from an earlier entry, its parent, instead of sending it. */
struct xc_save_delta {
	char *parent_key; /* NULL: it built on nothing, and all of it is new */
	char *parent_scope;
	bool hashed; /* all was read: no restore of these paths here told what changed */
	uint64_t new_members, new_bytes;   /* in the new pack; their content as it is in the tree */
	uint64_t kept_members, kept_bytes; /* alive in packs that were there */
	uint64_t touched_members;          /* of those kept: with new times or attributes */
	uint64_t removed_members;          /* of the parent's; also what was replaced */
	uint64_t rewritten_members;        /* of the new ones: unchanged, to tidy up layers */
	uint64_t sent_bytes;               /* the new pack, as stored */
	uint64_t shared_bytes;             /* of the packs that were there, as stored */
};

struct xc_save_result {
	bool exists;    /* there is an entry of this key already; nothing was written */
	bool unchanged; /* exists, and has just this content (`update` only) */
	bool overtaken; /* exists, as another job replaced it meanwhile (`update` only) */
	struct xc_save_delta delta; /* zeros if exists */
	struct xc_err healed; /* why the entry that was replaced could not be used; NONE: no such */
	struct xc_err doubt;  /* the entry is there, but the store complained; NONE: it did not */
	struct xc_manifest manifest; /* what was written; empty if exists */
	struct xc_skipped skipped;
	struct xc_notes notes;
	uint64_t scan_ms, pack_ms, total_ms;
};

#define XC_SAVE_RESULT_INIT                                                                        \
	{                                                                                          \
		0                                                                                  \
	}
void xc_save_result_release(struct xc_save_result *result);
#define cleanup_save_result __attribute__((cleanup(xc_save_result_release)))

/* The `days` that were said; if none were (-1), a bucket has rules, a folder has none. */
unsigned xc_save_expire_days(long days, const struct xc_store *store);

/*
 * Save what the path lines of `query` match under query->key in the first
 * scope. All or nothing: on failure no entry is visible and the pack that was
 * begun is gone, unless the store left open whether it wrote the manifest. An
 * entry of the key is kept, but for one that is broken: its manifest cannot be
 * read, or a pack is missing or too short. NO_MATCH if the lines match nothing (NOT_FOUND is never
 * used); CHANGED if a file does not hold still; IO naming the file that cannot be read.
 * restore_keys are ignored.
 */
int xc_cache_save(const struct xc_cache *cache, const struct xc_query *query,
		  const struct xc_save_opts *opts, struct xc_save_result *ret_result,
		  struct xc_err *err) XC_CHECK;

#endif
