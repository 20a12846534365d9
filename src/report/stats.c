/* SPDX-License-Identifier: Apache-2.0 */
#include "report/stats.h"

#include "base/human.h"
#include "report/document.h"
#include "report/table.h"

static const struct xc_column columns[] = {
	{ "WHAT", false },
	{ "COUNT", true },
	{ "SIZE", true },
};

/* Sharing: what it would take if each entry had its packs for itself, less what it takes. */
static uint64_t saved_bytes(const struct xc_stats *stats)
{
	return stats->entry_bytes > stats->named.bytes ? stats->entry_bytes - stats->named.bytes
						       : 0;
}

static void add_row(struct xc_table *table, const char *what, const char *count, const char *size)
{
	xc_table_add(table, what);
	xc_table_add(table, count);
	xc_table_add(table, size);
}

void xc_stats_print(const struct xc_stats *stats, FILE *out)
{
	cleanup_table struct xc_table table = { .columns = columns,
						.column_count = ARRAY_LEN(columns) };

	add_row(&table, "scopes", XC_COUNT(stats->scopes), "");
	add_row(&table, "entries", XC_COUNT(stats->entries), XC_SIZE(stats->entry_bytes));
	add_row(&table, "  saved by shared packs", "", XC_SIZE(saved_bytes(stats)));
	add_row(&table, "packs of entries", XC_COUNT(stats->named.count),
		XC_SIZE(stats->named.bytes));
	if (stats->exact) {
		add_row(&table, "  alive", "", XC_SIZE(stats->named.bytes - stats->dead_bytes));
		add_row(&table, "  dead", "", XC_SIZE(stats->dead_bytes));
	}
	add_row(&table, "packs without an entry", XC_COUNT(stats->packs.count - stats->named.count),
		XC_SIZE(stats->packs.bytes - stats->named.bytes));
	add_row(&table, "tombstones", XC_COUNT(stats->tombstones), "");
	xc_table_print(&table, out);
}

static json_t *count_json(uint64_t count, uint64_t bytes)
{
	return json_pack("{sIsI}", "count", (json_int_t)count, "bytes", (json_int_t)bytes);
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

json_t *xc_stats_document(const struct xc_stats *stats)
{
	json_t *document = xc_document_new(),
	       *named = count_json(stats->named.count, stats->named.bytes);

	json_object_set_new(document, "scopes", number(stats->scopes));
	json_object_set_new(document, "entries", count_json(stats->entries, stats->entry_bytes));
	json_object_set_new(document, "layers", number(stats->layers));
	json_object_set_new(document, "packs", count_json(stats->packs.count, stats->packs.bytes));
	json_object_set_new(named, "dead_bytes",
			    stats->exact ? number(stats->dead_bytes) : json_null());
	json_object_set_new(named, "live_bytes",
			    stats->exact ? number(stats->named.bytes - stats->dead_bytes)
					 : json_null());
	json_object_set_new(document, "named", named);
	json_object_set_new(document, "unnamed",
			    count_json(stats->packs.count - stats->named.count,
				       stats->packs.bytes - stats->named.bytes));
	json_object_set_new(document, "saved_by_sharing", number(saved_bytes(stats)));
	json_object_set_new(document, "tombstones", number(stats->tombstones));
	json_object_set_new(document, "missing", number(stats->missing));
	json_object_set_new(document, "unreadable", number(stats->unreadable));
	return document;
}
