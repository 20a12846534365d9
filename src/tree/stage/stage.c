/* SPDX-License-Identifier: Apache-2.0 */
#include "tree/stage/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "tree/stage/internal.h"

/*
 * Which mount a descriptor is on: rename(2) does not cross from one to the
 * other even if both show the same file system. 0 if /proc does not tell.
 */
static uint64_t mount_id(int fd)
{
	char path[48], text[512];
	cleanup_fd int info_fd = -1;
	const char *line;
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info_fd = open(path, O_RDONLY | O_CLOEXEC);
	length = info_fd < 0 ? -1 : xc_fd_read_full(info_fd, text, sizeof(text) - 1);
	if (length < 0)
		return 0;
	text[length] = '\0';
	line = strstr(text, "mnt_id:");
	return line ? strtoull(line + strlen("mnt_id:"), NULL, 10) : 0;
}

static bool may_write(int dir_fd)
{
	/*
	 * glibc's takes faccessat2(2), which old seccomp profiles deny with EPERM, and goes on
	 * without it at ENOSYS only. The older call asks for the real user: this is no program
	 * with set-id bits.
	 */
	return faccessat(dir_fd, ".", W_OK | X_OK, AT_EACCESS) == 0 ||
	       (errno == EPERM && syscall(SYS_faccessat, dir_fd, ".", W_OK | X_OK) == 0);
}

static int explain_path(const struct xc_stage_destination *destination, int error,
			struct xc_err *err)
{
	const char *path = destination->target->path;

	switch (error) {
	case ENOTDIR:
		return xc_err_set(err, XC_ERR_IO,
				  "cannot restore %s: something above it is not a directory",
				  XC_QUOTE(path));
	case EXDEV:
	case ELOOP:
		return xc_err_set(err, XC_ERR_IO,
				  "cannot restore %s: a symlink above it leads out of the literal "
				  "part of the path",
				  XC_QUOTE(path));
	default:
		return xc_err_sys(err, error, "cannot open the folders above %s", XC_QUOTE(path));
	}
}

/* The nearest directory above that exists, and how much of the path that is. */
static int open_nearest(const struct xc_stage_destination *destination, size_t *ret_bytes,
			struct xc_err *err)
{
	const char *path = destination->target->path;
	size_t length = destination->above_bytes, missing = 0;
	cleanup_fd int fd = xc_stage_open_above(destination, length);
	struct stat st;

	while (fd < 0 && errno == ENOENT && length > 1) {
		missing = length;
		length = xc_stage_parent_bytes(path, length);
		fd = xc_stage_open_above(destination, length);
	}
	if (fd < 0)
		return explain_path(destination, errno, err);
	if (missing > 0) {
		cleanup_free char *absent = xc_strndup(path, missing);
		const char *name = strrchr(absent, '/') + 1;

		if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
			return xc_err_set(err, XC_ERR_IO, "%s is a dangling symlink",
					  XC_QUOTE(absent));
	}
	*ret_bytes = length;
	return STEAL_FD(fd);
}

/*
 * Whether the target's own name is followed: a directory goes there, and a
 * symlink to one stands there that this user or root made. Of somebody else's
 * it is replaced, or they would choose where this user writes.
 */
static bool follows(const struct xc_stage_destination *destination, int above_fd)
{
	const struct xc_stage_target *target = destination->target;
	struct stat st;

	if (!target->is_directory || strcmp(destination->name, ".") == 0)
		return false;
	if (fstatat(above_fd, destination->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISLNK(st.st_mode))
		return false;
	if (!target->keep_directory && (target->literal_bytes < strlen(target->path) ||
					(st.st_uid != geteuid() && st.st_uid != 0)))
		return false;
	return fstatat(above_fd, destination->name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

/*
 * Where to stage a target: in `above_fd`, or if `*ret_inside` in its own
 * directory, whose descriptor is returned then; else -1 without an error.
 */
static int open_inside(struct xc_stage_destination *destination, int above_fd, bool *ret_inside)
{
	cleanup_fd int own_fd = -1;
	struct stat above_st, own_st;

	*ret_inside = false;
	if (!destination->target->is_directory)
		return -1;
	if (destination->follow)
		own_fd = xc_stage_open_followed(destination);
	else
		own_fd = openat(above_fd, destination->name,
				O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (own_fd < 0 || fstat(above_fd, &above_st) < 0 || fstat(own_fd, &own_st) < 0)
		return -1;
	if (own_st.st_dev != above_st.st_dev || mount_id(own_fd) != mount_id(above_fd) ||
	    strcmp(destination->name, ".") == 0)
		*ret_inside = true;
	else if (!may_write(above_fd) && may_write(own_fd))
		*ret_inside = true;
	return *ret_inside ? STEAL_FD(own_fd) : -1;
}

static int add_folder(struct xc_stage *stage, int base_fd, bool in_target, const char *base_path,
		      struct xc_err *err)
{
	struct xc_stage_folder *folder = &stage->folders[stage->folder_count];
	struct stat st;

	*folder = (struct xc_stage_folder){ .fd = -1, .in_target = in_target };
	/* Reading the directory is not vital: without it no stale folder is found. */
	folder->base_fd = openat(base_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder->base_fd < 0)
		folder->base_fd = fcntl(base_fd, F_DUPFD_CLOEXEC, 0);
	if (folder->base_fd < 0 || fstat(folder->base_fd, &st) < 0) {
		xc_fd_close(&folder->base_fd);
		return xc_err_sys(err, errno, "cannot open %s", XC_QUOTE(base_path));
	}
	folder->device = st.st_dev;
	folder->mount_id = mount_id(base_fd);
	folder->base_times[0] = st.st_atim;
	folder->base_times[1] = st.st_mtim;
	folder->base_path = xc_strdup(base_path);
	stage->folder_count++;
	xc_stage_remove_stale(folder->base_fd);
	if (xc_stage_make_folder(folder) < 0)
		return xc_err_sys(err, errno, "cannot make a folder to restore into in %s",
				  XC_QUOTE(base_path));
	return 0;
}

/* The folder on the mount of `base_fd`, made if there is none yet. */
static int find_folder(struct xc_stage *stage, struct xc_stage_destination *destination,
		       int base_fd, const char *base_path, struct xc_err *err)
{
	uint64_t mount = mount_id(base_fd);
	struct stat st;

	if (fstat(base_fd, &st) < 0)
		return xc_err_sys(err, errno, "cannot examine %s", XC_QUOTE(base_path));
	for (uint32_t i = stage->folder_count; i-- > 0;) {
		if (stage->folders[i].device == st.st_dev && stage->folders[i].mount_id == mount) {
			destination->folder = i;
			return 0;
		}
	}
	destination->folder = stage->folder_count;
	return add_folder(stage, base_fd, destination->fill, base_path, err);
}

static int choose_folder(struct xc_stage *stage, struct xc_stage_destination *destination,
			 struct xc_err *err)
{
	const struct xc_stage_target *target = destination->target;
	size_t nearest_bytes = 0;
	cleanup_fd int above_fd = open_nearest(destination, &nearest_bytes, err);
	cleanup_free char *base_path = NULL;
	cleanup_fd int inside_fd = -1;
	bool inside = false;

	if (above_fd < 0)
		return -1;
	/* Known from here on: what comes to stand above the target meanwhile is not followed. */
	destination->known_bytes = nearest_bytes;
	if (xc_stage_know_again(&destination->known, above_fd) < 0)
		return xc_err_sys(err, errno, "cannot examine the folders above %s",
				  XC_QUOTE(target->path));
	if (nearest_bytes == destination->above_bytes)
		destination->follow = follows(destination, above_fd);
	if (nearest_bytes == destination->above_bytes)
		inside_fd = open_inside(destination, above_fd, &inside);
	base_path = xc_strndup(target->path, inside ? strlen(target->path) : nearest_bytes);
	if (!inside && !may_write(above_fd))
		return xc_err_sys(err, errno,
				  "cannot write to %s, the folder above %s; let this user write "
				  "there, or choose another path",
				  XC_QUOTE(base_path), XC_QUOTE(target->path));
	destination->fill = inside;
	if (find_folder(stage, destination, inside ? inside_fd : above_fd, base_path, err) < 0)
		return -1;
	destination->fill |=
		target->is_directory && (target->keep_directory || destination->follow);
	return 0;
}

static void init_place(struct xc_stage_destination *destination,
		       const struct xc_stage_target *target)
{
	size_t length = strlen(target->path);
	const char *slash = strrchr(target->path, '/');

	destination->target = target;
	destination->above_bytes = xc_stage_parent_bytes(target->path, length);
	destination->name = slash && slash[1] ? slash + 1 : ".";
}

int xc_stage_open(const struct xc_stage_target *targets, uint32_t count,
		  struct xc_stage **ret_stage, struct xc_err *err)
{
	struct xc_stage *stage = xc_calloc(1, sizeof(*stage));

	stage->destinations = xc_calloc(XC_MAX(count, 1u), sizeof(*stage->destinations));
	stage->folders = xc_calloc(XC_MAX(count, 1u), sizeof(*stage->folders));
	xc_buf_init(&stage->names, UINT32_MAX);
	xc_buf_add_char(&stage->names, '\0');
	for (; stage->destination_count < count; stage->destination_count++) {
		struct xc_stage_destination *destination =
			&stage->destinations[stage->destination_count];

		init_place(destination, &targets[stage->destination_count]);
		if (choose_folder(stage, destination, err) < 0) {
			xc_stage_free(stage);
			return -1;
		}
	}
	*ret_stage = stage;
	return 0;
}

void xc_stage_staged_at(const struct xc_stage *stage, uint32_t i, int *ret_dir_fd,
			char ret_name[XC_STAGE_NAME_MAX])
{
	*ret_dir_fd = stage->folders[stage->destinations[i].folder].fd;
	snprintf(ret_name, XC_STAGE_NAME_MAX, "t%u", i);
}

int xc_stage_open_existing(struct xc_stage *stage, uint32_t i, const char **ret_name)
{
	struct xc_stage_destination *destination = &stage->destinations[i];
	int fd = destination->follow ? xc_stage_open_followed(destination)
				     : xc_stage_open_above(destination, destination->above_bytes);

	if (fd >= 0)
		*ret_name = destination->follow ? "." : destination->name;
	return fd;
}

int xc_stage_place(struct xc_stage *stage, uint32_t i, struct xc_stage_place *ret_place)
{
	const struct xc_stage_destination *destination = &stage->destinations[i];
	const char *missing = destination->target->path + destination->known_bytes;
	struct xc_stage_id id = destination->known;

	missing += strspn(missing, "/");
	if (destination->known_bytes == destination->above_bytes) {
		const char *name;
		cleanup_fd int above_fd = xc_stage_open_existing(stage, i, &name);
		struct stat st;

		if (above_fd < 0)
			return -1;
		if (fstatat(above_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode)) {
			id = (struct xc_stage_id){ .device = st.st_dev, .inode = st.st_ino };
			missing = "";
		}
	}
	*ret_place = (struct xc_stage_place){
		.device = id.device,
		.inode = id.inode,
		.missing = missing,
	};
	return 0;
}

char *xc_stage_real_path(struct xc_stage *stage, uint32_t i)
{
	struct xc_stage_destination *destination = &stage->destinations[i];
	const char *rest = destination->target->path + destination->known_bytes;
	char link[48], directory[PATH_MAX];
	cleanup_fd int fd = -1;
	ssize_t length;

	if (destination->known_bytes == destination->above_bytes)
		fd = xc_stage_open_existing(stage, i, &rest);
	else
		fd = xc_stage_open_above(destination, destination->known_bytes);
	if (fd < 0)
		return NULL;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, directory, sizeof(directory) - 1);
	if (length < 0)
		return NULL;
	directory[length] = '\0';
	rest += strspn(rest, "/");
	if (strcmp(rest, ".") == 0 || *rest == '\0')
		return xc_strdup(directory);
	return xc_asprintf("%s/%s", strcmp(directory, "/") == 0 ? "" : directory, rest);
}

void xc_stage_free(struct xc_stage *stage)
{
	if (!stage)
		return;
	xc_stage_drop_mount_points(stage);
	for (uint32_t i = 0; i < stage->folder_count; i++) {
		struct xc_stage_folder *folder = &stage->folders[i];

		if (folder->fd >= 0 && !folder->kept && !stage->handed_over)
			xc_stage_remove_folder(folder, stage->committed);
		xc_fd_close(&folder->fd);
		xc_fd_close(&folder->base_fd);
		free(folder->base_path);
	}
	free(stage->destinations);
	free(stage->folders);
	free(stage->dirs);
	free(stage->steps);
	free(stage->removed);
	free(stage->put);
	free(stage->twins);
	xc_buf_release(&stage->names);
	free(stage);
}
