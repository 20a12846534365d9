/* SPDX-License-Identifier: Apache-2.0 */
#include "tree/walk/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/pool.h"
#include "tree/walk/internal.h"

void xc_tree_release(struct xc_tree *tree)
{
	xc_members_release(&tree->members);
	xc_strlist_release(&tree->root_paths);
	free(tree->root_positions);
	free(tree->root_containers);
	free(tree->stamps);
	*tree = (struct xc_tree)XC_TREE_INIT;
}

static bool walk_failed(struct walk *walk)
{
	return atomic_load_explicit(&walk->failed, memory_order_relaxed) ||
	       xc_cancel_requested(walk->opts->cancel);
}

/* The first error is the one that is told. */
static void walk_fail(struct walk *walk, const struct xc_err *err)
{
	pthread_mutex_lock(&walk->mutex);
	if (!atomic_exchange(&walk->failed, true))
		walk->err = *err;
	pthread_mutex_unlock(&walk->mutex);
}

/* Whether a slash stands before the name: the root "/" as a root path ends in it. */
static bool joins(const struct walk_dir *dir)
{
	return dir->parent && strcmp(dir->parent->name, "/") != 0;
}

/* From the end backwards, and no recursion: a tree may be as deep as it likes. */
static void directory_path(const struct walk_dir *dir, struct xc_buf *out)
{
	size_t length = 0, at;
	char *path;

	for (const struct walk_dir *i = dir; i; i = i->parent)
		length += strlen(i->name) + joins(i);
	path = xc_buf_reserve(out, length);
	if (!path)
		xc_out_of_memory();
	at = length;
	for (const struct walk_dir *i = dir; i; i = i->parent) {
		size_t name_length = strlen(i->name);

		at -= name_length;
		memcpy(path + at, i->name, name_length);
		if (joins(i))
			path[--at] = '/';
	}
	xc_buf_grow_by(out, length);
}

static int fail_at(const struct walk_dir *dir, const char *name, const char *what,
		   struct xc_err *err)
{
	int saved = errno;
	cleanup_buf struct xc_buf path = XC_BUF_INIT;

	directory_path(dir, &path);
	if (name)
		xc_buf_addf(&path, "%s%s", path.len_bytes > 1 ? "/" : "", name);
	if (saved == ENOENT)
		return xc_err_set(err, XC_ERR_CHANGED,
				  "%s vanished while it was being saved: save after all writers "
				  "have finished",
				  XC_QUOTE(path.data));
	if (saved == ELOOP || saved == ENOTDIR)
		return xc_err_set(err, XC_ERR_CHANGED,
				  "%s was replaced while it was being saved: save after all "
				  "writers have finished",
				  XC_QUOTE(path.data));
	return xc_err_sys(err, saved, "cannot %s %s", what, XC_QUOTE(path.data));
}

static void note(const struct walk_dir *dir, const char *name, enum xc_note_kind kind)
{
	struct walk *walk = dir->walk;
	cleanup_buf struct xc_buf path = XC_BUF_INIT;

	directory_path(dir, &path);
	if (name)
		xc_buf_addf(&path, "%s%s", path.len_bytes > 1 ? "/" : "", name);
	pthread_mutex_lock(&walk->mutex);
	xc_notes_add(walk->opts->notes, kind, path.data);
	pthread_mutex_unlock(&walk->mutex);
}

static struct walk_side *side_of(struct walk_worker *worker, struct walk_entry *entry)
{
	if (!entry->side) {
		entry->side = xc_arena_alloc(&worker->arena, sizeof(*entry->side));
		*entry->side = (struct walk_side){ 0 };
	}
	return entry->side;
}

static struct xc_member_extra *extra_of(struct walk_worker *worker, struct walk_entry *entry)
{
	struct walk_side *side = side_of(worker, entry);

	if (!side->extra) {
		side->extra = xc_arena_alloc(&worker->arena, sizeof(*side->extra));
		*side->extra = (struct xc_member_extra){ 0 };
	}
	return side->extra;
}

static int read_target(struct walk_worker *worker, int dir_fd, struct walk_entry *entry)
{
	char target[PATH_MAX];
	ssize_t length = readlinkat(dir_fd, entry->name, target, sizeof(target));

	if (length < 0)
		return -1;
	if (length == 0 || length == sizeof(target)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	extra_of(worker, entry)->target = xc_arena_text(&worker->arena, target, (size_t)length);
	entry->size_bytes = 0;
	return 0;
}

/*
 * Appends a run of data, rounded outwards to blocks of 512 as GNU tar wants
 * them: the zeros that come along are in the file all the same.
 */
static void add_run(struct xc_buf *runs, off_t data, off_t hole, off_t size)
{
	struct xc_extent *last =
		runs->len_bytes > 0 ? (struct xc_extent *)(void *)(runs->data + runs->len_bytes) - 1
				    : NULL;
	struct xc_extent run = { .offset = (uint64_t)data & ~(uint64_t)511 };
	uint64_t end = XC_MIN(((uint64_t)hole + 511) & ~(uint64_t)511, (uint64_t)size);

	if (last && run.offset <= last->offset + last->length) {
		last->length = end - last->offset;
		return;
	}
	run.length = end - run.offset;
	xc_buf_add(runs, &run, sizeof(run));
}

/* Finds the runs of data of an open file. Returns -1 with errno set. */
static int find_runs(int fd, off_t size, struct xc_buf *runs)
{
	off_t at = 0;

	while (at < size) {
		off_t data = lseek(fd, at, SEEK_DATA), hole;

		if (data < 0 && errno == ENXIO)
			break;
		if (data < 0)
			return -1;
		hole = lseek(fd, data, SEEK_HOLE);
		if (hole < 0)
			return -1;
		hole = XC_MIN(hole, size);
		if (data >= hole)
			break;
		add_run(runs, data, hole, size);
		at = hole;
	}
	return 0;
}

/* A file whose only run is all of it is not sparse, nor is one whose file system cannot tell. */
static int read_extents(struct walk_worker *worker, int dir_fd, struct walk_entry *entry)
{
	cleanup_fd int fd =
		openat(dir_fd, entry->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	cleanup_buf struct xc_buf runs = XC_BUF_INIT;
	const struct xc_extent *first;
	struct xc_member_extra *extra;
	struct xc_extent *kept;

	if (fd < 0)
		return -1;
	if (find_runs(fd, (off_t)entry->size_bytes, &runs) < 0)
		return errno == EINVAL ? 0 : -1;
	first = (const struct xc_extent *)(const void *)runs.data;
	if (runs.len_bytes > 0 && first->offset == 0 && first->length == entry->size_bytes)
		return 0;
	kept = xc_arena_alloc(&worker->arena, runs.len_bytes);
	if (runs.len_bytes > 0)
		memcpy(kept, runs.data, runs.len_bytes);
	extra = extra_of(worker, entry);
	extra->sparse = true;
	extra->extents = kept;
	extra->extent_count = (uint32_t)(runs.len_bytes / sizeof(struct xc_extent));
	xc_extents_sum(kept, extra->extent_count);
	return 0;
}

static int read_directory_xattrs(const struct walk_dir *dir, struct walk_worker *worker, int fd)
{
	const struct xc_xattr *xattrs = NULL;
	unsigned dropped;
	uint32_t count;

	if (xc_tree_read_xattrs(fd, &worker->arena, &xattrs, &count, &dropped) < 0)
		return -1;
	if (dropped & XC_DROPPED_ACLS)
		note(dir, NULL, XC_NOTE_ACLS);
	if (count > 0) {
		struct xc_member_extra *extra = extra_of(worker, dir->self);

		extra->xattrs = xattrs;
		extra->xattr_count = count;
	}
	return 0;
}

/* Takes over what stat(2) told. Returns false for what is left out. */
static bool fill_entry(struct walk_worker *worker, const struct stat *status,
		       struct walk_entry *entry)
{
	switch (status->st_mode & S_IFMT) {
	case S_IFREG:
		entry->type = XC_MEMBER_FILE;
		entry->size_bytes = (uint64_t)status->st_size;
		break;
	case S_IFDIR:
		entry->type = XC_MEMBER_DIR;
		break;
	case S_IFLNK:
		entry->type = XC_MEMBER_SYMLINK;
		break;
	case S_IFSOCK:
		worker->sockets++;
		return false;
	case S_IFIFO:
		worker->fifos++;
		return false;
	default:
		worker->devices++;
		return false;
	}
	entry->mode = status->st_mode & 07777;
	entry->uid = status->st_uid;
	entry->gid = status->st_gid;
	entry->mtime_s = status->st_mtim.tv_sec;
	entry->mtime_ns = (uint32_t)status->st_mtim.tv_nsec;
	if ((status->st_nlink > 1 && entry->type != XC_MEMBER_DIR) ||
	    (worker->stamps && entry->type == XC_MEMBER_FILE)) {
		struct walk_side *side = side_of(worker, entry);

		side->linked = status->st_nlink > 1;
		side->stamp = xc_stamp_of(status);
	}
	return true;
}

static bool may_be_sparse(const struct stat *status)
{
	return S_ISREG(status->st_mode) && status->st_blocks * 512 < status->st_size;
}

/* What the path lines say of an entry, and of a directory, whether to go on inside. */
static enum xc_verdict judge(const struct walk *walk, struct walk_worker *worker,
			     const struct walk_entry *entry)
{
	enum xc_verdict verdict;
	size_t length = worker->path.len_bytes;

	if (!walk->judging)
		return XC_VERDICT_INCLUDE;
	xc_buf_addf(&worker->path, "%s%s", length > 1 ? "/" : "", entry->name);
	verdict = xc_patterns_judge(walk->opts->patterns, worker->path.data,
				    entry->type == XC_MEMBER_DIR);
	xc_buf_truncate(&worker->path, length);
	return verdict;
}

static void run_directory(struct xc_job *job, void *context);

static struct walk_dir *new_directory(struct walk *walk, struct walk_worker *worker,
				      struct walk_dir *parent, const char *name)
{
	struct walk_dir *dir = xc_arena_alloc(&worker->arena, sizeof(*dir));

	*dir = (struct walk_dir){
		.job = { .run = run_directory },
		.walk = walk,
		.parent = parent,
		.name = name,
		.depth = parent ? parent->depth + 1 : 0,
		.fd = -1,
	};
	return dir;
}

static bool is_left_out(const struct walk *walk, const struct stat *status)
{
	const struct xc_tree_container *left_out = walk->opts->left_out;

	return left_out && S_ISDIR(status->st_mode) && left_out->device == status->st_dev &&
	       left_out->inode == status->st_ino;
}

/* Returns 1 if the entry was filled, 0 if it is left out, -1 with errno set. */
static int read_entry(const struct walk_dir *dir, struct walk_worker *worker, int dir_fd,
		      const char *name, struct walk_entry *ret_entry)
{
	const struct walk *walk = dir->walk;
	struct walk_entry entry = { .name = name };
	struct stat status;

	if (fstatat(dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	if (is_left_out(walk, &status)) {
		note(dir, name, XC_NOTE_STORE);
		return 0;
	}
	if (walk->judging) {
		entry.type = S_ISDIR(status.st_mode) ? XC_MEMBER_DIR : XC_MEMBER_FILE;
		if (judge(walk, worker, &entry) == XC_VERDICT_EXCLUDE)
			return 0;
	}
	if (!fill_entry(worker, &status, &entry))
		return 0;
	entry.name = xc_arena_text(&worker->arena, name, strlen(name));
	if (entry.type == XC_MEMBER_SYMLINK && read_target(worker, dir_fd, &entry) < 0)
		return -1;
	if (may_be_sparse(&status) && read_extents(worker, dir_fd, &entry) < 0)
		return -1;
	*ret_entry = entry;
	return 1;
}

static int compare_entries(const void *a, const void *b)
{
	const struct walk_entry *left = a, *right = b;
	int left_dir = left->type == XC_MEMBER_DIR, right_dir = right->type == XC_MEMBER_DIR;

	return left_dir != right_dir ? left_dir - right_dir : strcmp(left->name, right->name);
}

static void keep_entries(struct walk_dir *dir, struct walk_worker *worker)
{
	size_t bytes = worker->scratch.len_bytes;

	dir->count = (uint32_t)(bytes / sizeof(struct walk_entry));
	if (dir->count == 0)
		return;
	dir->entries = xc_malloc(bytes);
	memcpy(dir->entries, worker->scratch.data, bytes);
	qsort(dir->entries, dir->count, sizeof(*dir->entries), compare_entries);
}

static int read_stream(struct walk_dir *dir, struct walk_worker *worker, DIR *stream,
		       struct xc_err *err)
{
	struct dirent *found;

	xc_buf_clear(&worker->scratch);
	while (errno = 0, (found = readdir(stream)) != NULL) {
		struct walk_entry entry;
		int kept;

		if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0)
			continue;
		kept = read_entry(dir, worker, dirfd(stream), found->d_name, &entry);
		if (kept < 0 && errno != ENOENT)
			return fail_at(dir, found->d_name, "read", err);
		if (kept < 0)
			note(dir, found->d_name, XC_NOTE_VANISHED);
		if (kept > 0 && xc_buf_try_add(&worker->scratch, &entry, sizeof(entry)) < 0)
			return xc_err_set(err, XC_ERR_IO, "too many files in one directory");
	}
	return errno != 0 ? fail_at(dir, NULL, "read the directory", err) : 0;
}

/* They stand last. */
static uint32_t count_directories(const struct walk_dir *dir)
{
	uint32_t first = dir->count;

	while (first > 0 && dir->entries[first - 1].type == XC_MEMBER_DIR)
		first--;
	return dir->count - first;
}

static int read_directory(struct walk_dir *dir, struct walk_worker *worker, struct xc_err *err)
{
	cleanup_fd int fd = xc_walk_open(dir);
	DIR *stream;
	int result;

	/* It stays, as an empty one: others may have counted on it. */
	if (fd < 0 && errno == ENOENT && dir->parent) {
		note(dir, NULL, XC_NOTE_VANISHED);
		return 0;
	}
	if (fd < 0 || read_directory_xattrs(dir, worker, fd) < 0)
		return fail_at(dir, NULL, "read the directory", err);
	stream = fdopendir(fd);
	if (!stream)
		return fail_at(dir, NULL, "read the directory", err);
	fd = -1;
	if (dir->walk->judging) {
		xc_buf_clear(&worker->path);
		directory_path(dir, &worker->path);
	}
	result = read_stream(dir, worker, stream, err);
	if (result == 0)
		keep_entries(dir, worker);
	if (result == 0 && count_directories(dir) > 0 && xc_walk_keep(dir, dirfd(stream)) < 0)
		result = fail_at(dir, NULL, "read the directory", err);
	closedir(stream);
	return result;
}

/* Far below what a table may hold there is no need to go on. */
static int check_depth(const struct walk_dir *dir, struct xc_err *err)
{
	const struct walk_dir *root = dir;

	if (dir->depth <= XC_MEMBER_LEVEL_MAX)
		return 0;
	while (root->parent)
		root = root->parent;
	return xc_walk_fail_deep(root->name, err);
}

/* The newest job is taken first, so they are submitted backwards. */
static void submit_directories(struct walk_dir *dir, struct walk_worker *worker)
{
	uint32_t count = count_directories(dir);
	bool needs_parent = dir->fd < 0 && count > 0;

	atomic_store(&dir->waiting, count);
	for (uint32_t i = dir->count; i-- > dir->count - count;) {
		struct walk_entry *entry = &dir->entries[i];
		struct walk_dir *child = new_directory(dir->walk, worker, dir, entry->name);

		child->self = entry;
		side_of(worker, entry)->dir = child;
		xc_pool_submit(dir->walk->pool, &child->job);
	}
	if (!needs_parent)
		xc_walk_let_go(dir->parent);
}

static void run_directory(struct xc_job *job, void *context)
{
	struct walk_dir *dir = (struct walk_dir *)job; /* the job is its first member */
	struct walk_worker *worker = context;
	struct walk *walk = dir->walk;
	struct xc_err err;

	if (walk_failed(walk)) {
		xc_walk_let_go(dir->parent);
		return;
	}
	if (check_depth(dir, &err) < 0 || read_directory(dir, worker, &err) < 0) {
		walk_fail(walk, &err);
		xc_walk_let_go(dir->parent);
		return;
	}
	if (walk->opts->progress)
		atomic_fetch_add_explicit(&walk->opts->progress->members_total, dir->count,
					  memory_order_relaxed);
	submit_directories(dir, worker);
}

/* *ret_fd stays -1 where the root path has come to lie outside: that is noted. */
static int open_container(struct walk *walk, const struct walk_dir *root, size_t index, int *ret_fd,
			  struct xc_err *err)
{
	cleanup_fd int fd = xc_walk_open_container(walk->opts->patterns, root->name);
	struct stat status;

	if (fd < 0 && (errno == EXDEV || errno == ELOOP)) {
		note(root, NULL, XC_NOTE_LINKS_OUT);
		return 0;
	}
	if (fd < 0 || fstat(fd, &status) < 0)
		return fail_at(root, NULL, "read", err);
	walk->containers[index] = (struct xc_tree_container){ status.st_dev, status.st_ino };
	*ret_fd = STEAL_FD(fd);
	return 0;
}

/* A root path is an entry whose name, for the walk, is its whole path. */
static int start_root(struct walk *walk, struct walk_worker *worker, const char *path, size_t index,
		      struct xc_err *err)
{
	struct walk_dir root = { .name = path, .walk = walk };
	struct walk_entry *entry = &walk->roots[index];
	struct stat status;
	const char *name = strrchr(path, '/') + 1;
	cleanup_fd int dir_fd = -1;

	if (open_container(walk, &root, index, &dir_fd, err) < 0)
		return -1;
	if (dir_fd < 0)
		return 0;
	*entry = (struct walk_entry){ .name = *name ? name : "." };
	if (fstatat(dir_fd, entry->name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_at(&root, NULL, "read", err);
	if (is_left_out(walk, &status))
		note(&root, NULL, XC_NOTE_STORE);
	if (is_left_out(walk, &status) || !fill_entry(worker, &status, entry)) {
		entry->name = NULL;
		return 0;
	}
	if ((entry->type == XC_MEMBER_SYMLINK && read_target(worker, dir_fd, entry) < 0) ||
	    (may_be_sparse(&status) && read_extents(worker, dir_fd, entry) < 0))
		return fail_at(&root, NULL, "read", err);
	entry->name = path;
	if (entry->type == XC_MEMBER_DIR) {
		struct walk_dir *dir = new_directory(walk, worker, NULL, path);

		dir->self = entry;
		side_of(worker, entry)->dir = dir;
	}
	return 0;
}

static int walk_all(struct walk *walk, const struct xc_strlist *paths, struct xc_err *err)
{
	for (size_t i = 0; i < paths->count; i++)
		if (start_root(walk, &walk->workers[0], paths->items[i], i, err) < 0)
			return -1;
	for (size_t i = 0; i < paths->count; i++)
		if (walk->roots[i].type == XC_MEMBER_DIR && walk->roots[i].name)
			xc_pool_submit(walk->pool, &walk->roots[i].side->dir->job);
	xc_pool_drain(walk->pool);
	if (atomic_load(&walk->failed)) {
		*err = walk->err;
		return -1;
	}
	return xc_cancel_check(walk->opts->cancel, err);
}

static void release_workers(struct walk *walk)
{
	for (unsigned i = 0; i < walk->opts->threads; i++) {
		xc_arena_release(&walk->workers[i].arena);
		xc_buf_release(&walk->workers[i].scratch);
		xc_buf_release(&walk->workers[i].path);
	}
}

int xc_tree_walk(const struct xc_strlist *paths, const struct xc_walk_opts *opts,
		 struct xc_tree *ret_tree, struct xc_err *err)
{
	cleanup_free struct walk_worker *workers = xc_calloc(opts->threads, sizeof(*workers));
	cleanup_free void **contexts = xc_calloc(opts->threads, sizeof(*contexts));
	cleanup_free struct walk_entry *roots = xc_calloc(paths->count, sizeof(*roots));
	cleanup_free struct xc_tree_container *containers =
		xc_calloc(paths->count, sizeof(*containers));
	struct walk walk = {
		.opts = opts,
		.workers = workers,
		.roots = roots,
		.containers = containers,
		.root_count = paths->count,
		.mutex = PTHREAD_MUTEX_INITIALIZER,
		.judging = xc_patterns_has_exclusions(opts->patterns),
	};
	int result;

	for (unsigned i = 0; i < opts->threads; i++) {
		contexts[i] = &workers[i];
		workers[i].stamps = opts->stamps;
	}
	walk.pool = xc_pool_new(opts->threads, XC_POOL_LIFO, contexts);
	result = walk_all(&walk, paths, err);
	xc_pool_free(walk.pool);
	if (result == 0)
		result = xc_walk_flatten(&walk, paths, ret_tree, err);
	else
		xc_walk_free_entries(&walk);
	release_workers(&walk);
	return result;
}
