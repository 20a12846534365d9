/* SPDX-License-Identifier: Apache-2.0 */
#include "report/entries.h"

#include "base/human.h"
#include "report/manifest.h"

#define NANOSECONDS 1000000000

static const struct xc_column columns[] = {
	{ "KEY", false }, { "SIZE", true },     { "STORED", true }, { "FILES", true },
	{ "AGE", true },  { "VERSION", false }, { "SCOPE", false },
};

void xc_entries_init(struct xc_table *ret_table, bool scopes)
{
	*ret_table = (struct xc_table){
		.columns = columns,
		.column_count = ARRAY_LEN(columns) - !scopes,
	};
}

void xc_entries_add(struct xc_table *table, const struct xc_entry *entry, int64_t now_s)
{
	const struct xc_manifest *manifest = entry->manifest;
	const struct xc_totals *totals = manifest ? &manifest->totals : NULL;
	int64_t created_s =
		manifest ? xc_manifest_created_s(manifest) : entry->modified_ns / NANOSECONDS;

	xc_table_add(table, manifest ? manifest->key : entry->key ? entry->key : "?");
	xc_table_add(table, totals ? XC_SIZE(totals->content_bytes) : "?");
	xc_table_add(table, totals ? XC_SIZE(totals->stored_bytes) : "?");
	xc_table_add(table, totals ? XC_COUNT(totals->files) : "?");
	xc_table_add(table, XC_AGE(now_s - created_s));
	xc_table_add(table, entry->version);
	if (table->column_count == ARRAY_LEN(columns))
		xc_table_add(table, entry->scope);
}

json_t *xc_entries_json(const struct xc_entry *entry)
{
	json_t *object = json_object();

	if (entry->manifest) {
		xc_manifest_set_json(object, entry->scope, entry->manifest, false);
	} else {
		json_object_set_new(object, "key",
				    entry->key ? xc_json_text(entry->key) : json_null());
		json_object_set_new(object, "scope", xc_json_text(entry->scope));
		json_object_set_new(object, "version", xc_json_text(entry->version));
	}
	if (entry->manifest_err)
		json_object_set_new(object, "error", xc_json_text(entry->manifest_err->msg));
	json_object_set_new(object, "object", xc_json_text(entry->object));
	json_object_set_new(object, "modified", xc_json_time(entry->modified_ns));
	return object;
}
