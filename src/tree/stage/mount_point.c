/* SPDX-License-Identifier: Apache-2.0 */
/* Targets that are filled by a mount: directories to mount on, and folders that outlive us. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "tree/stage/internal.h"

/* -1 with errno, ENOTEMPTY if it holds anything. */
static int check_empty(int above_fd, const char *name)
{
	int fd = openat(above_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int error = 0;

	if (!dir) {
		xc_fd_close(&fd);
		return -1;
	}
	while (error == 0 && (errno = 0, entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			error = ENOTEMPTY;
	error = error ? error : errno;
	closedir(dir);
	errno = error;
	return error ? -1 : 0;
}

static int refuse(const struct xc_stage_destination *destination, int error, struct xc_err *err)
{
	const char *path = destination->target->path;

	switch (error) {
	case ENOTEMPTY:
		return xc_err_set(err, XC_ERR_UNSUPPORTED, "%s is not empty", XC_QUOTE(path));
	case ENOTDIR:
	case ELOOP:
		return xc_err_set(err, XC_ERR_UNSUPPORTED, "%s is there, and is no directory",
				  XC_QUOTE(path));
	default:
		return xc_err_sys(err, error, "cannot use %s as a mount point", XC_QUOTE(path));
	}
}

int xc_stage_mount_point(struct xc_stage *stage, uint32_t i, struct xc_stage_mount_point *ret_point,
			 struct xc_err *err)
{
	struct xc_stage_destination *at = &stage->destinations[i];
	cleanup_fd int above_fd = -1;
	bool made;

	if (!at->target->is_directory)
		return xc_err_set(err, XC_ERR_UNSUPPORTED, "%s is no directory in the entry",
				  XC_QUOTE(at->target->path));
	/* The workspace, the home, a mount point, what a symlink leads to. */
	if (at->fill)
		return xc_err_set(err, XC_ERR_UNSUPPORTED, "%s itself has to stay",
				  XC_QUOTE(at->target->path));
	if (xc_stage_make_above(stage, at) < 0)
		return xc_stage_refuse_above(at, err);
	above_fd = xc_stage_open_above(at, at->above_bytes);
	if (above_fd < 0)
		return xc_stage_refuse_above(at, err);
	made = mkdirat(above_fd, at->name, 0777) == 0;
	if (!made && (errno != EEXIST || check_empty(above_fd, at->name) < 0))
		return refuse(at, errno, err);
	at->point = true;
	at->point_made = made;
	at->point_fd = STEAL_FD(above_fd);
	*ret_point = (struct xc_stage_mount_point){
		.above_fd = at->point_fd,
		.name = at->name,
		.made = made,
	};
	return 0;
}

void xc_stage_drop_mount_points(struct xc_stage *stage)
{
	for (uint32_t i = stage->destination_count; i-- > 0;) {
		struct xc_stage_destination *at = &stage->destinations[i];

		if (!at->point)
			continue;
		if (!stage->handed_over) {
			if (at->point_made)
				unlinkat(at->point_fd, at->name, AT_REMOVEDIR);
			xc_stage_remove_made(at);
		}
		xc_fd_close(&at->point_fd);
		at->point = false;
	}
}

void xc_stage_beside_at(const struct xc_stage *stage, uint32_t i, int *ret_dir_fd,
			char ret_name[XC_STAGE_NAME_MAX])
{
	*ret_dir_fd = stage->folders[stage->destinations[i].folder].fd;
	snprintf(ret_name, XC_STAGE_NAME_MAX, "t%u", stage->destination_count + i);
}

struct xc_stage_handle xc_stage_folder_handle(const struct xc_stage *stage, uint32_t folder)
{
	const struct xc_stage_folder *at = &stage->folders[folder];

	return (struct xc_stage_handle){ .base_fd = at->base_fd, .fd = at->fd, .name = at->name };
}

void xc_stage_hand_over(struct xc_stage *stage)
{
	stage->handed_over = true;
}
