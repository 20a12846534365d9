/* SPDX-License-Identifier: Apache-2.0 */
#include "entry/taken.h"

#include <string.h>

#include "entry/broken.h"
#include "key/objects.h"

/* CORRUPT or NOT_FOUND if it cannot be restored, as far as is looked here. */
static int check_entry(const struct xc_cache *cache, const struct xc_manifest *manifest,
		       bool is_suspect, struct xc_err *err)
{
	const char *scope = cache->scopes->items[0];

	if (xc_packs_check(cache, scope, manifest, err) < 0)
		return -1;
	/* Whoever says so may be wrong, or lie: only what is seen here counts. */
	return is_suspect ? xc_packs_verify(cache, scope, manifest, err) : 0;
}

void xc_taken_release(struct xc_taken *taken)
{
	free(taken->object);
	xc_manifest_release(&taken->manifest);
	*taken = (struct xc_taken)XC_TAKEN_INIT;
}

int xc_entry_taken(const struct xc_cache *cache, const struct xc_query *query, const char *suspect,
		   struct xc_taken *ret_taken, struct xc_err *err)
{
	char version[XC_VERSION_HEX + 1];
	const struct xc_entry_name named = {
		.repository = cache->repository,
		.scope = cache->scopes->items[0],
		.version = version,
		.key = query->key,
	};
	struct xc_buf name = XC_BUF_INIT;
	struct xc_taken *taken = ret_taken;
	struct xc_entry_ref ref;
	bool has_manifest;

	*taken = (struct xc_taken)XC_TAKEN_INIT;
	xc_key_version(query->paths, version);
	if (xc_name_entry(&named, &name, err) < 0)
		return -1;
	taken->object = xc_buf_steal(&name);
	ref = (struct xc_entry_ref){ taken->object, version, query->key };
	has_manifest = xc_load_manifest(cache, &ref, &taken->tag, &taken->manifest, err) == 0;
	if (has_manifest && check_entry(cache, &taken->manifest,
					suspect && strcmp(suspect, taken->tag.text) == 0, err) == 0)
		taken->taken = true;
	else if (err->kind == XC_ERR_FORMAT)
		taken->taken = true;
	else if (has_manifest || err->kind != XC_ERR_NOT_FOUND)
		taken->broken = *err;
	if (taken->broken.kind != XC_ERR_NONE && (!xc_is_broken(err) || taken->tag.text[0] == '\0'))
		return -1;
	return 0;
}
