/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests from a store.
 *
 * Demands: what was read is written again and read again as the same, and all
 * members of dead runs are dead.
 */
#include "fuzz.h"

#include "pack/manifest.h"

static void check_dead(const struct xc_layer *layer)
{
	cleanup_member_set struct xc_member_set alive = XC_MEMBER_SET_INIT;

	xc_layer_alive(layer, &alive);
	for (uint32_t i = 0; i < layer->dead_count; i++) {
		const struct xc_dead_run *run = &layer->dead[i];

		MUST(!xc_member_set_has(&alive, run->first));
		MUST(!xc_member_set_has(&alive, run->first + run->count - 1));
		MUST(run->first == 0 || xc_member_set_has(&alive, run->first - 1));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_manifest struct xc_manifest manifest = XC_MANIFEST_INIT, again = XC_MANIFEST_INIT;
	cleanup_buf struct xc_buf first = XC_BUF_INIT, second = XC_BUF_INIT;
	struct xc_err err = { 0 };

	if (xc_manifest_parse(data, size, &manifest, &err) < 0) {
		MUST(err.kind == XC_ERR_CORRUPT || err.kind == XC_ERR_FORMAT);
		return 0;
	}
	for (uint32_t i = 0; i < manifest.layer_count; i++)
		check_dead(&manifest.layers[i]);
	/* What was parsed is written, read and written again the same. */
	xc_manifest_encode(&manifest, &first);
	MUST(xc_manifest_parse(first.data, first.len_bytes, &again, &err) == 0);
	xc_manifest_encode(&again, &second);
	MUST(strcmp(first.data, second.data) == 0);
	return 0;
}
