/* SPDX-License-Identifier: Apache-2.0 */
#include "report/document.h"

#include <unistd.h>

#include "base/utf8.h"
#include "report/manifest.h"
#include "report/summary.h"

json_t *xc_document_new(void)
{
	json_t *document = json_object();

	json_object_set_new(document, "ok", json_true());
	return document;
}

const char *xc_document_kind(enum xc_err_kind kind)
{
	static const char *const names[] = {
		[XC_ERR_NONE] = "none",
		[XC_ERR_USAGE] = "usage",
		[XC_ERR_NOT_FOUND] = "not-found",
		[XC_ERR_EXISTS] = "exists",
		[XC_ERR_AUTH] = "auth",
		[XC_ERR_TRANSIENT] = "transient",
		[XC_ERR_CORRUPT] = "corrupt",
		[XC_ERR_FORMAT] = "format",
		[XC_ERR_NO_MATCH] = "no-match",
		[XC_ERR_CHANGED] = "changed",
		[XC_ERR_IO] = "io",
		[XC_ERR_CANCELED] = "canceled",
		[XC_ERR_UNSUPPORTED] = "unsupported",
		[XC_ERR_INTERNAL] = "internal",
	};

	return (size_t)kind < ARRAY_LEN(names) ? names[kind] : "internal";
}

json_t *xc_document_error(const struct xc_err *err)
{
	json_t *document = json_object(), *error = json_object();
	/* A long message may have been cut within a letter. */
	const char *message = xc_utf8_valid(err->msg)
				      ? err->msg
				      : xc_err_quote(err->msg, (char[4 * sizeof(err->msg)]){ 0 },
						     4 * sizeof(err->msg));

	json_object_set_new(error, "kind", json_string(xc_document_kind(err->kind)));
	json_object_set_new(error, "message", json_string(message));
	json_object_set_new(document, "ok", json_false());
	json_object_set_new(document, "error", error);
	return document;
}

static void set_integer(json_t *object, const char *name, uint64_t value)
{
	json_object_set_new(object, name, json_integer((json_int_t)value));
}

static json_t *notes_document(const struct xc_notes *notes)
{
	static const char *const names[XC_NOTE_KINDS] = {
		[XC_NOTE_LINKS_OUT] = "links_out",
		[XC_NOTE_UNREADABLE] = "unreadable",
		[XC_NOTE_LINKED_PATH] = "linked_paths",
		[XC_NOTE_VANISHED] = "vanished",
		[XC_NOTE_CAPABILITIES] = "capabilities",
		[XC_NOTE_ACLS] = "acls",
		[XC_NOTE_STORE] = "store",
	};
	json_t *document = json_object(), *unmatched = json_array();

	for (size_t i = 0; i < notes->unmatched.count; i++)
		json_array_append_new(unmatched, xc_json_text(notes->unmatched.items[i]));
	json_object_set_new(document, "unmatched", unmatched);
	for (size_t i = 0; i < XC_NOTE_KINDS; i++) {
		json_t *note = json_object();

		set_integer(note, "count", notes->kinds[i].count);
		if (notes->kinds[i].path)
			json_object_set_new(note, "first", xc_json_text(notes->kinds[i].path));
		json_object_set_new(document, names[i], note);
	}
	return document;
}

/* The entry that was built on, and how much of it was of use. */
static json_t *parent_document(const struct xc_save_delta *delta)
{
	json_t *parent = json_object();

	json_object_set_new(parent, "key", xc_json_text(delta->parent_key));
	json_object_set_new(parent, "scope", xc_json_text(delta->parent_scope));
	json_object_set_new(parent, "hashed", json_boolean(delta->hashed));
	set_integer(parent, "new", delta->new_members);
	set_integer(parent, "kept", delta->kept_members);
	set_integer(parent, "touched", delta->touched_members);
	set_integer(parent, "removed", delta->removed_members);
	set_integer(parent, "rewritten", delta->rewritten_members);
	set_integer(parent, "new_bytes", delta->new_bytes);
	set_integer(parent, "kept_bytes", delta->kept_bytes);
	set_integer(parent, "sent", delta->sent_bytes);
	set_integer(parent, "shared", delta->shared_bytes);
	return parent;
}

json_t *xc_document_save(const struct xc_query *query, const struct xc_save_result *result)
{
	json_t *document = xc_document_new(), *skipped, *times;

	json_object_set_new(document, "saved", json_boolean(!result->exists));
	if (result->exists) {
		json_object_set_new(document, "key", xc_json_text(query->key));
		json_object_set_new(document, "unchanged", json_boolean(result->unchanged));
		json_object_set_new(document, "overtaken", json_boolean(result->overtaken));
		return document;
	}
	skipped = json_object();
	set_integer(skipped, "sockets", result->skipped.sockets);
	set_integer(skipped, "fifos", result->skipped.fifos);
	set_integer(skipped, "devices", result->skipped.devices);
	times = json_object();
	set_integer(times, "scan", result->scan_ms);
	set_integer(times, "pack", result->pack_ms);
	set_integer(times, "total", result->total_ms);
	xc_manifest_set_json(document, NULL, &result->manifest, false);
	json_object_set_new(document, "skipped", skipped);
	json_object_set_new(document, "notes", notes_document(&result->notes));
	if (result->delta.parent_key)
		json_object_set_new(document, "parent", parent_document(&result->delta));
	json_object_set_new(document, "ms", times);
	return document;
}

/* What is not known of objects of the legacy layout is not said. */
static void set_legacy(json_t *document, const struct xc_match *match)
{
	const struct xc_legacy_objects *legacy = &match->legacy;
	json_t *objects = json_array();

	json_array_append_new(objects, xc_json_text(legacy->base));
	if (legacy->delta)
		json_array_append_new(objects, xc_json_text(legacy->delta));
	json_object_set_new(document, "layout", json_string("legacy"));
	json_object_set_new(document, "objects", objects);
	json_object_del(document, "version");
}

static json_t *match_document(const struct xc_query *query, const struct xc_match *match)
{
	json_t *document = xc_document_new();
	const char *by = xc_query_matched_by(query, match->manifest.key);

	json_object_set_new(document, "exact", json_boolean(match->exact));
	if (by)
		json_object_set_new(document, "matched_by", xc_json_text(by));
	xc_manifest_set_json(document, match->legacy.base ? NULL : match->scope, &match->manifest,
			     false);
	if (match->legacy.base)
		set_legacy(document, match);
	return document;
}

json_t *xc_document_lookup(const struct xc_query *query, const struct xc_match *match)
{
	json_t *document = match_document(query, match), *totals;

	/* What is in an archive of the legacy layout only shows when it is read. */
	if (match->legacy.base) {
		totals = json_object();
		set_integer(totals, "stored", match->manifest.totals.stored_bytes);
		json_object_set_new(document, "totals", totals);
	}
	return document;
}

json_t *xc_document_restore(const struct xc_query *query, const struct xc_restore_result *result)
{
	json_t *document = match_document(query, &result->match), *times = json_object();

	set_integer(times, "lookup", result->lookup_ms);
	set_integer(times, "extract", result->extract_ms);
	set_integer(times, "total", result->total_ms);
	set_integer(document, "fetched", result->fetched_bytes);
	set_integer(document, "replaced", result->replaced);
	json_object_set_new(document, "owner_dropped", json_boolean(result->owner_dropped));
	set_integer(document, "copied_links", result->copied_links);
	if (result->match.legacy.base)
		set_integer(document, "left_out", result->left_out);
	json_object_set_new(document, "ms", times);
	return document;
}

void xc_document_set_mount(json_t *document, const char *way, const char *obstacle)
{
	json_object_set_new(document, "mounted", json_boolean(way != NULL));
	if (way)
		json_object_set_new(document, "mounted_by", json_string(way));
	if (obstacle)
		json_object_set_new(document, "not_mounted", xc_json_text(obstacle));
}

json_t *xc_document_inspect(const struct xc_match *match)
{
	json_t *document = xc_document_new();

	xc_manifest_set_json(document, match->scope, &match->manifest, true);
	return document;
}

/* JSON has another way to write "##[", which is a command to runners (base/log_line.h). */
static void write_json(const json_t *value, int pretty, struct xc_buf *out)
{
	cleanup_buf struct xc_buf text = XC_BUF_INIT;
	const char *at, *found;

	xc_json_write(value, pretty, &text);
	for (at = xc_buf_str(&text); (found = strstr(at, "##[")) != NULL; at = found + 3) {
		xc_buf_add(out, at, (size_t)(found - at));
		xc_buf_add_str(out, "##\\u005b");
	}
	xc_buf_add_str(out, at);
}

void xc_document_print(const json_t *document, FILE *out)
{
	cleanup_buf struct xc_buf text = XC_BUF_INIT;

	write_json(document, isatty(fileno(out)), &text);
	fwrite(text.data, 1, text.len_bytes, out);
}

void xc_document_begin_array(const json_t *document, const char *name, FILE *out)
{
	cleanup_buf struct xc_buf text = XC_BUF_INIT;

	write_json(document, 0, &text);
	/* The text ends in "}\n"; what follows takes the place of that. */
	fprintf(out, "%.*s,\"%s\":[", (int)(text.len_bytes - 2), text.data, name);
}

void xc_document_add_element(json_t *element, bool first, FILE *out)
{
	cleanup_buf struct xc_buf text = XC_BUF_INIT;

	write_json(element, 0, &text);
	json_decref(element);
	fputs(first ? "\n" : ",\n", out);
	fwrite(text.data, 1, text.len_bytes - 1, out);
}

void xc_document_end_array(FILE *out)
{
	fputs("\n]}\n", out);
}
