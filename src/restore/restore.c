/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/restore.h"

#include <errno.h>

#include "base/clock.h"
#include "entry/broken.h"
#include "entry/layer.h"
#include "entry/lookup.h"
#include "restore/existing.h"
#include "restore/extract.h"
#include "restore/legacy.h"
#include "restore/room.h"
#include "restore/stamps.h"
#include "restore/targets.h"
#include "state/state.h"

void xc_restore_result_release(struct xc_restore_result *result)
{
	xc_match_release(&result->match);
}

/* A restore on its way. */
struct restore {
	const struct xc_cache *cache;
	const struct xc_restore_means *means; /* may be NULL */
	const struct xc_match *match;
	struct xc_patterns *patterns;
	struct xc_entry_layers loaded;
	struct xc_extract_layer *layers;
	uint32_t layer_count;
	struct xc_targets targets;
	bool records; /* leaves word for a later save */
	struct xc_stamps stamps;
};

static int load_layers(struct restore *restore, struct xc_err *err)
{
	const struct xc_layers_source source = {
		.scope = restore->match->scope,
		.manifest = &restore->match->manifest,
		.head = true,
		.keep_stored = restore->records,
	};

	if (xc_layers_load(restore->cache, &source, &restore->loaded, err) < 0)
		return -1;
	restore->layer_count = restore->loaded.count;
	restore->layers = xc_calloc(restore->layer_count, sizeof(*restore->layers));
	for (uint32_t i = 0; i < restore->layer_count; i++)
		restore->layers[i].entry = &restore->loaded.items[i];
	return 0;
}

static uint64_t count_all(const struct xc_totals *totals)
{
	return totals->files + totals->directories + totals->symlinks + totals->hardlinks;
}

/* The indexes are the authority: what the manifest claims is for people, until they are read. */
static void count_members(const struct restore *restore, struct xc_totals *ret_totals)
{
	struct xc_totals found = { 0 };

	for (uint32_t i = 0; i < restore->layer_count; i++) {
		found.stored_bytes += restore->layers[i].entry->layer->pack_bytes;
		xc_totals_add(&found, restore->layers[i].entry->layer,
			      &restore->layers[i].entry->index.members);
	}
	*ret_totals = found;
}

static void open_places(struct restore *restore)
{
	for (uint32_t i = 0; i < restore->layer_count; i++) {
		struct xc_extract_layer *layer = &restore->layers[i];

		layer->unpack = xc_unpack_new(&(struct xc_unpack_opts){
			.members = &layer->entry->index.members,
			.stage = restore->targets.stage,
			.targets = restore->targets.of_layers[i].items,
			.target_count = restore->targets.of_layers[i].count,
			.owner = restore->cache->owner,
			.alive = &layer->entry->alive,
			.stamps = restore->stamps.of_layers ? restore->stamps.of_layers[i] : NULL,
		});
	}
}

/*
 * What stands there and is equal need not be written. To find that out costs
 * reading it, so it is done only where there is not enough room without.
 */
static int make_room(struct restore *restore, struct xc_err *err)
{
	struct xc_err refusal;

	if (xc_room_check(&restore->targets, restore->layers, restore->layer_count, &refusal) == 0)
		return 0;
	for (uint32_t i = 0; i < restore->layer_count; i++)
		if (xc_existing_keep(restore->cache, restore->targets.stage, &restore->layers[i],
				     restore->targets.of_layers[i].items, err) < 0)
			return -1;
	return xc_room_check(&restore->targets, restore->layers, restore->layer_count, err);
}

/* The next save costs more without it, and is none the worse. */
static void record(struct restore *restore, const struct xc_query *query,
		   struct xc_restore_result *result)
{
	const struct xc_state_record state = {
		.paths = query->paths,
		.match = &result->match,
		.layers = &restore->loaded,
		.stamps = restore->stamps.of_layers,
	};

	if (state.stamps)
		xc_stamps_settle(&restore->stamps, &restore->targets, &restore->loaded);
	(void)!xc_state_write(restore->cache, &state, &result->unrecorded);
}

/* From here on what was noted of an earlier restore is not true any more. */
static int commit(struct restore *restore, const struct xc_query *query,
		  struct xc_restore_result *result, struct xc_err *err)
{
	if (restore->cache->state_folder)
		xc_state_forget(restore->cache, query->paths);
	if (xc_stage_commit(restore->targets.stage, restore->cache->cancel, &result->replaced,
			    err) < 0)
		return -1;
	if (restore->records)
		record(restore, query, result);
	return 0;
}

/* 1 if other means filled the targets, 0 if they cannot, -1 on error. */
static int fill_by_means(struct restore *restore, const struct xc_query *query,
			 struct xc_restore_result *result, struct xc_err *err)
{
	const struct xc_restoring restoring = {
		.cache = restore->cache,
		.query = query,
		.match = restore->match,
		.layers = &restore->loaded,
		.targets = &restore->targets,
	};

	if (!restore->means || !restore->means->fill)
		return 0;
	/* From here on what was noted of an earlier restore is not true any more. */
	if (restore->cache->state_folder)
		xc_state_forget(restore->cache, query->paths);
	if (restore->means->fill(restore->means->context, &restoring, &result->fetched_bytes, err) <
	    0)
		return err->kind == XC_ERR_UNSUPPORTED ? 0 : -1;
	if (restore->records)
		record(restore, query, result);
	return 1;
}

static int extract(struct restore *restore, const struct xc_query *query,
		   struct xc_restore_result *result, struct xc_err *err)
{
	const struct xc_extract_opts opts = {
		.cache = restore->cache,
		.layers = restore->layers,
		.layer_count = restore->layer_count,
		.index_bytes = xc_index_budget_free_used(&restore->loaded.budget),
	};

	if (restore->records && xc_stamps_are_worth_it(&restore->targets))
		xc_stamps_init(&restore->loaded, &restore->stamps);
	open_places(restore);
	if (make_room(restore, err) < 0 || xc_extract(&opts, &result->fetched_bytes, err) < 0)
		return -1;
	for (uint32_t i = 0; i < restore->layer_count; i++) {
		result->owner_dropped |= xc_unpack_owner_dropped(restore->layers[i].unpack);
		result->copied_links += xc_unpack_copied_links(restore->layers[i].unpack);
	}
	return commit(restore, query, result, err);
}

static int restore_match(struct restore *restore, const struct xc_query *query,
			 struct xc_restore_result *result, struct xc_err *err)
{
	const struct xc_restore_means *means = restore->means;
	struct xc_totals *totals = &result->match.manifest.totals;
	int filled;

	restore->records = restore->cache->state_folder && xc_state_fits(&result->match.manifest);
	if (xc_patterns_parse(query->paths, restore->cache->roots, &restore->patterns, err) < 0 ||
	    load_layers(restore, err) < 0)
		return -1;
	count_members(restore, totals);
	xc_progress_totals(restore->cache->progress, count_all(totals), totals->content_bytes);
	xc_progress_phase(restore->cache->progress, XC_PHASE_EXTRACT);
	if (means && means->prepare && means->prepare(means->context, restore->patterns, err) < 0)
		return -1;
	if (xc_targets_open(restore->cache, restore->patterns, &restore->loaded, &restore->targets,
			    err) < 0)
		return -1;
	filled = fill_by_means(restore, query, result, err);
	if (filled < 0 || (filled == 0 && extract(restore, query, result, err) < 0))
		return -1;
	result->fetched_bytes += restore->loaded.fetched_bytes;
	if (filled && means->keep)
		means->keep(means->context, &restore->loaded);
	return 0;
}

static void release_restore(struct restore *restore)
{
	for (uint32_t i = 0; i < restore->layer_count; i++)
		xc_unpack_free(restore->layers[i].unpack);
	free(restore->layers);
	xc_targets_release(&restore->targets);
	xc_stamps_release(&restore->stamps);
	xc_layers_release(&restore->loaded);
	xc_patterns_free(restore->patterns);
}

/* An entry that could not be brought back. 1: the search may go on, -1: it may not. */
static int note_failure(const struct xc_match *match, struct xc_broken *broken, struct xc_err *err)
{
	if (err->sys == ENOSPC || err->sys == EDQUOT)
		xc_err_wrap(
			err,
			"until it is done, a restore needs room for both new and replaced files");
	xc_err_wrap(err, "cannot restore key %s", XC_QUOTE(match->manifest.key));
	/* A pack that is gone is no miss: there was an entry, and it cannot be used. */
	if (err->kind == XC_ERR_NOT_FOUND)
		err->kind = XC_ERR_CORRUPT;
	if (!match->object || (err->kind != XC_ERR_CORRUPT && err->kind != XC_ERR_FORMAT))
		return -1;
	xc_broken_note_match(broken, match, err);
	return broken->count > XC_BROKEN_MAX ? -1 : 1;
}

/* The next match: 0 if it was brought back, 1 if it turned out broken, -1 on error. */
static int restore_next(const struct xc_cache *cache, const struct xc_query *query,
			const struct xc_restore_means *means, struct xc_broken *broken,
			struct xc_restore_result *ret_result, struct xc_err *err)
{
	struct xc_restore_result result = XC_RESTORE_RESULT_INIT;
	struct restore restore = { .cache = cache, .means = means, .match = &result.match };
	uint64_t start_ms = xc_clock_ms(), found_ms;
	int restored;

	if (xc_find_match(cache, query, broken, &result.match, err) < 0)
		return -1;
	found_ms = xc_clock_ms();
	restored = result.match.legacy.base ? xc_legacy_restore(cache, query, &result, err)
					    : restore_match(&restore, query, &result, err);
	release_restore(&restore);
	if (restored < 0) {
		restored = note_failure(&result.match, broken, err);
		xc_restore_result_release(&result);
		return restored;
	}
	result.lookup_ms = found_ms - start_ms;
	result.total_ms = xc_clock_ms() - start_ms;
	result.extract_ms = result.total_ms - result.lookup_ms;
	*ret_result = result;
	return 0;
}

int xc_cache_restore_by(const struct xc_cache *cache, const struct xc_query *query,
			const struct xc_restore_means *means, struct xc_restore_result *ret_result,
			struct xc_err *err)
{
	struct xc_broken broken = XC_BROKEN_INIT;
	uint64_t start_ms = xc_clock_ms(), extract_ms;
	int result;

	while ((result = restore_next(cache, query, means, &broken, ret_result, err)) == 1)
		xc_progress_restart(cache->progress);
	xc_broken_hand_over(cache, &broken);
	if (result < 0)
		return -1;
	/* What was tried before and was broken counts as looking. */
	extract_ms = ret_result->extract_ms;
	ret_result->total_ms = xc_clock_ms() - start_ms;
	ret_result->lookup_ms = ret_result->total_ms - XC_MIN(extract_ms, ret_result->total_ms);
	return 0;
}

int xc_cache_restore(const struct xc_cache *cache, const struct xc_query *query,
		     struct xc_restore_result *ret_result, struct xc_err *err)
{
	return xc_cache_restore_by(cache, query, NULL, ret_result, err);
}
