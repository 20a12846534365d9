/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries made by somebody who may write to the store but not to this
 * machine: every one must be refused without a trace in the file system.
 */
#include "craft.h"

#define TABLE(...)                                                                                 \
	(const struct craft_member[]){ __VA_ARGS__ },                                              \
		sizeof((const struct craft_member[]){ __VA_ARGS__ }) / sizeof(struct craft_member)

struct table {
	const struct craft_member *members;
	uint32_t count;
};

struct hostile {
	const char *name;
	const char *lines;
	struct table layers[2];
	void (*twist)(struct craft *craft); /* of the first layer */
	void (*twist_section)(enum xc_section_id id, struct xc_buf *raw);
	void (*twist_layers)(struct xc_layer *layers);
	enum xc_err_kind kind;
	const char *says; /* part of the message */
};

/* --- tables --- */

#define ONE(name_, lines_, says_, ...)                                                             \
	{                                                                                          \
		.name = (name_), .lines = (lines_), .layers = { { TABLE(__VA_ARGS__) } },          \
		.kind = XC_ERR_CORRUPT, .says = (says_)                                            \
	}
#define TWO(name_, lines_, says_, first_, second_)                                                 \
	{                                                                                          \
		.name = (name_), .lines = (lines_), .layers = { { first_ }, { second_ } },         \
		.kind = XC_ERR_CORRUPT, .says = (says_)                                            \
	}

static const struct hostile tables[] = {
	/* Names that leave the directory they stand in. */
	ONE("a name '..'", "a", "not a file name", DIR_(0, "./a"), FILE_(1, "..", "x")),
	ONE("a directory '..'", "a", "not a file name", DIR_(0, "./a"), DIR_(1, ".."),
	    FILE_(2, "outside", "x")),
	ONE("a name '.'", "a", "not a file name", DIR_(0, "./a"), FILE_(1, ".", "x")),
	ONE("an empty name", "a", "", DIR_(0, "./a"), FILE_(1, "", "x")),
	ONE("an absolute name", "a", "not a file name", DIR_(0, "./a"), FILE_(1, "/outside", "x")),
	ONE("a name with a slash", "a", "not a file name", DIR_(0, "./a"), FILE_(1, "b/c", "x")),
	ONE("a name that climbs", "a", "not a file name", DIR_(0, "./a"), FILE_(1, "../../x", "x")),
	/* Tops that are not what was asked for. */
	ONE("a top beside the paths", "a", "not below any of the given paths",
	    FILE_(0, "./other", "x")),
	ONE("a top that only begins like the path", "a", "not below any of the given paths",
	    FILE_(0, "./ab", "x")),
	ONE("a top above the path", "a/b", "not below any of the given paths", DIR_(0, "./a"),
	    FILE_(1, "b", "x")),
	ONE("a second top that nobody asked for", "a", "not below any of the given paths",
	    FILE_(0, "./a", "x"), DIR_(0, "~/.ssh"), FILE_(1, "authorized_keys", "x")),
	ONE("an absolute top", "a", "not below any of the given paths", DIR_(0, "/etc"),
	    FILE_(1, "passwd", "x")),
	ONE("the workspace as a whole", "a", "not below any of the given paths", DIR_(0, "."),
	    FILE_(1, "a", "x")),
	/* The workspace and the home stay directories. */
	ONE("a symlink as the workspace", ".", "other than a directory", LINK_(0, ".", "outside")),
	ONE("a file as the workspace", ".", "other than a directory", FILE_(0, ".", "x")),
	ONE("a symlink as the home", "~", "other than a directory", LINK_(0, "~", "outside")),
	ONE("a file as the home", "~", "other than a directory", FILE_(0, "~", "x")),
	/* Paths that climb, or have no root. */
	ONE("a top that climbs", "a", "stored path", FILE_(0, "./../outside/x", "x")),
	ONE("a top that climbs from below the path", "a", "stored path",
	    FILE_(0, "./a/../../outside/x", "x")),
	ONE("a top without a root", "a", "stored path", FILE_(0, "a", "x")),
	ONE("a top of another user's home", "**", "stored path", FILE_(0, "~root/x", "x")),
	ONE("a top with an empty component", "a", "stored path", FILE_(0, ".//a", "x")),
	ONE("a top below another", "a\na/b", "below another", DIR_(0, "./a"),
	    FILE_(0, "./a/b", "x")),
	ONE("tops out of order", "a\nb", "out of order", FILE_(0, "./b", "x"),
	    FILE_(0, "./a", "x")),
	ONE("the same top twice", "a", "out of order", FILE_(0, "./a", "x"), FILE_(0, "./a", "y")),
	/* The same member twice, so that the second goes through the first. */
	ONE("a file twice", "a", "out of order", DIR_(0, "./a"), FILE_(1, "b", "x"),
	    FILE_(1, "b", "y")),
	ONE("a symlink and a directory of one name", "a", "name of a file", DIR_(0, "./a"),
	    LINK_(1, "b", "../../outside"), DIR_(1, "b"), FILE_(2, "keep", "x")),
	ONE("a file below a symlink", "a", "not below a directory", DIR_(0, "./a"),
	    LINK_(1, "b", "../../outside"), FILE_(2, "keep", "x")),
	ONE("a file below a file", "a", "not below a directory", DIR_(0, "./a"), FILE_(1, "b", "x"),
	    FILE_(2, "c", "x")),
	ONE("a member far below nothing", "a", "", DIR_(0, "./a"), FILE_(7, "b", "x")),
	ONE("a file after a directory", "a", "a file after a directory", DIR_(0, "./a"),
	    DIR_(1, "b"), FILE_(1, "c", "x")),
	/* The same across layers. */
	TWO("two files", "a", "twice", TABLE(DIR_(0, "./a"), FILE_(1, "b", "x")),
	    TABLE(DIR_(0, "./a"), FILE_(1, "b", "y"))),
	TWO("a file and a directory", "a", "twice", TABLE(DIR_(0, "./a"), FILE_(1, "b", "x")),
	    TABLE(DIR_(0, "./a"), DIR_(1, "b"), FILE_(2, "c", "y"))),
	TWO("a directory and a file", "a", "twice",
	    TABLE(DIR_(0, "./a"), DIR_(1, "b"), FILE_(2, "c", "y")),
	    TABLE(DIR_(0, "./a"), FILE_(1, "b", "x"))),
	TWO("a symlink that leads out and a directory", "a", "twice",
	    TABLE(DIR_(0, "./a"), LINK_(1, "b", "../../outside")),
	    TABLE(DIR_(0, "./a"), DIR_(1, "b"), FILE_(2, "keep", "y"))),
	TWO("a directory and a symlink that leads out", "a", "twice",
	    TABLE(DIR_(0, "./a"), DIR_(1, "b"), FILE_(2, "keep", "y")),
	    TABLE(DIR_(0, "./a"), LINK_(1, "b", "../../outside"))),
	TWO("a symlink as the top and a directory", "a", "twice",
	    TABLE(LINK_(0, "./a", "../outside")), TABLE(DIR_(0, "./a"), FILE_(1, "keep", "y"))),
	TWO("a directory as the top and a symlink", "a", "twice",
	    TABLE(DIR_(0, "./a"), FILE_(1, "keep", "y")), TABLE(LINK_(0, "./a", "../outside"))),
	TWO("a symlink above another layer's top", "[a]\na/b", "inside the other",
	    TABLE(LINK_(0, "./a", "../outside")), TABLE(DIR_(0, "./a/b"), FILE_(1, "c", "y"))),
	TWO("a symlink in a top above another layer's", "[a]\na/b/c", "inside the other",
	    TABLE(DIR_(0, "./a"), LINK_(1, "b", "../../outside")), TABLE(FILE_(0, "./a/b/c", "y"))),
	/* Hard links. */
	ONE("a hard link to itself", "a", "hard link", DIR_(0, "./a"), HARD_(1, "b", 0)),
	ONE("a hard link to before the first member", "a", "hard link", DIR_(0, "./a"),
	    HARD_(1, "b", 5)),
	ONE("a hard link to a directory", "a", "hard link", DIR_(0, "./a"), HARD_(1, "b", 1)),
	ONE("a hard link to a hard link", "a", "hard link", DIR_(0, "./a"), FILE_(1, "b", "x"),
	    HARD_(1, "c", 1), HARD_(1, "d", 1)),
	ONE("a symlink to nothing", "a", "symlink", LINK_(0, "./a", "")),
	/* Sizes that lie. */
	ONE("a file that claims more than there is", "a", "for a tar stream of",
	    { .type = XC_MEMBER_FILE, .name = "./a", .text = "x", .claimed_size = 5000 }),
	ONE("a file that claims less than there is", "a", "for a tar stream of",
	    { .type = XC_MEMBER_FILE,
	      .name = "./a",
	      .text = "1234567890",
	      .claimed_header_blocks = 2 }),
	ONE("a size that no file has", "a", "size",
	    { .type = XC_MEMBER_FILE, .name = "./a", .text = "x", .claimed_size = UINT64_MAX }),
	ONE("sizes that overflow their sum", "a\nb\nc", "",
	    { .type = XC_MEMBER_FILE, .name = "./a", .text = "x", .claimed_size = INT64_MAX },
	    { .type = XC_MEMBER_FILE, .name = "./b", .text = "x", .claimed_size = INT64_MAX },
	    { .type = XC_MEMBER_FILE, .name = "./c", .text = "x", .claimed_size = INT64_MAX }),
	ONE("a header as large as the stream", "a", "HEADERS",
	    { .type = XC_MEMBER_FILE,
	      .name = "./a",
	      .text = "x",
	      .claimed_header_blocks = 1u << 20 }),
	ONE("a mode with more than permissions", "a", "mode",
	    { .type = XC_MEMBER_FILE, .name = "./a", .text = "x", .mode = 0104644 }),
	ONE("an unknown type", "a", "unknown type", { .type = 9, .name = "./a", .text = "x" }),
};

/* --- lies of a pack and its index --- */

static void raw_bytes_too_many(struct craft *craft)
{
	craft->segments[0].raw_bytes += 512;
	craft->tar_bytes += 512;
}

static void raw_bytes_moved(struct craft *craft)
{
	craft->segments[0].raw_bytes += 512;
	craft->segments[1].raw_bytes -= 512;
}

static void raw_bytes_huge(struct craft *craft)
{
	craft->segments[0].raw_bytes = UINT32_MAX;
}

static void raw_bytes_zero(struct craft *craft)
{
	craft->segments[0].raw_bytes = 0;
}

static void stored_bytes_short(struct craft *craft)
{
	craft->segments[0].stored_bytes--;
}

static void stored_bytes_long(struct craft *craft)
{
	craft->segments[0].stored_bytes++;
}

static void stored_bytes_past_end(struct craft *craft)
{
	craft->segments[0].stored_bytes = 1u << 20;
}

static void stored_bytes_zero(struct craft *craft)
{
	craft->segments[0].stored_bytes = 0;
}

static void wrong_segment_digest(struct craft *craft)
{
	craft->segments[0].sha256[31] ^= 1;
}

static void swapped_segments(struct craft *craft)
{
	struct xc_segment first = craft->segments[0];

	craft->segments[0] = craft->segments[1];
	craft->segments[1] = first;
}

static void member_count_up(struct craft *craft)
{
	craft->head_count++;
}

static void member_count_huge(struct craft *craft)
{
	craft->head_count = UINT32_MAX;
	craft->layer.member_count = UINT32_MAX;
}

static void segment_count_huge(struct craft *craft)
{
	craft->head_segments = UINT32_MAX;
}

static void segment_count_down(struct craft *craft)
{
	craft->head_segments--;
}

static void tar_bytes_huge(struct craft *craft)
{
	craft->tar_bytes = UINT64_MAX;
}

static void index_version(struct craft *craft)
{
	craft->head_version = 2;
}

static void bomb_in_names(enum xc_section_id id, struct xc_buf *raw)
{
	const size_t bytes = (size_t)200 << 20;

	if (id != XC_SECTION_NAMES)
		return;
	raw->max_bytes = bytes + 100;
	assert_non_null(xc_buf_reserve(raw, bytes));
	memset(raw->data + raw->len_bytes, 'x', bytes);
	raw->len_bytes += bytes;
}

static void bytes_behind_column(enum xc_section_id id, struct xc_buf *raw)
{
	if (id == XC_SECTION_SIZES)
		xc_buf_add_char(raw, 1);
}

static void column_missing(enum xc_section_id id, struct xc_buf *raw)
{
	if (id == XC_SECTION_HEADERS)
		xc_buf_clear(raw);
}

static void nul_missing(enum xc_section_id id, struct xc_buf *raw)
{
	if (id == XC_SECTION_NAMES)
		xc_buf_truncate(raw, raw->len_bytes - 1);
}

static void no_such_attributes(enum xc_section_id id, struct xc_buf *raw)
{
	if (id == XC_SECTION_ATTR_IDS)
		raw->data[0] = 100;
}

static void index_digest(struct xc_layer *layers)
{
	layers[0].index_sha256[0] ^= 1;
}

static void index_offset_up(struct xc_layer *layers)
{
	layers[0].index_offset++;
	layers[0].pack_bytes++;
}

static void index_past_end(struct xc_layer *layers)
{
	layers[0].index_offset = (uint64_t)1 << 40;
	layers[0].pack_bytes = (uint64_t)1 << 41;
}

static void index_overflow(struct xc_layer *layers)
{
	layers[0].index_offset = INT64_MAX - 1;
	layers[0].pack_bytes = INT64_MAX;
}

static void index_larger_than_pack(struct xc_layer *layers)
{
	layers[0].index_bytes = layers[0].pack_bytes;
}

static void index_claims_memory(struct xc_layer *layers)
{
	layers[0].index_bytes = XC_INDEX_STORED_MAX;
	layers[0].pack_bytes = (uint64_t)2 << 30;
}

static void index_too_large(struct xc_layer *layers)
{
	layers[0].index_bytes = XC_INDEX_STORED_MAX + 1;
	layers[0].pack_bytes = (uint64_t)2 << 30;
}

static void layer_count_lies(struct xc_layer *layers)
{
	layers[0].member_count--;
}

static void pack_of_another(struct xc_layer *layers)
{
	memcpy(layers[0].pack, layers[1].pack, sizeof(layers[0].pack));
}

static void pack_missing(struct xc_layer *layers)
{
	memcpy(layers[0].pack, "0123456789abcdef0123456789abcdef", XC_PACK_ID_BYTES);
}

static void pack_by_path(struct xc_layer *layers)
{
	memcpy(layers[0].pack, "../../../../../../outside/keep??", XC_PACK_ID_BYTES);
}

static struct xc_dead_run dead_runs[2];

static void dead_out_of_range(struct xc_layer *layers)
{
	dead_runs[0] = (struct xc_dead_run){ 1, 100 };
	layers[0].dead = dead_runs;
	layers[0].dead_count = 1;
}

static void dead_overflow(struct xc_layer *layers)
{
	dead_runs[0] = (struct xc_dead_run){ UINT32_MAX, UINT32_MAX };
	layers[0].dead = dead_runs;
	layers[0].dead_count = 1;
}

static void dead_empty_run(struct xc_layer *layers)
{
	dead_runs[0] = (struct xc_dead_run){ 1, 0 };
	layers[0].dead = dead_runs;
	layers[0].dead_count = 1;
}

/* The target of the hard link. */
static void dead_target(struct xc_layer *layers)
{
	dead_runs[0] = (struct xc_dead_run){ 1, 1 };
	layers[0].dead = dead_runs;
	layers[0].dead_count = 1;
}

#define PLAIN .kind = XC_ERR_CORRUPT, PLAIN_ENTRY
#define PLAIN_ENTRY                                                                                \
	.lines = "a",                                                                              \
	.layers = { { TABLE(DIR_(0, "./a"), FILE_(1, "b", "text"), HARD_(1, "c", 1)) },            \
		    { TABLE(DIR_(0, "./a"), FILE_(1, "d", "other")) } }

static const struct hostile lies[] = {
	{ .name = "raw bytes that no member has", PLAIN, .twist = raw_bytes_too_many },
	{ .name = "raw bytes of a neighbour", PLAIN, .twist = raw_bytes_moved },
	{ .name = "a segment of 4 GiB", PLAIN, .twist = raw_bytes_huge },
	{ .name = "an empty segment", PLAIN, .twist = raw_bytes_zero },
	{ .name = "a frame that is cut", PLAIN, .twist = stored_bytes_short },
	{ .name = "a frame that is too long", PLAIN, .twist = stored_bytes_long },
	{ .name = "a frame past the pack's end", PLAIN, .twist = stored_bytes_past_end },
	{ .name = "a frame of no bytes", PLAIN, .twist = stored_bytes_zero },
	{ .name = "a segment of another digest", PLAIN, .twist = wrong_segment_digest },
	{ .name = "segments that swapped places", PLAIN, .twist = swapped_segments },
	{ .name = "one member more than there is", PLAIN, .twist = member_count_up },
	{ .name = "4 billion members", PLAIN, .twist = member_count_huge },
	{ .name = "4 billion segments", PLAIN, .twist = segment_count_huge },
	{ .name = "one segment less", PLAIN, .twist = segment_count_down },
	{ .name = "an endless tar stream", PLAIN, .twist = tar_bytes_huge },
	{ .name = "200 MiB in a section of a few KiB", PLAIN, .twist_section = bomb_in_names },
	{ .name = "bytes behind a column", PLAIN, .twist_section = bytes_behind_column },
	{ .name = "a column that is not there", PLAIN, .twist_section = column_missing },
	{ .name = "a name without its end", PLAIN, .twist_section = nul_missing },
	{ .name = "attributes that are not there", PLAIN, .twist_section = no_such_attributes },
	{ .name = "an index of another digest", PLAIN, .twist_layers = index_digest },
	{ .name = "an index that starts later", PLAIN, .twist_layers = index_offset_up },
	{ .name = "an index past the pack's end", PLAIN, .twist_layers = index_past_end },
	{ .name = "an index whose end overflows", PLAIN, .twist_layers = index_overflow },
	{ .name = "an index as large as the pack", PLAIN, .twist_layers = index_larger_than_pack },
	{ .name = "an index of 512 MiB", PLAIN, .twist_layers = index_claims_memory },
	{ .name = "an index of more than that", PLAIN, .twist_layers = index_too_large },
	{ .name = "a manifest that counts other members", PLAIN, .twist_layers = layer_count_lies },
	{ .name = "the pack of another layer", PLAIN, .twist_layers = pack_of_another },
	{ .name = "a pack that is not there", PLAIN, .twist_layers = pack_missing },
	{ .name = "a pack named by a path", PLAIN, .twist_layers = pack_by_path },
	{ .name = "dead members beyond the last", PLAIN, .twist_layers = dead_out_of_range },
	{ .name = "dead members whose end overflows", PLAIN, .twist_layers = dead_overflow },
	{ .name = "a dead run of none", PLAIN, .twist_layers = dead_empty_run },
	{ .name = "a hard link to a dead member",
	  PLAIN,
	  .twist_layers = dead_target,
	  .says = "hard link" },
	{ .name = "an index of a later version",
	  PLAIN_ENTRY,
	  .twist = index_version,
	  .kind = XC_ERR_FORMAT,
	  .says = "format version 2" },
};

static int restore(struct scene *scene, struct xc_err *err)
{
	cleanup_restore_result struct xc_restore_result result = XC_RESTORE_RESULT_INIT;

	return xc_cache_restore(&scene->cache, &scene->query, &result, err);
}

/* Puts the row's entry into the store. */
static void put_entry(struct scene *scene, const struct hostile *row)
{
	struct xc_layer layers[2];
	uint32_t count = row->layers[1].count > 0 ? 2 : 1;

	scene_paths(scene, row->lines);
	for (uint32_t i = 0; i < count; i++) {
		struct craft *craft = xc_calloc(1, sizeof(*craft));

		craft->members = row->layers[i].members;
		craft->count = row->layers[i].count;
		craft->segment_bytes = row->twist ? 1024 : 0;
		craft->twist = i == 0 ? row->twist : NULL;
		craft->twist_section = i == 0 ? row->twist_section : NULL;
		craft_pack(craft);
		layers[i] = craft->layer;
		put_pack(scene, craft);
		craft_release(craft);
		free(craft);
	}
	if (row->twist_layers)
		row->twist_layers(layers);
	put_manifest(scene, layers, count);
}

static void refuse(struct scene *scene, const struct hostile *row)
{
	cleanup_free char *before = NULL, *after = NULL;
	struct xc_err err = { 0 };

	scene_use_memory(scene);
	put_entry(scene, row);
	before = picture(scene, ".", PICTURE_INODES);
	if (restore(scene, &err) == 0)
		fail_msg("%s: restored", row->name);
	after = picture(scene, ".", PICTURE_INODES);
	if (strcmp(before, after) != 0)
		fail_msg("%s: before\n%s\nafter\n%s", row->name, before, after);
	if (err.kind != row->kind)
		fail_msg("%s: kind %d: %s", row->name, err.kind, err.msg);
	if (row->says && !strstr(err.msg, row->says))
		fail_msg("%s: says %s", row->name, err.msg);
}

/* What stands where the entries go: nothing, or directories to merge into. */
static void make_old_tree(const struct scene *scene)
{
	make_file(scene, "ws/a/b", "old");
	make_file(scene, "ws/a/e/f", "old");
}

static void refuse_rows(const struct hostile *rows, size_t count)
{
	for (unsigned threads = 1; threads <= 2; threads++) {
		struct scene scene;

		scene_open(&scene);
		scene.cache.threads = threads;
		make_file(&scene, "ws/keep", "mine");
		for (size_t i = 0; i < count; i++)
			refuse(&scene, &rows[i]);
		make_old_tree(&scene);
		for (size_t i = 0; i < count; i++)
			refuse(&scene, &rows[i]);
		scene_close(&scene);
	}
}

static void refuses_hostile_tables(void **state)
{
	(void)state;
	refuse_rows(tables, ARRAY_LEN(tables));
}

static void refuses_lies(void **state)
{
	(void)state;
	refuse_rows(lies, ARRAY_LEN(lies));
}

/* Else every refusal above could be the crafting's own fault. */
static void restores_what_is_honest(void **state)
{
	const struct hostile rows[] = {
		{ .name = "plain", PLAIN },
		{ .name = "one file", .lines = "a", .layers = { { TABLE(FILE_(0, "./a", "x")) } } },
	};
	struct scene scene;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct xc_err err;

		scene_open(&scene);
		put_entry(&scene, &rows[i]);
		must(restore(&scene, &err), &err);
		assert_true(path_exists(&scene, i == 0 ? "ws/a/d" : "ws/a"));
		scene_close(&scene);
	}
}

/* What is told of a restore, and what outputs of the actions say, is what was made. */
static void counts_members_itself(void **state)
{
	static const char *const names[] = { "files", "directories", "hardlinks", "bytes" };
	const struct hostile row = { .name = "plain", PLAIN };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		cleanup_restore_result struct xc_restore_result result = XC_RESTORE_RESULT_INIT;
		const struct xc_totals *totals = &result.match.manifest.totals;
		cleanup_free char *entry = NULL, *from = xc_asprintf("\"%s\":", names[i]);
		cleanup_free char *to = xc_asprintf("\"%s\":1", names[i]);
		cleanup_buf struct xc_buf data = XC_BUF_INIT, edited = XC_BUF_INIT;
		struct xc_err err = { 0 };
		struct scene scene;
		const char *at;

		scene_open(&scene);
		put_entry(&scene, &row);
		entry = entry_name(&scene);
		must(xc_store_get(scene.store, entry, 100000, &data, &err), &err);
		at = strstr(xc_buf_str(&data), from);
		assert_non_null(at);
		xc_buf_addf(&edited, "%.*s%s%s", (int)(at - data.data), data.data, to,
			    at + strlen(from));
		store_put(&scene, entry, edited.data, edited.len_bytes);
		must(xc_cache_restore(&scene.cache, &scene.query, &result, &err), &err);
		assert_true(path_exists(&scene, "ws/a"));
		assert_int_equal(totals->files, 2);
		assert_int_equal(totals->directories, 2);
		assert_int_equal(totals->hardlinks, 1);
		assert_int_equal(totals->content_bytes, 9);
		scene_close(&scene);
	}
}

/* Its beginning comes ahead, and nobody waits for it: it must not be waited for. */
static void restores_layers_without_members(void **state)
{
	const struct hostile rows[] = {
		{ .name = "no members", .lines = "a" },
		{ .name = "no members below some",
		  .lines = "a",
		  .layers = { { NULL, 0 }, { TABLE(FILE_(0, "./a", "x")) } } },
	};
	struct scene scene;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct xc_err err;

		scene_open(&scene);
		put_entry(&scene, &rows[i]);
		alarm(60);
		must(restore(&scene, &err), &err);
		alarm(0);
		assert_int_equal(path_exists(&scene, "ws/a"), i == 1);
		scene_close(&scene);
	}
}

/* A symlink of the user's own, but one that a wildcard met: it must not lead out. */
static void does_not_follow_symlinks_below_a_wildcard(void **state)
{
	const struct hostile row = {
		.name = "a symlink that is there",
		.lines = "*/x",
		.layers = { { TABLE(DIR_(0, "./evil/x"), FILE_(1, "y", "z")) } },
		.kind = XC_ERR_IO,
		.says = "leads out",
	};
	struct scene scene;

	(void)state;
	scene_open(&scene);
	make_symlink(&scene, "ws/evil", "../outside");
	refuse(&scene, &row);
	scene_close(&scene);
}

/* A symlink that stands where the entry has a directory gives way; it is not gone through. */
static void replaces_symlinks_in_the_way(void **state)
{
	const struct hostile row = {
		.name = "a directory where a symlink is",
		.lines = "a",
		.layers = { { TABLE(DIR_(0, "./a"), FILE_(1, "b", "x"), DIR_(1, "c"),
				    FILE_(2, "keep", "x")) } },
	};
	cleanup_free char *before = NULL, *after = NULL;
	struct scene scene;
	struct xc_err err;
	struct stat status;

	(void)state;
	scene_open(&scene);
	before = picture(&scene, "outside", PICTURE_INODES | PICTURE_DIR_TIMES);
	make_symlink(&scene, "ws/a/b", "../../outside/keep");
	make_symlink(&scene, "ws/a/c", "../../outside");
	put_entry(&scene, &row);
	must(restore(&scene, &err), &err);
	after = picture(&scene, "outside", PICTURE_INODES | PICTURE_DIR_TIMES);
	assert_string_equal(before, after);
	must_sys(fstatat(scene.root_fd, "ws/a/b", &status, AT_SYMLINK_NOFOLLOW), "b");
	assert_true(S_ISREG(status.st_mode));
	must_sys(fstatat(scene.root_fd, "ws/a/c/keep", &status, AT_SYMLINK_NOFOLLOW), "c/keep");
	scene_close(&scene);
}

/* Two names of one place: the symlink of one must not be gone through by the other. */
static void refuses_one_place_under_two_names(void **state)
{
	struct scene scene;
	char top[300];
	struct craft_member members[] = {
		LINK_(0, top, "outside"),
		DIR_(0, "~"),
		FILE_(1, "evil", "x"),
	};
	const struct hostile row = {
		.name = "the home, twice",
		.lines = "~",
		.layers = { { members, ARRAY_LEN(members) } },
		.kind = XC_ERR_CORRUPT,
		.says = "inside the other",
	};

	(void)state;
	scene_open(&scene);
	snprintf(top, sizeof(top), "%s/home", scene.root);
	refuse(&scene, &row);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(restores_what_is_honest),
		cmocka_unit_test(restores_layers_without_members),
		cmocka_unit_test(counts_members_itself),
		cmocka_unit_test(refuses_hostile_tables),
		cmocka_unit_test(refuses_lies),
		cmocka_unit_test(does_not_follow_symlinks_below_a_wildcard),
		cmocka_unit_test(replaces_symlinks_in_the_way),
		cmocka_unit_test(refuses_one_place_under_two_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
