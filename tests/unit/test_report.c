/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/human.h"
#include "report/document.h"
#include "report/entries.h"
#include "report/files.h"
#include "report/manifest.h"
#include "report/progress.h"
#include "report/summary.h"
#include "report/table.h"

/* What a function prints: open, print, then the text is in `text`. */
struct capture {
	FILE *out;
	char *text;
	size_t length;
};

static FILE *capture_begin(struct capture *capture)
{
	capture->out = open_memstream(&capture->text, &capture->length);
	return capture->out;
}

static void assert_printed(struct capture *capture, const char *expected)
{
	fclose(capture->out);
	assert_string_equal(capture->text, expected);
	free(capture->text);
}

/* "1000 kB" for a megabyte, digits that pretend to be exact, an overflow. */
static void sizes(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} rows[] = {
		{ 0, "0 B" },
		{ 999, "999 B" },
		{ 1000, "1.00 kB" },
		{ 9994, "9.99 kB" },
		{ 9996, "10.0 kB" },
		{ 99949, "99.9 kB" },
		{ 99951, "100 kB" },
		{ 999499, "999 kB" },
		{ 999500, "1.00 MB" },
		{ 733123456, "733 MB" },
		{ 1230000000, "1.23 GB" },
		{ UINT64_MAX, "18.4 EB" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(XC_SIZE(rows[i].bytes), rows[i].text);
}

/* What people write, and what they may not. */
static void sizes_are_read(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} rows[] = {
		{ "0", 0 },
		{ "1000", 1000 },
		{ "1K", 1000 },
		{ "500M", 500000000 },
		{ "500m", 500000000 },
		{ "1.5 GB", 1500000000 },
		{ "20GiB", UINT64_C(20) << 30 },
		{ "20Gi", UINT64_C(20) << 30 },
		{ "2T", UINT64_C(2000000000000) },
		{ "7B", 7 },
	};
	static const char *const wrong[] = { "",    "G",    "-1",  "1X",   "1GG", "1 ",
					     "1iB", "1Gb ", "1,5", "0x10", "1e9", "99999999999T" };
	uint64_t bytes;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(xc_human_parse_size(rows[i].text, &bytes), 0);
		assert_int_equal(bytes, rows[i].bytes);
	}
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		if (xc_human_parse_size(wrong[i], &bytes) == 0)
			fail_msg("'%s' is a size", wrong[i]);
}

static void counts(void **state)
{
	(void)state;
	assert_string_equal(XC_COUNT(0), "0");
	assert_string_equal(XC_COUNT(999), "999");
	assert_string_equal(XC_COUNT(1000), "1,000");
	assert_string_equal(XC_COUNT(105449), "105,449");
	assert_string_equal(XC_COUNT(UINT64_MAX), "18,446,744,073,709,551,615");
	assert_string_equal(XC_COUNTED(1, "file", "files"), "1 file");
	assert_string_equal(XC_COUNTED(0, "file", "files"), "0 files");
	/* The longest that fits: nothing may be written behind it. */
	assert_int_equal(strlen(XC_COUNTED(UINT64_MAX, "x", "12345678901234567890zz")), 47);
}

/* "60.0 s", "1 min 60 s". */
static void durations(void **state)
{
	static const struct {
		uint64_t duration_ms;
		const char *text;
	} rows[] = {
		{ 0, "0 ms" },
		{ 999, "999 ms" },
		{ 1000, "1.0 s" },
		{ 1149, "1.1 s" },
		{ 59949, "59.9 s" },
		{ 59950, "1 min 0 s" },
		{ 125000, "2 min 5 s" },
		{ 3599499, "59 min 59 s" },
		{ 3599500, "1 h 0 min" },
		{ 3725000, "1 h 2 min" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(XC_DURATION(rows[i].duration_ms), rows[i].text);
}

/* A division by zero, a rate past 64 bits. */
static void rates(void **state)
{
	(void)state;
	assert_string_equal(XC_RATE(733000000, 1100), "666 MB/s");
	assert_string_equal(XC_RATE(1000, 0), "1.00 MB/s");
	assert_string_equal(XC_RATE(0, 0), "0 B/s");
	assert_string_equal(XC_RATE(UINT64_MAX, 1), "18.4 EB/s");
	assert_string_equal(XC_RATIO(733, 118), "6.2x");
	assert_string_equal(XC_RATIO(5, 0), "1.0x");
}

static void ages(void **state)
{
	static const struct {
		int64_t age_s;
		const char *text;
	} rows[] = {
		{ -5, "0 s" },
		{ 59, "59 s" },
		{ 60, "1 min" },
		{ 3599, "59 min" },
		{ 3600, "1 h" },
		{ 47 * 3600, "47 h" },
		{ 172800, "2 days" },
		{ 60 * 86400, "2 months" },
		{ 730 * 86400, "2 years" },
		{ INT64_MAX, "292,471,208,677 years" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(XC_AGE(rows[i].age_s), rows[i].text);
	assert_string_equal(XC_TIME(1795230720), "2026-11-21 03:12");
	assert_string_equal(XC_TIME(INT64_MAX), "@9223372036854775807");
}

/* A name that speaks to the terminal; one that is cut. */
static void names_are_quoted(void **state)
{
	cleanup_buf struct xc_buf out = XC_BUF_INIT;
	char name[5001];

	(void)state;
	xc_human_quote("a\033[31m\n\\\303\244\377", &out);
	assert_string_equal(out.data, "a\\x1b[31m\\x0a\\x5c\303\244\\xff");
	memset(name, 1, sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	xc_buf_clear(&out);
	xc_human_quote(name, &out);
	assert_int_equal(out.len_bytes, 20000);
}

/* Columns that do not line up, blanks at the ends of lines. */
static void tables_line_up(void **state)
{
	static const struct xc_column columns[] = { { "KEY", false },
						    { "SIZE", true },
						    { "SCOPE", false } };
	static const char *const cells[] = { "a",     "1 B", "x",         "\346\227\245e\314\201",
					     "12 kB", "\n",  "unfinished" };
	struct xc_table table = { .columns = columns, .column_count = 3 };
	struct capture capture;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cells); i++)
		xc_table_add(&table, cells[i]);
	xc_table_print(&table, capture_begin(&capture));
	assert_printed(&capture, "KEY   SIZE  SCOPE\n"
				 "a      1 B  x\n"
				 "\346\227\245e\314\201  12 kB  \\x0a\n");
	xc_table_release(&table);
	assert_int_equal(xc_table_width("\377\346\227\245"), 3);
}

/* Letters that differ from those of ls. */
static void modes(void **state)
{
	static const struct {
		enum xc_member_type type;
		unsigned mode;
		const char *text;
	} rows[] = {
		{ XC_MEMBER_FILE, 0644, "-rw-r--r--" },
		{ XC_MEMBER_FILE, 0, "----------" },
		{ XC_MEMBER_DIR, 0755, "drwxr-xr-x" },
		{ XC_MEMBER_DIR, 01777, "drwxrwxrwt" },
		{ XC_MEMBER_DIR, 01770, "drwxrwx--T" },
		{ XC_MEMBER_FILE, 04755, "-rwsr-xr-x" },
		{ XC_MEMBER_FILE, 04644, "-rwSr--r--" },
		{ XC_MEMBER_FILE, 02755, "-rwxr-sr-x" },
		{ XC_MEMBER_FILE, 02745, "-rwxr-Sr-x" },
		{ XC_MEMBER_SYMLINK, 0777, "lrwxrwxrwx" },
		{ XC_MEMBER_HARDLINK, 0600, "-rw-------" },
		{ XC_MEMBER_FILE, 07777, "-rwsrwsrwt" },
	};
	char text[XC_MODE_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(xc_files_mode(rows[i].type, rows[i].mode, text), rows[i].text);
}

static const struct xc_member_extra link_extra = { .target = "../x\ty" };
static struct xc_member member_rows[] = {
	{ .name = "./d", .parent = XC_MEMBER_NONE, .type = XC_MEMBER_DIR, .mode = 0755 },
	{ .name = "a",
	  .mode = 0644,
	  .uid = 1000,
	  .size_bytes = 12345,
	  .mtime_s = 1795230720,
	  .mtime_ns = 7 },
	{ .name = "dead", .mode = 0600 },
	{ .name = "h", .type = XC_MEMBER_HARDLINK, .link = 1 },
	{ .name = "l\n", .type = XC_MEMBER_SYMLINK, .mode = 0777, .extra = &link_extra },
};

/* A member that is gone but listed, a hard link without its size, raw control bytes. */
static void listings(void **state)
{
	const struct xc_members members = { .items = member_rows, .count = ARRAY_LEN(member_rows) };
	cleanup_member_set struct xc_member_set alive = XC_MEMBER_SET_INIT;
	struct capture capture;

	(void)state;
	xc_member_set_init(&alive, members.count, true);
	xc_member_set_remove(&alive, 2);
	xc_files_print(&members, &alive, capture_begin(&capture));
	assert_printed(&capture,
		       "drwxr-xr-x    0 0     0 1970-01-01 00:00 ./d\n"
		       "-rw-r--r-- 1000 0 12345 2026-11-21 03:12 ./d/a\n"
		       "-rw-r--r-- 1000 0 12345 2026-11-21 03:12 ./d/h link to ./d/a\n"
		       "lrwxrwxrwx    0 0     0 1970-01-01 00:00 ./d/l\\x0a -> ../x\\x09y\n");
}

static void assert_json(json_t *value, const char *expected)
{
	struct capture capture;

	xc_document_print(value, capture_begin(&capture));
	json_decref(value);
	assert_printed(&capture, expected);
}

/* A member of the document that is lost, renamed or of another type: scripts depend on them. */
static void members_in_json(void **state)
{
	const struct xc_members members = { .items = member_rows, .count = ARRAY_LEN(member_rows) };

	(void)state;
	assert_json(xc_files_json(&members, 3),
		    "{\"path\":\"./d/h\",\"type\":\"hardlink\",\"mode\":\"0644\",\"uid\":1000,"
		    "\"gid\":0,\"size\":12345,\"mtime\":\"2026-11-21T03:12:00.000000007Z\","
		    "\"target\":\"./d/a\"}\n");
	assert_json(xc_files_json(&members, 4),
		    "{\"path\":\"./d/l\\n\",\"type\":\"symlink\",\"mode\":\"0777\",\"uid\":0,"
		    "\"gid\":0,\"size\":0,\"mtime\":\"1970-01-01T00:00:00.000000000Z\","
		    "\"target\":\"../x\\ty\"}\n");
}

static char key_text[] = "linux-old", tool_text[] = "xcache 0.1.0", path_text[] = "node_modules";
static char scope_text[] = "refs/heads/main";
static char *path_items[] = { path_text };
static struct xc_dead_run dead_run = { .first = 1, .count = 3 };
static struct xc_layer layer_rows[] = {
	{ .pack = "0123456789abcdef0123456789abcdef",
	  .pack_bytes = 118111222,
	  .member_count = 10,
	  .index_offset = 7,
	  .index_bytes = 8,
	  .dead = &dead_run,
	  .dead_count = 1 },
};
static const struct xc_manifest manifest = {
	.key = key_text,
	.version = "0123456789abcdef",
	.paths = { .items = path_items, .count = 1 },
	.created_ns = 1795230720 * (int64_t)1000000000,
	.tool = tool_text,
	.build_ms = 128000,
	.totals = { 105449, 2, 1, 0, 733123456, 118111222 },
	.layers = layer_rows,
	.layer_count = 1,
};

/* The restore key that led here is not told, or the wrong one; another scope goes unnoticed. */
static void summaries(void **state)
{
	char *own_items[] = { (char *)(uintptr_t) "refs/pull/7/merge", scope_text };
	char *restore_items[] = { (char *)(uintptr_t) "mac-", (char *)(uintptr_t) "linux-" };
	const struct xc_strlist scopes = { .items = own_items, .count = 2 };
	const struct xc_strlist restore_keys = { .items = restore_items, .count = 2 };
	struct xc_query query = { .key = "linux-new", .restore_keys = &restore_keys };
	struct xc_match match = { .scope = scope_text, .manifest = manifest };
	struct xc_restore_result restored = {
		.match = match, .fetched_bytes = 118111222, .total_ms = 1100, .replaced = 1
	};
	struct capture capture;

	(void)state;
	xc_summary_restore(&query, &scopes, &restored, capture_begin(&capture));
	assert_printed(&capture, "Restored linux-old (by restore key linux-) in scope "
				 "refs/heads/main: 105,449 files, 733 MB from 118 MB in 1.1 s "
				 "(666 MB/s), replacing 1 existing file\n");
	query.key = "linux";
	match.scope = own_items[0];
	xc_summary_lookup(&query, &scopes, &match, 1795230720 + 7200, capture_begin(&capture));
	assert_printed(&capture, "Found linux-old (the newest that starts with linux): "
				 "105,449 files, 733 MB stored as 118 MB, saved 2 h ago\n");
	match.exact = true;
	xc_summary_lookup(&query, &scopes, &match, 1795230720, capture_begin(&capture));
	assert_printed(&capture, "Found linux-old: 105,449 files, 733 MB stored as 118 MB, "
				 "saved 0 s ago\n");
	assert_null(xc_query_matched_by(&query, "windows"));
}

static void save_summaries(void **state)
{
	struct xc_save_result saved = { .manifest = manifest, .total_ms = 1100 };
	cleanup_buf struct xc_buf text = XC_BUF_INIT;
	struct capture capture;

	(void)state;
	xc_summary_save("linux-new", &saved, capture_begin(&capture));
	assert_printed(&capture, "Saved linux-new: 105,449 files, 733 MB stored as 118 MB (6.2x) "
				 "in 1.1 s (666 MB/s)\n");
	saved.exists = true;
	xc_summary_save("a\n", &saved, capture_begin(&capture));
	assert_printed(&capture, "Key a\\x0a has an entry already, so nothing was saved "
				 "(--update replaces it)\n");
	xc_summary_skipped(&saved.skipped, &text);
	assert_int_equal(text.len_bytes, 0);
	saved.skipped = (struct xc_skipped){ .sockets = 2, .devices = 1 };
	xc_summary_skipped(&saved.skipped, &text);
	assert_string_equal(text.data, "2 sockets, 1 device");
}

static void manifests(void **state)
{
	struct xc_match match = { .scope = scope_text, .manifest = manifest };
	struct capture capture;

	(void)state;
	xc_manifest_print(scope_text, &manifest, 1795230720 + 300, capture_begin(&capture));
	assert_printed(&capture,
		       "Key       linux-old\n"
		       "Scope     refs/heads/main\n"
		       "Version   0123456789abcdef\n"
		       "Paths     node_modules\n"
		       "Created   2026-11-21 03:12 (5 min ago)\n"
		       "By        xcache 0.1.0\n"
		       "Contents  105,449 files, 2 directories, 1 symlink, 0 hard links\n"
		       "Size      733 MB, stored as 118 MB (6.2x)\n"
		       "Built in  2 min 8 s\n"
		       "Layers    1\n"
		       "        1 pack 0123456789abcdef0123456789abcdef, 118 MB, 10 members, "
		       "3 of them replaced or dropped later\n");
	assert_json(
		xc_document_inspect(&match),
		"{\"ok\":true,\"key\":\"linux-old\",\"scope\":\"refs/heads/main\","
		"\"version\":\"0123456789abcdef\",\"paths\":[\"node_modules\"],"
		"\"created\":\"2026-11-21T03:12:00.000000000Z\",\"tool\":\"xcache 0.1.0\","
		"\"build_ms\":128000,\"totals\":{\"files\":105449,\"directories\":2,\"symlinks\":1,"
		"\"hardlinks\":0,\"bytes\":733123456,\"stored\":118111222},\"layers\":"
		"[{\"pack\":\"0123456789abcdef0123456789abcdef\",\"size\":118111222,"
		"\"members\":10,\"index\":{\"offset\":7,\"size\":8,\"sha256\":"
		"\"0000000000000000000000000000000000000000000000000000000000000000\"},\"dead\":3}]"
		"}\n");
}

static void a_pack_in_another_scope_is_told(void **state)
{
	struct xc_layer layer = layer_rows[0];
	struct xc_manifest other = manifest;
	struct capture capture;
	cleanup_json json_t *object = json_object();

	(void)state;
	layer.scope = (char *)"refs/heads/a\nb";
	other.layers = &layer;
	xc_manifest_print(scope_text, &other, 1795230720 + 300, capture_begin(&capture));
	fclose(capture.out);
	assert_non_null(strstr(capture.text, "dropped later, in scope refs/heads/a\\x0ab\n"));
	free(capture.text);
	xc_manifest_set_json(object, NULL, &other, true);
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(json_object_get(object, "layers"), 0), "scope")),
			    layer.scope);
}

/* An entry whose manifest is broken that ends the listing, or shows as empty. */
static void entries(void **state)
{
	struct xc_err why;
	struct xc_entry entry = { .scope = scope_text,
				  .version = "0123456789abcdef",
				  .object = "o",
				  .modified_ns = 1795230720 * (int64_t)1000000000 };
	cleanup_table struct xc_table table = { 0 };
	struct capture capture;

	(void)state;
	xc_err_set(&why, XC_ERR_CORRUPT, "broken");
	xc_entries_init(&table, true);
	entry.manifest = &manifest;
	xc_entries_add(&table, &entry, 1795230720 + 60);
	entry.manifest = NULL;
	entry.manifest_err = &why;
	xc_entries_add(&table, &entry, 1795230720 + 120);
	xc_table_print(&table, capture_begin(&capture));
	assert_printed(
		&capture,
		"KEY          SIZE  STORED    FILES    AGE  VERSION           SCOPE\n"
		"linux-old  733 MB  118 MB  105,449  1 min  0123456789abcdef  refs/heads/main\n"
		"?               ?       ?        ?  2 min  0123456789abcdef  refs/heads/main\n");
	assert_json(xc_entries_json(&entry),
		    "{\"key\":null,\"scope\":\"refs/heads/main\",\"version\":\"0123456789abcdef\","
		    "\"error\":\"broken\",\"object\":\"o\","
		    "\"modified\":\"2026-11-21T03:12:00.000000000Z\"}\n");
}

/* A document that is no JSON because a message was cut within a letter. */
static void errors_in_json(void **state)
{
	struct xc_err err;

	(void)state;
	xc_err_set(&err, XC_ERR_NOT_FOUND, "no \"x\"");
	assert_json(xc_document_error(&err), "{\"ok\":false,\"error\":{\"kind\":\"not-found\","
					     "\"message\":\"no \\\"x\\\"\"}}\n");
	xc_err_set(&err, XC_ERR_IO, "cut \303");
	assert_json(xc_document_error(&err), "{\"ok\":false,\"error\":{\"kind\":\"io\","
					     "\"message\":\"cut \\\\xc3\"}}\n");
	for (int kind = XC_ERR_USAGE; kind < XC_ERR_INTERNAL; kind++)
		assert_string_not_equal(xc_document_kind((enum xc_err_kind)kind), "internal");
}

/* Elements that run together, or a document that does not end. */
static void long_arrays(void **state)
{
	json_t *document = xc_document_new();
	struct capture capture;
	FILE *out = capture_begin(&capture);

	(void)state;
	xc_document_begin_array(document, "members", out);
	xc_document_add_element(json_integer(1), true, out);
	xc_document_add_element(json_integer(2), false, out);
	xc_document_end_array(out);
	json_decref(document);
	assert_printed(&capture, "{\"ok\":true,\"members\":[\n1,\n2\n]}\n");
}

/* More than 100 %, a line that wraps, an estimate out of nothing. */
static void progress_lines(void **state)
{
	static const struct {
		struct xc_progress_view view;
		size_t width;
		const char *text;
	} rows[] = {
		{ { XC_PHASE_LOOKUP, 5000, 0, 0, 0, 0 }, 80, "Looking up" },
		{ { XC_PHASE_SCAN, 5000, 7000, 0, 0, 0 }, 80, "Scanning 7,000 files and dirs" },
		{ { XC_PHASE_PACK, 2000, 500, 1000, 200000000, 400000000 },
		  100,
		  "Saving 50%, 500 of 1,000 files and dirs, 200 MB of 400 MB, 100 MB/s, 3 s left" },
		{ { XC_PHASE_PACK, 2000, 500, 1000, 200000000, 400000000 },
		  57,
		  "Saving 50%, 500 of 1,000 files and dirs, 200 MB of 400 MB" },
		{ { XC_PHASE_PACK, 2000, 500, 1000, 200000000, 400000000 },
		  56,
		  "Saving 50%, 500 of 1,000 files and dirs" },
		{ { XC_PHASE_PACK, 2000, 500, 1000, 200000000, 400000000 }, 3, "" },
		{ { XC_PHASE_EXTRACT, 500, 1, 4, 0, 0 },
		  80,
		  "Restoring 25%, 1 of 4 files and dirs" },
		{ { XC_PHASE_EXTRACT, 2000, 9, 4, 900, 400 },
		  80,
		  "Restoring 100%, 9 of 4 files and dirs, 900 B of 400 B, 450 B/s" },
		{ { XC_PHASE_EXTRACT, 2000, 0, 0, 0, 0 }, 80, "Restoring" },
		{ { XC_PHASE_FINISH, 2000, 9, 9, 9, 9 }, 80, "Finishing" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_buf struct xc_buf out = XC_BUF_INIT;

		xc_progress_describe(&rows[i].view, ", ", rows[i].width, &out);
		assert_string_equal(xc_buf_str(&out), rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(sizes_are_read),
		cmocka_unit_test(counts),
		cmocka_unit_test(durations),
		cmocka_unit_test(rates),
		cmocka_unit_test(ages),
		cmocka_unit_test(names_are_quoted),
		cmocka_unit_test(tables_line_up),
		cmocka_unit_test(modes),
		cmocka_unit_test(listings),
		cmocka_unit_test(members_in_json),
		cmocka_unit_test(summaries),
		cmocka_unit_test(save_summaries),
		cmocka_unit_test(manifests),
		cmocka_unit_test(a_pack_in_another_scope_is_told),
		cmocka_unit_test(entries),
		cmocka_unit_test(errors_in_json),
		cmocka_unit_test(long_arrays),
		cmocka_unit_test(progress_lines),
	};

	/* Local times are part of what is compared. */
	setenv("TZ", "UTC0", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
