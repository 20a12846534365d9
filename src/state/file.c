/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hash.h"
#include "base/hex.h"
#include "base/text.h"
#include "state/internal.h"

#define NAME_PREFIX "xcache-state-"
#define TEMP_PREFIX ".xcache-state-"
#define PLACE_BYTES 8 /* of a digest, in a name */
/* The indexes, and at most 30 bytes for each stamp. */
#define FILE_BYTES_MAX                                                                             \
	(XC_STATE_INDEX_BYTES_MAX + 30 * (uint64_t)XC_STATE_MEMBERS_MAX + ((uint64_t)8 << 20))
/* What a killed process left is of no use after so long. */
#define STALE_S 3600

static void read_boot_id(char ret_id[XC_BOOT_ID_MAX])
{
	cleanup_buf struct xc_buf text = XC_BUF_INIT;

	ret_id[0] = '\0';
	if (xc_fd_read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", XC_BOOT_ID_MAX - 1,
			    &text) < 0 ||
	    text.len_bytes == 0)
		return;
	text.data[strcspn(text.data, "\n")] = '\0';
	memcpy(ret_id, text.data, strlen(text.data) + 1);
}

/* One for the same paths in each store, repository and workspace. */
static char *make_name(const struct xc_state_place *place, const struct xc_strlist *paths)
{
	cleanup_free char *where =
		xc_asprintf("%s|%s|%s", place->store_url, place->repository, place->workspace);
	char version[XC_VERSION_HEX + 1], digits[2 * PLACE_BYTES + 1];
	uint8_t digest[XC_SHA256_BYTES];

	xc_key_version(paths, version);
	xc_sha256(where, strlen(where), digest);
	xc_hex_encode(digest, PLACE_BYTES, digits);
	return xc_asprintf(NAME_PREFIX "%s-%s", version, digits);
}

void xc_state_place_init(const struct xc_cache *cache, const struct xc_strlist *paths,
			 struct xc_state_place *ret_place)
{
	struct xc_state_place place = {
		.folder = cache->state_folder,
		.store_url = cache->store->display_url,
		.repository = cache->repository,
		.workspace = cache->roots->workspace,
	};

	read_boot_id(place.boot_id);
	place.name = make_name(&place, paths);
	*ret_place = place;
}

void xc_state_place_release(struct xc_state_place *place)
{
	free(place->name);
}

static int open_folder(const struct xc_state_place *place)
{
	return open(place->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* What killed processes of this user left. */
static void remove_stale(int folder_fd)
{
	int own_fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = own_fd < 0 ? NULL : fdopendir(own_fd);
	const struct dirent *entry;
	struct stat status;

	if (!dir) {
		xc_fd_close(&own_fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL)
		if (xc_starts_with(entry->d_name, TEMP_PREFIX) &&
		    fstatat(folder_fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
		    time(NULL) - status.st_mtim.tv_sec > STALE_S)
			(void)unlinkat(folder_fd, entry->d_name, 0);
	closedir(dir);
}

static int write_and_move(int folder_fd, const char *name, const struct xc_buf *data)
{
	char temp[sizeof(TEMP_PREFIX) + 2 * PLACE_BYTES];
	uint8_t random[PLACE_BYTES];
	cleanup_fd int fd = -1;
	int error;

	xc_random_bytes(random, sizeof(random));
	memcpy(temp, TEMP_PREFIX, sizeof(TEMP_PREFIX));
	xc_hex_encode(random, sizeof(random), temp + strlen(TEMP_PREFIX));
	fd = openat(folder_fd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	if (xc_fd_write_all(fd, data->data, data->len_bytes) == 0 &&
	    renameat(folder_fd, temp, folder_fd, name) == 0)
		return 0;
	error = errno;
	(void)unlinkat(folder_fd, temp, 0);
	errno = error;
	return -1;
}

int xc_state_file_write(const struct xc_state_place *place, const struct xc_buf *data,
			struct xc_err *err)
{
	cleanup_fd int folder_fd = -1;

	if (xc_fd_make_dirs(AT_FDCWD, place->folder, 0700) == 0)
		folder_fd = open_folder(place);
	if (folder_fd >= 0)
		remove_stale(folder_fd);
	if (folder_fd < 0 || write_and_move(folder_fd, place->name, data) < 0)
		return xc_err_sys(err, errno, "cannot write the state of the restore to %s",
				  XC_QUOTE(place->folder));
	return 0;
}

static bool is_ours(const struct stat *status)
{
	return S_ISREG(status->st_mode) && status->st_uid == geteuid() &&
	       (status->st_mode & (S_IWGRP | S_IWOTH)) == 0 && status->st_size > 0 &&
	       (uint64_t)status->st_size <= FILE_BYTES_MAX;
}

int xc_state_file_read(const struct xc_state_place *place, struct xc_buf *ret_data,
		       struct xc_err *err)
{
	cleanup_fd int folder_fd = open_folder(place), fd = -1;
	struct stat status;
	char *at;

	if (folder_fd >= 0)
		fd = openat(folder_fd, place->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return xc_err_set(err, XC_ERR_NOT_FOUND, "no restore of these paths is known");
	if (fstat(fd, &status) < 0 || !is_ours(&status))
		return xc_err_set(err, XC_ERR_NOT_FOUND,
				  "the state of the last restore is not this user's own file");
	at = xc_buf_reserve(ret_data, (size_t)status.st_size);
	if (!at || xc_fd_read_full(fd, at, (size_t)status.st_size) != (ssize_t)status.st_size)
		return xc_err_set(err, XC_ERR_NOT_FOUND,
				  "the state of the last restore cannot be read");
	xc_buf_grow_by(ret_data, (size_t)status.st_size);
	return 0;
}

void xc_state_file_remove(const struct xc_state_place *place)
{
	cleanup_fd int folder_fd = open_folder(place);

	if (folder_fd >= 0)
		(void)unlinkat(folder_fd, place->name, 0);
}
