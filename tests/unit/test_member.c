/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/member.h"
#include "pack_sample.h"

static const struct sample_row rows[] = {
	{ 0, ".", XC_MEMBER_DIR, 0, NULL, 0 },
	{ 1, "a", XC_MEMBER_FILE, 1, NULL, 0 },
	{ 1, "b", XC_MEMBER_DIR, 0, NULL, 0 },
	{ 2, "c", XC_MEMBER_DIR, 0, NULL, 0 },
	{ 3, "d", XC_MEMBER_FILE, 512, NULL, 0 },
	{ 0, "/", XC_MEMBER_DIR, 0, NULL, 0 },
	{ 1, "opt", XC_MEMBER_DIR, 0, NULL, 0 },
	{ 2, "x", XC_MEMBER_FILE, 0, NULL, 0 },
	{ 0, "~/.npm", XC_MEMBER_DIR, 0, NULL, 0 },
	{ 1, "_c", XC_MEMBER_FILE, 0, NULL, 0 },
	SAMPLE_END,
};

static void paths_tops_and_depths_follow_the_parents(void **state)
{
	static const struct {
		const char *path;
		uint32_t top;
	} expected[] = {
		{ ".", 0 }, { "./a", 0 },  { "./b", 0 },    { "./b/c", 0 },  { "./b/c/d", 0 },
		{ "/", 5 }, { "/opt", 5 }, { "/opt/x", 5 }, { "~/.npm", 8 }, { "~/.npm/_c", 8 },
	};
	struct xc_index index;
	struct xc_buf path = XC_BUF_INIT;

	(void)state;
	sample_index(rows, &index);
	for (uint32_t i = 0; i < ARRAY_LEN(expected); i++) {
		xc_buf_clear(&path);
		/* What is in the buffer stays, also if it ends in a slash. */
		xc_buf_add_str(&path, "before/");
		xc_members_path(&index.members, i, &path);
		assert_memory_equal(path.data, "before/", 7);
		assert_string_equal(path.data + 7, expected[i].path);
		assert_int_equal(path.len_bytes, strlen(path.data));
		assert_int_equal(xc_members_root(&index.members, i), expected[i].top);
	}
	xc_buf_release(&path);
	xc_index_release(&index);
}

struct span_row {
	const char *catches;
	uint8_t type;
	bool sparse;
	uint64_t size_bytes;
	uint32_t extent_count;
	uint64_t content_bytes, span_bytes;
};

static void spans_are_padded_to_blocks(void **state)
{
	static const struct xc_extent extents[] = { { 0, 10, 0 }, { 100, 503, 10 } };
	static const struct span_row spans[] = {
		{ "an empty file", XC_MEMBER_FILE, false, 0, 0, 0, 512 },
		{ "one byte", XC_MEMBER_FILE, false, 1, 0, 1, 1024 },
		{ "a full block", XC_MEMBER_FILE, false, 512, 0, 512, 1024 },
		{ "more than 4 GiB", XC_MEMBER_FILE, false, ((uint64_t)5 << 30) + 1, 0,
		  ((uint64_t)5 << 30) + 1, ((uint64_t)5 << 30) + 1024 },
		{ "a sparse file", XC_MEMBER_FILE, true, 1000, 2, 513, 512 + 1024 },
		{ "a file of one hole", XC_MEMBER_FILE, true, 1000, 0, 0, 512 },
		{ "extents that do not count", XC_MEMBER_FILE, false, 1000, 2, 1000, 1536 },
		{ "a directory", XC_MEMBER_DIR, false, 0, 0, 0, 512 },
		{ "a hard link, which has no content of its own", XC_MEMBER_HARDLINK, false, 7, 0,
		  0, 512 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(spans); i++) {
		const struct xc_member_extra extra = { .sparse = spans[i].sparse,
						       .extents = extents,
						       .extent_count = spans[i].extent_count };
		const struct xc_member member = { .type = spans[i].type,
						  .size_bytes = spans[i].size_bytes,
						  .extra = &extra,
						  .header_bytes = 512 };

		if (xc_member_content_bytes(&member) != spans[i].content_bytes ||
		    xc_member_span_bytes(&member) != spans[i].span_bytes)
			fail_msg("%s", spans[i].catches);
	}
}

/* `chains` directories below "./t" hold each others in a row down to level `deepest`. */
static void make_chains(struct xc_member *items, uint32_t chains, uint32_t deepest)
{
	uint32_t at = 0;

	items[at++] = (struct xc_member){ .name = "./t",
					  .parent = XC_MEMBER_NONE,
					  .type = XC_MEMBER_DIR };
	for (uint32_t chain = 0; chain < chains; chain++)
		for (uint32_t level = 2; level <= deepest; level++, at++)
			items[at] = (struct xc_member){ .name = "d",
							.parent = level == 2 ? 0 : at - 1,
							.type = XC_MEMBER_DIR };
}

static void levels_are_bounded_one_by_one_and_together(void **state)
{
	enum { CHAINS = 9 };
	cleanup_free struct xc_member *items =
		xc_calloc(CHAINS * XC_MEMBER_LEVEL_MAX + 2, sizeof(*items));
	struct xc_members members = { .items = items };
	uint32_t position = 0, length = XC_MEMBER_LEVEL_MAX - 1;

	(void)state;
	make_chains(items, 1, XC_MEMBER_LEVEL_MAX);
	members.count = 1 + length;
	assert_int_equal(xc_members_levels(&members, &position), XC_LEVELS_GOOD);
	items[0].name = "./t/t";
	assert_int_equal(xc_members_levels(&members, &position), XC_LEVELS_TOO_DEEP);
	assert_int_equal(position, length);
	items[0].name = "/";
	assert_int_equal(xc_members_levels(&members, &position), XC_LEVELS_GOOD);

	/* Such chains have some 2.1 million levels each, all but 64 a member beyond the share. */
	make_chains(items, CHAINS, XC_MEMBER_LEVEL_MAX);
	members.count = 1 + 3 * length;
	assert_int_equal(xc_members_levels(&members, &position), XC_LEVELS_GOOD);
	members.count = 1 + 5 * length;
	assert_int_equal(xc_members_levels(&members, &position), XC_LEVELS_TOO_MANY);

	/* A link costs what its target costs, wherever it lies itself. */
	members.count = 1 + 3 * length;
	for (uint32_t i = 0; i < 2 * length; i++)
		items[members.count++] = (struct xc_member){
			.name = "h", .parent = 0, .type = XC_MEMBER_FILE, .link = length
		};
	assert_int_equal(xc_members_levels(&members, &position), XC_LEVELS_GOOD);
	for (uint32_t i = 1 + 3 * length; i < members.count; i++)
		items[i].type = XC_MEMBER_HARDLINK;
	assert_int_equal(xc_members_levels(&members, &position), XC_LEVELS_TOO_MANY);
}

static void a_byte_of_the_content_finds_its_run(void **state)
{
	struct xc_extent extents[] = { { 0, 512, 9 }, { 4096, 1024, 9 }, { 9216, 100, 9 } };
	const struct xc_member_extra extra = { .sparse = true,
					       .extents = extents,
					       .extent_count = 3 };
	const struct xc_member_extra hole = { .sparse = true };

	(void)state;
	xc_extents_sum(extents, 3);
	assert_int_equal(xc_member_find_run(&extra, 0), 0);
	assert_int_equal(xc_member_find_run(&extra, 511), 0);
	assert_int_equal(xc_member_find_run(&extra, 512), 1);
	assert_int_equal(xc_member_find_run(&extra, 1535), 1);
	assert_int_equal(xc_member_find_run(&extra, 1536), 2);
	assert_int_equal(xc_member_find_run(&extra, 1635), 2);
	assert_int_equal(xc_member_find_run(&extra, 1636), 3);
	assert_int_equal(xc_member_find_run(&hole, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_tops_and_depths_follow_the_parents),
		cmocka_unit_test(spans_are_padded_to_blocks),
		cmocka_unit_test(levels_are_bounded_one_by_one_and_together),
		cmocka_unit_test(a_byte_of_the_content_finds_its_run),
	};

	return cmocka_run_group_tests_name("member", tests, NULL, NULL);
}
