/* SPDX-License-Identifier: Apache-2.0 */
#include "report/manifest.h"

#include "base/human.h"

int64_t xc_manifest_created_s(const struct xc_manifest *manifest)
{
	int64_t seconds = manifest->created_ns / 1000000000;

	return seconds - (manifest->created_ns % 1000000000 < 0);
}

static uint64_t dead_members(const struct xc_layer *layer)
{
	uint64_t dead = 0;

	for (uint32_t i = 0; i < layer->dead_count; i++)
		dead += layer->dead[i].count;
	return dead;
}

static void print_text(FILE *out, const char *label, const char *text)
{
	cleanup_buf struct xc_buf quoted = XC_BUF_INIT;

	xc_human_quote(text, &quoted);
	fprintf(out, "%-9s %s\n", label, xc_buf_str(&quoted));
}

static void print_layers(const struct xc_manifest *manifest, FILE *out)
{
	fprintf(out, "%-9s %s\n", "Layers", XC_COUNT(manifest->layer_count));
	for (uint32_t i = 0; i < manifest->layer_count; i++) {
		const struct xc_layer *layer = &manifest->layers[i];
		uint64_t dead = dead_members(layer);

		fprintf(out, "%9u pack %s, %s, %s", i + 1, layer->pack, XC_SIZE(layer->pack_bytes),
			XC_COUNTED(layer->member_count, "member", "members"));
		if (dead > 0)
			fprintf(out, ", %s of them replaced or dropped later", XC_COUNT(dead));
		if (layer->scope) {
			cleanup_buf struct xc_buf quoted = XC_BUF_INIT;

			xc_human_quote(layer->scope, &quoted);
			fprintf(out, ", in scope %s", xc_buf_str(&quoted));
		}
		putc('\n', out);
	}
}

void xc_manifest_print(const char *scope, const struct xc_manifest *manifest, int64_t now_s,
		       FILE *out)
{
	const struct xc_totals *totals = &manifest->totals;
	int64_t created_s = xc_manifest_created_s(manifest);

	print_text(out, "Key", manifest->key);
	print_text(out, "Scope", scope);
	print_text(out, "Version", manifest->version);
	for (size_t i = 0; i < manifest->paths.count; i++)
		print_text(out, i == 0 ? "Paths" : "", manifest->paths.items[i]);
	fprintf(out, "%-9s %s (%s ago)\n", "Created", XC_TIME(created_s),
		XC_AGE(now_s - created_s));
	print_text(out, "By", manifest->tool ? manifest->tool : "unknown");
	fprintf(out, "%-9s %s, %s, %s, %s\n", "Contents",
		XC_COUNTED(totals->files, "file", "files"),
		XC_COUNTED(totals->directories, "directory", "directories"),
		XC_COUNTED(totals->symlinks, "symlink", "symlinks"),
		XC_COUNTED(totals->hardlinks, "hard link", "hard links"));
	fprintf(out, "%-9s %s, stored as %s (%s)\n", "Size", XC_SIZE(totals->content_bytes),
		XC_SIZE(totals->stored_bytes),
		XC_RATIO(totals->content_bytes, totals->stored_bytes));
	if (manifest->build_ms > 0)
		fprintf(out, "%-9s %s\n", "Built in", XC_DURATION(manifest->build_ms));
	print_layers(manifest, out);
}

void xc_manifest_set_json(json_t *object, const char *scope, const struct xc_manifest *manifest,
			  bool layers)
{
	json_t *paths = json_array(), *rows;

	for (size_t i = 0; i < manifest->paths.count; i++)
		json_array_append_new(paths, xc_json_text(manifest->paths.items[i]));
	json_object_set_new(object, "key", xc_json_text(manifest->key));
	if (scope)
		json_object_set_new(object, "scope", xc_json_text(scope));
	json_object_set_new(object, "version", json_string(manifest->version));
	json_object_set_new(object, "paths", paths);
	json_object_set_new(object, "created", xc_json_time(manifest->created_ns));
	if (manifest->tool)
		json_object_set_new(object, "tool", xc_json_text(manifest->tool));
	if (manifest->build_ms > 0)
		json_object_set_new(object, "build_ms",
				    json_integer((json_int_t)manifest->build_ms));
	json_object_set_new(object, "totals", xc_totals_json(&manifest->totals));
	if (!layers)
		return;
	rows = json_array();
	for (uint32_t i = 0; i < manifest->layer_count; i++) {
		const struct xc_layer *from = &manifest->layers[i];
		json_t *layer = xc_layer_json(from);

		json_object_set_new(layer, "dead", json_integer((json_int_t)dead_members(from)));
		if (from->scope)
			json_object_set_new(layer, "scope", xc_json_text(from->scope));
		json_array_append_new(rows, layer);
	}
	json_object_set_new(object, "layers", rows);
}
