/* SPDX-License-Identifier: Apache-2.0 */
/* What gc decides, and that what it does is safe beside whatever else happens. */
#include <pthread.h>

#include "entry/objects.h"
#include "entry/remove.h"
#include "fake_store.h"
#include "key/objects.h"
#include "upkeep/decide.h"
#include "upkeep/gc.h"

#define HOUR_NS (3600 * INT64_C(1000000000))
#define NOW_NS  (1000000 * HOUR_NS)
#define NONE    (-1)

/* Decisions over lists. Ages are in hours, the grace is 24. */

static const struct xc_gc_rules rules = { .now_ns = NOW_NS, .grace_ns = 24 * HOUR_NS };

static int64_t hours_ago(int hours)
{
	return hours == NONE ? XC_STOCK_NEVER : NOW_NS - hours * HOUR_NS;
}

static void a_pack_goes_if_nothing_names_it_and_it_and_its_tombstone_are_old(void **state)
{
	static const struct {
		int age, tombstone;
		uint32_t names;
		enum xc_pack_fate fate;
		int waits; /* hours from now */
	} rows[] = {
		{ 100, 50, 0, XC_PACK_GOES, 0 },
		{ 25, 25, 0, XC_PACK_GOES, 0 },
		/* Named by an entry: whatever else. */
		{ 100, 50, 1, XC_PACK_STAYS, 0 },
		{ 100, NONE, 3, XC_PACK_STAYS, 0 },
		{ 1, 1, 1, XC_PACK_STAYS, 0 },
		/* One of the two is young. */
		{ 100, 23, 0, XC_PACK_WAITS, 1 },
		{ 23, 100, 0, XC_PACK_WAITS, 1 },
		{ 0, 100, 0, XC_PACK_WAITS, 24 },
		{ 100, 0, 0, XC_PACK_WAITS, 24 },
		/* As old as the grace is not older. */
		{ 24, 24, 0, XC_PACK_WAITS, 0 },
		/* No tombstone: it gets one, and goes in a later run, however old it is. */
		{ 9000, NONE, 0, XC_PACK_UNMARKED, 24 },
		{ 0, NONE, 0, XC_PACK_UNMARKED, 24 },
		/* Clocks of several servers differ. */
		{ -2, 50, 0, XC_PACK_WAITS, 26 },
		{ -2, NONE, 0, XC_PACK_UNMARKED, 26 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		/* -1 hour would be NONE. */
		const struct xc_stock_pack pack = {
			.written_ns = NOW_NS - rows[i].age * HOUR_NS,
			.tombstone_ns = hours_ago(rows[i].tombstone),
			.names = rows[i].names,
		};
		int64_t until_ns;

		if (xc_gc_judge_pack(&rules, &pack, &until_ns) != rows[i].fate)
			fail_msg("row %zu", i);
		if (rows[i].fate != XC_PACK_STAYS && rows[i].fate != XC_PACK_GOES)
			assert_int_equal(until_ns, NOW_NS + rows[i].waits * HOUR_NS);
	}
}

/* Packs are letters: n named, g goes, w waits, u unmarked. */
static void make_packs(const char *kinds, struct xc_stock_pack *packs, uint32_t *references)
{
	for (uint32_t i = 0; kinds[i] != '\0'; i++) {
		packs[i] = (struct xc_stock_pack){
			.written_ns = hours_ago(100),
			.tombstone_ns = hours_ago(kinds[i] == 'w'   ? 3
						  : kinds[i] == 'u' ? NONE
								    : 50),
			.names = kinds[i] == 'n',
		};
		references[i] = i;
	}
}

static void a_tombstone_goes_when_it_is_old_and_its_packs_go_or_are_gone_or_named(void **state)
{
	static const struct {
		int age;
		const char *packs;
		enum xc_stock_state read;
		bool spent;
	} rows[] = {
		{ 50, "g", XC_STOCK_READ, true },
		{ 50, "ggg", XC_STOCK_READ, true },
		{ 50, "n", XC_STOCK_READ, true },
		{ 50, "", XC_STOCK_READ, true },
		{ 50, "gn", XC_STOCK_READ, true },
		{ 50, "w", XC_STOCK_READ, false },
		{ 50, "ggw", XC_STOCK_READ, false },
		{ 50, "nw", XC_STOCK_READ, false },
		{ 50, "gu", XC_STOCK_READ, false },
		/* Perhaps of an entry that is being removed, or replaced, at this moment. */
		{ 1, "n", XC_STOCK_READ, false },
		{ 24, "n", XC_STOCK_READ, false },
		{ 1, "", XC_STOCK_READ, false },
		{ 50, "g", XC_STOCK_GONE, false },
		{ 50, "g", XC_STOCK_UNREAD, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct xc_stock_pack packs[8];
		uint32_t references[8];
		const struct xc_stock stock = { .packs = packs, .references = references };
		const struct xc_stock_tombstone tombstone = {
			.written_ns = hours_ago(rows[i].age),
			.state = rows[i].read,
			.packs = { .count = (uint32_t)strlen(rows[i].packs) },
		};

		make_packs(rows[i].packs, packs, references);
		if (xc_gc_is_spent(&rules, &stock, &tombstone) != rows[i].spent)
			fail_msg("row %zu", i);
	}
}

/*
 * Entries as "scope/key:age" with the packs they name, a letter each of 10 bytes; what stays,
 * by their keys.
 */
struct entry_row {
	uint32_t scope;
	const char *key;
	int age;
	const char *packs;
};

struct retention {
	struct entry_row entries[6];
	int max_age;
	long max_bytes; /* NONE: any */
	const char *fates;
	uint64_t live_bytes;
};

static void fill_stock(const struct retention *row, struct xc_stock *stock)
{
	stock->packs = xc_calloc(26, sizeof(*stock->packs));
	stock->pack_count = 26;
	stock->entries = xc_calloc(6, sizeof(*stock->entries));
	stock->references = xc_calloc(100, sizeof(*stock->references));
	for (size_t i = 0; i < 6 && row->entries[i].key; i++) {
		struct xc_stock_entry *entry = &stock->entries[stock->entry_count++];

		*entry = (struct xc_stock_entry){
			.object = row->entries[i].key,
			.key = row->entries[i].key,
			.version = "v",
			.scope = row->entries[i].scope,
			.written_ns = hours_ago(row->entries[i].age),
			.state = XC_STOCK_READ,
			.packs = { .first = stock->reference_count },
		};
		for (const char *pack = row->entries[i].packs; *pack; pack++) {
			uint32_t position = (uint32_t)(*pack - 'a');

			stock->references[stock->reference_count++] = position;
			stock->packs[position].size_bytes = 10;
			stock->packs[position].names++;
			entry->packs.count++;
		}
	}
}

static void entries_go_by_age_and_for_room_but_the_newest_of_a_kind_of_key_stays(void **state)
{
	/* s stays, o is too old, r goes for room. */
	static const struct retention rows[] = {
		{ { { 0, "k-1", 90, "a" }, { 0, "k-2", 50, "b" } }, 0, NONE, "ss", 20 },
		{ { { 0, "k-1", 90, "a" }, { 0, "k-2", 50, "b" } }, 60, NONE, "os", 10 },
		/* Of any kind: nobody saves them any more. */
		{ { { 0, "k-1", 90, "a" }, { 0, "j-1", 90, "b" } }, 60, NONE, "oo", 0 },
		{ { { 0, "k-1", 60, "a" } }, 60, NONE, "s", 10 },
		/* The first saved first, no more than needed. */
		{ { { 0, "k-3", 10, "c" }, { 0, "k-1", 30, "a" }, { 0, "k-2", 20, "b" } },
		  0,
		  20,
		  "srs",
		  20 },
		{ { { 0, "k-3", 10, "c" }, { 0, "k-1", 30, "a" }, { 0, "k-2", 20, "b" } },
		  0,
		  0,
		  "srr",
		  10 },
		/* Each scope, and each beginning up to the last '-', keeps its newest. */
		{ { { 0, "k-1", 30, "a" }, { 1, "k-1", 90, "b" }, { 0, "k-a-1", 90, "c" } },
		  0,
		  0,
		  "sss",
		  30 },
		{ { { 0, "k-a-1", 30, "a" }, { 0, "k-a-2", 20, "b" }, { 0, "k-b-1", 90, "c" } },
		  0,
		  0,
		  "rss",
		  20 },
		/* Keys without '-' are of one kind. */
		{ { { 0, "1f2e", 30, "a" }, { 0, "3d4c", 20, "b" } }, 0, 0, "rs", 10 },
		/* Shared packs count once, and go with the last entry. */
		{ { { 0, "k-1", 30, "ab" }, { 0, "k-2", 20, "ac" }, { 0, "k-3", 10, "ad" } },
		  0,
		  30,
		  "rss",
		  30 },
		{ { { 0, "k-1", 30, "a" }, { 0, "k-2", 20, "a" }, { 0, "k-3", 10, "b" } },
		  0,
		  10,
		  "rrs",
		  10 },
		/* Age first: then there may be room enough. */
		{ { { 0, "k-1", 90, "a" }, { 0, "k-2", 20, "b" }, { 0, "k-3", 10, "c" } },
		  60,
		  20,
		  "oss",
		  20 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_stock struct xc_stock stock = XC_STOCK_INIT;
		const struct xc_gc_rules limits = {
			.now_ns = NOW_NS,
			.max_age_ns = rows[i].max_age * HOUR_NS,
			.has_max_bytes = rows[i].max_bytes != NONE,
			.max_bytes = (uint64_t)rows[i].max_bytes,
		};
		cleanup_free enum xc_entry_fate *fates = NULL;
		uint64_t live_bytes;

		fill_stock(&rows[i], &stock);
		fates = xc_gc_judge_entries(&limits, &stock, &live_bytes);
		for (size_t j = 0; j < stock.entry_count; j++)
			if ("sor"[fates[j]] != rows[i].fates[j])
				fail_msg("row %zu, entry %zu: %c", i, j, "sor"[fates[j]]);
		assert_int_equal(live_bytes, rows[i].live_bytes);
	}
}

/* Collections on a store. */

struct place {
	struct scene scene;
	struct fake *fake;
};

static void open_place(struct place *place)
{
	scene_open(&place->scene);
	place->fake = wrap_store(&place->scene);
}

/* What is called here comes later than everything before: so many hours. */
static void pass_hours(struct place *place, int hours)
{
	place->fake->later_ns += hours * HOUR_NS;
}

static int try_gc(struct place *place, struct xc_gc_result *ret_result, struct xc_err *err)
{
	const struct xc_gc_opts opts = { .grace_ns = 24 * HOUR_NS };

	return xc_gc(&place->scene.cache, &opts, ret_result, err);
}

static struct xc_gc_result must_gc(struct place *place)
{
	struct xc_gc_result result;
	struct xc_err err;

	must(try_gc(place, &result, &err), &err);
	return result;
}

/* An id of a pack, whose time is that of the scenes' files. */
static void make_id(unsigned number, char ret_id[33])
{
	snprintf(ret_id, 33, "015d3ef7980000000000%012x", number);
}

static void store_pack(const struct scene *scene, const char *scope, unsigned number)
{
	cleanup_buf struct xc_buf name = XC_BUF_INIT;
	struct xc_err err;
	char id[33];

	make_id(number, id);
	must(xc_name_pack(scene->cache.repository, scope, id, &name, &err), &err);
	must(xc_store_put(scene->store, name.data, "0123456789", 10, XC_PUT_ALWAYS, &err), &err);
}

static bool has_pack(const struct scene *scene, unsigned number)
{
	char id[33];

	make_id(number, id);
	return count_objects(scene, id) > 0;
}

/* An entry of these packs; the list ends with 0. */
static void put_entry(const struct scene *scene, const char *scope, const char *key,
		      const unsigned *packs)
{
	cleanup_manifest struct xc_manifest manifest = {
		.key = xc_strdup(key),
		.version = "0123456789abcdef",
		.tool = xc_strdup("test"),
		.created_ns = 1,
		.layers = xc_calloc(8, sizeof(*manifest.layers)),
	};
	const struct xc_entry_name entry = { scene->cache.repository, scope, manifest.version,
					     key };
	cleanup_buf struct xc_buf name = XC_BUF_INIT, data = XC_BUF_INIT;
	struct xc_err err;

	xc_strlist_add(&manifest.paths, "a");
	for (; packs[manifest.layer_count] != 0; manifest.layer_count++) {
		struct xc_layer *layer = &manifest.layers[manifest.layer_count];

		*layer = (struct xc_layer){ .pack_bytes = 1000,
					    .member_count = 1,
					    .index_offset = 100,
					    .index_bytes = 500 };
		make_id(packs[manifest.layer_count], layer->pack);
	}
	must(xc_name_entry(&entry, &name, &err), &err);
	xc_manifest_encode(&manifest, &data);
	must(xc_store_put(scene->store, name.data, data.data, data.len_bytes, XC_PUT_ALWAYS, &err),
	     &err);
}

static void remove_key(const struct scene *scene, const char *key)
{
	const struct xc_remove_opts opts = { .key = key };
	struct xc_err err;
	uint64_t count;

	must(xc_cache_remove(&scene->cache, &opts, NULL, NULL, &count, &err), &err);
	assert_int_equal(count, 1);
}

static void packs_of_a_removed_entry_go_after_the_grace(void **state)
{
	struct xc_gc_result result;
	struct place place;

	(void)state;
	open_place(&place);
	store_pack(&place.scene, "main", 1);
	store_pack(&place.scene, "main", 2);
	put_entry(&place.scene, "main", "k", (unsigned[]){ 1, 2, 0 });
	put_entry(&place.scene, "main", "l", (unsigned[]){ 2, 0 });
	pass_hours(&place, 100);
	result = must_gc(&place);
	assert_int_equal(result.live.count, 2);
	assert_int_equal(result.entries, 2);
	remove_key(&place.scene, "k");
	place.fake->later_ns = 23 * HOUR_NS;
	result = must_gc(&place);
	assert_int_equal(result.removed.count, 0);
	assert_int_equal(result.waiting.count, 1);
	assert_int_equal(result.waiting.bytes, 10);
	pass_hours(&place, 2);
	result = must_gc(&place);
	assert_int_equal(result.removed.count, 1);
	assert_int_equal(result.tombstones_removed, 1);
	assert_false(has_pack(&place.scene, 1));
	assert_true(has_pack(&place.scene, 2));
	assert_int_equal(count_objects(&place.scene, "/removed/"), 0);
	scene_close(&place.scene);
}

static void a_pack_that_another_scope_names_stays(void **state)
{
	struct place place;

	(void)state;
	open_place(&place);
	store_pack(&place.scene, "main", 1);
	put_entry(&place.scene, "main", "k", (unsigned[]){ 1, 0 });
	put_entry(&place.scene, "refs/pull/7/merge", "k", (unsigned[]){ 1, 0 });
	remove_key(&place.scene, "k");
	pass_hours(&place, 100);
	must_gc(&place);
	assert_true(has_pack(&place.scene, 1));
	/* It is named again, or still: the tombstone says nothing any more. */
	assert_int_equal(count_objects(&place.scene, "/removed/"), 0);
	scene_close(&place.scene);
}

/* Whoever may write to the scope of a pull request cannot make gc remove what main needs. */
static void a_copy_of_an_id_in_another_scope_takes_nothing_away(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct place place;

		open_place(&place);
		store_pack(&place.scene, i ? "a" : "z", 1);
		store_pack(&place.scene, "main", 1);
		put_entry(&place.scene, "main", "j", (unsigned[]){ 1, 0 });
		put_entry(&place.scene, "main", "k", (unsigned[]){ 1, 0 });
		remove_key(&place.scene, "j");
		pass_hours(&place, 100);
		must_gc(&place);
		assert_int_equal(count_objects(&place.scene, "/main/packs/"), 1);
		scene_close(&place.scene);
	}
}

static void other_repositories_are_not_touched(void **state)
{
	struct xc_err err;
	struct place place;

	(void)state;
	open_place(&place);
	must(xc_store_put(place.scene.store,
			  "a%2Fbc/main/packs/015d3ef7980000000000000000000001.tar.zst", "0", 1,
			  XC_PUT_ALWAYS, &err),
	     &err);
	must(xc_store_put(place.scene.store, "key-base.tar.zst", "0", 1, XC_PUT_ALWAYS, &err),
	     &err);
	pass_hours(&place, 100);
	must_gc(&place);
	pass_hours(&place, 100);
	must_gc(&place);
	assert_int_equal(count_objects(&place.scene, ""), 2);
	scene_close(&place.scene);
}

static void what_a_killed_save_left_gets_one_tombstone_and_goes_later(void **state)
{
	struct xc_gc_result result;
	struct place place;

	(void)state;
	open_place(&place);
	for (unsigned i = 1; i <= 3; i++)
		store_pack(&place.scene, i == 3 ? "other" : "main", i);
	pass_hours(&place, 100);
	result = must_gc(&place);
	assert_int_equal(result.marked.count, 3);
	assert_int_equal(result.waiting.count, 3);
	/* One for each scope. */
	assert_int_equal(count_objects(&place.scene, "/removed/"), 2);
	/* From the real now on: the tombstones were not written in the future. */
	place.fake->later_ns = 0;
	for (int i = 0; i < 6; i++) {
		result = must_gc(&place);
		assert_int_equal(result.marked.count, 0);
		assert_int_equal(result.removed.count, 0);
		pass_hours(&place, 4);
	}
	pass_hours(&place, 4);
	result = must_gc(&place);
	assert_int_equal(result.removed.count, 3);
	assert_int_equal(result.tombstones_removed, 2);
	assert_int_equal(count_objects(&place.scene, ""), 0);
	scene_close(&place.scene);
}

static void must_refuse(struct place *place, const char *object, const char *text,
			enum xc_err_kind kind)
{
	struct xc_gc_result result;
	struct xc_err err = { 0 };
	size_t before;

	must(xc_store_put(place->scene.store, object, text, strlen(text), XC_PUT_ALWAYS, &err),
	     &err);
	before = count_objects(&place->scene, "");
	if (try_gc(place, &result, &err) == 0)
		fail_msg("%s is passed over", object);
	assert_int_equal(err.kind, kind);
	assert_non_null(strstr(err.msg, "nothing was removed"));
	assert_non_null(strstr(err.msg, object));
	assert_int_equal(count_objects(&place->scene, ""), before);
	must(xc_store_remove(place->scene.store, object, &err), &err);
}

#define IN_MAIN "a%2Fb/main/"

static void nothing_is_removed_while_something_cannot_be_read(void **state)
{
	struct place place;

	(void)state;
	open_place(&place);
	store_pack(&place.scene, "main", 1);
	put_entry(&place.scene, "main", "k", (unsigned[]){ 1, 0 });
	remove_key(&place.scene, "k");
	pass_hours(&place, 100);
	must_refuse(&place, IN_MAIN "entries/0123456789abcdef/k", "{", XC_ERR_CORRUPT);
	must_refuse(&place, IN_MAIN "entries/0123456789abcdef/k", "{\"xcache\": 99}",
		    XC_ERR_FORMAT);
	must_refuse(&place, "a%2Fb/other/entries/0123456789abcdef/k", "{}", XC_ERR_CORRUPT);
	must_refuse(&place, IN_MAIN "entries/a-later-layout", "{}", XC_ERR_FORMAT);
	must_refuse(&place, IN_MAIN "entries/0123456789abcdef/100%", "{}", XC_ERR_FORMAT);
	must_refuse(&place, IN_MAIN "removed/0123456789abcdef0123456789abcdef", "{",
		    XC_ERR_CORRUPT);
	must_refuse(&place, IN_MAIN "removed/0123456789abcdef0123456789abcdef",
		    "{\"xcache\": 99, \"packs\": []}", XC_ERR_FORMAT);
	must_refuse(&place, IN_MAIN "removed/0123456789abcdef0123456789abcdef",
		    "{\"xcache\": 1, \"packs\": [\"..\"]}", XC_ERR_CORRUPT);
	must_gc(&place);
	assert_int_equal(count_objects(&place.scene, ""), 0);
	scene_close(&place.scene);
}

/* All that a collection has to do, together. */
static void set_up_all(struct place *place)
{
	open_place(place);
	for (unsigned i = 1; i <= 5; i++)
		store_pack(&place->scene, "main", i);
	store_pack(&place->scene, "other", 6);
	put_entry(&place->scene, "main", "k", (unsigned[]){ 1, 2, 0 });
	put_entry(&place->scene, "main", "l", (unsigned[]){ 2, 3, 0 });
	put_entry(&place->scene, "main", "m", (unsigned[]){ 4, 0 });
	remove_key(&place->scene, "k");
	remove_key(&place->scene, "m");
	pass_hours(place, 25);
}

/* Whatever call of the store fails, before or after it has done its work, as a kill would. */
static void a_collection_may_be_ended_at_any_point(void **state)
{
	(void)state;
	for (int after = 0; after < 2; after++) {
		for (long call = 1;; call++) {
			struct xc_gc_result result;
			struct place place;
			struct xc_err err;
			bool struck;

			set_up_all(&place);
			place.fake->after = after;
			fail_at(place.fake, call);
			if (try_gc(&place, &result, &err) < 0)
				assert_true(place.fake->struck);
			struck = place.fake->struck;
			let_pass(place.fake);
			/* What an entry needs is there, and what it does not need goes. */
			assert_true(has_pack(&place.scene, 2) && has_pack(&place.scene, 3));
			must_gc(&place);
			pass_hours(&place, 25);
			must_gc(&place);
			assert_int_equal(count_objects(&place.scene, "/packs/"), 2);
			assert_int_equal(count_objects(&place.scene, "/removed/"), 0);
			scene_close(&place.scene);
			if (!struck)
				break;
		}
	}
}

static void a_dry_run_changes_nothing_and_says_the_same(void **state)
{
	const struct xc_gc_opts opts = { .grace_ns = 24 * HOUR_NS, .dry_run = true };
	struct xc_gc_result dry, real;
	struct place place;
	struct xc_err err;
	size_t before;

	(void)state;
	set_up_all(&place);
	before = count_objects(&place.scene, "");
	must(xc_gc(&place.scene.cache, &opts, &dry, &err), &err);
	assert_int_equal(count_objects(&place.scene, ""), before);
	real = must_gc(&place);
	assert_int_equal(dry.removed.count, 2);
	assert_int_equal(dry.removed.count, real.removed.count);
	assert_int_equal(dry.marked.count, real.marked.count);
	assert_int_equal(dry.tombstones_removed, real.tombstones_removed);
	scene_close(&place.scene);
}

/* All that is there was written two days ago. */
static void set_all_old(struct xc_store *memory)
{
	struct memory_store *store = memory_of(memory);

	for (size_t i = 0; i < store->count; i++)
		store->objects[i].modified_ns -= 48 * HOUR_NS;
}

/* All is listed, and no manifest is read yet. */
static bool is_listed(struct place *place, const char *name)
{
	if (!strstr(name, "/removed/"))
		return false;
	place->fake->getting = NULL;
	return true;
}

/* k is removed, and l, made of what it had, takes its place. */
static void move_entry(void *context, const char *name)
{
	struct place *place = context;

	if (!is_listed(place, name))
		return;
	put_entry(&place->scene, "main", "l", (unsigned[]){ 1, 0 });
	remove_key(&place->scene, "k");
}

static void remove_entry(void *context, const char *name)
{
	struct place *place = context;

	if (is_listed(place, name))
		remove_key(&place->scene, "k");
}

/*
 * Once a pack lost an entry, long ago; so there is an old tombstone. Then it
 * loses its last one while its packs are being judged.
 */
static void a_pack_that_loses_its_entry_meanwhile_waits(void **state)
{
	void (*const changes[])(void *context, const char *name) = { move_entry, remove_entry };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		struct place place;

		open_place(&place);
		store_pack(&place.scene, "main", 1);
		store_pack(&place.scene, "main", 2);
		put_entry(&place.scene, "main", "j", (unsigned[]){ 1, 2, 0 });
		put_entry(&place.scene, "main", "k", (unsigned[]){ 1, 0 });
		remove_key(&place.scene, "j");
		set_all_old(place.fake->inner);
		place.fake->getting = changes[i];
		place.fake->getting_context = &place;
		must_gc(&place);
		assert_true(has_pack(&place.scene, 1));
		scene_close(&place.scene);
	}
}

static int count_removed(const struct xc_entry *entry, void *context, struct xc_err *err)
{
	(void)err;
	assert_string_equal(entry->key, "k-1");
	++*(int *)context;
	return 0;
}

static void entries_are_removed_with_a_tombstone_for_their_packs(void **state)
{
	int removed = 0;
	const struct xc_gc_opts opts = {
		.grace_ns = 24 * HOUR_NS,
		.has_max_bytes = true,
		.max_bytes = 10,
		.removed = count_removed,
		.context = &removed,
	};
	struct xc_gc_result result;
	struct place place;
	struct xc_err err;

	(void)state;
	open_place(&place);
	store_pack(&place.scene, "main", 1);
	store_pack(&place.scene, "main", 2);
	put_entry(&place.scene, "main", "k-1", (unsigned[]){ 1, 0 });
	put_entry(&place.scene, "main", "k-2", (unsigned[]){ 2, 0 });
	must(xc_gc(&place.scene.cache, &opts, &result, &err), &err);
	assert_int_equal(removed, 1);
	assert_int_equal(result.removed_for_room, 1);
	assert_int_equal(result.waiting.count, 1);
	assert_int_equal(result.live.count, 1);
	assert_false(result.above_max);
	assert_int_equal(count_objects(&place.scene, "/removed/"), 1);
	assert_true(has_pack(&place.scene, 1));
	pass_hours(&place, 25);
	must_gc(&place);
	assert_false(has_pack(&place.scene, 1));
	scene_close(&place.scene);
}

/* Two collections and saves at once, on a store full of old things. */
#define CROWD 300

static void *collect_often(void *context)
{
	struct place *place = context;

	for (int i = 0; i < 5; i++)
		must_gc(place);
	return NULL;
}

/* Each entry's packs are there before it, and a tombstone before it goes. */
static void *save_often(void *context)
{
	struct place *place = context;

	for (unsigned i = 0; i < CROWD; i++) {
		char key[32], id[33];
		cleanup_buf struct xc_buf name = XC_BUF_INIT;
		struct xc_err err;

		snprintf(key, sizeof(key), "new-%u", i);
		make_id(10000 + i, id);
		must(xc_name_pack("a/b", "main", id, &name, &err), &err);
		must(xc_store_put(place->scene.store, name.data, "0", 1, XC_PUT_ALWAYS, &err),
		     &err);
		/* With a pack of an entry that is there all the time. */
		put_entry(&place->scene, "main", key, (unsigned[]){ 1, 10000 + i, 0 });
		if (i % 3 == 0)
			remove_key(&place->scene, key);
	}
	return NULL;
}

static void collections_and_saves_at_once_lose_nothing(void **state)
{
	struct place place = { 0 };
	pthread_t threads[3];
	void *(*const runs[])(void *) = { collect_often, collect_often, save_often };

	(void)state;
	scene_open(&place.scene);
	for (unsigned i = 1; i <= CROWD; i++) {
		char key[32];

		snprintf(key, sizeof(key), "old-%u", i);
		store_pack(&place.scene, "main", i);
		put_entry(&place.scene, "main", key, (unsigned[]){ i, 0 });
		if (i % 2 == 0)
			remove_key(&place.scene, key);
	}
	set_all_old(place.scene.store);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, runs[i], &place), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 1; i <= CROWD; i++)
		assert_int_equal(has_pack(&place.scene, i), i % 2 == 1);
	for (unsigned i = 0; i < CROWD; i++)
		assert_true(has_pack(&place.scene, 10000 + i));
	scene_close(&place.scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pack_goes_if_nothing_names_it_and_it_and_its_tombstone_are_old),
		cmocka_unit_test(
			a_tombstone_goes_when_it_is_old_and_its_packs_go_or_are_gone_or_named),
		cmocka_unit_test(
			entries_go_by_age_and_for_room_but_the_newest_of_a_kind_of_key_stays),
		cmocka_unit_test(packs_of_a_removed_entry_go_after_the_grace),
		cmocka_unit_test(a_pack_that_another_scope_names_stays),
		cmocka_unit_test(a_copy_of_an_id_in_another_scope_takes_nothing_away),
		cmocka_unit_test(other_repositories_are_not_touched),
		cmocka_unit_test(what_a_killed_save_left_gets_one_tombstone_and_goes_later),
		cmocka_unit_test(nothing_is_removed_while_something_cannot_be_read),
		cmocka_unit_test(a_collection_may_be_ended_at_any_point),
		cmocka_unit_test(a_dry_run_changes_nothing_and_says_the_same),
		cmocka_unit_test(a_pack_that_loses_its_entry_meanwhile_waits),
		cmocka_unit_test(entries_are_removed_with_a_tombstone_for_their_packs),
		cmocka_unit_test(collections_and_saves_at_once_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
