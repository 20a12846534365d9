/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/legacy.h"

#include <string.h>

#include "cache/internal.h"
#include "cache/stream.h"
#include "pack/foreign.h"
#include "tree/fill.h"
#include "tree/patterns.h"
#include "tree/stage.h"

#define BASE_END    "-base.tar.zst"
#define DELTA_BEGIN "-delta-"
#define DELTA_END   ".tar.zst"

/* Where the one path of a query leads to. The caller frees. NULL if it is not one path. */
static char *target_of(const struct xc_cache *cache, const struct xc_query *query)
{
	const char *line = query->paths->items[0], *root = cache->roots->workspace;
	cleanup_buf struct xc_buf path = XC_BUF_INIT;

	if (query->paths->count != 1 || strpbrk(line, "*?[\\") || *line == '!' || *line == '#')
		return NULL;
	if (line[0] == '~' && (line[1] == '/' || line[1] == '\0')) {
		root = cache->roots->home;
		line++;
	} else if (*line == '/') {
		root = "/";
	}
	if (!root)
		return NULL;
	/* The root "/" is the slash that each component brings. */
	xc_buf_add_str(&path, strcmp(root, "/") == 0 ? "" : root);
	for (line += strspn(line, "/"); *line != '\0'; line += strspn(line, "/")) {
		size_t length = strcspn(line, "/");

		if (length != 1 || *line != '.') {
			xc_buf_add_char(&path, '/');
			xc_buf_add(&path, line, length);
		}
		line += length;
	}
	if (path.len_bytes == 0)
		xc_buf_add_char(&path, '/');
	return xc_buf_steal(&path);
}

/* The target of a query that is fit for the older layout. The caller frees. */
static int find_target(const struct xc_cache *cache, const struct xc_query *query,
		       char **ret_target, size_t *ret_literal_bytes, struct xc_err *err)
{
	cleanup_free char *target = target_of(cache, query);
	struct xc_patterns *patterns;
	bool declared;

	/* What is wrong with a line as such goes first. */
	if (xc_patterns_parse(query->paths, cache->roots, &patterns, err) < 0)
		return -1;
	declared = target && xc_patterns_declares(patterns, target, ret_literal_bytes);
	xc_patterns_free(patterns);
	if (!declared)
		return xc_err_set(
			err, XC_ERR_USAGE,
			"the older layout keeps one directory: it takes exactly one path, "
			"without wildcards or '!'");
	*ret_target = STEAL_PTR(target);
	return 0;
}

int xc_legacy_check(const struct xc_cache *cache, const struct xc_query *query, struct xc_err *err)
{
	cleanup_free char *target = NULL;
	size_t literal_bytes;

	return find_target(cache, query, &target, &literal_bytes, err);
}

/* Looks for the newest object whose name has this beginning and this end. */
struct search {
	const char *prefix, *end;
	bool whole; /* and nothing between the two */
	char *name; /* NULL: none yet */
	uint64_t size_bytes;
	int64_t modified_ns;
};

/* "<repository>/<scope>/packs/..." and the like: an entry's, whatever its name looks like. */
static bool is_of_an_entry(const char *name)
{
	static const char *const folders[] = { "/entries/", "/packs/", "/removed/" };
	const char *scope = strchr(name, '/');
	const char *folder = scope ? strchr(scope + 1, '/') : NULL;

	for (size_t i = 0; folder && i < ARRAY_LEN(folders); i++)
		if (strncmp(folder, folders[i], strlen(folders[i])) == 0)
			return true;
	return false;
}

static int note_object(const struct xc_store_object *object, void *context, struct xc_err *err)
{
	struct search *search = context;
	size_t prefix = strlen(search->prefix), end = strlen(search->end);
	size_t length = strlen(object->name);

	(void)err;
	if (length < prefix + end || (search->whole && length != prefix + end) ||
	    strcmp(object->name + length - end, search->end) != 0 || is_of_an_entry(object->name))
		return 0;
	/* Of one second, as S3 tells time, the last by name. */
	if (search->name && (object->modified_ns < search->modified_ns ||
			     (object->modified_ns == search->modified_ns &&
			      strcmp(object->name, search->name) < 0)))
		return 0;
	free(search->name);
	search->name = xc_strdup(object->name);
	search->size_bytes = object->size_bytes;
	search->modified_ns = object->modified_ns;
	return 0;
}

/* search->name is NULL if there is none; else the caller frees it. */
static int search_newest(const struct xc_cache *cache, struct search *search, struct xc_err *err)
{
	if (xc_cancel_check(cache->cancel, err) == 0 &&
	    xc_store_list(cache->store, search->prefix, note_object, search, err) == 0)
		return 0;
	free(search->name);
	return -1;
}

/* Completes a match by the newest delta of its key. Takes base->name. */
static int take_base(const struct xc_cache *cache, const struct xc_query *query,
		     struct search *base, struct xc_match *ret_match, struct xc_err *err)
{
	cleanup_free char *base_name = STEAL_PTR(base->name);
	cleanup_free char *key = xc_strndup(base_name, strlen(base_name) - strlen(BASE_END));
	cleanup_free char *prefix = xc_asprintf("%s%s", key, DELTA_BEGIN);
	struct search delta = { .prefix = prefix, .end = DELTA_END };

	if (search_newest(cache, &delta, err) < 0)
		return -1;
	ret_match->exact = strcmp(key, query->key) == 0;
	ret_match->scope = xc_strdup("");
	ret_match->manifest.key = STEAL_PTR(key);
	ret_match->manifest.created_ns =
		delta.name ? XC_MAX(base->modified_ns, delta.modified_ns) : base->modified_ns;
	ret_match->manifest.totals.stored_bytes = base->size_bytes + delta.size_bytes;
	xc_strlist_add(&ret_match->manifest.paths, query->paths->items[0]);
	ret_match->older = (struct xc_older){
		.base = STEAL_PTR(base_name),
		.delta = delta.name,
		.base_bytes = base->size_bytes,
		.delta_bytes = delta.size_bytes,
	};
	return 0;
}

int xc_legacy_find(const struct xc_cache *cache, const struct xc_query *query,
		   struct xc_match *ret_match, struct xc_err *err)
{
	cleanup_free char *name = xc_asprintf("%s%s", query->key, BASE_END);
	struct search exact = { .prefix = name, .end = "", .whole = true };

	if (search_newest(cache, &exact, err) < 0)
		return -1;
	if (exact.name)
		return take_base(cache, query, &exact, ret_match, err);
	for (size_t i = 0; i < query->restore_keys->count; i++) {
		struct search base = { .prefix = query->restore_keys->items[i], .end = BASE_END };

		if (search_newest(cache, &base, err) < 0)
			return -1;
		if (base.name)
			return take_base(cache, query, &base, ret_match, err);
	}
	return 1;
}

/* A restore on its way. */
struct pour {
	const struct xc_cache *cache;
	struct xc_foreign *foreign;
	struct xc_fill *fill;
	struct xc_totals *totals;
};

static int read_stream(void *context, const char **ret_data, size_t *ret_length, struct xc_err *err)
{
	return xc_stream_read(context, ret_data, ret_length, err);
}

static int pour_file(struct pour *pour, const struct xc_foreign_member *member,
		     const struct xc_fill_attributes *attributes, struct xc_err *err)
{
	const char *data;
	uint64_t offset;
	size_t length;
	int more;

	if (xc_fill_begin_file(pour->fill, member->path, err) < 0)
		return -1;
	while ((more = xc_foreign_data(pour->foreign, &data, &length, &offset, err)) > 0) {
		if (xc_cancel_check(pour->cache->cancel, err) < 0 ||
		    xc_fill_write(pour->fill, data, length, offset, err) < 0)
			return -1;
		xc_progress_add(pour->cache->progress, 0, length, 0);
	}
	if (more < 0)
		return -1;
	pour->totals->files++;
	pour->totals->content_bytes += member->size_bytes;
	return xc_fill_end_file(pour->fill, member->size_bytes, attributes, err);
}

static int pour_member(struct pour *pour, const struct xc_foreign_member *member,
		       struct xc_err *err)
{
	const struct xc_fill_attributes attributes = {
		.mtime_s = member->mtime_s,
		.mtime_ns = member->mtime_ns,
		.uid = member->uid,
		.gid = member->gid,
		.mode = member->mode,
	};

	switch (member->type) {
	case XC_FOREIGN_FILE:
		return pour_file(pour, member, &attributes, err);
	case XC_FOREIGN_DIR:
		if (member->opaque && xc_fill_remove(pour->fill, member->path, err) < 0)
			return -1;
		pour->totals->directories++;
		return xc_fill_directory(pour->fill, member->path, &attributes, err);
	case XC_FOREIGN_SYMLINK:
		pour->totals->symlinks++;
		return xc_fill_symlink(pour->fill, member->path, member->target, &attributes, err);
	case XC_FOREIGN_HARDLINK:
		pour->totals->hardlinks++;
		return xc_fill_hardlink(pour->fill, member->path, member->target, err);
	case XC_FOREIGN_REMOVED:
		return xc_fill_remove(pour->fill, member->path, err);
	}
	return xc_err_set(err, XC_ERR_INTERNAL, "a member is of no type");
}

static int pour_members(struct pour *pour, struct xc_err *err)
{
	struct xc_foreign_member member;
	int more;

	while ((more = xc_foreign_next(pour->foreign, &member, err)) > 0) {
		if (xc_cancel_check(pour->cache->cancel, err) < 0 ||
		    pour_member(pour, &member, err) < 0)
			return -1;
		xc_progress_add(pour->cache->progress, 1, 0, 0);
	}
	return more;
}

static int pour_object(struct pour *pour, const char *name, uint64_t size_bytes, bool delta,
		       struct xc_restore_result *result, struct xc_err *err)
{
	struct xc_stream *stream = xc_stream_new(pour->cache->store, name, size_bytes);
	int poured;

	pour->foreign = xc_foreign_new(&(struct xc_foreign_opts){
		.read = read_stream,
		.context = stream,
		.delta = delta,
	});
	poured = pour_members(pour, err);
	result->left_out += xc_foreign_left_out(pour->foreign);
	result->fetched_bytes += size_bytes;
	xc_foreign_free(pour->foreign);
	xc_stream_free(stream);
	xc_progress_add(pour->cache->progress, 0, 0, size_bytes);
	return poured < 0 ? xc_err_wrap(err, "%s", XC_QUOTE(name)) : 0;
}

static int pour_all(struct pour *pour, struct xc_restore_result *result, struct xc_err *err)
{
	const struct xc_older *older = &result->match.older;

	if (pour_object(pour, older->base, older->base_bytes, false, result, err) < 0)
		return -1;
	if (older->delta &&
	    pour_object(pour, older->delta, older->delta_bytes, true, result, err) < 0)
		return -1;
	xc_progress_phase(pour->cache->progress, XC_PHASE_FINISH);
	if (xc_fill_finish(pour->fill, err) < 0)
		return -1;
	result->owner_dropped = xc_fill_owner_dropped(pour->fill);
	return 0;
}

static int restore_into(const struct xc_cache *cache, const struct xc_stage *stage,
			struct xc_restore_result *result, struct xc_err *err)
{
	struct pour pour = { .cache = cache, .totals = &result->match.manifest.totals };
	char name[XC_STAGE_NAME_MAX];
	int dir_fd, poured;

	xc_stage_top(stage, 0, &dir_fd, name);
	if (xc_fill_new(dir_fd, name, cache->owner, &pour.fill, err) < 0)
		return -1;
	poured = pour_all(&pour, result, err);
	xc_fill_free(pour.fill);
	return poured;
}

int xc_legacy_restore(const struct xc_cache *cache, const struct xc_query *query,
		      struct xc_restore_result *result, struct xc_err *err)
{
	struct xc_stage_target target = { .is_directory = true };
	cleanup_free char *path = NULL;
	struct xc_stage *stage;
	int restored;

	if (find_target(cache, query, &path, &target.literal_bytes, err) < 0)
		return -1;
	target.path = path;
	/* A shell may be standing in these: they keep their inode. */
	target.keep_directory = xc_roots_is_root(cache->roots, path);
	xc_progress_phase(cache->progress, XC_PHASE_EXTRACT);
	if (xc_stage_open(&target, 1, &stage, err) < 0)
		return -1;
	restored = restore_into(cache, stage, result, err);
	if (restored == 0)
		restored = xc_stage_commit(stage, cache->cancel, &result->replaced, err);
	xc_stage_free(stage);
	return restored;
}
