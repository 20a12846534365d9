/* SPDX-License-Identifier: Apache-2.0 */
#include "pack/manifest.h"

#include <string.h>

void xc_manifest_release(struct xc_manifest *manifest)
{
	for (uint32_t i = 0; i < manifest->layer_count; i++)
		free(manifest->layers[i].dead);
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

bool xc_layer_is_dead(const struct xc_layer *layer, uint32_t position)
{
	uint32_t low = 0, high = layer->dead_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (layer->dead[middle].first <= position)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && position - layer->dead[low - 1].first < layer->dead[low - 1].count;
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

	for (uint32_t i = 0; i < members->count; i++) {
		if (xc_layer_is_dead(layer, i))
			continue;
		++*counts[members->items[i].type];
		if (members->items[i].type == XC_MEMBER_FILE)
			totals->content_bytes += members->items[i].size_bytes;
	}
}
