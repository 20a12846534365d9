/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mktree KIND DIR: make a directory with what a cache may get wrong. The kinds
 * are listed by "mktree". The same kind is the same tree every time.
 *
 * Exit code: 0 done, 1 failed, 77 if the file system or the user cannot have
 * such a tree.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "pack/segment.h"

#define SKIPPED 77

static void die(const char *what)
{
	perror(what);
	exit(errno == ENOTSUP || errno == EPERM ? SKIPPED : 1);
}

static void check(int result, const char *what)
{
	if (result < 0)
		die(what);
}

static bool is_root(void)
{
	return geteuid() == 0;
}

static int sub(int dir_fd, const char *name, mode_t mode)
{
	int fd;

	check(mkdirat(dir_fd, name, 0700), name);
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check(fd, name);
	check(fchmod(fd, mode), name);
	return fd;
}

static int open_new(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	check(fd, name);
	return fd;
}

static void write_all(int fd, const void *data, size_t length)
{
	const char *at = data;

	while (length > 0) {
		ssize_t done = write(fd, at, length);

		check((int)done, "write");
		at += done;
		length -= (size_t)done;
	}
}

static void file(int dir_fd, const char *name, const char *content)
{
	int fd = open_new(dir_fd, name);

	write_all(fd, content, strlen(content));
	close(fd);
}

/* Bytes that compress to about a half. */
static void noise(int fd, size_t length, uint32_t seed)
{
	char block[4096];

	while (length > 0) {
		size_t count = length < sizeof(block) ? length : sizeof(block);

		for (size_t i = 0; i < count; i++) {
			seed = seed * 1664525 + 1013904223;
			block[i] = (char)("0123456789abcdef"[seed >> 28]);
		}
		write_all(fd, block, count);
		length -= count;
	}
}

static void make_plain(int dir)
{
	int fd = sub(dir, "sub", 0755);

	file(dir, "a.txt", "alpha\n");
	file(dir, "b.txt", "beta\n");
	file(dir, "empty", "");
	file(fd, "c.txt", "gamma\n");
	check(symlinkat("../a.txt", fd, "to-a"), "to-a");
	close(fd);
	close(sub(dir, "void", 0755));
}

static void make_modes(int dir)
{
	static const mode_t modes[] = { 0644,  0444,  0400,  0755, 0555, 04755,
					02755, 01644, 06711, 0666, 0777, 07777 };
	static const mode_t dir_modes[] = { 0755, 0700, 0555, 01777, 02775 };
	char name[16];

	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		snprintf(name, sizeof(name), "f%04o", modes[i]);
		file(dir, name, name);
		check(fchmodat(dir, name, modes[i], 0), name);
	}
	for (size_t i = 0; i < sizeof(dir_modes) / sizeof(*dir_modes); i++) {
		int fd;

		snprintf(name, sizeof(name), "d%04o", dir_modes[i]);
		fd = sub(dir, name, 0700);
		file(fd, "inside", name);
		close(sub(fd, "sub", 0755));
		check(fchmod(fd, dir_modes[i]), name);
		close(fd);
	}
	if (!is_root())
		return;
	file(dir, "f0000", "closed");
	check(fchmodat(dir, "f0000", 0, 0), "f0000");
	close(sub(dir, "d0000", 0));
}

/* In the deepest first, as each change below a directory changes its own time. */
static void make_times(int dir)
{
	static const struct timespec times[] = {
		{ 0, 0 },
		{ 0, 1 },
		{ -1, 999999999 },
		{ -1, 1 },
		{ -1600000000, 123456789 },
		{ 1700000000, 987654321 },
		{ 2147483648, 5 },
		{ 8589934592, 6 },
		{ 13569465600, 999999999 },
	};
	char name[16];

	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		struct timespec both[2] = { times[i], times[i] };
		int fd;

		snprintf(name, sizeof(name), "f%zu", i);
		file(dir, name, name);
		check(utimensat(dir, name, both, 0), name);
		snprintf(name, sizeof(name), "l%zu", i);
		check(symlinkat("f0", dir, name), name);
		check(utimensat(dir, name, both, AT_SYMLINK_NOFOLLOW), name);
		snprintf(name, sizeof(name), "d%zu", i);
		fd = sub(dir, name, 0755);
		file(fd, "inside", name);
		check(futimens(fd, both), name);
		close(fd);
	}
}

static void make_links(int dir)
{
	static char target[4096];
	int fd = sub(dir, "real", 0755);

	file(fd, "inside", "real\n");
	close(fd);
	check(symlinkat("no/such/place", dir, "broken"), "broken");
	check(symlinkat("/etc/hostname-that-is-not-there", dir, "absolute"), "absolute");
	check(symlinkat("real", dir, "to-dir"), "to-dir");
	check(symlinkat("real/", dir, "to-dir-slash"), "to-dir-slash");
	check(symlinkat("..", dir, "to-parent"), "to-parent");
	check(symlinkat(".", dir, "to-self"), "to-self");
	check(symlinkat("loop", dir, "loop"), "loop");
	check(symlinkat("line\nbreak \\ \"\xff\x80", dir, "odd"), "odd");
	memset(target, 'x', 4095);
	check(symlinkat(target, dir, "long"), "long");
	target[150] = '\0';
	check(symlinkat(target, dir, "longer-than-ustar"), "longer-than-ustar");
}

static void make_hard(int dir)
{
	int a = sub(dir, "a", 0755), z = sub(dir, "z", 0755);

	file(a, "one", "linked\n");
	check(linkat(a, "one", a, "two", 0), "two");
	check(linkat(a, "one", z, "three", 0), "three");
	check(linkat(a, "one", dir, "zero", 0), "zero");
	/* A second group of the same content, which must stay apart. */
	file(z, "other", "linked\n");
	check(linkat(z, "other", a, "another", 0), "another");
	file(z, "single", "linked\n");
	file(z, "none", "");
	check(linkat(z, "none", dir, "nothing", 0), "nothing");
	check(symlinkat("one", a, "symlink"), "symlink");
	/* Not every file system links symlinks. */
	(void)!linkat(a, "symlink", z, "symlink-too", 0);
	close(a);
	close(z);
}

static void make_empty(int dir)
{
	int fd = dir;
	char name[32];

	for (int i = 0; i < 5; i++) {
		int next = sub(fd, "hollow", 0755);

		if (fd != dir)
			close(fd);
		fd = next;
	}
	close(fd);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "empty-%d", i);
		file(dir, name, "");
	}
	close(sub(dir, "void", 0755));
}

struct run {
	off_t offset;
	size_t length;
};

static void sparse(int dir, const char *name, off_t size, const struct run *runs)
{
	int fd = open_new(dir, name);

	for (; runs->length > 0; runs++) {
		check((int)(lseek(fd, runs->offset, SEEK_SET) < 0 ? -1 : 0), name);
		noise(fd, runs->length, (uint32_t)runs->offset + 1);
	}
	check(ftruncate(fd, size), name);
	close(fd);
}

static void make_sparse(int dir)
{
	enum { MB = 1 << 20 };
	struct run many[301] = { 0 };

	sparse(dir, "hole-first", 2 * MB, (struct run[]){ { MB, MB }, { 0, 0 } });
	sparse(dir, "hole-last", 3 * MB, (struct run[]){ { 0, MB }, { 0, 0 } });
	sparse(dir, "hole-last-odd", 3 * MB + 1, (struct run[]){ { 0, 5000 }, { 0, 0 } });
	sparse(dir, "hole-between", 9 * MB,
	       (struct run[]){ { 0, 65536 }, { 8 * MB, 65536 + 7 }, { 0, 0 } });
	sparse(dir, "all-hole", (off_t)3 << 30, (struct run[]){ { 0, 0 } });
	sparse(dir, "small-hole", 65536, (struct run[]){ { 0, 0 } });
	/* Its data runs over several segments. */
	sparse(dir, "large", 64 * MB,
	       (struct run[]){ { MB, 5 * MB }, { 20 * MB, 5 * MB }, { 0, 0 } });
	for (size_t i = 0; i < 300; i++)
		many[i] = (struct run){ (off_t)i * 131072, 4096 };
	sparse(dir, "many-holes", 300 * 131072, many);
	file(dir, "dense", "no hole\n");
}

static void make_xattrs(int dir)
{
	static const char binary[] = "a\0b\n\xff";
	char name[32], large[1000];
	int fd = sub(dir, "dir", 0755), inner;

	check(fsetxattr(fd, "user.of-dir", "d", 1, 0), "xattr");
	inner = open_new(fd, "file");
	check(fsetxattr(inner, "user.b", binary, sizeof(binary) - 1, 0), "xattr");
	check(fsetxattr(inner, "user.a", "", 0, 0), "xattr");
	check(fsetxattr(inner, "user.name=value", "x", 1, 0), "xattr");
	close(inner);
	inner = open_new(fd, "read-only");
	check(fsetxattr(inner, "user.a", "1", 1, 0), "xattr");
	check(fchmod(inner, 0444), "read-only");
	close(inner);
	inner = open_new(fd, "many");
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "user.number-%d", i);
		check(fsetxattr(inner, name, name, strlen(name), 0), "xattr");
	}
	close(inner);
	inner = open_new(fd, "large");
	memset(large, 'v', sizeof(large));
	check(fsetxattr(inner, "user.large", large, sizeof(large), 0), "xattr");
	/* Data over several segments beside an xattr. */
	noise(inner, (size_t)9 << 20, 5);
	close(inner);
	inner = sub(fd, "closed", 0755);
	check(fsetxattr(inner, "user.closed", "c", 1, 0), "xattr");
	check(fchmod(inner, 0555), "closed");
	close(inner);
	close(fd);
}

static void make_owners(int dir)
{
	static const struct {
		uid_t uid;
		gid_t gid;
	} owners[] = { { 1000, 1001 }, { 65534, 0 }, { 0, 65534 }, { 4000000000u, 4100000000u } };
	char name[16];

	if (!is_root())
		exit(SKIPPED);
	for (size_t i = 0; i < sizeof(owners) / sizeof(*owners); i++) {
		const char *const kinds[] = { "f", "s", "l", "d" };

		for (size_t kind = 0; kind < 4; kind++) {
			snprintf(name, sizeof(name), "%s%zu", kinds[kind], i);
			if (kind < 2)
				file(dir, name, name);
			else if (kind == 2)
				check(symlinkat("f0", dir, name), name);
			else
				close(sub(dir, name, 0755));
			check(fchownat(dir, name, owners[i].uid, owners[i].gid,
				       AT_SYMLINK_NOFOLLOW),
			      name);
			/* Whoever changes the owner last loses these bits. */
			if (kind == 1)
				check(fchmodat(dir, name, 06755, 0), name);
		}
	}
}

static void make_names(int dir)
{
	static const char *const names[] = {
		"-rf",
		"--",
		" ",
		" lead",
		"trail ",
		"..x",
		"...",
		"~",
		"~root",
		"a",
		"a b",
		"a.b",
		"a-b",
		"A",
		"*",
		"?",
		"[x]",
		"!x",
		"#x",
		"$HOME",
		"`id`",
		"\"",
		"'",
		"a\\b",
		"\\",
		"{a,b}",
		"%",
		"%2F",
		"::error::x",
		"##[x",
		"\xc3\xa9",
		"e\xcc\x81",
		"\xf0\x9f\x98\x80",
		"a\nb",
		"\n",
		"\xed\xa0\x80",
		"\xc0\xaf",
		".xcache-restore-x",

	};
	char name[256];
	int fd = sub(dir, "bytes", 0755), inner;

	for (int byte = 1; byte < 256; byte++) {
		if (byte == '/')
			continue;
		snprintf(name, sizeof(name), "x%cy", byte);
		file(fd, name, name);
		snprintf(name, sizeof(name), "%c", byte);
		if (byte != '.')
			file(fd, name, name);
	}
	close(fd);
	fd = sub(dir, "words", 0755);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		file(fd, names[i], names[i]);
	/* Sorts between what lies below "a" and what begins with "a". */
	inner = sub(fd, "a.dir", 0755);
	file(inner, "-n", "x");
	close(inner);
	close(fd);
	fd = sub(dir, "long", 0755);
	memset(name, 'n', 255);
	name[255] = '\0';
	file(fd, name, "long");
	memset(name, '\xff', 255);
	close(sub(fd, name, 0755));
	memset(name, '\n', 255);
	check(symlinkat(name, fd, name), "long link");
	close(fd);
}

/* What lies at each end of a long path: as many levels as asked for, with names as long. */
static void descend(int dir, int levels, size_t length)
{
	char name[256] = { 0 };
	int fd = dir;

	for (int i = 0; i < levels; i++) {
		int next;

		memset(name, 'a' + i % 26, length);
		next = sub(fd, name, 0755);
		if (i > 0)
			close(fd);
		fd = next;
	}
	file(fd, "bottom", "here\n");
	check(symlinkat("bottom", fd, "to-bottom"), "to-bottom");
	check(linkat(fd, "bottom", fd, "twin", 0), "twin");
	check(linkat(fd, "bottom", dir, "top-twin", 0), "top-twin");
	close(sub(fd, "empty", 0555));
	close(fd);
}

static void make_deep(int dir)
{
	descend(dir, 25, 240);
}

static void make_levels(int dir)
{
	descend(dir, 1200, 1);
}

static void make_big(int dir)
{
	int fd;

	file(dir, "before", "small\n");
	fd = open_new(dir, "big");
	noise(fd, ((size_t)20 << 20) + 777, 1);
	close(fd);
	file(dir, "c-after", "small\n");
}

/* Files of exactly the length of a segment, and one to each side. */
static void make_edges(int dir)
{
	for (int i = -1; i <= 1; i++) {
		char name[16];
		int fd;

		snprintf(name, sizeof(name), "edge%d", i + 1);
		fd = open_new(dir, name);
		noise(fd, XC_SEGMENT_TARGET_BYTES + (size_t)(i + 1) - 1, 7);
		close(fd);
	}
}

static void make_many(int dir)
{
	char name[32];

	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "file-%d", i);
		file(dir, name, name);
	}
}

static void make_special(int dir)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "socket" };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	file(dir, "file", "kept\n");
	check(mkfifoat(dir, "fifo", 0644), "fifo");
	check(mkfifoat(dir, "fifo2", 0644), "fifo2");
	check(fchdir(dir), "fchdir");
	check(fd, "socket");
	check(bind(fd, (struct sockaddr *)&address, sizeof(address)), "bind");
	close(fd);
	/* Not even root may make devices everywhere. */
	if (is_root())
		(void)!mknodat(dir, "device", S_IFCHR | 0600, makedev(1, 3));
}

static const struct {
	const char *name;
	void (*make)(int dir);
} kinds[] = {
	{ "plain", make_plain },     { "modes", make_modes },   { "times", make_times },
	{ "links", make_links },     { "hard", make_hard },     { "empty", make_empty },
	{ "sparse", make_sparse },   { "xattrs", make_xattrs }, { "owners", make_owners },
	{ "names", make_names },     { "deep", make_deep },     { "levels", make_levels },
	{ "big", make_big },         { "edges", make_edges },   { "many", make_many },
	{ "special", make_special },
};

int main(int argc, char **argv)
{
	umask(0);
	for (size_t i = 0; argc == 3 && i < sizeof(kinds) / sizeof(*kinds); i++) {
		int fd;

		if (strcmp(argv[1], kinds[i].name) != 0)
			continue;
		fd = sub(AT_FDCWD, argv[2], 0755);
		kinds[i].make(fd);
		close(fd);
		return 0;
	}
	fputs("usage: mktree KIND DIR, where KIND is one of", stderr);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		fprintf(stderr, " %s", kinds[i].name);
	fputs("\n", stderr);
	return 2;
}
