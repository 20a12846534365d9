/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Staging: a restore builds its root paths beside their targets, on the same file
 * system, and moves them into place when all of them are whole. Until then,
 * and after any failure, what was there before stays as it was.
 *
 * Calling order: open; build every target at xc_stage_staged_at; commit; free. Freeing
 * without a commit that succeeded removes all that was staged.
 *
 * Staging folders are named ".xcache-restore-<random>" and locked (flock(2))
 * while in use. One that a killed process left behind is unlocked, and is
 * removed by the next restore that stages in the same folder. Nobody else can
 * reach into one, though they may rename it where they may write.
 *
 * Used by one thread, but for xc_stage_staged_at, which any may call.
 */
#ifndef XC_TREE_STAGE_STAGE_H
#define XC_TREE_STAGE_STAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cancel.h"
#include "base/err.h"

struct xc_stage;

struct xc_stage_target {
	const char *path; /* absolute and normalised; borrowed until free */
	/*
	 * How much of the path the user wrote out: symlinks in it are the user's
	 * own and are followed. Behind it the directories above the target may
	 * be symlinks only if they lead to somewhere below that prefix
	 * (openat2(2), RESOLVE_BENEATH; where the kernel lacks it, no symlinks).
	 * All that as it is when staging begins: what comes later is not followed.
	 * The target itself is followed if it has `keep_directory`, or if all of it was written
	 * out, a directory goes there, and this user or root made the symlink.
	 */
	size_t literal_bytes;
	/* The directory may be somebody's current one: fill it, never replace it. */
	bool keep_directory;
	bool is_directory; /* what will be staged */
};

/*
 * Make the staging folders for `count` targets. Each lies in the nearest
 * directory above its target that exists, or in the target itself if that
 * is a mount point or the directory above may not be written; targets on
 * one mount share one. `targets` is borrowed until free.
 * IO naming the folder that cannot be written.
 */
int xc_stage_open(const struct xc_stage_target *targets, uint32_t count,
		  struct xc_stage **ret_stage, struct xc_err *err) XC_CHECK;

/* Where to build target `i`: `ret_name` in directory *ret_dir_fd (borrowed). Not there yet. */
#define XC_STAGE_NAME_MAX 16
void xc_stage_staged_at(const struct xc_stage *stage, uint32_t i, int *ret_dir_fd,
			char ret_name[XC_STAGE_NAME_MAX]);

/*
 * Open the directory in which target `i` stands now, and its name there: "."
 * in the directory that it leads to if the target is followed. The name lives
 * as long as the stage. -1 with errno, ENOENT if folders above it are missing.
 */
int xc_stage_open_existing(struct xc_stage *stage, uint32_t i, const char **ret_name) XC_CHECK;

/*
 * Where a target really is: targets whose places are equal are one, by whatever
 * symlinks and mounts their paths lead there.
 */
struct xc_stage_place {
	dev_t device; /* the directory that stands there, or else the nearest one above it */
	ino_t inode;
	const char *missing; /* from there on; lives as long as the stage */
};

/*
 * The path by which a target's place is known to the system, without symlinks;
 * on the heap. NULL with errno. Where a part of a tree is mounted elsewhere,
 * one place has several.
 */
char *xc_stage_real_path(struct xc_stage *stage, uint32_t i) XC_CHECK;

/* -1 with errno. */
int xc_stage_place(struct xc_stage *stage, uint32_t i, struct xc_stage_place *ret_place) XC_CHECK;

/*
 * Move all targets into place, in order. A target that is absent, or an empty
 * directory that need not be kept, is one rename. Into a directory that has
 * content the staged one is merged as tar would: directories are merged and
 * take the mode, owner, times and user xattrs of the staged ones; all else
 * replaces what stands there, except that a directory with content is never
 * replaced by something else (IO naming it). A symlink where a directory goes
 * is replaced, unless it is followed (above). Directories missing above a
 * target are made, mode 0777 less the umask, by root for the owner of the
 * nearest one that is there. Where a rename is refused with EXDEV (a mount point inside), the
 * file is copied. A file that was staged as another name of the one that stands in its place
 * stays (rename(2) of two names of one file does nothing). A target that was not staged (nothing at
 * xc_stage_staged_at) is INTERNAL. A directory of somebody else's keeps its attributes unless root
 * merges into it, and owners are set by root alone.
 *
 * If anything fails, or `cancel` is set, everything is put back and -1
 * returned; if even that fails, the message says what could not be put back
 * and where it is kept. *ret_replaced counts what was replaced; a directory
 * that was filled is not. To be called once.
 */
int xc_stage_commit(struct xc_stage *stage, const struct xc_cancel *cancel, uint64_t *ret_replaced,
		    struct xc_err *err) XC_CHECK;

/*
 * Whether the commit moved what target `i` holds one by one: files moved so
 * have a new ctime, those in a directory that was moved as a whole have not.
 */
bool xc_stage_moved_singly(const struct xc_stage *stage, uint32_t i);

/* Targets are staged in one folder for each mount: how many, and which one is target `i`'s. */
uint32_t xc_stage_folders(const struct xc_stage *stage);
uint32_t xc_stage_folder_of(const struct xc_stage *stage, uint32_t i);

/*
 * Whether the file system of a folder is of a type whose ctimes may tell of
 * every change. To be asked before stamps are taken; xc_stage_clock_passes has
 * the last word.
 */
bool xc_stage_clock_may_tell(const struct xc_stage *stage, uint32_t folder);

/*
 * Whether every change from now on gives a file in the file system of a folder
 * a ctime later than `after_ns` (nanoseconds since 1970); waits up to 50 ms for
 * that. False if the times are another machine's, or if a change by way of a
 * mapping (mmap(2)) leaves them as they are. To be called once for a folder.
 */
bool xc_stage_clock_passes(const struct xc_stage *stage, uint32_t folder, int64_t after_ns);

/* --- filling a target by a mount instead of a commit --- */

/* Where target `i` is mounted: an empty directory. Borrowed until free. */
struct xc_stage_mount_point {
	int above_fd; /* the directory that holds it (O_PATH) */
	const char *name;
	bool made; /* there was none before */
};

/*
 * Find the mount point of a target, or make it, and what is missing above it.
 * UNSUPPORTED, with the reason as a sentence for people, if the target is to
 * be kept or followed, is no directory, or has content. What was made is
 * removed by xc_stage_drop_mount_points, and by a free without a hand-over.
 */
int xc_stage_mount_point(struct xc_stage *stage, uint32_t i, struct xc_stage_mount_point *ret_point,
			 struct xc_err *err) XC_CHECK;
void xc_stage_drop_mount_points(struct xc_stage *stage);

/*
 * A place beside what is staged for target `i`, for what a mount needs there: as
 * xc_stage_staged_at. A later restore knows it as its own kind's.
 */
void xc_stage_beside_at(const struct xc_stage *stage, uint32_t i, int *ret_dir_fd,
			char ret_name[XC_STAGE_NAME_MAX]);

/* A staging folder, for who keeps and removes it from now on. Borrowed until free. */
struct xc_stage_handle {
	int base_fd; /* the directory that holds it */
	int fd;      /* the folder; its lock lasts while a copy of this descriptor is open */
	const char *name;
};

struct xc_stage_handle xc_stage_folder_handle(const struct xc_stage *stage, uint32_t folder);
/* The folders and mount points are somebody else's to remove: free leaves them. */
void xc_stage_hand_over(struct xc_stage *stage);

/* Remove the staging folders with all in them, and free. NULL is allowed. */
void xc_stage_free(struct xc_stage *stage);

#endif
