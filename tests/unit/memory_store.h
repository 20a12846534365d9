/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store in memory: a sorted array behind one lock, gone with its handle. It
 * can be made to fail, so that the layers above can be tested at every point
 * where a store may fail them.
 */
#ifndef XC_TESTS_MEMORY_STORE_H
#define XC_TESTS_MEMORY_STORE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "store/back_end.h"

struct memory_object {
	char *name;
	char *data;
	size_t size_bytes;
	int64_t modified_ns;
};

struct memory_store {
	struct xc_store base;
	pthread_mutex_t lock; /* everything below */
	struct memory_object *objects;
	size_t count, capacity;
	int64_t last_modified_ns;
	long calls_left; /* until calls fail; -1: never */
};

struct memory_upload {
	struct xc_upload base;
	char *name;
	struct xc_buf data;
};

static inline struct memory_store *memory_of(struct xc_store *store)
{
	return (struct memory_store *)store;
}

static inline void memory_unlock(struct memory_store **locked)
{
	pthread_mutex_unlock(&(*locked)->lock);
}

/* Hold the lock until the end of the block. */
#define MEMORY_LOCKED(store)                                                                       \
	__attribute__((cleanup(memory_unlock))) struct memory_store *locked_ = (store);            \
	pthread_mutex_lock(&locked_->lock)

/*
 * Let `calls` more calls of the store's operations succeed, then fail each with IO and without
 * any effect. -1 ends that. Closing the store and aborting an upload always work.
 */
static inline void memory_store_fail_after(struct xc_store *store, long calls)
{
	MEMORY_LOCKED(memory_of(store));
	memory_of(store)->calls_left = calls;
}

/* Once for every call of an operation, with the lock held. */
static inline int memory_count_call(struct memory_store *store, struct xc_err *err)
{
	if (store->calls_left == 0)
		return xc_err_set(err, XC_ERR_IO, "the memory store was told to fail");
	if (store->calls_left > 0)
		store->calls_left--;
	return 0;
}

/* Where the first object lies whose name is not below `name`. */
static inline size_t memory_lower_bound(const struct memory_store *store, const char *name)
{
	size_t low = 0, high = store->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(store->objects[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static inline struct memory_object *memory_find(const struct memory_store *store, const char *name)
{
	size_t at = memory_lower_bound(store, name);

	if (at < store->count && strcmp(store->objects[at].name, name) == 0)
		return &store->objects[at];
	return NULL;
}

static inline struct memory_object *memory_find_or_fail(const struct memory_store *store,
							const char *name, struct xc_err *err)
{
	struct memory_object *object = memory_find(store, name);

	if (!object)
		xc_err_set(err, XC_ERR_NOT_FOUND,
			   "there is no object '%s' in memory:", XC_QUOTE(name));
	return object;
}

/* The beginning of each call that is about an object which is there; with the lock held. */
static inline struct memory_object *memory_begin(struct memory_store *store, const char *name,
						 struct xc_err *err)
{
	return memory_count_call(store, err) < 0 ? NULL : memory_find_or_fail(store, name, err);
}

/* Each change is newer than the one before, however coarse the clock. */
static inline int64_t memory_next_modified_ns(struct memory_store *store)
{
	store->last_modified_ns = XC_MAX(store->last_modified_ns + 1, xc_clock_now_ns());
	return store->last_modified_ns;
}

static inline struct memory_object *memory_insert(struct memory_store *store, const char *name)
{
	size_t at = memory_lower_bound(store, name);

	if (store->count == store->capacity) {
		store->capacity = store->capacity ? 2 * store->capacity : 16;
		store->objects =
			xc_realloc(store->objects, store->capacity * sizeof(*store->objects));
	}
	memmove(store->objects + at + 1, store->objects + at,
		(store->count - at) * sizeof(*store->objects));
	store->count++;
	store->objects[at] = (struct memory_object){ .name = xc_strdup(name) };
	return &store->objects[at];
}

/* Takes `data`. */
static inline void memory_set_data(struct memory_store *store, const char *name, char *data,
				   size_t size_bytes)
{
	struct memory_object *object = memory_find(store, name);

	if (!object)
		object = memory_insert(store, name);
	free(object->data);
	object->data = data;
	object->size_bytes = size_bytes;
	object->modified_ns = memory_next_modified_ns(store);
}

static inline void memory_close(struct xc_store *base)
{
	struct memory_store *store = memory_of(base);

	for (size_t i = 0; i < store->count; i++) {
		free(store->objects[i].name);
		free(store->objects[i].data);
	}
	free(store->objects);
	free(store->base.display_url);
	pthread_mutex_destroy(&store->lock);
	free(store);
}

static inline int memory_get(struct xc_store *base, const char *name, size_t max_bytes,
			     struct xc_buf *ret_data, struct xc_store_tag *ret_tag,
			     struct xc_err *err)
{
	struct memory_store *store = memory_of(base);
	const struct memory_object *object;

	MEMORY_LOCKED(store);
	object = memory_begin(store, name, err);
	if (!object)
		return -1;
	if (ret_tag)
		xc_store_tag_of(object->data, object->size_bytes, ret_tag);
	if (object->size_bytes > max_bytes ||
	    xc_buf_try_add(ret_data, object->data, object->size_bytes) < 0)
		return xc_err_set(err, XC_ERR_CORRUPT, "the object '%s' is too large: %zu bytes",
				  XC_QUOTE(name), object->size_bytes);
	return 0;
}

static inline int memory_copy_range(struct memory_store *store, struct xc_store_read *read)
{
	const struct memory_object *object;

	MEMORY_LOCKED(store);
	object = memory_begin(store, read->name, &read->err);
	if (!object)
		return -1;
	if (read->offset > object->size_bytes || read->length > object->size_bytes - read->offset)
		return xc_err_set(&read->err, XC_ERR_CORRUPT,
				  "the object '%s' ends at byte %zu, %zu from %llu were wanted",
				  XC_QUOTE(read->name), object->size_bytes, read->length,
				  (unsigned long long)read->offset);
	memcpy(read->buffer, object->data + read->offset, read->length);
	return 0;
}

static inline void memory_read(struct xc_store *base, struct xc_store_read *read)
{
	/* Without the lock: what is done then may well read on. */
	read->done(read, memory_copy_range(memory_of(base), read));
}

static inline int memory_check_tag(const struct memory_object *object,
				   const struct xc_store_tag *tag, struct xc_err *err)
{
	struct xc_store_tag found;

	xc_store_tag_of(object->data, object->size_bytes, &found);
	if (strcmp(found.text, tag->text) == 0)
		return 0;
	return xc_err_set(err, XC_ERR_EXISTS, "the object '%s' in memory: has changed",
			  XC_QUOTE(object->name));
}

static inline int memory_check_condition(const struct memory_store *store, const char *name,
					 struct xc_put_condition condition, struct xc_err *err)
{
	const struct memory_object *object = memory_find(store, name);

	if (condition.when == XC_PUT_WHEN_ABSENT && object)
		return xc_err_set(err, XC_ERR_EXISTS, "there is an object '%s' in memory: already",
				  XC_QUOTE(name));
	if (condition.when != XC_PUT_WHEN_TAG)
		return 0;
	object = memory_find_or_fail(store, name, err);
	return object ? memory_check_tag(object, condition.tag, err) : -1;
}

static inline int memory_put(struct xc_store *base, const char *name, const void *data,
			     size_t length, struct xc_put_condition condition, struct xc_err *err)
{
	struct memory_store *store = memory_of(base);

	MEMORY_LOCKED(store);
	if (memory_count_call(store, err) < 0 ||
	    memory_check_condition(store, name, condition, err) < 0)
		return -1;
	memory_set_data(store, name, xc_strndup(length > 0 ? data : "", length), length);
	return 0;
}

static inline int memory_upload_begin(struct xc_store *base, const char *name,
				      struct xc_upload **ret_upload, struct xc_err *err)
{
	struct memory_store *store = memory_of(base);
	struct memory_upload *upload;

	MEMORY_LOCKED(store);
	if (memory_count_call(store, err) < 0)
		return -1;
	upload = xc_calloc(1, sizeof(*upload));
	upload->base.store = base;
	upload->name = xc_strdup(name);
	*ret_upload = &upload->base;
	return 0;
}

static inline int memory_upload_append(struct xc_upload *base, const void *data, size_t length,
				       struct xc_err *err)
{
	struct memory_upload *upload = (struct memory_upload *)base;
	struct memory_store *store = memory_of(base->store);

	MEMORY_LOCKED(store);
	if (memory_count_call(store, err) < 0)
		return -1;
	if (xc_buf_try_add(&upload->data, data, length) < 0)
		return xc_err_set(err, XC_ERR_IO, "the object '%s' is too large for memory:",
				  XC_QUOTE(upload->name));
	return 0;
}

static inline void memory_upload_abort(struct xc_upload *base)
{
	struct memory_upload *upload = (struct memory_upload *)base;

	free(upload->name);
	xc_buf_release(&upload->data);
	free(upload);
}

static inline int memory_upload_commit(struct xc_upload *base, struct xc_err *err)
{
	struct memory_upload *upload = (struct memory_upload *)base;
	struct memory_store *store = memory_of(base->store);
	int result;

	{
		MEMORY_LOCKED(store);
		result = memory_count_call(store, err);
		if (result == 0) {
			size_t size_bytes = upload->data.len_bytes;

			memory_set_data(store, upload->name, xc_buf_steal(&upload->data),
					size_bytes);
		}
	}
	memory_upload_abort(base);
	return result;
}

/* Copies of the objects with `prefix` but for their data; the caller frees names and array. */
static inline int memory_snapshot(struct memory_store *store, const char *prefix,
				  struct memory_object **ret_objects, size_t *ret_count,
				  struct xc_err *err)
{
	size_t first, count = 0;

	MEMORY_LOCKED(store);
	if (memory_count_call(store, err) < 0)
		return -1;
	first = memory_lower_bound(store, prefix);
	while (first + count < store->count &&
	       strncmp(store->objects[first + count].name, prefix, strlen(prefix)) == 0)
		count++;
	*ret_objects = xc_calloc(count, sizeof(**ret_objects));
	*ret_count = count;
	for (size_t i = 0; i < count; i++) {
		(*ret_objects)[i] = store->objects[first + i];
		(*ret_objects)[i].name = xc_strdup(store->objects[first + i].name);
	}
	return 0;
}

static inline int memory_list(struct xc_store *base, const char *prefix, xc_store_list_fn *found,
			      void *context, struct xc_err *err)
{
	struct memory_object *objects;
	size_t count;
	int result = 0;

	/* `found` may call the store, so it is called without the lock. */
	if (memory_snapshot(memory_of(base), prefix, &objects, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct xc_store_object object = {
			.name = objects[i].name,
			.size_bytes = objects[i].size_bytes,
			.modified_ns = objects[i].modified_ns,
		};

		if (result == 0)
			result = found(&object, context, err);
		free(objects[i].name);
	}
	free(objects);
	return result;
}

static inline int memory_remove(struct xc_store *base, const char *name,
				const struct xc_store_tag *tag, struct xc_err *err)
{
	struct memory_store *store = memory_of(base);
	struct memory_object *object;
	size_t at;

	MEMORY_LOCKED(store);
	object = memory_begin(store, name, err);
	if (!object || (tag && memory_check_tag(object, tag, err) < 0))
		return -1;
	at = (size_t)(object - store->objects);
	free(object->name);
	free(object->data);
	memmove(object, object + 1, (store->count - at - 1) * sizeof(*object));
	store->count--;
	return 0;
}

static inline int memory_now(struct xc_store *base, const char *prefix, int64_t *ret_now_ns,
			     struct xc_err *err)
{
	struct memory_store *store = memory_of(base);

	(void)prefix;
	MEMORY_LOCKED(store);
	if (memory_count_call(store, err) < 0)
		return -1;
	*ret_now_ns = memory_next_modified_ns(store);
	return 0;
}

#define MEMORY_STORE_CAN                                                                           \
	(XC_STORE_CAN_LIST | XC_STORE_CAN_REMOVE | XC_STORE_CAN_REPLACE |                          \
	 XC_STORE_CAN_PUT_IF_ABSENT | XC_STORE_CAN_PUT_IF_TAG | XC_STORE_CAN_TELL_TIME)

static const struct xc_store_ops memory_ops = {
	.close = memory_close,
	.get = memory_get,
	.read = memory_read,
	.put = memory_put,
	.upload_begin = memory_upload_begin,
	.upload_append = memory_upload_append,
	.upload_commit = memory_upload_commit,
	.upload_abort = memory_upload_abort,
	.list = memory_list,
	.remove = memory_remove,
	.now = memory_now,
};

/* An empty store. */
static inline struct xc_store *memory_store_new(void)
{
	struct memory_store *store = xc_calloc(1, sizeof(*store));

	store->base = (struct xc_store){
		.ops = &memory_ops,
		.can = MEMORY_STORE_CAN,
		.display_url = xc_strdup("memory:"),
		.read_concurrency = 4,
		.read_bytes = (size_t)1 << 20,
	};
	pthread_mutex_init(&store->lock, NULL);
	store->calls_left = -1;
	return &store->base;
}

#endif
