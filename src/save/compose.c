/* SPDX-License-Identifier: Apache-2.0 */
#include "save/compose.h"

#include <string.h>

#include "base/clock.h"

/* Of a new layer in the manifest. */
#define LAYER_BYTES 1024

static bool stays(const struct xc_delta *delta, uint32_t layer)
{
	return delta->kept[layer].count > 0 ||
	       (!delta->has_pack && layer + 1 == delta->layer_count);
}

static void add_layer(const struct xc_compose *compose, uint32_t number,
		      struct xc_manifest *manifest)
{
	const struct xc_state *state = &compose->parent->state;
	const struct xc_entry_layer *from = &state->layers.items[number];
	const char *scope = from->layer->scope ? from->layer->scope : state->match.scope;
	struct xc_layer *layer = &manifest->layers[manifest->layer_count++];

	*layer = *from->layer;
	layer->scope = strcmp(scope, compose->scope) == 0 ? NULL : xc_strdup(scope);
	xc_layer_set_dead(layer, &compose->delta->kept[number]);
	manifest->totals.stored_bytes += layer->pack_bytes;
	xc_totals_add(&manifest->totals, layer, &from->index.members);
}

void xc_compose_manifest(const struct xc_compose *compose, struct xc_manifest *ret_manifest)
{
	const struct xc_query *query = compose->query;
	const struct xc_delta *delta = compose->delta;
	struct xc_manifest *manifest = ret_manifest;

	*manifest = (struct xc_manifest){
		.key = xc_strdup(query->key),
		.created_ns = xc_clock_now_ns(),
		.build_ms = compose->build_ms,
		.tool = xc_strdup("xcache " XC_VERSION),
		.layers = xc_calloc(delta->layer_count + 1, sizeof(*manifest->layers)),
	};
	xc_key_version(query->paths, manifest->version);
	for (size_t i = 0; i < query->paths->count; i++)
		xc_strlist_add(&manifest->paths, query->paths->items[i]);
	for (uint32_t i = 0; i < delta->layer_count; i++)
		if (stays(delta, i))
			add_layer(compose, i, manifest);
}

bool xc_compose_fits(const struct xc_manifest *manifest, const struct xc_delta *delta)
{
	cleanup_buf struct xc_buf text = XC_BUF_INIT;
	uint64_t members = delta->fresh.count;

	/* Alone it is as long as what was asked for: the commit says so. */
	if (manifest->layer_count == 0)
		return true;
	for (uint32_t i = 0; i < manifest->layer_count; i++)
		members += manifest->layers[i].member_count;
	xc_manifest_encode(manifest, &text);
	return members <= XC_MEMBERS_MAX && text.len_bytes + LAYER_BYTES <= XC_MANIFEST_BYTES_MAX;
}

void xc_compose_add_pack(const struct xc_layer *pack, struct xc_manifest *manifest)
{
	manifest->layers[manifest->layer_count++] = *pack;
	manifest->totals.stored_bytes += pack->pack_bytes;
}

void xc_compose_report(const struct xc_parent *parent, const struct xc_delta *delta,
		       const struct xc_manifest *manifest, struct xc_save_delta *ret_report)
{
	const struct xc_delta_counts *counts = &delta->counts;
	uint64_t sent_bytes =
		delta->has_pack ? manifest->layers[manifest->layer_count - 1].pack_bytes : 0;

	*ret_report = (struct xc_save_delta){
		.parent_key = parent ? xc_strdup(parent->state.match.manifest.key) : NULL,
		.parent_scope = parent ? xc_strdup(parent->state.match.scope) : NULL,
		.hashed = parent && !parent->state.stamps,
		.new_members = counts->new_members,
		.new_bytes = manifest->totals.content_bytes - counts->kept_bytes,
		.kept_members = counts->kept_members,
		.kept_bytes = counts->kept_bytes,
		.touched_members = counts->touched_members,
		.removed_members = counts->removed_members,
		.rewritten_members = counts->rewritten_members,
		.sent_bytes = sent_bytes,
		.shared_bytes = manifest->totals.stored_bytes - sent_bytes,
	};
}
