/* SPDX-License-Identifier: Apache-2.0 */
#include "tree/unpack/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "tree/stage/copy.h"

/* 0 if `position` is now a name of `source`, or with `copy` a copy of it; 1 if it cannot be one. */
static int link_or_copy(struct xc_unpack_worker *worker, uint32_t source, uint32_t position,
			bool copy, struct xc_err *err)
{
	cleanup_fd int source_dir_fd = -1;
	cleanup_free char *source_name = NULL;
	const char *name;
	int dir_fd, result;

	if (xc_unpack_directory_of(worker, source, &dir_fd, &name, err) < 0)
		return -1;
	/* The descriptor is only borrowed until the next question. */
	source_dir_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
	source_name = xc_strdup(name);
	if (source_dir_fd < 0)
		return xc_unpack_fail_at(worker, position, "link", err);
	if (xc_unpack_directory_of(worker, position, &dir_fd, &name, err) < 0)
		return -1;
	result = copy ? xc_stage_copy(source_dir_fd, source_name, dir_fd, name)
		      : linkat(source_dir_fd, source_name, dir_fd, name, 0);
	if (result == 0)
		return 0;
	/* Another mount; all the names that the file system gives a file; no hard links in it. */
	if (!copy && (errno == EXDEV || errno == EMLINK || errno == EPERM || errno == EOPNOTSUPP))
		return 1;
	return xc_unpack_fail_at(worker, position, copy ? "copy" : "link", err);
}

/*
 * A name that cannot be given becomes a copy, and the names behind it are
 * the copy's where they cannot be the first file's either.
 */
static int make_link(struct xc_unpack_worker *worker, uint32_t position, struct xc_err *err)
{
	struct xc_unpack *unpack = worker->unpack;
	uint32_t target = xc_unpack_member_at(worker, position)->link;
	int result;

	if (!xc_unpack_is_alive(unpack, target))
		return xc_err_set(err, XC_ERR_CORRUPT,
				  "the entry has a hard link to a file that it lacks");
	result = link_or_copy(worker, target, position, false, err);
	if (result > 0 && unpack->copies && unpack->copies[target] != 0)
		result = link_or_copy(worker, unpack->copies[target], position, false, err);
	if (result <= 0)
		return result;
	if (link_or_copy(worker, target, position, true, err) < 0)
		return -1;
	/* Never position 0, as a link comes behind its file. */
	if (!unpack->copies)
		unpack->copies = xc_calloc(unpack->opts.members->count, sizeof(*unpack->copies));
	unpack->copies[target] = position;
	unpack->copied_links++;
	return 0;
}

/* A name more is a change as any other. */
static int stamp_again(struct xc_unpack_worker *worker, uint32_t position, struct xc_err *err)
{
	struct xc_stamp *stamp = &worker->unpack->opts.stamps[position];
	struct stat status;
	const char *name;
	int dir_fd;

	if (stamp->inode == 0)
		return 0;
	if (xc_dirs_at(worker->dirs, position, &dir_fd, &name) < 0 ||
	    fstatat(dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return xc_unpack_fail_at(worker, position, "examine", err);
	*stamp = xc_stamp_of(&status);
	return 0;
}

static int stamp_linked(struct xc_unpack_worker *worker, struct xc_err *err)
{
	const struct xc_unpack *unpack = worker->unpack;

	for (uint32_t i = 0; i < unpack->opts.members->count; i++)
		if (xc_unpack_member_at(worker, i)->type == XC_MEMBER_HARDLINK &&
		    xc_unpack_is_alive(unpack, i) &&
		    stamp_again(worker, xc_unpack_member_at(worker, i)->link, err) < 0)
			return -1;
	return 0;
}

int xc_unpack_links(struct xc_unpack_worker *worker, struct xc_err *err)
{
	const struct xc_unpack *unpack = worker->unpack;

	for (uint32_t i = 0; i < unpack->opts.members->count; i++)
		if (xc_unpack_member_at(worker, i)->type == XC_MEMBER_HARDLINK &&
		    xc_unpack_is_alive(unpack, i) && make_link(worker, i, err) < 0)
			return -1;
	return unpack->opts.stamps ? stamp_linked(worker, err) : 0;
}
