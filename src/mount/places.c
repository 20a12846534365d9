/* SPDX-License-Identifier: Apache-2.0 */
#include "mount/places.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hash.h"

int xc_mount_places_open(const struct xc_targets *targets, struct xc_mount_places *ret_places,
			 struct xc_err *err)
{
	struct xc_mount_places *places = ret_places;

	*places = (struct xc_mount_places){
		.tops = xc_calloc(targets->count, sizeof(*places->tops)),
	};
	for (; places->count < targets->count; places->count++) {
		struct xc_mounter_top *top = &places->tops[places->count];

		*top = (struct xc_mounter_top){ .upper_fd = -1, .work_fd = -1 };
		if (xc_stage_mount_point(targets->stage, places->count, &top->point, err) < 0)
			return -1;
	}
	return 0;
}

void xc_mount_places_release(struct xc_mount_places *places)
{
	for (uint32_t i = 0; i < places->count; i++) {
		xc_fd_close(&places->tops[i].upper_fd);
		xc_fd_close(&places->tops[i].work_fd);
	}
	free(places->tops);
	*places = (struct xc_mount_places)XC_MOUNT_PLACES_INIT;
}

static int make_directory(int dir_fd, const char *name)
{
	if (mkdirat(dir_fd, name, S_IRWXU) < 0)
		return -1;
	return openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* As a restore gives them to a directory: the owner first, as that drops set-id bits. */
static int set_attributes(int fd, const struct xc_member *member, const struct xc_owner *owner)
{
	const struct xc_member_extra *extra = member->extra;
	const struct timespec times[2] = {
		{ .tv_nsec = UTIME_OMIT },
		{ .tv_sec = member->mtime_s, .tv_nsec = (long)member->mtime_ns },
	};
	uid_t uid = owner ? owner->uid : member->uid, self = geteuid();
	gid_t gid = owner ? owner->gid : member->gid;
	int kept = xc_owner_apply(self, fd, "", uid, gid);

	if (kept < 0 || fchmod(fd, xc_owner_mode(self, member->mode, kept == 1 && !owner)) < 0)
		return -1;
	for (uint32_t i = 0; extra && i < extra->xattr_count; i++) {
		const struct xc_xattr *xattr = &extra->xattrs[i];

		if (fsetxattr(fd, xattr->name, xattr->value, xattr->length, 0) < 0)
			return -1;
	}
	return futimens(fd, times);
}

static int make_upper(struct xc_mounter_top *top, const struct xc_stage *stage, uint32_t target,
		      const struct xc_member *member, const struct xc_owner *owner)
{
	char name[XC_STAGE_NAME_MAX];
	cleanup_fd int fd = -1;
	int dir_fd;

	xc_stage_beside_at(stage, target, &dir_fd, name);
	fd = make_directory(dir_fd, name);
	if (fd < 0)
		return -1;
	top->upper_fd = make_directory(fd, "upper");
	if (top->upper_fd < 0)
		return -1;
	top->work_fd = make_directory(fd, "work");
	return top->work_fd < 0 ? -1 : set_attributes(top->upper_fd, member, owner);
}

int xc_mount_places_make_upper(struct xc_mount_places *places, const struct xc_targets *targets,
			       const struct xc_layout *layout, const struct xc_owner *owner,
			       struct xc_err *err)
{
	for (uint32_t i = 0; i < places->count; i++) {
		const struct xc_layout_node *node = &layout->nodes[layout->tops[i].node];

		if (make_upper(&places->tops[i], targets->stage, i, xc_layout_member(layout, node),
			       owner) < 0)
			return xc_err_sys(err, errno, "cannot make a directory for changes to %s",
					  XC_QUOTE(targets->items[i].absolute));
	}
	return 0;
}

/* O_TMPFILE is not in every file system (NFS, FUSE). */
int xc_mount_nameless_file(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR);
	char name[32];
	uint64_t tag;

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
		return fd;
	xc_random_bytes(&tag, sizeof(tag));
	snprintf(name, sizeof(name), "t%llu", (unsigned long long)tag);
	fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
	if (fd >= 0)
		unlinkat(dir_fd, name, 0);
	return fd;
}
