/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors: whole reads and writes, directories by path, and deletion of
 * trees. Every descriptor that is opened here has O_CLOEXEC. Functions that
 * return int return 0, or -1 with errno set, unless they say otherwise; the
 * caller, who knows the name, makes the sentence.
 */
#ifndef XC_BASE_FD_H
#define XC_BASE_FD_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/compiler.h"

/* Closes *fd if it is open and leaves -1; keeps errno. */
void xc_fd_close(int *fd);
#define cleanup_fd __attribute__((cleanup(xc_fd_close)))

/* Write all of it, however many calls that takes. */
int xc_fd_write_all(int fd, const void *data, size_t length) XC_CHECK;
int xc_fd_pwrite_all(int fd, const void *data, size_t length, off_t offset) XC_CHECK;

/* Read until `length` bytes or the end of the file; returns how many, or -1. */
ssize_t xc_fd_read_full(int fd, void *data, size_t length) XC_CHECK;
ssize_t xc_fd_pread_full(int fd, void *data, size_t length, off_t offset) XC_CHECK;

/* Append a whole file to `out`, at most `max_bytes`; over it -1 with EFBIG. */
int xc_fd_read_file(int dir_fd, const char *path, size_t max_bytes, struct xc_buf *out) XC_CHECK;

/*
 * Open the directory `path` below `dir_fd` (or AT_FDCWD), following symlinks.
 * "" stands for `dir_fd` itself. Paths may be longer than PATH_MAX: they are
 * then walked in pieces. Returns a descriptor or -1.
 */
int xc_fd_open_dir(int dir_fd, const char *path) XC_CHECK;

/* The same as a mere place (O_PATH): for *at() calls, without read permission on it. */
int xc_fd_open_dir_path(int dir_fd, const char *path) XC_CHECK;

/*
 * mkdir -p: make `path` and what is missing above it with `mode` less the
 * umask. Shorter than PATH_MAX; ENOTDIR if something else stands there.
 */
int xc_fd_make_dirs(int dir_fd, const char *path, mode_t mode) XC_CHECK;

/*
 * Delete `name` in `dir_fd` and everything below it, however deep, without
 * following symlinks or leaving its file system, with write permission
 * added where it lacks. Goes on after errors; returns -1 with the errno of
 * one of them. Not there at all is success.
 */
int xc_fd_remove_tree(int dir_fd, const char *name);

#endif
