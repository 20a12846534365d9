/* SPDX-License-Identifier: Apache-2.0 */
/* What an archive of somebody else's makes of the reader: members, or a refusal. */
#include "archive_tar.h"

#include "archive/reader.h"

/* An object in memory, handed out in pieces. */
struct source {
	const char *data;
	size_t length, at, piece;
	size_t fail_at; /* where reading fails; 0: nowhere */
};

static int read_source(void *context, const char **ret_data, size_t *ret_length, struct xc_err *err)
{
	struct source *source = context;

	if (source->fail_at && source->at >= source->fail_at)
		return xc_err_set(err, XC_ERR_TRANSIENT, "the line is down");
	*ret_data = source->data + source->at;
	*ret_length = XC_MIN(source->piece, source->length - source->at);
	source->at += *ret_length;
	return 0;
}

/* What a file holds, holes as dots; long ones by their end alone. */
static int print_content(struct xc_archive *foreign, const struct xc_archive_member *member,
			 struct xc_buf *out, struct xc_err *err)
{
	const char *data;
	uint64_t offset, at = 0;
	size_t length;
	int more;

	xc_buf_addf(out, "=");
	while ((more = xc_archive_data(foreign, &data, &length, &offset, err)) > 0) {
		assert_true(offset >= at);
		for (; at < offset && member->size_bytes < 100; at++)
			xc_buf_add_char(out, '.');
		if (member->size_bytes < 100)
			xc_buf_add(out, data, length);
		at = offset + length;
	}
	assert_true(at <= member->size_bytes);
	for (; more == 0 && at < member->size_bytes && member->size_bytes < 100; at++)
		xc_buf_add_char(out, '.');
	return more;
}

/* Reads all. A line of words in `out`: "d:a", "f:a/b=text", "l:a>b", "h:a>b", "-:a". */
static int read_all(struct source *source, bool delta, const struct xc_archive_limits *limits,
		    struct xc_buf *out, uint64_t *ret_left_out, struct xc_err *err)
{
	struct xc_archive *foreign =
		xc_archive_new(&(struct xc_archive_opts){ .decoder = &xc_decoder_zstd,
							  .format = &xc_archive_tar,
							  .read = read_source,
							  .context = source,
							  .delta = delta,
							  .limits = limits });
	struct xc_archive_member member;
	int more;

	while ((more = xc_archive_next(foreign, &member, err)) > 0) {
		xc_buf_addf(out, "%s%c:%s", out->len_bytes ? " " : "", "fdlh-"[member.type],
			    member.path);
		if (member.target)
			xc_buf_addf(out, ">%s", member.target);
		if (member.opaque)
			xc_buf_addf(out, "(opaque)");
		if (member.type == XC_ARCHIVE_FILE &&
		    print_content(foreign, &member, out, err) < 0) {
			more = -1;
			break;
		}
	}
	*ret_left_out = xc_archive_left_out(foreign);
	xc_archive_free(foreign);
	return more;
}

#define MEMBERS(...)                                                                               \
	(const struct tar_member[])                                                                \
	{                                                                                          \
		__VA_ARGS__,                                                                       \
		{                                                                                  \
			0                                                                          \
		}                                                                                  \
	}
#define FILE_(name_, content_)                                                                     \
	{                                                                                          \
		.type = TAR_FILE, .name = (name_), .content = (content_)                           \
	}
#define DIR_(name_)                                                                                \
	{                                                                                          \
		.type = TAR_DIR, .name = (name_)                                                   \
	}
#define LINK_(name_, target_)                                                                      \
	{                                                                                          \
		.type = TAR_SYMLINK, .name = (name_), .link = (target_)                            \
	}
#define HARD_(name_, target_)                                                                      \
	{                                                                                          \
		.type = TAR_HARDLINK, .name = (name_), .link = (target_)                           \
	}
#define CHAR_(name_, a, b)                                                                         \
	{                                                                                          \
		.type = TAR_CHAR, .name = (name_), .major = (a), .minor = (b)                      \
	}

#define A16  "aaaaaaaaaaaaaaaa"
#define A256 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16
/* A long name as GNU tar writes it. */
#define LONG_(text)                                                                                \
	{                                                                                          \
		.type = TAR_LONGNAME, .name = "././@LongLink", .content = (text)                   \
	}

static const struct good {
	const char *bug;
	const struct tar_member *members;
	bool delta;
	const char *reads; /* what read_all says */
	uint64_t left_out;
} good[] = {
	{ "a plain archive is not read",
	  MEMBERS(DIR_("./"), DIR_("./a/"), FILE_("./a/b", "text"), LINK_("./a/c", "b"),
		  HARD_("./a/d", "./a/b"), FILE_("./e", "")),
	  false, "d: d:a f:a/b=text l:a/c>b h:a/d>a/b f:e=", 0 },
	{ "names without a dot before them are taken for others",
	  MEMBERS(DIR_("a"), FILE_("a/b", "x")), false, "d:a f:a/b=x", 0 },
	{ "dots and slashes within are kept",
	  MEMBERS(DIR_("a/."), FILE_("a//b", "x"), FILE_("./a/./c", "y"), FILE_("...", "z")), false,
	  "d:a f:a/b=x f:a/c=y f:...=z", 0 },
	{ "of a member that comes twice only the first is told",
	  MEMBERS(FILE_("a", "1"), FILE_("a", "2"), DIR_("a")), false, "f:a=1 f:a=2 d:a", 0 },
	{ "devices, FIFOs and sockets are not counted, or restored",
	  MEMBERS(CHAR_("null", 1, 3), { .type = TAR_BLOCK, .name = "disk", .major = 8 },
		  { .type = TAR_FIFO, .name = "fifo" }, FILE_("a", "1")),
	  false, "f:a=1", 3 },
	{ "a base takes things away",
	  MEMBERS(FILE_(".wh.a", ""), CHAR_("b", 0, 0), FILE_(".wh..wh..opq", "")), false,
	  "f:.wh.a= f:.wh..wh..opq=", 1 },
	{ "a delta does not take away what it names",
	  MEMBERS(FILE_(".wh.a", ""), FILE_("b/.wh.c", "x"), CHAR_("d", 0, 0), CHAR_("e", 1, 3)),
	  true, "-:a -:b/c -:d", 1 },
	{ "what a layered file system keeps for itself is restored",
	  MEMBERS(DIR_(".wh..wh.plnk"), FILE_(".wh..wh.aufs", ""), FILE_("a", "1")), true, "f:a=1",
	  2 },
	{ "a directory that hides the one of the base is not told",
	  MEMBERS({ .type = TAR_PAX,
		    .name = "x",
		    .content = "41 SCHILY.xattr.trusted.overlay.opaque=y\n" },
		  DIR_("a"), DIR_("b")),
	  true, "d:a(opaque) d:b", 0 },
	{ "a symlink's target is judged", MEMBERS(LINK_("a", "/etc/passwd"), LINK_("b", "../../x")),
	  false, "l:a>/etc/passwd l:b>../../x", 0 },
	{ "a name in UTF-8 of a pax header is lost, in a locale that has no such letters",
	  MEMBERS({ .type = TAR_PAX, .name = "x", .content = "11 path=\xc3\xbc\n" },
		  FILE_("other", "x")),
	  false, "f:\xc3\xbc=x", 0 },
	{ "a long name is cut",
	  MEMBERS(LONG_(A16 A16 A16 A16 A16 A16 A16 A16 "/b"), FILE_("cut", "x")), false,
	  "f:" A16 A16 A16 A16 A16 A16 A16 A16 "/b=x", 0 },
};

static void archives_of_every_kind_are_read(void **state)
{
	static const size_t pieces[] = { 1, 7, SIZE_MAX };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		cleanup_buf struct xc_buf object = XC_BUF_INIT;

		tar_archive(good[i].members, &object);
		for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
			struct source source = { object.data, object.len_bytes, 0, pieces[k], 0 };
			cleanup_buf struct xc_buf out = XC_BUF_INIT;
			struct xc_err err;
			uint64_t left_out;

			if (read_all(&source, good[i].delta, NULL, &out, &left_out, &err) < 0)
				fail_msg("%s: %s", good[i].bug, err.msg);
			if (strcmp(xc_buf_str(&out), good[i].reads) != 0 ||
			    left_out != good[i].left_out)
				fail_msg("%s: %s, %llu left out", good[i].bug, xc_buf_str(&out),
					 (unsigned long long)left_out);
		}
	}
}

static const struct bad {
	const char *bug;
	const struct tar_member *members;
	bool delta;
	const char *says;
} bad[] = {
	{ "an absolute name is taken", MEMBERS(FILE_("/etc/passwd", "x")), false, "is absolute" },
	{ "an absolute directory is taken", MEMBERS(DIR_("/")), false, "is absolute" },
	{ "a name that climbs is taken", MEMBERS(FILE_("../x", "x")), false, "climbs" },
	{ "a name that climbs at its end is taken", MEMBERS(DIR_("a/..")), false, "climbs" },
	{ "a name that goes up and down is taken", MEMBERS(FILE_("a/../b", "x")), false, "climbs" },
	{ "a name that climbs behind a dot is taken", MEMBERS(FILE_("./../x", "x")), false,
	  "climbs" },
	{ "a long name that climbs is taken", MEMBERS(LONG_("../../x"), FILE_("x", "x")), false,
	  "climbs" },
	{ "a pax name that is absolute is taken",
	  MEMBERS({ .type = TAR_PAX, .name = "x", .content = "11 path=/x\n" }, FILE_("x", "x")),
	  false, "is absolute" },
	{ "a hard link out is taken", MEMBERS(HARD_("a", "../outside")), false, "climbs" },
	{ "a hard link to an absolute name is taken", MEMBERS(HARD_("a", "/etc/passwd")), false,
	  "is absolute" },
	{ "a hard link to the directory is taken", MEMBERS(HARD_("a", "./")), false,
	  "points to the root" },
	{ "the directory may be a file", MEMBERS(FILE_(".", "x")), false, "not a directory" },
	{ "the directory may be a symlink", MEMBERS(LINK_(".", "/etc")), false, "not a directory" },
	{ "a symlink without a target is taken", MEMBERS(LINK_("a", "")), false,
	  "an invalid target" },
	{ "a name of 256 bytes is taken", MEMBERS(LONG_(A256), FILE_("x", "x")), false,
	  "more than 255" },
	{ "a member without a name is taken", MEMBERS(FILE_("", "x")), false, "has no name" },
	{ "a file of exabytes is begun",
	  MEMBERS({ .type = TAR_FILE, .name = "a", .size = (uint64_t)1 << 62 }), false, "claims" },
	{ "a file that is longer than the archive is taken",
	  MEMBERS({ .type = TAR_FILE, .name = "a", .content = "x", .size = 1 << 20 }), false,
	  "not a readable tar archive" },
	{ "a whiteout climbs", MEMBERS(FILE_(".wh...", "")), true, "without a name" },
	{ "a whiteout takes away its directory", MEMBERS(FILE_("a/.wh..", "")), true,
	  "without a name" },
	{ "a whiteout takes away nothing", MEMBERS(FILE_("a/.wh.", "")), true, "without a name" },
	{ "a whiteout goes through the directory above", MEMBERS(FILE_("../.wh.a", "")), true,
	  "climbs" },
	{ "an opaque marker is passed over", MEMBERS(FILE_("a/.wh..wh..opq", "")), true, "hides" },
	{ "the directory is taken away", MEMBERS(CHAR_(".", 0, 0)), true, "not a directory" },
};

static void archives_that_break_a_rule_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		cleanup_buf struct xc_buf object = XC_BUF_INIT, out = XC_BUF_INIT;
		struct source source = { .piece = SIZE_MAX };
		struct xc_err err;
		uint64_t left_out;

		tar_archive(bad[i].members, &object);
		source.data = object.data;
		source.length = object.len_bytes;
		if (read_all(&source, bad[i].delta, NULL, &out, &left_out, &err) == 0)
			fail_msg("%s: %s", bad[i].bug, xc_buf_str(&out));
		if (err.kind != XC_ERR_CORRUPT || !strstr(err.msg, bad[i].says))
			fail_msg("%s: %s", bad[i].bug, err.msg);
	}
}

/* What is refused whatever it would unpack to. The caller says why it should be. */
static void refuses(const struct xc_buf *object, const struct xc_archive_limits *limits,
		    const char *says)
{
	struct source source = { object->data, object->len_bytes, 0, SIZE_MAX, 0 };
	cleanup_buf struct xc_buf out = XC_BUF_INIT;
	struct xc_err err;
	uint64_t left_out;

	if (read_all(&source, false, limits, &out, &left_out, &err) == 0)
		fail_msg("not refused (%s)", says);
	if (err.kind != XC_ERR_CORRUPT || !strstr(err.msg, says))
		fail_msg("%s instead of %s", err.msg, says);
}

/* An archive that was cut anywhere is taken for a whole one. */
static void an_archive_that_is_cut_short_is_refused(void **state)
{
	cleanup_buf struct xc_buf object = XC_BUF_INIT;

	(void)state;
	tar_archive(good[0].members, &object);
	for (size_t length = 0; length < object.len_bytes; length++) {
		struct xc_buf cut = { .data = object.data, .len_bytes = length };

		refuses(&cut, NULL, length > 0 ? "cut short" : "stopped too early");
	}
}

/* tar was killed, and zstd closed what came so far: whole for zstd, and half a cache. */
static void an_archive_without_its_end_is_refused(void **state)
{
	cleanup_buf struct xc_buf tar = XC_BUF_INIT, object = XC_BUF_INIT;

	(void)state;
	tar_add(&tar, &good[0].members[1]);
	tar_add(&tar, &good[0].members[2]);
	tar_compress(&tar, &object);
	refuses(&object, NULL, "stopped too early");
}

/* A byte that is wrong anywhere goes unnoticed, or crashes. */
static void a_damaged_archive_is_refused(void **state)
{
	cleanup_buf struct xc_buf object = XC_BUF_INIT;

	(void)state;
	tar_archive(good[0].members, &object);
	for (size_t at = 0; at < object.len_bytes; at++) {
		struct source source = { object.data, object.len_bytes, 0, SIZE_MAX, 0 };
		cleanup_buf struct xc_buf out = XC_BUF_INIT;
		struct xc_err err;
		uint64_t left_out;

		object.data[at] ^= 0x55;
		/* Whatever zstd can still decode is what it was. */
		if (read_all(&source, false, NULL, &out, &left_out, &err) == 0)
			assert_string_equal(xc_buf_str(&out), good[0].reads);
		else
			assert_int_equal(err.kind, XC_ERR_CORRUPT);
		object.data[at] ^= 0x55;
	}
}

static void what_zstd_did_not_compress_is_refused(void **state)
{
	cleanup_buf struct xc_buf tar = XC_BUF_INIT, object = XC_BUF_INIT;

	(void)state;
	tar_add(&tar, &good[0].members[1]);
	tar_end(&tar);
	refuses(&tar, NULL, "not compressed by zstd");
	/* Something behind the last frame, and something that is no tar archive. */
	tar_archive(good[0].members, &object);
	xc_buf_add_str(&object, "{\"xcache\":1}");
	refuses(&object, NULL, "not compressed by zstd");
	xc_buf_clear(&object);
	xc_buf_clear(&tar);
	xc_buf_add_str(&tar, "this is no archive");
	tar_compress(&tar, &object);
	refuses(&object, NULL, "");
}

/* pzstd writes many frames; others put one that is skipped before them. */
static void frames_are_read_as_one_archive(void **state)
{
	cleanup_buf struct xc_buf tar = XC_BUF_INIT, object = XC_BUF_INIT, out = XC_BUF_INIT;
	struct source source = { .piece = 3 };
	struct xc_err err;
	uint64_t left_out;

	(void)state;
	xc_buf_add(&object, "\x50\x2a\x4d\x18\x02\x00\x00\x00xx", 10);
	for (size_t i = 1; i < 3; i++) {
		xc_buf_clear(&tar);
		tar_add(&tar, &good[0].members[i]);
		if (i == 2)
			tar_end(&tar);
		tar_compress(&tar, &object);
	}
	source.data = object.data;
	source.length = object.len_bytes;
	assert_int_equal(read_all(&source, false, NULL, &out, &left_out, &err), 0);
	assert_string_equal(out.data, "d:a f:a/b=text");
}

/* A window of 256 MiB, which "zstd --long=28" makes, takes that much memory. */
static void a_window_that_takes_too_much_memory_is_refused(void **state)
{
	cleanup_buf struct xc_buf object = XC_BUF_INIT;

	(void)state;
	/* RFC 8878: no checksum, no size; window descriptor with exponent 18; a last raw block. */
	xc_buf_add(&object, "\x28\xb5\x2f\xfd\x00\x90\x01\x00\x00", 9);
	refuses(&object, NULL, "larger than 128 MiB");
}

static void add_empty_files(struct xc_buf *tar, size_t count)
{
	for (size_t i = 0; i < count; i++)
		tar_add(tar, &(struct tar_member)FILE_("a", ""));
}

/* A ceiling only works together with another. */
static void each_ceiling_holds_by_itself(void **state)
{
	cleanup_buf struct xc_buf tar = XC_BUF_INIT, object = XC_BUF_INIT, fifos = XC_BUF_INIT;
	struct xc_archive_limits limits = xc_archive_limits;

	(void)state;
	add_empty_files(&tar, 10000);
	tar_end(&tar);
	tar_compress(&tar, &object);
	limits.members = 9999;
	refuses(&object, &limits, "more than 9999 members");
	limits = xc_archive_limits;
	limits.bytes = 5000000;
	refuses(&object, &limits, "more than 5000000 bytes");
	limits = xc_archive_limits;
	limits.ratio_from_bytes = 1000000;
	limits.ratio = 100;
	refuses(&object, &limits, "100 times its size");
	/* Those that are left out are work, too. */
	xc_buf_clear(&tar);
	for (int i = 0; i < 100; i++)
		tar_add(&tar, &(struct tar_member){ .type = TAR_FIFO, .name = "a" });
	tar_end(&tar);
	tar_compress(&tar, &fifos);
	limits = xc_archive_limits;
	limits.members = 99;
	refuses(&fifos, &limits, "more than 99 members");
}

/* The usual ceilings do not hold against five million members in a few kB, or a long zero. */
static void archives_that_grow_without_end_are_refused(void **state)
{
	cleanup_buf struct xc_buf part = XC_BUF_INIT, frame = XC_BUF_INIT, object = XC_BUF_INIT;

	(void)state;
	add_empty_files(&part, 1 << 17);
	tar_compress(&part, &frame);
	for (int i = 0; i < 40; i++)
		xc_buf_add(&object, frame.data, frame.len_bytes);
	refuses(&object, NULL, "it ");
	/* One file that says to be 100 GB and comes as so many zeros. */
	xc_buf_clear(&part);
	xc_buf_clear(&frame);
	xc_buf_clear(&object);
	tar_add(&part, &(struct tar_member){ .type = TAR_FILE, .name = "a", .size = 100000000000 });
	tar_compress(&part, &object);
	xc_buf_clear(&part);
	memset(xc_buf_reserve(&part, 64 << 20), 0, 64 << 20);
	part.len_bytes = 64 << 20;
	tar_compress(&part, &frame);
	for (int i = 0; i < 40; i++)
		xc_buf_add(&object, frame.data, frame.len_bytes);
	refuses(&object, NULL, "1000 times its size");
}

/* A header that holds gigabytes: libarchive keeps a sparse file's map in memory. */
static void a_header_that_is_too_long_is_refused(void **state)
{
	cleanup_buf struct xc_buf tar = XC_BUF_INIT, object = XC_BUF_INIT, map = XC_BUF_INIT;

	(void)state;
	tar_add(&tar,
		&(struct tar_member){
			.type = TAR_PAX,
			.name = "x",
			.content = "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
				   "21 GNU.sparse.name=s\n31 GNU.sparse.realsize=9999999\n" });
	xc_buf_add_str(&map, "3000000\n");
	for (int i = 0; i < 3000000; i++)
		xc_buf_addf(&map, "%d\n1\n", 2 * i);
	tar_add(&tar, &(struct tar_member)FILE_("s", map.data));
	tar_end(&tar);
	tar_compress(&tar, &object);
	refuses(&object, NULL, "header in it is too long");
}

/* That sparse files are read at all, so that the test above is about length. */
static void a_sparse_file_is_read_with_its_holes(void **state)
{
	cleanup_buf struct xc_buf tar = XC_BUF_INIT, object = XC_BUF_INIT, out = XC_BUF_INIT,
				  content = XC_BUF_INIT;
	struct source source = { .piece = SIZE_MAX };
	struct xc_err err;
	uint64_t left_out;

	(void)state;
	tar_add(&tar, &(struct tar_member){
			      .type = TAR_PAX,
			      .name = "x",
			      .content = "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
					 "21 GNU.sparse.name=s\n26 GNU.sparse.realsize=12\n" });
	xc_buf_add_str(&content, "2\n2\n3\n8\n2\n");
	while (content.len_bytes < 512)
		xc_buf_add_char(&content, '\n');
	xc_buf_add_str(&content, "abcde");
	tar_add(&tar, &(struct tar_member)FILE_("GNUSparseFile.0/s", content.data));
	tar_end(&tar);
	tar_compress(&tar, &object);
	source.data = object.data;
	source.length = object.len_bytes;
	if (read_all(&source, false, NULL, &out, &left_out, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(out.data, "f:s=..abc...de..");
}

/* An error of the store is taken for a fault of the archive, wherever it strikes. */
static void an_error_of_the_source_is_passed_on(void **state)
{
	cleanup_buf struct xc_buf object = XC_BUF_INIT;

	(void)state;
	tar_archive(good[0].members, &object);
	for (size_t at = 1; at < object.len_bytes; at++) {
		struct source source = { object.data, object.len_bytes, 0, 1, at };
		cleanup_buf struct xc_buf out = XC_BUF_INIT;
		struct xc_err err;
		uint64_t left_out;

		assert_int_equal(read_all(&source, false, NULL, &out, &left_out, &err), -1);
		assert_int_equal(err.kind, XC_ERR_TRANSIENT);
	}
}

/* Attributes end up elsewhere, or contents that nobody read disturb what follows. */
static void modes_times_and_owners_are_read(void **state)
{
	const struct tar_member members[] = {
		{ .type = TAR_FILE,
		  .name = "a",
		  .content = "x",
		  .mode = 04751,
		  .uid = 12,
		  .gid = 34,
		  .mtime = 1234567890 },
		{ .type = TAR_FILE, .name = "b", .mode = 0600, .mtime = 5 },
		{ 0 },
	};
	cleanup_buf struct xc_buf object = XC_BUF_INIT;
	struct source source = { .piece = 100 };
	struct xc_archive_member member;
	struct xc_archive *foreign;
	struct xc_err err;

	(void)state;
	tar_archive(members, &object);
	source.data = object.data;
	source.length = object.len_bytes;
	foreign = xc_archive_new(&(struct xc_archive_opts){ .decoder = &xc_decoder_zstd,
							    .format = &xc_archive_tar,
							    .read = read_source,
							    .context = &source });
	assert_int_equal(xc_archive_next(foreign, &member, &err), 1);
	assert_int_equal(member.mode, 04751);
	assert_int_equal(member.uid, 12);
	assert_int_equal(member.gid, 34);
	assert_int_equal(member.mtime_s, 1234567890);
	assert_int_equal(member.size_bytes, 1);
	assert_int_equal(xc_archive_next(foreign, &member, &err), 1);
	assert_string_equal(member.path, "b");
	assert_int_equal(member.mode, 0600);
	assert_int_equal(xc_archive_next(foreign, &member, &err), 0);
	xc_archive_free(foreign);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(archives_of_every_kind_are_read),
		cmocka_unit_test(archives_that_break_a_rule_are_refused),
		cmocka_unit_test(an_archive_that_is_cut_short_is_refused),
		cmocka_unit_test(an_archive_without_its_end_is_refused),
		cmocka_unit_test(a_damaged_archive_is_refused),
		cmocka_unit_test(what_zstd_did_not_compress_is_refused),
		cmocka_unit_test(frames_are_read_as_one_archive),
		cmocka_unit_test(a_window_that_takes_too_much_memory_is_refused),
		cmocka_unit_test(each_ceiling_holds_by_itself),
		cmocka_unit_test(archives_that_grow_without_end_are_refused),
		cmocka_unit_test(a_header_that_is_too_long_is_refused),
		cmocka_unit_test(a_sparse_file_is_read_with_its_holes),
		cmocka_unit_test(an_error_of_the_source_is_passed_on),
		cmocka_unit_test(modes_times_and_owners_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
