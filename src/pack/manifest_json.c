/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests to JSON and back. */
#include "base/hex.h"
#include "pack/manifest.h"

#include "base/json.h"
#include "base/varint.h"
#include "pack/index.h"

#define KEY_MAX        4096
#define PATHS_MAX      1000
#define PATH_MAX_BYTES 4096
#define TOOL_MAX       256
#define SCOPE_MAX      1024
/*
 * What separates values: 22 for a layer, 3 for a path. Each takes some 200
 * bytes once it is parsed, of 2 in the text.
 */
#define SEPARATORS_MAX 32768

static void set(json_t *object, const char *name, json_t *value)
{
	if (json_object_set_new(object, name, value) < 0)
		xc_out_of_memory();
}

static void append(json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) < 0)
		xc_out_of_memory();
}

static json_t *must(json_t *value)
{
	if (!value)
		xc_out_of_memory();
	return value;
}

static void set_integer(json_t *object, const char *name, uint64_t value)
{
	set(object, name, must(json_integer((json_int_t)value)));
}

json_t *xc_totals_json(const struct xc_totals *totals)
{
	json_t *object = must(json_object());

	set_integer(object, "files", totals->files);
	set_integer(object, "directories", totals->directories);
	set_integer(object, "symlinks", totals->symlinks);
	set_integer(object, "hardlinks", totals->hardlinks);
	set_integer(object, "bytes", totals->content_bytes);
	set_integer(object, "stored", totals->stored_bytes);
	return object;
}

/* The runs as varints: the gap from the end of the one before, and the count. */
static json_t *dead_json(const struct xc_layer *layer)
{
	cleanup_buf struct xc_buf bytes = XC_BUF_INIT;
	uint32_t end = 0;

	for (uint32_t i = 0; i < layer->dead_count; i++) {
		char run[2 * XC_VARINT64_MAX_BYTES];
		size_t length = xc_varint_put(run, layer->dead[i].first - end);

		length += xc_varint_put(run + length, layer->dead[i].count);
		xc_buf_add(&bytes, run, length);
		end = layer->dead[i].first + layer->dead[i].count;
	}
	return xc_json_base64(xc_buf_str(&bytes), bytes.len_bytes);
}

json_t *xc_layer_json(const struct xc_layer *layer)
{
	json_t *object = must(json_object()), *index = must(json_object());
	char digest[XC_SHA256_HEX + 1];

	xc_hex_encode(layer->index_sha256, XC_SHA256_BYTES, digest);
	set_integer(index, "offset", layer->index_offset);
	set_integer(index, "size", layer->index_bytes);
	set(index, "sha256", must(json_string(digest)));
	set(object, "pack", must(json_string(layer->pack)));
	set_integer(object, "size", layer->pack_bytes);
	set_integer(object, "members", layer->member_count);
	set(object, "index", index);
	return object;
}

static int version_of(const struct xc_manifest *manifest)
{
	for (uint32_t i = 0; i < manifest->layer_count; i++)
		if (manifest->layers[i].scope)
			return XC_FORMAT_VERSION_MAX;
	return XC_FORMAT_VERSION;
}

void xc_manifest_encode(const struct xc_manifest *manifest, struct xc_buf *out)
{
	cleanup_json json_t *object = must(json_object());
	json_t *paths = must(json_array()), *layers = must(json_array());

	set_integer(object, "xcache", (uint64_t)version_of(manifest));
	set(object, "key", xc_json_text(manifest->key));
	set(object, "version", must(json_string(manifest->version)));
	for (size_t i = 0; i < manifest->paths.count; i++)
		append(paths, xc_json_text(manifest->paths.items[i]));
	set(object, "paths", paths);
	set(object, "created", xc_json_time(manifest->created_ns));
	set(object, "tool", xc_json_text(manifest->tool));
	if (manifest->build_ms > 0)
		set_integer(object, "build_ms", manifest->build_ms);
	set(object, "totals", xc_totals_json(&manifest->totals));
	for (uint32_t i = 0; i < manifest->layer_count; i++) {
		const struct xc_layer *from = &manifest->layers[i];
		json_t *layer = xc_layer_json(from);

		if (from->dead_count > 0)
			set(layer, "dead", dead_json(from));
		if (from->scope)
			set(layer, "scope", xc_json_text(from->scope));
		append(layers, layer);
	}
	set(object, "layers", layers);
	xc_json_write(object, 0, out);
}

/* `where` names the object that lacks a good member `name`. */
static int bad(struct xc_err *err, const char *where, const char *name)
{
	return xc_err_set(err, XC_ERR_CORRUPT, "manifest: %s\"%s\" is missing or wrong", where,
			  name);
}

static int get_integer(const json_t *object, const char *where, const char *name, uint64_t max,
		       uint64_t *ret_value, struct xc_err *err)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    (uint64_t)json_integer_value(value) > max)
		return bad(err, where, name);
	*ret_value = (uint64_t)json_integer_value(value);
	return 0;
}

/* A text of 1 to `max_bytes` bytes. */
static int get_text(const json_t *value, size_t max_bytes, char **ret_text)
{
	cleanup_free char *text = xc_json_text_value(value);

	if (!text || text[0] == '\0' || strlen(text) > max_bytes)
		return -1;
	*ret_text = STEAL_PTR(text);
	return 0;
}

/* Exactly `count` lower-case hexadecimal digits, copied with a terminator. */
static int get_hex(const json_t *value, char *out, size_t count)
{
	const char *text = json_string_value(value);

	if (!text || strlen(text) != count || strspn(text, "0123456789abcdef") != count)
		return -1;
	memcpy(out, text, count + 1);
	return 0;
}

static int parse_paths(const json_t *array, struct xc_manifest *manifest)
{
	size_t count = json_array_size(array);

	if (!json_is_array(array) || count > PATHS_MAX)
		return -1;
	for (size_t i = 0; i < count; i++) {
		char *path;

		if (get_text(json_array_get(array, i), PATH_MAX_BYTES, &path) < 0)
			return -1;
		xc_strlist_take(&manifest->paths, path);
	}
	return 0;
}

static int parse_totals(const json_t *object, struct xc_totals *totals, struct xc_err *err)
{
	const struct {
		const char *name;
		uint64_t *value;
	} rows[] = {
		{ "files", &totals->files },         { "directories", &totals->directories },
		{ "symlinks", &totals->symlinks },   { "hardlinks", &totals->hardlinks },
		{ "bytes", &totals->content_bytes }, { "stored", &totals->stored_bytes },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (get_integer(object, "totals: ", rows[i].name, INT64_MAX, rows[i].value, err) <
		    0)
			return -1;
	return 0;
}

/* One run of dead members behind `end`; -1 if there is none that fits. */
static int take_run(struct xc_cursor *cursor, uint64_t end, struct xc_layer *layer)
{
	uint32_t gap, count;

	if (xc_cursor_varint32(cursor, &gap) < 0 || xc_cursor_varint32(cursor, &count) < 0)
		return -1;
	if (count == 0 || (gap == 0 && layer->dead_count > 0) ||
	    end + gap + count > layer->member_count)
		return -1;
	layer->dead[layer->dead_count++] = (struct xc_dead_run){ (uint32_t)(end + gap), count };
	return 0;
}

static int parse_dead(const json_t *value, struct xc_layer *layer)
{
	cleanup_buf struct xc_buf bytes = XC_BUF_INIT;
	struct xc_cursor cursor;
	uint64_t end = 0;

	if (!value)
		return 0;
	if (xc_json_base64_value(value, &bytes) < 0)
		return -1;
	cursor = xc_cursor_over(bytes.data, bytes.len_bytes);
	/* A run has two bytes at least. */
	layer->dead = xc_calloc(bytes.len_bytes / 2, sizeof(*layer->dead));
	while (xc_cursor_left(&cursor) > 0) {
		const struct xc_dead_run *run = &layer->dead[layer->dead_count];

		if (take_run(&cursor, end, layer) < 0)
			return -1;
		end = (uint64_t)run->first + run->count;
	}
	return 0;
}

static int parse_layer(const json_t *object, uint32_t position, struct xc_layer *layer,
		       struct xc_err *err)
{
	const json_t *index = json_object_get(object, "index");
	char where[64], index_where[80], digest[XC_SHA256_HEX + 1];
	uint64_t member_count;

	snprintf(where, sizeof(where), "layer %u: ", position);
	snprintf(index_where, sizeof(index_where), "%sindex: ", where);
	if (get_hex(json_object_get(object, "pack"), layer->pack, XC_PACK_ID_BYTES) < 0)
		return bad(err, where, "pack");
	if (get_integer(object, where, "size", INT64_MAX, &layer->pack_bytes, err) < 0 ||
	    get_integer(object, where, "members", XC_MEMBERS_MAX, &member_count, err) < 0 ||
	    get_integer(index, index_where, "offset", INT64_MAX, &layer->index_offset, err) < 0 ||
	    get_integer(index, index_where, "size", XC_INDEX_STORED_MAX, &layer->index_bytes, err) <
		    0)
		return -1;
	/* Both are below 2^63: the sum fits. The seek table stands behind the index. */
	if (layer->index_bytes == 0 ||
	    layer->index_offset + layer->index_bytes >= layer->pack_bytes)
		return bad(err, index_where, "size");
	if (get_hex(json_object_get(index, "sha256"), digest, XC_SHA256_HEX) < 0 ||
	    xc_hex_decode(digest, layer->index_sha256, XC_SHA256_BYTES) < 0)
		return bad(err, index_where, "sha256");
	layer->member_count = (uint32_t)member_count;
	if (parse_dead(json_object_get(object, "dead"), layer) < 0)
		return bad(err, where, "dead");
	return 0;
}

static bool has_pack_twice(const struct xc_manifest *manifest)
{
	for (uint32_t i = 1; i < manifest->layer_count; i++)
		for (uint32_t k = 0; k < i; k++)
			if (strcmp(manifest->layers[i].pack, manifest->layers[k].pack) == 0)
				return true;
	return false;
}

/* Version 1 has none, and passes over what it does not know. */
static int parse_scope(const json_t *object, uint32_t position, uint64_t version, char **ret_scope,
		       struct xc_err *err)
{
	const json_t *value = json_object_get(object, "scope");
	char where[64];

	if (!value || version == XC_FORMAT_VERSION)
		return 0;
	if (get_text(value, SCOPE_MAX, ret_scope) == 0)
		return 0;
	snprintf(where, sizeof(where), "layer %u: ", position);
	return bad(err, where, "scope");
}

static int parse_layers(const json_t *array, uint64_t version, struct xc_manifest *manifest,
			struct xc_err *err)
{
	size_t count = json_array_size(array);

	if (!json_is_array(array) || count == 0 || count > XC_LAYERS_MAX)
		return bad(err, "", "layers");
	manifest->layers = xc_calloc(count, sizeof(*manifest->layers));
	/* The count covers what must be released, also the layer that turns out wrong. */
	while (manifest->layer_count < count) {
		uint32_t i = manifest->layer_count++;

		if (parse_layer(json_array_get(array, i), i, &manifest->layers[i], err) < 0 ||
		    parse_scope(json_array_get(array, i), i, version, &manifest->layers[i].scope,
				err) < 0)
			return -1;
	}
	if (has_pack_twice(manifest))
		return xc_err_set(err, XC_ERR_CORRUPT, "manifest: two layers name the same pack");
	return 0;
}

/* How many values there may be, before any is made. */
static size_t count_separators(const char *text, size_t length)
{
	bool in_string = false;
	size_t count = 0;

	for (size_t i = 0; i < length; i++) {
		if (in_string && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			in_string = !in_string;
		else if (!in_string && text[i] != '\0' && strchr(",:[{", text[i]))
			count++;
	}
	return count;
}

static int parse_object(const json_t *object, uint64_t version, struct xc_manifest *manifest,
			struct xc_err *err)
{
	if (get_text(json_object_get(object, "key"), KEY_MAX, &manifest->key) < 0)
		return bad(err, "", "key");
	if (get_hex(json_object_get(object, "version"), manifest->version,
		    sizeof(manifest->version) - 1) < 0)
		return bad(err, "", "version");
	if (parse_paths(json_object_get(object, "paths"), manifest) < 0)
		return bad(err, "", "paths");
	if (xc_json_time_value(json_object_get(object, "created"), &manifest->created_ns) < 0)
		return bad(err, "", "created");
	if (get_text(json_object_get(object, "tool"), TOOL_MAX, &manifest->tool) < 0)
		return bad(err, "", "tool");
	if (json_object_get(object, "build_ms") &&
	    get_integer(object, "", "build_ms", INT64_MAX, &manifest->build_ms, err) < 0)
		return -1;
	if (parse_totals(json_object_get(object, "totals"), &manifest->totals, err) < 0)
		return -1;
	return parse_layers(json_object_get(object, "layers"), version, manifest, err);
}

int xc_manifest_parse(const void *data, size_t length, struct xc_manifest *ret_manifest,
		      struct xc_err *err)
{
	cleanup_manifest struct xc_manifest manifest = XC_MANIFEST_INIT;
	cleanup_json json_t *object = NULL;
	uint64_t version;

	if (length <= XC_MANIFEST_BYTES_MAX && count_separators(data, length) > SEPARATORS_MAX)
		return xc_err_set(err, XC_ERR_CORRUPT, "manifest: too many values");
	object = xc_json_parse(data, length, XC_MANIFEST_BYTES_MAX, "manifest", err);
	if (!object)
		return -1;
	if (get_integer(object, "", "xcache", INT64_MAX, &version, err) < 0)
		return -1;
	if (version < XC_FORMAT_VERSION || version > XC_FORMAT_VERSION_MAX)
		return xc_err_set(err, XC_ERR_FORMAT,
				  "manifest: format version %llu, this program knows %d to %d",
				  (unsigned long long)version, XC_FORMAT_VERSION,
				  XC_FORMAT_VERSION_MAX);
	if (parse_object(object, version, &manifest, err) < 0)
		return -1;
	*ret_manifest = manifest;
	manifest = (struct xc_manifest)XC_MANIFEST_INIT;
	return 0;
}
