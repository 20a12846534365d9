/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of staging share: the folders, the sites where targets go,
 * and the journal from which a commit is undone.
 *
 * Words. "Staged" is the side in the staging folder, "final" the side where
 * the target stands. A directory that is merged has a record; records form
 * chains up to the target's top, so that both its sides can be opened again
 * without keeping descriptors or absolute paths. XC_STAGE_ABOVE stands for
 * the pair of the staging folder and the directory above the target.
 *
 * Functions that return int and take no struct xc_err return -1 with errno.
 */
#ifndef XC_TREE_STAGE_INTERNAL_H
#define XC_TREE_STAGE_INTERNAL_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/buf.h"
#include "tree/stage/copy.h"
#include "tree/stage/stage.h"

#define XC_STAGE_PREFIX      ".xcache-restore-"
#define XC_STAGE_KEPT_PREFIX ".xcache-kept-"
#define XC_STAGE_TAG_BYTES   16       /* hex digits behind a prefix */
#define XC_STAGE_OLD         "old"    /* in a folder: what was replaced */
#define XC_STAGE_PARENT      "parent" /* likewise: a directory on its way above a target */
#define XC_STAGE_CLOCK       "clock"  /* likewise: a file that tells the time there */
#define XC_STAGE_HIDDEN_MAX  64
#define XC_STAGE_ABOVE       UINT32_MAX
#define XC_STAGE_PUT_MAX     ((UINT32_C(1) << 28) - 1) /* what a step's number holds */

/* <linux/fs.h> has them; <stdio.h> not in every libc. */
#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE (1 << 0)
#endif
#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE (1 << 1)
#endif

struct xc_stage_attributes {
	mode_t mode;
	uid_t uid;
	gid_t gid;
	struct timespec times[2]; /* access, modification */
};

/* To know something again; inode 0: not known. */
struct xc_stage_id {
	dev_t device;
	ino_t inode;
};

struct xc_stage_folder {
	int base_fd; /* the directory that holds it */
	int fd;      /* the folder itself, locked while open */
	dev_t device;
	uint64_t mount_id;
	struct timespec base_times[2]; /* before the folder was made */
	uint32_t trash;                /* names given out in "old" */
	bool in_target;
	bool kept; /* holds what could not be put back */
	char name[sizeof(XC_STAGE_PREFIX) + XC_STAGE_TAG_BYTES];
	char *base_path; /* for messages */
};

/* A target, and what a commit did to it. */
struct xc_stage_destination {
	const struct xc_stage_target *target;
	const char *name;    /* last component of its path; "." for "/" */
	size_t above_bytes;  /* of its path: the directory above */
	uint32_t folder;     /* position */
	bool fill;           /* never replaced by a rename */
	bool merged;         /* has a record, the first of its own */
	size_t made_bytes;   /* the path above existed up to here and was made behind; 0: existed */
	uint32_t first_dir;  /* its records: up to the next place's */
	uint32_t first_step; /* likewise */
	bool follow;         /* the target's own name may be a symlink, which was there before */
	int point_fd;        /* holds its mount point; valid with `point` */
	bool point, point_made;
	size_t known_bytes; /* how much of the path was a directory when staging began */
	struct xc_stage_id known, above, top; /* that one; the one above; a target to follow */
};

struct xc_stage_dir {
	uint32_t parent;  /* position; XC_STAGE_ABOVE for the target */
	uint32_t name;    /* in `names`; "" for the target */
	bool made;        /* there was none before */
	bool entered;     /* the attributes below are known */
	bool xattrs_kept; /* the final side's were copied to "old/x<position>" */
	struct xc_stage_attributes staged, before;
};

enum xc_stage_step_kind {
	XC_STAGE_PUT,         /* a non-directory stands where nothing stood */
	XC_STAGE_PUT_DIR,     /* a directory, whole, likewise */
	XC_STAGE_MADE_DIR,    /* an empty one was made, to be filled */
	XC_STAGE_EXCHANGED,   /* what was replaced stands on the staged side */
	XC_STAGE_ASIDE,       /* a non-directory was moved to "old/<number>" */
	XC_STAGE_BESIDE,      /* likewise, to a hidden name in its directory (another mount) */
	XC_STAGE_REMOVED_DIR, /* an empty one; its attributes are `removed[number]` */
};

struct xc_stage_step {
	uint32_t dir;
	uint32_t name; /* in `names` */
	uint32_t kind : 4;
	uint32_t number : 28; /* of what was put: in `put`, counted from 1; 0: not noted */
};

/* An inode of several names that was copied to another mount, and where to. */
struct xc_stage_twin {
	dev_t device;
	ino_t inode;
	uint32_t dir, name;
};

struct xc_stage {
	struct xc_stage_destination *destinations;
	struct xc_stage_folder *folders;
	struct xc_stage_dir *dirs;
	struct xc_stage_step *steps;
	struct xc_stage_attributes *removed;
	struct xc_stage_id *put;
	struct xc_stage_twin *twins; /* of the target in work */
	uint32_t destination_count, folder_count;
	uint32_t dir_count, dir_capacity;
	uint32_t step_count, step_capacity;
	uint32_t removed_count, removed_capacity;
	uint32_t put_count, put_capacity;
	uint32_t twin_count, twin_capacity;
	uint32_t hidden; /* numbers given to hidden names */
	struct xc_buf names;
	const struct xc_cancel *cancel;
	uint64_t replaced;
	bool committed;
	bool handed_over; /* what is there is somebody else's to remove */
};

/* A place opened for work. */
struct xc_stage_site {
	struct xc_stage *stage;
	uint32_t destination;
	int above_fd;  /* directory above the target */
	int target_fd; /* the target's own directory, if it is merged; else -1 */
	uint32_t dir;  /* which record the two below belong to; valid if they are open */
	int staged_fd, final_fd;
	bool shared; /* others may rename what stands in final_fd */
};

/* folder.c */

/*
 * Make and lock a staging folder in base_fd, as `name` and `fd`: empty but
 * for "old", and of nobody else, whoever may rename things in base_fd.
 */
int xc_stage_make_folder(struct xc_stage_folder *folder) XC_CHECK;
/* Remove it with all in it. `committed`: what its directory holds now is there to stay. */
void xc_stage_remove_folder(const struct xc_stage_folder *folder, bool committed);
/* Remove the folders in `base_fd` that killed processes of this user left. */
void xc_stage_remove_stale(int base_fd);

/* site.c: opening both sides, attributes, renames */

/*
 * Open the first `length` bytes of the target's path as a place (O_PATH).
 * What was there when staging began must be the same directory still
 * (ESTALE); behind it no symlinks are followed, for an earlier target or
 * somebody else may have put them there since.
 */
int xc_stage_open_above(const struct xc_stage_destination *destination, size_t length) XC_CHECK;
/*
 * Whether `fd` is what `id` says; if that is not known yet, it is noted. -1
 * with ESTALE if it is something else.
 */
int xc_stage_know_again(struct xc_stage_id *id, int fd) XC_CHECK;
/* Fills in the id of `name` in `dir_fd`, not followed. */
int xc_stage_identify(int dir_fd, const char *name, struct xc_stage_id *ret_id) XC_CHECK;
static inline bool xc_stage_same(const struct xc_stage_id *a, const struct xc_stage_id *b)
{
	return a->inode == b->inode && a->device == b->device;
}
/* How many bytes of path[0..length) remain without its last component: 1 for "/". */
size_t xc_stage_parent_bytes(const char *path, size_t length);

int xc_stage_site_open(struct xc_stage *stage, uint32_t destination,
		       struct xc_stage_site *ret_site) XC_CHECK;
/* Open what a target to follow leads to: the same as the first time, else ESTALE. */
int xc_stage_open_followed(struct xc_stage_destination *destination) XC_CHECK;
/* Open the target's own directory; following a symlink if the target is to be kept. */
int xc_stage_site_open_target(struct xc_stage_site *site) XC_CHECK;
void xc_stage_site_close(struct xc_stage_site *site);
/*
 * Open both sides of a record as staged_fd and final_fd, with the owner's
 * permissions added where they lack; sets `shared`; does nothing if they are open.
 */
int xc_stage_site_enter(struct xc_stage_site *site, uint32_t dir) XC_CHECK;
/* The final side of another record. */
int xc_stage_open_final(const struct xc_stage_site *site, uint32_t dir) XC_CHECK;
/* Name of the staged side of `name` in record `dir`. */
const char *xc_stage_staged_name(const struct xc_stage_site *site, uint32_t dir, const char *name,
				 char top[XC_STAGE_NAME_MAX]);
/* The absolute path, for messages. */
void xc_stage_say_path(const struct xc_stage_site *site, uint32_t dir, const char *name,
		       struct xc_buf *out);
void xc_stage_hidden_name(const struct xc_stage_site *site, uint32_t number,
			  char ret_name[XC_STAGE_HIDDEN_MAX]);

static inline struct xc_stage_folder *xc_stage_site_folder(const struct xc_stage_site *site)
{
	return &site->stage->folders[site->stage->destinations[site->destination].folder];
}

void xc_stage_attributes_of(const struct stat *st, struct xc_stage_attributes *ret_attributes);
/* Onto an open directory; the owner only as root. Not our directory: nothing. */
int xc_stage_set_attributes(int fd, const struct xc_stage_attributes *attributes) XC_CHECK;
/* Whether this user may set its attributes: the owner or root. */
bool xc_stage_is_ours(int fd);
/* fchmod(2) that takes a descriptor opened with O_PATH too. */
int xc_stage_chmod(int fd, mode_t mode) XC_CHECK;

/*
 * renameat2(2) with `flags` 0, RENAME_NOREPLACE (emulated where it lacks) or
 * RENAME_EXCHANGE. A directory `from` without write permission is moved too.
 */
int xc_stage_rename(int from_fd, const char *from, int to_fd, const char *to,
		    unsigned int flags) XC_CHECK;

/* entry.c: one entry */

/* What is moved: `name` in a record's final side, `staged` in its staged side. */
struct xc_stage_entry {
	uint32_t dir;
	const char *staged, *name;
	bool is_directory;
	bool over_empty; /* may replace an empty directory by a rename */
};

/*
 * Move it into place, or append a record if it is a directory to merge. The
 * site has `dir` entered.
 */
int xc_stage_move_entry(struct xc_stage_site *site, const struct xc_stage_entry *entry,
			struct xc_err *err) XC_CHECK;
/* Append its record; the target itself is opened as its top directory. */
int xc_stage_add_dir(struct xc_stage_site *site, const struct xc_stage_entry *entry,
		     bool made) XC_CHECK;
/* Fill `err` from errno, with the entry's path. Returns -1. */
int xc_stage_refuse(const struct xc_stage_site *site, const struct xc_stage_entry *entry,
		    struct xc_err *err);

/* copy.c */

/* Copy the user xattrs; returns how many there were. A file system without any is 0. */
int xc_stage_copy_xattrs(int from_fd, int to_fd) XC_CHECK;
/* How many user xattrs there are; never fails. */
int xc_stage_count_xattrs(int fd);
void xc_stage_remove_xattrs(int fd);

/* commit.c */

/* Make what is missing above the target, and note that. */
int xc_stage_make_above(const struct xc_stage *stage,
			struct xc_stage_destination *destination) XC_CHECK;
/* Fill `err` from the errno of that. Returns -1. */
int xc_stage_refuse_above(const struct xc_stage_destination *destination, struct xc_err *err);

/* undo.c */

/* Remove the directories that xc_stage_make_above made; one that is in use by now stays. */
void xc_stage_remove_made(const struct xc_stage_destination *destination);

/* Take back the steps of the first `count` places; adds to `err` what could not be. */
void xc_stage_undo(struct xc_stage *stage, uint32_t count, struct xc_err *err);

#endif
