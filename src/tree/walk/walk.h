/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walk the trees below the matches of the path lines, all directories at
 * once on a pool of threads, and make the table of their members.
 */
#ifndef XC_TREE_WALK_WALK_H
#define XC_TREE_WALK_WALK_H

#include <sys/types.h>

#include "base/cancel.h"
#include "base/member.h"
#include "base/progress.h"
#include "base/strlist.h"
#include "tree/dirs.h"
#include "tree/patterns/patterns.h"
#include "tree/roots.h"
#include "tree/stamp.h"

/* The directory that holds a root path, as the walk found it. */
struct xc_tree_container {
	dev_t device;
	ino_t inode;
};

struct xc_tree {
	struct xc_members members;
	/* The absolute root paths, in the order of their positions. */
	struct xc_strlist root_paths;
	uint32_t *root_positions;                  /* ascending; as many as root_paths */
	struct xc_tree_container *root_containers; /* likewise */
	struct xc_stamp *stamps; /* if asked for: by position; of files and hard links, else zero */
	uint64_t content_bytes;  /* of all files, as xc_member_content_bytes counts */
	uint64_t files, directories, symlinks, hardlinks;
	uint64_t sockets, fifos, devices; /* left out */
};

#define XC_TREE_INIT                                                                               \
	{                                                                                          \
		0                                                                                  \
	}

void xc_tree_release(struct xc_tree *tree);
#define cleanup_tree __attribute__((cleanup(xc_tree_release)))

struct xc_walk_opts {
	const struct xc_roots *roots;
	const struct xc_patterns *patterns; /* judged where they exclude */
	unsigned threads;
	bool stamps; /* fill xc_tree.stamps */
	const struct xc_cancel *cancel;
	struct xc_progress *progress; /* members_total counts up */
	struct xc_notes *notes;       /* what is left out or loses something is added */
	/* A folder not to be walked into, its identity as the walk met it; NULL for none. */
	const struct xc_tree_container *left_out;
};

/*
 * Walk from each of `paths` (what xc_patterns_search returns: absolute,
 * sorted, none below another). Names and what stat(2) tells are filled, the
 * targets of symlinks, the extents of sparse files and the user xattrs of
 * directories; header_bytes and content_hash are not, nor the xattrs of
 * files: who opens a file reads them.
 *
 * Hard links: the first member in table order is the file, the others of the
 * same device and inode are hard links to it.
 *
 * No symlink is followed, but those above a root path that its line spells out, and
 * behind a wildcard those that do not lead out of that part. A directory that
 * another thing took the place of is CHANGED; a root path that has come to lie
 * outside is left out, with a note.
 *
 * What vanishes meanwhile is left out, as temporary files of others may; of
 * `paths` themselves it is CHANGED. IO naming the directory or file that
 * cannot be read.
 */
int xc_tree_walk(const struct xc_strlist *paths, const struct xc_walk_opts *opts,
		 struct xc_tree *ret_tree, struct xc_err *err) XC_CHECK;

/*
 * The place of each root path, and which directory it must lie in, for xc_dirs_new; `context` is
 * the struct xc_tree.
 */
xc_dirs_locate_fn xc_tree_locate;

/* Append the absolute path of a member, for messages. */
void xc_tree_path(const struct xc_tree *tree, uint32_t position, struct xc_buf *out);

/*
 * Read the user.* xattrs of an open file into `arena`. *ret_xattrs is sorted
 * and *ret_count may be 0, also where the file system has none. Returns -1
 * with errno set. *ret_dropped is made of enum xc_dropped.
 */
int xc_tree_read_xattrs(int fd, struct xc_arena *arena, const struct xc_xattr **ret_xattrs,
			uint32_t *ret_count, unsigned *ret_dropped) XC_CHECK;

/* Attributes that users set and an entry does not keep; labels are the machine's own matter. */
enum xc_dropped {
	XC_DROPPED_CAPABILITIES = 1,
	XC_DROPPED_ACLS = 2,
};

/* Note what was dropped of the file or directory at `path`. */
void xc_tree_note_dropped(unsigned dropped, const char *path, struct xc_notes *notes);

#define XC_XATTRS_MAX      1000
#define XC_XATTR_BYTES_MAX 65536 /* XATTR_SIZE_MAX of Linux */

#endif
