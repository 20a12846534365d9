/* SPDX-License-Identifier: Apache-2.0 */
#include "pack/manifest.h"

#include <string.h>

#include "base/grow.h"

void xc_manifest_release(struct xc_manifest *manifest)
{
	for (uint32_t i = 0; i < manifest->layer_count; i++) {
		free(manifest->layers[i].scope);
		free(manifest->layers[i].dead);
	}
	free(manifest->layers);
	free(manifest->key);
	free(manifest->tool);
	xc_strlist_release(&manifest->paths);
	*manifest = (struct xc_manifest)XC_MANIFEST_INIT;
}

bool xc_manifest_names(const struct xc_manifest *manifest, const char *pack)
{
	for (uint32_t i = 0; i < manifest->layer_count; i++)
		if (strcmp(manifest->layers[i].pack, pack) == 0)
			return true;
	return false;
}

void xc_layer_alive(const struct xc_layer *layer, struct xc_member_set *ret_alive)
{
	struct xc_member_set alive;

	xc_member_set_init(&alive, layer->member_count, true);
	for (uint32_t i = 0; i < layer->dead_count; i++)
		for (uint32_t k = layer->dead[i].first;
		     k < alive.size && k - layer->dead[i].first < layer->dead[i].count; k++)
			xc_member_set_remove(&alive, k);
	*ret_alive = alive;
}

void xc_layer_set_dead(struct xc_layer *layer, const struct xc_member_set *alive)
{
	uint32_t capacity = 0;

	layer->dead = NULL;
	layer->dead_count = 0;
	for (uint32_t i = 0; i < alive->size;) {
		uint32_t end = xc_member_set_next(alive, i);

		if (end > i) {
			XC_GROW(layer->dead, layer->dead_count, capacity, 16);
			layer->dead[layer->dead_count++] = (struct xc_dead_run){ i, end - i };
		}
		while (end < alive->size && xc_member_set_has(alive, end))
			end++;
		i = end;
	}
}

void xc_totals_add(struct xc_totals *totals, const struct xc_layer *layer,
		   const struct xc_members *members)
{
	uint64_t *const counts[] = {
		[XC_MEMBER_FILE] = &totals->files,
		[XC_MEMBER_DIR] = &totals->directories,
		[XC_MEMBER_SYMLINK] = &totals->symlinks,
		[XC_MEMBER_HARDLINK] = &totals->hardlinks,
	};
	cleanup_member_set struct xc_member_set alive = XC_MEMBER_SET_INIT;

	xc_layer_alive(layer, &alive);
	for (uint32_t i = 0; i < XC_MIN(members->count, alive.size); i++) {
		if (!xc_member_set_has(&alive, i))
			continue;
		++*counts[members->items[i].type];
		if (members->items[i].type == XC_MEMBER_FILE)
			totals->content_bytes += members->items[i].size_bytes;
	}
}
