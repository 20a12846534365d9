/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories to merge are a queue: the records of the journal. Each is
 * emptied into its twin, which may append further ones; when none is left,
 * attributes are set from the last record to the first, so that no directory
 * becomes unsearchable before what lies below it is done.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "tree/owner.h"
#include "tree/stage/internal.h"

/* All names before the first is moved: what a rename does to a running readdir(3) is open. */
static int list_entries(int dir_fd, struct xc_buf *out)
{
	int own_fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = own_fd < 0 ? NULL : fdopendir(own_fd);
	const struct dirent *entry;
	struct stat st;

	if (!dir) {
		xc_fd_close(&own_fd);
		return -1;
	}
	while (errno = 0, (entry = readdir(dir)) != NULL) {
		bool is_directory = entry->d_type == DT_DIR;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (entry->d_type == DT_UNKNOWN)
			is_directory =
				fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
				S_ISDIR(st.st_mode);
		xc_buf_add_char(out, is_directory ? 'd' : '-');
		xc_buf_add(out, entry->d_name, strlen(entry->d_name) + 1);
	}
	own_fd = errno;
	closedir(dir);
	errno = own_fd;
	return own_fd != 0 ? -1 : 0;
}

static int refuse_dir(const struct xc_stage_site *site, uint32_t dir, const char *verb,
		      struct xc_err *err)
{
	int error = errno;
	cleanup_buf struct xc_buf path = XC_BUF_INIT;

	xc_stage_say_path(site, dir, "", &path);
	return xc_err_sys(err, error, "cannot %s the directory %s", verb,
			  XC_QUOTE(xc_buf_str(&path)));
}

static int merge_directory(struct xc_stage_site *site, uint32_t dir, struct xc_err *err)
{
	cleanup_buf struct xc_buf names = XC_BUF_INIT;

	if (xc_stage_site_enter(site, dir) < 0 || list_entries(site->staged_fd, &names) < 0)
		return refuse_dir(site, dir, "open", err);
	for (const char *at = names.data; at && at < names.data + names.len_bytes;
	     at += strlen(at) + 1) {
		struct xc_stage_entry entry = {
			.dir = dir, .staged = at + 1, .name = at + 1, .is_directory = *at == 'd'
		};

		if (xc_cancel_check(site->stage->cancel, err) < 0 ||
		    xc_stage_move_entry(site, &entry, err) < 0)
			return -1;
	}
	return 0;
}

/* The old xattrs are kept on a directory of their own, from which an undo copies them back. */
static int take_xattrs(struct xc_stage_site *site, uint32_t dir)
{
	struct xc_stage_dir *record = &site->stage->dirs[dir];
	struct xc_stage_folder *folder = xc_stage_site_folder(site);
	cleanup_fd int kept_fd = -1;
	char kept[32];

	if (xc_stage_count_xattrs(site->staged_fd) == 0 || !xc_stage_is_ours(site->final_fd))
		return 0;
	if (!record->made) {
		snprintf(kept, sizeof(kept), XC_STAGE_OLD "/x%u", dir);
		if (mkdirat(folder->fd, kept, S_IRWXU) < 0)
			return -1;
		kept_fd = openat(folder->fd, kept, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (kept_fd < 0 || xc_stage_copy_xattrs(site->final_fd, kept_fd) < 0)
			return -1;
		record->xattrs_kept = true;
	}
	return xc_stage_copy_xattrs(site->staged_fd, site->final_fd) < 0 ? -1 : 0;
}

static int finish_directory(struct xc_stage_site *site, uint32_t dir, struct xc_err *err)
{
	struct xc_stage *stage = site->stage;

	if (xc_cancel_check(stage->cancel, err) < 0)
		return -1;
	if (xc_stage_site_enter(site, dir) < 0 || take_xattrs(site, dir) < 0 ||
	    xc_stage_set_attributes(site->final_fd, &stage->dirs[dir].staged) < 0)
		return refuse_dir(site, dir, "set mode and times of", err);
	return 0;
}

/*
 * A directory above a target, for root in somebody else's directory theirs:
 * they could not add to it or remove it otherwise. It gets its owner in the
 * staging folder, where nobody can put another directory in its place.
 */
static int make_parent(const struct xc_stage_folder *folder, int dir_fd, const char *name,
		       const struct stat *nearest)
{
	int error;

	if (geteuid() != 0 || nearest->st_uid == 0)
		return mkdirat(dir_fd, name, 0777);
	if (mkdirat(folder->fd, XC_STAGE_PARENT, 0777) < 0)
		return -1;
	if (xc_owner_apply(0, folder->fd, XC_STAGE_PARENT, nearest->st_uid, nearest->st_gid) >= 0 &&
	    xc_stage_rename(folder->fd, XC_STAGE_PARENT, dir_fd, name, RENAME_NOREPLACE) == 0)
		return 0;
	error = errno;
	unlinkat(folder->fd, XC_STAGE_PARENT, AT_REMOVEDIR);
	errno = error;
	return -1;
}

/* mkdir -p of what is missing above the target, one by one, not through new symlinks. */
int xc_stage_make_above(const struct xc_stage *stage, struct xc_stage_destination *destination)
{
	const struct xc_stage_folder *folder = &stage->folders[destination->folder];
	const char *path = destination->target->path;
	size_t length = destination->above_bytes;
	cleanup_fd int fd = xc_stage_open_above(destination, length);
	struct stat nearest;

	while (fd < 0 && errno == ENOENT && length > destination->known_bytes) {
		length = xc_stage_parent_bytes(path, length);
		fd = xc_stage_open_above(destination, length);
	}
	if (fd < 0 || fstat(fd, &nearest) < 0)
		return -1;
	if (length == destination->above_bytes)
		return 0;
	destination->made_bytes = length;
	while (length < destination->above_bytes) {
		size_t start = length + strspn(path + length, "/");
		cleanup_free char *name = NULL;
		int next;

		length = start + strcspn(path + start, "/");
		name = xc_strndup(path + start, length - start);
		if (make_parent(folder, fd, name, &nearest) < 0 && errno != EEXIST)
			return -1;
		next = openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			return -1;
		xc_fd_close(&fd);
		fd = next;
	}
	return 0;
}

static int place_target(struct xc_stage_site *site, struct xc_err *err)
{
	const struct xc_stage_destination *at = &site->stage->destinations[site->destination];
	char top[XC_STAGE_NAME_MAX];
	struct xc_stage_entry entry = {
		.dir = XC_STAGE_ABOVE,
		.staged = xc_stage_staged_name(site, XC_STAGE_ABOVE, "", top),
		.name = at->name,
		.is_directory = at->target->is_directory,
		.over_empty = !at->fill,
	};

	if (at->fill) {
		if (xc_stage_add_dir(site, &entry, false) == 0)
			return 0;
		if (errno != ENOENT && errno != ENOTDIR)
			return xc_stage_refuse(site, &entry, err);
	}
	if (xc_stage_site_enter(site, XC_STAGE_ABOVE) < 0)
		return xc_stage_refuse(site, &entry, err);
	return xc_stage_move_entry(site, &entry, err);
}

static int commit_site(struct xc_stage_site *site, struct xc_err *err)
{
	struct xc_stage *stage = site->stage;
	uint32_t first = stage->dir_count;

	stage->twin_count = 0;
	if (xc_cancel_check(stage->cancel, err) < 0 || place_target(site, err) < 0)
		return -1;
	for (uint32_t dir = first; dir < stage->dir_count; dir++) {
		if (merge_directory(site, dir, err) < 0)
			return -1;
	}
	for (uint32_t dir = stage->dir_count; dir-- > first;) {
		if (finish_directory(site, dir, err) < 0)
			return -1;
	}
	return 0;
}

int xc_stage_refuse_above(const struct xc_stage_destination *destination, struct xc_err *err)
{
	if (errno == ESTALE || errno == ELOOP || errno == ENOTDIR)
		return xc_err_set(err, XC_ERR_IO,
				  "cannot restore %s: the folders above it have changed since the "
				  "restore began, or another path of the entry leads there too",
				  XC_QUOTE(destination->target->path));
	return xc_err_sys(err, errno, "cannot make the folders above %s",
			  XC_QUOTE(destination->target->path));
}

static int commit_place(struct xc_stage *stage, uint32_t i, struct xc_err *err)
{
	struct xc_stage_destination *at = &stage->destinations[i];
	struct xc_stage_site site;
	int result;

	at->first_dir = stage->dir_count;
	at->first_step = stage->step_count;
	if (xc_stage_make_above(stage, at) < 0 || xc_stage_site_open(stage, i, &site) < 0)
		return xc_stage_refuse_above(at, err);
	result = commit_site(&site, err);
	xc_stage_site_close(&site);
	return result;
}

static int check_staged(const struct xc_stage *stage, struct xc_err *err)
{
	for (uint32_t i = 0; i < stage->destination_count; i++) {
		const struct xc_stage_target *target = stage->destinations[i].target;
		char name[XC_STAGE_NAME_MAX];
		struct stat st;
		int dir_fd;

		xc_stage_staged_at(stage, i, &dir_fd, name);
		if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			if (errno != ENOENT)
				return xc_err_sys(err, errno, "cannot examine the new %s",
						  XC_QUOTE(target->path));
			return xc_err_set(err, XC_ERR_INTERNAL, "%s was not staged",
					  XC_QUOTE(target->path));
		}
		if (S_ISDIR(st.st_mode) != target->is_directory)
			return xc_err_set(err, XC_ERR_INTERNAL, "%s was staged as another type",
					  XC_QUOTE(target->path));
	}
	return 0;
}

/*
 * Old files that another mount kept beside the new ones: no undo needs them
 * any more. One that cannot be removed stays, under its hidden name.
 */
static void remove_hidden(struct xc_stage *stage, uint32_t i)
{
	uint32_t end = i + 1 < stage->destination_count ? stage->destinations[i + 1].first_step
							: stage->step_count;
	struct xc_stage_site site = { .above_fd = -1 };
	bool open = false;

	for (uint32_t k = stage->destinations[i].first_step; k < end; k++) {
		const struct xc_stage_step *step = &stage->steps[k];
		char hidden[XC_STAGE_HIDDEN_MAX];

		if (step->kind != XC_STAGE_BESIDE)
			continue;
		if (!open && xc_stage_site_open(stage, i, &site) < 0)
			return;
		open = true;
		if (xc_stage_site_enter(&site, step->dir) < 0)
			continue;
		xc_stage_hidden_name(&site, step->number, hidden);
		unlinkat(site.final_fd, hidden, 0);
		if (step->dir != XC_STAGE_ABOVE)
			(void)!xc_stage_set_attributes(site.final_fd,
						       &stage->dirs[step->dir].staged);
	}
	if (open)
		xc_stage_site_close(&site);
}

int xc_stage_commit(struct xc_stage *stage, const struct xc_cancel *cancel, uint64_t *ret_replaced,
		    struct xc_err *err)
{
	stage->cancel = cancel;
	if (check_staged(stage, err) < 0)
		return -1;
	for (uint32_t i = 0; i < stage->destination_count; i++) {
		if (commit_place(stage, i, err) < 0) {
			xc_stage_undo(stage, i + 1, err);
			return -1;
		}
	}
	stage->committed = true;
	for (uint32_t i = 0; stage->hidden > 0 && i < stage->destination_count; i++)
		remove_hidden(stage, i);
	*ret_replaced = stage->replaced;
	return 0;
}
