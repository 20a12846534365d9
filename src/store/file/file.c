/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file store: objects are files below a root, on a local disk or a
 * network share, for any number of processes at once.
 *
 *     a/b/c                        <root>/a/b/c
 *     an element of 450 bytes      three pieces of 200, 200 and 50 bytes,
 *                                  "<piece>%~/<piece>%~/<piece>": file
 *                                  names end at 255 bytes
 *     <root>/.xcache-tmp/          temporary files (temp.c)
 *
 * So names that start with the element ".xcache-tmp", or of which an
 * element ends in "%~", are refused; and of "a" and "a/b" only one can
 * exist: writing the other fails with IO. Whatever below the root is not
 * what this mapping makes, symlinks among it, is neither listed nor read.
 *
 * An object is written elsewhere and appears by link or rename, after its
 * bytes were synced; then its folder is synced (upload.c). Whoever
 * replaces or removes what it has looked at locks it for that moment. Removing an
 * object removes the folders that it leaves empty, and every writer expects
 * that its folder may vanish. Files and folders have the modes that the
 * umask leaves.
 */
#include "store/file/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/fd.h"
#include "store/url.h"

#define READ_CONCURRENCY 4
#define READ_BYTES       ((size_t)4 << 20)

static void file_close(struct xc_store *base)
{
	struct xc_file_store *store = xc_file_store(base);

	xc_file_forget_all(store);
	pthread_mutex_destroy(&store->handles_lock);
	free(store->root);
	free(store->base.display_url);
	free(store);
}

static int too_large(const char *name, long long size_bytes, size_t max_bytes, struct xc_err *err)
{
	return xc_err_set(err, XC_ERR_CORRUPT,
			  "the object '%s' has %lld bytes, more than the %zu expected at most",
			  XC_QUOTE(name), size_bytes, max_bytes);
}

static int file_get(struct xc_store *base, const char *name, size_t max_bytes,
		    struct xc_buf *ret_data, struct xc_store_tag *ret_tag, struct xc_err *err)
{
	const struct xc_file_store *store = xc_file_store(base);
	struct stat status;
	cleanup_fd int fd = xc_file_open_object(store, name, &status, err);
	ssize_t got;
	char *at;

	if (fd < 0)
		return -1;
	if (ret_tag && xc_file_tag(fd, ret_tag) < 0)
		return xc_err_sys(err, errno, "cannot read the object '%s' in %s", XC_QUOTE(name),
				  XC_QUOTE(base->display_url));
	if ((uintmax_t)status.st_size > max_bytes)
		return too_large(name, (long long)status.st_size, max_bytes, err);
	at = xc_buf_reserve(ret_data, (size_t)status.st_size);
	if (!at)
		return too_large(name, (long long)status.st_size, ret_data->max_bytes, err);
	got = xc_fd_read_full(fd, at, (size_t)status.st_size);
	if (got == status.st_size) {
		xc_buf_grow_by(ret_data, (size_t)got);
		return 0;
	}
	*at = '\0';
	if (got < 0)
		return xc_err_sys(err, errno, "cannot read the object '%s' in %s", XC_QUOTE(name),
				  XC_QUOTE(base->display_url));
	return xc_err_set(err, XC_ERR_CORRUPT, "the object '%s' ended after %zd of its %lld bytes",
			  XC_QUOTE(name), got, (long long)status.st_size);
}

static int file_remove(struct xc_store *base, const char *name, const struct xc_store_tag *tag,
		       struct xc_err *err)
{
	struct xc_file_store *store = xc_file_store(base);
	cleanup_free char *path = NULL;
	cleanup_fd int folder_fd = -1, lock_fd = -1;
	const char *leaf;
	struct stat status;
	size_t length;

	if (xc_file_map_name(name, &path, err) < 0)
		return -1;
	length = xc_file_split(path, &leaf);
	folder_fd = xc_file_open_folder(store, path, length);
	if (folder_fd < 0 || fstatat(folder_fd, leaf, &status, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return xc_file_not_found(store, name, err);
		return xc_file_err(store, path, errno, "remove", err);
	}
	if (!S_ISREG(status.st_mode))
		return xc_file_not_found(store, name, err);
	/* One that may not be opened can still be removed. */
	lock_fd = xc_file_lock_object(folder_fd, leaf);
	if (lock_fd < 0 && errno == ETIMEDOUT)
		return xc_file_err(store, path, errno, "lock", err);
	if (lock_fd >= 0 && tag && xc_file_check_tag(store, name, lock_fd, tag, err) < 0)
		return -1;
	if (unlinkat(folder_fd, leaf, 0) < 0) {
		/* EISDIR: replaced by a folder just now. */
		if (errno == ENOENT || errno == EISDIR)
			return xc_file_not_found(store, name, err);
		return xc_file_err(store, path, errno, "remove", err);
	}
	xc_file_forget(store, name);
	xc_file_remove_folders(store, path);
	return 0;
}

const struct xc_store_ops xc_file_ops = {
	.close = file_close,
	.get = file_get,
	.read = xc_file_read,
	.put = xc_file_put,
	.upload_begin = xc_file_upload_begin,
	.upload_append = xc_file_upload_append,
	.upload_commit = xc_file_upload_commit,
	.upload_abort = xc_file_upload_abort,
	.list = xc_file_list,
	.remove = file_remove,
	.now = xc_file_now,
};

static int check_url(const struct xc_url *url, struct xc_err *err)
{
	if (url->host[0] != '\0' && strcasecmp(url->host, "localhost") != 0)
		return xc_err_set(err, XC_ERR_USAGE,
				  "a file store has no host, but the URL has '%s'; "
				  "write file:///absolute/path",
				  XC_QUOTE(url->host));
	if (url->path[0] != '/')
		return xc_err_set(err, XC_ERR_USAGE,
				  "the path '%s' of a file store is not absolute; "
				  "write file:///absolute/path",
				  XC_QUOTE(url->path));
	if (strlen(url->path) >= PATH_MAX)
		return xc_err_set(err, XC_ERR_USAGE,
				  "the path of the file store is longer than %d bytes; "
				  "choose a shorter one",
				  PATH_MAX - 1);
	if (url->options[0] != '\0')
		return xc_err_set(err, XC_ERR_USAGE,
				  "a file store has no options, but the URL has '%s'; leave it "
				  "out, or write the character ? itself as %%3F",
				  XC_QUOTE(url->options));
	return 0;
}

/* What is said beside the URL. */
struct file_opts {
	bool is_private; /* what the store makes is for its user alone: 0700, 0600 */
};

static const struct xc_store_option file_options[] = {
	{ "private", true, offsetof(struct file_opts, is_private) },
};

static int open_file(const char *rest, const struct xc_store_opts *opts, const void *own,
		     struct xc_store **ret_store, struct xc_err *err)
{
	const struct file_opts *file_opts = own;
	cleanup_url struct xc_url url = { 0 };
	cleanup_free char *encoded = NULL;
	struct xc_file_store *store;
	size_t length;

	(void)opts;
	if (xc_url_parse(rest, &url, err) < 0 || check_url(&url, err) < 0)
		return -1;
	for (length = strlen(url.path); length > 1 && url.path[length - 1] == '/'; length--)
		url.path[length - 1] = '\0';
	encoded = xc_url_encode_path(url.path);
	store = xc_calloc(1, sizeof(*store));
	store->base = (struct xc_store){
		.ops = &xc_file_ops,
		.can = XC_STORE_CAN_LIST | XC_STORE_CAN_REMOVE | XC_STORE_CAN_REPLACE |
		       XC_STORE_CAN_PUT_IF_ABSENT | XC_STORE_CAN_PUT_IF_TAG |
		       XC_STORE_CAN_TELL_TIME,
		.display_url = xc_asprintf("file://%s", encoded),
		.read_concurrency = READ_CONCURRENCY,
		.read_bytes = READ_BYTES,
	};
	store->root = STEAL_PTR(url.path);
	store->base.folder = store->root;
	store->folder_mode = file_opts->is_private ? 0700 : 0777;
	store->file_mode = file_opts->is_private ? 0600 : 0666;
	pthread_mutex_init(&store->handles_lock, NULL);
	*ret_store = &store->base;
	return 0;
}

const struct xc_store_back_end xc_store_file_back_end = {
	.scheme = "file",
	.example = "file:///absolute/path",
	.open = open_file,
	.options = file_options,
	.option_count = ARRAY_LEN(file_options),
	.own_bytes = sizeof(struct file_opts),
};
