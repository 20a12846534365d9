/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ranged reads. A restore reads one pack in many ranges from many threads,
 * so the descriptors of the objects read last stay open; they also keep an
 * object readable that is removed in the meantime.
 */
#include "store/file/internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

struct xc_file_handle {
	char *name;
	int fd;
	unsigned references; /* the slot's and each reader's; under handles_lock */
	uint64_t used_at;    /* by handle_clock; under handles_lock */
};

/* With the lock held. */
static void drop(struct xc_file_handle *handle)
{
	if (--handle->references > 0)
		return;
	xc_fd_close(&handle->fd);
	free(handle->name);
	free(handle);
}

/* The slot that holds `name`; with the lock held. */
static struct xc_file_handle **find_slot(struct xc_file_store *store, const char *name)
{
	for (size_t i = 0; i < XC_FILE_OPEN_MAX; i++)
		if (store->handles[i] && strcmp(store->handles[i]->name, name) == 0)
			return &store->handles[i];
	return NULL;
}

/* An empty slot, or that which was not used for longest; with the lock held. */
static struct xc_file_handle **spare_slot(struct xc_file_store *store)
{
	struct xc_file_handle **spare = &store->handles[0];

	for (size_t i = 0; i < XC_FILE_OPEN_MAX; i++) {
		if (!store->handles[i])
			return &store->handles[i];
		if (store->handles[i]->used_at < (*spare)->used_at)
			spare = &store->handles[i];
	}
	return spare;
}

static struct xc_file_handle *take_cached(struct xc_file_store *store, const char *name)
{
	struct xc_file_handle **slot, *handle = NULL;

	pthread_mutex_lock(&store->handles_lock);
	slot = find_slot(store, name);
	if (slot) {
		handle = *slot;
		handle->references++;
		handle->used_at = ++store->handle_clock;
	}
	pthread_mutex_unlock(&store->handles_lock);
	return handle;
}

/* Takes `fd`. Returns the handle with a reference for the caller. */
static struct xc_file_handle *cache_fd(struct xc_file_store *store, const char *name, int fd)
{
	struct xc_file_handle *handle = xc_calloc(1, sizeof(*handle)), **slot;

	handle->name = xc_strdup(name);
	handle->fd = fd;
	handle->references = 2;
	pthread_mutex_lock(&store->handles_lock);
	handle->used_at = ++store->handle_clock;
	slot = find_slot(store, name);
	if (!slot)
		slot = spare_slot(store);
	if (*slot)
		drop(*slot);
	*slot = handle;
	pthread_mutex_unlock(&store->handles_lock);
	return handle;
}

static void release(struct xc_file_store *store, struct xc_file_handle *handle)
{
	pthread_mutex_lock(&store->handles_lock);
	drop(handle);
	pthread_mutex_unlock(&store->handles_lock);
}

static bool still_has_name(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 && status.st_nlink > 0;
}

static struct xc_file_handle *acquire(struct xc_file_store *store, const char *name,
				      struct xc_err *err)
{
	struct xc_file_handle *handle = take_cached(store, name);
	struct stat status;
	int fd;

	if (handle && still_has_name(handle->fd))
		return handle;
	/* Replaced or removed. Only an object that replaced it is a reason not to read it. */
	fd = xc_file_open_object(store, name, &status, err);
	if (fd < 0 && handle && err->kind == XC_ERR_NOT_FOUND)
		return handle;
	if (handle)
		release(store, handle);
	return fd < 0 ? NULL : cache_fd(store, name, fd);
}

static int read_range(struct xc_file_store *store, struct xc_store_read *read)
{
	struct xc_file_handle *handle = acquire(store, read->name, &read->err);
	struct stat status = { 0 };
	ssize_t got = 0;
	int result = 0;

	if (!handle)
		return -1;
	if (read->offset <= INT64_MAX - read->length)
		got = xc_fd_pread_full(handle->fd, read->buffer, read->length, (off_t)read->offset);
	if (got < 0) {
		xc_err_sys(&read->err, errno, "cannot read the object '%s' in %s",
			   XC_QUOTE(read->name), XC_QUOTE(store->base.display_url));
		result = -1;
	} else if ((size_t)got < read->length) {
		(void)!fstat(handle->fd, &status);
		xc_err_set(&read->err, XC_ERR_CORRUPT,
			   "the object '%s' ends at byte %lld, %zu from %llu were wanted",
			   XC_QUOTE(read->name), (long long)status.st_size, read->length,
			   (unsigned long long)read->offset);
		result = -1;
	}
	release(store, handle);
	return result;
}

void xc_file_read(struct xc_store *base, struct xc_store_read *read)
{
	read->done(read, read_range(xc_file_store(base), read));
}

void xc_file_forget(struct xc_file_store *store, const char *name)
{
	struct xc_file_handle **slot;

	pthread_mutex_lock(&store->handles_lock);
	slot = find_slot(store, name);
	if (slot)
		drop(STEAL_PTR(*slot));
	pthread_mutex_unlock(&store->handles_lock);
}

void xc_file_forget_all(struct xc_file_store *store)
{
	pthread_mutex_lock(&store->handles_lock);
	for (size_t i = 0; i < XC_FILE_OPEN_MAX; i++)
		if (store->handles[i])
			drop(STEAL_PTR(store->handles[i]));
	pthread_mutex_unlock(&store->handles_lock);
}
