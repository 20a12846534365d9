/* SPDX-License-Identifier: Apache-2.0 */
#include "mount/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"

/* From <sys/mount.h>, which not every libc allows beside <linux/mount.h>. */
#define DETACH_LAZILY 2

#define SAFE_ATTRIBUTES (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define LOOP_TRIES      64
#define LOOP_BLOCK      512 /* with larger ones blocks of 512 bytes could not be mounted */

/* A file system that is being configured. */
struct context {
	const char *type;
	int fd;
};

/* --- what the kernel says --- */

/* Its last message, "e erofs: ...", without the mark of its kind. */
static void read_log(int fd, char *out, size_t size)
{
	char line[256];
	ssize_t length;

	out[0] = '\0';
	while ((length = read(fd, line, sizeof(line) - 1)) > 2) {
		line[length] = '\0';
		line[strcspn(line, "\n")] = '\0';
		xc_err_quote(line + 2, out, size);
	}
}

static bool is_lacking(int error)
{
	return error == EPERM || error == ENODEV || error == ENOTBLK || error == EINVAL ||
	       error == ENOSYS || error == EACCES || error == EOPNOTSUPP || error == ENXIO ||
	       error == ENOENT;
}

static int refuse(int error, struct xc_err *err, const char *what)
{
	xc_err_sys(err, error, "%s", what);
	if (is_lacking(error))
		err->kind = XC_ERR_UNSUPPORTED;
	return -1;
}

static int refuse_context(const struct context *context, struct xc_err *err)
{
	int error = errno;
	char said[256], what[320];

	read_log(context->fd, said, sizeof(said));
	snprintf(what, sizeof(what), "cannot mount %s%s%s", context->type, *said ? ": " : "", said);
	return refuse(error, err, what);
}

/* --- a file system from its options --- */

static int open_context(const char *type, struct context *ret_context, struct xc_err *err)
{
	int fd = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);

	if (fd < 0 && errno == ENODEV)
		return xc_err_set(err, XC_ERR_UNSUPPORTED, "this kernel has no %s", type);
	if (fd < 0 && errno == EPERM)
		return xc_err_set(err, XC_ERR_UNSUPPORTED, "this process may not mount");
	if (fd < 0)
		return refuse(errno, err, "cannot mount");
	*ret_context = (struct context){ .type = type, .fd = fd };
	return 0;
}

static int set_text(const struct context *context, const char *option, const char *value)
{
	return (int)syscall(SYS_fsconfig, context->fd, FSCONFIG_SET_STRING, option, value, 0);
}

static int set_flag(const struct context *context, const char *option)
{
	return (int)syscall(SYS_fsconfig, context->fd, FSCONFIG_SET_FLAG, option, NULL, 0);
}

static int create(const struct context *context, unsigned attributes)
{
	if (syscall(SYS_fsconfig, context->fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return (int)syscall(SYS_fsmount, context->fd, FSMOUNT_CLOEXEC, attributes);
}

/* --- loop devices --- */

/* A free one may be taken by somebody else before it is ours: EBUSY, and the next. */
static int configure_loop(int file_fd, char *ret_path, size_t size)
{
	const struct loop_config config = {
		.fd = (unsigned)file_fd,
		.block_size = LOOP_BLOCK,
		.info = { .lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR },
	};
	cleanup_fd int control_fd = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

	for (int i = 0; control_fd >= 0 && i < LOOP_TRIES; i++) {
		int number = ioctl(control_fd, LOOP_CTL_GET_FREE);
		cleanup_fd int fd = -1;

		if (number < 0)
			return -1;
		snprintf(ret_path, size, "/dev/loop%d", number);
		fd = open(ret_path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return -1;
		if (ioctl(fd, LOOP_CONFIGURE, &config) == 0)
			return STEAL_FD(fd);
		if (errno != EBUSY)
			return -1;
	}
	return -1;
}

/* Make a loop device of a file, whose path goes to `ret_path`. */
static int open_loop(int file_fd, char *ret_path, size_t size, struct xc_err *err)
{
	int fd = configure_loop(file_fd, ret_path, size);

	if (fd < 0)
		(void)!refuse(errno, err, "cannot make a loop device");
	return fd;
}

/* --- EROFS --- */

#define SOURCE_MAX 64

static int open_device(const struct xc_attach_sources *sources, uint32_t i)
{
	char name[16];

	if (sources->fuse_mount_fd < 0)
		return fcntl(sources->raw_fds[i], F_DUPFD_CLOEXEC, 0);
	snprintf(name, sizeof(name), "%u", i);
	return openat(sources->fuse_mount_fd, name, O_RDONLY | O_CLOEXEC);
}

static int add_device(const struct context *context, const struct xc_attach_sources *sources,
		      uint32_t i, int *ret_loop_fd, struct xc_err *err)
{
	cleanup_fd int fd = open_device(sources, i);
	char path[SOURCE_MAX];

	if (fd < 0)
		return refuse(errno, err, "cannot open the contents of a mount");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (xc_mount_way_uses_loop(sources->way)) {
		*ret_loop_fd = open_loop(fd, path, sizeof(path), err);
		if (*ret_loop_fd < 0)
			return -1;
	}
	/* The option's path is opened when the file system is made: the descriptor stays till then.
	 */
	if (set_text(context, "device", path) < 0)
		return refuse_context(context, err);
	return STEAL_FD(fd);
}

static int configure_erofs(const struct context *context, const struct xc_attach_sources *sources,
			   int *loop_fds, int *device_fds, struct xc_err *err)
{
	cleanup_fd int image_loop_fd = -1;
	char path[SOURCE_MAX];
	int mount_fd;

	/* By it the mount tells whose it is. */
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), sources->image_fd);
	if (xc_mount_way_uses_loop(sources->way)) {
		image_loop_fd = open_loop(sources->image_fd, path, sizeof(path), err);
		if (image_loop_fd < 0)
			return -1;
	}
	if (set_text(context, "source", path) < 0 || set_flag(context, "ro") < 0)
		return refuse_context(context, err);
	for (uint32_t i = 0; i < sources->device_count; i++) {
		device_fds[i] = add_device(context, sources, i, &loop_fds[i], err);
		if (device_fds[i] < 0)
			return -1;
	}
	mount_fd = create(context, SAFE_ATTRIBUTES | MOUNT_ATTR_RDONLY);
	return mount_fd < 0 ? refuse_context(context, err) : mount_fd;
}

int xc_attach_erofs(const struct xc_attach_sources *sources, int *ret_loop_fds, int *ret_mount_fd,
		    struct xc_err *err)
{
	cleanup_free int *device_fds = xc_malloc((sources->device_count + 1) * sizeof(int));
	struct context context;
	int mount_fd;

	if (open_context("erofs", &context, err) < 0)
		return -1;
	for (uint32_t i = 0; i < sources->device_count; i++)
		ret_loop_fds[i] = device_fds[i] = -1;
	mount_fd = configure_erofs(&context, sources, ret_loop_fds, device_fds, err);
	xc_fd_close(&context.fd);
	for (uint32_t i = 0; i < sources->device_count; i++) {
		xc_fd_close(&device_fds[i]);
		if (mount_fd < 0)
			xc_fd_close(&ret_loop_fds[i]);
	}
	if (mount_fd < 0)
		return -1;
	*ret_mount_fd = mount_fd;
	return 0;
}

/* --- overlay, read-only, FUSE --- */

static int set_directory(const struct context *context, const char *option, int fd)
{
	char path[SOURCE_MAX];

	/* A path that needs no escaping, and cannot have been replaced. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return set_text(context, option, path);
}

/*
 * redirect_dir: directories can be renamed; metacopy: a new time copies no
 * content; index: all names of a file change together; volatile: no syncs. All
 * of that is safe as both layers are ours. Never userxattr, with which xattrs
 * that a pack has would count.
 */
static int configure_overlay(const struct context *context, const struct xc_attach_overlay *overlay,
			     int top_fd)
{
	if (set_text(context, "source", overlay->source) < 0 ||
	    set_directory(context, "lowerdir", top_fd) < 0 ||
	    set_directory(context, "upperdir", overlay->upper_fd) < 0 ||
	    set_directory(context, "workdir", overlay->work_fd) < 0 ||
	    set_flag(context, "volatile") < 0 || set_text(context, "redirect_dir", "on") < 0 ||
	    set_text(context, "metacopy", "on") < 0 || set_text(context, "index", "on") < 0)
		return -1;
	return create(context, SAFE_ATTRIBUTES);
}

int xc_attach_overlay(const struct xc_attach_overlay *overlay, int *ret_mount_fd,
		      struct xc_err *err)
{
	cleanup_fd int top_fd = openat(overlay->erofs_mount_fd, overlay->top,
				       O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct context context;
	int mount_fd;

	if (top_fd < 0)
		return xc_err_sys(err, errno, "cannot open a directory of the image");
	if (open_context("overlay", &context, err) < 0)
		return -1;
	mount_fd = configure_overlay(&context, overlay, top_fd);
	if (mount_fd < 0)
		(void)!refuse_context(&context, err);
	xc_fd_close(&context.fd);
	if (mount_fd < 0)
		return -1;
	*ret_mount_fd = mount_fd;
	return 0;
}

int xc_attach_read_only(int erofs_mount_fd, const char *top, int *ret_mount_fd, struct xc_err *err)
{
	int fd = (int)syscall(SYS_open_tree, erofs_mount_fd, top,
			      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);

	if (fd < 0)
		return refuse(errno, err, "cannot mount a directory of the image");
	*ret_mount_fd = fd;
	return 0;
}

int xc_attach_fuse(int *ret_fuse_fd, int *ret_mount_fd, struct xc_err *err)
{
	cleanup_fd int fuse_fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	struct context context;
	char number[16];
	int mount_fd;

	if (fuse_fd < 0)
		return refuse(errno, err, "cannot open /dev/fuse");
	if (open_context("fuse", &context, err) < 0)
		return -1;
	snprintf(number, sizeof(number), "%d", fuse_fd);
	/* Root's: it is root that opens the files for the image; others never get there. */
	if (set_text(&context, "source", "xcache") < 0 || set_text(&context, "fd", number) < 0 ||
	    set_text(&context, "rootmode", "40000") < 0 || set_text(&context, "user_id", "0") < 0 ||
	    set_text(&context, "group_id", "0") < 0)
		mount_fd = -1;
	else
		mount_fd = create(&context, SAFE_ATTRIBUTES | MOUNT_ATTR_RDONLY);
	if (mount_fd < 0)
		(void)!refuse_context(&context, err);
	xc_fd_close(&context.fd);
	if (mount_fd < 0)
		return -1;
	*ret_fuse_fd = STEAL_FD(fuse_fd);
	*ret_mount_fd = mount_fd;
	return 0;
}

/* --- showing and hiding --- */

int xc_attach_move(int mount_fd, int target_fd, struct xc_err *err)
{
	if (syscall(SYS_move_mount, mount_fd, "", target_fd, "",
		    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return refuse(errno, err, "cannot show the mount in its place");
	return 0;
}

uint64_t xc_attach_mount_id(int fd)
{
	struct statx status;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &status) < 0 ||
	    !(status.stx_mask & STATX_MNT_ID))
		return 0;
	return status.stx_mnt_id;
}

int xc_detach(int above_fd, const char *name, uint64_t mount_id, struct xc_err *err)
{
	cleanup_fd int fd = openat(above_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char path[SOURCE_MAX];

	if (fd < 0 || xc_attach_mount_id(fd) != mount_id)
		return xc_err_set(err, XC_ERR_NOT_FOUND, "it is not mounted any more");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (syscall(SYS_umount2, path, DETACH_LAZILY) < 0)
		return refuse(errno, err, "cannot unmount it");
	return 0;
}

int xc_attach_swap(const int *loop_fds, const int *raw_fds, uint32_t count, struct xc_err *err)
{
	for (uint32_t i = 0; i < count; i++)
		if (loop_fds[i] >= 0 && ioctl(loop_fds[i], LOOP_CHANGE_FD, raw_fds[i]) < 0)
			return refuse(errno, err, "cannot change the file of a loop device");
	return 0;
}
