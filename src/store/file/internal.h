/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the file store share; file.c says how objects lie on
 * disk. A "path" here is an object's or folder's place below the root,
 * relative, made by xc_file_map_name, and "" is the root. Functions that
 * return a descriptor or take no struct xc_err fail with -1 and errno.
 */
#ifndef XC_STORE_FILE_INTERNAL_H
#define XC_STORE_FILE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "store/back_end.h"

#define XC_FILE_TEMP_FOLDER ".xcache-tmp"
#define XC_FILE_PIECE_BYTES 200
#define XC_FILE_PIECE_MARK  "%~"
#define XC_FILE_STALE_HOURS 24
#define XC_FILE_OPEN_MAX    8
/* How often folders may vanish beneath a writer before it gives up. */
#define XC_FILE_TRIES_MAX 64

/* An object that is open for reading; see read.c. */
struct xc_file_handle;

struct xc_file_store {
	struct xc_store base;
	char *root;
	mode_t folder_mode, file_mode; /* of what is made, less the umask */
	/* What the root's file system was found to lack. */
	atomic_bool lacks_anonymous; /* files without a name, or a way to name them */
	atomic_bool lacks_links;

	pthread_mutex_t handles_lock; /* what follows */
	struct xc_file_handle *handles[XC_FILE_OPEN_MAX];
	uint64_t handle_clock;
};

extern const struct xc_store_ops xc_file_ops;

static inline struct xc_file_store *xc_file_store(struct xc_store *store)
{
	xc_store_check_type(store, &xc_file_ops);
	return (struct xc_file_store *)store;
}

/* path.c: names, folders and the errors that speak of them */

/* Where the object lies; USAGE for the names that a file store cannot keep. */
int xc_file_map_name(const char *name, char **ret_path, struct xc_err *err) XC_CHECK;

/* The part of `path` that names its folder: its length, and in `ret_leaf` the rest. */
size_t xc_file_split(const char *path, const char **ret_leaf);

/*
 * The folder named by the first `length` bytes of `path`, as O_PATH. None of
 * its elements may be a symlink; the root's may.
 */
int xc_file_open_folder(const struct xc_file_store *store, const char *path, size_t length);

/* The same, made with the root if it is not there; then `*made` is set, else left alone. */
int xc_file_make_folder(const struct xc_file_store *store, const char *path, size_t length,
			bool *made);

/*
 * Whether this folder was removed since it was opened, as it may be whenever
 * it is empty. What then fails in it has ENOENT or, on ext4, EPERM; so errno
 * is kept.
 */
bool xc_file_is_removed(int folder_fd);

/*
 * Make lasting the entries of a folder, and of all folders above it too if
 * some of them are new. `file_fd` is a file of the same file system.
 */
int xc_file_sync_folder(int folder_fd, int file_fd);
int xc_file_sync_path(const struct xc_file_store *store, const char *path, size_t length,
		      int file_fd);

/* Remove the folders above `path` from the lowest up, as far as they are empty; never the root. */
void xc_file_remove_folders(const struct xc_file_store *store, const char *path);

/* Open an object for reading; NOT_FOUND for whatever is not a regular file. */
int xc_file_open_object(const struct xc_file_store *store, const char *name,
			struct stat *ret_status, struct xc_err *err);

/*
 * Open an object and lock it (flock) against others that replace or remove it,
 * until it is closed: what was looked at is then still what is changed.
 * ETIMEDOUT if somebody holds it for long. Where the file system has no such
 * locks the object comes without one.
 */
int xc_file_lock_object(int folder_fd, const char *leaf);

/* The tag of an open object, by its bytes. */
int xc_file_tag(int fd, struct xc_store_tag *ret_tag);

/* EXISTS if the open object has another one. */
int xc_file_check_tag(const struct xc_file_store *store, const char *name, int fd,
		      const struct xc_store_tag *tag, struct xc_err *err);

/* "cannot <verb> <root>/<path>: <reason>": AUTH or IO. Returns -1. */
int xc_file_err(const struct xc_file_store *store, const char *path, int errno_value,
		const char *verb, struct xc_err *err);
int xc_file_not_found(const struct xc_file_store *store, const char *name, struct xc_err *err);

/* read.c: ranged reads through a few descriptors that stay open */
void xc_file_read(struct xc_store *store, struct xc_store_read *read);
/* Later reads of `name` open it anew. */
void xc_file_forget(struct xc_file_store *store, const char *name);
void xc_file_forget_all(struct xc_file_store *store);

/* list.c */
int xc_file_list(struct xc_store *store, const char *prefix, xc_store_list_fn *found, void *context,
		 struct xc_err *err);

/* temp.c: files with a name of their own until they get their final one */
struct xc_file_temp {
	int folder_fd; /* the root's XC_FILE_TEMP_FOLDER, or -1 */
	char name[33]; /* "" for none */
};

/* A new, locked file to write to, under a temporary name. Removes stale ones first. */
int xc_file_temp_create(const struct xc_file_store *store, struct xc_file_temp *ret_temp);
/* A temporary name for an open file that has none. */
int xc_file_temp_link(const struct xc_file_store *store, int fd, struct xc_file_temp *ret_temp);
/* Take the name away if it is still there, and the folder once it is empty. */
void xc_file_temp_release(const struct xc_file_store *store, struct xc_file_temp *temp);
/* Name the open file `name` in `folder_fd`; EEXIST if that is taken. */
int xc_file_link_open(int fd, int folder_fd, const char *name);
/* Whether xc_file_link_open can work here. */
bool xc_file_can_link_open(int fd);

/* The time that the root's file system gives to what is written now. */
int xc_file_now(struct xc_store *store, const char *prefix, int64_t *ret_now_ns,
		struct xc_err *err);

/* upload.c */
int xc_file_put(struct xc_store *store, const char *name, const void *data, size_t length,
		struct xc_put_condition condition, struct xc_err *err);
int xc_file_upload_begin(struct xc_store *store, const char *name, struct xc_upload **ret_upload,
			 struct xc_err *err);
int xc_file_upload_append(struct xc_upload *upload, const void *data, size_t length,
			  struct xc_err *err);
int xc_file_upload_commit(struct xc_upload *upload, struct xc_err *err);
void xc_file_upload_abort(struct xc_upload *upload);

#endif
