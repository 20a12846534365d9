/* SPDX-License-Identifier: Apache-2.0 */
/* One entry from the staged to the final side, and the journal of it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "tree/stage/internal.h"

#define GROW(array, count, capacity)                                                               \
	do {                                                                                       \
		if ((count) == (capacity)) {                                                       \
			(capacity) = (capacity) ? (capacity)*2 : 64;                               \
			(array) = xc_realloc((array), (capacity) * sizeof(*(array)));              \
		}                                                                                  \
	} while (0)

static uint32_t add_name(struct xc_stage *stage, const char *name)
{
	uint32_t at = (uint32_t)stage->names.len_bytes;

	if (*name == '\0')
		return 0;
	xc_buf_add(&stage->names, name, strlen(name) + 1);
	return at;
}

static void add_step(struct xc_stage_site *site, const struct xc_stage_entry *entry,
		     enum xc_stage_step_kind kind, uint32_t number)
{
	struct xc_stage *stage = site->stage;

	GROW(stage->steps, stage->step_count, stage->step_capacity);
	stage->steps[stage->step_count++] = (struct xc_stage_step){
		.dir = entry->dir,
		.name = entry->dir == XC_STAGE_ABOVE ? 0 : add_name(stage, entry->name),
		.kind = kind,
		.number = number,
	};
}

/*
 * Something was put there. Where others may rename, `id` goes with it, so that
 * an undo does not take away what they put in its place.
 */
static void add_put(struct xc_stage_site *site, const struct xc_stage_entry *entry,
		    enum xc_stage_step_kind kind, const struct xc_stage_id *id)
{
	struct xc_stage *stage = site->stage;
	uint32_t number = 0;

	if (id->inode != 0 && stage->put_count < XC_STAGE_PUT_MAX) {
		GROW(stage->put, stage->put_count, stage->put_capacity);
		stage->put[stage->put_count++] = *id;
		number = stage->put_count;
	}
	add_step(site, entry, kind, number);
}

/* What is about to be moved in, while nobody else can reach it; inode 0 if nobody need know. */
static int identify_staged(const struct xc_stage_site *site, const struct xc_stage_entry *entry,
			   struct xc_stage_id *ret_id)
{
	*ret_id = (struct xc_stage_id){ 0 };
	return site->shared ? xc_stage_identify(site->staged_fd, entry->staged, ret_id) : 0;
}

int xc_stage_add_dir(struct xc_stage_site *site, const struct xc_stage_entry *entry, bool made)
{
	struct xc_stage *stage = site->stage;
	bool top = entry->dir == XC_STAGE_ABOVE;

	if (top && xc_stage_site_open_target(site) < 0)
		return -1;
	if (top)
		stage->destinations[site->destination].merged = true;
	GROW(stage->dirs, stage->dir_count, stage->dir_capacity);
	stage->dirs[stage->dir_count++] = (struct xc_stage_dir){
		.parent = entry->dir,
		.name = top ? 0 : add_name(stage, entry->name),
		.made = made,
	};
	return 0;
}

int xc_stage_refuse(const struct xc_stage_site *site, const struct xc_stage_entry *entry,
		    struct xc_err *err)
{
	int error = errno;
	cleanup_buf struct xc_buf path = XC_BUF_INIT;

	xc_stage_say_path(site, entry->dir, entry->name, &path);
	if (error == EBUSY)
		return xc_err_set(err, XC_ERR_IO,
				  "cannot replace %s: it is a mount point or otherwise in use",
				  XC_QUOTE(xc_buf_str(&path)));
	return xc_err_sys(err, error, "cannot put %s in place", XC_QUOTE(xc_buf_str(&path)));
}

static int move_in(const struct xc_stage_site *site, const struct xc_stage_entry *entry,
		   unsigned int flags)
{
	return xc_stage_rename(site->staged_fd, entry->staged, site->final_fd, entry->name, flags);
}

static void add_removed(struct xc_stage_site *site, const struct xc_stage_entry *entry,
			const struct stat *st)
{
	struct xc_stage *stage = site->stage;

	GROW(stage->removed, stage->removed_count, stage->removed_capacity);
	xc_stage_attributes_of(st, &stage->removed[stage->removed_count]);
	add_step(site, entry, XC_STAGE_REMOVED_DIR, stage->removed_count++);
}

/* Only an empty directory gives way to something else. */
static int remove_old_dir(struct xc_stage_site *site, const struct xc_stage_entry *entry,
			  const struct stat *st, struct xc_err *err)
{
	cleanup_buf struct xc_buf path = XC_BUF_INIT;

	if (unlinkat(site->final_fd, entry->name, AT_REMOVEDIR) == 0) {
		add_removed(site, entry, st);
		site->stage->replaced++;
		return 0;
	}
	if (errno != ENOTEMPTY && errno != EEXIST)
		return xc_stage_refuse(site, entry, err);
	xc_stage_say_path(site, entry->dir, entry->name, &path);
	return xc_err_set(err, XC_ERR_IO,
			  "%s is a directory that is not empty, and the entry has something else "
			  "with that name; remove it first",
			  XC_QUOTE(xc_buf_str(&path)));
}

static bool link_twin(const struct xc_stage_site *site, const struct stat *st, const char *to)
{
	const struct xc_stage *stage = site->stage;

	for (uint32_t i = 0; i < stage->twin_count; i++) {
		const struct xc_stage_twin *twin = &stage->twins[i];
		cleanup_fd int fd = -1;

		if (twin->inode != st->st_ino || twin->device != st->st_dev)
			continue;
		fd = xc_stage_open_final(site, twin->dir);
		return fd >= 0 &&
		       linkat(fd, stage->names.data + twin->name, site->final_fd, to, 0) == 0;
	}
	return false;
}

/*
 * Names of one inode stay together where they can: on the same mount, and
 * below the same target. A plain list does, for such files in a mount point
 * inside a target are rare.
 */
static void remember_twin(struct xc_stage_site *site, const struct xc_stage_entry *entry,
			  const struct stat *st)
{
	struct xc_stage *stage = site->stage;

	if (st->st_nlink < 2 || entry->dir == XC_STAGE_ABOVE)
		return;
	GROW(stage->twins, stage->twin_count, stage->twin_capacity);
	stage->twins[stage->twin_count++] = (struct xc_stage_twin){
		.device = st->st_dev,
		.inode = st->st_ino,
		.dir = entry->dir,
		.name = add_name(stage, entry->name),
	};
}

/* Free the name for something from another mount; an old file is kept beside. */
static int clear_name(struct xc_stage_site *site, const struct xc_stage_entry *entry,
		      struct xc_err *err)
{
	char hidden[XC_STAGE_HIDDEN_MAX];
	struct stat st;

	if (fstatat(site->final_fd, entry->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : xc_stage_refuse(site, entry, err);
	if (S_ISDIR(st.st_mode))
		return remove_old_dir(site, entry, &st, err);
	xc_stage_hidden_name(site, site->stage->hidden, hidden);
	if (xc_stage_rename(site->final_fd, entry->name, site->final_fd, hidden, RENAME_NOREPLACE) <
	    0)
		return xc_stage_refuse(site, entry, err);
	add_step(site, entry, XC_STAGE_BESIDE, site->stage->hidden++);
	site->stage->replaced++;
	return 0;
}

static int copy_in(struct xc_stage_site *site, const struct xc_stage_entry *entry,
		   struct xc_err *err)
{
	char copy[XC_STAGE_HIDDEN_MAX];
	struct xc_stage_id id = { 0 };
	struct stat st;

	xc_stage_hidden_name(site, site->stage->hidden++, copy);
	if (fstatat(site->staged_fd, entry->staged, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return xc_stage_refuse(site, entry, err);
	if (!(st.st_nlink > 1 && link_twin(site, &st, copy)) &&
	    xc_stage_copy(site->staged_fd, entry->staged, site->final_fd, copy) < 0)
		return xc_stage_refuse(site, entry, err);
	if (site->shared && xc_stage_identify(site->final_fd, copy, &id) < 0)
		return xc_stage_refuse(site, entry, err);
	if (clear_name(site, entry, err) < 0) {
		unlinkat(site->final_fd, copy, 0);
		return -1;
	}
	if (renameat(site->final_fd, copy, site->final_fd, entry->name) < 0) {
		xc_stage_refuse(site, entry, err);
		unlinkat(site->final_fd, copy, 0);
		return -1;
	}
	add_put(site, entry, XC_STAGE_PUT, &id);
	remember_twin(site, entry, &st);
	return 0;
}

/* The final side is on another mount, or the file system refuses to move this one thing. */
static int place_across(struct xc_stage_site *site, const struct xc_stage_entry *entry,
			struct xc_err *err)
{
	struct stat st;

	if (!entry->is_directory)
		return copy_in(site, entry, err);
	if (fstatat(site->final_fd, entry->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(st.st_mode))
		return xc_stage_add_dir(site, entry, false) < 0 ? xc_stage_refuse(site, entry, err)
								: 0;
	if (clear_name(site, entry, err) < 0)
		return -1;
	if (mkdirat(site->final_fd, entry->name, S_IRWXU) < 0)
		return xc_stage_refuse(site, entry, err);
	add_step(site, entry, XC_STAGE_MADE_DIR, 0);
	return xc_stage_add_dir(site, entry, true) < 0 ? xc_stage_refuse(site, entry, err) : 0;
}

/* Without RENAME_EXCHANGE: two renames, and for an instant nothing of that name. */
static int replace_in_steps(struct xc_stage_site *site, const struct xc_stage_entry *entry,
			    const struct xc_stage_id *id, struct xc_err *err)
{
	struct xc_stage_folder *folder = xc_stage_site_folder(site);
	char old[32];

	snprintf(old, sizeof(old), XC_STAGE_OLD "/%u", folder->trash);
	if (xc_stage_rename(site->final_fd, entry->name, folder->fd, old, 0) < 0)
		return xc_stage_refuse(site, entry, err);
	add_step(site, entry, XC_STAGE_ASIDE, folder->trash++);
	site->stage->replaced++;
	if (move_in(site, entry, RENAME_NOREPLACE) < 0)
		return xc_stage_refuse(site, entry, err);
	add_put(site, entry, entry->is_directory ? XC_STAGE_PUT_DIR : XC_STAGE_PUT, id);
	return 0;
}

static int replace(struct xc_stage_site *site, const struct xc_stage_entry *entry,
		   const struct xc_stage_id *id, struct xc_err *err)
{
	if (move_in(site, entry, RENAME_EXCHANGE) == 0) {
		add_put(site, entry, XC_STAGE_EXCHANGED, id);
		site->stage->replaced++;
		return 0;
	}
	if (errno == EXDEV)
		return place_across(site, entry, err);
	/* EPERM: see xc_stage_rename(). */
	if (errno == EINVAL || errno == ENOSYS || errno == EPERM)
		return replace_in_steps(site, entry, id, err);
	return xc_stage_refuse(site, entry, err);
}

/* Something stands there. */
static int place_over(struct xc_stage_site *site, const struct xc_stage_entry *entry,
		      const struct xc_stage_id *id, struct xc_err *err)
{
	struct stat st;

	if (fstatat(site->final_fd, entry->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return xc_stage_refuse(site, entry, err);
	if (!S_ISDIR(st.st_mode))
		return replace(site, entry, id, err);
	if (!entry->is_directory) {
		if (remove_old_dir(site, entry, &st, err) < 0)
			return -1;
		if (move_in(site, entry, RENAME_NOREPLACE) < 0)
			return xc_stage_refuse(site, entry, err);
		add_put(site, entry, XC_STAGE_PUT, id);
		return 0;
	}
	/* Refused if it has content, or is a mount point: then it is filled. */
	if (entry->over_empty && move_in(site, entry, 0) == 0) {
		add_removed(site, entry, &st);
		add_put(site, entry, XC_STAGE_PUT_DIR, id);
		return 0;
	}
	return xc_stage_add_dir(site, entry, false) < 0 ? xc_stage_refuse(site, entry, err) : 0;
}

int xc_stage_move_entry(struct xc_stage_site *site, const struct xc_stage_entry *entry,
			struct xc_err *err)
{
	struct xc_stage_id id;

	if (identify_staged(site, entry, &id) < 0)
		return xc_stage_refuse(site, entry, err);
	if (move_in(site, entry, RENAME_NOREPLACE) == 0) {
		add_put(site, entry, entry->is_directory ? XC_STAGE_PUT_DIR : XC_STAGE_PUT, &id);
		return 0;
	}
	if (errno == EEXIST || errno == ENOTEMPTY)
		return place_over(site, entry, &id, err);
	if (errno == EXDEV)
		return place_across(site, entry, err);
	return xc_stage_refuse(site, entry, err);
}
