/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading members of a walked tree into the tar stream. The table is not
 * written: what reading told of a member is handed back.
 */
#ifndef XC_SAVE_MEMBER_H
#define XC_SAVE_MEMBER_H

#include "base/hash.h"
#include "tree/notes.h"
#include "tree/walk/walk.h"

/* What reading a member told. */
struct xc_member_read {
	uint32_t header_bytes; /* 0 if it vanished, and of pieces that have no header */
	uint8_t content_hash[XC_CONTENT_HASH_BYTES];
	const struct xc_member_extra *extra;
	const struct xc_member *changed; /* its size, time, owner and mode if they did; else NULL */
};

/* One per thread. It reads names, types, parents and links of all members of the table. */
struct xc_member_reader;
struct xc_member_reader *xc_member_reader_new(struct xc_tree *tree);
/* Frees the reader; what it allocated for members goes to `arena`. NULL is allowed. */
void xc_member_reader_free(struct xc_member_reader *reader, struct xc_arena *arena);

/* Where the tar stream goes, and notes of what files lose; both borrowed until the next call. */
void xc_member_reader_begin(struct xc_member_reader *reader, struct xc_buf *raw,
			    struct xc_notes *notes);

/*
 * Append a member's header, its content and the padding behind that. A file
 * that changed since the walk is taken as it is; one that changes while it is
 * read is read again a few times, then it is CHANGED. One that vanished
 * appends nothing. IO naming the file that cannot be read.
 */
int xc_member_reader_add(struct xc_member_reader *reader, uint32_t position,
			 struct xc_member_read *ret_read, struct xc_err *err) XC_CHECK;

/*
 * Read a file only to know its content: content_hash and extra of *ret_read
 * are filled, nothing is appended. -1 if it cannot be read, is not what the
 * walk saw, or changes meanwhile.
 */
int xc_member_reader_hash(struct xc_member_reader *reader, uint32_t position,
			  struct xc_member_read *ret_read) XC_CHECK;

/* A piece of a file that is larger than a segment, in the bytes of its content. */
struct xc_file_piece {
	uint32_t position; /* of the file */
	uint64_t offset;
	size_t length;
};

/*
 * Append a piece, the first one behind the file's header, the last one with the
 * padding behind it, and give its SHA-256. The content hash is for who sees all
 * pieces. CHANGED if the file is not what the walk saw.
 */
int xc_member_reader_add_piece(struct xc_member_reader *reader, const struct xc_file_piece *piece,
			       uint8_t ret_digest[XC_SHA256_BYTES], struct xc_member_read *ret_read,
			       struct xc_err *err) XC_CHECK;

#endif
