/* SPDX-License-Identifier: Apache-2.0 */
/* What a mount needs beside its targets: mount points, upper directories, files without names. */
#ifndef XC_MOUNT_PLACES_H
#define XC_MOUNT_PLACES_H

#include "mount/layout.h"
#include "mount/mounter.h"
#include "restore/targets.h"
#include "tree/owner.h"

/* The tops of a mount, ready to be attached. */
struct xc_mount_places {
	struct xc_mounter_top *tops; /* in the order of the targets */
	uint32_t count;
};

#define XC_MOUNT_PLACES_INIT                                                                       \
	{                                                                                          \
		0                                                                                  \
	}

/*
 * Find or make the mount points of all targets. UNSUPPORTED, as
 * xc_stage_mount_point says. `ret_places` is to be released in any case,
 * before the targets.
 */
int xc_mount_places_open(const struct xc_targets *targets, struct xc_mount_places *ret_places,
			 struct xc_err *err) XC_CHECK;

/*
 * For each top an upper and a work directory in the staging folder. The upper
 * one has the attributes of the entry's directory, which an overlay shows as
 * its own; `owner` is as in struct xc_image_opts. The tops of `layout` are those of the targets.
 */
int xc_mount_places_make_upper(struct xc_mount_places *places, const struct xc_targets *targets,
			       const struct xc_layout *layout, const struct xc_owner *owner,
			       struct xc_err *err) XC_CHECK;
void xc_mount_places_release(struct xc_mount_places *places);

/* A new file in the directory `dir_fd` that has no name; -1 with errno. */
int xc_mount_nameless_file(int dir_fd) XC_CHECK;

#endif
