/* SPDX-License-Identifier: Apache-2.0 */
#include "save/member.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/tar.h"
#include "base/fd.h"
#include "pack/segment.h"

/* How often a file that changes under the reader is read before that is an error. */
#define READ_TRIES     4
#define RETRY_DELAY_US 20000

_Static_assert(XC_SEGMENT_TARGET_BYTES == XC_CONTENT_PIECE_BYTES,
	       "a large file is hashed in the pieces that it is cut into");

struct xc_member_reader {
	struct xc_tree *tree;
	struct xc_dirs *dirs;
	struct xc_tar_writer *tar;
	struct xc_hasher *hasher;
	struct xc_hasher *whole; /* over the digests of a large file's pieces */
	struct xc_buf piece;     /* of a file that is only hashed */
	struct xc_arena arena;   /* xattrs, and files that changed */
	struct xc_buf path, link_path;
	struct xc_buf *raw;
	struct xc_notes *notes;
	/* What is being read: a copy of the member at `position`, and whether it changed. */
	uint32_t position;
	struct xc_member member;
	bool changed;
};

struct xc_member_reader *xc_member_reader_new(struct xc_tree *tree)
{
	struct xc_member_reader *reader = xc_calloc(1, sizeof(*reader));

	reader->tree = tree;
	reader->dirs = xc_dirs_new(&tree->members, xc_tree_locate, tree);
	reader->tar = xc_tar_writer_new();
	reader->hasher = xc_hasher_new();
	reader->whole = xc_hasher_new();
	return reader;
}

void xc_member_reader_free(struct xc_member_reader *reader, struct xc_arena *arena)
{
	if (!reader)
		return;
	xc_arena_merge(arena, &reader->arena);
	xc_dirs_free(reader->dirs);
	xc_tar_writer_free(reader->tar);
	xc_hasher_free(reader->hasher);
	xc_hasher_free(reader->whole);
	xc_buf_release(&reader->piece);
	xc_buf_release(&reader->path);
	xc_buf_release(&reader->link_path);
	free(reader);
}

void xc_member_reader_begin(struct xc_member_reader *reader, struct xc_buf *raw,
			    struct xc_notes *notes)
{
	reader->raw = raw;
	reader->notes = notes;
}

static void begin_member(struct xc_member_reader *reader, uint32_t position)
{
	reader->position = position;
	reader->member = reader->tree->members.items[position];
	reader->member.header_bytes = 0;
	reader->changed = false;
}

static void end_member(struct xc_member_reader *reader, struct xc_member_read *ret_read)
{
	const struct xc_member *member = &reader->member;
	struct xc_member *changed = NULL;

	if (reader->changed) {
		changed = xc_arena_alloc(&reader->arena, sizeof(*changed));
		*changed = *member;
	}
	*ret_read = (struct xc_member_read){
		.header_bytes = member->header_bytes,
		.extra = member->extra,
		.changed = changed,
	};
	memcpy(ret_read->content_hash, member->content_hash, sizeof(ret_read->content_hash));
}

static int fail_at(const struct xc_member_reader *reader, struct xc_err *err)
{
	int saved = errno;
	cleanup_buf struct xc_buf path = XC_BUF_INIT;

	xc_tree_path(reader->tree, reader->position, &path);
	if (saved == ENOENT || saved == ELOOP)
		return xc_err_set(err, XC_ERR_CHANGED,
				  "%s vanished while it was being saved: save after all writers "
				  "have finished",
				  XC_QUOTE(path.data));
	return xc_err_sys(err, saved, "cannot read %s", XC_QUOTE(path.data));
}

static int fail_changed(const struct xc_member_reader *reader, struct xc_err *err)
{
	cleanup_buf struct xc_buf path = XC_BUF_INIT;

	xc_tree_path(reader->tree, reader->position, &path);
	return xc_err_set(
		err, XC_ERR_CHANGED,
		"%s changed while it was being saved: save after all writers have finished",
		XC_QUOTE(path.data));
}

static int open_file(struct xc_member_reader *reader)
{
	const char *name;
	int dir_fd;

	if (xc_dirs_at(reader->dirs, reader->position, &dir_fd, &name) < 0)
		return -1;
	/* What became a FIFO since the walk must not block the open. */
	return openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

static bool is_unchanged(const struct xc_member *member, const struct stat *status)
{
	return S_ISREG(status->st_mode) && (uint64_t)status->st_size == member->size_bytes &&
	       status->st_mtim.tv_sec == member->mtime_s &&
	       status->st_mtim.tv_nsec == member->mtime_ns;
}

static void take_over(struct xc_member *member, const struct stat *status)
{
	member->size_bytes = (uint64_t)status->st_size;
	member->mtime_s = status->st_mtim.tv_sec;
	member->mtime_ns = (uint32_t)status->st_mtim.tv_nsec;
	member->mode = status->st_mode & 07777;
	member->uid = status->st_uid;
	member->gid = status->st_gid;
}

static int add_header(struct xc_member_reader *reader, struct xc_err *err)
{
	const struct xc_members *members = &reader->tree->members;
	struct xc_member *member = &reader->member;
	size_t start_bytes = reader->raw->len_bytes;
	const char *link_path = NULL;

	xc_buf_clear(&reader->path);
	xc_members_path(members, reader->position, &reader->path);
	if (member->type == XC_MEMBER_HARDLINK) {
		xc_buf_clear(&reader->link_path);
		xc_members_path(members, member->link, &reader->link_path);
		link_path = reader->link_path.data;
	}
	if (xc_tar_write_header(reader->tar, XC_TAR_ENTRY(member, reader->path.data, link_path),
				reader->raw, err) < 0)
		return -1;
	member->header_bytes = (uint32_t)(reader->raw->len_bytes - start_bytes);
	return 0;
}

/* Give a file, which has what the walk saw, the xattrs that it has when it is opened. */
static int read_xattrs(struct xc_member_reader *reader, int fd, struct xc_notes *notes)
{
	struct xc_member *member = &reader->member;
	const struct xc_xattr *xattrs = NULL;
	struct xc_member_extra *extra;
	unsigned dropped;
	uint32_t count;

	if (xc_tree_read_xattrs(fd, &reader->arena, &xattrs, &count, &dropped) < 0)
		return -1;
	if (dropped != 0) {
		xc_buf_clear(&reader->path);
		xc_tree_path(reader->tree, reader->position, &reader->path);
		xc_tree_note_dropped(dropped, reader->path.data, notes);
	}
	if (count == 0)
		return 0;
	extra = xc_arena_alloc(&reader->arena, sizeof(*extra));
	*extra = member->extra ? *member->extra : (struct xc_member_extra){ 0 };
	extra->xattrs = xattrs;
	extra->xattr_count = count;
	member->extra = extra;
	return 0;
}

/* Reads stored bytes [offset, offset + length) of a file's content; fewer if it has shrunk. */
static ssize_t read_content(int fd, const struct xc_member *member, uint64_t offset, char *data,
			    size_t length)
{
	const struct xc_member_extra *extra = member->extra;
	size_t have = 0;

	if (!extra || !extra->sparse)
		return xc_fd_pread_full(fd, data, length, (off_t)offset);
	for (uint32_t i = xc_member_find_run(extra, offset);
	     i < extra->extent_count && have < length; i++) {
		const struct xc_extent *run = &extra->extents[i];
		uint64_t skip = offset + have - run->before;
		size_t part = (size_t)XC_MIN(run->length - skip, (uint64_t)(length - have));
		ssize_t got = xc_fd_pread_full(fd, data + have, part, (off_t)(run->offset + skip));

		if (got < 0)
			return -1;
		have += (size_t)got;
		if ((size_t)got < part)
			break;
	}
	return (ssize_t)have;
}

static void add_padding(struct xc_buf *raw, uint64_t content_bytes)
{
	static const char zeros[XC_TAR_BLOCK_BYTES];

	xc_buf_add(raw, zeros, -content_bytes % XC_TAR_BLOCK_BYTES);
}

/* Room for content and its padding. */
static char *reserve(struct xc_member_reader *reader, size_t length, struct xc_err *err)
{
	char *at = xc_buf_reserve(reader->raw, length + XC_TAR_BLOCK_BYTES);

	if (!at)
		xc_err_set(err, XC_ERR_INTERNAL, "a segment exceeds its maximum size");
	return at;
}

enum attempt { READ_WHOLE, READ_CHANGED, READ_FAILED };

/* The file is not what the member says: take it as it is now, if it can be read once more. */
static enum attempt take_change(struct xc_member_reader *reader, const struct stat *status,
				struct xc_err *err)
{
	const struct xc_member *member = &reader->member;
	bool sparse = member->extra && member->extra->sparse;

	if (sparse || !S_ISREG(status->st_mode) ||
	    (uint64_t)status->st_size > XC_SEGMENT_TARGET_BYTES) {
		fail_changed(reader, err);
		return READ_FAILED;
	}
	take_over(&reader->member, status);
	reader->changed = true;
	return READ_CHANGED;
}

/* Header and content of a small file as it is now. */
static enum attempt try_file(struct xc_member_reader *reader, int fd, struct xc_err *err)
{
	struct xc_member *member = &reader->member;
	size_t length = (size_t)xc_member_content_bytes(member);
	struct stat status;
	ssize_t got;
	char *at;

	if (add_header(reader, err) < 0)
		return READ_FAILED;
	at = reserve(reader, length, err);
	if (!at)
		return READ_FAILED;
	got = read_content(fd, member, 0, at, length);
	if (got < 0 || fstat(fd, &status) < 0) {
		fail_at(reader, err);
		return READ_FAILED;
	}
	if ((size_t)got != length || !is_unchanged(member, &status))
		return take_change(reader, &status, err);
	xc_buf_grow_by(reader->raw, length);
	if (length > 0) {
		uint8_t digest[XC_SHA256_BYTES];

		xc_hasher_digest(reader->hasher, at, length, digest);
		memcpy(member->content_hash, digest, sizeof(member->content_hash));
	}
	add_padding(reader->raw, length);
	return READ_WHOLE;
}

static int add_file(struct xc_member_reader *reader, struct xc_err *err)
{
	size_t start_bytes = reader->raw->len_bytes;
	cleanup_fd int fd = open_file(reader);

	/* Left without a header, by which the save knows it. */
	if (fd < 0 && errno == ENOENT && reader->member.parent != XC_MEMBER_NONE)
		return 0;
	if (fd < 0 || read_xattrs(reader, fd, reader->notes) < 0)
		return fail_at(reader, err);
	for (int i = 0; i < READ_TRIES; i++) {
		if (i > 0)
			usleep(RETRY_DELAY_US);
		switch (try_file(reader, fd, err)) {
		case READ_WHOLE:
			return 0;
		case READ_FAILED:
			return -1;
		case READ_CHANGED:
			xc_buf_truncate(reader->raw, start_bytes);
		}
	}
	return fail_changed(reader, err);
}

int xc_member_reader_add(struct xc_member_reader *reader, uint32_t position,
			 struct xc_member_read *ret_read, struct xc_err *err)
{
	const struct xc_member *member = &reader->member;

	begin_member(reader, position);
	if ((member->type == XC_MEMBER_FILE ? add_file(reader, err) : add_header(reader, err)) < 0)
		return -1;
	end_member(reader, ret_read);
	return 0;
}

/* The content hash of base/member.h, piece by piece. */
static int hash_content(struct xc_member_reader *reader, int fd)
{
	struct xc_member *member = &reader->member;
	uint64_t length = xc_member_content_bytes(member);
	size_t piece_bytes = (size_t)XC_MIN(length, XC_CONTENT_PIECE_BYTES);
	bool pieces = length > XC_CONTENT_PIECE_BYTES;
	uint8_t digest[XC_SHA256_BYTES];
	char *piece;

	xc_buf_clear(&reader->piece);
	piece = xc_buf_reserve(&reader->piece, piece_bytes);
	if (!piece)
		return -1;
	if (pieces)
		xc_hasher_begin(reader->whole);
	for (uint64_t at = 0; at < length; at += piece_bytes) {
		size_t part = (size_t)XC_MIN(length - at, (uint64_t)piece_bytes);

		if (read_content(fd, member, at, piece, part) != (ssize_t)part)
			return -1;
		xc_hasher_digest(reader->hasher, piece, part, digest);
		if (pieces)
			xc_hasher_update(reader->whole, digest, sizeof(digest));
	}
	if (pieces)
		xc_hasher_finish(reader->whole, digest);
	if (length > 0)
		memcpy(member->content_hash, digest, sizeof(member->content_hash));
	return 0;
}

int xc_member_reader_hash(struct xc_member_reader *reader, uint32_t position,
			  struct xc_member_read *ret_read)
{
	cleanup_notes struct xc_notes ignored = XC_NOTES_INIT;
	cleanup_fd int fd = -1;
	struct stat status;

	begin_member(reader, position);
	fd = open_file(reader);
	/* Who packs the file notes what it loses; who finds it unchanged noted that before. */
	if (fd < 0 || read_xattrs(reader, fd, &ignored) < 0 || hash_content(reader, fd) < 0 ||
	    fstat(fd, &status) < 0 || !is_unchanged(&reader->member, &status))
		return -1;
	end_member(reader, ret_read);
	return 0;
}

static int begin_pieces(struct xc_member_reader *reader, int fd, struct xc_err *err)
{
	if (read_xattrs(reader, fd, reader->notes) < 0)
		return fail_at(reader, err);
	return add_header(reader, err);
}

/* Too much has gone before to start again if the file changes. */
int xc_member_reader_add_piece(struct xc_member_reader *reader, const struct xc_file_piece *piece,
			       uint8_t ret_digest[XC_SHA256_BYTES], struct xc_member_read *ret_read,
			       struct xc_err *err)
{
	const struct xc_member *member = &reader->member;
	cleanup_fd int fd = -1;
	struct stat status;
	ssize_t got;
	char *at;

	begin_member(reader, piece->position);
	fd = open_file(reader);
	if (fd < 0 || fstat(fd, &status) < 0)
		return fail_at(reader, err);
	if (!is_unchanged(member, &status))
		return fail_changed(reader, err);
	if (piece->offset == 0 && begin_pieces(reader, fd, err) < 0)
		return -1;
	at = reserve(reader, piece->length, err);
	if (!at)
		return -1;
	got = read_content(fd, member, piece->offset, at, piece->length);
	if (got < 0 || fstat(fd, &status) < 0)
		return fail_at(reader, err);
	if ((size_t)got != piece->length || !is_unchanged(member, &status))
		return fail_changed(reader, err);
	xc_buf_grow_by(reader->raw, piece->length);
	xc_hasher_digest(reader->hasher, at, piece->length, ret_digest);
	if (piece->offset + piece->length == xc_member_content_bytes(member))
		add_padding(reader->raw, piece->length);
	end_member(reader, ret_read);
	return 0;
}
