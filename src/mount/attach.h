/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls of mounting (fsopen(2), fsmount(2), move_mount(2)). Root
 * alone can use them. What is made is attached nowhere, and goes with its
 * descriptor, until xc_attach_move. All is nosuid and nodev.
 *
 * UNSUPPORTED says what this machine cannot do, with the kernel's own words if it has
 * any; IO is for all else.
 */
#ifndef XC_MOUNT_ATTACH_H
#define XC_MOUNT_ATTACH_H

#include <stdint.h>
#include <sys/types.h>

#include "mount/probe.h"

/* Where an image and its devices are. All borrowed. */
struct xc_attach_sources {
	enum xc_mount_way way;
	int image_fd;
	uint32_t device_count;
	const int *raw_fds; /* the devices */
	int fuse_mount_fd; /* or, if it is not -1, the directory of which they are files "0", "1" */
};

/*
 * Mount an image with its devices. `ret_loop_fds`, of device_count, gets the
 * loop devices of the devices for xc_attach_swap, -1 where there is none; to be
 * closed once they need not be swapped any more.
 */
int xc_attach_erofs(const struct xc_attach_sources *sources, int *ret_loop_fds, int *ret_mount_fd,
		    struct xc_err *err) XC_CHECK;

/* Over the directory `top` of an image an overlay, which /proc/mounts shows as of `source`. */
struct xc_attach_overlay {
	int erofs_mount_fd;
	const char *top;
	int upper_fd, work_fd; /* on one mount */
	const char *source;
};
int xc_attach_overlay(const struct xc_attach_overlay *overlay, int *ret_mount_fd,
		      struct xc_err *err) XC_CHECK;

/* The directory `top` of an image, by itself. */
int xc_attach_read_only(int erofs_mount_fd, const char *top, int *ret_mount_fd,
			struct xc_err *err) XC_CHECK;

/* A FUSE file system of root's own, whose requests are read from *ret_fuse_fd. */
int xc_attach_fuse(int *ret_fuse_fd, int *ret_mount_fd, struct xc_err *err) XC_CHECK;

/* Show a mount on the directory `target_fd`. Until then nobody has seen it. */
int xc_attach_move(int mount_fd, int target_fd, struct xc_err *err) XC_CHECK;

/* The number that /proc/self/mountinfo calls a mount by; 0 if the kernel does not tell. */
uint64_t xc_attach_mount_id(int fd);

/*
 * Unmount what is mounted on `name` in `above_fd`, for those who have files
 * open there when they close them. NOT_FOUND if it is not the mount of this id.
 */
int xc_detach(int above_fd, const char *name, uint64_t mount_id, struct xc_err *err) XC_CHECK;

/*
 * Let loop devices read from other files with the same bytes (loop(4),
 * LOOP_CHANGE_FD): the mount no longer needs what they were made of.
 */
int xc_attach_swap(const int *loop_fds, const int *raw_fds, uint32_t count,
		   struct xc_err *err) XC_CHECK;

#endif
