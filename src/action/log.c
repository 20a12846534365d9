/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "action/internal.h"
#include "base/human.h"

void xc_action_saved_time(const struct xc_action_run *run, const struct xc_action_outcome *outcome,
			  struct xc_buf *out)
{
	const struct xc_manifest *manifest = outcome->manifest;
	uint64_t took_ms = outcome->total_ms;

	if (outcome->result != XC_RESULT_RESTORED && outcome->result != XC_RESULT_FOUND)
		return;
	if (manifest->build_ms == 0 || !xc_action_same_key(run->query.key, manifest->key))
		return;
	if (manifest->build_ms > took_ms)
		xc_buf_addf(out, "%s: ", XC_DURATION(manifest->build_ms - took_ms));
	else
		xc_buf_add_str(out, "none: ");
	xc_buf_addf(out, "building it took %s when it was saved", XC_DURATION(manifest->build_ms));
}

static void report_saved_time(const struct xc_action_run *run,
			      const struct xc_action_outcome *outcome)
{
	cleanup_buf struct xc_buf text = XC_BUF_INIT;

	xc_action_saved_time(run, outcome, &text);
	if (text.len_bytes > 0)
		xc_action_info("Saved time: %s", xc_buf_str(&text));
}

static void open_group(const struct xc_action_outcome *outcome)
{
	const struct xc_totals *totals = outcome->manifest ? &outcome->manifest->totals : NULL;

	switch (outcome->result) {
	case XC_RESULT_RESTORED:
		xc_action_group("Restored %s, %s from %s in %s (%s)",
				XC_COUNTED(totals->files, "file", "files"),
				XC_SIZE(totals->content_bytes), XC_SIZE(outcome->transferred_bytes),
				XC_DURATION(outcome->total_ms),
				XC_RATE(totals->content_bytes, outcome->total_ms));
		break;
	case XC_RESULT_FOUND:
		xc_action_group("Found %s, %s stored as %s",
				XC_COUNTED(totals->files, "file", "files"),
				XC_SIZE(totals->content_bytes), XC_SIZE(totals->stored_bytes));
		break;
	case XC_RESULT_SAVED:
		xc_action_group("Saved %s, %s as %s in %s (%s)",
				XC_COUNTED(totals->files, "file", "files"),
				XC_SIZE(totals->content_bytes), XC_SIZE(totals->stored_bytes),
				XC_DURATION(outcome->total_ms),
				XC_RATE(totals->content_bytes, outcome->total_ms));
		break;
	default:
		xc_action_group("Nothing was restored: %s", outcome->reason ? outcome->reason : "");
	}
}

static void report_searched(const struct xc_action_run *run)
{
	const struct xc_strlist *restore_keys = &run->inputs.restore_keys;

	xc_action_info("Key: %s", run->query.key);
	for (size_t i = 0; i < restore_keys->count; i++)
		xc_action_info("Restore key: %s", restore_keys->items[i]);
	for (size_t i = 0; i < run->scopes.count; i++)
		xc_action_info("Scope: %s", run->scopes.items[i]);
}

static void report_nearest(const struct xc_action_closest *closest)
{
	if (closest && closest->key)
		xc_action_info("Closest key: %s in scope %s%s", closest->key, closest->scope,
			       closest->other_paths
				       ? ", saved with other path lines, so it does not match"
				       : "");
}

static void report_match(const struct xc_action_run *run, const struct xc_action_outcome *outcome)
{
	const char *key = outcome->manifest->key, *by = xc_query_matched_by(&run->query, key);

	xc_action_info("Key: %s", key);
	if (by && strcmp(by, key) != 0)
		xc_action_info("Newest key that starts with: %s", by);
	xc_action_info("Scope: %s", outcome->scope);
}

void xc_action_log(const struct xc_action_run *run, const struct xc_action_outcome *outcome)
{
	open_group(outcome);
	if (run->store)
		xc_action_info("Store: %s", run->store->display_url);
	if (outcome->manifest) {
		report_match(run, outcome);
	} else {
		report_searched(run);
		report_nearest(outcome->closest);
	}
	if (outcome->sharing)
		xc_action_info("Sharing: %s", outcome->sharing);
	if (outcome->result == XC_RESULT_SAVED)
		xc_action_info("Scanning took %s, compression and transfer %s",
			       XC_DURATION(outcome->scan_ms), XC_DURATION(outcome->work_ms));
	else if (outcome->result == XC_RESULT_RESTORED)
		xc_action_info("Lookup took %s, transfer and extraction %s",
			       XC_DURATION(outcome->lookup_ms), XC_DURATION(outcome->work_ms));
	else
		xc_action_info("Lookup took %s", XC_DURATION(outcome->lookup_ms));
	report_saved_time(run, outcome);
	xc_action_endgroup();
}
