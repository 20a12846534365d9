/* SPDX-License-Identifier: Apache-2.0 */
#include "base/grow.h"
#include "tree/unpack/fill.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/fd.h"
#include "tree/beneath.h"
#include "tree/stage/copy.h"

/* A directory and what it is to become once nothing is made in it any more. */
struct directory {
	const char *path;
	uint32_t order;
	struct xc_fill_attributes attributes;
};

struct xc_fill {
	int root_fd;
	/* The directory that held the last member: the next one is mostly there too. */
	int parent_fd;
	char parent[PATH_MAX];
	int file_fd; /* -1 between files */
	char file[PATH_MAX];
	struct directory *directories;
	uint32_t directory_count, directory_capacity;
	struct xc_arena arena;        /* their paths */
	const struct xc_owner *owner; /* NULL: as the attributes say */
	uid_t uid;
	bool owner_dropped;
};

int xc_fill_new(int dir_fd, const char *name, const struct xc_owner *owner,
		struct xc_fill **ret_fill, struct xc_err *err)
{
	struct xc_fill *fill;
	cleanup_fd int root_fd = -1;

	if (mkdirat(dir_fd, name, S_IRWXU | S_IRWXG | S_IRWXO) == 0)
		root_fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (root_fd < 0)
		return xc_err_sys(err, errno, "cannot create a folder to restore into");
	fill = xc_calloc(1, sizeof(*fill));
	fill->root_fd = STEAL_FD(root_fd);
	fill->parent_fd = -1;
	fill->file_fd = -1;
	fill->owner = owner;
	fill->uid = geteuid();
	*ret_fill = fill;
	return 0;
}

void xc_fill_free(struct xc_fill *fill)
{
	if (!fill)
		return;
	xc_fd_close(&fill->file_fd);
	xc_fd_close(&fill->parent_fd);
	xc_fd_close(&fill->root_fd);
	xc_arena_release(&fill->arena);
	free(fill->directories);
	free(fill);
}

bool xc_fill_owner_dropped(const struct xc_fill *fill)
{
	return fill->owner_dropped;
}

static int fail_at(const char *path, const char *what, struct xc_err *err)
{
	int saved = errno;

	if (saved == ELOOP || saved == ENOTDIR || saved == EXDEV)
		return xc_err_set(err, XC_ERR_CORRUPT,
				  "%s is below something that is not a directory", XC_QUOTE(path));
	return xc_err_sys(err, saved, "cannot %s %s", what, XC_QUOTE(path));
}

/* Opens the directory `path`, of which some of the last components lack, and makes those. */
static int make_directories(int root_fd, const char *path)
{
	cleanup_fd int at = -1;

	while (*path != '\0') {
		size_t length = strcspn(path, "/");
		char name[NAME_MAX + 1];
		int next, from = at >= 0 ? at : root_fd;

		if (length > NAME_MAX) {
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(name, path, length);
		name[length] = '\0';
		if (mkdirat(from, name, S_IRWXU | S_IRWXG | S_IRWXO) < 0 && errno != EEXIST)
			return -1;
		next = xc_beneath_open_dir(from, name, XC_BENEATH_NO_LINKS, O_PATH);
		if (next < 0)
			return -1;
		xc_fd_close(&at);
		at = next;
		path += length + (path[length] == '/');
	}
	return STEAL_FD(at);
}

/* The directory that holds `path`, made if `make` says so, and the name in it; -1 with errno. */
static int parent_of(struct xc_fill *fill, const char *path, bool make, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;

	*ret_name = slash ? slash + 1 : path;
	if (!slash)
		return fill->root_fd;
	if (fill->parent_fd >= 0 && strncmp(fill->parent, path, length) == 0 &&
	    fill->parent[length] == '\0')
		return fill->parent_fd;
	if (length >= sizeof(fill->parent)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	xc_fd_close(&fill->parent_fd);
	memcpy(fill->parent, path, length);
	fill->parent[length] = '\0';
	fill->parent_fd =
		xc_beneath_open_dir(fill->root_fd, fill->parent, XC_BENEATH_NO_LINKS, O_PATH);
	if (fill->parent_fd < 0 && errno == ENOENT && make)
		fill->parent_fd = make_directories(fill->root_fd, fill->parent);
	return fill->parent_fd;
}

/* The directory in mind may be gone with what is taken away. */
static int take_away(struct xc_fill *fill, int dir_fd, const char *name)
{
	int result;

	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR)
		return -1;
	result = xc_fd_remove_tree(dir_fd, name);
	if (dir_fd != fill->parent_fd)
		xc_fd_close(&fill->parent_fd);
	return result;
}

static int remember(struct xc_fill *fill, const char *path,
		    const struct xc_fill_attributes *attributes, struct xc_err *err)
{
	if (fill->directory_count == XC_FILL_DIRECTORIES_MAX ||
	    fill->arena.total_bytes > XC_FILL_DIRECTORY_BYTES_MAX)
		return xc_err_set(err, XC_ERR_CORRUPT, "it has too many directories");
	XC_GROW(fill->directories, fill->directory_count, fill->directory_capacity, 64);
	fill->directories[fill->directory_count] = (struct directory){
		.path = xc_arena_text(&fill->arena, path, strlen(path)),
		.order = fill->directory_count,
		.attributes = *attributes,
	};
	fill->directory_count++;
	return 0;
}

/* mkdir(2), content with a directory, but not with anything else of that name. */
static int make_directory(struct xc_fill *fill, int dir_fd, const char *name)
{
	struct stat status;

	for (int i = 0; i < 2; i++) {
		if (mkdirat(dir_fd, name, S_IRWXU | S_IRWXG | S_IRWXO) == 0)
			return 0;
		if (errno != EEXIST || fstatat(dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
			return -1;
		if (S_ISDIR(status.st_mode))
			return 0;
		if (take_away(fill, dir_fd, name) < 0)
			return -1;
	}
	errno = EEXIST;
	return -1;
}

int xc_fill_directory(struct xc_fill *fill, const char *path,
		      const struct xc_fill_attributes *attributes, struct xc_err *err)
{
	const char *name;
	int dir_fd;

	if (*path != '\0') {
		dir_fd = parent_of(fill, path, true, &name);
		if (dir_fd < 0 || make_directory(fill, dir_fd, name) < 0)
			return fail_at(path, "create the directory", err);
	}
	return remember(fill, path, attributes, err);
}

/* As in place.c: 1 if it is theirs now, 0 if it stays ours, which is remembered. */
static int give(struct xc_fill *fill, const struct xc_fill_attributes *attributes, int dir_fd,
		const char *name)
{
	const struct xc_owner *owner = fill->owner;
	int given = xc_owner_apply(fill->uid, dir_fd, name, owner ? owner->uid : attributes->uid,
				   owner ? owner->gid : attributes->gid);

	if (given == 0)
		fill->owner_dropped = true;
	return given;
}

static void fill_times(const struct xc_fill_attributes *attributes, struct timespec times[2])
{
	times[0] = (struct timespec){ .tv_nsec = UTIME_OMIT };
	times[1] =
		(struct timespec){ .tv_sec = attributes->mtime_s, .tv_nsec = attributes->mtime_ns };
}

static int set_attributes(struct xc_fill *fill, int fd, const struct xc_fill_attributes *attributes)
{
	const struct xc_owner *owner = fill->owner;
	struct timespec times[2];
	int given = give(fill, attributes, fd, "");
	mode_t mode;

	fill_times(attributes, times);
	if (given < 0)
		return -1;
	/* chown(2) clears set-id bits, so the mode comes behind it. */
	mode = xc_owner_mode(fill->uid, attributes->mode,
			     given && (!owner || (owner->uid == attributes->uid &&
						  owner->gid == attributes->gid)));
	return fchmod(fd, mode) < 0 ? -1 : futimens(fd, times);
}

int xc_fill_begin_file(struct xc_fill *fill, const char *path, struct xc_err *err)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	const char *name;
	int dir_fd = parent_of(fill, path, true, &name);

	xc_fd_close(&fill->file_fd);
	if (dir_fd < 0)
		return fail_at(path, "create", err);
	fill->file_fd = openat(dir_fd, name, flags, S_IRUSR | S_IWUSR);
	/* A new file, never the old one's inode: that may have other names. */
	if (fill->file_fd < 0 && errno == EEXIST && take_away(fill, dir_fd, name) == 0)
		fill->file_fd = openat(dir_fd, name, flags, S_IRUSR | S_IWUSR);
	if (fill->file_fd < 0)
		return fail_at(path, "create", err);
	snprintf(fill->file, sizeof(fill->file), "%s", path);
	return 0;
}

int xc_fill_write(struct xc_fill *fill, const char *data, size_t length, uint64_t offset,
		  struct xc_err *err)
{
	if (xc_fd_pwrite_all(fill->file_fd, data, length, (off_t)offset) < 0)
		return xc_err_sys(err, errno, "cannot write %s", XC_QUOTE(fill->file));
	return 0;
}

int xc_fill_end_file(struct xc_fill *fill, uint64_t size_bytes,
		     const struct xc_fill_attributes *attributes, struct xc_err *err)
{
	struct stat status;

	if (fstat(fill->file_fd, &status) < 0 ||
	    ((uint64_t)status.st_size != size_bytes &&
	     ftruncate(fill->file_fd, (off_t)size_bytes) < 0) ||
	    set_attributes(fill, fill->file_fd, attributes) < 0)
		return xc_err_sys(err, errno, "cannot write %s", XC_QUOTE(fill->file));
	xc_fd_close(&fill->file_fd);
	return 0;
}

int xc_fill_symlink(struct xc_fill *fill, const char *path, const char *target,
		    const struct xc_fill_attributes *attributes, struct xc_err *err)
{
	struct timespec times[2];
	const char *name;
	int dir_fd = parent_of(fill, path, true, &name), made = -1;

	fill_times(attributes, times);
	if (dir_fd >= 0) {
		made = symlinkat(target, dir_fd, name);
		if (made < 0 && errno == EEXIST && take_away(fill, dir_fd, name) == 0)
			made = symlinkat(target, dir_fd, name);
	}
	if (made < 0 || give(fill, attributes, dir_fd, name) < 0 ||
	    utimensat(dir_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_at(path, "create the symlink", err);
	return 0;
}

/* A file that has all the names that its file system gives it goes on as a copy. */
static int link_or_copy(int target_fd, const char *target, int dir_fd, const char *name)
{
	if (linkat(target_fd, target, dir_fd, name, 0) == 0)
		return 0;
	return errno == EMLINK ? xc_stage_copy(target_fd, target, dir_fd, name) : -1;
}

static int link_or_replace(struct xc_fill *fill, int target_fd, const char *target, int dir_fd,
			   const char *name)
{
	struct stat old, new;

	if (link_or_copy(target_fd, target, dir_fd, name) == 0)
		return 0;
	if (errno != EEXIST || fstatat(target_fd, target, &old, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fstatat(dir_fd, name, &new, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	/* A name of that file already, perhaps the only one. */
	if (old.st_dev == new.st_dev && old.st_ino == new.st_ino)
		return 0;
	if (take_away(fill, dir_fd, name) < 0)
		return -1;
	return link_or_copy(target_fd, target, dir_fd, name);
}

int xc_fill_hardlink(struct xc_fill *fill, const char *path, const char *target, struct xc_err *err)
{
	cleanup_fd int target_fd = -1;
	const char *name, *target_name;
	int dir_fd = parent_of(fill, target, false, &target_name);

	/* The descriptor is only borrowed until the next question. */
	if (dir_fd >= 0)
		target_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
	if (target_fd >= 0) {
		dir_fd = parent_of(fill, path, true, &name);
		if (dir_fd >= 0 && link_or_replace(fill, target_fd, target_name, dir_fd, name) == 0)
			return 0;
	}
	/* A directory has no second name: EPERM. */
	if (errno == ENOENT || errno == EPERM)
		return xc_err_set(
			err, XC_ERR_CORRUPT,
			"%s is a hard link to %s, and no file of that name came before it",
			XC_QUOTE(path), XC_QUOTE(target));
	return fail_at(path, "link", err);
}

int xc_fill_remove(struct xc_fill *fill, const char *path, struct xc_err *err)
{
	const char *name;
	int dir_fd;

	if (*path == '\0')
		return xc_err_set(err, XC_ERR_CORRUPT, "it removes the whole directory");
	dir_fd = parent_of(fill, path, false, &name);
	if (dir_fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (dir_fd < 0 || take_away(fill, dir_fd, name) < 0)
		return fail_at(path, "remove", err);
	return 0;
}

/* The deepest first; of one path the last that came. */
static int compare_directories(const void *a, const void *b)
{
	const struct directory *left = a, *right = b;
	int order = strcmp(right->path, left->path);

	return order ? order : (left->order < right->order) - (left->order > right->order);
}

static int finish_directory(struct xc_fill *fill, const struct directory *directory)
{
	cleanup_fd int fd =
		xc_beneath_open_dir(fill->root_fd, directory->path, XC_BENEATH_NO_LINKS, O_RDONLY);

	/* Something later took its place, or that of one above it. */
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : -1;
	return set_attributes(fill, fd, &directory->attributes);
}

int xc_fill_finish(struct xc_fill *fill, struct xc_err *err)
{
	xc_fd_close(&fill->parent_fd);
	if (fill->directory_count > 1)
		qsort(fill->directories, fill->directory_count, sizeof(*fill->directories),
		      compare_directories);
	for (uint32_t i = 0; i < fill->directory_count; i++) {
		const struct directory *directory = &fill->directories[i];

		if (i > 0 && strcmp(directory[-1].path, directory->path) == 0)
			continue;
		if (finish_directory(fill, directory) < 0)
			return fail_at(directory->path, "set the mode and times of", err);
	}
	return 0;
}
