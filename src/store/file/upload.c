/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing objects. Where the file system can, the bytes go to a file
 * without a name in the folder of the object (O_TMPFILE), which is linked
 * under its name when it is complete: nothing can be left behind. Elsewhere
 * it is a temporary file, linked or renamed into place.
 */
#include "store/file/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

/* Let the disk write while the next segments are being compressed, not all at commit. */
#define FLUSH_BYTES ((uint64_t)8 << 20)

struct file_upload {
	struct xc_upload base;
	char *name;
	char *path;
	const char *leaf; /* within path */
	size_t folder_length;
	int fd;
	int folder_fd; /* of the object; -1 until it is needed */
	bool made_folders;
	bool replaced; /* what had the name before is gone for good */
	struct xc_file_temp temp;
	uint64_t written_bytes, flushed_bytes;
};

static struct xc_file_store *store_of(const struct file_upload *upload)
{
	return xc_file_store(upload->base.store);
}

static void end(struct file_upload *upload, bool committed)
{
	const struct xc_file_store *store = store_of(upload);

	xc_file_temp_release(store, &upload->temp);
	xc_fd_close(&upload->fd);
	xc_fd_close(&upload->folder_fd);
	if (!committed && upload->made_folders)
		xc_file_remove_folders(store, upload->path);
	free(upload->name);
	free(upload->path);
	free(upload);
}

static int open_folder(struct file_upload *upload, struct xc_err *err)
{
	const struct xc_file_store *store = store_of(upload);

	if (upload->folder_fd >= 0)
		return 0;
	upload->folder_fd = xc_file_make_folder(store, upload->path, upload->folder_length,
						&upload->made_folders);
	if (upload->folder_fd >= 0)
		return 0;
	xc_file_err(store, upload->path, errno, "make the folders of", err);
	if (err->sys == ENOTDIR)
		xc_err_wrap(err, "an object cannot have the name of another object's folder");
	return -1;
}

/* Returns 0 also where this file system cannot do it: then there is no descriptor yet. */
static int open_anonymous(struct file_upload *upload, struct xc_err *err)
{
	struct xc_file_store *store = store_of(upload);

	for (int tries = 0;; tries++) {
		if (open_folder(upload, err) < 0)
			return -1;
		upload->fd = openat(upload->folder_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC,
				    store->file_mode);
		if (upload->fd >= 0 || tries >= XC_FILE_TRIES_MAX ||
		    !xc_file_is_removed(upload->folder_fd))
			break;
		xc_fd_close(&upload->folder_fd);
	}
	if (upload->fd >= 0 && xc_file_can_link_open(upload->fd))
		return 0;
	if (upload->fd < 0 && errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL &&
	    errno != ENOSYS && errno != EPERM)
		return xc_file_err(store, upload->path, errno, "create", err);
	xc_fd_close(&upload->fd);
	atomic_store(&store->lacks_anonymous, true);
	return 0;
}

static int open_file(struct file_upload *upload, struct xc_err *err)
{
	struct xc_file_store *store = store_of(upload);

	if (!atomic_load(&store->lacks_anonymous) && open_anonymous(upload, err) < 0)
		return -1;
	if (upload->fd >= 0)
		return 0;
	/* Not needed before commit, but a name that cannot be had is better known now. */
	if (open_folder(upload, err) < 0)
		return -1;
	upload->fd = xc_file_temp_create(store, &upload->temp);
	if (upload->fd < 0)
		return xc_file_err(store, XC_FILE_TEMP_FOLDER, errno, "create a temporary file in",
				   err);
	return 0;
}

int xc_file_upload_begin(struct xc_store *store, const char *name, struct xc_upload **ret_upload,
			 struct xc_err *err)
{
	struct file_upload *upload;
	char *path;

	if (xc_file_map_name(name, &path, err) < 0)
		return -1;
	upload = xc_calloc(1, sizeof(*upload));
	upload->base.store = store;
	upload->name = xc_strdup(name);
	upload->path = path;
	upload->folder_length = xc_file_split(path, &upload->leaf);
	upload->fd = -1;
	upload->folder_fd = -1;
	upload->temp.folder_fd = -1;
	if (open_file(upload, err) < 0) {
		end(upload, false);
		return -1;
	}
	*ret_upload = &upload->base;
	return 0;
}

int xc_file_upload_append(struct xc_upload *base, const void *data, size_t length,
			  struct xc_err *err)
{
	struct file_upload *upload = (struct file_upload *)base;
	uint64_t pending_bytes;

	if (xc_fd_write_all(upload->fd, data, length) < 0)
		return xc_file_err(store_of(upload), upload->path, errno, "write", err);
	upload->written_bytes += length;
	pending_bytes = upload->written_bytes - upload->flushed_bytes;
	if (pending_bytes >= FLUSH_BYTES) {
		/* Only a hint; fdatasync() at commit is what counts. */
		(void)!sync_file_range(upload->fd, (off_t)upload->flushed_bytes,
				       (off_t)pending_bytes, SYNC_FILE_RANGE_WRITE);
		upload->flushed_bytes = upload->written_bytes;
	}
	return 0;
}

static int place_absent(struct file_upload *upload)
{
	struct xc_file_store *store = store_of(upload);

	if (!atomic_load(&store->lacks_links)) {
		if (linkat(upload->temp.folder_fd, upload->temp.name, upload->folder_fd,
			   upload->leaf, 0) == 0)
			return 0;
		/* EPERM: file systems without hard links, such as vfat (link(2)). */
		if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS)
			return -1;
		atomic_store(&store->lacks_links, true);
	}
	if (renameat2(upload->temp.folder_fd, upload->temp.name, upload->folder_fd, upload->leaf,
		      RENAME_NOREPLACE) < 0) {
		/* EINVAL: this file system knows no flags (rename(2)). */
		if (errno == EINVAL || errno == ENOSYS)
			errno = EOPNOTSUPP;
		return -1;
	}
	upload->temp.name[0] = '\0';
	return 0;
}

static int place_always(struct file_upload *upload)
{
	if (renameat(upload->temp.folder_fd, upload->temp.name, upload->folder_fd, upload->leaf) <
	    0)
		return -1;
	upload->temp.name[0] = '\0';
	upload->replaced = true;
	return 0;
}

/* Make the object appear; -1 with errno, EEXIST if something has its name. */
static int place(struct file_upload *upload, enum xc_put_when when)
{
	const struct xc_file_store *store = store_of(upload);

	if (upload->temp.name[0] == '\0') {
		if (xc_file_link_open(upload->fd, upload->folder_fd, upload->leaf) == 0)
			return 0;
		if (errno != EEXIST || when == XC_PUT_WHEN_ABSENT)
			return -1;
		if (xc_file_temp_link(store, upload->fd, &upload->temp) < 0)
			return -1;
	}
	/* Nearly all that is put has a new name: then nothing is replaced. */
	if (place_absent(upload) == 0)
		return 0;
	if (when == XC_PUT_WHEN_ABSENT || (errno != EEXIST && errno != EOPNOTSUPP))
		return -1;
	return place_always(upload);
}

/* What to do about `errno_value` from place: 0 to try again, else -1 with the error. */
static int judge_failure(struct file_upload *upload, int errno_value, struct xc_err *err)
{
	const struct xc_file_store *store = store_of(upload);
	struct stat status;

	if (errno_value == ENOENT || errno_value == ESTALE) {
		xc_fd_close(&upload->folder_fd);
		return 0;
	}
	if (errno_value != EEXIST && errno_value != EISDIR) {
		xc_file_err(store, upload->path, errno_value, "put in place", err);
		if (errno_value == EOPNOTSUPP)
			xc_err_wrap(err, "the file system supports neither links nor renames that "
					 "do not replace");
		return -1;
	}
	if (fstatat(upload->folder_fd, upload->leaf, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : xc_file_err(store, upload->path, errno, "write", err);
	if (S_ISREG(status.st_mode))
		return xc_err_set(err, XC_ERR_EXISTS, "there is an object '%s' in %s already",
				  XC_QUOTE(upload->name), XC_QUOTE(store->base.display_url));
	if (!S_ISDIR(status.st_mode)) {
		xc_file_err(store, upload->path, errno_value, "write", err);
		return xc_err_wrap(err, "something that is not an object has its name");
	}
	/* Writers that were killed leave empty folders. */
	if (unlinkat(upload->folder_fd, upload->leaf, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	xc_file_err(store, upload->path, EISDIR, "write", err);
	return xc_err_wrap(err, "an object cannot have the name of another object's folder");
}

static int place_with_tries(struct file_upload *upload, enum xc_put_when when, struct xc_err *err)
{
	for (int tries = 0; tries < XC_FILE_TRIES_MAX; tries++) {
		if (open_folder(upload, err) < 0)
			return -1;
		if (place(upload, when) == 0)
			return 0;
		if (judge_failure(upload, errno, err) < 0)
			return -1;
	}
	return xc_file_err(store_of(upload), upload->path, ENOENT, "put in place", err);
}

/* Over the object of that tag. */
static int place_over(struct file_upload *upload, const struct xc_store_tag *tag,
		      struct xc_err *err)
{
	const struct xc_file_store *store = store_of(upload);
	cleanup_fd int lock_fd = -1;

	if (open_folder(upload, err) < 0)
		return -1;
	lock_fd = xc_file_lock_object(upload->folder_fd, upload->leaf);
	if (lock_fd < 0 && (errno == ENOENT || errno == ELOOP || errno == ENXIO))
		return xc_file_not_found(store, upload->name, err);
	if (lock_fd < 0)
		return xc_file_err(store, upload->path, errno, "lock", err);
	if (xc_file_check_tag(store, upload->name, lock_fd, tag, err) < 0)
		return -1;
	if ((upload->temp.name[0] == '\0' &&
	     xc_file_temp_link(store, upload->fd, &upload->temp) < 0) ||
	    place_always(upload) < 0)
		return xc_file_err(store, upload->path, errno, "put in place", err);
	return 0;
}

static int make_lasting(struct file_upload *upload)
{
	if (upload->made_folders)
		return xc_file_sync_path(store_of(upload), upload->path, upload->folder_length,
					 upload->fd);
	return xc_file_sync_folder(upload->folder_fd, upload->fd);
}

/*
 * The caller will be told that it failed. What was not there before must not
 * be there then; what was replaced cannot come back, so the new one stays.
 */
static void take_back(const struct file_upload *upload, struct xc_err *err)
{
	struct stat own, placed;

	if (upload->replaced) {
		xc_err_wrap(err, "it was replaced, but may be lost in a power failure");
		return;
	}
	/* Another writer may have replaced it by now. */
	if (fstat(upload->fd, &own) == 0 &&
	    fstatat(upload->folder_fd, upload->leaf, &placed, AT_SYMLINK_NOFOLLOW) == 0 &&
	    own.st_dev == placed.st_dev && own.st_ino == placed.st_ino)
		(void)!unlinkat(upload->folder_fd, upload->leaf, 0);
}

static int commit(struct file_upload *upload, struct xc_put_condition condition, struct xc_err *err)
{
	int result = 0;

	if (fdatasync(upload->fd) < 0) {
		result = xc_file_err(store_of(upload), upload->path, errno, "write", err);
		end(upload, false);
		return result;
	}
	result = condition.when == XC_PUT_WHEN_TAG ? place_over(upload, condition.tag, err)
						   : place_with_tries(upload, condition.when, err);
	if (result < 0) {
		end(upload, false);
		return result;
	}
	if (make_lasting(upload) < 0) {
		result = xc_file_err(store_of(upload), upload->path, errno, "sync the folders of",
				     err);
		take_back(upload, err);
	}
	end(upload, result == 0);
	return result;
}

int xc_file_upload_commit(struct xc_upload *base, struct xc_err *err)
{
	return commit((struct file_upload *)base, XC_PUT_ALWAYS, err);
}

void xc_file_upload_abort(struct xc_upload *base)
{
	end((struct file_upload *)base, false);
}

int xc_file_put(struct xc_store *store, const char *name, const void *data, size_t length,
		struct xc_put_condition condition, struct xc_err *err)
{
	struct xc_upload *upload;

	if (xc_file_upload_begin(store, name, &upload, err) < 0)
		return -1;
	if (xc_file_upload_append(upload, data, length, err) < 0) {
		xc_file_upload_abort(upload);
		return -1;
	}
	return commit((struct file_upload *)upload, condition, err);
}
