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
	struct walk_dir *dir; /* of a directory */
	bool linked;          /* has other names: device and inode tell which */
	dev_t device;
	ino_t inode;
};

/* Smaller than struct xc_member: a million of each may be in memory at once. */
struct walk_entry {
	const char *name; /* NULL for a top that is left out */
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
	struct walk_dir *parent; /* NULL for a top */
	struct walk_entry *self;
	const char *name; /* a top's absolute path */
	uint32_t depth;   /* 0 for a top */
	struct walk_entry *entries;
	uint32_t count;
};

struct walk_worker {
	struct xc_arena arena;
	struct xc_buf scratch; /* the entries of the directory being read */
	struct xc_buf path;    /* its path, when paths are judged */
	uint64_t sockets, fifos, devices;
};

struct walk {
	const struct xc_walk_opts *opts;
	struct xc_pool *pool;
	struct walk_worker *workers;
	struct walk_entry *tops;
	size_t top_count;
	bool judging;
	atomic_bool failed;
	pthread_mutex_t mutex; /* of err and opts->notes */
	struct xc_err err;
};

/* Turn what was read into the member table, freeing the entries on the way. */
int xc_walk_flatten(struct walk *walk, const struct xc_strlist *paths, struct xc_tree *ret_tree,
		    struct xc_err *err);

/* That what lies below the top `path` is too deep for an entry. Returns -1. */
int xc_walk_fail_deep(const char *path, struct xc_err *err);

/* Free the entries of a walk that failed. */
void xc_walk_free_entries(struct walk *walk);

#endif
