/* SPDX-License-Identifier: Apache-2.0 */
/* The section OVERRIDES of an index. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pack/index.h"
#include "pack/internal.h"
#include "pack/manifest.h"
#include "pack_sample.h"

#define PACK  "0123456789abcdef0123456789abcdef"
#define PACK2 "fedcba9876543210fedcba9876543210"

static struct xc_override small_items[] = {
	{ 0, 999999999, INT64_MIN, 0, 0, 0 },
	{ 1, 0, INT64_MAX, UINT32_MAX, UINT32_MAX, 07777 },
	{ 7, 5, -1, 1000, 1000, 0644 },
	{ XC_MEMBERS_MAX - 1, 999999999, INT64_MAX, 1000, 1000, 0644 },
};
static struct xc_override other_items[] = { { 3, 4, -1, 1000, 1000, 0644 } };
static struct xc_layer_overrides small_layers[] = {
	{ PACK, small_items, ARRAY_LEN(small_items) },
	{ PACK2, other_items, 1 },
};
static const struct xc_overrides small = { small_layers, 2 };

/* An index of one file with these overrides, which stay the caller's. */
static int encode(const struct xc_overrides *overrides, struct xc_buf *out, struct xc_err *err)
{
	static const struct sample_row rows[] = { FILE_(0, "./f", 0), SAMPLE_END };
	cleanup_index struct xc_index index;
	int result;

	sample_index(rows, &index);
	index.overrides = *overrides;
	result = xc_index_encode(&index, out, err);
	index.overrides = (struct xc_overrides)XC_OVERRIDES_INIT;
	return result;
}

static void must_encode(const struct xc_overrides *overrides, struct xc_buf *out)
{
	struct xc_err err = { 0 };

	if (encode(overrides, out, &err) < 0)
		fail_msg("%s", err.msg);
}

static void same_overrides(const struct xc_overrides *a, const struct xc_overrides *b)
{
	assert_int_equal(a->count, b->count);
	for (uint32_t i = 0; i < a->count; i++) {
		assert_string_equal(a->layers[i].pack, b->layers[i].pack);
		assert_int_equal(a->layers[i].count, b->layers[i].count);
		for (uint32_t k = 0; k < a->layers[i].count; k++) {
			const struct xc_override *x = &a->layers[i].items[k];
			const struct xc_override *y = &b->layers[i].items[k];

			assert_int_equal(x->position, y->position);
			assert_true(x->mtime_s == y->mtime_s);
			assert_int_equal(x->mtime_ns, y->mtime_ns);
			assert_int_equal(x->uid, y->uid);
			assert_int_equal(x->gid, y->gid);
			assert_int_equal(x->mode, y->mode);
		}
	}
}

static void all_values_survive(void **state)
{
	cleanup_buf struct xc_buf bytes = XC_BUF_INIT, second = XC_BUF_INIT;
	cleanup_index struct xc_index index = XC_INDEX_INIT;

	(void)state;
	must_encode(&small, &bytes);
	sample_parse(&bytes, &index);
	same_overrides(&small, &index.overrides);
	sample_encode(&index, &second);
	assert_int_equal(bytes.len_bytes, second.len_bytes);
	assert_memory_equal(bytes.data, second.data, bytes.len_bytes);
}

static void an_index_without_overrides_has_no_such_section(void **state)
{
	cleanup_buf struct xc_buf bytes = XC_BUF_INIT;
	struct xc_sections sections;
	struct xc_err err;

	(void)state;
	must_encode(&(struct xc_overrides)XC_OVERRIDES_INIT, &bytes);
	assert_int_equal(xc_sections_scan(bytes.data, bytes.len_bytes, &sections, &err), 0);
	assert_null(sections.items[XC_SECTION_OVERRIDES].frame);
}

/* What a program sees that was made before there was such a section. */
static void readers_that_do_not_know_a_needed_section_say_that_it_is_a_later_format(void **state)
{
	cleanup_buf struct xc_buf bytes = XC_BUF_INIT;
	cleanup_index struct xc_index index = XC_INDEX_INIT;
	struct xc_sections sections;
	struct xc_err err;
	char *id;

	(void)state;
	must_encode(&small, &bytes);
	assert_int_equal(xc_sections_scan(bytes.data, bytes.len_bytes, &sections, &err), 0);
	id = bytes.data + ((const char *)sections.items[XC_SECTION_OVERRIDES].frame - bytes.data) -
	     XC_SECTION_HEADER_BYTES;
	assert_int_equal(id[0], 14);
	id[0] = 99;
	assert_int_equal(xc_index_parse(bytes.data, bytes.len_bytes, &(struct xc_index_budget){ 0 },
					&index, &err),
			 -1);
	assert_int_equal(err.kind, XC_ERR_FORMAT);
	assert_string_equal(err.msg, "index: section 99 is required, but unknown to this version");
}

/* --- length --- */

#define MANY 100000u

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

/* The bytes that the section adds for each of MANY members, in hundredths. */
static size_t hundredths_a_member(struct xc_override *items)
{
	struct xc_layer_overrides layer = { PACK, items, MANY };
	const struct xc_overrides overrides = { &layer, 1 };
	cleanup_buf struct xc_buf with = XC_BUF_INIT, without = XC_BUF_INIT;

	must_encode(&overrides, &with);
	must_encode(&(struct xc_overrides)XC_OVERRIDES_INIT, &without);
	return (with.len_bytes - without.len_bytes) / (MANY / 100);
}

static void touching_everything_costs_few_bytes_a_member(void **state)
{
	cleanup_free struct xc_override *items = xc_calloc(MANY, sizeof(*items));
	uint64_t random = 1;

	(void)state;
	for (uint32_t i = 0; i < MANY; i++)
		items[i] = (struct xc_override){
			.position = i,
			.mtime_s = 1790000000 + (int64_t)(next_random(&random) % 100),
			.mtime_ns = (uint32_t)(next_random(&random) % XC_NS_PER_S),
			.mode = 0644,
		};
	assert_in_range(hundredths_a_member(items), 0, 500);
	/* A clock that ticks every 4 ms. */
	for (uint32_t i = 0; i < MANY; i++)
		items[i].mtime_ns -= items[i].mtime_ns % 4000000;
	assert_in_range(hundredths_a_member(items), 0, 200);
	/* In the order of the tree, some 200 files a tick. */
	for (uint32_t i = 0; i < MANY; i++) {
		items[i].mtime_s = 1790000000 + i / 50000;
		items[i].mtime_ns = i % 50000 / 200 * 4000000;
	}
	assert_in_range(hundredths_a_member(items), 0, 2);
}

/* --- what is refused --- */

struct write_row {
	const char *catches;
	struct xc_layer_overrides layers[2];
	const char *wrong;
};

static void overrides_that_do_not_hold_are_not_written(void **state)
{
	struct xc_override twice[] = { { 4, 0, 0, 0, 0, 0 }, { 4, 0, 0, 0, 0, 0 } };
	struct xc_override far[] = { { XC_MEMBERS_MAX, 0, 0, 0, 0, 0 } };
	struct xc_override long_second[] = { { 0, 1000000000, 0, 0, 0, 0 } };
	struct xc_override wide_mode[] = { { 0, 0, 0, 0, 0, 010000 } };
	const struct write_row rows[] = {
		{ "a position twice", { { PACK, twice, 2 } }, "positions out of order" },
		{ "a position that no member has", { { PACK, far, 1 } }, "a position out of" },
		{ "1e9 ns", { { PACK, long_second, 1 } }, "nanoseconds" },
		{ "a file type in the mode", { { PACK, wide_mode, 1 } }, "07777" },
		{ "a layer of no members", { { PACK, NULL, 0 } }, "no members" },
		{ "a short id", { { "0123", other_items, 1 } }, "no pack's id" },
		{ "an id in capitals",
		  { { "0123456789ABCDEF0123456789abcdef", other_items, 1 } },
		  "no pack's id" },
		{ "a pack twice",
		  { { PACK, other_items, 1 }, { PACK, small_items, 1 } },
		  "layer 1: a pack twice" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct xc_layer_overrides layers[2] = { rows[i].layers[0], rows[i].layers[1] };
		const struct xc_overrides overrides = { layers, layers[1].items ? 2 : 1 };
		cleanup_buf struct xc_buf bytes = XC_BUF_INIT;
		struct xc_err err = { 0 };

		if (encode(&overrides, &bytes, &err) == 0)
			fail_msg("%s: written", rows[i].catches);
		if (err.kind != XC_ERR_INTERNAL || !strstr(err.msg, rows[i].wrong))
			fail_msg("%s: %s", rows[i].catches, err.msg);
	}
}

struct read_row {
	const char *catches;
	const char *data;
	size_t length;
	const char *wrong; /* NULL if it is good */
};

#define ID_1 "\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef"
#define ID_2 "\xfe\xdc\xba\x98\x76\x54\x32\x10\xfe\xdc\xba\x98\x76\x54\x32\x10"
#define ONE                                                                                        \
	"\1" ID_1 "\2"                                                                             \
	"\0\5" /* one layer: members 0 and 6 */
#define ATTRS                                                                                      \
	"\1"                                                                                       \
	"\xa4\3\0\0"                                                                               \
	"\0\0" /* 0644, root's */
#define TIME_1                                                                                     \
	"\1"                                                                                       \
	"\2"                                                                                       \
	"\0\0\0\5" /* one: 1 s and 5 ns */
#define TIMES_2                                                                                    \
	"\2"                                                                                       \
	"\2\0"                                                                                     \
	"\0\0"                                                                                     \
	"\0\0"                                                                                     \
	"\0\0"                                                                                     \
	"\5\1" /* and 1 ns later */
#define HUGE_VALUE "\xff\xff\xff\xff\x0f"

static void sections_that_do_not_hold_are_refused(void **state)
{
	static const struct read_row rows[] = {
		{ "two members of one time", BYTES(ONE ATTRS TIME_1), NULL },
		{ "of two times", BYTES(ONE ATTRS TIMES_2 "\1\0"), NULL },
		{ "a byte too many", BYTES(ONE ATTRS TIME_1 "x"), "1 bytes too many" },
		{ "no layers", BYTES("\0" ATTRS TIME_1), "no layers" },
		{ "1001 layers", BYTES("\xe9\7" ID_1 "\1\0"), "too many" },
		{ "a layer that is cut off", BYTES("\1\x01\x23"), "cut off" },
		{ "a layer of no members", BYTES("\1" ID_1 "\0" ATTRS TIME_1), "no members" },
		{ "more members than bytes", BYTES("\1" ID_1 "\x7f\0\5" ATTRS TIME_1), "cut off" },
		{ "more members than an entry has", BYTES("\1" ID_1 HUGE_VALUE ATTRS), "too many" },
		{ "a pack twice",
		  BYTES("\2" ID_1 "\1" ID_1 "\1"
			"\0\0"
			"\1\xa4\3\0\0"
			"\0\0" TIME_1),
		  "a pack twice" },
		{ "two packs",
		  BYTES("\2" ID_1 "\1" ID_2 "\1"
			"\0\0"
			"\1\xa4\3\0\0"
			"\0\0" TIME_1),
		  NULL },
		{ "a position out of bounds",
		  BYTES("\1" ID_1 "\2"
			"\0" HUGE_VALUE ATTRS TIME_1),
		  "a position out of bounds" },
		{ "no positions", BYTES("\1" ID_1 "\1\x80\x80\x80"), "no integer" },
		{ "a mode beyond 07777",
		  BYTES(ONE "\1"
			    "\x80\x20\0\0"
			    "\0\0" TIME_1),
		  "a mode or an owner" },
		{ "an owner of 33 bits",
		  BYTES(ONE "\1"
			    "\xa4\3\x80\x80\x80\x80\x10\0"
			    "\0\0" TIME_1),
		  "a mode or an owner" },
		{ "attributes that are not there",
		  BYTES(ONE "\1"
			    "\xa4\3\0\0"
			    "\0\1" TIME_1),
		  "no such attributes" },
		{ "more attributes than bytes", BYTES(ONE HUGE_VALUE "\xa4\3\0\0"), "cut off" },
		{ "no times", BYTES(ONE ATTRS "\0"), "no times" },
		{ "more times than bytes", BYTES(ONE ATTRS HUGE_VALUE "\2\0\0\0\5"), "cut off" },
		{ "a time that is not there", BYTES(ONE ATTRS TIMES_2 "\1\2"), "no such time" },
		{ "members without a time", BYTES(ONE ATTRS TIMES_2 "\1"), "cut off" },
		{ "a time twice",
		  BYTES(ONE ATTRS "\2"
				  "\2\0"
				  "\0\0"
				  "\0\0"
				  "\0\0"
				  "\5\0"
				  "\1\0"),
		  "no later" },
		{ "1e9 ns",
		  BYTES(ONE ATTRS "\1"
				  "\2"
				  "\x3b\x9a\xca\0"),
		  "nanoseconds" },
		{ "1e9 ns more",
		  BYTES(ONE ATTRS "\2"
				  "\2\0"
				  "\0\x3b"
				  "\0\x9a"
				  "\0\xca"
				  "\5\0"
				  "\1\0"),
		  "nanoseconds" },
		{ "a time past the last one",
		  BYTES(ONE ATTRS "\2"
				  "\2\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"
				  "\0\0"
				  "\0\0"
				  "\0\0"
				  "\5\1"
				  "\1\0"),
		  "a time out of bounds" },
	};
	cleanup_buf struct xc_buf bytes = XC_BUF_INIT;

	(void)state;
	must_encode(&small, &bytes);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_buf struct xc_buf changed = XC_BUF_INIT;
		cleanup_index struct xc_index parsed = XC_INDEX_INIT;
		struct xc_err err = { 0 };
		int result;

		sample_rebuild(&bytes, XC_SECTION_OVERRIDES, rows[i].data, rows[i].length,
			       &changed);
		result = xc_index_parse(changed.data, changed.len_bytes,
					&(struct xc_index_budget){ 0 }, &parsed, &err);
		if ((result < 0) != (rows[i].wrong != NULL) ||
		    (result < 0 && (err.kind != XC_ERR_CORRUPT || !strstr(err.msg, rows[i].wrong))))
			fail_msg("%s: %d, %s", rows[i].catches, result, err.msg);
	}
}

/* Each is counted while it is kept, and no longer. */
static void overrides_count_in_the_budget(void **state)
{
	cleanup_free struct xc_override *items = xc_calloc(MANY, sizeof(*items));
	struct xc_layer_overrides layer = { PACK, items, MANY };
	cleanup_buf struct xc_buf bytes = XC_BUF_INIT;
	cleanup_index struct xc_index index = XC_INDEX_INIT, none = XC_INDEX_INIT;
	struct xc_index_budget budget = { 0 }, full = { 0 };
	uint64_t with;
	struct xc_err err;

	(void)state;
	for (uint32_t i = 0; i < MANY; i++)
		items[i].position = i;
	must_encode(&(struct xc_overrides){ &layer, 1 }, &bytes);
	assert_int_equal(xc_index_parse(bytes.data, bytes.len_bytes, &budget, &index, &err), 0);
	with = budget.used_bytes;
	xc_index_drop_overrides(&index, &budget);
	assert_int_equal(index.overrides.count, 0);
	assert_int_equal(with - budget.used_bytes, MANY * sizeof(*items) + sizeof(layer));
	full.used_bytes = XC_BUDGET_FREE_BYTES - MANY * sizeof(*items);
	assert_int_equal(xc_index_parse(bytes.data, bytes.len_bytes, &full, &none, &err), -1);
	assert_int_equal(err.kind, XC_ERR_CORRUPT);
	assert_non_null(strstr(err.msg, "MiB of memory"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_values_survive),
		cmocka_unit_test(an_index_without_overrides_has_no_such_section),
		cmocka_unit_test(
			readers_that_do_not_know_a_needed_section_say_that_it_is_a_later_format),
		cmocka_unit_test(touching_everything_costs_few_bytes_a_member),
		cmocka_unit_test(overrides_that_do_not_hold_are_not_written),
		cmocka_unit_test(sections_that_do_not_hold_are_refused),
		cmocka_unit_test(overrides_count_in_the_budget),
	};

	return cmocka_run_group_tests_name("overrides", tests, NULL, NULL);
}
