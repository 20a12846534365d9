/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Temporary files, all in one folder of the root. Each is locked with
 * flock() while its writer lives, so that what a killed writer left behind
 * can be told from what is being written.
 */
#include "base/hex.h"
#include "store/file/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/hash.h"

static void self_path(int fd, char *out, size_t out_size)
{
	snprintf(out, out_size, "/proc/self/fd/%d", fd);
}

bool xc_file_can_link_open(int fd)
{
	char self[32];

	self_path(fd, self, sizeof(self));
	return access(self, F_OK) == 0;
}

int xc_file_link_open(int fd, int folder_fd, const char *name)
{
	char self[32];

	/*
	 * For root, and for everyone since Linux 6.10; the others
	 * go by /proc (open(2), O_TMPFILE).
	 */
	if (linkat(fd, "", folder_fd, name, AT_EMPTY_PATH) == 0)
		return 0;
	if (errno == EEXIST)
		return -1;
	self_path(fd, self, sizeof(self));
	return linkat(AT_FDCWD, self, folder_fd, name, AT_SYMLINK_FOLLOW);
}

static void remove_if_stale(int folder_fd, const char *name)
{
	cleanup_fd int fd =
		openat(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
		return;
	if (time(NULL) - status.st_mtime > XC_FILE_STALE_HOURS * 3600 &&
	    flock(fd, LOCK_EX | LOCK_NB) == 0)
		(void)!unlinkat(folder_fd, name, 0);
}

static void remove_stale(int folder_fd)
{
	int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!dir) {
		xc_fd_close(&fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL)
		remove_if_stale(folder_fd, entry->d_name);
	closedir(dir);
}

static void new_name(struct xc_file_temp *temp)
{
	uint8_t random[(sizeof(temp->name) - 1) / 2];

	xc_random_bytes(random, sizeof(random));
	xc_hex_encode(random, sizeof(random), temp->name);
}

/*
 * Give the open file `fd` a name in the folder, or for -1 create one.
 * Returns the descriptor.
 */
static int name_in_folder(struct xc_file_temp *temp, int fd, mode_t mode)
{
	new_name(temp);
	if (fd >= 0)
		return xc_file_link_open(fd, temp->folder_fd, temp->name) == 0 ? fd : -1;
	fd = openat(temp->folder_fd, temp->name,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd >= 0)
		(void)!flock(fd, LOCK_EX | LOCK_NB);
	return fd;
}

/* The folder goes when another writer has emptied it, so it may take several tries. */
static int name_temporarily(const struct xc_file_store *store, int fd,
			    struct xc_file_temp *ret_temp)
{
	int error;

	for (int tries = 0; tries < XC_FILE_TRIES_MAX; tries++) {
		bool made = false;
		struct xc_file_temp temp = { 0 };
		int named_fd;

		temp.folder_fd = xc_file_make_folder(store, XC_FILE_TEMP_FOLDER,
						     strlen(XC_FILE_TEMP_FOLDER), &made);
		if (temp.folder_fd < 0)
			break;
		if (tries == 0)
			remove_stale(temp.folder_fd);
		named_fd = name_in_folder(&temp, fd, store->file_mode);
		if (named_fd >= 0) {
			*ret_temp = temp;
			return named_fd;
		}
		xc_fd_close(&temp.folder_fd);
		if (errno != ENOENT && errno != EEXIST)
			break;
	}
	error = errno;
	xc_file_remove_folders(store, XC_FILE_TEMP_FOLDER "/");
	errno = error;
	return -1;
}

int xc_file_temp_create(const struct xc_file_store *store, struct xc_file_temp *ret_temp)
{
	return name_temporarily(store, -1, ret_temp);
}

int xc_file_temp_link(const struct xc_file_store *store, int fd, struct xc_file_temp *ret_temp)
{
	(void)!flock(fd, LOCK_EX | LOCK_NB);
	return name_temporarily(store, fd, ret_temp) < 0 ? -1 : 0;
}

/* Of a network's file system that is the clock of its server. */
int xc_file_now(struct xc_store *base, const char *prefix, int64_t *ret_now_ns, struct xc_err *err)
{
	const struct xc_file_store *store = xc_file_store(base);
	cleanup_fd int root_fd = xc_file_open_folder(store, "", 0), fd = -1;
	struct xc_file_temp temp;
	struct stat status;
	int result = 0;

	(void)prefix;
	/* Nothing is there whose time could differ, and no folder is to be made for a look. */
	if (root_fd < 0 && errno == ENOENT) {
		*ret_now_ns = xc_clock_now_ns();
		return 0;
	}
	fd = xc_file_temp_create(store, &temp);
	if (fd < 0)
		return xc_file_err(store, XC_FILE_TEMP_FOLDER, errno, "create a temporary file in",
				   err);
	if (xc_fd_write_all(fd, "", 1) < 0 || fstat(fd, &status) < 0)
		result = xc_file_err(store, XC_FILE_TEMP_FOLDER, errno, "write a temporary file in",
				     err);
	else
		*ret_now_ns = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
	xc_file_temp_release(store, &temp);
	return result;
}

void xc_file_temp_release(const struct xc_file_store *store, struct xc_file_temp *temp)
{
	int saved = errno;

	if (temp->folder_fd < 0)
		return;
	if (temp->name[0] != '\0')
		(void)!unlinkat(temp->folder_fd, temp->name, 0);
	temp->name[0] = '\0';
	xc_fd_close(&temp->folder_fd);
	xc_file_remove_folders(store, XC_FILE_TEMP_FOLDER "/");
	errno = saved;
}
