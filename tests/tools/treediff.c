/* SPDX-License-Identifier: Apache-2.0 */
/*
 * treediff [options] A B: compare two trees in all that a cache should bring
 * back, and print each difference as one line, "<path>: <what>".
 *
 * Exit code: 0 the same, 1 different, 2 not comparable (with a message).
 * Compared are types, modes, owners, times of change to the nanosecond, sizes,
 * contents, targets of symlinks, user.* xattrs, which names are links to one
 * file, devices, and where files have holes. No path is longer than one name,
 * so that trees may be as deep as they like.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <search.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define BLOCK_BYTES    ((size_t)1 << 16)
#define XATTRS_MAX     ((size_t)1 << 16)
#define PATH_SHOWN_MAX ((size_t)1 << 20)
/* A file system may need some blocks more for the same holes. */
#define BLOCKS_SLACK 128

enum side { A, B, SIDES };

static struct {
	bool seconds, no_holes, no_owner, no_xattrs, no_dir_times, no_times;
} ignored;

static unsigned long differences;

/* The path from the tops, for messages. */
static char *shown_path;
static size_t shown_bytes;

struct names {
	char **items;
	size_t count, capacity;
};

/* The first name by which an inode was met. */
struct inode {
	enum side side;
	dev_t device;
	ino_t number;
	char *path;
};

static void *inodes;

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void *must(void *memory)
{
	if (!memory)
		die("treediff");
	return memory;
}

static void print_path(void)
{
	for (size_t i = 0; i < shown_bytes; i++) {
		unsigned char c = (unsigned char)shown_path[i];

		if (c < 0x20 || c >= 0x7f || c == '\\')
			printf("\\x%02x", c);
		else
			putchar(c);
	}
}

__attribute__((format(printf, 1, 2))) static void differ(const char *format, ...)
{
	va_list list;

	differences++;
	print_path();
	fputs(": ", stdout);
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	putchar('\n');
}

static size_t push_name(const char *name)
{
	size_t before = shown_bytes, length = strlen(name);

	if (before + length + 1 >= PATH_SHOWN_MAX) {
		fputs("treediff: too deep\n", stderr);
		exit(2);
	}
	shown_path[shown_bytes++] = '/';
	memcpy(shown_path + shown_bytes, name, length);
	shown_bytes += length;
	return before;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void read_names(int dir_fd, struct names *names)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir)
		die("treediff: opendir");
	while (errno = 0, (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (names->count == names->capacity) {
			names->capacity = names->capacity ? 2 * names->capacity : 16;
			names->items = must(
				realloc(names->items, names->capacity * sizeof(*names->items)));
		}
		names->items[names->count++] = must(strdup(entry->d_name));
	}
	if (errno)
		die("treediff: readdir");
	closedir(dir);
	if (names->count > 0)
		qsort(names->items, names->count, sizeof(*names->items), compare_names);
}

static void free_names(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->items[i]);
	free(names->items);
}

static int compare_inodes(const void *a, const void *b)
{
	const struct inode *x = a, *y = b;

	if (x->side != y->side)
		return x->side < y->side ? -1 : 1;
	if (x->device != y->device)
		return x->device < y->device ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

static const char *first_name(enum side side, const struct stat *st)
{
	struct inode *inode = must(calloc(1, sizeof(*inode)));
	struct inode **found;

	*inode = (struct inode){ .side = side, .device = st->st_dev, .number = st->st_ino };
	found = must(tsearch(inode, &inodes, compare_inodes));
	if (*found == inode)
		inode->path = must(strndup(shown_path, shown_bytes));
	else
		free(inode);
	return (*found)->path;
}

static void compare_links(const struct stat st[SIDES])
{
	const char *first[SIDES];

	if (st[A].st_nlink < 2 && st[B].st_nlink < 2)
		return;
	for (enum side side = A; side < SIDES; side++)
		first[side] = first_name(side, &st[side]);
	if (strcmp(first[A], first[B]) != 0)
		differ("is the same file as %s in A, as %s in B", first[A], first[B]);
}

static void compare_times(const struct stat st[SIDES])
{
	const struct timespec *a = &st[A].st_mtim, *b = &st[B].st_mtim;

	if (ignored.no_times || (ignored.no_dir_times && S_ISDIR(st[A].st_mode)))
		return;
	if (a->tv_sec == b->tv_sec && (ignored.seconds || a->tv_nsec == b->tv_nsec))
		return;
	differ("changed at %lld.%09ld in A, %lld.%09ld in B", (long long)a->tv_sec, a->tv_nsec,
	       (long long)b->tv_sec, b->tv_nsec);
}

static void compare_targets(const int fds[SIDES], const char *name)
{
	char targets[SIDES][BLOCK_BYTES];
	ssize_t lengths[SIDES];

	for (enum side side = A; side < SIDES; side++) {
		lengths[side] = readlinkat(fds[side], name, targets[side], BLOCK_BYTES);
		if (lengths[side] < 0)
			die("treediff: readlink");
	}
	if (lengths[A] != lengths[B] || memcmp(targets[A], targets[B], (size_t)lengths[A]) != 0)
		differ("points to '%.*s' in A, '%.*s' in B", (int)lengths[A], targets[A],
		       (int)lengths[B], targets[B]);
}

static size_t read_full(int fd, char *buffer)
{
	size_t length = 0;

	while (length < BLOCK_BYTES) {
		ssize_t got = read(fd, buffer + length, BLOCK_BYTES - length);

		if (got < 0)
			die("treediff: read");
		if (got == 0)
			break;
		length += (size_t)got;
	}
	return length;
}

/* Where the next data is, and where that ends; both -1 behind the last. */
static void next_data(int fd, off_t *from, off_t *to)
{
	*from = lseek(fd, *to, SEEK_DATA);
	if (*from < 0 && errno != ENXIO)
		die("treediff: SEEK_DATA");
	*to = *from < 0 ? -1 : lseek(fd, *from, SEEK_HOLE);
}

/* Returns false if the holes differ. Both files end positioned at their start. */
static bool compare_holes(const int fds[SIDES])
{
	off_t from[SIDES], to[SIDES] = { 0, 0 };
	bool same = true;

	do {
		next_data(fds[A], &from[A], &to[A]);
		next_data(fds[B], &from[B], &to[B]);
		same = from[A] == from[B] && to[A] == to[B];
	} while (same && from[A] >= 0);
	if (!same && !ignored.no_holes)
		differ("has data at %lld to %lld in A, %lld to %lld in B", (long long)from[A],
		       (long long)to[A], (long long)from[B], (long long)to[B]);
	return same;
}

static void compare_range(const int fds[SIDES], off_t from, off_t to)
{
	static char blocks[SIDES][BLOCK_BYTES];

	for (enum side side = A; side < SIDES; side++)
		if (lseek(fds[side], from, SEEK_SET) < 0)
			die("treediff: seek");
	while (from < to) {
		size_t a = read_full(fds[A], blocks[A]), b = read_full(fds[B], blocks[B]);

		if (a != b || memcmp(blocks[A], blocks[B], a) != 0) {
			differ("differs within the %zu bytes from %lld", a, (long long)from);
			return;
		}
		if (a == 0)
			return;
		from += (off_t)a;
	}
}

/* With the same holes only data needs to be read: holes may be large. */
static void compare_contents(const int fds[SIDES], off_t size)
{
	off_t from, to = 0;

	if (!compare_holes(fds)) {
		compare_range(fds, 0, size);
		return;
	}
	for (;;) {
		next_data(fds[A], &from, &to);
		if (from < 0)
			return;
		compare_range(fds, from, to);
	}
}

static void read_xattrs(int fd, struct names *names)
{
	static char list[XATTRS_MAX];
	ssize_t length = flistxattr(fd, list, sizeof(list));

	if (length < 0 && errno != ENOTSUP)
		die("treediff: listxattr");
	for (const char *at = list; length > 0 && at < list + length; at += strlen(at) + 1) {
		if (strncmp(at, "user.", 5) != 0)
			continue;
		names->items = must(realloc(names->items, (names->count + 1) * sizeof(char *)));
		names->items[names->count++] = must(strdup(at));
	}
	if (names->count > 0)
		qsort(names->items, names->count, sizeof(*names->items), compare_names);
}

static void compare_xattr(const int fds[SIDES], const char *name)
{
	static char values[SIDES][XATTRS_MAX];
	ssize_t lengths[SIDES];

	for (enum side side = A; side < SIDES; side++)
		lengths[side] = fgetxattr(fds[side], name, values[side], XATTRS_MAX);
	if (lengths[A] != lengths[B] ||
	    (lengths[A] > 0 && memcmp(values[A], values[B], (size_t)lengths[A]) != 0))
		differ("has another value of the xattr %s", name);
}

static void compare_xattrs(const int fds[SIDES])
{
	struct names names[SIDES] = { 0 };

	if (ignored.no_xattrs)
		return;
	for (enum side side = A; side < SIDES; side++)
		read_xattrs(fds[side], &names[side]);
	if (names[A].count != names[B].count)
		differ("has %zu xattrs in A, %zu in B", names[A].count, names[B].count);
	for (size_t i = 0; i < names[A].count; i++)
		compare_xattr(fds, names[A].items[i]);
	for (enum side side = A; side < SIDES; side++)
		free_names(&names[side]);
}

static void compare_dirs(int fds[SIDES]);

static void open_both(const int fds[SIDES], const char *name, int flags, int ret_fds[SIDES])
{
	for (enum side side = A; side < SIDES; side++) {
		ret_fds[side] = openat(fds[side], name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | flags);
		if (ret_fds[side] < 0)
			die(name);
	}
}

static void compare_file(const int fds[SIDES], const char *name, const struct stat st[SIDES])
{
	int files[SIDES];

	if (st[A].st_size != st[B].st_size) {
		differ("has %lld bytes in A, %lld in B", (long long)st[A].st_size,
		       (long long)st[B].st_size);
		return;
	}
	if (!ignored.no_holes && st[B].st_blocks > st[A].st_blocks + BLOCKS_SLACK)
		differ("takes %lld blocks in A, %lld in B", (long long)st[A].st_blocks,
		       (long long)st[B].st_blocks);
	open_both(fds, name, 0, files);
	compare_contents(files, st[A].st_size);
	compare_xattrs(files);
	close(files[A]);
	close(files[B]);
}

/* The directories above are closed meanwhile, and found again as "..". */
static void compare_subdir(int fds[SIDES], const char *name)
{
	int inner[SIDES];

	open_both(fds, name, O_DIRECTORY, inner);
	close(fds[A]);
	close(fds[B]);
	compare_dirs(inner);
	for (enum side side = A; side < SIDES; side++) {
		fds[side] = openat(inner[side], "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fds[side] < 0)
			die("treediff: ..");
		close(inner[side]);
	}
}

static void compare_status(const struct stat st[SIDES])
{
	if ((st[A].st_mode & 07777) != (st[B].st_mode & 07777) && !S_ISLNK(st[A].st_mode))
		differ("has mode %04o in A, %04o in B", st[A].st_mode & 07777,
		       st[B].st_mode & 07777);
	if (!ignored.no_owner && (st[A].st_uid != st[B].st_uid || st[A].st_gid != st[B].st_gid))
		differ("belongs to %u:%u in A, %u:%u in B", st[A].st_uid, st[A].st_gid,
		       st[B].st_uid, st[B].st_gid);
	if ((S_ISCHR(st[A].st_mode) || S_ISBLK(st[A].st_mode)) && st[A].st_rdev != st[B].st_rdev)
		differ("is device %u:%u in A, %u:%u in B", major(st[A].st_rdev),
		       minor(st[A].st_rdev), major(st[B].st_rdev), minor(st[B].st_rdev));
	compare_times(st);
}

/* Compares one name that both have. */
static void compare_entry(int fds[SIDES], const char *name)
{
	struct stat st[SIDES];

	for (enum side side = A; side < SIDES; side++)
		if (fstatat(fds[side], name, &st[side], AT_SYMLINK_NOFOLLOW) < 0)
			die(name);
	if ((st[A].st_mode & S_IFMT) != (st[B].st_mode & S_IFMT)) {
		differ("has type %06o in A, %06o in B", st[A].st_mode & S_IFMT,
		       st[B].st_mode & S_IFMT);
		return;
	}
	compare_status(st);
	if (S_ISDIR(st[A].st_mode)) {
		compare_subdir(fds, name);
		return;
	}
	compare_links(st);
	if (S_ISLNK(st[A].st_mode))
		compare_targets(fds, name);
	else if (S_ISREG(st[A].st_mode))
		compare_file(fds, name, st);
}

/* Compares what two open directories hold, and their xattrs. Leaves others of the same in `fds`. */
static void compare_dirs(int fds[SIDES])
{
	struct names names[SIDES] = { 0 };
	size_t a = 0, b = 0;

	compare_xattrs(fds);
	for (enum side side = A; side < SIDES; side++)
		read_names(fds[side], &names[side]);
	while (a < names[A].count || b < names[B].count) {
		int order = a == names[A].count   ? 1
			    : b == names[B].count ? -1
						  : strcmp(names[A].items[a], names[B].items[b]);
		const char *name = order <= 0 ? names[A].items[a] : names[B].items[b];
		size_t before = push_name(name);

		if (order == 0)
			compare_entry(fds, name);
		else
			differ("is only in %c", order < 0 ? 'A' : 'B');
		shown_bytes = before;
		a += order <= 0;
		b += order >= 0;
	}
	for (enum side side = A; side < SIDES; side++)
		free_names(&names[side]);
}

static void free_inode(void *node)
{
	free(((struct inode *)node)->path);
	free(node);
}

static void compare_tops(char *const paths[SIDES])
{
	struct stat st[SIDES];
	int fds[SIDES];

	for (enum side side = A; side < SIDES; side++)
		if (lstat(paths[side], &st[side]) < 0)
			die(paths[side]);
	if ((st[A].st_mode & S_IFMT) != (st[B].st_mode & S_IFMT)) {
		differ("has another type");
		return;
	}
	compare_status(st);
	for (enum side side = A; side < SIDES; side++) {
		fds[side] = open(paths[side], O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (fds[side] < 0)
			die(paths[side]);
	}
	if (S_ISDIR(st[A].st_mode)) {
		compare_dirs(fds);
	} else {
		if (st[A].st_size != st[B].st_size)
			differ("has another size");
		compare_contents(fds, st[A].st_size);
		compare_xattrs(fds);
	}
	close(fds[A]);
	close(fds[B]);
}

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seconds", no_argument, NULL, 's' },
		{ "no-holes", no_argument, NULL, 'h' },
		{ "no-owner", no_argument, NULL, 'o' },
		{ "no-xattrs", no_argument, NULL, 'x' },
		{ "no-dir-times", no_argument, NULL, 'd' },
		{ "no-times", no_argument, NULL, 't' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		ignored.seconds |= option == 's';
		ignored.no_holes |= option == 'h';
		ignored.no_owner |= option == 'o';
		ignored.no_xattrs |= option == 'x';
		ignored.no_dir_times |= option == 'd';
		ignored.no_times |= option == 't';
		if (option == '?')
			exit(2);
	}
}

int main(int argc, char **argv)
{
	parse_options(argc, argv);
	if (argc - optind != SIDES) {
		fputs("usage: treediff [--seconds] [--no-times] [--no-dir-times] [--no-holes]\n"
		      "                [--no-owner] [--no-xattrs] A B\n",
		      stderr);
		return 2;
	}
	shown_path = must(malloc(PATH_SHOWN_MAX));
	shown_path[shown_bytes++] = '.';
	compare_tops(argv + optind);
	tdestroy(inodes, free_inode);
	free(shown_path);
	return differences > 0;
}
