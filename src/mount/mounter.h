/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of this program that mounts: "xcache mounter", a process of root's
 * that takes descriptors and no paths. Root starts it directly, others by
 * "sudo -n". Its environment is empty, so that GitHub's runner does not take
 * it for one of the job's processes.
 *
 *   xc_mounter_start  ->  probe, fuse, attach, detach, swap ...  ->  xc_mounter_leave
 *
 * Once something is attached it stays as the keeper of that (mount/keeper.h).
 *
 * Who may run it by sudo is trusted as root is: the image that it mounts was
 * written by this program (mount/image.h), but in the other process.
 */
#ifndef XC_MOUNT_MOUNTER_H
#define XC_MOUNT_MOUNTER_H

#include "mount/probe.h"
#include "tree/stage/stage.h"

struct xc_mounter;

/*
 * UNSUPPORTED if this user is not root and sudo does not help, in one sentence. One thread
 * uses a mounter at a time. All calls below fail with IO if it is gone or takes
 * longer than XC_MOUNTER_MS, else as the function says that it runs.
 */
int xc_mounter_start(struct xc_mounter **ret_mounter, struct xc_err *err) XC_CHECK;
#define XC_MOUNTER_MS 30000

/* xc_mount_probe. */
int xc_mounter_probe(struct xc_mounter *mounter, int dir_fd, enum xc_mount_way *ret_way,
		     struct xc_err *err) XC_CHECK;

/* xc_attach_fuse, for the attach that follows. */
int xc_mounter_fuse(struct xc_mounter *mounter, int *ret_fuse_fd, struct xc_err *err) XC_CHECK;

/* What goes to one target. */
struct xc_mounter_top {
	struct xc_stage_mount_point point;
	int upper_fd, work_fd; /* -1: read-only */
};

#define XC_MOUNTER_DEVICES_MAX 16
#define XC_MOUNTER_TOPS_MAX    48
#define XC_MOUNTER_FOLDERS_MAX 16

struct xc_mounter_attach {
	enum xc_mount_way way;
	int image_fd;
	const int *raw_fds; /* the devices; not used if they come by FUSE */
	uint32_t device_count;
	bool fuse;
	const struct xc_mounter_top *tops; /* the image's directories "0", "1", ... */
	uint32_t top_count;
	/* Locked, and theirs to remove who keeps the mounts. */
	const struct xc_stage_handle *folders;
	uint32_t folder_count;
	int watch_fd; /* pidfd of the process with whose end the mounts end; -1: none */
};

/*
 * Mount an image, and show its tops on their mount points: all or none.
 * UNSUPPORTED beyond the bounds above, and what attach.h says. The mount
 * points have to be empty directories of the user who asks.
 */
int xc_mounter_attach(struct xc_mounter *mounter, const struct xc_mounter_attach *attach,
		      struct xc_err *err) XC_CHECK;

/* xc_detach of a mount of xcache's. */
int xc_mounter_detach(struct xc_mounter *mounter, int above_fd, const char *name,
		      struct xc_err *err) XC_CHECK;

/* xc_attach_swap of what was attached by loop devices from FUSE. */
int xc_mounter_swap(struct xc_mounter *mounter, const int *raw_fds, uint32_t count,
		    struct xc_err *err) XC_CHECK;

/* Hang up: it goes, or keeps what it attached. NULL is allowed. */
void xc_mounter_leave(struct xc_mounter *mounter);

/* What "xcache mounter" does, with the other end as its standard input. Returns its exit code. */
int xc_mounter_main(void);

#endif
