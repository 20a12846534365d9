/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "action/build_time.h"
#include "action/internal.h"
#include "action/suspect.h"
#include "save/notes.h"
#include "save/save.h"
#include "save/sharing.h"
#include "tree/patterns/patterns.h"

/* What actions/cache's saves say of invalid inputs: a line, not an annotation. */
static int decline(const char *message)
{
	xc_action_info("[warning]%s", message);
	return 0;
}

/* Whether a save is allowed; says why not. */
static bool may_write(const struct xc_action_run *run, const char *key)
{
	const char *mode = run->context.cache_mode, *ban;

	if (!xc_action_mode_writes(mode)) {
		xc_action_info("Cache save skipped: the effective cache-mode '%s' does not permit "
			       "writes.",
			       mode);
		return false;
	}
	if (run->inputs.read_only) {
		xc_action_info("Cache save skipped: read-only is set.");
		return false;
	}
	ban = xc_action_run_ban(run);
	if (ban)
		xc_action_command("warning",
				  "Failed to save: Unable to reserve cache with key %s. More "
				  "details: cache write denied: %s.",
				  key, ban);
	return !ban;
}

/* In the words of actions/cache, and then which paths and which key. */
static int report_no_match(const struct xc_action_run *run)
{
	decline("Path Validation Error: Path(s) specified in the action for caching do(es) not "
		"exist, hence no cache is being saved.");
	for (size_t i = 0; i < run->query.paths->count; i++) {
		const char *line = run->query.paths->items[i];
		const char *pitfall = xc_patterns_pitfall(line);

		if (line[0] == '#' || line[0] == '!')
			continue;
		xc_action_info("Note: for key %s the path line %s matches nothing that can be "
			       "saved%s%s.",
			       XC_QUOTE(run->query.key), XC_QUOTE(line), pitfall ? ": " : "",
			       pitfall ? pitfall : "");
	}
	return 0;
}

static int report_failure(struct xc_action_run *run, const struct xc_err *err)
{
	const struct xc_action_outcome outcome = {
		.result = XC_RESULT_FAILED,
		.scope = run->scopes.items[0],
		.reason = err->msg,
	};

	xc_action_run_finish(run);
	switch (err->kind) {
	case XC_ERR_NO_MATCH:
		return report_no_match(run);
	case XC_ERR_USAGE:
		return decline(err->msg);
	case XC_ERR_CANCELED:
		xc_action_command("error", "%s", err->msg);
		return 1;
	default:
		xc_action_command("warning", "Failed to save: %s", err->msg);
		xc_action_summary(run, &outcome);
		return 0;
	}
}

static void report_skipped(const struct xc_skipped *skipped)
{
	if (skipped->sockets + skipped->fifos + skipped->devices > 0)
		xc_action_info("Left out: %" PRIu64 " sockets, %" PRIu64 " FIFOs, %" PRIu64
			       " devices. Only files, directories and links are saved.",
			       skipped->sockets, skipped->fifos, skipped->devices);
}

/* The branch of a merge group is gone with the run. */
static void report_readers(const struct xc_action_run *run)
{
	const char *event = run->context.event_name;

	if (!run->shared && event && strcmp(event, "merge_group") == 0)
		xc_action_info("Only later jobs of this run can restore it: no other run reads a "
			       "merge queue's branch.");
}

/* In the words of actions/cache for what its service answers. */
static void report_exists(const struct xc_action_run *run, const char *key)
{
	char version[XC_VERSION_HEX + 1];

	xc_key_version(run->query.paths, version);
	xc_action_info("Failed to save: Unable to reserve cache with key %s, another job may be "
		       "creating this cache. More details: Cache already exists. Scope: %s, Key: "
		       "%s, Version: %s",
		       key, run->scopes.items[0], key, version);
}

static void report_saved(struct xc_action_run *run, const char *key,
			 const struct xc_save_result *result)
{
	cleanup_strlist struct xc_strlist notes = XC_STRLIST_INIT;
	cleanup_buf struct xc_buf sharing = XC_BUF_INIT;
	struct xc_action_outcome outcome = {
		.result = result->exists ? XC_RESULT_KEPT : XC_RESULT_SAVED,
		.notes = &notes,
		.reason = xc_save_idle(result),
		.manifest = result->exists ? NULL : &result->manifest,
		.scope = run->scopes.items[0],
		.scan_ms = result->scan_ms,
		.work_ms = result->pack_ms,
		.total_ms = result->total_ms,
		.transferred_bytes = result->delta.sent_bytes,
	};

	xc_action_run_finish(run);
	xc_save_notes(result, &notes);
	xc_save_sharing(result, &sharing);
	outcome.sharing = sharing.data;
	if (outcome.reason) {
		xc_action_info("Cache of key %s: %s.", key, outcome.reason);
	} else if (result->exists) {
		report_exists(run, key);
	} else {
		report_skipped(&result->skipped);
		for (size_t i = 0; i < notes.count; i++)
			xc_action_info("Note: %s.", notes.items[i]);
		if (result->healed.kind != XC_ERR_NONE)
			xc_action_info("Replaced the broken entry of this key: %s",
				       result->healed.msg);
		if (result->doubt.kind != XC_ERR_NONE)
			xc_action_command("warning", "The cache was saved, but %s",
					  result->doubt.msg);
		xc_action_log(run, &outcome);
		xc_action_info("Cache saved with key: %s", key);
		report_readers(run);
	}
	xc_action_summary(run, &outcome);
}

/* What to build on where this machine has no word of a restore. */
static void choose_parents(const struct xc_action_run *run, const char *restored,
			   struct xc_strlist *ret_keys)
{
	static const struct xc_strlist none = XC_STRLIST_INIT;
	const struct xc_strlist *given = &run->inputs.parent_keys;

	if (restored)
		xc_strlist_add(ret_keys, restored);
	for (size_t i = 0; i < given->count && ret_keys->count < XC_KEYS_MAX; i++) {
		cleanup_free char *fault = xc_action_key_fault(given->items[i], &none);

		if (fault)
			xc_action_info("[warning]parent-key: %s", fault);
		else
			xc_strlist_add(ret_keys, given->items[i]);
	}
}

static int store_entry(struct xc_action_run *run, const char *key, const char *restored)
{
	cleanup_save_result struct xc_save_result result = XC_SAVE_RESULT_INIT;
	cleanup_strlist struct xc_strlist parents = XC_STRLIST_INIT;
	struct xc_save_opts opts = { .update = run->inputs.update, .parent_keys = &parents };
	cleanup_free char *suspect = NULL;
	struct xc_err err;

	if (xc_action_run_check(run, &err) < 0 ||
	    xc_action_level(&run->inputs, &opts.level, &err) < 0 ||
	    xc_action_run_open(run, key, &err) < 0) {
		if (err.kind != XC_ERR_USAGE)
			return report_failure(run, &err);
		/* Settings of ours, which a line that looks like all others would hide. */
		xc_action_command("warning", "Failed to save: %s", err.msg);
		return 0;
	}
	suspect = xc_action_suspect_take(run);
	opts.suspect = suspect;
	opts.expire_days = xc_save_expire_days(run->host->expire_days, run->store);
	choose_parents(run, restored, &parents);
	opts.build_ms = xc_action_build_ms(&run->context, key, &run->inputs.paths);
	if (xc_cache_save(&run->cache, &run->query, &opts, &result, &err) < 0)
		return report_failure(run, &err);
	report_saved(run, key, &result);
	return 0;
}

/* `restored`: the key that main restored, or NULL. */
static int save(struct xc_action_run *run, const char *key, const char *restored)
{
	static const struct xc_strlist no_restore_keys = XC_STRLIST_INIT;
	cleanup_free char *fault = NULL;

	if (xc_action_run_lacks_store(run))
		return decline("No store is configured, because runs from forks get no secrets: "
			       "nothing is saved.");
	if (!xc_action_run_has_ref(run))
		return 0;
	if (*key == '\0')
		return decline("Key is not specified.");
	if (restored && !run->inputs.update && xc_action_same_key(key, restored)) {
		xc_action_info("Cache hit occurred on the primary key %s, not saving cache.", key);
		return 0;
	}
	if (run->inputs.paths.count == 0)
		return decline("Input required and not supplied: path");
	fault = xc_action_key_fault(key, &no_restore_keys);
	if (fault)
		return decline(fault);
	return may_write(run, key) ? store_entry(run, key, restored) : 0;
}

int xc_action_save(const struct xc_action_host *host)
{
	cleanup_action_run struct xc_action_run run = { 0 };

	xc_action_run_begin(&run, host);
	return save(&run, run.inputs.key, NULL);
}

int xc_action_post(const struct xc_action_host *host)
{
	cleanup_action_run struct xc_action_run run = { .root = true };
	const char *key = xc_action_context_state(XC_STATE_KEY);

	xc_action_run_begin(&run, host);
	return save(&run, key ? key : run.inputs.key, xc_action_context_state(XC_STATE_RESULT));
}
