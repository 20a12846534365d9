/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listing. It starts in the deepest folder that all names with the prefix
 * share and goes on folder by folder, with one open at a time however deep
 * they lie.
 */
#include "store/file/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/strlist.h"

struct listing {
	const struct xc_file_store *store;
	xc_store_list_fn *found;
	void *context;
	/* Folders still to read: pairs of a path and what the names in there start with. */
	struct xc_strlist pending;
};

static void add_folder(struct listing *listing, char *path, char *name)
{
	xc_strlist_take(&listing->pending, path);
	xc_strlist_take(&listing->pending, name);
}

static char *take_last(struct xc_strlist *list)
{
	return list->items[--list->count];
}

static bool has_mark(const char *entry, size_t length)
{
	const size_t mark = strlen(XC_FILE_PIECE_MARK);

	return length >= mark && strcmp(entry + length - mark, XC_FILE_PIECE_MARK) == 0;
}

static void found_folder(struct listing *listing, const char *path, const char *name,
			 const char *entry, size_t length)
{
	bool is_piece = has_mark(entry, length);
	char *child;

	if (is_piece)
		child = xc_asprintf("%s%.*s", name, XC_FILE_PIECE_BYTES, entry);
	else
		child = xc_asprintf("%s%s/", name, entry);
	/* A byte must be left for the name of an object in it. */
	if (strlen(child) >= XC_STORE_NAME_MAX) {
		free(child);
		return;
	}
	add_folder(listing, xc_asprintf("%s%s%s", path, *path ? "/" : "", entry), child);
}

static int found_file(struct listing *listing, const char *name, const char *entry,
		      const struct stat *status, struct xc_err *err)
{
	cleanup_free char *full = xc_asprintf("%s%s", name, entry);
	struct xc_store_object object = {
		.name = full,
		.size_bytes = (uint64_t)status->st_size,
		.modified_ns =
			(int64_t)status->st_mtim.tv_sec * 1000000000 + status->st_mtim.tv_nsec,
	};
	struct xc_err ignored;

	if (xc_store_check_name(full, &ignored) < 0)
		return 0;
	return listing->found(&object, listing->context, err);
}

/* Whether an entry is what xc_file_map_name makes of some name. */
static bool is_ours(const char *path, const char *entry, size_t length)
{
	if (strcmp(entry, ".") == 0 || strcmp(entry, "..") == 0)
		return false;
	if (*path == '\0' && strcmp(entry, XC_FILE_TEMP_FOLDER) == 0)
		return false;
	if (has_mark(entry, length))
		return length == XC_FILE_PIECE_BYTES + strlen(XC_FILE_PIECE_MARK);
	return length <= XC_FILE_PIECE_BYTES;
}

static int list_entry(struct listing *listing, int folder_fd, const char *path, const char *name,
		      const struct dirent *entry, struct xc_err *err)
{
	size_t length = strlen(entry->d_name);
	struct stat status;

	if (!is_ours(path, entry->d_name, length))
		return 0;
	if (entry->d_type == DT_DIR) {
		found_folder(listing, path, name, entry->d_name, length);
		return 0;
	}
	if (fstatat(folder_fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT)
			return 0;
		return xc_file_err(listing->store, path, errno, "list", err);
	}
	if (S_ISDIR(status.st_mode))
		found_folder(listing, path, name, entry->d_name, length);
	else if (S_ISREG(status.st_mode) && !has_mark(entry->d_name, length))
		return found_file(listing, name, entry->d_name, &status, err);
	return 0;
}

/* NULL with errno. */
static DIR *open_listed(const struct xc_file_store *store, const char *path)
{
	cleanup_fd int folder_fd = xc_file_open_folder(store, path, strlen(path));
	cleanup_fd int fd = -1;
	DIR *dir;

	if (folder_fd < 0)
		return NULL;
	fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (dir)
		fd = -1;
	return dir;
}

/* The objects in one folder whose entries start with `filter`; its folders become pending. */
static int list_folder(struct listing *listing, const char *path, const char *name,
		       const char *filter, struct xc_err *err)
{
	DIR *dir = open_listed(listing->store, path);
	const struct dirent *entry;
	int result = 0;

	if (!dir) {
		/* Not there, gone since, or an object. */
		if (errno == ENOENT || errno == ENOTDIR)
			return 0;
		return xc_file_err(listing->store, path, errno, "list", err);
	}
	while (result == 0 && (errno = 0, entry = readdir(dir)) != NULL)
		if (strncmp(entry->d_name, filter, strlen(filter)) == 0)
			result = list_entry(listing, dirfd(dir), path, name, entry, err);
	if (result == 0 && errno != 0)
		result = xc_file_err(listing->store, path, errno, "list", err);
	closedir(dir);
	return result;
}

static void add_piece(struct xc_buf *path, const char *piece)
{
	if (path->len_bytes > 0)
		xc_buf_add_char(path, '/');
	xc_buf_add(path, piece, XC_FILE_PIECE_BYTES);
	xc_buf_add_str(path, XC_FILE_PIECE_MARK);
}

/*
 * The deepest folder that can hold every name with `prefix`, and in
 * `ret_filter` the end of the prefix, with which its entries must start.
 * -1 if no name can have this prefix.
 */
static int find_start(const char *prefix, struct xc_buf *ret_path, const char **ret_filter)
{
	const char *slash = strrchr(prefix, '/');
	const char *filter = slash ? slash + 1 : prefix;
	cleanup_free char *folder = NULL, *mapped = NULL;
	struct xc_err ignored;

	if (strlen(prefix) > XC_STORE_NAME_MAX)
		return -1;
	if (slash) {
		folder = xc_strndup(prefix, (size_t)(slash - prefix));
		if (xc_store_check_name(folder, &ignored) < 0 ||
		    xc_file_map_name(folder, &mapped, &ignored) < 0)
			return -1;
		xc_buf_add_str(ret_path, mapped);
	}
	while (strlen(filter) > XC_FILE_PIECE_BYTES) {
		add_piece(ret_path, filter);
		filter += XC_FILE_PIECE_BYTES;
	}
	*ret_filter = filter;
	return 0;
}

/* A root that is a file is a mistake, not an empty store. */
static int check_root(const struct xc_file_store *store, struct xc_err *err)
{
	cleanup_fd int fd = xc_file_open_folder(store, "", 0);

	if (fd < 0 && errno != ENOENT)
		return xc_file_err(store, "", errno, "list", err);
	return 0;
}

int xc_file_list(struct xc_store *base, const char *prefix, xc_store_list_fn *found, void *context,
		 struct xc_err *err)
{
	struct listing listing = {
		.store = xc_file_store(base),
		.found = found,
		.context = context,
	};
	cleanup_buf struct xc_buf start = XC_BUF_INIT;
	cleanup_free char *start_name = NULL;
	const char *filter;
	int result;

	if (check_root(listing.store, err) < 0)
		return -1;
	if (find_start(prefix, &start, &filter) < 0)
		return 0;
	start_name = xc_strndup(prefix, (size_t)(filter - prefix));
	result = list_folder(&listing, xc_buf_str(&start), start_name, filter, err);
	while (result == 0 && listing.pending.count > 0) {
		cleanup_free char *name = take_last(&listing.pending);
		cleanup_free char *path = take_last(&listing.pending);

		result = list_folder(&listing, path, name, "", err);
	}
	xc_strlist_release(&listing.pending);
	return result;
}
