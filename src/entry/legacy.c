/* SPDX-License-Identifier: Apache-2.0 */
#include "entry/legacy.h"

#include <string.h>

#include "key/objects.h"
#include "tree/patterns/patterns.h"

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

int xc_legacy_target(const struct xc_cache *cache, const struct xc_query *query, char **ret_target,
		     size_t *ret_literal_bytes, struct xc_err *err)
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
			"the legacy layout keeps one directory: it takes exactly one path, "
			"without wildcards or '!'");
	*ret_target = STEAL_PTR(target);
	return 0;
}

int xc_legacy_check(const struct xc_cache *cache, const struct xc_query *query, struct xc_err *err)
{
	cleanup_free char *target = NULL;
	size_t literal_bytes;

	return xc_legacy_target(cache, query, &target, &literal_bytes, err);
}

/* Looks for the newest object whose name has this beginning and this end. */
struct search {
	const char *prefix, *end;
	bool whole; /* and nothing between the two */
	char *name; /* NULL: none yet */
	uint64_t size_bytes;
	int64_t modified_ns;
};

static int note_object(const struct xc_store_object *object, void *context, struct xc_err *err)
{
	struct search *search = context;
	size_t prefix = strlen(search->prefix), end = strlen(search->end);
	size_t length = strlen(object->name);

	(void)err;
	if (length < prefix + end || (search->whole && length != prefix + end) ||
	    strcmp(object->name + length - end, search->end) != 0 ||
	    xc_name_is_of_entry(object->name))
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
	ret_match->legacy = (struct xc_legacy_objects){
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
