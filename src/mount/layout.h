/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a mount of an entry consists of, before anything is written: its
 * layers merged into one tree, and where the content of each member lies in
 * the raw file of its layer. Pure: it knows indexes, and no files.
 *
 * The tree. Each root path of which something is alive is a top. A node is
 * what becomes an inode: a file, directory or symlink, by the record of a
 * member; the further names of a file are entries with the same node. A
 * directory that several layers have is one node, by the newest record that
 * is alive. If none is, and something below it is alive, by the newest dead
 * one.
 *
 * The raw file. It holds the contents of all files of a layer, dead ones too,
 * without headers and in the order of the table, so that it depends on the
 * layer alone. Each begins at a block. Of a sparse file the blocks that hold
 * data lie one behind the other. All bytes that are not content are zero.
 */
#ifndef XC_MOUNT_LAYOUT_H
#define XC_MOUNT_LAYOUT_H

#include "base/arena.h"
#include "base/err.h"
#include "entry/layer.h"

/* Blocks of 512 and 4096 bytes: what a kernel takes is found out by mounting. */
#define XC_BLOCK_BITS_512  9u
#define XC_BLOCK_BITS_4096 12u

/*
 * Of more members, the directories of each layer counted, no tree is made: an
 * overlay reads a whole directory into kernel memory, above 100 bytes an entry.
 */
#define XC_LAYOUT_MEMBERS_MAX 2000000u
/* Of image and raw files together: below the block number that stands for a hole. */
#define XC_LAYOUT_BLOCKS_MAX UINT64_C(0xfffffffe)

#define XC_LAYOUT_NO_LAYER UINT32_MAX

struct xc_layout_node {
	uint32_t layer;    /* whose record it is; XC_LAYOUT_NO_LAYER for the first node */
	uint32_t position; /* of that record in the layer's table */
	uint32_t parent; /* node of its directory, of the first name in it; the first node's own */
	uint32_t first_entry, entry_count; /* of a directory */
	uint32_t links;                    /* names; of a directory 2 and its subdirectories */
};

/* A name in a directory. */
struct xc_layout_entry {
	const char *name;
	uint32_t node;
	uint32_t name_bytes;
};

struct xc_layout_top {
	const char *stored; /* the root path, borrowed from an index */
	uint32_t node;
};

struct xc_layout_layer {
	const struct xc_entry_layer *entry; /* borrowed */
	/*
	 * For each member, by position, the block of the raw file where its content
	 * begins, or would; then the number of blocks. NULL: no file with content is
	 * alive, and the layer has no raw file.
	 */
	uint32_t *blocks;
	/*
	 * For each segment the first byte of the raw file that is its to write, up to
	 * that of the next one; then the length of the raw file. NULL with `blocks`.
	 */
	uint64_t *segment_raw;
};

struct xc_layout {
	unsigned block_bits;
	struct xc_layout_layer *layers;
	uint32_t layer_count;
	/* The first one is a directory that no layer has: it holds the tops as "0", "1" and so on.
	 */
	struct xc_layout_node *nodes;
	uint32_t node_count;
	/* Those of one directory together, bytewise by name, without "." and "..". */
	struct xc_layout_entry *entries;
	uint32_t entry_count;
	struct xc_layout_top *tops; /* bytewise by stored path; the number is the name */
	uint32_t top_count;
	struct xc_arena arena; /* names of tops */
};

#define XC_LAYOUT_INIT                                                                             \
	{                                                                                          \
		0                                                                                  \
	}

/*
 * Lay out the layers of an entry, which must outlive the layout, for blocks of
 * `1 << block_bits` bytes. UNSUPPORTED if there is too much of something for a
 * mount, with the reason as a sentence for people; CORRUPT if two living
 * members have one path, or a living hard link a dead file, as a restore says.
 * That root paths do not lie in each other is not looked at.
 *
 * Time is linear in the members and the runs of sparse files, but for names in
 * directories that several layers have, which are sorted. `ret_layout` is to
 * be released in any case.
 */
int xc_layout_make(const struct xc_entry_layers *layers, unsigned block_bits,
		   struct xc_layout *ret_layout, struct xc_err *err) XC_CHECK;
void xc_layout_release(struct xc_layout *layout);
#define cleanup_layout __attribute__((cleanup(xc_layout_release)))

/* The record that a node goes by; for the first node an empty directory's of root. */
const struct xc_member *xc_layout_member(const struct xc_layout *layout,
					 const struct xc_layout_node *node);

/* The stored path of a node's record, appended; for messages. */
void xc_layout_path(const struct xc_layout *layout, const struct xc_layout_node *node,
		    struct xc_buf *out);

/* --- contents --- */

/* Content that lies in a segment and goes to the raw file in one piece. */
struct xc_layout_piece {
	uint64_t raw;    /* where in the raw file */
	uint32_t at;     /* where in the decoded segment */
	uint32_t length; /* never 0 */
};

/* The pieces of a segment, in ascending order of both. What lies between them is zero. */
struct xc_layout_pieces {
	const struct xc_layout_layer *layer;
	unsigned block_bits;
	uint64_t start, end; /* of the segment in the tar stream */
	uint32_t position;   /* the member that is at hand */
	uint32_t run;        /* its run that is at hand */
	uint64_t raw;        /* of that run's first byte, or of the segment's if it begins within */
};

/* `layer` of `layout`, which has a raw file. Any thread, any number of them at once. */
void xc_layout_pieces_init(struct xc_layout_pieces *pieces, const struct xc_layout *layout,
			   uint32_t layer, uint32_t segment);
/* Whether there is one more. */
bool xc_layout_pieces_next(struct xc_layout_pieces *pieces, struct xc_layout_piece *ret_piece);

/* Blocks of a sparse file that hold data, from `first` to before `end`. */
struct xc_block_run {
	uint64_t first, end;
};

/*
 * The next of them, ascending and not touching; `*run` is the place in the
 * member's extents, at first 0. Whether there is one more.
 */
bool xc_layout_next_blocks(const struct xc_member_extra *extra, unsigned block_bits, uint32_t *run,
			   struct xc_block_run *ret_blocks);

#endif
