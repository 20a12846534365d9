/* SPDX-License-Identifier: Apache-2.0 */
/* Save: what path lines match becomes an entry. */
#ifndef XC_SAVE_SAVE_H
#define XC_SAVE_SAVE_H

#include "entry/entry.h"
#include "tree/notes.h"

struct xc_save_opts {
	int level;         /* XC_LEVEL_MIN to XC_LEVEL_MAX */
	bool update;       /* replace an entry of this key instead of keeping it */
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

struct xc_save_result {
	bool exists;          /* there is an entry of this key already; nothing was written */
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
