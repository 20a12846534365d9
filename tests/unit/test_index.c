/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pack/index.h"
#include "pack/internal.h"
#include "pack_sample.h"

#define FILE_(depth, name, size)                                                                   \
	{                                                                                          \
		depth, name, XC_MEMBER_FILE, size, NULL, 0                                         \
	}
#define DIR_(depth, name)                                                                          \
	{                                                                                          \
		depth, name, XC_MEMBER_DIR, 0, NULL, 0                                             \
	}
#define SYMLINK_(depth, name, target)                                                              \
	{                                                                                          \
		depth, name, XC_MEMBER_SYMLINK, 0, target, 0                                       \
	}
#define HARDLINK_(depth, name, link)                                                               \
	{                                                                                          \
		depth, name, XC_MEMBER_HARDLINK, 0, NULL, link                                     \
	}

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

static void encode(const struct xc_index *index, struct xc_buf *out)
{
	struct xc_err err = { 0 };

	if (xc_index_encode(index, out, &err) < 0)
		fail_msg("%s", err.msg);
}

static void parse(const struct xc_buf *bytes, struct xc_index *ret_index)
{
	struct xc_err err = { 0 };

	if (xc_index_parse(bytes->data, bytes->len_bytes, ret_index, &err) < 0)
		fail_msg("%s", err.msg);
}

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

/* Recount what follows from members that were changed. */
static void retotal(struct xc_index *index)
{
	index->tar_bytes = XC_TAR_END_BYTES;
	for (uint32_t i = 0; i < index->members.count; i++)
		index->tar_bytes += xc_member_span_bytes(&index->members.items[i]);
	index->segments[0].raw_bytes = (uint32_t)index->tar_bytes;
}

static void all_fields_survive(void **state)
{
	static const struct xc_extent extents[] = { { 0, 1 }, { 4096, 100 }, { 9000, 1000 } };
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
	retotal(&index);
	encode(&index, &bytes);
	parse(&bytes, &again);
	same_index(&index, &again);
	encode(&again, &second);
	assert_int_equal(bytes.len_bytes, second.len_bytes);
	assert_memory_equal(bytes.data, second.data, bytes.len_bytes);
}

static void an_empty_table_survives(void **state)
{
	static const struct sample_row rows[] = { SAMPLE_END };
	cleanup_index struct xc_index index, again = XC_INDEX_INIT;
	cleanup_buf struct xc_buf bytes = XC_BUF_INIT;

	(void)state;
	sample_index(rows, &index);
	encode(&index, &bytes);
	parse(&bytes, &again);
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
	encode(&index, &bytes);
	parse(&bytes, &parsed);
	assert_int_equal(parsed.segments[2].offset, 20);
	assert_int_equal(parsed.segments[2].tar_offset, 701);
	tar_bytes = parsed.tar_bytes;
	assert_int_equal(xc_index_find_segment(&parsed, 0), 0);
	assert_int_equal(xc_index_find_segment(&parsed, 699), 0);
	assert_int_equal(xc_index_find_segment(&parsed, 700), 1);
	assert_int_equal(xc_index_find_segment(&parsed, 701), 2);
	assert_int_equal(xc_index_find_segment(&parsed, tar_bytes - 1), 2);
	assert_int_equal(xc_index_find_segment(&parsed, tar_bytes), 3);
	assert_int_equal(xc_index_find_member(&parsed, 0), 0);
	assert_int_equal(xc_index_find_member(&parsed, 511), 0);
	assert_int_equal(xc_index_find_member(&parsed, 512), 1);
	assert_int_equal(xc_index_find_member(&parsed, 512 + 1023), 1);
	assert_int_equal(xc_index_find_member(&parsed, 512 + 1024), 2);
	assert_int_equal(xc_index_find_member(&parsed, tar_bytes - 1025), 11);
	assert_int_equal(xc_index_find_member(&parsed, tar_bytes - 1024), 12);
}

static const char name_of_255[] =
	"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"
	"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"
	"0123456789012345678901234567890123456789012345678901234567890123456789012345678";

struct tree_row {
	const char *catches;
	const char *wrong; /* in the message; NULL if the tree is good */
	struct sample_row rows[8];
};

static void trees_are_taken_or_refused_by_the_rules(void **state)
{
	static char long_name[XC_MEMBER_NAME_MAX + 4];
	const struct tree_row rows[] = {
		{ "a sibling of a top that sorts within it",
		  NULL,
		  { DIR_(0, "./a"), FILE_(0, "./a.b", 0), FILE_(0, "./ab/c", 0), SAMPLE_END } },
		{ "a top below the top before it",
		  "a top below",
		  { DIR_(0, "./a"), FILE_(0, "./a/b", 0), SAMPLE_END } },
		{ "a top below an earlier top",
		  "a top below",
		  { DIR_(0, "./a"), FILE_(0, "./a.b", 0), FILE_(0, "./a/b", 0), SAMPLE_END } },
		{ "a top below an earlier top, behind others that begin alike",
		  "a top below",
		  { DIR_(0, "./a"), DIR_(0, "./a!"), DIR_(0, "./a!!"), DIR_(0, "./a-"),
		    FILE_(0, "./a/b/c", 0), SAMPLE_END } },
		{ "a top below the workspace",
		  "a top below",
		  { DIR_(0, "."), FILE_(0, "./a", 0), SAMPLE_END } },
		{ "a top below the root",
		  "a top below",
		  { DIR_(0, "/"), FILE_(0, "/a", 0), SAMPLE_END } },
		{ "roots that are taken for each other's parents",
		  NULL,
		  { DIR_(0, "."), DIR_(0, "/"), DIR_(0, "~"), SAMPLE_END } },
		{ "the same top twice",
		  "out of order",
		  { DIR_(0, "./a"), DIR_(0, "./a"), SAMPLE_END } },
		{ "tops sorted by a locale",
		  "out of order",
		  { FILE_(0, "./a", 0), FILE_(0, "./B", 0), SAMPLE_END } },
		{ "names compared as signed bytes",
		  NULL,
		  { DIR_(0, "./a"), FILE_(1, "z", 0), FILE_(1, "\xff", 0), SAMPLE_END } },
		{ "a top without a root", "no stored path", { FILE_(0, "a/b", 0), SAMPLE_END } },
		{ "a top that is empty", "no stored path", { FILE_(0, "", 0), SAMPLE_END } },
		{ "a top that climbs",
		  "no stored path",
		  { FILE_(0, "./a/../../b", 0), SAMPLE_END } },
		{ "a top that climbs at its end",
		  "no stored path",
		  { DIR_(0, "/.."), SAMPLE_END } },
		{ "a top with a dot", "no stored path", { FILE_(0, "/a/./b", 0), SAMPLE_END } },
		{ "a top with two slashes",
		  "no stored path",
		  { FILE_(0, "/a//b", 0), SAMPLE_END } },
		{ "a top with a slash at its end",
		  "no stored path",
		  { DIR_(0, "./a/"), SAMPLE_END } },
		{ "a top in a user's home", "no stored path", { DIR_(0, "~root"), SAMPLE_END } },
		{ "a top ..", "no stored path", { DIR_(0, ".."), SAMPLE_END } },
		{ "names that only look like dots",
		  NULL,
		  { DIR_(0, "/..."), FILE_(1, "..a", 0), FILE_(1, ".a", 0), SAMPLE_END } },
		{ "an empty name",
		  "no file name",
		  { DIR_(0, "./a"), FILE_(1, "", 0), SAMPLE_END } },
		{ "a name with a slash",
		  "no file name",
		  { DIR_(0, "./a"), FILE_(1, "b/c", 0), SAMPLE_END } },
		{ "a name that is .",
		  "no file name",
		  { DIR_(0, "./a"), FILE_(1, ".", 0), SAMPLE_END } },
		{ "a directory ..", "no file name", { DIR_(0, "./a"), DIR_(1, ".."), SAMPLE_END } },
		{ "a name of 255 bytes",
		  NULL,
		  { DIR_(0, "./a"), FILE_(1, name_of_255, 0), SAMPLE_END } },
		{ "a name of 256 bytes",
		  "no file name",
		  { DIR_(0, "./a"), FILE_(1, long_name, 0), SAMPLE_END } },
		{ "a top's component of 256 bytes",
		  "no stored path",
		  { FILE_(0, long_name, 0), SAMPLE_END } },
		{ "siblings out of order",
		  "out of order",
		  { DIR_(0, "./a"), FILE_(1, "c", 0), FILE_(1, "b", 0), SAMPLE_END } },
		{ "a name twice",
		  "out of order",
		  { DIR_(0, "./a"), FILE_(1, "b", 0), SYMLINK_(1, "b", "x"), SAMPLE_END } },
		{ "directories out of order, with members between",
		  "out of order",
		  { DIR_(0, "./a"), DIR_(1, "c"), FILE_(2, "x", 0), DIR_(1, "b"), SAMPLE_END } },
		{ "a file behind a directory",
		  "behind a directory",
		  { DIR_(0, "./a"), DIR_(1, "b"), FILE_(1, "c", 0), SAMPLE_END } },
		{ "a file's name again as a directory",
		  "name of a file",
		  { DIR_(0, "./a"), FILE_(1, "b", 0), FILE_(1, "c", 0), DIR_(1, "b"),
		    SAMPLE_END } },
		{ "a file's name again as the second directory",
		  "name of a file",
		  { DIR_(0, "./a"), FILE_(1, "b", 0), FILE_(1, "c", 0), DIR_(1, "a"),
		    FILE_(2, "c", 0), DIR_(1, "c"), SAMPLE_END } },
		{ "the same name in another directory",
		  NULL,
		  { DIR_(0, "./a"), FILE_(1, "b", 0), DIR_(1, "c"), DIR_(2, "b"), SAMPLE_END } },
		{ "a member below a file",
		  "not below a directory",
		  { DIR_(0, "./a"), FILE_(1, "b", 0), FILE_(2, "c", 0), SAMPLE_END } },
		{ "a hard link to itself", "no earlier", { HARDLINK_(0, "./a", 0), SAMPLE_END } },
		{ "a hard link to a later member",
		  "no earlier",
		  { HARDLINK_(0, "./a", 1), FILE_(0, "./b", 0), SAMPLE_END } },
		{ "a hard link to a directory",
		  "no file or symlink",
		  { DIR_(0, "./a"), HARDLINK_(1, "b", 0), SAMPLE_END } },
		{ "a hard link to a hard link",
		  "no file or symlink",
		  { FILE_(0, "./a", 0), HARDLINK_(0, "./b", 0), HARDLINK_(0, "./c", 1),
		    SAMPLE_END } },
		{ "a hard link to a symlink",
		  NULL,
		  { SYMLINK_(0, "./a", "x"), HARDLINK_(0, "./b", 0), SAMPLE_END } },
		{ "a symlink to nothing", "target", { SYMLINK_(0, "./a", ""), SAMPLE_END } },
		{ "a size that off_t cannot hold",
		  "a size",
		  { FILE_(0, "./a", (uint64_t)1 << 63), SAMPLE_END } },
		{ "an unknown type", "unknown type", { { 0, "./a", 9, 0, NULL, 0 }, SAMPLE_END } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_index struct xc_index index, again = XC_INDEX_INIT;
		cleanup_buf struct xc_buf bytes = XC_BUF_INIT;
		struct xc_err err = { 0 };
		int result;

		/* As a name, two bytes less than behind the root's token. */
		if (strstr(rows[i].catches, "component"))
			snprintf(long_name, sizeof(long_name), "./%0256d", 0);
		else
			snprintf(long_name, sizeof(long_name), "%0256d", 0);
		sample_index(rows[i].rows, &index);
		result = xc_index_encode(&index, &bytes, &err);
		if ((result < 0) != (rows[i].wrong != NULL) ||
		    (result < 0 &&
		     (err.kind != XC_ERR_INTERNAL || !strstr(err.msg, rows[i].wrong))))
			fail_msg("%s: %d, %s", rows[i].catches, result, err.msg);
		if (result == 0) {
			parse(&bytes, &again);
			same_index(&index, &again);
		} else {
			assert_int_equal(bytes.len_bytes, 0);
		}
	}
}

/* Make an index again with the bytes of one section replaced; NULL takes it out. */
static void rebuild(const struct xc_buf *bytes, enum xc_section_id id, const void *data,
		    size_t length, struct xc_buf *out)
{
	struct xc_section_writer *writer = xc_section_writer_new();
	struct xc_sections sections;
	struct xc_err err = { 0 };

	assert_int_equal(xc_sections_scan(bytes->data, bytes->len_bytes, &sections, &err), 0);
	for (enum xc_section_id i = XC_SECTION_HEAD; i < XC_SECTION_END; i++) {
		cleanup_buf struct xc_buf raw = XC_BUF_INIT;
		uint8_t *was;

		assert_int_equal(xc_section_read(&sections, i, 0, UINT64_MAX, &was, &err), 0);
		if (i == id)
			xc_buf_add(&raw, data, length);
		else
			xc_buf_add(&raw, was, (size_t)sections.items[i].raw_bytes);
		free(was);
		assert_int_equal(xc_section_append(writer, i, &raw, out, &err), 0);
	}
	xc_section_writer_free(writer);
}

struct bytes_row {
	const char *catches;
	enum xc_section_id id;
	const char *data;
	size_t length;
	const char *wrong;
};

#define BYTES(text) text, sizeof(text) - 1

/* The sample: a directory with a file of 5 bytes, one of 4, a symlink, a hard link. */
static const struct sample_row small_rows[] = {
	DIR_(0, "./d"),        FILE_(1, "a", 5),     FILE_(1, "ab", 4),
	SYMLINK_(1, "l", "a"), HARDLINK_(1, "m", 1), SAMPLE_END,
};

#define HASH   "0123456789abcdef"
#define DIGEST "0123456789abcdef0123456789abcdef"
#define HEAD(version, members, segments, tar)                                                      \
	"xcindex\0" version "\0\0\0" members segments "\0\0\0\0" tar "\0\0\0\0\0"

static void sections_that_do_not_hold_are_refused(void **state)
{
	static const struct bytes_row rows[] = {
		{ "another file's magic", XC_SECTION_HEAD,
		  BYTES("xcINDEX\0\1\0\0\0\5\0\0\0\1\0\0\0\0\0\0\0\0\x12\0\0\0\0\0\0"),
		  "not that of" },
		{ "a short head", XC_SECTION_HEAD, BYTES("xcindex\0\1\0\0\0"), "cannot be" },
		{ "a long head", XC_SECTION_HEAD,
		  BYTES(HEAD("\1", "\5\0\0\0", "\1\0\0\0", "\0\x12\0") "x"), "too many" },
		{ "members that are not there", XC_SECTION_HEAD,
		  BYTES(HEAD("\1", "\6\0\0\0", "\1\0\0\0", "\0\x12\0")), "cannot be" },
		{ "members without end", XC_SECTION_HEAD,
		  BYTES(HEAD("\1", "\xff\xff\xff\xff", "\1\0\0\0", "\0\x12\0")), "cannot be" },
		{ "segments that are not there", XC_SECTION_HEAD,
		  BYTES(HEAD("\1", "\5\0\0\0", "\xff\xff\xff\xff", "\0\x12\0")), "cannot be" },
		{ "another length of the stream", XC_SECTION_HEAD,
		  BYTES(HEAD("\1", "\5\0\0\0", "\1\0\0\0", "\0\x13\0")), "for a tar stream" },
		{ "a segment that decodes to nothing", XC_SECTION_SEGMENTS, BYTES("\x4d\0" DIGEST),
		  "out of bounds" },
		{ "a segment of no bytes", XC_SECTION_SEGMENTS, BYTES("\0\x80\x22" DIGEST),
		  "out of bounds" },
		{ "a segment over the ceiling", XC_SECTION_SEGMENTS,
		  BYTES("\x4d\x81\x80\x80\x20" DIGEST), "out of bounds" },
		{ "a segment of too many stored bytes", XC_SECTION_SEGMENTS,
		  BYTES("\x81\x80\xc0\x20\x80\x22" DIGEST), "out of bounds" },
		{ "segments that leave a gap", XC_SECTION_SEGMENTS, BYTES("\x4d\x80\x21" DIGEST),
		  "for a tar stream" },
		{ "a digest that is cut off", XC_SECTION_SEGMENTS,
		  BYTES("\x80\x80\x80\1\x80\x80\x80\1" HASH "0123456789"), "cut off" },
		{ "a first member that is no top", XC_SECTION_SHAPE, BYTES("\1\0\1\0\1\0\1\0\1\0"),
		  "deeper" },
		{ "a depth that jumps", XC_SECTION_SHAPE, BYTES("\0\0\1\0\3\0\1\0\1\0"), "deeper" },
		{ "a member below a file", XC_SECTION_SHAPE, BYTES("\0\0\1\0\2\0\1\0\1\0"),
		  "not below a directory" },
		{ "a depth of 2^63", XC_SECTION_SHAPE,
		  BYTES("\0\0\1\0\x80\x80\x80\x80\x80\x80\x80\x80\x80\1\0\1\0\1\0"), "deeper" },
		{ "more shared than there was", XC_SECTION_SHAPE, BYTES("\0\0\1\0\1\2\1\0\1\0"),
		  "shares more" },
		{ "a top that shares", XC_SECTION_SHAPE, BYTES("\0\0\0\1\1\1\1\0\1\0"),
		  "shares more" },
		{ "a varint that is cut off", XC_SECTION_SHAPE, BYTES("\0\0\1\0\1\1\1\0\1\x80"),
		  "no integer" },
		{ "a varint that is not its shortest", XC_SECTION_SHAPE,
		  BYTES("\0\0\1\x80\0\1\1\1\0\1\0"), "no integer" },
		{ "a varint of 65 bits", XC_SECTION_SHAPE,
		  BYTES("\0\0\1\x80\x80\x80\x80\x80\x80\x80\x80\x80\2\1\1\1\0\1\0"), "no integer" },
		{ "bytes behind the shapes", XC_SECTION_SHAPE, BYTES("\0\0\1\0\1\1\1\0\1\0\0"),
		  "too many" },
		{ "a name that is missing", XC_SECTION_NAMES, BYTES("./d\0a\0b\0lmnopq\0"),
		  "cut off" },
		{ "a name without its end", XC_SECTION_NAMES, BYTES("./d\0a\0b\0l\0mn"),
		  "cut off" },
		{ "names too many", XC_SECTION_NAMES, BYTES("./d\0a\0b\0l\0m\0n\0"), "too many" },
		{ "no names", XC_SECTION_NAMES, NULL, 0, "cannot be" },
		{ "an unknown type", XC_SECTION_ATTRS, BYTES("\1\4\0\0\0\0"), "unknown type" },
		{ "unknown flags", XC_SECTION_ATTRS, BYTES("\1\0\4\0\0\0"), "flags" },
		{ "a sparse directory", XC_SECTION_ATTRS, BYTES("\1\1\1\0\0\0"), "flags" },
		{ "a symlink with attributes", XC_SECTION_ATTRS, BYTES("\1\2\2\0\0\0"), "flags" },
		{ "a mode of 010000", XC_SECTION_ATTRS, BYTES("\1\0\0\x80\x20\0\0"), "a mode" },
		{ "an owner of 33 bits", XC_SECTION_ATTRS, BYTES("\1\0\0\0\x80\x80\x80\x80\x10\0"),
		  "a mode or an owner" },
		{ "attributes without end", XC_SECTION_ATTRS,
		  BYTES("\xff\xff\xff\xff\x0f\0\0\0\0\0"), "cut off" },
		{ "attributes that do not exist", XC_SECTION_ATTR_IDS, BYTES("\0\1\1\2\4"),
		  "no such attributes" },
		{ "too few attributes", XC_SECTION_ATTR_IDS, BYTES("\0\1\1\2"), "cannot be" },
		{ "a time beyond 64 bits of seconds", XC_SECTION_MTIMES,
		  BYTES("\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
		  "out of bounds" },
		{ "a time of 128 bits", XC_SECTION_MTIMES,
		  BYTES("\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
			"\xff\xff\3"),
		  "out of bounds" },
		{ "a time of 129 bits", XC_SECTION_MTIMES,
		  BYTES("\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
			"\xff\xff\7"),
		  "no integer" },
		{ "a size over 2^63", XC_SECTION_SIZES,
		  BYTES("\x80\x80\x80\x80\x80\x80\x80\x80\x80\1\4"), "a size" },
		{ "sizes whose sum wraps around", XC_SECTION_SIZES,
		  BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\x7f\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
		  "counted" },
		{ "a missing size", XC_SECTION_SIZES, BYTES("\5"), "no integer" },
		{ "a header of no bytes", XC_SECTION_HEADERS, BYTES("\1\0\1\1\1"), "a header" },
		{ "a header over the ceiling", XC_SECTION_HEADERS, BYTES("\1\x81\x80\4\1\1\1"),
		  "too long" },
		{ "spans that do not tile", XC_SECTION_HEADERS, BYTES("\1\2\1\1\1"),
		  "for a tar stream" },
		{ "an empty target", XC_SECTION_LINKS, BYTES("\0\3"), "target" },
		{ "a target without its end", XC_SECTION_LINKS, BYTES("abc"), "target" },
		{ "a hard link to itself", XC_SECTION_LINKS, BYTES("a\0\0"), "no earlier" },
		{ "a hard link before the first", XC_SECTION_LINKS, BYTES("a\0\5"), "no earlier" },
		{ "a hard link to a symlink's place is good, to the directory not",
		  XC_SECTION_LINKS, BYTES("a\0\4"), "no file" },
		{ "a missing hash", XC_SECTION_HASHES, BYTES(HASH), "cut off" },
		{ "hashes too many", XC_SECTION_HASHES, BYTES(HASH HASH HASH), "too many" },
		{ "extents of no file", XC_SECTION_SPARSE, BYTES("\1\0\1"), "too many" },
		{ "attributes of no member", XC_SECTION_XATTRS, BYTES("\1user.a\0\0"), "too many" },
	};
	cleanup_index struct xc_index index;
	cleanup_buf struct xc_buf bytes = XC_BUF_INIT;

	(void)state;
	sample_index(small_rows, &index);
	encode(&index, &bytes);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_buf struct xc_buf bad = XC_BUF_INIT;
		cleanup_index struct xc_index parsed = XC_INDEX_INIT;
		struct xc_err err = { 0 };

		rebuild(&bytes, rows[i].id, rows[i].data, rows[i].length, &bad);
		if (xc_index_parse(bad.data, bad.len_bytes, &parsed, &err) == 0)
			fail_msg("%s: taken", rows[i].catches);
		if (err.kind != XC_ERR_CORRUPT || !strstr(err.msg, rows[i].wrong))
			fail_msg("%s: kind %d, %s", rows[i].catches, (int)err.kind, err.msg);
	}
}

struct extra_row {
	const char *catches;
	enum xc_section_id id;
	const char *data;
	size_t length;
	const char *wrong; /* NULL if it is good */
};

/* Both files of the sample are sparse and tagged; the first is 100 bytes, the second 4. */
static void extents_and_attributes_are_taken_or_refused(void **state)
{
	static char many[2 * XC_XATTRS_MAX], value[70000 + 16];
	static const struct xc_extent extents[] = { { 1, 2 }, { 4, 3 }, { 0, 4 } };
	static const struct xc_xattr xattrs[] = { { "user.a", "1", 1 } };
	const struct xc_member_extra extras[] = {
		{ .sparse = true,
		  .extents = extents,
		  .extent_count = 2,
		  .xattrs = xattrs,
		  .xattr_count = 1 },
		{ .sparse = true,
		  .extents = extents + 2,
		  .extent_count = 1,
		  .xattrs = xattrs,
		  .xattr_count = 1 },
	};
	const struct extra_row rows[] = {
		{ "what is there already", XC_SECTION_SPARSE, BYTES("\2\1\2\1\3\1\0\4"), NULL },
		{ "data up to the last byte", XC_SECTION_SPARSE, BYTES("\2\1\2\x5d\4\1\0\4"),
		  NULL },
		{ "data past the last byte", XC_SECTION_SPARSE, BYTES("\2\1\2\x5d\5\1\0\4"),
		  "beyond" },
		{ "data far past it", XC_SECTION_SPARSE, BYTES("\2\1\2\xff\x7f\1\1\0\4"),
		  "beyond" },
		{ "data that touches", XC_SECTION_SPARSE, BYTES("\2\1\2\0\3\1\0\4"), "touches" },
		{ "data of no length", XC_SECTION_SPARSE, BYTES("\2\1\0\1\3\1\0\4"), "empty" },
		{ "data whose end wraps around", XC_SECTION_SPARSE,
		  BYTES("\2\1\2\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\1\1\0\4"), "counted" },
		{ "more runs than bytes", XC_SECTION_SPARSE, BYTES("\xff\xff\xff\xff\x0f\1\2"),
		  "cut off" },
		{ "no runs for the second", XC_SECTION_SPARSE, BYTES("\1\1\2"), "no integer" },
		{ "two attributes", XC_SECTION_XATTRS, BYTES("\2user.a\0\1xuser.b\0\0\1user.a\0\0"),
		  NULL },
		{ "attributes out of order", XC_SECTION_XATTRS,
		  BYTES("\2user.b\0\1xuser.a\0\0\1user.a\0\0"), "out of order" },
		{ "an attribute twice", XC_SECTION_XATTRS,
		  BYTES("\2user.a\0\1xuser.a\0\0\1user.a\0\0"), "out of order" },
		{ "an attribute of the system", XC_SECTION_XATTRS,
		  BYTES("\1security.capability\0\1x\1user.a\0\0"), "\"user.\"" },
		{ "an attribute without a name", XC_SECTION_XATTRS,
		  BYTES("\1user.\0\1x\1user.a\0\0"), "\"user.\"" },
		{ "flagged without attributes", XC_SECTION_XATTRS, BYTES("\0\1user.a\0\0"),
		  "none" },
		{ "a value that is cut off", XC_SECTION_XATTRS,
		  BYTES("\1user.a\0\x7fx\1user.a\0\0"), "cut off" },
		{ "a name without its end", XC_SECTION_XATTRS, BYTES("\1user.abcdefg"), "a name" },
		{ "1001 attributes", XC_SECTION_XATTRS, many, sizeof(many), "too many" },
		{ "a value over 64 KiB", XC_SECTION_XATTRS, value, sizeof(value), "too long" },
	};
	cleanup_index struct xc_index index;
	cleanup_buf struct xc_buf bytes = XC_BUF_INIT;

	(void)state;
	memcpy(many, "\xe9\x07", 2);
	memcpy(value, "\1user.a\0\x81\x80\x04", 11);
	sample_index(small_rows, &index);
	index.members.items[1].size_bytes = 100;
	index.members.items[1].extra = &extras[0];
	index.members.items[2].extra = &extras[1];
	retotal(&index);
	encode(&index, &bytes);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_buf struct xc_buf changed = XC_BUF_INIT;
		cleanup_index struct xc_index parsed = XC_INDEX_INIT;
		struct xc_err err = { 0 };
		int result;

		rebuild(&bytes, rows[i].id, rows[i].data, rows[i].length, &changed);
		result = xc_index_parse(changed.data, changed.len_bytes, &parsed, &err);
		if ((result < 0) != (rows[i].wrong != NULL) ||
		    (result < 0 && (err.kind != XC_ERR_CORRUPT || !strstr(err.msg, rows[i].wrong))))
			fail_msg("%s: %d, %s", rows[i].catches, result, err.msg);
	}
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
		{ "an unknown section that may be skipped", 0x184d2a58, 14, 0, 3, 3, XC_ERR_NONE },
		{ "one of the last id", 0x184d2a58, 65535, 0, 3, 3, XC_ERR_NONE },
		{ "one without bytes", 0x184d2a58, 14, 0, 0, 0, XC_ERR_NONE },
		{ "an unknown section that is needed", 0x184d2a58, 14, 1, 3, 3, XC_ERR_FORMAT },
		{ "a known section again", 0x184d2a58, 11, 1, 3, 3, XC_ERR_CORRUPT },
		{ "a section out of order", 0x184d2a58, 1, 1, 3, 3, XC_ERR_CORRUPT },
		{ "unknown flags", 0x184d2a58, 14, 2, 3, 3, XC_ERR_CORRUPT },
		{ "another skippable frame", 0x184d2a50, 14, 0, 3, 3, XC_ERR_CORRUPT },
		{ "a frame of data", 0xfd2fb528, 14, 0, 3, 3, XC_ERR_CORRUPT },
		{ "a length without a frame", 0x184d2a58, 14, 0, 3, 0, XC_ERR_CORRUPT },
		{ "a frame that is none", 0x184d2a58, 12, 1, 3, 3, XC_ERR_CORRUPT },
	};
	cleanup_index struct xc_index index;
	cleanup_buf struct xc_buf bytes = XC_BUF_INIT;
	struct xc_err err = { 0 };

	(void)state;
	sample_index(small_rows, &index);
	encode(&index, &bytes);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_index struct xc_index parsed = XC_INDEX_INIT;
		cleanup_buf struct xc_buf more = XC_BUF_INIT;

		err = (struct xc_err){ 0 };
		xc_buf_add(&more, bytes.data, bytes.len_bytes);
		add_section(&more, rows[i].magic, rows[i].id, rows[i].flags, rows[i].raw_bytes,
			    "abc", rows[i].body_bytes);
		if (xc_index_parse(more.data, more.len_bytes, &parsed, &err) == 0)
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
	sample_index(small_rows, &index);
	encode(&index, &bytes);
	rebuild(&bytes, XC_SECTION_HEAD,
		BYTES(HEAD("\2", "\5\0\0\0", "\1\0\0\0", "\0\x12\0") "and more"), &later);
	assert_int_equal(xc_index_parse(later.data, later.len_bytes, &parsed, &err), -1);
	assert_int_equal(err.kind, XC_ERR_FORMAT);
}

/* At every length and with every byte changed it is refused or read, never more. */
static void damaged_bytes_are_harmless(void **state)
{
	cleanup_index struct xc_index index;
	cleanup_buf struct xc_buf bytes = XC_BUF_INIT;

	(void)state;
	sample_index(plain_rows, &index);
	encode(&index, &bytes);
	for (size_t i = 0; i < bytes.len_bytes; i++) {
		cleanup_index struct xc_index cut = XC_INDEX_INIT, flipped = XC_INDEX_INIT;
		cleanup_free char *copy = xc_malloc(i);
		struct xc_err err = { 0 };

		/* An exact copy, so that a read past its end shows. */
		memcpy(copy, bytes.data, i);
		assert_int_equal(xc_index_parse(copy, i, &cut, &err), -1);
		assert_int_equal(err.kind, XC_ERR_CORRUPT);
		bytes.data[i] ^= 0x41;
		if (xc_index_parse(bytes.data, bytes.len_bytes, &flipped, &err) < 0)
			assert_true(err.kind == XC_ERR_CORRUPT || err.kind == XC_ERR_FORMAT);
		bytes.data[i] ^= 0x41;
	}
}

/* A section that decodes to far more than its bytes must not take the memory it claims. */
static void a_small_index_cannot_claim_much(void **state)
{
	cleanup_index struct xc_index index, parsed = XC_INDEX_INIT;
	cleanup_buf struct xc_buf bytes = XC_BUF_INIT, bomb = XC_BUF_INIT;
	const size_t length = (size_t)40 << 20;
	cleanup_free char *zeros = xc_calloc(1, length);
	struct xc_err err = { 0 };

	(void)state;
	sample_index(small_rows, &index);
	encode(&index, &bytes);
	rebuild(&bytes, XC_SECTION_XATTRS, zeros, length, &bomb);
	assert_true(bomb.len_bytes < 4096);
	assert_int_equal(xc_index_parse(bomb.data, bomb.len_bytes, &parsed, &err), -1);
	assert_non_null(strstr(err.msg, "cannot be"));
}

/* The most regular tree there is must stay within what a small index may claim. */
static void a_million_like_members_survive(void **state)
{
	const uint32_t count = 1000000;
	cleanup_index struct xc_index index = XC_INDEX_INIT, again = XC_INDEX_INIT;
	cleanup_buf struct xc_buf bytes = XC_BUF_INIT;
	struct xc_member_extra extra = { .target = "../../a/target/that/all/of/them/share" };
	struct xc_members *members = &index.members;

	(void)state;
	members->items = xc_calloc(count + 1, sizeof(*members->items));
	members->count = count + 1;
	for (uint32_t i = 0; i <= count; i++) {
		char name[16];
		int length = snprintf(name, sizeof(name), "%07u", i);

		members->items[i] = (struct xc_member){ .type = XC_MEMBER_SYMLINK,
							.extra = &extra,
							.header_bytes = 512,
							.link = XC_MEMBER_NONE };
		members->items[i].name = xc_arena_text(&members->arena, name, (size_t)length);
	}
	members->items[0].type = XC_MEMBER_DIR;
	members->items[0].extra = NULL;
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
	encode(&index, &bytes);
	parse(&bytes, &again);
	assert_int_equal(again.members.count, count + 1);
	assert_string_equal(again.members.items[count].name, "1000000");
	assert_string_equal(again.members.items[count].extra->target, extra.target);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_fields_survive),
		cmocka_unit_test(an_empty_table_survives),
		cmocka_unit_test(members_and_segments_are_found_by_offset),
		cmocka_unit_test(trees_are_taken_or_refused_by_the_rules),
		cmocka_unit_test(sections_that_do_not_hold_are_refused),
		cmocka_unit_test(extents_and_attributes_are_taken_or_refused),
		cmocka_unit_test(framing_is_taken_or_refused),
		cmocka_unit_test(another_version_is_told_apart_from_damage),
		cmocka_unit_test(damaged_bytes_are_harmless),
		cmocka_unit_test(a_small_index_cannot_claim_much),
		cmocka_unit_test(a_million_like_members_survive),
	};

	return cmocka_run_group_tests_name("index", tests, NULL, NULL);
}
