/* SPDX-License-Identifier: Apache-2.0 */
#include "entry/tombstone.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "key/objects.h"
#include "pack/manifest.h"

static int no_tombstone(const char *object, const char *what, struct xc_err *err)
{
	return xc_err_set(err, XC_ERR_CORRUPT, "tombstone %s: %s", XC_QUOTE(object), what);
}

static int check_version(const json_t *tombstone, const char *object, struct xc_err *err)
{
	const json_t *version = json_object_get(tombstone, "xcache");

	if (!json_is_integer(version))
		return no_tombstone(object, "'xcache' is missing", err);
	if (json_integer_value(version) == XC_FORMAT_VERSION)
		return 0;
	return xc_err_set(err, XC_ERR_FORMAT,
			  "tombstone %s has format version %lld, and this program knows %d",
			  XC_QUOTE(object), (long long)json_integer_value(version),
			  XC_FORMAT_VERSION);
}

static bool is_id(const char *text)
{
	return text && strlen(text) == XC_PACK_ID_LEN &&
	       strspn(text, "0123456789abcdef") == XC_PACK_ID_LEN;
}

int xc_load_tombstone(const struct xc_cache *cache, const char *object, struct xc_strlist *ret_ids,
		      struct xc_err *err)
{
	cleanup_buf struct xc_buf data = XC_BUF_INIT;
	cleanup_json json_t *tombstone = NULL;
	const json_t *packs;

	if (xc_store_get(cache->store, object, XC_MANIFEST_BYTES_MAX, &data, err) < 0)
		return -1;
	tombstone = xc_json_parse(xc_buf_str(&data), data.len_bytes, XC_MANIFEST_BYTES_MAX,
				  "a tombstone", err);
	if (!tombstone)
		return xc_err_wrap(err, "tombstone %s", XC_QUOTE(object));
	if (check_version(tombstone, object, err) < 0)
		return -1;
	packs = json_object_get(tombstone, "packs");
	if (!json_is_array(packs))
		return no_tombstone(object, "'packs' is missing", err);
	for (size_t i = 0; i < json_array_size(packs); i++)
		if (!is_id(json_string_value(json_array_get(packs, i))))
			return no_tombstone(object, "'packs' has something else than ids", err);
	for (size_t i = 0; i < json_array_size(packs); i++)
		xc_strlist_add(ret_ids, json_string_value(json_array_get(packs, i)));
	return 0;
}

/* Takes `packs`, an array of ids. `manifest` is the one that named them, NULL if none does. */
static int put(const struct xc_cache *cache, const char *scope, const struct xc_manifest *manifest,
	       json_t *packs, struct xc_buf *name, struct xc_err *err)
{
	cleanup_buf struct xc_buf data = XC_BUF_INIT;
	cleanup_json json_t *tombstone = json_object();

	json_object_set_new(tombstone, "packs", packs);
	json_object_set_new(tombstone, "xcache", json_integer(XC_FORMAT_VERSION));
	if (manifest) {
		json_object_set_new(tombstone, "key", xc_json_text(manifest->key));
		json_object_set_new(tombstone, "version", json_string(manifest->version));
	}
	json_object_set_new(tombstone, "removed", xc_json_time(xc_clock_now_ns()));
	xc_json_write(tombstone, 0, &data);
	if (xc_name_tombstone(cache->repository, scope, name, err) < 0)
		return -1;
	return xc_store_put(cache->store, name->data, data.data, data.len_bytes, XC_PUT_IF_ABSENT,
			    err);
}

/* A pack of another scope is not this one's to give up. */
static bool is_left_over(const struct xc_tombstone *tombstone, const struct xc_layer *layer)
{
	if (layer->scope && strcmp(layer->scope, tombstone->scope) != 0)
		return false;
	return !tombstone->kept || !xc_manifest_names(tombstone->kept, layer->pack);
}

int xc_write_tombstone(const struct xc_cache *cache, const struct xc_tombstone *tombstone,
		       struct xc_buf *ret_name, struct xc_err *err)
{
	const struct xc_manifest *manifest = tombstone->manifest;
	cleanup_buf struct xc_buf name = XC_BUF_INIT;
	json_t *packs = json_array();

	for (uint32_t i = 0; i < manifest->layer_count; i++)
		if (is_left_over(tombstone, &manifest->layers[i]))
			json_array_append_new(packs, json_string(manifest->layers[i].pack));
	if (json_array_size(packs) == 0) {
		json_decref(packs);
		return 0;
	}
	if (put(cache, tombstone->scope, manifest, packs, &name, err) < 0)
		return -1;
	if (ret_name)
		xc_buf_add(ret_name, name.data, name.len_bytes);
	return 0;
}

int xc_write_tombstone_of(const struct xc_cache *cache, const char *scope,
			  const struct xc_strlist *ids, struct xc_err *err)
{
	cleanup_buf struct xc_buf name = XC_BUF_INIT;
	json_t *packs = json_array();

	for (size_t i = 0; i < ids->count; i++)
		json_array_append_new(packs, json_string(ids->items[i]));
	return put(cache, scope, NULL, packs, &name, err);
}
