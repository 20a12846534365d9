/* SPDX-License-Identifier: Apache-2.0 */
#include "save/parent.h"

#include <string.h>

#include "base/clock.h"
#include "entry/broken.h"
#include "entry/lookup.h"
#include "entry/objects.h"

/* Half of the time that a clean-up leaves packs which no entry names. */
#define TRUST_NS ((int64_t)12 * 60 * 60 * 1000000000)

void xc_parent_release(struct xc_parent *parent)
{
	xc_state_release(&parent->state);
	*parent = (struct xc_parent)XC_PARENT_INIT;
}

/* The state of a restore. */
static int find_recorded(const struct xc_cache *cache, const struct xc_query *query,
			 struct xc_parent *parent, struct xc_err *err)
{
	if (!cache->state_folder)
		return xc_err_set(err, XC_ERR_NOT_FOUND, "there is no folder for the state");
	if (xc_state_read(cache, query->paths, &parent->state, err) < 0)
		return -1;
	if (!xc_reads_scope(cache, parent->state.match.scope))
		return xc_err_set(err, XC_ERR_NOT_FOUND, "scope %s is not read here",
				  XC_QUOTE(parent->state.match.scope));
	parent->recorded = true;
	return 0;
}

/* By keys, as a restore would find it. */
static int find_by_keys(const struct xc_cache *cache, const struct xc_query *query,
			const struct xc_strlist *keys, struct xc_match *ret_match,
			struct xc_err *err)
{
	const struct xc_strlist rest = { .items = keys->items + 1, .count = keys->count - 1 };
	const struct xc_query parent_query = {
		.key = keys->items[0],
		.restore_keys = &rest,
		.paths = query->paths,
	};
	cleanup_broken struct xc_broken broken = XC_BROKEN_INIT;

	if (xc_check_query(&parent_query, err) < 0)
		return -1;
	return xc_find_match(cache, &parent_query, &broken, ret_match, err);
}

/* The entry that is to be updated; of another scope where this one has none yet. */
static int find_updated(const struct xc_cache *cache, const struct xc_query *query,
			struct xc_taken *taken, struct xc_match *ret_match, struct xc_err *err)
{
	char version[XC_VERSION_HEX + 1];

	if (!taken->manifest.key) {
		xc_key_version(query->paths, version);
		return xc_cache_find_key(cache, query->key, version, ret_match, err);
	}
	*ret_match = (struct xc_match){
		.scope = xc_strdup(cache->scopes->items[0]),
		.exact = true,
		.manifest = taken->manifest,
		.object = xc_strdup(taken->object),
		.tag = taken->tag,
	};
	taken->manifest = (struct xc_manifest)XC_MANIFEST_INIT;
	return 0;
}

static int find_in_store(const struct xc_cache *cache, const struct xc_query *query,
			 const struct xc_save_opts *opts, struct xc_taken *taken,
			 struct xc_state *state, struct xc_err *err)
{
	struct xc_match *match = &state->match;
	int found = -1;

	xc_err_set(err, XC_ERR_NOT_FOUND, "nothing to build on");
	if (opts->parent_keys && opts->parent_keys->count > 0)
		found = find_by_keys(cache, query, opts->parent_keys, match, err);
	if (found < 0 && err->kind != XC_ERR_CANCELED && opts->update)
		found = find_updated(cache, query, taken, match, err);
	if (found < 0)
		return -1;
	state->restored_ns = xc_clock_now_ns();
	return xc_layers_load(cache,
			      &(struct xc_layers_source){
				      .scope = match->scope,
				      .manifest = &match->manifest,
			      },
			      &state->layers, err);
}

int xc_parent_find(const struct xc_cache *cache, const struct xc_query *query,
		   const struct xc_save_opts *opts, struct xc_taken *taken,
		   struct xc_parent *ret_parent, struct xc_err *err)
{
	struct xc_parent *parent = ret_parent;
	int found;

	*parent = (struct xc_parent)XC_PARENT_INIT;
	/* What makes this key's entry useless may be in packs that others share. */
	if (opts->full || taken->broken.kind != XC_ERR_NONE)
		return 0;
	found = find_recorded(cache, query, parent, err);
	if (found < 0 && err->kind != XC_ERR_CANCELED) {
		xc_parent_release(parent);
		found = find_in_store(cache, query, opts, taken, &parent->state, err);
	}
	if (found < 0)
		xc_parent_release(parent);
	parent->found = found == 0;
	return found < 0 && err->kind == XC_ERR_CANCELED ? -1 : 0;
}

/* Whether `manifest` builds on no other packs than `parent` has, or its own. */
static bool names_shared_packs(const struct xc_manifest *parent,
			       const struct xc_manifest *shared_by, const struct xc_manifest *of)
{
	for (uint32_t i = 0; i < shared_by->layer_count; i++) {
		const char *pack = shared_by->layers[i].pack;

		if (xc_manifest_names(of, pack) && !xc_manifest_names(parent, pack))
			return false;
	}
	return true;
}

int xc_parent_confirm(const struct xc_cache *cache, const struct xc_parent *parent,
		      const struct xc_manifest *manifest, struct xc_err *err)
{
	const struct xc_match *match = &parent->state.match;
	const struct xc_entry_ref ref = xc_match_ref(match);
	cleanup_manifest struct xc_manifest now = XC_MANIFEST_INIT;
	struct xc_store_tag tag;
	int64_t since_ns = xc_clock_now_ns() - parent->state.restored_ns;

	if (xc_packs_check(cache, cache->scopes->items[0], manifest, err) < 0)
		return xc_is_broken(err) ? 1 : -1;
	if (xc_load_manifest(cache, &ref, &tag, &now, err) == 0 &&
	    names_shared_packs(&now, manifest, &match->manifest))
		return 0;
	if (xc_cancel_check(cache->cancel, err) < 0)
		return -1;
	return since_ns >= 0 && since_ns < TRUST_NS ? 0 : 1;
}
