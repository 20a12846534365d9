/* SPDX-License-Identifier: Apache-2.0 */
#include "mount/own.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "mount/mount.h"
#include "mount/mountinfo.h"

#define KEEPER_WAIT_MS 10000

static bool keeps_a_mount(pid_t keeper)
{
	cleanup_buf struct xc_buf text = XC_BUF_INIT;
	struct xc_mountinfo info;
	char *rest;

	if (xc_mountinfo_read(&text) < 0)
		return true;
	rest = text.data;
	while (xc_mountinfo_next(&rest, &info))
		if (xc_mountinfo_keeper(&info) == keeper)
			return true;
	return false;
}

/* It ends once all that belonged to its mounts is gone. One that hangs is not waited for long. */
static void wait_for_keeper(pid_t keeper)
{
	cleanup_fd int fd = (int)syscall(SYS_pidfd_open, keeper, 0);
	struct pollfd end = { .fd = fd, .events = POLLIN };

	if (fd >= 0 && !keeps_a_mount(keeper))
		poll(&end, 1, KEEPER_WAIT_MS);
}

static int detach(struct xc_mounter **mounter, const char *point, pid_t keeper, struct xc_err *err)
{
	const char *slash = strrchr(point, '/');
	cleanup_free char *above = xc_strndup(point, slash == point ? 1 : (size_t)(slash - point));
	cleanup_fd int above_fd = xc_fd_open_dir_path(AT_FDCWD, above);

	if (above_fd < 0)
		return xc_err_sys(err, errno, "cannot open %s", XC_QUOTE(above));
	if ((!*mounter && xc_mounter_start(mounter, err) < 0) ||
	    xc_mounter_detach(*mounter, above_fd, slash + 1, err) < 0)
		return xc_err_wrap(err, "cannot unmount %s", XC_QUOTE(point));
	wait_for_keeper(keeper);
	return 0;
}

int xc_own_mounts_clear(const struct xc_patterns *patterns, struct xc_mounter **mounter,
			struct xc_err *err)
{
	cleanup_buf struct xc_buf text = XC_BUF_INIT;
	struct xc_mountinfo info;
	size_t literal_bytes;
	char *rest;

	/* Without /proc there is none to be found, nor could one be made. */
	if (xc_mountinfo_read(&text) < 0)
		return 0;
	rest = text.data;
	while (xc_mountinfo_next(&rest, &info)) {
		pid_t keeper = xc_mountinfo_keeper(&info);

		if (keeper != 0 && xc_patterns_declares(patterns, info.point, &literal_bytes) &&
		    detach(mounter, info.point, keeper, err) < 0)
			return -1;
	}
	return 0;
}

/* Of the newest mount at a place, which is listed last. 0 if it is not xcache's. */
static int find_keeper(const char *point, pid_t *ret_keeper, struct xc_err *err)
{
	cleanup_buf struct xc_buf text = XC_BUF_INIT;
	struct xc_mountinfo info;
	char *rest;

	if (xc_mountinfo_read(&text) < 0)
		return xc_err_sys(err, errno, "cannot read the list of mounts");
	*ret_keeper = 0;
	rest = text.data;
	while (xc_mountinfo_next(&rest, &info))
		if (strcmp(info.point, point) == 0)
			*ret_keeper = xc_mountinfo_keeper(&info);
	return 0;
}

int xc_unmount(const char *path, struct xc_err *err)
{
	cleanup_free char *point = realpath(path, NULL);
	struct xc_mounter *mounter = NULL;
	pid_t keeper = 0;
	int result;

	if (!point)
		return xc_err_sys(err, errno, "cannot find %s", XC_QUOTE(path));
	if (find_keeper(point, &keeper, err) < 0)
		return -1;
	if (keeper == 0)
		return xc_err_set(err, XC_ERR_USAGE, "%s is not mounted by xcache",
				  XC_QUOTE(point));
	result = detach(&mounter, point, keeper, err);
	xc_mounter_leave(mounter);
	return result;
}
