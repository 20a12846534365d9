/* SPDX-License-Identifier: Apache-2.0 */
#include "report/summary.h"

#include <string.h>

#include "base/human.h"
#include "report/manifest.h"
#include "save/sharing.h"

static void print_sharing(const struct xc_save_result *result, FILE *out)
{
	cleanup_buf struct xc_buf text = XC_BUF_INIT;

	xc_save_sharing(result, &text);
	if (text.len_bytes > 0)
		fprintf(out, "  %s\n", text.data);
}

void xc_summary_save(const char *key, const struct xc_save_result *result, FILE *out)
{
	const struct xc_totals *totals = &result->manifest.totals;

	if (xc_save_idle(result)) {
		fprintf(out, "Key %s: %s\n", XC_QUOTE(key), xc_save_idle(result));
		return;
	}
	if (result->exists) {
		fprintf(out,
			"Key %s has an entry already, so nothing was saved (--update replaces "
			"it)\n",
			XC_QUOTE(key));
		return;
	}
	fprintf(out, "Saved %s: %s, %s stored as %s", XC_QUOTE(key),
		XC_COUNTED(totals->files, "file", "files"), XC_SIZE(totals->content_bytes),
		XC_SIZE(totals->stored_bytes));
	/* Of next to nothing, neither ratio nor rate says anything. */
	if (totals->content_bytes > totals->stored_bytes)
		fprintf(out, " (%s) in %s (%s)\n",
			XC_RATIO(totals->content_bytes, totals->stored_bytes),
			XC_DURATION(result->total_ms),
			XC_RATE(totals->content_bytes, result->total_ms));
	else
		fprintf(out, " in %s\n", XC_DURATION(result->total_ms));
	print_sharing(result, out);
}

/* "linux-abc", or "linux-old (by restore key linux-)", and where it is, if that is elsewhere. */
static void print_match(const struct xc_query *query, const struct xc_strlist *scopes,
			const struct xc_match *match, FILE *out)
{
	const char *key = match->manifest.key;
	const char *by = match->exact ? NULL : xc_query_matched_by(query, key);

	fputs(XC_QUOTE(key), out);
	if (by == query->key)
		fprintf(out, " (the newest that starts with %s)", XC_QUOTE(by));
	else if (by)
		fprintf(out, " (by restore key %s)", XC_QUOTE(by));
	if (match->legacy.base)
		fprintf(out, " of the legacy layout%s", match->legacy.delta ? " with a delta" : "");
	else if (strcmp(match->scope, scopes->items[0]) != 0)
		fprintf(out, " in scope %s", XC_QUOTE(match->scope));
}

void xc_summary_restore(const struct xc_query *query, const struct xc_strlist *scopes,
			const struct xc_restore_result *result, FILE *out)
{
	const struct xc_totals *totals = &result->match.manifest.totals;

	fputs("Restored ", out);
	print_match(query, scopes, &result->match, out);
	fprintf(out, ": %s, %s from %s in %s", XC_COUNTED(totals->files, "file", "files"),
		XC_SIZE(totals->content_bytes), XC_SIZE(result->fetched_bytes),
		XC_DURATION(result->total_ms));
	if (totals->content_bytes > 0)
		fprintf(out, " (%s)", XC_RATE(totals->content_bytes, result->total_ms));
	if (result->replaced > 0)
		fprintf(out, ", replacing %s",
			XC_COUNTED(result->replaced, "existing file", "existing files"));
	putc('\n', out);
}

void xc_summary_lookup(const struct xc_query *query, const struct xc_strlist *scopes,
		       const struct xc_match *match, int64_t now_s, FILE *out)
{
	const struct xc_totals *totals = &match->manifest.totals;

	fputs("Found ", out);
	print_match(query, scopes, match, out);
	/* Its archives alone know what is in them. */
	if (match->legacy.base) {
		fprintf(out, ": %s stored, saved %s ago\n", XC_SIZE(totals->stored_bytes),
			XC_AGE(now_s - xc_manifest_created_s(&match->manifest)));
		return;
	}
	fprintf(out, ": %s, %s stored as %s, saved %s ago\n",
		XC_COUNTED(totals->files, "file", "files"), XC_SIZE(totals->content_bytes),
		XC_SIZE(totals->stored_bytes),
		XC_AGE(now_s - xc_manifest_created_s(&match->manifest)));
}

void xc_summary_save_times(const struct xc_save_result *result, FILE *out)
{
	fprintf(out, "Scanning took %s, packing %s\n", XC_DURATION(result->scan_ms),
		XC_DURATION(result->pack_ms));
}

void xc_summary_restore_times(const struct xc_restore_result *result, FILE *out)
{
	fprintf(out, "Looking up took %s, extracting %s\n", XC_DURATION(result->lookup_ms),
		XC_DURATION(result->extract_ms));
}

void xc_summary_skipped(const struct xc_skipped *skipped, struct xc_buf *out)
{
	const struct {
		uint64_t count;
		const char *one, *many;
	} kinds[] = {
		{ skipped->sockets, "socket", "sockets" },
		{ skipped->fifos, "FIFO", "FIFOs" },
		{ skipped->devices, "device", "devices" },
	};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (kinds[i].count == 0)
			continue;
		xc_buf_addf(out, "%s%s", out->len_bytes ? ", " : "",
			    XC_COUNTED(kinds[i].count, kinds[i].one, kinds[i].many));
	}
}
