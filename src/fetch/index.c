/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/index.h"

#include <errno.h>
#include <string.h>

#include "base/hash.h"

static bool is_named_index(const struct xc_layer *layer, const char *data)
{
	uint8_t digest[XC_SHA256_BYTES];

	xc_sha256(data, layer->index_bytes, digest);
	return memcmp(digest, layer->index_sha256, sizeof(digest)) == 0;
}

/* Bytes that were spoilt on their way may come whole the second time. The caller frees. */
static int read_again(const struct xc_index_source *source, char **ret_data, struct xc_err *err)
{
	const struct xc_layer *layer = source->layer;
	/* The manifest's parser bounded it by XC_INDEX_STORED_MAX. */
	cleanup_free char *data = malloc(layer->index_bytes);

	if (!data)
		return xc_err_sys(err, ENOMEM, "index of pack %s", layer->pack);
	if (xc_store_read_wait(source->store, source->pack_name, layer->index_offset, data,
			       layer->index_bytes, err) < 0)
		return -1;
	if (!is_named_index(layer, data))
		return xc_err_set(err, XC_ERR_CORRUPT,
				  "the index of pack %s is not the one that the manifest names",
				  layer->pack);
	*ret_data = STEAL_PTR(data);
	return 0;
}

int xc_fetch_index(const struct xc_index_source *source, const char *data,
		   struct xc_index_budget *budget, struct xc_index *ret_index, struct xc_err *err)
{
	const struct xc_layer *layer = source->layer;
	cleanup_index struct xc_index index = XC_INDEX_INIT;
	cleanup_free char *own = NULL;

	if (!is_named_index(layer, data)) {
		if (read_again(source, &own, err) < 0)
			return -1;
		data = own;
	}
	if (source->keep)
		xc_buf_add(source->keep, data, layer->index_bytes);
	if (xc_index_parse(data, layer->index_bytes, budget, &index, err) < 0)
		return xc_err_wrap(err, "index of pack %s", layer->pack);
	if (index.members.count != layer->member_count)
		return xc_err_set(
			err, XC_ERR_CORRUPT,
			"pack %s has a different number of members than the manifest says",
			layer->pack);
	/* The index was read from there, so these bytes exist. */
	if (xc_index_segments_end(&index) > layer->index_offset)
		return xc_err_set(err, XC_ERR_CORRUPT,
				  "pack %s has segments that reach into its index", layer->pack);
	*ret_index = index;
	index = (struct xc_index)XC_INDEX_INIT;
	return 0;
}
