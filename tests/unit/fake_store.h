/* SPDX-License-Identifier: Apache-2.0 */
/* A store around another, of which one call fails, and short forms for tests with it. */
#ifndef XC_TESTS_FAKE_STORE_H
#define XC_TESTS_FAKE_STORE_H

#include <stdatomic.h>

#include "craft.h"
#include "store/back_end.h"

struct fake {
	struct xc_store base;
	struct xc_store *inner;
	long fail_at; /* 0: never */
	atomic_long calls;
	enum xc_err_kind kind;
	bool after; /* the call is done, and only then said to have failed */
	bool struck;
	/* Which reads, counted from 1, come with a byte that is wrong. */
	atomic_long reads;
	long spoil_first, spoil_last;
	double spoil_at;              /* which byte of them, from 0 to 1 */
	void (*begun)(void *context); /* called as a pack is begun, if not NULL */
	void *begun_context;
	/* What it finds where it matches keys by itself, and what it was asked for. */
	const struct xc_store_found *finds; /* NULL: nothing */
	unsigned find_calls;
	struct xc_store_query asked;
	bool coarse_times; /* all of one time, as stores with whole seconds say */
	void (*getting)(void *context, const char *name); /* called before each, if not NULL */
	void *getting_context;
	int64_t later_ns; /* how much later it is by its clock than when things were written */
};

struct fake_upload {
	struct xc_upload base;
	struct xc_upload *inner;
};

static inline struct fake *fake_of(struct xc_store *store)
{
	return (struct fake *)store;
}

static inline bool is_due(struct fake *fake)
{
	return atomic_fetch_add(&fake->calls, 1) + 1 == fake->fail_at;
}

static inline int give(struct fake *fake, struct xc_err *err)
{
	fake->struck = true;
	return xc_err_set(err, fake->kind, "the store was told to fail");
}

/* What `call` gives, or the failure that is due before or after it. */
#define TRY(fake, err, call)                                                                       \
	({                                                                                         \
		bool due_ = is_due(fake);                                                          \
		int result_ = due_ && !(fake)->after ? -1 : (call);                                \
		due_ ? give(fake, err) : result_;                                                  \
	})

static inline void fake_close(struct xc_store *store)
{
	xc_store_close(fake_of(store)->inner);
	free(store);
}

static inline int fake_get(struct xc_store *store, const char *name, size_t max_bytes,
			   struct xc_buf *ret_data, struct xc_store_tag *ret_tag,
			   struct xc_err *err)
{
	struct fake *fake = fake_of(store);

	if (fake->getting)
		fake->getting(fake->getting_context, name);
	return TRY(fake, err,
		   fake->inner->ops->get(fake->inner, name, max_bytes, ret_data, ret_tag, err));
}

static inline void fake_read(struct xc_store *store, struct xc_store_read *read)
{
	struct fake *fake = fake_of(store);
	long number = atomic_fetch_add(&fake->reads, 1) + 1;
	int result;

	if (is_due(fake)) {
		read->done(read, give(fake, &read->err));
	} else if (number >= fake->spoil_first && number <= fake->spoil_last) {
		result = xc_store_read_wait(fake->inner, read->name, read->offset, read->buffer,
					    read->length, &read->err);
		read->buffer[(size_t)((double)read->length * fake->spoil_at)] ^= 1;
		read->done(read, result);
	} else {
		xc_store_read(fake->inner, read);
	}
}

static inline int fake_put(struct xc_store *store, const char *name, const void *data,
			   size_t length, struct xc_put_condition condition, struct xc_err *err)
{
	struct fake *fake = fake_of(store);

	return TRY(fake, err, xc_store_put(fake->inner, name, data, length, condition, err));
}

static inline int fake_upload_begin(struct xc_store *store, const char *name,
				    struct xc_upload **ret_upload, struct xc_err *err)
{
	struct fake *fake = fake_of(store);
	struct fake_upload *upload;

	if (is_due(fake))
		return give(fake, err);
	if (fake->begun)
		fake->begun(fake->begun_context);
	upload = xc_calloc(1, sizeof(*upload));
	upload->base.store = store;
	if (xc_store_upload_begin(fake->inner, name, &upload->inner, err) < 0) {
		free(upload);
		return -1;
	}
	*ret_upload = &upload->base;
	return 0;
}

static inline int fake_upload_append(struct xc_upload *base, const void *data, size_t length,
				     struct xc_err *err)
{
	struct fake *fake = fake_of(base->store);
	struct fake_upload *upload = (struct fake_upload *)base;

	return TRY(fake, err, xc_store_upload_append(upload->inner, data, length, err));
}

static inline void fake_upload_abort(struct xc_upload *base)
{
	xc_store_upload_abort(((struct fake_upload *)base)->inner);
	free(base);
}

static inline int fake_upload_commit(struct xc_upload *base, struct xc_err *err)
{
	struct fake *fake = fake_of(base->store);
	struct xc_upload *inner = ((struct fake_upload *)base)->inner;

	if (is_due(fake)) {
		fake_upload_abort(base);
		return give(fake, err);
	}
	free(base);
	return xc_store_upload_commit(inner, err);
}

struct coarse_list {
	xc_store_list_fn *found;
	void *context;
};

static inline int list_coarsely(const struct xc_store_object *object, void *context,
				struct xc_err *err)
{
	struct coarse_list *list = context;
	struct xc_store_object coarse = *object;

	coarse.modified_ns = 1000000000;
	return list->found(&coarse, list->context, err);
}

static inline int fake_list(struct xc_store *store, const char *prefix, xc_store_list_fn *found,
			    void *context, struct xc_err *err)
{
	struct fake *fake = fake_of(store);
	struct coarse_list coarse = { .found = found, .context = context };

	if (fake->coarse_times)
		return xc_store_list(fake->inner, prefix, list_coarsely, &coarse, err);
	return TRY(fake, err, xc_store_list(fake->inner, prefix, found, context, err));
}

static inline int fake_remove(struct xc_store *store, const char *name,
			      const struct xc_store_tag *tag, struct xc_err *err)
{
	struct fake *fake = fake_of(store);

	return TRY(fake, err, fake->inner->ops->remove(fake->inner, name, tag, err));
}

static inline int fake_now(struct xc_store *store, const char *prefix, int64_t *ret_now_ns,
			   struct xc_err *err)
{
	struct fake *fake = fake_of(store);
	int result = TRY(fake, err, xc_store_now(fake->inner, prefix, ret_now_ns, err));

	if (result == 0)
		*ret_now_ns += fake->later_ns;
	return result;
}

static inline int fake_find(struct xc_store *store, const struct xc_store_query *query,
			    struct xc_store_found *ret_found, struct xc_err *err)
{
	struct fake *fake = fake_of(store);

	fake->find_calls++;
	fake->asked = *query;
	if (!fake->finds)
		return xc_err_set(err, XC_ERR_NOT_FOUND, "nothing matches");
	*ret_found = (struct xc_store_found){
		.name = xc_strdup(fake->finds->name),
		.key = xc_strdup(fake->finds->key),
		.scope = xc_strdup(fake->finds->scope),
	};
	return 0;
}

static const struct xc_store_ops fake_ops = {
	.close = fake_close,
	.get = fake_get,
	.read = fake_read,
	.put = fake_put,
	.upload_begin = fake_upload_begin,
	.upload_append = fake_upload_append,
	.upload_commit = fake_upload_commit,
	.upload_abort = fake_upload_abort,
	.list = fake_list,
	.remove = fake_remove,
	.find = fake_find,
	.now = fake_now,
};

/* Puts a fake around the scene's store; the scene's own stays usable beside it. */
static inline struct fake *wrap_store(struct scene *scene)
{
	struct fake *fake = xc_calloc(1, sizeof(*fake));

	fake->base = (struct xc_store){
		.ops = &fake_ops,
		.can = scene->store->can,
		.display_url = scene->store->display_url,
		.read_concurrency = 2,
		.read_bytes = 1 << 20,
	};
	fake->inner = scene->store;
	fake->kind = XC_ERR_IO;
	scene->store = &fake->base;
	scene->cache.store = scene->store;
	return fake;
}

static inline void let_pass(struct fake *fake)
{
	fake->fail_at = 0;
	fake->struck = false;
}

static inline void fail_at(struct fake *fake, long call)
{
	fake->fail_at = call;
	fake->calls = 0;
	fake->struck = false;
}

static inline int try_save(struct scene *scene, bool update, bool *ret_exists, struct xc_err *err)
{
	const struct xc_save_opts opts = { .level = 1, .update = update };
	cleanup_save_result struct xc_save_result result = XC_SAVE_RESULT_INIT;

	*err = (struct xc_err){ 0 };
	if (xc_cache_save(&scene->cache, &scene->query, &opts, &result, err) < 0)
		return -1;
	*ret_exists = result.exists;
	return 0;
}

static inline int try_restore(struct scene *scene, struct xc_err *err)
{
	cleanup_restore_result struct xc_restore_result result = XC_RESTORE_RESULT_INIT;

	*err = (struct xc_err){ 0 };
	return xc_cache_restore(&scene->cache, &scene->query, &result, err);
}

static inline int note_name(const struct xc_store_object *object, void *context, struct xc_err *err)
{
	(void)err;
	xc_strlist_add(context, object->name);
	return 0;
}

/* How many objects have `part` in their name. */
static inline size_t count_objects(const struct scene *scene, const char *part)
{
	cleanup_strlist struct xc_strlist names = XC_STRLIST_INIT;
	struct xc_err err;
	size_t count = 0;

	must(xc_store_list(scene->store, "", note_name, &names, &err), &err);
	for (size_t i = 0; i < names.count; i++)
		count += strstr(names.items[i], part) != NULL;
	return count;
}

static inline void save_in(struct scene *scene, const char *scope, const char *key)
{
	cleanup_strlist struct xc_strlist only = XC_STRLIST_INIT;

	xc_strlist_add(&only, scope);
	scene->cache.scopes = &only;
	scene_save(scene, key);
	scene->cache.scopes = &scene->scopes;
}

#endif
