/* SPDX-License-Identifier: Apache-2.0 */
#include "save/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/tar.h"
#include "base/fd.h"

/* How often a file that changes under the reader is read before that is an error. */
#define READ_TRIES     4
#define RETRY_DELAY_US 20000

_Static_assert(XC_SEGMENT_TARGET_BYTES == XC_CONTENT_PIECE_BYTES,
	       "a large file is hashed in the pieces that it is cut into");

struct xc_save_worker {
	struct xc_tree *tree;
	struct xc_dirs *dirs;
	struct xc_tar_writer *tar;
	struct xc_segment_encoder *encoder;
	struct xc_hasher *hasher;
	struct xc_arena arena;   /* xattrs, and files that changed */
	struct xc_member member; /* that is being read */
	bool changed;            /* since the walk */
	struct xc_buf raw;
	struct xc_buf path, link_path;
};

struct xc_save_worker *xc_save_worker_new(struct xc_tree *tree, int level)
{
	struct xc_save_worker *worker = xc_calloc(1, sizeof(*worker));

	worker->tree = tree;
	worker->dirs = xc_dirs_new(&tree->members, xc_tree_locate, tree);
	worker->tar = xc_tar_writer_new();
	worker->encoder = xc_segment_encoder_new(level);
	worker->hasher = xc_hasher_new();
	xc_buf_init(&worker->raw, XC_SEGMENT_RAW_MAX);
	return worker;
}

void xc_save_worker_free(struct xc_save_worker *worker, struct xc_arena *arena)
{
	if (!worker)
		return;
	xc_arena_merge(arena, &worker->arena);
	xc_dirs_free(worker->dirs);
	xc_tar_writer_free(worker->tar);
	xc_segment_encoder_free(worker->encoder);
	xc_hasher_free(worker->hasher);
	xc_buf_release(&worker->raw);
	xc_buf_release(&worker->path);
	xc_buf_release(&worker->link_path);
	free(worker);
}

void xc_save_slot_init(struct xc_save_slot *slot, struct xc_save_source *source, uint32_t count_max)
{
	*slot = (struct xc_save_slot){ .job.run = xc_save_segment_run, .source = source };
	slot->read = xc_malloc(count_max * sizeof(*slot->read));
	xc_buf_init(&slot->stored, XC_SEGMENT_STORED_MAX);
}

void xc_save_slot_release(struct xc_save_slot *slot)
{
	xc_buf_release(&slot->stored);
	xc_notes_release(&slot->notes);
	free(slot->read);
}

static const struct xc_member *member_at(const struct xc_save_worker *worker, uint32_t position)
{
	return &worker->tree->members.items[position];
}

/* The worker's copy of the member, which what is read of it goes into. */
static struct xc_member *begin_member(struct xc_save_worker *worker, uint32_t position)
{
	worker->member = *member_at(worker, position);
	worker->member.header_bytes = 0;
	worker->changed = false;
	return &worker->member;
}

/* The member was read: what its copy tells is for whoever has the table. */
static void end_member(struct xc_save_worker *worker, struct xc_save_slot *slot)
{
	const struct xc_member *member = &worker->member;
	struct xc_member_read *read = &slot->read[slot->read_count++];
	struct xc_member *changed;

	*read = (struct xc_member_read){ .header_bytes = member->header_bytes,
					 .extra = member->extra };
	memcpy(read->content_hash, member->content_hash, sizeof(read->content_hash));
	if (!worker->changed)
		return;
	changed = xc_arena_alloc(&worker->arena, sizeof(*changed));
	*changed = *member;
	read->changed = changed;
}

static int fail_at(const struct xc_save_worker *worker, uint32_t position, struct xc_err *err)
{
	int saved = errno;
	cleanup_buf struct xc_buf path = XC_BUF_INIT;

	xc_tree_path(worker->tree, position, &path);
	if (saved == ENOENT || saved == ELOOP)
		return xc_err_set(err, XC_ERR_CHANGED,
				  "%s vanished while it was being saved: save when nothing "
				  "writes there any more",
				  XC_QUOTE(path.data));
	return xc_err_sys(err, saved, "cannot read %s", XC_QUOTE(path.data));
}

static int fail_changed(const struct xc_save_worker *worker, uint32_t position, struct xc_err *err)
{
	cleanup_buf struct xc_buf path = XC_BUF_INIT;

	xc_tree_path(worker->tree, position, &path);
	return xc_err_set(err, XC_ERR_CHANGED,
			  "%s changed while it was being saved: save when nothing writes there "
			  "any more",
			  XC_QUOTE(path.data));
}

static int open_file(struct xc_save_worker *worker, uint32_t position)
{
	const char *name;
	int dir_fd;

	if (xc_dirs_at(worker->dirs, position, &dir_fd, &name) < 0)
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

/* The header of the member at `position`, of which `member` is the copy. */
static int add_header(struct xc_save_worker *worker, uint32_t position, struct xc_member *member,
		      struct xc_err *err)
{
	size_t start_bytes = worker->raw.len_bytes;
	const char *link_path = NULL;

	xc_buf_clear(&worker->path);
	xc_members_path(&worker->tree->members, position, &worker->path);
	if (member->type == XC_MEMBER_HARDLINK) {
		xc_buf_clear(&worker->link_path);
		xc_members_path(&worker->tree->members, member->link, &worker->link_path);
		link_path = worker->link_path.data;
	}
	if (xc_tar_write_header(worker->tar, member, worker->path.data, link_path, &worker->raw,
				err) < 0)
		return -1;
	member->header_bytes = (uint32_t)(worker->raw.len_bytes - start_bytes);
	return 0;
}

/* Give a file, which has what the walk saw, the xattrs that it has when it is opened. */
static int read_xattrs(struct xc_save_worker *worker, struct xc_save_slot *slot, uint32_t position,
		       struct xc_member *member, int fd)
{
	const struct xc_xattr *xattrs = NULL;
	struct xc_member_extra *extra;
	unsigned dropped;
	uint32_t count;

	if (xc_tree_read_xattrs(fd, &worker->arena, &xattrs, &count, &dropped) < 0)
		return -1;
	if (dropped != 0) {
		xc_buf_clear(&worker->path);
		xc_tree_path(worker->tree, position, &worker->path);
		xc_tree_note_dropped(dropped, worker->path.data, &slot->notes);
	}
	if (count == 0)
		return 0;
	extra = xc_arena_alloc(&worker->arena, sizeof(*extra));
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

enum attempt { READ_WHOLE, READ_CHANGED, READ_FAILED };

/* Header and content of a small file as it is now. errno is set for READ_FAILED without err. */
static enum attempt try_file(struct xc_save_worker *worker, uint32_t position,
			     struct xc_member *member, int fd, struct xc_err *err)
{
	size_t length = (size_t)xc_member_content_bytes(member);
	struct stat status;
	ssize_t got;
	char *at;

	if (add_header(worker, position, member, err) < 0)
		return READ_FAILED;
	at = xc_buf_reserve(&worker->raw, length + XC_TAR_BLOCK_BYTES);
	if (!at) {
		xc_err_set(err, XC_ERR_INTERNAL, "a segment outgrew its ceiling");
		return READ_FAILED;
	}
	got = read_content(fd, member, 0, at, length);
	if (got < 0 || fstat(fd, &status) < 0) {
		fail_at(worker, position, err);
		return READ_FAILED;
	}
	if ((size_t)got != length || !is_unchanged(member, &status)) {
		bool sparse = member->extra && member->extra->sparse;

		if (sparse || !S_ISREG(status.st_mode) ||
		    (uint64_t)status.st_size > XC_SEGMENT_TARGET_BYTES) {
			fail_changed(worker, position, err);
			return READ_FAILED;
		}
		take_over(member, &status);
		worker->changed = true;
		return READ_CHANGED;
	}
	xc_buf_grow_by(&worker->raw, length);
	if (length > 0) {
		uint8_t digest[XC_SHA256_BYTES];

		xc_hasher_digest(worker->hasher, at, length, digest);
		memcpy(member->content_hash, digest, sizeof(member->content_hash));
	}
	add_padding(&worker->raw, length);
	return READ_WHOLE;
}

static int add_file(struct xc_save_worker *worker, struct xc_save_slot *slot, uint32_t position,
		    struct xc_member *member)
{
	struct xc_err *err = &slot->err;
	size_t start_bytes = worker->raw.len_bytes;
	cleanup_fd int fd = open_file(worker, position);

	/* Left without a header, by which the save knows it. */
	if (fd < 0 && errno == ENOENT && member->parent != XC_MEMBER_NONE)
		return 0;
	if (fd < 0 || read_xattrs(worker, slot, position, member, fd) < 0)
		return fail_at(worker, position, err);
	for (int i = 0; i < READ_TRIES; i++) {
		if (i > 0)
			usleep(RETRY_DELAY_US);
		switch (try_file(worker, position, member, fd, err)) {
		case READ_WHOLE:
			return 0;
		case READ_FAILED:
			return -1;
		case READ_CHANGED:
			xc_buf_truncate(&worker->raw, start_bytes);
		}
	}
	return fail_changed(worker, position, err);
}

static bool gives_up(const struct xc_save_slot *slot)
{
	return atomic_load_explicit(&slot->source->failed, memory_order_relaxed) ||
	       xc_cancel_requested(slot->source->cancel);
}

static int build_run(struct xc_save_worker *worker, struct xc_save_slot *slot)
{
	const struct xc_member_set *set = slot->source->set;
	uint32_t at = slot->item.first;

	for (; slot->read_count < slot->item.count; at = xc_member_set_next(set, at + 1)) {
		uint64_t planned_bytes = xc_member_span_bytes(member_at(worker, at));
		struct xc_member *member;

		if (gives_up(slot))
			return xc_err_set(&slot->err, XC_ERR_CANCELED, "interrupted");
		if (slot->read_count > 0 &&
		    worker->raw.len_bytes + planned_bytes > XC_SEGMENT_TARGET_BYTES)
			break;
		member = begin_member(worker, at);
		if ((member->type == XC_MEMBER_FILE
			     ? add_file(worker, slot, at, member)
			     : add_header(worker, at, member, &slot->err)) < 0)
			return -1;
		slot->content_bytes += xc_member_content_bytes(member);
		end_member(worker, slot);
	}
	slot->next = at;
	return 0;
}

static int begin_pieces(struct xc_save_worker *worker, struct xc_save_slot *slot,
			struct xc_member *member, int fd)
{
	uint32_t position = slot->item.first;

	if (read_xattrs(worker, slot, position, member, fd) < 0)
		return fail_at(worker, position, &slot->err);
	return add_header(worker, position, member, &slot->err);
}

/* One piece of a large file: too much has gone before to start again if it changes. */
static int build_piece(struct xc_save_worker *worker, struct xc_save_slot *slot)
{
	const struct xc_plan_item *item = &slot->item;
	struct xc_member *member = begin_member(worker, item->first);
	cleanup_fd int fd = open_file(worker, item->first);
	size_t length = (size_t)item->length;
	struct stat status;
	ssize_t got;
	char *at;

	if (gives_up(slot))
		return xc_err_set(&slot->err, XC_ERR_CANCELED, "interrupted");
	if (fd < 0 || fstat(fd, &status) < 0)
		return fail_at(worker, item->first, &slot->err);
	if (!is_unchanged(member, &status))
		return fail_changed(worker, item->first, &slot->err);
	if (item->offset == 0 && begin_pieces(worker, slot, member, fd) < 0)
		return -1;
	at = xc_buf_reserve(&worker->raw, length + XC_TAR_BLOCK_BYTES);
	if (!at)
		return xc_err_set(&slot->err, XC_ERR_INTERNAL, "a segment outgrew its ceiling");
	got = read_content(fd, member, item->offset, at, length);
	if (got < 0 || fstat(fd, &status) < 0)
		return fail_at(worker, item->first, &slot->err);
	if ((size_t)got != length || !is_unchanged(member, &status))
		return fail_changed(worker, item->first, &slot->err);
	xc_buf_grow_by(&worker->raw, length);
	xc_hasher_digest(worker->hasher, at, length, slot->piece_digest);
	if (item->offset + item->length == xc_member_content_bytes(member))
		add_padding(&worker->raw, item->length);
	slot->content_bytes = length;
	end_member(worker, slot);
	return 0;
}

void xc_save_segment_run(struct xc_job *job, void *context)
{
	struct xc_save_slot *slot = (struct xc_save_slot *)job;
	struct xc_save_worker *worker = context;

	xc_buf_clear(&worker->raw);
	slot->content_bytes = 0;
	slot->read_count = 0;
	xc_notes_release(&slot->notes);
	slot->result = slot->item.piece ? build_piece(worker, slot) : build_run(worker, slot);
	xc_buf_clear(&slot->stored);
	if (slot->result == 0 && worker->raw.len_bytes > 0)
		slot->result =
			xc_segment_encode(worker->encoder, worker->raw.data, worker->raw.len_bytes,
					  &slot->stored, &slot->segment, &slot->err);
	if (slot->result < 0)
		atomic_store_explicit(&slot->source->failed, true, memory_order_relaxed);
}
