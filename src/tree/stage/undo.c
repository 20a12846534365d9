/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "tree/stage/internal.h"

struct failures {
	uint32_t count;
	int first_errno;
	struct xc_buf first_path;
	struct xc_buf kept; /* where what was replaced is; empty if nothing was lost sight of */
};

/* What stays in the folder must outlive this process: under the other prefix nobody removes it. */
static void keep_folder(struct xc_stage_folder *folder)
{
	char kept[sizeof(folder->name)];

	if (folder->kept)
		return;
	folder->kept = true;
	snprintf(kept, sizeof(kept), XC_STAGE_KEPT_PREFIX "%s",
		 folder->name + strlen(XC_STAGE_PREFIX));
	if (xc_stage_rename(folder->base_fd, folder->name, folder->base_fd, kept,
			    RENAME_NOREPLACE) == 0)
		memcpy(folder->name, kept, sizeof(kept));
}

static void note_failure(struct failures *failures, const struct xc_stage_site *site, uint32_t dir,
			 const char *name, bool keep)
{
	struct xc_stage_folder *folder = xc_stage_site_folder(site);

	if (failures->count++ == 0) {
		failures->first_errno = errno;
		xc_stage_say_path(site, dir, name, &failures->first_path);
	}
	if (!keep)
		return;
	keep_folder(folder);
	if (failures->kept.len_bytes == 0)
		xc_buf_addf(&failures->kept, "%s/%s", folder->base_path, folder->name);
}

static int recreate_dir(const struct xc_stage_site *site, const char *name, uint32_t number)
{
	cleanup_fd int fd = -1;

	if (mkdirat(site->final_fd, name, S_IRWXU) < 0)
		return -1;
	fd = openat(site->final_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -1 : xc_stage_set_attributes(fd, &site->stage->removed[number]);
}

/* The name is nobody's until its old owner comes back. */
static int forget_put(struct xc_stage_site *site, const char *name)
{
	return unlinkat(site->final_fd, name, 0) < 0 && errno != ENOENT ? -1 : 0;
}

/*
 * Into the folder first, where nobody else can exchange it, and looked at
 * there: whatever is not what was put goes back.
 */
static int take_put(struct xc_stage_site *site, const struct xc_stage_step *step, const char *name)
{
	struct xc_stage_folder *folder = xc_stage_site_folder(site);
	const struct xc_stage_id *put =
		step->number > 0 ? &site->stage->put[step->number - 1] : NULL;
	struct xc_stage_id id;
	char taken[32];

	if (step->kind == XC_STAGE_PUT && !put)
		return forget_put(site, name);
	snprintf(taken, sizeof(taken), XC_STAGE_OLD "/u%u", folder->trash++);
	if (xc_stage_rename(site->final_fd, name, folder->fd, taken, 0) < 0) {
		if (step->kind != XC_STAGE_PUT)
			return -1;
		if (errno == ENOENT)
			return 0;
		/* Copied from another mount. */
		if (errno != EXDEV || xc_stage_identify(site->final_fd, name, &id) < 0)
			return -1;
		if (xc_stage_same(&id, put))
			return forget_put(site, name);
		errno = ESTALE;
		return -1;
	}
	if (!put || (xc_stage_identify(folder->fd, taken, &id) == 0 && xc_stage_same(&id, put)))
		return 0;
	(void)!xc_stage_rename(folder->fd, taken, site->final_fd, name, RENAME_NOREPLACE);
	errno = ESTALE;
	return -1;
}

/* Back to where it stood, unless what stands there now is not what was put. */
static int exchange_back(struct xc_stage_site *site, const struct xc_stage_step *step,
			 const char *name)
{
	char top[XC_STAGE_NAME_MAX];
	const char *staged = xc_stage_staged_name(site, step->dir, name, top);
	struct xc_stage_id id;

	if (xc_stage_rename(site->final_fd, name, site->staged_fd, staged, RENAME_EXCHANGE) < 0)
		return -1;
	if (step->number == 0 || (xc_stage_identify(site->staged_fd, staged, &id) == 0 &&
				  xc_stage_same(&id, &site->stage->put[step->number - 1])))
		return 0;
	(void)!xc_stage_rename(site->final_fd, name, site->staged_fd, staged, RENAME_EXCHANGE);
	errno = ESTALE;
	return -1;
}

static int undo_step(struct xc_stage_site *site, const struct xc_stage_step *step)
{
	struct xc_stage_folder *folder = xc_stage_site_folder(site);
	const char *name = step->dir == XC_STAGE_ABOVE
				   ? site->stage->destinations[site->destination].name
				   : site->stage->names.data + step->name;
	char other[XC_STAGE_HIDDEN_MAX];

	if (xc_stage_site_enter(site, step->dir) < 0)
		return -1;
	switch (step->kind) {
	case XC_STAGE_PUT:
	case XC_STAGE_PUT_DIR:
		return take_put(site, step, name);
	case XC_STAGE_MADE_DIR:
		return unlinkat(site->final_fd, name, AT_REMOVEDIR);
	case XC_STAGE_EXCHANGED:
		return exchange_back(site, step, name);
	case XC_STAGE_ASIDE:
		snprintf(other, sizeof(other), XC_STAGE_OLD "/%u", step->number);
		return xc_stage_rename(folder->fd, other, site->final_fd, name, RENAME_NOREPLACE);
	case XC_STAGE_BESIDE:
		xc_stage_hidden_name(site, step->number, other);
		return xc_stage_rename(site->final_fd, other, site->final_fd, name,
				       RENAME_NOREPLACE);
	default:
		return recreate_dir(site, name, step->number);
	}
}

static int restore_dir(struct xc_stage_site *site, uint32_t dir)
{
	const struct xc_stage_dir *record = &site->stage->dirs[dir];
	cleanup_fd int kept_fd = -1;
	char kept[32];

	if (!record->entered || record->made)
		return 0;
	if (xc_stage_site_enter(site, dir) < 0)
		return -1;
	if (record->xattrs_kept) {
		snprintf(kept, sizeof(kept), XC_STAGE_OLD "/x%u", dir);
		kept_fd = openat(xc_stage_site_folder(site)->fd, kept,
				 O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (kept_fd < 0)
			return -1;
		xc_stage_remove_xattrs(site->final_fd);
		if (xc_stage_copy_xattrs(kept_fd, site->final_fd) < 0)
			return -1;
	}
	return xc_stage_set_attributes(site->final_fd, &record->before);
}

void xc_stage_remove_made(const struct xc_stage_destination *destination)
{
	const char *path = destination->target->path;
	size_t length = destination->above_bytes;

	while (destination->made_bytes > 0 && length > destination->made_bytes) {
		size_t parent_bytes = xc_stage_parent_bytes(path, length);
		cleanup_free char *made = xc_strndup(path, length);
		cleanup_fd int fd = xc_stage_open_above(destination, parent_bytes);

		if (fd >= 0)
			unlinkat(fd, strrchr(made, '/') + 1, AT_REMOVEDIR);
		length = parent_bytes;
	}
}

static void undo_place(struct xc_stage *stage, uint32_t i, uint32_t end_dir, uint32_t end_step,
		       struct failures *failures)
{
	struct xc_stage_destination *destination = &stage->destinations[i];
	struct xc_stage_site site;

	if (destination->first_dir == end_dir && destination->first_step == end_step) {
		xc_stage_remove_made(destination);
		return;
	}
	if (xc_stage_site_open(stage, i, &site) < 0) {
		site = (struct xc_stage_site){ .stage = stage, .destination = i };
		note_failure(failures, &site, XC_STAGE_ABOVE, "", true);
		return;
	}
	/* From the top down, so that each can be entered and written by its owner. */
	for (uint32_t dir = destination->first_dir; dir < end_dir; dir++) {
		if (stage->dirs[dir].entered)
			(void)!xc_stage_site_enter(&site, dir);
	}
	for (uint32_t k = end_step; k-- > destination->first_step;) {
		const struct xc_stage_step *step = &stage->steps[k];

		if (undo_step(&site, step) < 0)
			note_failure(failures, &site, step->dir, stage->names.data + step->name,
				     step->kind == XC_STAGE_EXCHANGED ||
					     step->kind == XC_STAGE_ASIDE);
	}
	for (uint32_t dir = end_dir; dir-- > destination->first_dir;) {
		if (restore_dir(&site, dir) < 0)
			note_failure(failures, &site, dir, "", false);
	}
	xc_stage_site_close(&site);
	xc_stage_remove_made(destination);
}

void xc_stage_undo(struct xc_stage *stage, uint32_t count, struct xc_err *err)
{
	struct failures failures = { 0 };
	uint32_t end_dir = stage->dir_count, end_step = stage->step_count;
	char more[48] = "";
	struct xc_err why;

	for (uint32_t i = count; i-- > 0;) {
		undo_place(stage, i, end_dir, end_step, &failures);
		end_dir = stage->destinations[i].first_dir;
		end_step = stage->destinations[i].first_step;
	}
	if (failures.count > 1)
		snprintf(more, sizeof(more), " and %u more", failures.count - 1);
	if (failures.count > 0) {
		char first[160];

		xc_err_quote(err->msg, first, sizeof(first));
		xc_err_sys(&why, failures.first_errno, "%s; cannot undo the changes to %s%s%s%s%s",
			   first, XC_QUOTE(xc_buf_str(&failures.first_path)), more,
			   failures.kept.len_bytes > 0 ? " (the old files are kept in " : "",
			   failures.kept.len_bytes > 0 ? XC_QUOTE(xc_buf_str(&failures.kept)) : "",
			   failures.kept.len_bytes > 0 ? ")" : "");
		*err = why;
	}
	xc_buf_release(&failures.first_path);
	xc_buf_release(&failures.kept);
}
