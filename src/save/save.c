/* SPDX-License-Identifier: Apache-2.0 */
#include "save/save.h"

#include "base/clock.h"
#include "entry/commit.h"
#include "entry/lookup.h"
#include "entry/taken.h"
#include "save/pack.h"
#include "save/scan.h"

void xc_save_result_release(struct xc_save_result *result)
{
	xc_manifest_release(&result->manifest);
	xc_notes_release(&result->notes);
	free(result->delta.parent_key);
	free(result->delta.parent_scope);
}

/* What a save was asked for. */
struct save {
	const struct xc_cache *cache;
	const struct xc_query *query;
	const struct xc_save_opts *opts;
	const char *scope;
};

/* The pack of what a scan found. */
static int pack_tree(const struct save *save, struct xc_tree *tree, struct xc_save_result *result,
		     struct xc_layer *ret_layer, struct xc_err *err)
{
	const struct xc_cache *cache = save->cache;
	cleanup_member_set struct xc_member_set set = XC_MEMBER_SET_INIT;
	const struct xc_save_pack pack = {
		.cache = cache,
		.scope = save->scope,
		.tree = tree,
		.set = &set,
		.notes = &result->notes,
		.level = save->opts->level,
	};

	xc_member_set_init(&set, tree->members.count, true);
	xc_progress_phase(cache->progress, XC_PHASE_PACK);
	xc_progress_totals(cache->progress, tree->members.count, tree->content_bytes);
	return xc_save_pack(&pack, ret_layer, &result->manifest.totals, err);
}

static void fill_manifest(const struct save *save, const struct xc_layer *layer,
			  struct xc_manifest *manifest)
{
	manifest->key = xc_strdup(save->query->key);
	xc_key_version(save->query->paths, manifest->version);
	for (size_t i = 0; i < save->query->paths->count; i++)
		xc_strlist_add(&manifest->paths, save->query->paths->items[i]);
	manifest->created_ns = xc_clock_now_ns();
	manifest->build_ms = save->opts->build_ms;
	manifest->tool = xc_strdup("xcache " XC_VERSION);
	manifest->totals.stored_bytes = layer->pack_bytes;
	manifest->layers = xc_calloc(1, sizeof(*manifest->layers));
	manifest->layers[0] = *layer;
	manifest->layer_count = 1;
}

/* Make the pack an entry, or drop it. */
static int commit(const struct save *save, const struct xc_taken *taken,
		  const struct xc_layer *layer, struct xc_save_result *result, struct xc_err *err)
{
	const struct xc_commit commit = {
		.cache = save->cache,
		.scope = save->scope,
		.manifest = &result->manifest,
		.pack = layer->pack,
		.over = save->opts->update                   ? XC_PUT_ALWAYS
			: result->healed.kind != XC_ERR_NONE ? XC_PUT_IF_TAG(&taken->tag)
							     : XC_PUT_IF_ABSENT,
	};
	struct xc_committed committed;
	int committing;

	if (xc_cancel_check(save->cache->cancel, err) < 0) {
		xc_save_drop_pack(save->cache, save->scope, layer);
		return -1;
	}
	committing = xc_commit(&commit, &committed, err);
	if (committed.may_drop_pack)
		xc_save_drop_pack(save->cache, save->scope, layer);
	result->exists = committed.exists;
	result->doubt = committed.doubt;
	if (committed.exists)
		xc_manifest_release(&result->manifest);
	return committing;
}

static int save_entry(const struct save *save, const struct xc_taken *taken,
		      struct xc_save_result *result, struct xc_err *err)
{
	uint64_t start_ms = xc_clock_ms(), scanned_ms;
	cleanup_tree struct xc_tree tree = XC_TREE_INIT;
	struct xc_layer layer;

	if (xc_save_scan(save->cache, save->query, &result->notes, &tree, err) < 0)
		return -1;
	scanned_ms = xc_clock_ms();
	result->scan_ms = scanned_ms - start_ms;
	result->skipped = (struct xc_skipped){ .sockets = tree.sockets,
					       .fifos = tree.fifos,
					       .devices = tree.devices };
	if (pack_tree(save, &tree, result, &layer, err) < 0)
		return -1;
	fill_manifest(save, &layer, &result->manifest);
	result->pack_ms = xc_clock_ms() - scanned_ms;
	return commit(save, taken, &layer, result, err);
}

static int save_unless_taken(const struct save *save, struct xc_save_result *result,
			     struct xc_err *err)
{
	struct xc_taken taken = { 0 };

	if (!save->opts->update &&
	    xc_entry_taken(save->cache, save->query, save->opts->suspect, &taken, err) < 0)
		return -1;
	result->exists = taken.taken;
	result->healed = taken.broken;
	return taken.taken ? 0 : save_entry(save, &taken, result, err);
}

int xc_cache_save(const struct xc_cache *cache, const struct xc_query *query,
		  const struct xc_save_opts *opts, struct xc_save_result *ret_result,
		  struct xc_err *err)
{
	cleanup_save_result struct xc_save_result result = XC_SAVE_RESULT_INIT;
	const struct save save = {
		.cache = cache,
		.query = query,
		.opts = opts,
		.scope = cache->scopes->items[0],
	};
	uint64_t start_ms = xc_clock_ms();

	if (xc_check_query(query, err) < 0)
		return -1;
	if (save_unless_taken(&save, &result, err) < 0)
		return -1;
	result.total_ms = xc_clock_ms() - start_ms;
	*ret_result = result;
	result = (struct xc_save_result)XC_SAVE_RESULT_INIT;
	return 0;
}
