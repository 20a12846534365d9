/* SPDX-License-Identifier: Apache-2.0 */
#include "pack/manifest.h"

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
