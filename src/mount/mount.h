/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A restore that mounts instead of extracting. The entry's names and
 * attributes become the image of a file system, its contents files without
 * names; over both lies an overlay that takes what the job changes. No file
 * is created in the target, and what a job does not read need not be fetched.
 *
 *   eager   all contents are fetched and decoded first; nothing can fail later
 *   lazy    the target is there at once; a content comes when it is read, and
 *           the rest meanwhile. This process has to serve it (xc_mount_serve)
 *
 * It takes root, or sudo(8) without a password for a part of this program
 * (mount/mounter.h). Where a mount is not possible, extraction does it.
 */
#ifndef XC_MOUNT_MOUNT_H
#define XC_MOUNT_MOUNT_H

#include "mount/probe.h"
#include "restore/restore.h"

enum xc_mount_mode {
	XC_MOUNT_OFF,
	XC_MOUNT_EAGER,
	XC_MOUNT_LAZY,
};

/* By the word for it: off, eager, lazy, or auto, which is the one that is best in general. */
bool xc_mount_mode_parse(const char *word, enum xc_mount_mode *ret_mode);
#define XC_MOUNT_MODES "off, auto, eager or lazy"

struct xc_mount_opts {
	enum xc_mount_mode mode;
	bool read_only; /* no overlay: nothing can be changed */
	bool must;      /* fail rather than extract */
	/* Unmount when this process ends; 0: the runner's that runs this job, if there is one. */
	pid_t watch;
};

struct xc_mount;

/*
 * Restore as xc_cache_restore does, by a mount where that is possible.
 * *ret_mount tells what came of that; to be freed, before the result. With `must`,
 * IO says why there is no mount.
 */
int xc_cache_mount(const struct xc_cache *cache, const struct xc_query *query,
		   const struct xc_mount_opts *opts, struct xc_restore_result *ret_result,
		   struct xc_mount **ret_mount, struct xc_err *err) XC_CHECK;

/* What it was done by; XC_MOUNT_BY_NOTHING: by extraction, as xc_mount_obstacle tells. */
enum xc_mount_way xc_mount_way(const struct xc_mount *mount);
/* Why there is no mount, as a sentence; NULL if there is one. */
const char *xc_mount_obstacle(const struct xc_mount *mount);

/* Whether somebody has to call xc_mount_serve. */
bool xc_mount_is_served(const struct xc_mount *mount);

/*
 * Serve a lazy mount until it is unmounted. Without terminal, current
 * directory or output by then: nobody reads errors, so the job sees them as
 * EIO of what it reads. The cache's store is used.
 */
void xc_mount_serve(struct xc_mount *mount);

/* What was mounted stays, but for a lazy mount that nobody serves. NULL is allowed. */
void xc_mount_free(struct xc_mount *mount);

/*
 * Unmount what xcache mounted on `path`, and wait until nothing of it is left.
 * USAGE if it is no mount of xcache's; UNSUPPORTED without the right to.
 */
int xc_unmount(const char *path, struct xc_err *err) XC_CHECK;

#endif
