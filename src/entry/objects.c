/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "entry/objects.h"

#include <string.h>

#include "entry/lookup.h"
#include "key/objects.h"
#include "tree/patterns/patterns.h"

bool xc_reads_scope(const struct xc_cache *cache, const char *scope)
{
	for (size_t i = 0; i < cache->scopes->count; i++)
		if (strcmp(cache->scopes->items[i], scope) == 0)
			return true;
	return false;
}

/* Whether the pack of a layer lies in `scope`, as its manifest does. */
static bool is_own(const struct xc_layer *layer, const char *scope)
{
	return !layer->scope || strcmp(layer->scope, scope) == 0;
}

int xc_name_layer_pack(const struct xc_cache *cache, const char *scope,
		       const struct xc_layer *layer, struct xc_buf *out, struct xc_err *err)
{
	if (is_own(layer, scope))
		return xc_name_pack(cache->repository, scope, layer->pack, out, err);
	if (!xc_reads_scope(cache, layer->scope))
		return xc_err_set(err, XC_ERR_CORRUPT,
				  "pack %s lies in the scope %s, which is not read here",
				  layer->pack, XC_QUOTE(layer->scope));
	return xc_name_pack(cache->repository, layer->scope, layer->pack, out, err);
}

int xc_load_manifest(const struct xc_cache *cache, const struct xc_entry_ref *ref,
		     struct xc_store_tag *ret_tag, struct xc_manifest *ret_manifest,
		     struct xc_err *err)
{
	cleanup_buf struct xc_buf data = XC_BUF_INIT;
	cleanup_manifest struct xc_manifest manifest = XC_MANIFEST_INIT;

	if (xc_store_get_tagged(cache->store, ref->object, XC_MANIFEST_BYTES_MAX, &data, ret_tag,
				err) < 0)
		return -1;
	if (xc_manifest_parse(data.data, data.len_bytes, &manifest, err) < 0)
		return xc_err_wrap(err, "manifest %s", XC_QUOTE(ref->object));
	if (strcmp(manifest.version, ref->version) != 0 ||
	    (ref->key && strcmp(manifest.key, ref->key) != 0))
		return xc_err_set(err, XC_ERR_CORRUPT,
				  "manifest %s belongs to another entry, with key %s",
				  XC_QUOTE(ref->object), XC_QUOTE(manifest.key));
	*ret_manifest = manifest;
	manifest = (struct xc_manifest)XC_MANIFEST_INIT;
	return 0;
}

const char *xc_query_matched_by(const struct xc_query *query, const char *matched)
{
	if (xc_starts_with(matched, query->key))
		return query->key;
	for (size_t i = 0; i < query->restore_keys->count; i++)
		if (xc_starts_with(matched, query->restore_keys->items[i]))
			return query->restore_keys->items[i];
	return NULL;
}

/* The manifest has every line, comments too, and its reader takes no more than these. */
static int check_lines(const struct xc_strlist *paths, struct xc_err *err)
{
	if (paths->count > XC_PATTERNS_MAX_LINES)
		return xc_err_set(err, XC_ERR_USAGE, "%zu path lines are more than the %d allowed",
				  paths->count, XC_PATTERNS_MAX_LINES);
	for (size_t i = 0; i < paths->count; i++)
		if (strlen(paths->items[i]) > XC_PATTERNS_MAX_LINE_BYTES)
			return xc_err_set(err, XC_ERR_USAGE,
					  "the path line '%s' is longer than %d bytes",
					  XC_QUOTE(paths->items[i]), XC_PATTERNS_MAX_LINE_BYTES);
	return 0;
}

int xc_check_query(const struct xc_query *query, struct xc_err *err)
{
	if (xc_key_check(query->key, query->restore_keys, err) < 0)
		return -1;
	if (query->paths->count == 0)
		return xc_err_set(err, XC_ERR_USAGE,
				  "Path Validation Error: At least one directory or file path is "
				  "required");
	return check_lines(query->paths, err);
}
