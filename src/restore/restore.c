/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/restore.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "entry/broken.h"
#include "entry/layer.h"
#include "entry/lookup.h"
#include "restore/extract.h"
#include "restore/legacy.h"
#include "restore/room.h"
#include "restore/standing.h"
#include "tree/patterns/patterns.h"
#include "tree/stage/stage.h"

void xc_restore_result_release(struct xc_restore_result *result)
{
	xc_match_release(&result->match);
}

/* One place in the file system that a restore fills; layers may share it. */
struct target {
	const char *stored; /* the top's name, in a layer's index */
	char *absolute;
	size_t literal_bytes;
	bool keep_directory;
	bool is_directory;
};

/* A restore on its way. */
struct restore {
	const struct xc_cache *cache;
	const struct xc_match *match;
	struct xc_patterns *patterns;
	struct xc_entry_layers loaded;
	struct xc_extract_layer *layers;
	uint32_t layer_count;
	uint32_t **layer_targets; /* per layer, per top */
	struct target *targets;   /* sorted by stored path */
	uint32_t target_count;
	struct xc_stage_target *stage_targets;
	struct xc_stage *stage;
};

static int load_layers(struct restore *restore, struct xc_err *err)
{
	if (xc_layers_load(restore->cache, restore->match->scope, &restore->match->manifest, true,
			   &restore->loaded, err) < 0)
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

static int compare_targets(const void *a, const void *b)
{
	return strcmp(((const struct target *)a)->stored, ((const struct target *)b)->stored);
}

static uint32_t find_target(const struct restore *restore, const char *stored)
{
	struct target wanted = { .stored = stored };
	const struct target *found = NULL;

	if (restore->target_count > 0)
		found = bsearch(&wanted, restore->targets, restore->target_count, sizeof(wanted),
				compare_targets);
	return found ? (uint32_t)(found - restore->targets) : XC_PLACE_NO_TARGET;
}

/* Whether anything of a top is left. Its members follow it in the table. */
static bool top_is_needed(const struct xc_extract_layer *layer, uint32_t top)
{
	const struct xc_members *members = &layer->entry->index.members;
	uint32_t i = top;

	do {
		if (xc_member_set_has(&layer->entry->alive, i))
			return true;
	} while (++i < members->count && members->items[i].parent != XC_MEMBER_NONE);
	return false;
}

/* The tops of all layers, each path once. */
static void collect_targets(struct restore *restore)
{
	uint32_t capacity = 0, unique = 0;

	for (uint32_t i = 0; i < restore->layer_count; i++) {
		const struct xc_members *members = &restore->layers[i].entry->index.members;

		for (uint32_t k = 0; k < members->count; k++) {
			if (members->items[k].parent != XC_MEMBER_NONE ||
			    !top_is_needed(&restore->layers[i], k))
				continue;
			if (restore->target_count == capacity) {
				capacity = capacity ? 2 * capacity : 16;
				restore->targets = xc_realloc(restore->targets,
							      capacity * sizeof(struct target));
			}
			restore->targets[restore->target_count++] = (struct target){
				.stored = members->items[k].name,
				.is_directory = members->items[k].type == XC_MEMBER_DIR,
			};
		}
	}
	if (restore->target_count > 1)
		qsort(restore->targets, restore->target_count, sizeof(struct target),
		      compare_targets);
	for (uint32_t i = 0; i < restore->target_count; i++) {
		if (unique > 0 &&
		    strcmp(restore->targets[unique - 1].stored, restore->targets[i].stored) == 0) {
			/* Layers that disagree about a root must not get round its being one. */
			restore->targets[unique - 1].is_directory &=
				restore->targets[i].is_directory;
			continue;
		}
		restore->targets[unique++] = restore->targets[i];
	}
	restore->target_count = unique;
}

static bool is_directory_of(const char *root, const struct stat *st)
{
	struct stat root_st;

	return root && stat(root, &root_st) == 0 && root_st.st_dev == st->st_dev &&
	       root_st.st_ino == st->st_ino;
}

/* By whatever name: the workspace's own folder may be reached past a symlink, too. */
static bool is_a_root(const struct xc_roots *roots, const char *absolute)
{
	struct stat st;

	if (xc_roots_is_root(roots, absolute))
		return true;
	return lstat(absolute, &st) == 0 && S_ISDIR(st.st_mode) &&
	       (is_directory_of(roots->workspace, &st) || is_directory_of(roots->home, &st));
}

/* A member that the path lines do not declare must not be placed, whatever the entry says. */
static int check_target(const struct restore *restore, struct target *target, struct xc_err *err)
{
	cleanup_buf struct xc_buf absolute = XC_BUF_INIT;

	if (xc_roots_to_absolute(restore->cache->roots, target->stored, &absolute, err) < 0)
		return -1;
	if (!xc_patterns_declares(restore->patterns, absolute.data, &target->literal_bytes))
		return xc_err_set(err, XC_ERR_CORRUPT,
				  "the entry has %s, which none of the paths asked for declares",
				  XC_QUOTE(target->stored));
	/* A shell may be standing in these: they keep their inode. */
	target->keep_directory = is_a_root(restore->cache->roots, absolute.data);
	target->absolute = xc_buf_steal(&absolute);
	return 0;
}

/* By their places: a folder stands right before all that lies in it. */
static int compare_places(const void *a, const void *b)
{
	const unsigned char *left = (const void *)(*(struct target *const *)a)->absolute;
	const unsigned char *right = (const void *)(*(struct target *const *)b)->absolute;

	while (*left && *left == *right) {
		left++;
		right++;
	}
	/* A slash comes before any other byte of a name. */
	return (*left == '/' ? 1 : *left * 2) - (*right == '/' ? 1 : *right * 2);
}

static bool is_at_or_below(const char *path, const char *folder)
{
	size_t length = strcmp(folder, "/") == 0 ? 0 : strlen(folder);

	return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/*
 * Within a layer the index keeps tops apart, but not across layers, nor
 * where a top goes by two names ("~" and "/home/u"). A symlink that one of
 * them brings could lead another one out.
 */
static int check_apart(const struct restore *restore, struct xc_err *err)
{
	cleanup_free struct target **order = xc_calloc(restore->target_count, sizeof(*order));

	for (uint32_t i = 0; i < restore->target_count; i++)
		order[i] = &restore->targets[i];
	if (restore->target_count > 1)
		qsort(order, restore->target_count, sizeof(*order), compare_places);
	for (uint32_t i = 1; i < restore->target_count; i++)
		if (is_at_or_below(order[i]->absolute, order[i - 1]->absolute))
			return xc_err_set(err, XC_ERR_CORRUPT,
					  "the entry has %s and %s, which lie in one another here",
					  XC_QUOTE(order[i - 1]->stored),
					  XC_QUOTE(order[i]->stored));
	return 0;
}

/* The workspace and the home stay what they are, whatever the entry has in their place. */
static int check_roots(const struct restore *restore, struct xc_err *err)
{
	for (uint32_t i = 0; i < restore->target_count; i++) {
		const struct target *target = &restore->targets[i];

		if (target->keep_directory && !target->is_directory)
			return xc_err_set(err, XC_ERR_CORRUPT,
					  "the entry has something else than a directory for %s",
					  XC_QUOTE(target->absolute));
	}
	return 0;
}

static int open_stage(struct restore *restore, struct xc_err *err)
{
	for (uint32_t i = 0; i < restore->target_count; i++)
		if (check_target(restore, &restore->targets[i], err) < 0)
			return -1;
	if (check_apart(restore, err) < 0 || check_roots(restore, err) < 0)
		return -1;
	restore->stage_targets = xc_calloc(restore->target_count, sizeof(struct xc_stage_target));
	for (uint32_t i = 0; i < restore->target_count; i++) {
		struct target *target = &restore->targets[i];

		restore->stage_targets[i] = (struct xc_stage_target){
			.path = target->absolute,
			.literal_bytes = target->literal_bytes,
			.keep_directory = target->keep_directory,
			.is_directory = target->is_directory,
		};
	}
	return xc_stage_open(restore->stage_targets, restore->target_count, &restore->stage, err);
}

static uint32_t count_tops(const struct xc_members *members)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < members->count; i++)
		count += members->items[i].parent == XC_MEMBER_NONE;
	return count;
}

static void open_places(struct restore *restore)
{
	restore->layer_targets = xc_calloc(restore->layer_count, sizeof(uint32_t *));
	for (uint32_t i = 0; i < restore->layer_count; i++) {
		struct xc_extract_layer *layer = &restore->layers[i];
		const struct xc_members *members = &layer->entry->index.members;
		uint32_t *targets = xc_calloc(count_tops(members), sizeof(*targets));
		uint32_t count = 0;

		for (uint32_t k = 0; k < members->count; k++)
			if (members->items[k].parent == XC_MEMBER_NONE)
				targets[count++] = find_target(restore, members->items[k].name);
		restore->layer_targets[i] = targets;
		layer->place = xc_place_new(&(struct xc_place_opts){
			.members = members,
			.stage = restore->stage,
			.targets = targets,
			.target_count = count,
			.owner = restore->cache->owner,
			.alive = &layer->entry->alive,
		});
	}
}

/* Adds what a layer puts into each target. */
static void add_layer_room(const struct restore *restore, uint32_t number, struct xc_room *rooms)
{
	const struct xc_extract_layer *layer = &restore->layers[number];
	const struct xc_members *members = &layer->entry->index.members;
	uint32_t target = XC_PLACE_NO_TARGET, top = 0;

	for (uint32_t i = 0; i < members->count; i++) {
		if (members->items[i].parent == XC_MEMBER_NONE)
			target = restore->layer_targets[number][top++];
		if (target != XC_PLACE_NO_TARGET && xc_member_set_has(&layer->entry->alive, i) &&
		    !xc_place_is_made(layer->place, i))
			xc_room_add(&rooms[target], &members->items[i]);
	}
}

static int check_room(const struct restore *restore, struct xc_err *err)
{
	cleanup_free struct xc_room *rooms = xc_calloc(restore->target_count, sizeof(*rooms));
	char name[XC_STAGE_NAME_MAX];

	for (uint32_t i = 0; i < restore->target_count; i++) {
		rooms[i].path = restore->targets[i].absolute;
		xc_stage_top(restore->stage, i, &rooms[i].dir_fd, name);
	}
	for (uint32_t i = 0; i < restore->layer_count; i++)
		add_layer_room(restore, i, rooms);
	return xc_room_check(rooms, restore->target_count, err);
}

/*
 * What stands there and is equal need not be written. To find that out costs
 * reading it, so it is done only where there is not enough room without.
 */
static int make_room(struct restore *restore, struct xc_err *err)
{
	struct xc_err refusal;

	if (check_room(restore, &refusal) == 0)
		return 0;
	for (uint32_t i = 0; i < restore->layer_count; i++)
		if (xc_standing_keep(restore->cache, restore->stage, &restore->layers[i],
				     restore->layer_targets[i], err) < 0)
			return -1;
	return check_room(restore, err);
}

static int restore_match(struct restore *restore, const struct xc_query *query,
			 struct xc_restore_result *result, struct xc_err *err)
{
	struct xc_totals *totals = &result->match.manifest.totals;

	if (xc_patterns_parse(query->paths, restore->cache->roots, &restore->patterns, err) < 0 ||
	    load_layers(restore, err) < 0)
		return -1;
	count_members(restore, totals);
	xc_progress_totals(restore->cache->progress, count_all(totals), totals->content_bytes);
	xc_progress_phase(restore->cache->progress, XC_PHASE_EXTRACT);
	collect_targets(restore);
	if (open_stage(restore, err) < 0)
		return -1;
	open_places(restore);
	if (make_room(restore, err) < 0)
		return -1;
	if (xc_extract(restore->cache, restore->layers, restore->layer_count,
		       xc_index_budget_free_used(&restore->loaded.budget), &result->fetched_bytes,
		       err) < 0)
		return -1;
	result->fetched_bytes += restore->loaded.fetched_bytes;
	for (uint32_t i = 0; i < restore->layer_count; i++) {
		result->owner_dropped |= xc_place_owner_dropped(restore->layers[i].place);
		result->copied_links += xc_place_copied_links(restore->layers[i].place);
	}
	return xc_stage_commit(restore->stage, restore->cache->cancel, &result->replaced, err);
}

static void release_restore(struct restore *restore)
{
	for (uint32_t i = 0; i < restore->layer_count; i++) {
		struct xc_extract_layer *layer = &restore->layers[i];

		xc_place_free(layer->place);
		if (restore->layer_targets)
			free(restore->layer_targets[i]);
	}
	xc_stage_free(restore->stage);
	for (uint32_t i = 0; i < restore->target_count; i++)
		free(restore->targets[i].absolute);
	free(restore->targets);
	free(restore->stage_targets);
	free(restore->layer_targets);
	free(restore->layers);
	xc_layers_release(&restore->loaded);
	xc_patterns_free(restore->patterns);
}

/* An entry that could not be brought back. 1: the search may go on, -1: it may not. */
static int note_failure(const struct xc_match *match, struct xc_broken *broken, struct xc_err *err)
{
	if (err->sys == ENOSPC || err->sys == EDQUOT)
		xc_err_wrap(err, "until it is done a restore needs room for what it writes beside "
				 "what that replaces");
	xc_err_wrap(err, "cannot restore key %s", XC_QUOTE(match->manifest.key));
	/* A pack that is gone is no miss: there was an entry, and it cannot be used. */
	if (err->kind == XC_ERR_NOT_FOUND)
		err->kind = XC_ERR_CORRUPT;
	if (!match->object || (err->kind != XC_ERR_CORRUPT && err->kind != XC_ERR_FORMAT))
		return -1;
	xc_broken_note(broken, match->scope, match->object, match->manifest.key, &match->tag, err);
	return broken->count > XC_BROKEN_MAX ? -1 : 1;
}

/* The next match: 0 if it was brought back, 1 if it turned out broken, -1 on error. */
static int restore_next(const struct xc_cache *cache, const struct xc_query *query,
			struct xc_broken *broken, struct xc_restore_result *ret_result,
			struct xc_err *err)
{
	struct xc_restore_result result = XC_RESTORE_RESULT_INIT;
	struct restore restore = { .cache = cache, .match = &result.match };
	uint64_t start_ms = xc_clock_ms(), found_ms;
	int restored;

	if (xc_find_match(cache, query, broken, &result.match, err) < 0)
		return -1;
	found_ms = xc_clock_ms();
	restored = result.match.older.base ? xc_legacy_restore(cache, query, &result, err)
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

int xc_cache_restore(const struct xc_cache *cache, const struct xc_query *query,
		     struct xc_restore_result *ret_result, struct xc_err *err)
{
	struct xc_broken broken = XC_BROKEN_INIT;
	uint64_t start_ms = xc_clock_ms(), extract_ms;
	int result;

	while ((result = restore_next(cache, query, &broken, ret_result, err)) == 1)
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
