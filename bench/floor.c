/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor under any restore: a tree that already lies in memory is created with N threads and
 * nothing else is done. Loading is not timed. All directories first, level by level, then files and
 * symlinks in chunks that threads take from an atomic counter. Every call names one component
 * below a directory that the thread holds open. Hard links are created as files of their own, and
 * directory times are left alone: the floor does less than a restore has to, never more.
 *
 * floor TREE DEST THREADS; DEST must not exist. Prints one JSON object.
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CHUNK_BYTES (4u << 20)
#define CHUNK_FILES 512
#define CHUNK_DIRS  64
#define DEPTH_MAX   200

struct dir {
	const struct dir *parent;
	char *name;
	mode_t mode;
	int depth;
};

struct file {
	const struct dir *dir;
	char *name;
	char *data; /* of a symlink its target */
	size_t size;
	struct timespec mtime;
	mode_t mode;
};

struct list {
	void **items;
	size_t count, room;
};

/* The open directories from the root down to the one in use: dirs[d] has depth d. */
struct open_dirs {
	const struct dir *dirs[DEPTH_MAX];
	int fds[DEPTH_MAX];
	int count;
};

static struct list levels[DEPTH_MAX], files, chunks;
static size_t dir_count, symlink_count, total_bytes, pending_bytes, pending_files;
static atomic_size_t next_item;
static int level, dest_fd;

static void *must(void *p)
{
	if (p == NULL)
		err(1, "memory");
	return p;
}

static void list_add(struct list *list, void *item)
{
	if (list->count == list->room) {
		list->room = list->room ? list->room * 2 : 64;
		list->items = must(realloc(list->items, list->room * sizeof(*list->items)));
	}
	list->items[list->count++] = item;
}

static void load_content(int dir_fd, struct file *f)
{
	f->data = must(malloc(f->size + 1));
	if (S_ISLNK(f->mode)) {
		ssize_t n = readlinkat(dir_fd, f->name, f->data, f->size + 1);

		if (n < 0 || (size_t)n != f->size)
			err(1, "readlink %s", f->name);
		f->data[n] = '\0';
		symlink_count++;
		return;
	}

	int fd = openat(dir_fd, f->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	size_t done = 0;

	while (fd >= 0 && done < f->size) {
		ssize_t n = read(fd, f->data + done, f->size - done);

		if (n <= 0)
			break;
		done += (size_t)n;
	}
	if (fd < 0 || done < f->size)
		err(1, "read %s", f->name);
	close(fd);
}

/* chunks holds the first file of each, as an index. */
static void add_file(struct file *f)
{
	if (pending_bytes >= CHUNK_BYTES || pending_files >= CHUNK_FILES || !files.count) {
		list_add(&chunks, (void *)files.count);
		pending_bytes = pending_files = 0;
	}
	list_add(&files, f);
	pending_files++;
	if (S_ISREG(f->mode)) {
		pending_bytes += f->size;
		total_bytes += f->size;
	}
}

static struct dir *add_dir(const struct dir *parent, const char *name, mode_t mode)
{
	struct dir *d = must(calloc(1, sizeof(*d)));

	d->parent = parent;
	d->name = must(strdup(name));
	d->mode = mode & 07777;
	d->depth = parent ? parent->depth + 1 : 0;
	if (d->depth >= DEPTH_MAX)
		errx(1, "%s: too deep", name);
	list_add(&levels[d->depth], d);
	dir_count++;
	return d;
}

/* Takes fd. A directory's files follow one another in the list; its subdirectories come after. */
static void load_dir(int fd, const struct dir *dir)
{
	DIR *stream = must(fdopendir(fd));
	struct list subdirs = { 0 };
	struct dirent *e;
	struct stat st;

	while ((e = readdir(stream)) != NULL) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			err(1, "stat %s", e->d_name);
		if (S_ISDIR(st.st_mode)) {
			list_add(&subdirs, add_dir(dir, e->d_name, st.st_mode));
		} else if (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode)) {
			struct file *f = must(calloc(1, sizeof(*f)));

			f->dir = dir;
			f->name = must(strdup(e->d_name));
			f->mode = st.st_mode;
			f->size = (size_t)st.st_size;
			f->mtime = st.st_mtim;
			load_content(fd, f);
			add_file(f);
		}
	}
	for (size_t i = 0; i < subdirs.count; i++) {
		const struct dir *d = subdirs.items[i];
		int sub = openat(fd, d->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (sub < 0)
			err(1, "open %s", d->name);
		load_dir(sub, d);
	}
	free(subdirs.items);
	closedir(stream);
}

static int dir_fd(struct open_dirs *held, const struct dir *d)
{
	if (d->depth < held->count && held->dirs[d->depth] == d)
		return held->fds[d->depth];

	int fd = dest_fd;

	if (d->depth > 0)
		fd = openat(dir_fd(held, d->parent), d->name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		err(1, "open %s", d->name);
	while (held->count > d->depth) {
		held->count--;
		if (held->count > 0)
			close(held->fds[held->count]);
	}
	held->dirs[d->depth] = d;
	held->fds[d->depth] = fd;
	held->count = d->depth + 1;
	return fd;
}

static void close_dirs(struct open_dirs *held)
{
	for (int i = 1; i < held->count; i++)
		close(held->fds[i]);
}

static void *create_dirs(void *arg)
{
	const struct list *list = &levels[level];
	struct open_dirs held = { .count = 0 };
	size_t first;

	(void)arg;
	while ((first = atomic_fetch_add(&next_item, CHUNK_DIRS)) < list->count) {
		size_t end = first + CHUNK_DIRS < list->count ? first + CHUNK_DIRS : list->count;

		for (size_t i = first; i < end; i++) {
			const struct dir *d = list->items[i];

			if (mkdirat(dir_fd(&held, d->parent), d->name, d->mode | 0700) < 0)
				err(1, "mkdir %s", d->name);
		}
	}
	close_dirs(&held);
	return NULL;
}

static void create_file(int dir, const struct file *f)
{
	if (S_ISLNK(f->mode)) {
		if (symlinkat(f->data, dir, f->name) < 0)
			err(1, "symlink %s", f->name);
		return;
	}

	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, f->mtime };
	int fd = openat(dir, f->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, f->mode & 07777);

	if (fd < 0)
		err(1, "create %s", f->name);
	for (size_t done = 0; done < f->size;) {
		ssize_t n = write(fd, f->data + done, f->size - done);

		if (n < 0)
			err(1, "write %s", f->name);
		done += (size_t)n;
	}
	if (futimens(fd, times) < 0 || close(fd) < 0)
		err(1, "finish %s", f->name);
}

static void *create_files(void *arg)
{
	struct open_dirs held = { .count = 0 };
	size_t c;

	(void)arg;
	while ((c = atomic_fetch_add(&next_item, 1)) < chunks.count) {
		size_t end = c + 1 < chunks.count ? (size_t)chunks.items[c + 1] : files.count;

		for (size_t i = (size_t)chunks.items[c]; i < end; i++) {
			const struct file *f = files.items[i];

			create_file(dir_fd(&held, f->dir), f);
		}
	}
	close_dirs(&held);
	return NULL;
}

static void run_threads(void *(*work)(void *), int count)
{
	pthread_t *threads = must(calloc((size_t)count, sizeof(*threads)));

	atomic_store(&next_item, 0);
	for (int i = 1; i < count; i++)
		if ((errno = pthread_create(&threads[i], NULL, work, NULL)) != 0)
			err(1, "thread");
	work(NULL);
	for (int i = 1; i < count; i++)
		pthread_join(threads[i], NULL);
	free(threads);
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double tv_seconds(struct timeval tv)
{
	return (double)tv.tv_sec + (double)tv.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
	int threads = argc == 4 ? (int)strtol(argv[3], NULL, 10) : 0;
	struct rusage before, after;

	if (threads < 1)
		errx(2, "usage: floor TREE DEST THREADS");

	int tree_fd = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (tree_fd < 0)
		err(1, "open %s", argv[1]);
	load_dir(tree_fd, add_dir(NULL, argv[2], 0755));
	umask(0);
	getrusage(RUSAGE_SELF, &before);

	double start = seconds();

	if (mkdir(argv[2], 0755) < 0)
		err(1, "mkdir %s", argv[2]);
	dest_fd = open(argv[2], O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (level = 1; level < DEPTH_MAX && levels[level].count; level++)
		run_threads(create_dirs, levels[level].count > CHUNK_DIRS ? threads : 1);

	double middle = seconds();

	run_threads(create_files, threads);

	double end = seconds();

	getrusage(RUSAGE_SELF, &after);
	printf("{\"threads\": %d, \"dirs\": %zu, \"files\": %zu, \"symlinks\": %zu, \"bytes\": "
	       "%zu, "
	       "\"dirs_s\": %.4f, \"files_s\": %.4f, \"wall_s\": %.4f, "
	       "\"user_s\": %.4f, \"sys_s\": %.4f}\n",
	       threads, dir_count, files.count - symlink_count, symlink_count, total_bytes,
	       middle - start, end - middle, end - start,
	       tv_seconds(after.ru_utime) - tv_seconds(before.ru_utime),
	       tv_seconds(after.ru_stime) - tv_seconds(before.ru_stime));
	return 0;
}
