/* SPDX-License-Identifier: Apache-2.0 */
/* The walk's working state: what the threads fill and the flattening reads. */
#ifndef XC_TREE_WALK_INTERNAL_H
#define XC_TREE_WALK_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "base/pool.h"
#include "tree/walk/walk.h"

struct walk;
struct walk_dir;

/* What few entries have. */
struct walk_side {
	struct xc_member_extra *extra;
	struct walk_dir *dir;  /* of a directory */
	bool linked;           /* has other names: the stamp's inode tells which */
	struct xc_stamp stamp; /* if linked, and of all files if they are asked for */
};

/* Smaller than struct xc_member: a million of each may be in memory at once. */
struct walk_entry {
	const char *name; /* NULL for a root path that is left out */
	struct walk_side *side;
	uint64_t size_bytes;
	int64_t mtime_s;
	uint32_t mtime_ns;
	uint32_t uid, gid;
	uint16_t mode;
	uint8_t type;
};

struct walk_dir {
	struct xc_job job; /* first, so that the job leads to the directory */
	struct walk *walk;
	struct walk_dir *parent; /* NULL for a root path */
	struct walk_entry *self;
	const char *name; /* a root path's absolute path */
	uint32_t depth;   /* 0 for a root path */
	struct walk_entry *entries;
	uint32_t count;
	int fd;              /* while directories in it wait to be opened; -1 for none */
	atomic_uint waiting; /* how many do, or need what is above it */
};

struct walk_worker {
	struct xc_arena arena;
	struct xc_buf scratch; /* the entries of the directory being read */
	struct xc_buf path;    /* its path, when paths are judged */
	bool stamps;
	uint64_t sockets, fifos, devices;
};

struct walk {
	const struct xc_walk_opts *opts;
	struct xc_pool *pool;
	struct walk_worker *workers;
	struct walk_entry *roots;
	struct xc_tree_container *containers; /* of the root paths */
	size_t root_count;
	bool judging;
	atomic_int kept; /* directories that stay open */
	atomic_bool failed;
	pthread_mutex_t mutex; /* of err and opts->notes */
	struct xc_err err;
};

/*
 * Open the directory that holds the root path `path`, O_PATH: below what a line
 * spells out no symlink may lead out of that. -1 with errno: EXDEV or ELOOP then.
 */
int xc_walk_open_container(const struct xc_patterns *patterns, const char *path) XC_CHECK;

/* Open a directory to read, through no symlink below its root path's container; -1 with errno. */
int xc_walk_open(const struct walk_dir *dir) XC_CHECK;

/* Keep an open directory, `fd` is borrowed, for those in it; -1 with errno. */
int xc_walk_keep(struct walk_dir *dir, int fd) XC_CHECK;

/* One directory in `dir`, which may be NULL, needs it no more. */
void xc_walk_let_go(struct walk_dir *dir);

/* Turn what was read into the member table, freeing the entries on the way. */
int xc_walk_flatten(struct walk *walk, const struct xc_strlist *paths, struct xc_tree *ret_tree,
		    struct xc_err *err);

/* That what lies below the root path `path` is too deep for an entry. Returns -1. */
int xc_walk_fail_deep(const char *path, struct xc_err *err);

/* Free the entries of a walk that failed. */
void xc_walk_free_entries(struct walk *walk);

#endif
