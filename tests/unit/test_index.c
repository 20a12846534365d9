/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pack/index.h"
#include "pack/internal.h"
#include "pack_sample.h"

static const struct sample_row plain_rows[] = {
	DIR_(0, "./d"),
	FILE_(1, "a", 5),
	FILE_(1, "ab", 0),
	SYMLINK_(1, "zl", "a"),
	HARDLINK_(1, "zz", 1),
	FILE_(1, "z\xff", 3),
	DIR_(1, "abc"),
	FILE_(2, "abcd", 9),
	DIR_(1, "b"),
	DIR_(2, "deep"),
	FILE_(3, "x", 1000),
	FILE_(0, "~/f", 600),
	SAMPLE_END,
};

static void same_extra(const struct xc_member *a, const struct xc_member *b)
{
	static const struct xc_member_extra none = { 0 };
	const struct xc_member_extra *x = a->extra ? a->extra : &none;
	const struct xc_member_extra *y = b->extra ? b->extra : &none;

	assert_int_equal(x->sparse, y->sparse);
	assert_int_equal(x->extent_count, y->extent_count);
	for (uint32_t i = 0; i < x->extent_count; i++) {
		assert_int_equal(x->extents[i].offset, y->extents[i].offset);
		assert_int_equal(x->extents[i].length, y->extents[i].length);
		assert_int_equal(x->extents[i].before, y->extents[i].before);
	}
	assert_int_equal(x->xattr_count, y->xattr_count);
	for (uint32_t i = 0; i < x->xattr_count; i++) {
		assert_string_equal(x->xattrs[i].name, y->xattrs[i].name);
		assert_int_equal(x->xattrs[i].length, y->xattrs[i].length);
		assert_memory_equal(x->xattrs[i].value, y->xattrs[i].value, x->xattrs[i].length);
	}
	assert_int_equal(!x->target, !y->target);
	if (x->target)
		assert_string_equal(x->target, y->target);
}

static void same_index(const struct xc_index *a, const struct xc_index *b)
{
	uint64_t offset = 0;

	assert_int_equal(a->members.count, b->members.count);
	for (uint32_t i = 0; i < a->members.count; i++) {
		const struct xc_member *x = &a->members.items[i], *y = &b->members.items[i];

		assert_string_equal(x->name, y->name);
		assert_int_equal(x->size_bytes, y->size_bytes);
		assert_true(x->mtime_s == y->mtime_s);
		assert_int_equal(x->mtime_ns, y->mtime_ns);
		assert_int_equal(x->parent, y->parent);
		assert_int_equal(x->link, y->link);
		assert_int_equal(x->uid, y->uid);
		assert_int_equal(x->gid, y->gid);
		assert_int_equal(x->header_bytes, y->header_bytes);
		assert_int_equal(x->mode, y->mode);
		assert_int_equal(x->type, y->type);
		assert_memory_equal(x->content_hash, y->content_hash, XC_CONTENT_HASH_BYTES);
		assert_int_equal(y->tar_offset, offset);
		same_extra(x, y);
		offset += xc_member_span_bytes(y);
	}
	assert_int_equal(a->tar_bytes, b->tar_bytes);
	assert_int_equal(a->segment_count, b->segment_count);
	for (uint32_t i = 0; i < a->segment_count; i++) {
		assert_int_equal(a->segments[i].raw_bytes, b->segments[i].raw_bytes);
		assert_int_equal(a->segments[i].stored_bytes, b->segments[i].stored_bytes);
		assert_memory_equal(a->segments[i].sha256, b->segments[i].sha256, XC_SHA256_BYTES);
	}
}

static void all_fields_survive(void **state)
{
	static const struct xc_extent extents[] = {
		{ 0, 512, 0 },
		{ 4096, 1024, 512 },
		{ 9216, 784, 1536 },
	};
	static const struct xc_xattr xattrs[] = { { "user.a", "\0\1", 2 }, { "user.b", "", 0 } };
	const struct xc_member_extra sparse = { .sparse = true,
						.extents = extents,
						.extent_count = 3 };
	const struct xc_member_extra hole = { .sparse = true, .xattrs = xattrs, .xattr_count = 2 };
	const struct xc_member_extra tagged = { .xattrs = xattrs + 1, .xattr_count = 1 };
	cleanup_index struct xc_index index, again = XC_INDEX_INIT;
	cleanup_buf struct xc_buf bytes = XC_BUF_INIT, second = XC_BUF_INIT;
	struct xc_member *items;

	(void)state;
	sample_index(plain_rows, &index);
	items = index.members.items;
	items[0].extra = &tagged;
	items[1].extra = &sparse;
	items[1].size_bytes = 10000;
	items[2].extra = &hole;
	items[2].size_bytes = (uint64_t)1 << 40;
	items[3].uid = UINT32_MAX;
	items[3].gid = 100000;
	items[3].mode = 07777;
	items[4].mtime_s = INT64_MIN;
	items[5].mtime_s = INT64_MAX;
	items[5].mtime_ns = 999999999;
	items[6].mtime_s = -1;
	items[6].mtime_ns = 999999999;
	items[7].header_bytes = XC_TAR_HEADER_MAX;
	sample_retotal(&index);
	sample_encode(&index, &bytes);
	sample_parse(&bytes, &again);
	same_index(&index, &again);
	sample_encode(&again, &second);
	assert_int_equal(bytes.len_bytes, second.len_bytes);
	assert_memory_equal(bytes.data, second.data, bytes.len_bytes);
}

/* The layers of an entry share what contents may be beyond the stored bytes. */
static void contents_may_be_so_long_for_their_stored_bytes(void **state)
{
	static const struct sample_row rows[] = { FILE_(0, "./a", 1), SAMPLE_END };
	const uint64_t raw_bytes = XC_SEGMENT_RAW_MAX;
	cleanup_index struct xc_index index, again = XC_INDEX_INIT, more = XC_INDEX_INIT;
	cleanup_buf struct xc_buf bytes = XC_BUF_INIT;
	struct xc_index_budget budget = { 0 };
	struct xc_err err = { 0 };

	(void)state;
	sample_index(rows, &index);
	/* 6 GiB in 96 segments of a byte each. */
	free(index.segments);
	index.segment_count = (uint32_t)(((uint64_t)6 << 30) / raw_bytes);
	index.segments = xc_calloc(index.segment_count, sizeof(*index.segments));
	for (uint32_t i = 0; i < index.segment_count; i++)
		index.segments[i] =
			(struct xc_segment){ .stored_bytes = 1, .raw_bytes = (uint32_t)raw_bytes };
	index.tar_bytes = index.segment_count * raw_bytes;
	index.members.items[0].size_bytes = index.tar_bytes - 512 - XC_TAR_END_BYTES;
	sample_encode(&index, &bytes);
	assert_int_equal(xc_index_parse(bytes.data, bytes.len_bytes, &budget, &again, &err), 0);
	assert_int_equal(xc_index_parse(bytes.data, bytes.len_bytes, &budget, &more, &err), -1);
	assert_int_equal(err.kind, XC_ERR_CORRUPT);
	assert_non_null(strstr(err.msg, "too many for 192 stored bytes"));
	/* 4 GiB more than the free ones need 4.3 million bytes. */
	budget = (struct xc_index_budget){ .tar_bytes = index.tar_bytes, .segment_bytes = 4300000 };
	xc_index_release(&again);
	assert_int_equal(xc_index_parse(bytes.data, bytes.len_bytes, &budget, &again, &err), 0);
}

/* Nothing of a name is left where the one before is the same. */
static void directories_of_one_name_survive(void **state)
{
	static const struct sample_row rows[] = { DIR_(0, "./a"), DIR_(1, "d"), DIR_(2, "d"),
						  DIR_(3, "d"),   DIR_(4, "d"), DIR_(5, "d"),
						  DIR_(6, "d"),   DIR_(7, "d"), SAMPLE_END };
	cleanup_index struct xc_index index, again = XC_INDEX_INIT;
	cleanup_buf struct xc_buf bytes = XC_BUF_INIT;

	(void)state;
	sample_index(rows, &index);
	sample_encode(&index, &bytes);
	sample_parse(&bytes, &again);
	same_index(&index, &again);
}

static void an_empty_table_survives(void **state)
{
	static const struct sample_row rows[] = { SAMPLE_END };
	cleanup_index struct xc_index index, again = XC_INDEX_INIT;
	cleanup_buf struct xc_buf bytes = XC_BUF_INIT;

	(void)state;
	sample_index(rows, &index);
	sample_encode(&index, &bytes);
	sample_parse(&bytes, &again);
	same_index(&index, &again);
}

/* The number that stands in the middle is the first whose span reaches past the offset. */
static void members_and_segments_are_found_by_offset(void **state)
{
	cleanup_index struct xc_index index, parsed = XC_INDEX_INIT;
	cleanup_buf struct xc_buf bytes = XC_BUF_INIT;
	uint64_t tar_bytes;

	(void)state;
	sample_index(plain_rows, &index);
	free(index.segments);
	index.segment_count = 3;
	index.segments = xc_calloc(3, sizeof(*index.segments));
	for (int i = 0; i < 3; i++)
		index.segments[i].stored_bytes = 10;
	index.segments[0].raw_bytes = 700;
	index.segments[1].raw_bytes = 1;
	index.segments[2].raw_bytes = (uint32_t)index.tar_bytes - 701;
	sample_encode(&index, &bytes);
	sample_parse(&bytes, &parsed);
	assert_int_equal(parsed.segments[2].offset, 20);
	assert_int_equal(parsed.segments[2].tar_offset, 701);
	tar_bytes = parsed.tar_bytes;
	assert_int_equal(xc_index_find_member(&parsed, 0), 0);
	assert_int_equal(xc_index_find_member(&parsed, 511), 0);
	assert_int_equal(xc_index_find_member(&parsed, 512), 1);
	assert_int_equal(xc_index_find_member(&parsed, 512 + 1023), 1);
	assert_int_equal(xc_index_find_member(&parsed, 512 + 1024), 2);
	assert_int_equal(xc_index_find_member(&parsed, tar_bytes - 1025), 11);
	assert_int_equal(xc_index_find_member(&parsed, tar_bytes - 1024), 12);
}

/* A section by hand: its frame's magic, id, flags and claimed length, and what follows. */
static void add_section(struct xc_buf *out, uint32_t magic, uint16_t id, uint16_t flags,
			uint64_t raw_bytes, const char *body, size_t length)
{
	char header[24];

	xc_le_put(header, magic, 4);
	xc_le_put(header + 4, 16 + length, 4);
	xc_le_put(header + 8, id, 2);
	xc_le_put(header + 10, flags, 2);
	xc_le_put(header + 12, 0, 4);
	xc_le_put(header + 16, raw_bytes, 8);
	xc_buf_add(out, header, sizeof(header));
	xc_buf_add(out, body, length);
}

struct frame_row {
	const char *catches;
	uint32_t magic;
	uint16_t id, flags;
	uint64_t raw_bytes;
	size_t body_bytes;
	enum xc_err_kind kind; /* NONE if it is good */
};

static void framing_is_taken_or_refused(void **state)
{
	static const struct frame_row rows[] = {
		{ "an unknown section that may be skipped", 0x184d2a58, XC_SECTION_END, 0, 3, 3,
		  XC_ERR_NONE },
		{ "one of the last id", 0x184d2a58, 65535, 0, 3, 3, XC_ERR_NONE },
		{ "one without bytes", 0x184d2a58, XC_SECTION_END, 0, 0, 0, XC_ERR_NONE },
		{ "an unknown section that is needed", 0x184d2a58, XC_SECTION_END, 1, 3, 3,
		  XC_ERR_FORMAT },
		{ "a known section again", 0x184d2a58, 11, 1, 3, 3, XC_ERR_CORRUPT },
		{ "a section out of order", 0x184d2a58, 1, 1, 3, 3, XC_ERR_CORRUPT },
		{ "unknown flags", 0x184d2a58, XC_SECTION_END, 2, 3, 3, XC_ERR_CORRUPT },
		{ "another skippable frame", 0x184d2a50, XC_SECTION_END, 0, 3, 3, XC_ERR_CORRUPT },
		{ "a frame of data", 0xfd2fb528, XC_SECTION_END, 0, 3, 3, XC_ERR_CORRUPT },
		{ "a length without a frame", 0x184d2a58, XC_SECTION_END, 0, 3, 0, XC_ERR_CORRUPT },
		{ "a frame that is none", 0x184d2a58, 12, 1, 3, 3, XC_ERR_CORRUPT },
	};
	cleanup_index struct xc_index index;
	cleanup_buf struct xc_buf bytes = XC_BUF_INIT;
	struct xc_err err = { 0 };

	(void)state;
	sample_index(sample_small_rows, &index);
	sample_encode(&index, &bytes);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_index struct xc_index parsed = XC_INDEX_INIT;
		cleanup_buf struct xc_buf more = XC_BUF_INIT;

		err = (struct xc_err){ 0 };
		xc_buf_add(&more, bytes.data, bytes.len_bytes);
		add_section(&more, rows[i].magic, rows[i].id, rows[i].flags, rows[i].raw_bytes,
			    "abc", rows[i].body_bytes);
		if (xc_index_parse(more.data, more.len_bytes, &(struct xc_index_budget){ 0 },
				   &parsed, &err) == 0)
			err.kind = XC_ERR_NONE;
		if (err.kind != rows[i].kind)
			fail_msg("%s: kind %d, %s", rows[i].catches, (int)err.kind, err.msg);
	}
}

static void another_version_is_told_apart_from_damage(void **state)
{
	cleanup_index struct xc_index index, parsed = XC_INDEX_INIT;
	cleanup_buf struct xc_buf bytes = XC_BUF_INIT, later = XC_BUF_INIT;
	struct xc_err err = { 0 };

	(void)state;
	sample_index(sample_small_rows, &index);
	sample_encode(&index, &bytes);
	sample_rebuild(&bytes, XC_SECTION_HEAD,
		       BYTES(HEAD("\2", "\5\0\0\0", "\1\0\0\0", "\0\x12\0") "and more"), &later);
	assert_int_equal(xc_index_parse(later.data, later.len_bytes, &(struct xc_index_budget){ 0 },
					&parsed, &err),
			 -1);
	assert_int_equal(err.kind, XC_ERR_FORMAT);
}

/* At every length and with every byte changed it is refused or read, never more. */
static void damaged_bytes_are_harmless(void **state)
{
	cleanup_index struct xc_index index;
	cleanup_buf struct xc_buf bytes = XC_BUF_INIT;

	(void)state;
	sample_index(plain_rows, &index);
	sample_encode(&index, &bytes);
	for (size_t i = 0; i < bytes.len_bytes; i++) {
		cleanup_index struct xc_index cut = XC_INDEX_INIT, flipped = XC_INDEX_INIT;
		cleanup_free char *copy = xc_malloc(i);
		struct xc_err err = { 0 };

		/* An exact copy, so that a read past its end shows. */
		memcpy(copy, bytes.data, i);
		assert_int_equal(
			xc_index_parse(copy, i, &(struct xc_index_budget){ 0 }, &cut, &err), -1);
		assert_int_equal(err.kind, XC_ERR_CORRUPT);
		bytes.data[i] ^= 0x41;
		if (xc_index_parse(bytes.data, bytes.len_bytes, &(struct xc_index_budget){ 0 },
				   &flipped, &err) < 0)
			assert_true(err.kind == XC_ERR_CORRUPT || err.kind == XC_ERR_FORMAT);
		bytes.data[i] ^= 0x41;
	}
}

/* A section that decodes to far more than its bytes must not take the memory it claims. */
static void a_small_index_cannot_claim_much(void **state)
{
	cleanup_index struct xc_index index, parsed = XC_INDEX_INIT;
	cleanup_buf struct xc_buf bytes = XC_BUF_INIT, bomb = XC_BUF_INIT;
	const size_t length = XC_BUDGET_FREE_BYTES + 100000;
	cleanup_free char *zeros = xc_calloc(1, length);
	struct xc_err err = { 0 };

	(void)state;
	sample_index(sample_small_rows, &index);
	sample_encode(&index, &bytes);
	sample_rebuild(&bytes, XC_SECTION_XATTRS, zeros, length, &bomb);
	assert_true(bomb.len_bytes < 16384);
	assert_int_equal(xc_index_parse(bomb.data, bomb.len_bytes, &(struct xc_index_budget){ 0 },
					&parsed, &err),
			 -1);
	assert_non_null(strstr(err.msg, "may take"));
}

/* The most regular tree there is must stay within what a small index may claim. */
static void a_million_like_members_fit_once(void **state)
{
	const uint32_t count = 1000000;
	cleanup_index struct xc_index index = XC_INDEX_INIT, again = XC_INDEX_INIT;
	cleanup_buf struct xc_buf bytes = XC_BUF_INIT;
	struct xc_index_budget budget = { 0 };
	struct xc_index more;
	struct xc_err err;
	struct xc_members *members = &index.members;

	(void)state;
	members->items = xc_calloc(count + 1, sizeof(*members->items));
	members->count = count + 1;
	for (uint32_t i = 0; i <= count; i++) {
		char name[16];
		int length = snprintf(name, sizeof(name), "%07u", i);

		members->items[i] = (struct xc_member){ .type = XC_MEMBER_FILE,
							.header_bytes = 512,
							.link = XC_MEMBER_NONE };
		members->items[i].name = xc_arena_text(&members->arena, name, (size_t)length);
	}
	members->items[0].type = XC_MEMBER_DIR;
	members->items[0].parent = XC_MEMBER_NONE;
	members->items[0].name = "./d";
	index.tar_bytes = XC_TAR_END_BYTES + 512 * (uint64_t)(count + 1);
	index.segment_count = (uint32_t)((index.tar_bytes + XC_SEGMENT_TARGET_BYTES - 1) /
					 XC_SEGMENT_TARGET_BYTES);
	index.segments = xc_calloc(index.segment_count, sizeof(*index.segments));
	for (uint32_t i = 0; i < index.segment_count; i++) {
		uint64_t left = index.tar_bytes - i * (uint64_t)XC_SEGMENT_TARGET_BYTES;

		index.segments[i].raw_bytes =
			(uint32_t)XC_MIN(left, (uint64_t)XC_SEGMENT_TARGET_BYTES);
		index.segments[i].stored_bytes = 1000;
		xc_sha256(&i, sizeof(i), index.segments[i].sha256);
	}
	sample_encode(&index, &bytes);
	if (xc_index_parse(bytes.data, bytes.len_bytes, &budget, &again, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(again.members.count, count + 1);
	assert_string_equal(again.members.items[count].name, "1000000");
	/* One more such layer is too much. */
	assert_int_equal(xc_index_parse(bytes.data, bytes.len_bytes, &budget, &more, &err), -1);
	assert_int_equal(err.kind, XC_ERR_CORRUPT);
	assert_non_null(strstr(err.msg, "may take"));
}

/* A section without a row would be left out of every index, or end its reader. */
static void every_section_has_a_row_of_its_own(void **state)
{
	(void)state;
	for (enum xc_section_id id = XC_SECTION_HEAD; id < XC_SECTION_END; id++) {
		const struct xc_section_kind *kind = xc_section_kind(id);

		assert_non_null(kind->name);
		assert_non_null(kind->write);
		for (enum xc_section_id other = XC_SECTION_HEAD; other < id; other++) {
			assert_string_not_equal(kind->name, xc_section_kind(other)->name);
			assert_ptr_not_equal(kind->write, xc_section_kind(other)->write);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_section_has_a_row_of_its_own),
		cmocka_unit_test(all_fields_survive),
		cmocka_unit_test(an_empty_table_survives),
		cmocka_unit_test(directories_of_one_name_survive),
		cmocka_unit_test(contents_may_be_so_long_for_their_stored_bytes),
		cmocka_unit_test(members_and_segments_are_found_by_offset),
		cmocka_unit_test(framing_is_taken_or_refused),
		cmocka_unit_test(another_version_is_told_apart_from_damage),
		cmocka_unit_test(damaged_bytes_are_harmless),
		cmocka_unit_test(a_small_index_cannot_claim_much),
		cmocka_unit_test(a_million_like_members_fit_once),
	};

	return cmocka_run_group_tests_name("index", tests, NULL, NULL);
}
