/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The members of an entry: what is known of every file, directory, symlink
 * and hard link, as one table. The walk of a tree makes it, the index of a
 * pack stores it, a restore works from it.
 *
 * Order. Members stand in preorder: a directory before what it holds. Within
 * a directory first everything that is not a directory, then the
 * directories, each group sorted bytewise by name. A member without a parent
 * is a root path; its name is a whole stored path (see tree/roots.h: "./a/b",
 * "~/.npm", "/opt/x"). Root paths are sorted bytewise and none lies below another.
 * So positions in the table, and with them every byte of a pack, follow from
 * the tree alone.
 */
#ifndef XC_BASE_MEMBER_H
#define XC_BASE_MEMBER_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/err.h"

#define XC_MEMBER_NONE        UINT32_MAX
#define XC_MEMBERS_MAX        16000000u
#define XC_MEMBER_NAME_MAX    255 /* NAME_MAX of Linux, for a name that is not a root path */
#define XC_CONTENT_HASH_BYTES 16

enum xc_member_type {
	XC_MEMBER_FILE = 0,
	XC_MEMBER_DIR = 1,
	XC_MEMBER_SYMLINK = 2,
	XC_MEMBER_HARDLINK = 3, /* another name of an earlier file or symlink of the table */
};

/* One run of data in a sparse file; what lies between runs is a hole. */
struct xc_extent {
	uint64_t offset;
	uint64_t length;
	uint64_t before; /* bytes of all runs before it: where its data stands in the content */
};

struct xc_xattr {
	const char *name; /* "user.x" */
	const void *value;
	uint32_t length;
};

/* What few members have. */
struct xc_member_extra {
	const char *target; /* symlink: where it points; any bytes but NUL, 1 to 4095 */
	const struct xc_extent *extents; /* sparse file: ascending, not touching, within size */
	uint32_t extent_count;
	uint32_t xattr_count;
	const struct xc_xattr *xattrs; /* sorted bytewise by name */
	bool sparse; /* the extents count, even if there are none: one large hole */
};

struct xc_member {
	const char *name;                    /* one component, or a root path's stored path */
	const struct xc_member_extra *extra; /* NULL for most */
	uint64_t size_bytes;                 /* of a file's content, holes included; else 0 */
	uint64_t tar_offset;                 /* where its header starts in the pack's tar stream */
	int64_t mtime_s;                     /* since 1970 */
	uint32_t mtime_ns;                   /* 0 to 999999999 */
	uint32_t parent; /* position of its directory, or XC_MEMBER_NONE for a root path */
	uint32_t link;   /* hard link: position of the member it is another name of */
	uint32_t uid, gid;
	uint32_t header_bytes; /* length of its header in the tar stream, a multiple of 512 */
	uint16_t mode;         /* permission bits, 07777 */
	uint8_t type;          /* enum xc_member_type */
	uint8_t content_hash[XC_CONTENT_HASH_BYTES]; /* of a file with content; else zeros */
};

/*
 * The content hash is the first half of the SHA-256 of the content bytes; of
 * content longer than XC_CONTENT_PIECE_BYTES it is the first half of the
 * SHA-256 over the whole SHA-256 digests of its pieces of that length (the
 * last one shorter), so that the pieces can be hashed side by side.
 */
#define XC_CONTENT_PIECE_BYTES ((uint64_t)8 << 20)

/* The table and what its pointers lead to. */
struct xc_members {
	struct xc_member *items;
	uint32_t count;
	struct xc_arena arena; /* names and extras */
};

#define XC_MEMBERS_INIT                                                                            \
	{                                                                                          \
		0                                                                                  \
	}

void xc_members_release(struct xc_members *members);
#define cleanup_members __attribute__((cleanup(xc_members_release)))

/*
 * How many bytes of content the tar stream holds for a member: its size, for
 * a sparse file the sum of its runs, 0 for all that is not a file.
 */
uint64_t xc_member_content_bytes(const struct xc_member *member);

/* Fill in `before` of all runs. Their lengths must add up without overflow. */
void xc_extents_sum(struct xc_extent *extents, uint32_t count);

/* The run of a sparse file that holds byte `at` of the content; extent_count if none does. */
uint32_t xc_member_find_run(const struct xc_member_extra *extra, uint64_t at);

/* The length of its whole span in the tar stream: header, content, padding to 512. */
uint64_t xc_member_span_bytes(const struct xc_member *member);

/* Append the stored path of a member, however long. */
void xc_members_path(const struct xc_members *members, uint32_t position, struct xc_buf *out);

/* The root path that a member lies under: its own position if it is one. */
uint32_t xc_members_root(const struct xc_members *members, uint32_t position);

/*
 * The level of a member is the number of slashes in its stored path; to open
 * a path takes time by its level. A table goes down XC_MEMBER_LEVEL_MAX levels, no
 * further than paths within PATH_MAX can (a name and a slash each). All
 * levels together, with those of the targets of hard links, are no more than
 * XC_LEVELS_PER_MEMBER for each member and XC_LEVELS_FREE, so that deep
 * chains cannot make the work grow with the square of their length.
 */
#define XC_MEMBER_LEVEL_MAX  2048u
#define XC_LEVELS_PER_MEMBER 64u
#define XC_LEVELS_FREE       UINT64_C(8000000)

enum xc_levels {
	XC_LEVELS_GOOD,
	XC_LEVELS_TOO_DEEP, /* one member is */
	XC_LEVELS_TOO_MANY, /* all together are */
};

/*
 * Whether a table keeps to these bounds. Parents and targets of links must
 * come before what refers to them. For
 * XC_LEVELS_TOO_DEEP `*ret_position` is the first such member.
 */
enum xc_levels xc_members_levels(const struct xc_members *members, uint32_t *ret_position);

#endif
