/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a restore leaves for a later save of the same paths on this machine:
 * which entry it brought back, that entry's indexes, and by what each file is
 * known to be untouched. Without it a save reads and hashes everything: a
 * state that is missing, stale or foreign costs time, never correctness.
 *
 * One file for each version of the paths, in the folder cache->state_folder,
 * written under another name and moved into place. It ends with a SHA-256 over
 * all that stands before; its indexes must be those that its manifest names.
 * Files that are not this user's own, or that others may write, are passed over.
 */
#ifndef XC_STATE_STATE_H
#define XC_STATE_STATE_H

#include "entry/layer.h"
#include "tree/stamp.h"

/* Entries with more members leave none. */
#define XC_STATE_MEMBERS_MAX 2000000u
/* Nor do those whose indexes are longer, together and as stored. */
#define XC_STATE_INDEX_BYTES_MAX ((uint64_t)64 << 20)

struct xc_state {
	struct xc_match
		match;       /* the entry that was restored: its scope, object, tag and manifest */
	int64_t restored_ns; /* when, by this machine's clock, since 1970 */
	struct xc_entry_layers layers; /* of match.manifest */
	/*
	 * For each layer, by position, the stamps of its files as the restore left
	 * them. All zero for what is no file, not alive, or on a file system whose
	 * times another machine gives. NULL, the whole of it, if none is known or after another
	 * boot.
	 */
	struct xc_stamp **stamps;
};

#define XC_STATE_INIT                                                                              \
	{                                                                                          \
		.match = XC_MATCH_INIT, .layers = XC_ENTRY_LAYERS_INIT                             \
	}
void xc_state_release(struct xc_state *state);
#define cleanup_state __attribute__((cleanup(xc_state_release)))

/* A restore that is complete. All borrowed. */
struct xc_state_record {
	const struct xc_strlist *paths;
	const struct xc_match *match;
	const struct xc_entry_layers *layers; /* loaded with their stored indexes kept */
	struct xc_stamp *const *stamps;       /* as in struct xc_state; NULL: none */
};

/* Whether the layers of an entry are not too many for a state. */
bool xc_state_fits(const struct xc_manifest *manifest);

/* Write its state. IO, with nothing left behind. */
int xc_state_write(const struct xc_cache *cache, const struct xc_state_record *record,
		   struct xc_err *err) XC_CHECK;

/*
 * Read the state of the last restore of these paths. NOT_FOUND if there is
 * none that belongs to this store, repository and user and holds together,
 * with the reason; else CANCELED alone. `ret_state` is to be released in any case.
 */
int xc_state_read(const struct xc_cache *cache, const struct xc_strlist *paths,
		  struct xc_state *ret_state, struct xc_err *err) XC_CHECK;

/* Remove it: a restore that begins makes the one before untrue. */
void xc_state_forget(const struct xc_cache *cache, const struct xc_strlist *paths);

#endif
