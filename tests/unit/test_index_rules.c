/* SPDX-License-Identifier: Apache-2.0 */
/* What an index must be, rule by rule: a row for each way to break one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pack/index.h"
#include "pack_sample.h"

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
		  "a root path below another",
		  { DIR_(0, "./a"), FILE_(0, "./a/b", 0), SAMPLE_END } },
		{ "a top below an earlier top",
		  "a root path below another",
		  { DIR_(0, "./a"), FILE_(0, "./a.b", 0), FILE_(0, "./a/b", 0), SAMPLE_END } },
		{ "a top below an earlier top, behind others that begin alike",
		  "a root path below another",
		  { DIR_(0, "./a"), DIR_(0, "./a!"), DIR_(0, "./a!!"), DIR_(0, "./a-"),
		    FILE_(0, "./a/b/c", 0), SAMPLE_END } },
		{ "a top below the workspace",
		  "a root path below another",
		  { DIR_(0, "."), FILE_(0, "./a", 0), SAMPLE_END } },
		{ "a top below the root",
		  "a root path below another",
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
		{ "a top without a root", "not a stored path", { FILE_(0, "a/b", 0), SAMPLE_END } },
		{ "a top that is empty", "not a stored path", { FILE_(0, "", 0), SAMPLE_END } },
		{ "a top that climbs",
		  "not a stored path",
		  { FILE_(0, "./a/../../b", 0), SAMPLE_END } },
		{ "a top that climbs at its end",
		  "not a stored path",
		  { DIR_(0, "/.."), SAMPLE_END } },
		{ "a top with a dot", "not a stored path", { FILE_(0, "/a/./b", 0), SAMPLE_END } },
		{ "a top with two slashes",
		  "not a stored path",
		  { FILE_(0, "/a//b", 0), SAMPLE_END } },
		{ "a top with a slash at its end",
		  "not a stored path",
		  { DIR_(0, "./a/"), SAMPLE_END } },
		{ "a top in a user's home", "not a stored path", { DIR_(0, "~root"), SAMPLE_END } },
		{ "a top ..", "not a stored path", { DIR_(0, ".."), SAMPLE_END } },
		{ "names that only look like dots",
		  NULL,
		  { DIR_(0, "/..."), FILE_(1, "..a", 0), FILE_(1, ".a", 0), SAMPLE_END } },
		{ "an empty name",
		  "not a file name",
		  { DIR_(0, "./a"), FILE_(1, "", 0), SAMPLE_END } },
		{ "a name with a slash",
		  "not a file name",
		  { DIR_(0, "./a"), FILE_(1, "b/c", 0), SAMPLE_END } },
		{ "a name that is .",
		  "not a file name",
		  { DIR_(0, "./a"), FILE_(1, ".", 0), SAMPLE_END } },
		{ "a directory ..",
		  "not a file name",
		  { DIR_(0, "./a"), DIR_(1, ".."), SAMPLE_END } },
		{ "a name of 255 bytes",
		  NULL,
		  { DIR_(0, "./a"), FILE_(1, name_of_255, 0), SAMPLE_END } },
		{ "a name of 256 bytes",
		  "not a file name",
		  { DIR_(0, "./a"), FILE_(1, long_name, 0), SAMPLE_END } },
		{ "a top's component of 256 bytes",
		  "not a stored path",
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
		{ "a file after a directory",
		  "after a directory",
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
		  "other than a file or symlink",
		  { DIR_(0, "./a"), HARDLINK_(1, "b", 0), SAMPLE_END } },
		{ "a hard link to a hard link",
		  "other than a file or symlink",
		  { FILE_(0, "./a", 0), HARDLINK_(0, "./b", 0), HARDLINK_(0, "./c", 1),
		    SAMPLE_END } },
		{ "a hard link to a symlink",
		  NULL,
		  { SYMLINK_(0, "./a", "x"), HARDLINK_(0, "./b", 0), SAMPLE_END } },
		{ "a symlink to nothing", "target", { SYMLINK_(0, "./a", ""), SAMPLE_END } },
		{ "a size that off_t cannot hold",
		  "an impossible size",
		  { FILE_(0, "./a", (uint64_t)1 << 63), SAMPLE_END } },
		{ "an unknown type", "unknown type", { { 0, "./a", 9, 0, NULL, 0 }, SAMPLE_END } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_index struct xc_index index, again = XC_INDEX_INIT;
		cleanup_buf struct xc_buf bytes = XC_BUF_INIT, second = XC_BUF_INIT;
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
			sample_parse(&bytes, &again);
			sample_encode(&again, &second);
			assert_int_equal(bytes.len_bytes, second.len_bytes);
			assert_memory_equal(bytes.data, second.data, bytes.len_bytes);
		} else {
			assert_int_equal(bytes.len_bytes, 0);
		}
	}
}

struct bytes_row {
	const char *catches;
	enum xc_section_id id;
	const char *data;
	size_t length;
	const char *wrong;
};

#define HASH   "0123456789abcdef"
#define DIGEST "0123456789abcdef0123456789abcdef"
static void sections_that_do_not_hold_are_refused(void **state)
{
	static const struct bytes_row rows[] = {
		{ "another file's magic", XC_SECTION_HEAD,
		  BYTES("xcINDEX\0\1\0\0\0\5\0\0\0\1\0\0\0\0\0\0\0\0\x12\0\0\0\0\0\0"),
		  "not the magic of" },
		{ "a short head", XC_SECTION_HEAD, BYTES("xcindex\0\1\0\0\0"), "invalid size" },
		{ "a long head", XC_SECTION_HEAD,
		  BYTES(HEAD("\1", "\5\0\0\0", "\1\0\0\0", "\0\x12\0") "x"), "too many" },
		{ "members that are not there", XC_SECTION_HEAD,
		  BYTES(HEAD("\1", "\6\0\0\0", "\1\0\0\0", "\0\x12\0")), "invalid size" },
		{ "members without end", XC_SECTION_HEAD,
		  BYTES(HEAD("\1", "\xff\xff\xff\xff", "\1\0\0\0", "\0\x12\0")),
		  "members are too many" },
		{ "segments that are not there", XC_SECTION_HEAD,
		  BYTES(HEAD("\1", "\5\0\0\0", "\xff\xff\xff\xff", "\0\x12\0")), "invalid size" },
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
		{ "no names", XC_SECTION_NAMES, NULL, 0, "invalid size" },
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
		{ "too few attributes", XC_SECTION_ATTR_IDS, BYTES("\0\1\1\2"), "invalid size" },
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
		  BYTES("\x80\x80\x80\x80\x80\x80\x80\x80\x80\1\4"), "an impossible size" },
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
		  XC_SECTION_LINKS, BYTES("a\0\4"), "other than a file" },
		{ "a missing hash", XC_SECTION_HASHES, BYTES(HASH), "cut off" },
		{ "hashes too many", XC_SECTION_HASHES, BYTES(HASH HASH HASH), "too many" },
		{ "extents of no file", XC_SECTION_SPARSE, BYTES("\1\0\1"), "too many" },
		{ "attributes of no member", XC_SECTION_XATTRS, BYTES("\1user.a\0\0"), "too many" },
	};
	cleanup_index struct xc_index index;
	cleanup_buf struct xc_buf bytes = XC_BUF_INIT;

	(void)state;
	sample_index(sample_small_rows, &index);
	sample_encode(&index, &bytes);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_buf struct xc_buf bad = XC_BUF_INIT;
		cleanup_index struct xc_index parsed = XC_INDEX_INIT;
		struct xc_err err = { 0 };

		sample_rebuild(&bytes, rows[i].id, rows[i].data, rows[i].length, &bad);
		if (xc_index_parse(bad.data, bad.len_bytes, &(struct xc_index_budget){ 0 }, &parsed,
				   &err) == 0)
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

/* Of the first file: the count 2 and a run of 512 at 512; 464 at 1536, which is its end. */
#define RUN      "\2\x80\4\x80\4"
#define RUN_LAST "\x80\4\xd0\3"

/* Both files of the sample are sparse and tagged; the first is 2000 bytes, the second 4. */
static void extents_and_attributes_are_taken_or_refused(void **state)
{
	static char many[2 * XC_XATTRS_MAX], value[70000 + 16];
	static const struct xc_extent extents[] = {
		{ 512, 512, 0 },
		{ 1536, 464, 512 },
		{ 0, 4, 0 },
	};
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
		{ "data up to the last byte", XC_SECTION_SPARSE, BYTES(RUN RUN_LAST "\1\0\4"),
		  NULL },
		{ "data past the last byte", XC_SECTION_SPARSE, BYTES(RUN "\x80\4\xd1\3\1\0\4"),
		  "beyond" },
		{ "data far past it", XC_SECTION_SPARSE, BYTES(RUN "\x80\x80\4\1\1\0\4"),
		  "beyond" },
		{ "data that touches", XC_SECTION_SPARSE, BYTES(RUN "\0\xd0\3\1\0\4"), "touches" },
		{ "data of no length", XC_SECTION_SPARSE, BYTES("\2\x80\4\0" RUN_LAST "\1\0\4"),
		  "empty" },
		{ "data whose end wraps around", XC_SECTION_SPARSE,
		  BYTES(RUN "\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\1\1\0\4"), "counted" },
		{ "data that begins within a block", XC_SECTION_SPARSE,
		  BYTES("\2\1\xff\3" RUN_LAST "\1\0\4"), "512" },
		{ "data that ends within a block", XC_SECTION_SPARSE,
		  BYTES("\2\x80\4\1\xff\7\xd0\3\1\0\4"), "512" },
		{ "data that ends just before the end", XC_SECTION_SPARSE,
		  BYTES(RUN "\x80\4\xcf\3\1\0\4"), "512" },
		{ "more runs than bytes", XC_SECTION_SPARSE, BYTES("\xff\xff\xff\xff\x0f\1\2"),
		  "cut off" },
		{ "no runs for the second", XC_SECTION_SPARSE, BYTES("\1\x80\4\x80\4"),
		  "no integer" },
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
	sample_index(sample_small_rows, &index);
	index.members.items[1].size_bytes = 2000;
	index.members.items[1].extra = &extras[0];
	index.members.items[2].extra = &extras[1];
	sample_retotal(&index);
	sample_encode(&index, &bytes);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_buf struct xc_buf changed = XC_BUF_INIT;
		cleanup_index struct xc_index parsed = XC_INDEX_INIT;
		struct xc_err err = { 0 };
		int result;

		sample_rebuild(&bytes, rows[i].id, rows[i].data, rows[i].length, &changed);
		result = xc_index_parse(changed.data, changed.len_bytes,
					&(struct xc_index_budget){ 0 }, &parsed, &err);
		if ((result < 0) != (rows[i].wrong != NULL) ||
		    (result < 0 && (err.kind != XC_ERR_CORRUPT || !strstr(err.msg, rows[i].wrong))))
			fail_msg("%s: %d, %s", rows[i].catches, result, err.msg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trees_are_taken_or_refused_by_the_rules),
		cmocka_unit_test(sections_that_do_not_hold_are_refused),
		cmocka_unit_test(extents_and_attributes_are_taken_or_refused),
	};

	return cmocka_run_group_tests_name("index rules", tests, NULL, NULL);
}
