/* SPDX-License-Identifier: Apache-2.0 */
#include "tree/unpack/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "tree/dirs.h"
#include "tree/owner.h"
#include "tree/stage/copy.h"

static mode_t current_umask(void)
{
	mode_t mask = umask(022);

	umask(mask);
	return mask;
}

static uint32_t find_top(const struct xc_unpack *unpack, uint32_t position)
{
	uint32_t low = 0, high = unpack->root_count;

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (unpack->root_positions[middle] <= position)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static void locate(void *context, uint32_t position, struct xc_dirs_location *ret_place)
{
	const struct xc_unpack *unpack = context;
	uint32_t root = find_top(unpack, position);

	*ret_place = (struct xc_dirs_location){
		.dir_fd = unpack->root_dir_fds[root],
		.path = "",
		.name = unpack->root_names[root],
	};
}

static bool directory_inherits(int dir_fd)
{
	struct stat status;

	if (fstat(dir_fd, &status) < 0)
		return true;
	return (status.st_mode & S_ISGID) != 0 ||
	       fgetxattr(dir_fd, "system.posix_acl_default", NULL, 0) > 0;
}

struct xc_unpack *xc_unpack_new(const struct xc_unpack_opts *opts)
{
	const struct xc_members *members = opts->members;
	struct xc_unpack *unpack = xc_calloc(1, sizeof(*unpack));

	unpack->opts = *opts;
	unpack->root_positions = xc_calloc(opts->target_count, sizeof(*unpack->root_positions));
	unpack->root_names = xc_calloc(opts->target_count, sizeof(*unpack->root_names));
	unpack->root_dir_fds = xc_calloc(opts->target_count, sizeof(*unpack->root_dir_fds));
	unpack->made = xc_calloc(members->count, sizeof(*unpack->made));
	unpack->umask = current_umask();
	unpack->uid = geteuid();
	unpack->gid = getegid();
	pthread_mutex_init(&unpack->mutex, NULL);
	for (uint32_t i = 0; i < members->count && unpack->root_count < opts->target_count; i++)
		if (members->items[i].parent == XC_MEMBER_NONE)
			unpack->root_positions[unpack->root_count++] = i;
	for (uint32_t root = 0; root < unpack->root_count; root++) {
		unpack->root_dir_fds[root] = -1;
		if (opts->targets[root] == XC_UNPACK_NO_TARGET)
			continue;
		xc_stage_staged_at(opts->stage, opts->targets[root], &unpack->root_dir_fds[root],
				   unpack->root_names[root]);
		unpack->inherits |= directory_inherits(unpack->root_dir_fds[root]);
	}
	return unpack;
}

void xc_unpack_free(struct xc_unpack *unpack)
{
	if (!unpack)
		return;
	while (unpack->partial) {
		struct partial_file *next = unpack->partial->next;

		free(unpack->partial);
		unpack->partial = next;
	}
	pthread_mutex_destroy(&unpack->mutex);
	free(unpack->copies);
	free(unpack->made);
	free(unpack->root_dir_fds);
	free(unpack->root_names);
	free(unpack->root_positions);
	free(unpack);
}

bool xc_unpack_owner_dropped(const struct xc_unpack *unpack)
{
	return atomic_load(&unpack->owner_dropped);
}

uint64_t xc_unpack_copied_links(const struct xc_unpack *unpack)
{
	return unpack->copied_links;
}

struct xc_unpack_worker *xc_unpack_worker_new(struct xc_unpack *unpack)
{
	struct xc_unpack_worker *worker = xc_calloc(1, sizeof(*worker));

	worker->unpack = unpack;
	worker->dirs = xc_dirs_new(unpack->opts.members, locate, unpack);
	return worker;
}

void xc_unpack_worker_move(struct xc_unpack_worker *worker, struct xc_unpack *unpack)
{
	if (worker->unpack == unpack)
		return;
	worker->unpack = unpack;
	xc_dirs_move(worker->dirs, unpack->opts.members, locate, unpack);
}

void xc_unpack_worker_free(struct xc_unpack_worker *worker)
{
	if (!worker)
		return;
	xc_dirs_free(worker->dirs);
	free(worker);
}

int xc_unpack_fail_at(const struct xc_unpack_worker *worker, uint32_t position, const char *what,
		      struct xc_err *err)
{
	int saved = errno;
	cleanup_buf struct xc_buf path = XC_BUF_INIT;

	xc_members_path(worker->unpack->opts.members, position, &path);
	if (saved == EEXIST || saved == ENOTDIR || saved == ELOOP)
		return xc_err_set(err, XC_ERR_CORRUPT, "the entry has %s twice",
				  XC_QUOTE(path.data));
	return xc_err_sys(err, saved, "cannot %s %s", what, XC_QUOTE(path.data));
}

/*
 * mkdir(2), content with a directory that is there: another thread may have
 * needed it at the same time, or another layer has it too. Anything else of
 * that name, a symlink above all, must not be taken for it.
 */
static enum made mkdir_or_find(int dir_fd, const char *name, mode_t mode)
{
	struct stat status;

	if (mkdirat(dir_fd, name, mode) == 0)
		return MADE_HERE;
	if (errno != EEXIST || fstatat(dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return MADE_NOT;
	errno = EEXIST;
	return S_ISDIR(status.st_mode) ? MADE_ELSEWHERE : MADE_NOT;
}

/* Makes one directory whose parent is there. */
static int make_directory(struct xc_unpack_worker *worker, uint32_t position, struct xc_err *err)
{
	struct xc_unpack *unpack = worker->unpack;
	enum made made = MADE_NOT;
	const char *name;
	int dir_fd;

	if (xc_dirs_at(worker->dirs, position, &dir_fd, &name) == 0)
		made = mkdir_or_find(dir_fd, name,
				     xc_unpack_member_at(worker, position)->mode | S_IRWXU);
	if (made == MADE_NOT)
		return xc_unpack_fail_at(worker, position, "create the directory", err);
	atomic_store_explicit(&unpack->made[position], (unsigned char)made, memory_order_release);
	return 0;
}

bool xc_unpack_is_made(const struct xc_unpack *unpack, uint32_t position)
{
	return atomic_load_explicit(&unpack->made[position], memory_order_acquire) != MADE_NOT;
}

/* Makes a directory and what is missing above it, from the highest down. */
static int ensure_directory(struct xc_unpack_worker *worker, uint32_t position, struct xc_err *err)
{
	const struct xc_unpack *unpack = worker->unpack;

	while (position != XC_MEMBER_NONE && !xc_unpack_is_made(unpack, position)) {
		uint32_t highest = position, parent;

		while ((parent = xc_unpack_member_at(worker, highest)->parent) != XC_MEMBER_NONE &&
		       !xc_unpack_is_made(unpack, parent))
			highest = parent;
		if (make_directory(worker, highest, err) < 0)
			return -1;
	}
	return 0;
}

/* The open directory where a member goes, made if need be. */
int xc_unpack_directory_of(struct xc_unpack_worker *worker, uint32_t position, int *ret_dir_fd,
			   const char **ret_name, struct xc_err *err)
{
	if (ensure_directory(worker, xc_unpack_member_at(worker, position)->parent, err) < 0)
		return -1;
	if (xc_dirs_at(worker->dirs, position, ret_dir_fd, ret_name) < 0)
		return xc_unpack_fail_at(worker, position, "open the directory of", err);
	return 0;
}

/*
 * Give what stands at `name`, or with "" the open file itself, to its owner.
 * 1 if it is theirs, 0 if it stays ours, which is remembered.
 */
static int give(struct xc_unpack *unpack, const struct xc_member *member, int dir_fd,
		const char *name)
{
	const struct xc_owner saved = { .uid = member->uid, .gid = member->gid };
	const struct xc_owner *owner = unpack->opts.owner ? unpack->opts.owner : &saved;
	int given;

	if (owner->uid == unpack->uid && owner->gid == unpack->gid && !unpack->inherits)
		return 1;
	given = xc_owner_apply(unpack->uid, dir_fd, name, owner->uid, owner->gid);
	if (given == 0)
		atomic_store_explicit(&unpack->owner_dropped, true, memory_order_relaxed);
	return given;
}

/* The mode of a member after `given` came from give(). */
static mode_t final_mode(const struct xc_unpack *unpack, const struct xc_member *member, int given)
{
	const struct xc_owner *owner = unpack->opts.owner;

	return xc_owner_mode(
		unpack->uid, member->mode,
		given && (!owner || (owner->uid == member->uid && owner->gid == member->gid)));
}

static int set_xattrs(int fd, const struct xc_member *member)
{
	const struct xc_member_extra *extra = member->extra;

	for (uint32_t i = 0; extra && i < extra->xattr_count; i++) {
		const struct xc_xattr *xattr = &extra->xattrs[i];

		/* Where the file system has none, as for tar, the file still counts. */
		if (fsetxattr(fd, xattr->name, xattr->value, xattr->length, 0) < 0 &&
		    errno != ENOTSUP)
			return -1;
	}
	return 0;
}

/* `created_mode` is what open(2) or mkdir(2) was told. */
static int set_attributes(struct xc_unpack *unpack, int fd, const struct xc_member *member,
			  mode_t created_mode)
{
	const struct timespec times[2] = {
		{ .tv_nsec = UTIME_OMIT },
		{ .tv_sec = member->mtime_s, .tv_nsec = member->mtime_ns },
	};
	int given;

	if (set_xattrs(fd, member) < 0)
		return -1;
	given = give(unpack, member, fd, "");
	if (given < 0)
		return -1;
	/* chown(2) clears set-id bits, and unless root writes so does write(2). */
	if (((created_mode & ~unpack->umask) != member->mode || unpack->inherits ||
	     (member->mode & 06000)) &&
	    fchmod(fd, final_mode(unpack, member, given)) < 0)
		return -1;
	return futimens(fd, times);
}

static int write_content(int fd, const struct xc_member *member, uint64_t offset, const char *data,
			 size_t length)
{
	const struct xc_member_extra *extra = member->extra;

	if (!extra || !extra->sparse)
		return xc_fd_pwrite_all(fd, data, length, (off_t)offset);
	/* `offset` counts stored bytes: find the runs that they belong to. */
	for (uint32_t i = xc_member_find_run(extra, offset); i < extra->extent_count && length > 0;
	     i++) {
		const struct xc_extent *run = &extra->extents[i];
		uint64_t skip = offset - run->before;
		size_t part = (size_t)XC_MIN(run->length - skip, (uint64_t)length);

		if (xc_fd_pwrite_all(fd, data, part, (off_t)(run->offset + skip)) < 0)
			return -1;
		data += part;
		offset += part;
		length -= part;
	}
	return 0;
}

/* After the last change that is made by way of `fd`. */
static int stamp_file(const struct xc_unpack *unpack, uint32_t position, int fd)
{
	struct stat status;

	if (!unpack->opts.stamps)
		return 0;
	if (fstat(fd, &status) < 0)
		return -1;
	unpack->opts.stamps[position] = xc_stamp_of(&status);
	return 0;
}

static int create_file(struct xc_unpack_worker *worker, uint32_t position, const char *data,
		       struct xc_err *err)
{
	const struct xc_member *member = xc_unpack_member_at(worker, position);
	bool sparse = member->extra && member->extra->sparse;
	mode_t mode = member->mode;
	cleanup_fd int fd = -1;
	const char *name;
	int dir_fd;

	if (xc_unpack_directory_of(worker, position, &dir_fd, &name, err) < 0)
		return -1;
	/* xattr(7): setting one asks for write permission, however the file was opened. */
	if (member->extra && member->extra->xattr_count > 0)
		mode |= S_IWUSR;
	fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return xc_unpack_fail_at(worker, position, "create", err);
	if ((sparse && ftruncate(fd, (off_t)member->size_bytes) < 0) ||
	    write_content(fd, member, 0, data, (size_t)xc_member_content_bytes(member)) < 0 ||
	    set_attributes(worker->unpack, fd, member, mode) < 0 ||
	    stamp_file(worker->unpack, position, fd) < 0)
		return xc_unpack_fail_at(worker, position, "write", err);
	return 0;
}

static int create_symlink(struct xc_unpack_worker *worker, uint32_t position, struct xc_err *err)
{
	const struct xc_member *member = xc_unpack_member_at(worker, position);
	const struct timespec times[2] = {
		{ .tv_nsec = UTIME_OMIT },
		{ .tv_sec = member->mtime_s, .tv_nsec = member->mtime_ns },
	};
	const char *name;
	int dir_fd;

	if (xc_unpack_directory_of(worker, position, &dir_fd, &name, err) < 0)
		return -1;
	if (symlinkat(member->extra->target, dir_fd, name) < 0 ||
	    give(worker->unpack, member, dir_fd, name) < 0 ||
	    utimensat(dir_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return xc_unpack_fail_at(worker, position, "create the symlink", err);
	return 0;
}

int xc_unpack_member(struct xc_unpack_worker *worker, uint32_t position, const char *data,
		     struct xc_err *err)
{
	switch (xc_unpack_member_at(worker, position)->type) {
	case XC_MEMBER_DIR:
		return ensure_directory(worker, position, err);
	case XC_MEMBER_SYMLINK:
		return create_symlink(worker, position, err);
	case XC_MEMBER_FILE:
		return create_file(worker, position, data, err);
	default:
		return 0;
	}
}

/* Whose a new file would be; what a directory passes on is not told beforehand. */
static bool has_owner(const struct xc_unpack *unpack, const struct xc_member *member,
		      const struct stat *st)
{
	const struct xc_owner saved = { .uid = member->uid, .gid = member->gid };
	const struct xc_owner *owner = unpack->opts.owner ? unpack->opts.owner : &saved;

	if (unpack->inherits || st->st_uid != owner->uid)
		return false;
	return unpack->uid == 0 ? st->st_gid == owner->gid
				: st->st_uid == unpack->uid && st->st_gid == unpack->gid;
}

bool xc_unpack_is_equal(const struct xc_unpack *unpack, uint32_t position, const struct stat *st)
{
	const struct xc_member *member = &unpack->opts.members->items[position];

	return member->type == XC_MEMBER_FILE && S_ISREG(st->st_mode) && st->st_nlink == 1 &&
	       (uint64_t)st->st_size == member->size_bytes &&
	       (st->st_mode & 07777) == member->mode && (member->mode & 06000) == 0 &&
	       st->st_mtim.tv_sec == member->mtime_s &&
	       (uint32_t)st->st_mtim.tv_nsec == member->mtime_ns && has_owner(unpack, member, st);
}

int xc_unpack_existing(struct xc_unpack_worker *worker, uint32_t position, int fd,
		       struct xc_err *err)
{
	char path[40];
	const char *name;
	int dir_fd;

	if (xc_unpack_directory_of(worker, position, &dir_fd, &name, err) < 0)
		return -1;
	/* open(2): without CAP_DAC_READ_SEARCH a descriptor is linked by way of /proc. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (linkat(fd, "", dir_fd, name, AT_EMPTY_PATH) == 0 ||
	    linkat(AT_FDCWD, path, dir_fd, name, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	return xc_unpack_fail_at(worker, position, "link", err);
}

static struct partial_file **find_partial(struct xc_unpack *unpack, uint32_t position)
{
	struct partial_file **link = &unpack->partial;

	while (*link && (*link)->position != position)
		link = &(*link)->next;
	return link;
}

/* Opens a file that comes in pieces; whichever piece is first creates it. */
static int open_partial(struct xc_unpack *unpack, uint32_t position, int dir_fd, const char *name,
			uint64_t content_bytes)
{
	struct partial_file **link;
	int fd, flags = O_WRONLY | O_NOFOLLOW | O_CLOEXEC;

	pthread_mutex_lock(&unpack->mutex);
	link = find_partial(unpack, position);
	fd = openat(dir_fd, name, *link ? flags : flags | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR);
	if (fd >= 0 && !*link) {
		*link = xc_malloc(sizeof(**link));
		**link = (struct partial_file){ position, content_bytes, NULL };
	}
	pthread_mutex_unlock(&unpack->mutex);
	return fd;
}

/* Counts a piece as written; returns whether it was the last one. */
static bool piece_completes(struct xc_unpack *unpack, uint32_t position, size_t length)
{
	struct partial_file **link, *partial;
	bool complete;

	pthread_mutex_lock(&unpack->mutex);
	link = find_partial(unpack, position);
	partial = *link;
	partial->left_bytes -= length;
	complete = partial->left_bytes == 0;
	if (complete) {
		*link = partial->next;
		free(partial);
	}
	pthread_mutex_unlock(&unpack->mutex);
	return complete;
}

int xc_unpack_piece(struct xc_unpack_worker *worker, uint32_t position, uint64_t offset,
		    const char *data, size_t length, struct xc_err *err)
{
	const struct xc_member *member = xc_unpack_member_at(worker, position);
	struct xc_unpack *unpack = worker->unpack;
	cleanup_fd int fd = -1;
	const char *name;
	int dir_fd;

	if (xc_unpack_directory_of(worker, position, &dir_fd, &name, err) < 0)
		return -1;
	fd = open_partial(unpack, position, dir_fd, name, xc_member_content_bytes(member));
	if (fd < 0)
		return xc_unpack_fail_at(worker, position, "create", err);
	if (write_content(fd, member, offset, data, length) < 0)
		return xc_unpack_fail_at(worker, position, "write", err);
	if (!piece_completes(unpack, position, length))
		return 0;
	if ((member->extra && member->extra->sparse &&
	     ftruncate(fd, (off_t)member->size_bytes) < 0) ||
	    set_attributes(unpack, fd, member, S_IRUSR | S_IWUSR) < 0 ||
	    stamp_file(unpack, position, fd) < 0)
		return xc_unpack_fail_at(worker, position, "write", err);
	return 0;
}

/* fchmodat(2) follows symlinks, and not every kernel and libc can be told not to. */
static int set_mode(int dir_fd, const char *name, mode_t mode)
{
	cleanup_fd int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -1 : fchmod(fd, mode);
}

/* From outside, by name, where no xattrs ask for a descriptor: one open less for each. */
static int finish_directory(struct xc_unpack_worker *worker, uint32_t position)
{
	const struct xc_member *member = xc_unpack_member_at(worker, position);
	const struct timespec times[2] = {
		{ .tv_nsec = UTIME_OMIT },
		{ .tv_sec = member->mtime_s, .tv_nsec = member->mtime_ns },
	};
	struct xc_unpack *unpack = worker->unpack;
	bool own = atomic_load(&unpack->made[position]) == MADE_HERE;
	/* If unknown, unlike what any member has, so that it is set. */
	mode_t created_mode = own ? member->mode | S_IRWXU : (mode_t)~0;
	const char *name;
	int dir_fd, given;

	if (member->extra && member->extra->xattr_count > 0) {
		int fd = xc_dirs_open(worker->dirs, position);

		return fd < 0 ? -1 : set_attributes(unpack, fd, member, created_mode);
	}
	if (xc_dirs_at(worker->dirs, position, &dir_fd, &name) < 0)
		return -1;
	given = give(unpack, member, dir_fd, name);
	if (given < 0)
		return -1;
	if (((created_mode & ~unpack->umask) != member->mode || unpack->inherits ||
	     (member->mode & 06000)) &&
	    set_mode(dir_fd, name, final_mode(unpack, member, given)) < 0)
		return -1;
	return utimensat(dir_fd, name, times, AT_SYMLINK_NOFOLLOW);
}

/* Its owner could not reach what lies below it any more. */
static bool is_closed(const struct xc_member *member)
{
	return (member->mode & S_IRWXU) != S_IRWXU;
}

/*
 * From the top down, each beside the last; the closed ones from
 * below, as none is reached through.
 */
static int finish_range(struct xc_unpack_worker *worker, uint32_t first, uint32_t end, bool closed,
			struct xc_err *err)
{
	for (uint32_t k = 0; k < end - first; k++) {
		uint32_t i = closed ? end - 1 - k : first + k;
		const struct xc_member *member = xc_unpack_member_at(worker, i);

		if (member->type != XC_MEMBER_DIR || is_closed(member) != closed ||
		    !xc_unpack_is_alive(worker->unpack, i))
			continue;
		if (finish_directory(worker, i) < 0)
			return xc_unpack_fail_at(worker, i, "set the mode and times of", err);
	}
	return 0;
}

int xc_unpack_directories(struct xc_unpack_worker *worker, uint32_t first, uint32_t end,
			  struct xc_err *err)
{
	return finish_range(worker, first, end, false, err);
}

int xc_unpack_closed_directories(struct xc_unpack_worker *worker, struct xc_err *err)
{
	return finish_range(worker, 0, worker->unpack->opts.members->count, true, err);
}
