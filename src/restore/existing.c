/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/existing.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hash.h"
#include "tree/dirs.h"
#include "tree/xattr.h"

#define READ_BYTES    ((size_t)256 << 10)
#define LABEL_OF_FILE "security.selinux" /* given by the system to every new file, too */

/* The target of the root path that is looked at. */
struct existing_root {
	int dir_fd;
	const char *name;
};

struct keeping {
	const struct xc_cache *cache;
	struct xc_stage *stage;
	struct xc_extract_layer *layer;
	struct xc_unpack_worker *worker;
	struct xc_dirs *dirs;
	struct existing_root top;
	uint8_t *linked; /* a bit per member that hard links are names of */
};

static bool hash_piece(int fd, uint64_t offset, uint64_t length, struct xc_hasher *hasher,
		       char *buffer)
{
	while (length > 0) {
		size_t part = (size_t)XC_MIN(length, (uint64_t)READ_BYTES);
		ssize_t got = pread(fd, buffer, part, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		xc_hasher_update(hasher, buffer, (size_t)got);
		offset += (uint64_t)got;
		length -= (uint64_t)got;
	}
	return true;
}

static bool hash_content(int fd, uint64_t size_bytes, const struct xc_cancel *cancel,
			 uint8_t ret_digest[XC_SHA256_BYTES])
{
	struct xc_hasher *piece_hasher = xc_hasher_new(), *hasher = xc_hasher_new();
	cleanup_free char *buffer = xc_malloc(READ_BYTES);
	uint8_t digest[XC_SHA256_BYTES] = { 0 };
	bool good = true;

	xc_hasher_begin(hasher);
	for (uint64_t at = 0; good && at < size_bytes; at += XC_CONTENT_PIECE_BYTES) {
		uint64_t length = XC_MIN(size_bytes - at, XC_CONTENT_PIECE_BYTES);

		xc_hasher_begin(piece_hasher);
		good = !xc_cancel_requested(cancel) &&
		       hash_piece(fd, at, length, piece_hasher, buffer);
		xc_hasher_finish(piece_hasher, digest);
		xc_hasher_update(hasher, digest, sizeof(digest));
	}
	if (size_bytes > XC_CONTENT_PIECE_BYTES)
		xc_hasher_finish(hasher, digest);
	xc_hasher_free(piece_hasher);
	xc_hasher_free(hasher);
	memcpy(ret_digest, digest, sizeof(digest));
	return good;
}

bool xc_existing_has_content(int fd, const struct xc_member *member, const struct xc_cancel *cancel)
{
	uint8_t digest[XC_SHA256_BYTES];

	return member->size_bytes == 0 ||
	       (hash_content(fd, member->size_bytes, cancel, digest) &&
		memcmp(digest, member->content_hash, XC_CONTENT_HASH_BYTES) == 0);
}

/* Those of the system count, too: access lists and capabilities a new file would not have. */
static bool has_xattrs(int fd)
{
	cleanup_buf struct xc_buf names = XC_BUF_INIT;
	ssize_t length = xc_xattr_list(fd, &names);

	if (length < 0)
		return true;
	for (const char *at = names.data; at < names.data + length; at += strlen(at) + 1)
		if (strcmp(at, LABEL_OF_FILE) != 0)
			return true;
	return false;
}

static bool is_unchanged(const struct stat *before, const struct stat *after)
{
	return before->st_size == after->st_size && before->st_mode == after->st_mode &&
	       before->st_uid == after->st_uid && before->st_gid == after->st_gid &&
	       before->st_nlink == after->st_nlink &&
	       before->st_mtim.tv_sec == after->st_mtim.tv_sec &&
	       before->st_mtim.tv_nsec == after->st_mtim.tv_nsec &&
	       before->st_ctim.tv_sec == after->st_ctim.tv_sec &&
	       before->st_ctim.tv_nsec == after->st_ctim.tv_nsec;
}

/* The file that stands for a member, open; -1 if there is none that could be equal. */
static int open_standing(struct keeping *keeping, uint32_t position, struct stat *ret_st)
{
	const struct xc_unpack *unpack = keeping->layer->unpack;
	cleanup_fd int fd = -1;
	const char *name;
	int dir_fd;

	/* Looked at before it is opened: opening a device or a pipe may do something. */
	if (xc_dirs_at(keeping->dirs, position, &dir_fd, &name) < 0 ||
	    fstatat(dir_fd, name, ret_st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !xc_unpack_is_equal(unpack, position, ret_st))
		return -1;
	fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, ret_st) < 0 || !xc_unpack_is_equal(unpack, position, ret_st))
		return -1;
	return STEAL_FD(fd);
}

/*
 * What is compared is what is linked, for both are the open file; whoever
 * moves names about meanwhile changes nothing in that. What remains: a
 * process that has the file open for writing, or opens it later, writes into
 * what was restored, where it would else write into what was replaced.
 */
static bool keep_member(struct keeping *keeping, uint32_t position)
{
	const struct xc_member *member = &keeping->layer->entry->index.members.items[position];
	struct stat before, after;
	cleanup_fd int fd = open_standing(keeping, position, &before);
	struct xc_err ignored;

	return fd >= 0 && !has_xattrs(fd) &&
	       xc_existing_has_content(fd, member, keeping->cache->cancel) &&
	       fstat(fd, &after) == 0 && is_unchanged(&before, &after) &&
	       xc_unpack_existing(keeping->worker, position, fd, &ignored) == 0;
}

static bool may_keep(const struct keeping *keeping, uint32_t position)
{
	const struct xc_member *member = &keeping->layer->entry->index.members.items[position];

	return keeping->top.dir_fd >= 0 && member->type == XC_MEMBER_FILE && !member->extra &&
	       !(keeping->linked[position / 8] & 1u << position % 8) &&
	       xc_member_set_has(&keeping->layer->entry->alive, position);
}

static void mark_kept(struct keeping *keeping, uint32_t position)
{
	struct xc_extract_layer *layer = keeping->layer;

	xc_member_set_remove(&layer->entry->alive, position);
	xc_progress_add(keeping->cache->progress, 1,
			layer->entry->index.members.items[position].size_bytes, 0);
}

static void locate(void *context, uint32_t position, struct xc_dirs_location *ret_place)
{
	const struct keeping *keeping = context;

	(void)position;
	*ret_place = (struct xc_dirs_location){
		.dir_fd = keeping->top.dir_fd,
		.path = "",
		.name = keeping->top.name,
	};
}

/* Members follow their top. What was open below the last one is of no use for the next. */
static void enter_top(struct keeping *keeping, uint32_t target)
{
	xc_dirs_free(STEAL_PTR(keeping->dirs));
	xc_fd_close(&keeping->top.dir_fd);
	if (target != XC_UNPACK_NO_TARGET)
		keeping->top.dir_fd =
			xc_stage_open_existing(keeping->stage, target, &keeping->top.name);
	keeping->dirs = xc_dirs_new(&keeping->layer->entry->index.members, locate, keeping);
}

static uint8_t *find_linked(const struct xc_members *members)
{
	uint8_t *linked = xc_calloc((size_t)members->count / 8 + 1, 1);

	for (uint32_t i = 0; i < members->count; i++)
		if (members->items[i].type == XC_MEMBER_HARDLINK) {
			uint32_t link = members->items[i].link;

			linked[link / 8] |= (uint8_t)(1u << link % 8);
		}
	return linked;
}

int xc_existing_keep(const struct xc_cache *cache, struct xc_stage *stage,
		     struct xc_extract_layer *layer, const uint32_t *targets, struct xc_err *err)
{
	const struct xc_members *members = &layer->entry->index.members;
	struct keeping keeping = {
		.cache = cache,
		.stage = stage,
		.layer = layer,
		.worker = xc_unpack_worker_new(layer->unpack),
		.top = { .dir_fd = -1 },
		.linked = find_linked(members),
	};
	uint32_t top = 0;

	for (uint32_t i = 0; i < members->count && !xc_cancel_requested(cache->cancel); i++) {
		if (members->items[i].parent == XC_MEMBER_NONE)
			enter_top(&keeping, targets[top++]);
		if (may_keep(&keeping, i) && keep_member(&keeping, i))
			mark_kept(&keeping, i);
	}
	xc_dirs_free(keeping.dirs);
	xc_fd_close(&keeping.top.dir_fd);
	xc_unpack_worker_free(keeping.worker);
	free(keeping.linked);
	return xc_cancel_check(cache->cancel, err);
}
