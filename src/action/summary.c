/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "action/internal.h"
#include "base/human.h"

/* "www." alone begins a link too (GitHub Flavored Markdown, 6.9). */
static bool ends_in_www(const char *text, const char *end)
{
	return end - text >= 3 && strncasecmp(end - 3, "www", 3) == 0;
}

/* Foreign text as code in a cell of a table: no markup, no link, no other cell. */
static void add_code(struct xc_buf *out, const char *text)
{
	const char *begin = text;

	xc_buf_add_str(out, "<code>");
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c == 0x7f)
			xc_buf_addf(out, "\\x%02x", c);
		else if ((c < 0x80 && strchr("&<>|`*_[]\\\"'~@#:$!", c)) ||
			 (c == '.' && ends_in_www(begin, text)))
			xc_buf_addf(out, "&#%d;", c);
		else
			xc_buf_add_char(out, (char)c);
	}
	xc_buf_add_str(out, "</code>");
}

static void add_row(struct xc_buf *out, const char *name, const char *text)
{
	xc_buf_addf(out, "| %s | %s |\n", name, text);
}

static void add_code_row(struct xc_buf *out, const char *name, const char *text)
{
	xc_buf_addf(out, "| %s | ", name);
	add_code(out, text);
	xc_buf_add_str(out, " |\n");
}

static const char *result_text(const struct xc_action_run *run,
			       const struct xc_action_outcome *outcome)
{
	bool same = outcome->manifest && xc_action_same_key(run->query.key, outcome->manifest->key);

	switch (outcome->result) {
	case XC_RESULT_RESTORED:
		return same ? "hit, restored" : "older entry restored";
	case XC_RESULT_FOUND:
		return same ? "hit, lookup only" : "older entry found, lookup only";
	case XC_RESULT_CLEARED:
		return "miss, cleared by the tag";
	case XC_RESULT_FAILED:
		return "failed";
	case XC_RESULT_SAVED:
		return "saved";
	case XC_RESULT_KEPT:
		return "not saved: the key has an entry already";
	case XC_RESULT_MISS:
		break;
	}
	return "miss";
}

static void add_list_row(struct xc_buf *out, const char *name, const struct xc_strlist *list)
{
	if (list->count == 0)
		return;
	xc_buf_addf(out, "| %s | ", name);
	for (size_t i = 0; i < list->count; i++) {
		xc_buf_add_str(out, i ? "<br>" : "");
		add_code(out, list->items[i]);
	}
	xc_buf_add_str(out, " |\n");
}

/* Why there was nothing: what was tried, and what came nearest. */
static void add_search(const struct xc_action_run *run, const struct xc_action_outcome *outcome,
		       struct xc_buf *out)
{
	const struct xc_action_closest *closest = outcome->closest;

	add_list_row(out, "Restore keys tried", &run->inputs.restore_keys);
	add_list_row(out, "Scopes tried", &run->scopes);
	if (!closest || !closest->key)
		return;
	add_code_row(out, "Closest key", closest->key);
	add_code_row(out, "Its scope", closest->scope);
	if (closest->other_paths)
		add_row(out, "Why it does not match", "saved with other path lines");
}

static void add_entry(const struct xc_action_run *run, const struct xc_action_outcome *outcome,
		      struct xc_buf *out)
{
	const struct xc_manifest *manifest = outcome->manifest;
	const struct xc_totals *totals = &manifest->totals;
	const char *by = xc_query_matched_by(&run->query, manifest->key);

	if (strcmp(manifest->key, run->query.key) != 0) {
		add_code_row(out, "Matched key", manifest->key);
		if (by)
			add_code_row(out, "Matched by", by);
	}
	add_code_row(out, "Scope", outcome->scope);
	xc_buf_addf(out, "| Contents | %s, %s |\n", XC_COUNTED(totals->files, "file", "files"),
		    XC_SIZE(totals->content_bytes));
	xc_buf_addf(out, "| Stored | %s |\n", XC_SIZE(totals->stored_bytes));
}

static void add_times(const struct xc_action_run *run, const struct xc_action_outcome *outcome,
		      struct xc_buf *out)
{
	bool saved = outcome->result == XC_RESULT_SAVED;
	cleanup_buf struct xc_buf saved_time = XC_BUF_INIT;

	xc_action_saved_time(run, outcome, &saved_time);
	if (saved_time.len_bytes > 0)
		add_row(out, "Saved time", xc_buf_str(&saved_time));
	if (saved && outcome->manifest->build_ms > 0)
		add_row(out, "Built in", XC_DURATION(outcome->manifest->build_ms));
	if (saved)
		add_row(out, "Scanning", XC_DURATION(outcome->scan_ms));
	else
		add_row(out, "Lookup", XC_DURATION(outcome->lookup_ms));
	if (outcome->work_ms == 0)
		return;
	add_row(out, saved ? "Compression and transfer" : "Transfer and extraction",
		XC_DURATION(outcome->work_ms));
	add_row(out, "Rate", XC_RATE(outcome->manifest->totals.content_bytes, outcome->total_ms));
}

/* Milliseconds since the step began, as Mermaid's "x" reads them. */
static void add_timeline(const struct xc_action_outcome *outcome, struct xc_buf *out)
{
	bool saved = outcome->result == XC_RESULT_SAVED;
	uint64_t first_ms = saved ? outcome->scan_ms : outcome->lookup_ms;
	uint64_t work_end_ms = first_ms + outcome->work_ms;

	if (!saved && outcome->result != XC_RESULT_RESTORED)
		return;
	xc_buf_addf(out,
		    "\n```mermaid\ngantt\n    dateFormat x\n    axisFormat %%M:%%S.%%L\n"
		    "    %s : 0, %" PRIu64 "\n    %s : %" PRIu64 ", %" PRIu64 "\n",
		    saved ? "scanning" : "lookup", first_ms,
		    saved ? "compression and transfer" : "transfer and extraction", first_ms,
		    work_end_ms);
	if (outcome->total_ms > work_end_ms)
		xc_buf_addf(out, "    commit : %" PRIu64 ", %" PRIu64 "\n", work_end_ms,
			    outcome->total_ms);
	xc_buf_add_str(out, "```\n");
}

void xc_action_summary_text(const struct xc_action_run *run,
			    const struct xc_action_outcome *outcome, struct xc_buf *out)
{
	xc_buf_add_str(out, "### Cache ");
	add_code(out, run->query.key ? run->query.key : run->inputs.key);
	xc_buf_addf(out, "\n\n| | |\n|---|---|\n| Result | %s |\n", result_text(run, outcome));
	if (run->store)
		add_code_row(out, "Store", run->store->display_url);
	if (outcome->reason)
		add_code_row(out, "Why", outcome->reason);
	if (outcome->manifest) {
		add_entry(run, outcome, out);
		if (outcome->sharing)
			add_row(out, "Sharing", outcome->sharing);
		if (outcome->notes)
			add_list_row(out, "Notes", outcome->notes);
		add_times(run, outcome, out);
	} else if (outcome->scope) {
		add_code_row(out, "Scope", outcome->scope);
	} else {
		add_search(run, outcome, out);
		add_row(out, "Lookup", XC_DURATION(outcome->lookup_ms));
	}
	add_timeline(outcome, out);
	xc_buf_add_str(out, "\n");
}

void xc_action_summary(const struct xc_action_run *run, const struct xc_action_outcome *outcome)
{
	cleanup_buf struct xc_buf text = XC_BUF_INIT;
	struct xc_err err;

	xc_action_summary_text(run, outcome, &text);
	if (xc_action_add_summary(&run->context, &text, &err) < 0)
		xc_action_command("warning", "%s", err.msg);
}
