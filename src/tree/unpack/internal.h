/* SPDX-License-Identifier: Apache-2.0 */
/* What creating members and linking them share. */
#ifndef XC_TREE_UNPACK_INTERNAL_H
#define XC_TREE_UNPACK_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "tree/dirs.h"
#include "tree/unpack/unpack.h"

/* A file whose content comes in pieces, until all have come. */
struct partial_file {
	uint32_t position;
	uint64_t left_bytes;
	struct partial_file *next;
};

enum made {
	MADE_NOT,
	MADE_HERE,
	MADE_ELSEWHERE, /* by another thread or layer, so with whatever mode */
};

struct xc_unpack {
	struct xc_unpack_opts opts;
	uint32_t *root_positions;
	uint32_t root_count;
	char (*root_names)[XC_STAGE_NAME_MAX];
	int *root_dir_fds;
	atomic_uchar *made; /* per position of a directory, enum made */
	mode_t umask;
	uid_t uid;
	gid_t gid;
	/* A parent passes on its group, or a default ACL changes modes: set all by hand. */
	bool inherits;
	atomic_bool owner_dropped;
	/*
	 * Per position of a file that could not be linked, its
	 * newest copy; NULL if there is none.
	 */
	uint32_t *copies;
	uint64_t copied_links;
	pthread_mutex_t mutex; /* of partial */
	struct partial_file *partial;
};

struct xc_unpack_worker {
	struct xc_unpack *unpack;
	struct xc_dirs *dirs;
};

static inline const struct xc_member *xc_unpack_member_at(const struct xc_unpack_worker *worker,
							  uint32_t position)
{
	return &worker->unpack->opts.members->items[position];
}

static inline bool xc_unpack_is_alive(const struct xc_unpack *unpack, uint32_t position)
{
	return !unpack->opts.alive || xc_member_set_has(unpack->opts.alive, position);
}

/* Fill `err` from errno, with the member's path: "cannot <what> PATH". Returns -1. */
int xc_unpack_fail_at(const struct xc_unpack_worker *worker, uint32_t position, const char *what,
		      struct xc_err *err);

/* The open directory where a member goes, made if need be, borrowed until the next question. */
int xc_unpack_directory_of(struct xc_unpack_worker *worker, uint32_t position, int *ret_dir_fd,
			   const char **ret_name, struct xc_err *err) XC_CHECK;

#endif
