/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "action/internal.h"
#include "base/human.h"

void xc_action_saved_time(const struct xc_action_run *run, const struct xc_action_story *story,
			  struct xc_buf *out)
{
	const struct xc_manifest *manifest = story->manifest;
	uint64_t took_ms = story->total_ms;

	if (story->result != XC_RESULT_RESTORED && story->result != XC_RESULT_FOUND)
		return;
	if (manifest->build_ms == 0 || !xc_action_same_key(run->query.key, manifest->key))
		return;
	if (manifest->build_ms > took_ms)
		xc_buf_addf(out, "%s: ", XC_DURATION(manifest->build_ms - took_ms));
	else
		xc_buf_add_str(out, "none: ");
	xc_buf_addf(out, "building it took %s when it was saved", XC_DURATION(manifest->build_ms));
}

static void tell_saved_time(const struct xc_action_run *run, const struct xc_action_story *story)
{
	cleanup_buf struct xc_buf text = XC_BUF_INIT;

	xc_action_saved_time(run, story, &text);
	if (text.len_bytes > 0)
		xc_action_info("Saved time: %s", xc_buf_str(&text));
}

static void open_group(const struct xc_action_story *story)
{
	const struct xc_totals *totals = story->manifest ? &story->manifest->totals : NULL;

	switch (story->result) {
	case XC_RESULT_RESTORED:
		xc_action_group("Restored %s, %s from %s in %s (%s)",
				XC_COUNTED(totals->files, "file", "files"),
				XC_SIZE(totals->content_bytes), XC_SIZE(story->transferred_bytes),
				XC_DURATION(story->total_ms),
				XC_RATE(totals->content_bytes, story->total_ms));
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
				XC_DURATION(story->total_ms),
				XC_RATE(totals->content_bytes, story->total_ms));
		break;
	default:
		xc_action_group("Nothing was restored: %s", story->reason ? story->reason : "");
	}
}

static void tell_searched(const struct xc_action_run *run)
{
	const struct xc_strlist *restore_keys = &run->inputs.restore_keys;

	xc_action_info("Key: %s", run->query.key);
	for (size_t i = 0; i < restore_keys->count; i++)
		xc_action_info("Restore key: %s", restore_keys->items[i]);
	for (size_t i = 0; i < run->scopes.count; i++)
		xc_action_info("Scope: %s", run->scopes.items[i]);
}

static void tell_nearest(const struct xc_action_nearest *nearest)
{
	if (nearest && nearest->key)
		xc_action_info("Closest key: %s in scope %s%s", nearest->key, nearest->scope,
			       nearest->other_paths
				       ? ", saved with other path lines, so it is another cache"
				       : "");
}

static void tell_match(const struct xc_action_run *run, const struct xc_action_story *story)
{
	const char *key = story->manifest->key, *by = xc_query_matched_by(&run->query, key);

	xc_action_info("Key: %s", key);
	if (by && strcmp(by, key) != 0)
		xc_action_info("Newest that starts with: %s", by);
	xc_action_info("Scope: %s", story->scope);
}

void xc_action_log(const struct xc_action_run *run, const struct xc_action_story *story)
{
	open_group(story);
	if (run->store)
		xc_action_info("Store: %s", run->store->display_url);
	if (story->manifest) {
		tell_match(run, story);
	} else {
		tell_searched(run);
		tell_nearest(story->nearest);
	}
	if (story->result == XC_RESULT_SAVED)
		xc_action_info("Scanning took %s, compression and transfer %s",
			       XC_DURATION(story->scan_ms), XC_DURATION(story->work_ms));
	else if (story->result == XC_RESULT_RESTORED)
		xc_action_info("Lookup took %s, transfer and extraction %s",
			       XC_DURATION(story->lookup_ms), XC_DURATION(story->work_ms));
	else
		xc_action_info("Lookup took %s", XC_DURATION(story->lookup_ms));
	tell_saved_time(run, story);
	xc_action_endgroup();
}
