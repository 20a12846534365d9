/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "action/build_time.h"
#include "action/internal.h"
#include "action/suspect.h"
#include "base/human.h"
#include "base/clock.h"

static int fail(const char *message)
{
	xc_action_command("error", "%s", message);
	return 1;
}

/* The root action hands the key on to its post step, the other one to the workflow. */
static int keep_key(const struct xc_action_run *run, struct xc_err *err)
{
	const char *key = run->inputs.key;

	return run->root ? xc_action_save_state(&run->context, XC_STATE_KEY, key, err)
			 : xc_action_set_output(&run->context, "cache-primary-key", key, err);
}

/* From here on the job does itself what the cache would have done. */
static void begin_build(const struct xc_action_run *run)
{
	xc_action_build_begin(&run->context, run->inputs.key, &run->inputs.paths);
}

/* Keys and paths, in the order and the words of actions/cache. */
static int check_inputs(struct xc_action_run *run)
{
	const struct xc_action_inputs *inputs = &run->inputs;
	cleanup_free char *fault = NULL;
	enum xc_mount_mode mode;
	struct xc_err err;

	if (*inputs->key == '\0')
		return fail("Input required and not supplied: key");
	if (keep_key(run, &err) < 0)
		return fail(err.msg);
	if (inputs->paths.count == 0)
		return fail("Input required and not supplied: path");
	fault = xc_action_key_fault(inputs->key, &inputs->restore_keys);
	if (fault)
		return fail(fault);
	if (*inputs->mount && !xc_mount_mode_parse(inputs->mount, &mode)) {
		(void)!xc_err_set(&err, XC_ERR_USAGE, "mount is %s; write " XC_MOUNT_MODES,
				  XC_QUOTE(inputs->mount));
		return fail(err.msg);
	}
	return xc_action_run_check(run, &err) < 0 ? fail(err.msg) : 0;
}

/* "K, R1, R2": all that was asked for, on the heap. */
static char *input_keys(const struct xc_action_inputs *inputs)
{
	struct xc_buf text = XC_BUF_INIT;

	xc_buf_add_str(&text, inputs->key);
	for (size_t i = 0; i < inputs->restore_keys.count; i++)
		xc_buf_addf(&text, ", %s", inputs->restore_keys.items[i]);
	return xc_buf_steal(&text);
}

static int end_as_miss(const struct xc_action_run *run)
{
	cleanup_free char *keys = input_keys(&run->inputs);

	begin_build(run);
	if (run->inputs.fail_on_cache_miss) {
		xc_action_command("error",
				  "Failed to restore cache entry. Exiting as fail-on-cache-miss is "
				  "set. Input key: %s",
				  run->inputs.key);
		return 1;
	}
	xc_action_info("Cache not found for input keys: %s", keys);
	return 0;
}

static int report_miss(struct xc_action_run *run, enum xc_action_result result, const char *reason,
		       uint64_t lookup_ms)
{
	cleanup_action_closest struct xc_action_closest closest = { 0 };
	struct xc_action_outcome outcome = {
		.result = result,
		.reason = reason,
		.closest = &closest,
	};
	uint64_t since_ms = xc_clock_ms();

	if (result == XC_RESULT_MISS && run->store)
		xc_action_closest_find(run, &closest);
	outcome.lookup_ms = outcome.total_ms = lookup_ms + xc_clock_ms() - since_ms;
	xc_action_run_finish(run);
	if (result == XC_RESULT_FAILED)
		xc_action_command("warning", "Failed to restore: %s", reason);
	xc_action_log(run, &outcome);
	xc_action_summary(run, &outcome);
	return end_as_miss(run);
}

static int set_number(const struct xc_action_run *run, const char *name, uint64_t number,
		      struct xc_err *err)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	return xc_action_set_output(&run->context, name, text, err);
}

static int set_hit_outputs(const struct xc_action_run *run, const struct xc_match *match,
			   struct xc_err *err)
{
	const struct xc_manifest *manifest = &match->manifest;
	bool same = xc_action_same_key(run->inputs.key, manifest->key);
	int kept =
		run->root ? xc_action_save_state(&run->context, XC_STATE_RESULT, manifest->key, err)
			  : xc_action_set_output(&run->context, "cache-matched-key", manifest->key,
						 err);

	if (kept < 0 ||
	    xc_action_set_output(&run->context, "cache-hit", same ? "true" : "false", err) < 0 ||
	    set_number(run, "cache-size", manifest->totals.stored_bytes, err) < 0 ||
	    set_number(run, "cache-files", manifest->totals.files, err) < 0)
		return -1;
	return xc_action_set_output(&run->context, "cache-store", run->store->display_url, err);
}

/* Entries that had to give way to the one that was found. */
static void warn_broken(const struct xc_action_run *run)
{
	for (size_t i = 0; i < run->broken.count; i++) {
		const struct xc_broken_entry *entry = &run->broken.items[i];

		xc_action_command("warning", "A broken cache entry in scope %s was skipped: %s",
				  entry->scope, entry->why.msg);
	}
}

static void say_how(const struct xc_mount *mount)
{
	const char *obstacle = xc_mount_obstacle(mount);

	if (obstacle)
		xc_action_info("Extracted, not mounted: %s", obstacle);
	else if (xc_mount_way(mount) != XC_MOUNT_BY_NOTHING)
		xc_action_info("Mounted%s: %s",
			       xc_mount_is_served(mount) ? ", contents follow as they are read"
							 : "",
			       xc_mount_way_name(xc_mount_way(mount)));
}

static int report_hit(struct xc_action_run *run, const struct xc_match *match,
		      struct xc_action_outcome *outcome)
{
	const struct xc_manifest *manifest = &match->manifest;
	uint64_t stored_bytes = manifest->totals.stored_bytes, mib = (uint64_t)1 << 20;
	struct xc_err err;

	outcome->manifest = manifest;
	outcome->scope = *match->scope ? match->scope : "none (legacy layout)";
	xc_action_run_finish(run);
	xc_action_suspect_note(run);
	warn_broken(run);
	if (run->mount)
		say_how(run->mount);
	xc_action_info("Cache hit for%s: %s",
		       strcmp(run->inputs.key, manifest->key) == 0 ? "" : " restore-key",
		       manifest->key);
	if (outcome->result == XC_RESULT_FOUND) {
		xc_action_info("Lookup only - skipping download");
	} else {
		xc_action_info("Cache Size: ~%" PRIu64 " MB (%" PRIu64 " B)",
			       (stored_bytes + mib / 2) / mib, stored_bytes);
		xc_action_info("Cache restored successfully");
	}
	xc_action_log(run, outcome);
	if (set_hit_outputs(run, match, &err) < 0)
		return fail(err.msg);
	xc_action_info(outcome->result == XC_RESULT_FOUND
			       ? "Cache found and can be restored from key: %s"
			       : "Cache restored from key: %s",
		       manifest->key);
	xc_action_summary(run, outcome);
	if (!xc_action_same_key(run->inputs.key, manifest->key))
		begin_build(run);
	return 0;
}

static int report_error(struct xc_action_run *run, const struct xc_err *err, uint64_t since_ms)
{
	if (err->kind == XC_ERR_CANCELED) {
		xc_action_run_finish(run);
		return fail("interrupted");
	}
	xc_action_suspect_note(run);
	return report_miss(run, err->kind == XC_ERR_NOT_FOUND ? XC_RESULT_MISS : XC_RESULT_FAILED,
			   err->msg, xc_clock_ms() - since_ms);
}

static int look_up(struct xc_action_run *run, uint64_t since_ms)
{
	cleanup_match struct xc_match match = XC_MATCH_INIT;
	struct xc_action_outcome outcome = { .result = XC_RESULT_FOUND };
	struct xc_err err;

	if (xc_cache_lookup(&run->cache, &run->query, &match, &err) < 0)
		return report_error(run, &err, since_ms);
	outcome.lookup_ms = outcome.total_ms = xc_clock_ms() - since_ms;
	return report_hit(run, &match, &outcome);
}

/* How the files are to come. The root action's mounts would be its container's alone. */
static struct xc_mount_opts mount_opts(const struct xc_action_run *run)
{
	struct xc_mount_opts opts = { .mode = XC_MOUNT_OFF };

	if (!run->root && *run->inputs.mount)
		(void)xc_mount_mode_parse(run->inputs.mount, &opts.mode);
	return opts;
}

static int bring_back(struct xc_action_run *run, uint64_t since_ms)
{
	const struct xc_mount_opts opts = mount_opts(run);
	struct xc_restore_result *result = &run->restored;
	struct xc_action_outcome outcome = { .result = XC_RESULT_RESTORED };
	struct xc_err err;

	if (xc_cache_mount(&run->cache, &run->query, &opts, result, &run->mount, &err) < 0)
		return report_error(run, &err, since_ms);
	if (result->copied_links > 0)
		xc_action_info(
			"Restored as copies: %s. The files are on different file systems, or "
			"one has as many hard links as its file system allows.",
			XC_COUNTED(result->copied_links, "hard link", "hard links"));
	outcome.lookup_ms = result->lookup_ms;
	outcome.work_ms = result->extract_ms;
	outcome.total_ms = result->total_ms;
	outcome.transferred_bytes = result->fetched_bytes;
	return report_hit(run, &result->match, &outcome);
}

static int search(struct xc_action_run *run)
{
	uint64_t since_ms = xc_clock_ms();
	struct xc_err err;

	if (xc_action_run_open(run, run->inputs.key, &err) < 0)
		return err.kind == XC_ERR_USAGE ? fail(err.msg) : report_error(run, &err, since_ms);
	switch (xc_action_clear(run)) {
	case XC_CLEAR_CANCELED:
		xc_action_run_finish(run);
		return fail("interrupted");
	case XC_CLEAR_YES:
		return report_miss(run, XC_RESULT_CLEARED, "the head commit asks for a clean build",
				   xc_clock_ms() - since_ms);
	case XC_CLEAR_NO:
		break;
	}
	since_ms = xc_clock_ms();
	return run->inputs.lookup_only ? look_up(run, since_ms) : bring_back(run, since_ms);
}

static int restore(const struct xc_action_host *host, bool root)
{
	cleanup_action_run struct xc_action_run run = { .root = root };
	struct xc_err err;
	int code;

	xc_action_run_begin(&run, host);
	if (xc_action_run_lacks_store(&run)) {
		xc_action_info("[warning]No store is configured, because runs from forks get no "
			       "secrets: nothing is restored.");
		return xc_action_set_output(&run.context, "cache-hit", "false", &err) < 0
			       ? fail(err.msg)
			       : 0;
	}
	if (!xc_action_run_has_ref(&run))
		return 0;
	code = check_inputs(&run);
	if (code != 0)
		return code;
	if (root)
		xc_action_warn_outside(&run);
	if (!xc_action_mode_reads(run.context.cache_mode)) {
		xc_action_info("Cache restore skipped: the effective cache-mode '%s' does not "
			       "permit reads.",
			       run.context.cache_mode);
		return end_as_miss(&run);
	}
	if (mount_opts(&run).mode == XC_MOUNT_LAZY && host->background)
		host->background(host->context);
	code = search(&run);
	if (run.mount && xc_mount_is_served(run.mount)) {
		host->ready(host->context, code);
		xc_mount_serve(run.mount);
	}
	return code;
}

int xc_action_restore(const struct xc_action_host *host)
{
	return restore(host, false);
}

int xc_action_main(const struct xc_action_host *host)
{
	cleanup_action_context struct xc_action_context context = XC_ACTION_CONTEXT_INIT;
	struct xc_err err;

	xc_action_context_read(&context);
	if (xc_action_save_state(&context, XC_STATE_MAIN, "done", &err) < 0)
		return fail(err.msg);
	return restore(host, true);
}

int xc_action_root(const struct xc_action_host *host, bool at_end)
{
	if (!at_end)
		return xc_action_main(host);
	if (xc_action_context_state(XC_STATE_MAIN))
		return xc_action_post(host);
	xc_action_info("The main step of this action did not run in this job: nothing is saved.");
	return 0;
}
