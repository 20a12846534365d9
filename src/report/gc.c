/* SPDX-License-Identifier: Apache-2.0 */
#include "report/gc.h"

#include "base/human.h"
#include "report/document.h"

#define NANOSECONDS 1000000000

static void print_removed(const struct xc_gc_opts *opts, const struct xc_gc_result *result,
			  FILE *out)
{
	const char *verb = opts->dry_run ? "would be removed" : "removed";

	if (result->removed_old + result->removed_for_room > 0)
		fprintf(out, "%s %s: %s too old, %s for room\n",
			XC_COUNTED(result->removed_old + result->removed_for_room, "entry",
				   "entries"),
			verb, XC_COUNT(result->removed_old), XC_COUNT(result->removed_for_room));
	fprintf(out, "%s, %s, %s\n", XC_COUNTED(result->removed.count, "pack", "packs"),
		XC_SIZE(result->removed.bytes), verb);
}

static void print_waiting(const struct xc_gc_result *result, FILE *out)
{
	bool one = result->waiting.count == 1;

	if (result->waiting.count == 0)
		return;
	fprintf(out, "%s, %s, %s until %s", XC_COUNTED(result->waiting.count, "pack", "packs"),
		XC_SIZE(result->waiting.bytes), one ? "waits" : "wait",
		XC_TIME(result->first_ns / NANOSECONDS));
	if (result->last_ns / NANOSECONDS / 60 != result->first_ns / NANOSECONDS / 60)
		fprintf(out, " to %s", XC_TIME(result->last_ns / NANOSECONDS));
	fputs(": a job may still be reading\n", out);
}

void xc_gc_print(const struct xc_gc_opts *opts, const struct xc_gc_result *result, FILE *out)
{
	print_removed(opts, result, out);
	print_waiting(result, out);
	fprintf(out, "%s %s %s, %s\n", XC_COUNTED(result->entries, "entry", "entries"),
		result->entries == 1 ? "needs" : "need",
		XC_COUNTED(result->live.count, "pack", "packs"), XC_SIZE(result->live.bytes));
	if (result->above_max)
		fprintf(out,
			"That is more than %s: the newest entry of each kind of key stays "
			"(--max-age removes those that nobody saves any more)\n",
			XC_SIZE(opts->max_bytes));
}

static json_t *count_json(const struct xc_gc_count *count)
{
	return json_pack("{sIsI}", "packs", (json_int_t)count->count, "bytes",
			 (json_int_t)count->bytes);
}

json_t *xc_gc_document(const struct xc_gc_opts *opts, const struct xc_gc_result *result,
		       json_t *removed_entries)
{
	json_t *document = xc_document_new(), *removed = count_json(&result->removed);
	json_t *waiting = count_json(&result->waiting), *live = count_json(&result->live);

	json_object_set_new(document, "dry_run", json_boolean(opts->dry_run));
	json_object_set_new(removed, "tombstones",
			    json_integer((json_int_t)result->tombstones_removed));
	json_object_set_new(removed, "entries", removed_entries);
	json_object_set_new(document, "removed", removed);
	if (result->waiting.count > 0) {
		json_object_set_new(waiting, "from", xc_json_time(result->first_ns));
		json_object_set_new(waiting, "until", xc_json_time(result->last_ns));
	}
	json_object_set_new(document, "waiting", waiting);
	json_object_set_new(document, "marked", count_json(&result->marked));
	json_object_set_new(live, "entries", json_integer((json_int_t)result->entries));
	json_object_set_new(document, "live", live);
	return document;
}
