/* SPDX-License-Identifier: Apache-2.0 */
#include "save/save.h"

#include <string.h>

#include "base/clock.h"
#include "entry/commit.h"
#include "entry/lookup.h"
#include "save/compose.h"
#include "save/pack.h"
#include "save/parent.h"
#include "save/scan.h"

void xc_save_result_release(struct xc_save_result *result)
{
	xc_manifest_release(&result->manifest);
	xc_notes_release(&result->notes);
	free(result->delta.parent_key);
	free(result->delta.parent_scope);
	*result = (struct xc_save_result)XC_SAVE_RESULT_INIT;
}

/* What a save was asked for, and what it found in the store. */
struct save {
	const struct xc_cache *cache;
	const struct xc_query *query;
	const struct xc_save_opts *opts;
	const char *scope;
	struct xc_taken taken; /* the entry of the key, if there is one */
	struct xc_parent parent;
};

/* --- what is to be sent --- */

static int find_delta(const struct save *save, struct xc_tree *tree, struct xc_delta *ret_delta,
		      struct xc_err *err)
{
	const struct xc_cache *cache = save->cache;
	const struct xc_delta_parent parent = {
		.layers = &save->parent.state.layers,
		.stamps = save->parent.state.stamps,
	};
	const struct xc_delta_opts opts = {
		.threads = cache->threads,
		.expire_days = save->opts->expire_days,
		.cancel = cache->cancel,
		.progress = cache->progress,
	};

	if (save->parent.found)
		return xc_delta_find(tree, &parent, &opts, ret_delta, err);
	xc_delta_all(tree, ret_delta);
	return 0;
}

/* Whether the key has the very entry that is built on. */
static bool parent_is_taken(const struct save *save)
{
	const struct xc_match *match = &save->parent.state.match;

	return save->parent.found && save->taken.taken &&
	       strcmp(match->object, save->taken.object) == 0;
}

/* Somebody replaced the entry that was restored here. */
static bool is_overtaken(const struct save *save)
{
	return save->opts->update && parent_is_taken(save) &&
	       strcmp(save->parent.state.match.tag.text, save->taken.tag.text) != 0;
}

/* The pack of what is fresh. */
static int pack_fresh(const struct save *save, struct xc_tree *tree, struct xc_delta *delta,
		      struct xc_save_result *result, struct xc_err *err)
{
	const struct xc_cache *cache = save->cache;
	const struct xc_save_pack pack = {
		.cache = cache,
		.scope = save->scope,
		.tree = tree,
		.set = &delta->fresh,
		.overrides = &delta->overrides,
		.spent = save->parent.found ? &save->parent.state.layers.budget : NULL,
		.notes = &result->notes,
		.level = save->opts->level,
	};
	struct xc_layer layer;

	xc_progress_phase(cache->progress, XC_PHASE_PACK);
	xc_progress_restart(cache->progress);
	xc_progress_totals(cache->progress, delta->fresh.count, xc_delta_fresh_bytes(delta, tree));
	if (xc_save_pack(&pack, &layer, &result->manifest.totals, err) < 0)
		return -1;
	xc_compose_add_pack(&layer, &result->manifest);
	return 0;
}

/* --- the commit --- */

static const struct xc_layer *own_pack(const struct xc_delta *delta,
				       const struct xc_manifest *manifest)
{
	return delta->has_pack ? &manifest->layers[manifest->layer_count - 1] : NULL;
}

/* What the manifest may take the place of. */
static struct xc_put_condition condition_of(const struct save *save)
{
	if (!save->taken.taken && save->taken.broken.kind == XC_ERR_NONE)
		return XC_PUT_IF_ABSENT;
	/* Without tags the store cannot tell. */
	return save->taken.tag.text[0] == '\0' ? XC_PUT_ALWAYS : XC_PUT_IF_TAG(&save->taken.tag);
}

static void drop_pack(const struct save *save, const struct xc_delta *delta,
		      const struct xc_manifest *manifest)
{
	const struct xc_layer *pack = own_pack(delta, manifest);

	if (pack)
		xc_save_drop_pack(save->cache, save->scope, pack);
}

/* As xc_parent_confirm has it; 0 where nothing of a parent is used. */
static int confirm(const struct save *save, const struct xc_delta *delta,
		   const struct xc_manifest *manifest, struct xc_err *err)
{
	if (xc_cancel_check(save->cache->cancel, err) < 0)
		return -1;
	if (manifest->layer_count == (delta->has_pack ? 1 : 0))
		return 0;
	return xc_parent_confirm(save->cache, &save->parent, manifest, err);
}

/* Make it an entry, or drop the pack. 1 if the parent turned out to be of no use. */
static int commit(const struct save *save, const struct xc_delta *delta,
		  struct xc_save_result *result, struct xc_err *err)
{
	const struct xc_commit commit = {
		.cache = save->cache,
		.scope = save->scope,
		.manifest = &result->manifest,
		.over = condition_of(save),
	};
	struct xc_committed committed;
	int done = confirm(save, delta, &result->manifest, err);

	if (done != 0) {
		drop_pack(save, delta, &result->manifest);
		return done;
	}
	done = xc_commit(&commit, &committed, err);
	if (committed.may_drop_pack)
		drop_pack(save, delta, &result->manifest);
	result->exists = committed.exists;
	result->overtaken = committed.exists && save->opts->update;
	result->doubt = committed.doubt;
	return done;
}

/* --- the whole --- */

static void count_skipped(const struct xc_tree *tree, struct xc_skipped *ret_skipped)
{
	*ret_skipped = (struct xc_skipped){ .sockets = tree->sockets,
					    .fifos = tree->fifos,
					    .devices = tree->devices };
}

/* The manifest but for a new pack. 1 if nobody could read the entry. */
static int compose(const struct save *save, const struct xc_delta *delta,
		   struct xc_save_result *result)
{
	const struct xc_compose compose = {
		.query = save->query,
		.scope = save->scope,
		.build_ms = save->opts->build_ms,
		.parent = save->parent.found ? &save->parent : NULL,
		.delta = delta,
	};

	xc_compose_manifest(&compose, &result->manifest);
	return xc_compose_fits(&result->manifest, delta) ? 0 : 1;
}

static int write_entry(const struct save *save, struct xc_tree *tree, struct xc_delta *delta,
		       struct xc_save_result *result, struct xc_err *err)
{
	uint64_t start_ms = xc_clock_ms();
	int done = compose(save, delta, result);

	if (done == 0 && delta->has_pack)
		done = pack_fresh(save, tree, delta, result, err);
	/* No reader would take its index together with the others. */
	if (done < 0 && err->kind == XC_ERR_CORRUPT && save->parent.found)
		return 1;
	result->pack_ms = xc_clock_ms() - start_ms;
	if (done == 0)
		done = commit(save, delta, result, err);
	if (done == 0 && !result->exists)
		xc_compose_report(save->parent.found ? &save->parent : NULL, delta,
				  &result->manifest, &result->delta);
	if (done == 0 && result->exists)
		xc_manifest_release(&result->manifest);
	return done;
}

/* 0: done, 1: not possible with this parent, -1: error. */
static int save_entry(const struct save *save, struct xc_save_result *result, struct xc_err *err)
{
	uint64_t start_ms = xc_clock_ms();
	cleanup_tree struct xc_tree tree = XC_TREE_INIT;
	cleanup_delta struct xc_delta delta = XC_DELTA_INIT;

	if (xc_save_scan(save->cache, save->query, save->parent.state.stamps != NULL,
			 &result->notes, &tree, err) < 0 ||
	    find_delta(save, &tree, &delta, err) < 0)
		return -1;
	count_skipped(&tree, &result->skipped);
	result->scan_ms = xc_clock_ms() - start_ms;
	if (parent_is_taken(save) && !delta.changed && !delta.has_pack) {
		result->exists = result->unchanged = true;
		return 0;
	}
	return write_entry(save, &tree, &delta, result, err);
}

static int save_with_parent(struct save *save, struct xc_save_result *result, struct xc_err *err)
{
	int done;

	if (xc_parent_find(save->cache, save->query, save->opts, &save->taken, &save->parent, err) <
	    0)
		return -1;
	if (is_overtaken(save)) {
		result->exists = result->overtaken = true;
		return 0;
	}
	done = save_entry(save, result, err);
	if (done != 1)
		return done;
	/* What it was to build on is gone, or would make an entry that nobody can read. */
	if (save->parent.recorded)
		xc_state_forget(save->cache, save->query->paths);
	xc_save_result_release(result);
	xc_parent_release(&save->parent);
	result->healed = save->taken.broken;
	return save_entry(save, result, err);
}

static int save_unless_taken(struct save *save, struct xc_save_result *result, struct xc_err *err)
{
	if (xc_entry_taken(save->cache, save->query, save->opts->suspect, &save->taken, err) < 0)
		return -1;
	result->exists = save->taken.taken && !save->opts->update;
	result->healed = save->taken.broken;
	return result->exists ? 0 : save_with_parent(save, result, err);
}

unsigned xc_save_expire_days(long days, const struct xc_store *store)
{
	if (days >= 0)
		return (unsigned)days;
	return store->folder ? 0 : XC_EXPIRE_DAYS_DEFAULT;
}

int xc_cache_save(const struct xc_cache *cache, const struct xc_query *query,
		  const struct xc_save_opts *opts, struct xc_save_result *ret_result,
		  struct xc_err *err)
{
	cleanup_save_result struct xc_save_result result = XC_SAVE_RESULT_INIT;
	struct save save = {
		.cache = cache,
		.query = query,
		.opts = opts,
		.scope = cache->scopes->items[0],
		.taken = XC_TAKEN_INIT,
		.parent = XC_PARENT_INIT,
	};
	uint64_t start_ms = xc_clock_ms();
	int done;

	if (xc_check_query(query, err) < 0)
		return -1;
	done = save_unless_taken(&save, &result, err);
	/* The next save of the key builds on what is there now, which no restore brought here. */
	if (done == 0 && !result.exists && parent_is_taken(&save) && cache->state_folder)
		xc_state_forget(cache, query->paths);
	xc_parent_release(&save.parent);
	xc_taken_release(&save.taken);
	if (done < 0)
		return -1;
	result.total_ms = xc_clock_ms() - start_ms;
	*ret_result = result;
	result = (struct xc_save_result)XC_SAVE_RESULT_INIT;
	return 0;
}
