/* SPDX-License-Identifier: Apache-2.0 */
#include "mount/keeper.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "mount/attach.h"
#include "mount/mountinfo.h"

/* Calls `act` for each of the mounts that is still there, by its line; whether there was one. */
static bool for_each(const struct xc_keeper *keeper,
		     void (*act)(const struct xc_kept_mount *mount, const char *point))
{
	cleanup_buf struct xc_buf text = XC_BUF_INIT;
	struct xc_mountinfo info;
	bool any = false;
	char *rest;

	/* What cannot be known is taken for there: nothing is removed then. */
	if (xc_mountinfo_read(&text) < 0)
		return true;
	rest = text.data;
	while (xc_mountinfo_next(&rest, &info))
		for (uint32_t i = 0; i < keeper->mount_count; i++)
			if (keeper->mounts[i].id == info.id) {
				any = true;
				if (act)
					act(&keeper->mounts[i], info.point);
			}
	return any;
}

bool xc_keeper_has_mounts(const struct xc_keeper *keeper)
{
	return for_each(keeper, NULL);
}

/* Where it was mounted, or where somebody has moved it. */
static void unmount(const struct xc_kept_mount *mount, const char *point)
{
	struct xc_err ignored;

	if (xc_detach(mount->above_fd, mount->name, mount->id, &ignored) < 0)
		(void)!xc_detach(AT_FDCWD, point, mount->id, &ignored);
}

void xc_keeper_unmount(const struct xc_keeper *keeper)
{
	for_each(keeper, unmount);
}

/* By its descriptor: whoever may write the directory above could put another one in its place. */
static void remove_content(int folder_fd)
{
	int own_fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = own_fd < 0 ? NULL : fdopendir(own_fd);
	const struct dirent *entry;

	if (!dir) {
		xc_fd_close(&own_fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			xc_fd_remove_tree(folder_fd, entry->d_name);
	closedir(dir);
}

void xc_keeper_clean(struct xc_keeper *keeper)
{
	for (uint32_t i = 0; i < keeper->mount_count; i++)
		if (keeper->mounts[i].made)
			unlinkat(keeper->mounts[i].above_fd, keeper->mounts[i].name, AT_REMOVEDIR);
	for (uint32_t i = 0; i < keeper->folder_count; i++) {
		const struct xc_kept_folder *folder = &keeper->folders[i];

		remove_content(folder->fd);
		unlinkat(folder->base_fd, folder->name, AT_REMOVEDIR);
	}
	xc_keeper_forget(keeper);
}

void xc_keeper_forget(struct xc_keeper *keeper)
{
	for (uint32_t i = 0; i < keeper->mount_count; i++)
		xc_fd_close(&keeper->mounts[i].above_fd);
	for (uint32_t i = 0; i < keeper->folder_count; i++) {
		xc_fd_close(&keeper->folders[i].base_fd);
		xc_fd_close(&keeper->folders[i].fd);
	}
	keeper->mount_count = keeper->folder_count = 0;
	xc_fd_close(&keeper->watch_fd);
}
