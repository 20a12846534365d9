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

/* Bytes that were spoilt on their way may come whole the second time. */
static int read_index(const struct xc_index_source *source, char *data, struct xc_err *err)
{
	const struct xc_layer *layer = source->layer;

	for (int i = 0; i < 2; i++) {
		if (xc_store_read_wait(source->store, source->pack_name, layer->index_offset, data,
				       layer->index_bytes, err) < 0)
			return -1;
		if (is_named_index(layer, data))
			return 0;
	}
	return xc_err_set(err, XC_ERR_CORRUPT,
			  "the index of pack %s is not the one that the manifest names",
			  layer->pack);
}

/* The index within what was read ahead; NULL in *ret_data if it is not there, or not whole. */
static int index_from_ahead(struct xc_readahead *ahead, const struct xc_layer *layer,
			    const char **ret_data, struct xc_err *err)
{
	const char *data;

	*ret_data = NULL;
	if (!xc_readahead_holds(ahead, layer->index_offset, layer->index_bytes))
		return 0;
	if (xc_readahead_wait(ahead, layer->index_offset, &data, err) < 0)
		return -1;
	if (is_named_index(layer, data))
		*ret_data = data;
	return 0;
}

int xc_fetch_index(const struct xc_index_source *source, struct xc_index_budget *budget,
		   struct xc_index *ret_index, struct xc_err *err)
{
	const struct xc_layer *layer = source->layer;
	cleanup_free char *own = NULL;
	const char *data;

	if (index_from_ahead(source->ahead, layer, &data, err) < 0)
		return -1;
	if (!data) {
		/* The manifest's parser bounded it by XC_INDEX_STORED_MAX. */
		own = malloc(layer->index_bytes);
		if (!own)
			return xc_err_sys(err, ENOMEM, "index of pack %s", layer->pack);
		if (read_index(source, own, err) < 0)
			return -1;
		data = own;
	}
	if (xc_index_parse(data, layer->index_bytes, budget, ret_index, err) < 0)
		return xc_err_wrap(err, "index of pack %s", layer->pack);
	if (ret_index->members.count != layer->member_count) {
		xc_index_release(ret_index);
		return xc_err_set(err, XC_ERR_CORRUPT,
				  "pack %s has another number of members than the manifest says",
				  layer->pack);
	}
	/* The index was read from there, so these bytes exist. */
	if (xc_index_segments_end(ret_index) > layer->index_offset) {
		xc_index_release(ret_index);
		return xc_err_set(err, XC_ERR_CORRUPT,
				  "pack %s has segments that reach into its index", layer->pack);
	}
	return 0;
}
