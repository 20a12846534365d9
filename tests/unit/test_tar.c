/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Headers as other programs read them: each row becomes an archive of one
 * member (and, for a hard link, its target), which GNU tar and bsdtar extract.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "archive/tar.h"
#include "base/buf.h"
#include "base/fd.h"

static char dir[200];

static int make_dir(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(dir, sizeof(dir), "%s/xcache-test-tar-XXXXXX", tmp ? tmp : "/tmp");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	char command[PATH_MAX + 32];

	(void)state;
	snprintf(command, sizeof(command), "chmod -R u+w '%s'; rm -rf '%s'", dir, dir);
	return system(command);
}

static struct xc_member file_member(uint64_t size_bytes)
{
	return (struct xc_member){ .size_bytes = size_bytes,
				   .mtime_s = 1700000000,
				   .mtime_ns = 123456789,
				   .parent = XC_MEMBER_NONE,
				   .link = XC_MEMBER_NONE,
				   .mode = 0640,
				   .uid = (uint32_t)getuid(),
				   .gid = (uint32_t)getgid() };
}

/* Append a member with `content` as its stored bytes, which are NULL for none. */
static void add_member(struct xc_buf *out, const struct xc_member *member, const char *path,
		       const char *link_path, const char *content)
{
	struct xc_tar_writer *writer = xc_tar_writer_new();
	struct xc_err err = { 0 };
	size_t start = out->len_bytes;

	if (xc_tar_write_header(writer, XC_TAR_ENTRY(member, path, link_path), out, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal((out->len_bytes - start) % XC_TAR_BLOCK_BYTES, 0);
	if (content) {
		xc_buf_add(out, content, (size_t)xc_member_content_bytes(member));
		while (out->len_bytes % XC_TAR_BLOCK_BYTES != 0)
			xc_buf_add_char(out, 0);
	}
	xc_tar_writer_free(writer);
}

static void add_end(struct xc_buf *out)
{
	static const char zeros[XC_TAR_END_BYTES];

	xc_buf_add(out, zeros, sizeof(zeros));
}

static void write_file(const char *name, const struct xc_buf *bytes)
{
	char path[PATH_MAX + 64];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes->data, 1, bytes->len_bytes, file), bytes->len_bytes);
	assert_int_equal(fclose(file), 0);
}

static void run(const char *command, char *ret_output, size_t size)
{
	char whole[PATH_MAX + 512];
	FILE *pipe;
	size_t got;

	snprintf(whole, sizeof(whole), "cd '%s' && TZ=UTC %s", dir, command);
	pipe = popen(whole, "re");
	assert_non_null(pipe);
	got = fread(ret_output, 1, size - 1, pipe);
	ret_output[got] = '\0';
	assert_int_equal(pclose(pipe), 0);
}

/* Extract the archive into a new folder with either program; no complaint is allowed. */
static void extract(const char *program, const struct xc_buf *archive, const char *into,
		    const char *what)
{
	char command[3 * PATH_MAX];

	write_file("a.tar", archive);
	snprintf(command, sizeof(command),
		 "cd '%s' && rm -rf %s && mkdir %s && %s -C %s -xpf a.tar 2>err && ! test -s err",
		 dir, into, into, program, into);
	if (system(command) != 0) {
		char said[400];
		run("cat err", said, sizeof(said));
		fail_msg("%s: %s (%s)", program, said, what);
	}
}

/* GNU tar warns of times that are long ago, and of names that are declared not to be UTF-8. */
static const char *const programs[] = {
	"tar --warning=no-timestamp --warning=no-unknown-keyword --xattrs", "bsdtar"
};

struct path_row {
	const char *catches;
	const char *part; /* repeated, separated by slashes, up to the length */
	size_t length;    /* of all parts together */
	size_t header_bytes;
};

static char *long_path(const struct path_row *row)
{
	struct xc_buf path = XC_BUF_INIT;

	xc_buf_add_str(&path, "./");
	while (path.len_bytes + strlen(row->part) + 1 < row->length) {
		xc_buf_add_str(&path, row->part);
		xc_buf_add_char(&path, '/');
	}
	while (path.len_bytes < row->length)
		xc_buf_add_char(&path, 'f');
	return xc_buf_steal(&path);
}

/* Open a path that may be longer than PATH_MAX, one component after the other. */
static int open_long(const char *under, const char *path)
{
	char base[PATH_MAX + 64], component[NAME_MAX + 1];
	int at;

	snprintf(base, sizeof(base), "%s/%s", dir, under);
	at = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (at >= 0 && *path != '\0') {
		size_t length = strcspn(path, "/");
		int next;

		snprintf(component, sizeof(component), "%.*s", (int)length, path);
		next = openat(at, component, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		close(at);
		at = next;
		path += length + (path[length] == '/');
	}
	return at;
}

/* Both extract by whole paths, so that one over PATH_MAX can only be listed. */
static void check_listed(const char *program, const struct xc_buf *archive, const char *path)
{
	cleanup_free char *output = xc_malloc(8192);
	char command[200];

	write_file("a.tar", archive);
	snprintf(command, sizeof(command), "%s -tf a.tar", program);
	run(command, output, 8192);
	output[strcspn(output, "\n")] = '\0';
	assert_string_equal(output, path);
}

static void paths_of_any_length_and_bytes_extract_exactly(void **state)
{
	static const struct path_row rows[] = {
		{ "a plain name", "abc", 12, 512 },
		{ "a name that fills ustar's field", "name-of-ten", 100, 512 },
		{ "a prefix that is split off wrongly", "name-of-ten", 101, 512 },
		{ "a prefix without a slash to split at", "x", 156, 512 },
		{ "a last name too long to be split off",
		  "more than a hundred and ten bytes, so that it does not come into the path, "
		  "which "
		  "is then one single component, too long for ustar",
		  110, 1536 },
		{ "a path longer than ustar's prefix and name", "component", 256, 1536 },
		{ "a longer one", "component", 300, 1536 },
		{ "a path longer than PATH_MAX", "component-of-twenty", 5000, 6144 },
		{ "names translated by the locale, in ustar", "gr\xc3\xbc\xc3\x9f", 20, 512 },
		{ "names that are not UTF-8, in ustar", "\xff\xfe\x80", 30, 512 },
		{ "names that are not UTF-8, in pax", "\xff\xfe\x80", 300, 1536 },
		{ "names in UTF-8, in pax", "\xe2\x82\xac\xf0\x9f\x98\x80", 300, 1536 },
		{ "names with what a shell or a header reader trips over", "a\nb = %20\\\t*", 300,
		  1536 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_free char *path = long_path(&rows[i]);
		cleanup_buf struct xc_buf archive = XC_BUF_INIT;
		struct xc_member member = file_member(5);

		add_member(&archive, &member, path, NULL, "hello");
		if (archive.len_bytes != rows[i].header_bytes + 512)
			fail_msg("%s: a header of %zu bytes", rows[i].catches,
				 archive.len_bytes - 512);
		add_end(&archive);
		for (size_t p = 0; p < ARRAY_LEN(programs); p++) {
			char content[8] = "";
			cleanup_fd int fd = -1;

			if (rows[i].length >= PATH_MAX) {
				check_listed(programs[p], &archive, path);
				continue;
			}
			extract(programs[p], &archive, "out", rows[i].catches);
			fd = open_long("out", path);
			if (fd < 0 || read(fd, content, sizeof(content)) != 5)
				fail_msg("%s: %s makes another name", rows[i].catches, programs[p]);
			assert_memory_equal(content, "hello", 5);
		}
	}
}

static void headers_are_the_same_in_any_locale(void **state)
{
	static const char *const paths[] = { "./plain", "./gr\xc3\xbc\xc3\x9f", "./\xff\xfe" };
	static const char *const locales[] = { "C", "C.UTF-8" };
	struct xc_buf archives[2] = { XC_BUF_INIT, XC_BUF_INIT };

	(void)state;
	for (size_t l = 0; l < ARRAY_LEN(locales); l++) {
		assert_non_null(setlocale(LC_ALL, locales[l]));
		for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
			struct xc_member member = file_member(0);
			struct xc_member_extra extra = { .target = paths[i] };

			add_member(&archives[l], &member, paths[i], NULL, NULL);
			member.mtime_s = -1;
			add_member(&archives[l], &member, paths[i], NULL, NULL);
			member.type = XC_MEMBER_HARDLINK;
			add_member(&archives[l], &member, "./l", paths[i], NULL);
			member.type = XC_MEMBER_SYMLINK;
			member.extra = &extra;
			add_member(&archives[l], &member, "./l", NULL, NULL);
		}
	}
	setlocale(LC_ALL, "C");
	assert_int_equal(archives[0].len_bytes, archives[1].len_bytes);
	assert_memory_equal(archives[0].data, archives[1].data, archives[0].len_bytes);
	xc_buf_release(&archives[0]);
	xc_buf_release(&archives[1]);
}

/* A writer that went through one member must write the next as a fresh one does. */
static void a_writer_keeps_nothing_of_the_last_member(void **state)
{
	static const uint64_t sizes[] = { 3, (uint64_t)5 << 30, (uint64_t)9 << 30, 0, 1 << 20 };
	struct xc_tar_writer *writer = xc_tar_writer_new();
	struct xc_xattr xattr = { "user.a", "v", 1 };
	struct xc_member_extra extra = { .xattrs = &xattr, .xattr_count = 1 };

	(void)state;
	for (size_t i = 0; i < 4 * ARRAY_LEN(sizes); i++) {
		cleanup_buf struct xc_buf reused = XC_BUF_INIT, fresh = XC_BUF_INIT;
		struct xc_member member = file_member(sizes[i % ARRAY_LEN(sizes)]);
		struct xc_err err = { 0 };

		member.extra = i % 3 == 1 ? &extra : NULL;
		assert_int_equal(xc_tar_write_header(writer, XC_TAR_ENTRY(&member, "./a", NULL),
						     &reused, &err),
				 0);
		add_member(&fresh, &member, "./a", NULL, NULL);
		assert_int_equal(reused.len_bytes, fresh.len_bytes);
		assert_memory_equal(reused.data, fresh.data, fresh.len_bytes);
	}
	xc_tar_writer_free(writer);
}

struct listing_row {
	const char *catches;
	uint64_t size_bytes;
	int64_t mtime_s;
	uint32_t uid;
	const char *listed; /* size and time in GNU tar's listing */
};

static void sizes_times_and_owners_read_as_they_are(void **state)
{
	static const struct listing_row rows[] = {
		{ "ustar's largest size", ((uint64_t)8 << 30) - 1, 0, 7,
		  "-rw-r----- 7/7 8589934591 1970-01-01 00:00:00 ./a" },
		{ "a size of 8 GiB", (uint64_t)8 << 30, 0, 7,
		  "-rw-r----- 7/7 8589934592 1970-01-01 00:00:00 ./a" },
		{ "a huge size", (uint64_t)1 << 50, 1700000000, 7,
		  "-rw-r----- 7/7 1125899906842624 2023-11-14 22:13:20 ./a" },
		{ "a time before 1970", 0, -86400, 7, "-rw-r----- 7/7 0 1969-12-31 00:00:00 ./a" },
		{ "a time after ustar's last", 0, (int64_t)1 << 33, 7,
		  "-rw-r----- 7/7 0 2242-03-16 12:56:32 ./a" },
		{ "ustar's largest owner", 0, 0, 2097151,
		  "-rw-r----- 2097151/2097151 0 1970-01-01 00:00:00 ./a" },
		{ "an owner beyond it", 0, 0, 4294967294u,
		  "-rw-r----- 4294967294/4294967294 0 1970-01-01 00:00:00 ./a" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_buf struct xc_buf archive = XC_BUF_INIT;
		struct xc_member member = file_member(rows[i].size_bytes);
		char output[400], squeezed[400];
		size_t length = 0;

		member.mtime_s = rows[i].mtime_s;
		member.mtime_ns = 0;
		member.uid = member.gid = rows[i].uid;
		/* Only the header: tar reports the missing content, behind the listing. */
		add_member(&archive, &member, "./a", NULL, NULL);
		write_file("a.tar", &archive);
		run("tar --full-time --numeric-owner -tvf a.tar 2>/dev/null || true", output,
		    sizeof(output));
		for (const char *c = output; *c != '\0' && *c != '\n'; c++)
			if (*c != ' ' || c[1] != ' ')
				squeezed[length++] = *c;
		squeezed[length] = '\0';
		assert_string_equal(squeezed, rows[i].listed);
	}
}

static void stat_out(const char *program, const struct xc_buf *archive, const char *what,
		     struct stat *ret_stat)
{
	char path[PATH_MAX + 16];

	extract(program, archive, "out", what);
	snprintf(path, sizeof(path), "%s/out/a", dir);
	assert_int_equal(lstat(path, ret_stat), 0);
}

/* Not before 1970: libarchive 3.6 writes and reads those fractions the wrong way round. */
static void fractions_of_a_second_travel_where_a_pax_header_is_needed(void **state)
{
	static const struct xc_xattr xattr = { "user.a", "v", 1 };
	static const struct {
		int64_t mtime_s;
		uint32_t expected_ns;
	} rows[] = { { 1700000000, 250000000 }, { -2, 0 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (size_t p = 0; p < ARRAY_LEN(programs); p++) {
			cleanup_buf struct xc_buf archive = XC_BUF_INIT;
			struct xc_member_extra extra = { .xattrs = &xattr, .xattr_count = 1 };
			struct xc_member member = file_member(0);
			struct stat st;

			member.extra = &extra;
			member.mtime_s = rows[i].mtime_s;
			member.mtime_ns = 250000000;
			add_member(&archive, &member, "./a", NULL, NULL);
			add_end(&archive);
			stat_out(programs[p], &archive, "fractions", &st);
			assert_int_equal(st.st_mtim.tv_sec, rows[i].mtime_s);
			assert_int_equal(st.st_mtim.tv_nsec, rows[i].expected_ns);
		}
	}
}

struct sparse_row {
	const char *catches;
	uint64_t size_bytes;
	struct xc_extent extents[3];
	uint32_t extent_count;
};

static void check_sparse(const struct sparse_row *row, const char *program)
{
	cleanup_buf struct xc_buf archive = XC_BUF_INIT;
	struct xc_member_extra extra = { .sparse = true,
					 .extents = row->extents,
					 .extent_count = row->extent_count };
	struct xc_member member = file_member(row->size_bytes);
	cleanup_free char *content = NULL, *whole = xc_calloc(1, row->size_bytes + 1),
			  *got = xc_calloc(1, row->size_bytes + 1);
	size_t length = 0;
	struct stat st;
	int fd;

	member.extra = &extra;
	content = xc_malloc(xc_member_content_bytes(&member));
	for (uint32_t i = 0; i < row->extent_count; i++) {
		memset(content + length, 'a' + (int)i, row->extents[i].length);
		memset(whole + row->extents[i].offset, 'a' + (int)i, row->extents[i].length);
		length += row->extents[i].length;
	}
	add_member(&archive, &member, "./a", NULL, content);
	add_end(&archive);
	stat_out(program, &archive, row->catches, &st);
	if ((uint64_t)st.st_size != row->size_bytes)
		fail_msg("%s: %s makes %lld bytes", row->catches, program, (long long)st.st_size);
	if ((uint64_t)st.st_blocks * 512 > length + 3 * 65536)
		fail_msg("%s: %s writes the holes", row->catches, program);
	fd = open_long("out", "a");
	assert_int_equal(read(fd, got, row->size_bytes), row->size_bytes);
	close(fd);
	if (memcmp(got, whole, row->size_bytes) != 0)
		fail_msg("%s: %s makes other bytes", row->catches, program);
}

static void sparse_files_come_out_sparse_and_whole(void **state)
{
	static const struct sparse_row rows[] = {
		{ "a hole before the data", 8 << 20, { { 4 << 20, 4 << 20, 0 } }, 1 },
		{ "a hole behind the data", 8 << 20, { { 0, 5000, 0 } }, 1 },
		{ "several runs",
		  8 << 20,
		  { { 4096, 1024, 0 }, { 1 << 20, 73728, 1024 }, { 5 << 20, 100, 74752 } },
		  3 },
		{ "one hole and nothing else", 8 << 20, { { 0, 0, 0 } }, 0 },
		{ "all data, yet called sparse", 70000, { { 0, 70000, 0 } }, 1 },
		{ "an empty file called sparse", 0, { { 0, 0, 0 } }, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t p = 0; p < ARRAY_LEN(programs); p++)
			check_sparse(&rows[i], programs[p]);
}

static void extended_attributes_come_out(void **state)
{
	static const struct xc_xattr xattrs[] = {
		{ "user.binary", "\0\xff\n=", 4 },
		{ "user.empty", "", 0 },
	};
	struct xc_member_extra extra = { .xattrs = xattrs, .xattr_count = ARRAY_LEN(xattrs) };

	(void)state;
	/* A tmpfs takes none before Linux 6.6. */
	if (setxattr(dir, "user.test", "", 0, 0) < 0 && errno == ENOTSUP)
		skip();
	for (size_t p = 0; p < ARRAY_LEN(programs); p++) {
		cleanup_buf struct xc_buf archive = XC_BUF_INIT;
		struct xc_member member = file_member(2);
		char path[PATH_MAX + 16], value[16];

		member.extra = &extra;
		add_member(&archive, &member, "./a", NULL, "hi");
		add_end(&archive);
		extract(programs[p], &archive, "out", "attributes");
		snprintf(path, sizeof(path), "%s/out/a", dir);
		for (uint32_t i = 0; i < extra.xattr_count; i++) {
			ssize_t got = getxattr(path, xattrs[i].name, value, sizeof(value));

			if (got != (ssize_t)xattrs[i].length)
				fail_msg("%s: %s: %zd bytes", programs[p], xattrs[i].name, got);
			assert_memory_equal(value, xattrs[i].value, xattrs[i].length);
		}
	}
}

static void directories_and_links_come_out(void **state)
{
	(void)state;
	for (size_t p = 0; p < ARRAY_LEN(programs); p++) {
		cleanup_buf struct xc_buf archive = XC_BUF_INIT, target = XC_BUF_INIT;
		struct xc_member member = file_member(5);
		struct xc_member_extra extra = { 0 };
		char path[PATH_MAX + 512], link[5000];
		struct stat file, second;

		while (target.len_bytes < 4000)
			xc_buf_add_str(&target, "\xff../somewhere/");
		add_member(&archive, &member, "./a", NULL, "hello");
		member.type = XC_MEMBER_HARDLINK;
		member.size_bytes = 0;
		add_member(&archive, &member, "./b", "./a", NULL);
		member.type = XC_MEMBER_DIR;
		member.mode = 01755;
		add_member(&archive, &member, "./d", NULL, NULL);
		member.type = XC_MEMBER_SYMLINK;
		extra.target = target.data;
		member.extra = &extra;
		add_member(&archive, &member, "./d/l", NULL, NULL);
		add_end(&archive);
		stat_out(programs[p], &archive, "links", &file);
		snprintf(path, sizeof(path), "%s/out/b", dir);
		assert_int_equal(lstat(path, &second), 0);
		assert_int_equal(file.st_ino, second.st_ino);
		assert_int_equal(file.st_size, 5);
		snprintf(path, sizeof(path), "%s/out/d", dir);
		assert_int_equal(lstat(path, &second), 0);
		assert_int_equal(second.st_mode, S_IFDIR | 01755);
		snprintf(path, sizeof(path), "%s/out/d/l", dir);
		assert_int_equal(readlink(path, link, sizeof(link)), target.len_bytes);
		assert_memory_equal(link, target.data, target.len_bytes);
	}
}

static void a_directory_has_one_slash_at_its_end(void **state)
{
	static const struct {
		const char *path, *written;
	} rows[] = { { "./d", "./d/" }, { ".", "./" }, { "/", "/" }, { "~", "~/" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_buf struct xc_buf archive = XC_BUF_INIT;
		struct xc_member member = file_member(0);

		member.type = XC_MEMBER_DIR;
		add_member(&archive, &member, rows[i].path, NULL, NULL);
		assert_int_equal(archive.len_bytes, 512);
		assert_string_equal(archive.data, rows[i].written);
	}
}

static void a_header_that_has_no_room_fails_and_leaves_the_buffer(void **state)
{
	struct xc_tar_writer *writer = xc_tar_writer_new();
	struct xc_member member = file_member(0);
	struct xc_err err = { 0 };
	struct xc_buf out;

	(void)state;
	xc_buf_init(&out, 600);
	xc_buf_add_str(&out, "before");
	assert_int_equal(
		xc_tar_write_header(writer, XC_TAR_ENTRY(&member, "./a", NULL), &out, &err), 0);
	xc_buf_truncate(&out, 100);
	assert_int_equal(
		xc_tar_write_header(writer, XC_TAR_ENTRY(&member, "./a", NULL), &out, &err), -1);
	assert_int_equal(err.kind, XC_ERR_INTERNAL);
	assert_int_equal(out.len_bytes, 100);
	xc_buf_release(&out);
	xc_tar_writer_free(writer);
}

/* A path of exactly `length` bytes, with slashes where the digits of `cuts` say. */
static void make_path(char *path, size_t length, unsigned cuts)
{
	path[0] = '/';
	for (size_t i = 1; i < length; i++)
		path[i] = (cuts >> i % 7 & 1) && i % 29 == 0 && i + 1 < length && path[i - 1] != '/'
				  ? '/'
				  : 'x';
	path[length] = '\0';
}

static void check_length(struct xc_tar_writer *writer, const struct xc_member *member,
			 const char *path, const char *link_path)
{
	cleanup_buf struct xc_buf header = XC_BUF_INIT;
	struct xc_err err = { 0 };
	uint32_t bytes = 0;

	if (xc_tar_write_header(writer, XC_TAR_ENTRY(member, path, link_path), &header, &err) < 0 ||
	    xc_tar_header_bytes(writer, XC_TAR_ENTRY(member, path, link_path), &bytes, &err) < 0)
		fail_msg("%s", err.msg);
	if (bytes != header.len_bytes)
		fail_msg("type %d, path of %zu bytes %s, link of %zu, uid %u, gid %u, size %llu, "
			 "mtime %lld: %u bytes were told, %zu written",
			 member->type, strlen(path), path, link_path ? strlen(link_path) : 0,
			 member->uid, member->gid, (unsigned long long)member->size_bytes,
			 (long long)member->mtime_s, bytes, header.len_bytes);
}

/* Each field at its bounds and beyond, against what is written. */
static void the_length_of_a_header_is_known_before_it_is_written(void **state)
{
	static const size_t lengths[] = { 1,   5,   98,  99,  100, 101, 102, 155, 156,
					  157, 254, 255, 256, 257, 258, 300, 320, 2000 };
	static const uint32_t ids[] = { 0, 262143, 262144, 2097152, UINT32_MAX };
	static const uint64_t sizes[] = { 0, 100, 077777777777, 0100000000000, (uint64_t)1 << 50 };
	static const int64_t times[] = {
		0, 0x7fffffff, 0x80000000, 077777777777, 0100000000000, -1
	};
	struct xc_tar_writer *writer = xc_tar_writer_new();
	struct xc_member_extra link = { 0 };
	char path[2100], target[2100];
	unsigned dice = 1;

	(void)state;
	for (unsigned round = 0; round < 4000; round++) {
		struct xc_member member = file_member(0);
		size_t length = lengths[round % ARRAY_LEN(lengths)];
#define ROLL(array) (array)[(dice = dice * 1103515245 + 12345) / 65536 % ARRAY_LEN(array)]

		make_path(path, length, round / 8);
		make_path(target, ROLL(lengths), round);
		if (round % 11 == 0)
			memcpy(path + length - 1, "\xff", 1);
		/* Mostly all but one field as usual, so that each decides. */
		if (round % 2) {
			member.uid = ROLL(ids);
			member.mtime_s = ROLL(times);
		} else if (round % 6 == 0) {
			member.gid = ROLL(ids);
		}
		member.type = (uint8_t)(round / 3 % 4);
		if (member.type == XC_MEMBER_FILE)
			member.size_bytes = ROLL(sizes);
		link.target = target;
		if (member.type == XC_MEMBER_SYMLINK)
			member.extra = &link;
		check_length(writer, &member, path,
			     member.type == XC_MEMBER_HARDLINK ? target : NULL);
	}
	for (size_t slash = 150; slash < 160; slash++)
		for (size_t length = slash + 1; length < slash + 104; length++) {
			struct xc_member member = file_member(0);

			member.type = (uint8_t)(length % 2);
			memset(path, 'x', length);
			path[slash] = '/';
			path[length] = '\0';
			check_length(writer, &member, path, NULL);
		}
	xc_tar_writer_free(writer);
}

static void the_length_of_a_header_counts_xattrs_and_holes(void **state)
{
	static const char value[4096];
	const struct xc_xattr xattr = { "user.big", value, sizeof(value) };
	const struct xc_extent extents[] = { { 4096, 512, 0 }, { 65536, 100, 512 } };
	const struct xc_member_extra with_xattr = { .xattrs = &xattr, .xattr_count = 1 };
	const struct xc_member_extra with_holes = { .extents = extents,
						    .extent_count = 2,
						    .sparse = true };
	const struct xc_member_extra all_hole = { .sparse = true };
	struct xc_tar_writer *writer = xc_tar_writer_new();
	struct xc_member member = file_member(65636);

	(void)state;
	member.extra = &with_holes;
	check_length(writer, &member, "./a", NULL);
	member.extra = &all_hole;
	check_length(writer, &member, "./a", NULL);
	member.extra = &with_xattr;
	check_length(writer, &member, "./a", NULL);
	member.type = XC_MEMBER_DIR;
	member.size_bytes = 0;
	check_length(writer, &member, "./a", NULL);
	xc_tar_writer_free(writer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_of_any_length_and_bytes_extract_exactly),
		cmocka_unit_test(headers_are_the_same_in_any_locale),
		cmocka_unit_test(a_writer_keeps_nothing_of_the_last_member),
		cmocka_unit_test(sizes_times_and_owners_read_as_they_are),
		cmocka_unit_test(fractions_of_a_second_travel_where_a_pax_header_is_needed),
		cmocka_unit_test(sparse_files_come_out_sparse_and_whole),
		cmocka_unit_test(extended_attributes_come_out),
		cmocka_unit_test(directories_and_links_come_out),
		cmocka_unit_test(a_directory_has_one_slash_at_its_end),
		cmocka_unit_test(the_length_of_a_header_is_known_before_it_is_written),
		cmocka_unit_test(the_length_of_a_header_counts_xattrs_and_holes),
		cmocka_unit_test(a_header_that_has_no_room_fails_and_leaves_the_buffer),
	};

	return cmocka_run_group_tests_name("tar", tests, make_dir, remove_dir);
}
