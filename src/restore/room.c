/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/room.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/statfs.h>

#include "base/human.h"

#define XFS_MAGIC 0x58465342
/* What is shorter may lie within its inode. */
#define BLOCK_BYTES 4096

/* What is needed of a file system. */
struct room {
	int dir_fd;       /* a directory in it, borrowed */
	const char *path; /* for messages, borrowed */
	uint64_t bytes, inodes;
};

/* Counts a member that will be placed. */
static void add_member(struct room *room, const struct xc_member *member)
{
	uint64_t bytes = xc_member_content_bytes(member);

	room->inodes += member->type != XC_MEMBER_HARDLINK;
	if (bytes >= BLOCK_BYTES)
		room->bytes += bytes;
}

static bool counts_as_it_tells(const struct statfs *fs)
{
	return fs->f_type == EXT4_SUPER_MAGIC || fs->f_type == XFS_MAGIC ||
	       fs->f_type == TMPFS_MAGIC;
}

static int check_one(const struct room *room, struct xc_err *err)
{
	struct statfs fs;
	uint64_t free_bytes;

	if (fstatfs(room->dir_fd, &fs) < 0 || !counts_as_it_tells(&fs))
		return 0;
	/* With what is set aside for root, as it may be root that asks. */
	free_bytes = (uint64_t)fs.f_bfree * (uint64_t)fs.f_bsize;
	if (fs.f_blocks > 0 && room->bytes > free_bytes)
		return xc_err_sys(err, ENOSPC, "not enough room for %s: %s needed, %s free",
				  XC_QUOTE(room->path), XC_SIZE(room->bytes), XC_SIZE(free_bytes));
	if (fs.f_files > 0 && room->inodes > fs.f_ffree)
		return xc_err_sys(err, ENOSPC, "not enough room for %s: %s inodes needed, %s free",
				  XC_QUOTE(room->path), XC_COUNT(room->inodes),
				  XC_COUNT(fs.f_ffree));
	return 0;
}

static int compare_rooms(const void *a, const void *b)
{
	const struct room *left = a, *right = b;

	return (left->dir_fd > right->dir_fd) - (left->dir_fd < right->dir_fd);
}

/* Adds what a layer puts into each target. */
static void add_layer(struct room *rooms, const struct xc_layer_targets *targets,
		      const struct xc_extract_layer *layer)
{
	const struct xc_members *members = &layer->entry->index.members;
	uint32_t target = XC_UNPACK_NO_TARGET, top = 0;

	for (uint32_t i = 0; i < members->count; i++) {
		if (members->items[i].parent == XC_MEMBER_NONE)
			target = targets->items[top++];
		if (target != XC_UNPACK_NO_TARGET && xc_member_set_has(&layer->entry->alive, i) &&
		    !xc_unpack_is_made(layer->unpack, i))
			add_member(&rooms[target], &members->items[i]);
	}
}

/* What goes through one staging folder is taken together. */
static int check_all(struct room *rooms, uint32_t count, struct xc_err *err)
{
	if (count > 1)
		qsort(rooms, count, sizeof(*rooms), compare_rooms);
	for (uint32_t i = 0; i < count; i++) {
		if (i + 1 < count && rooms[i].dir_fd == rooms[i + 1].dir_fd) {
			rooms[i + 1].bytes += rooms[i].bytes;
			rooms[i + 1].inodes += rooms[i].inodes;
		} else if (check_one(&rooms[i], err) < 0) {
			return -1;
		}
	}
	return 0;
}

int xc_room_check(const struct xc_targets *targets, const struct xc_extract_layer *layers,
		  uint32_t layer_count, struct xc_err *err)
{
	cleanup_free struct room *rooms = xc_calloc(targets->count, sizeof(*rooms));
	char name[XC_STAGE_NAME_MAX];

	for (uint32_t i = 0; i < targets->count; i++) {
		rooms[i].path = targets->items[i].absolute;
		xc_stage_staged_at(targets->stage, i, &rooms[i].dir_fd, name);
	}
	for (uint32_t i = 0; i < layer_count; i++)
		add_layer(rooms, &targets->of_layers[i], &layers[i]);
	return check_all(rooms, targets->count, err);
}
