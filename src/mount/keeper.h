/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stays while something is mounted: a process of root's that knows the
 * mounts, and removes what belonged to them when they are gone, whoever
 * unmounted them. It unmounts them itself when the process ends that they are
 * for, or at SIGTERM. It has no descriptor in a mount, or umount(8) would
 * find it busy.
 */
#ifndef XC_MOUNT_KEEPER_H
#define XC_MOUNT_KEEPER_H

#include "mount/wire.h"

struct xc_kept_mount {
	int above_fd; /* holds the mount point */
	char name[XC_WIRE_NAME_MAX];
	uint64_t id;
	bool made; /* the mount point is to be removed */
};

struct xc_kept_folder {
	int base_fd, fd; /* the folder is locked while fd is open */
	char name[XC_WIRE_FOLDER_MAX];
};

struct xc_keeper {
	struct xc_kept_mount mounts[XC_MOUNTER_TOPS_MAX];
	struct xc_kept_folder folders[XC_MOUNTER_FOLDERS_MAX];
	uint32_t mount_count, folder_count;
	int watch_fd; /* -1: none */
};

/* Whether one of its mounts is still there. */
bool xc_keeper_has_mounts(const struct xc_keeper *keeper);
void xc_keeper_unmount(const struct xc_keeper *keeper);
/* Once no mount is there: remove mount points and folders, then let go of the locks. */
void xc_keeper_clean(struct xc_keeper *keeper);
/* Let go of everything, and leave it as it is. */
void xc_keeper_forget(struct xc_keeper *keeper);

#endif
