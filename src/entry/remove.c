/* SPDX-License-Identifier: Apache-2.0 */
#include "entry/remove.h"

#include "entry/tombstone.h"

int xc_remove_entry(const struct xc_cache *cache, const struct xc_entry *entry,
		    const struct xc_store_tag *tag, struct xc_err *err)
{
	const char *name = entry->key ? entry->key : entry->object;

	/* What is no manifest names no pack; of one that cannot be read now nobody knows. */
	if (entry->manifest_err && entry->manifest_err->kind != XC_ERR_CORRUPT &&
	    entry->manifest_err->kind != XC_ERR_FORMAT) {
		*err = *entry->manifest_err;
		return xc_err_wrap(err, "cannot remove key %s", XC_QUOTE(name));
	}
	/* The tombstone first: a pack must never lose its last entry without a trace. */
	if (entry->manifest &&
	    xc_write_tombstone(
		    cache,
		    &(struct xc_tombstone){ .scope = entry->scope, .manifest = entry->manifest },
		    NULL, err) < 0)
		return xc_err_wrap(err, "cannot leave a tombstone for key %s", XC_QUOTE(name));
	/* Just the one that was read: one that replaced it names another pack. */
	if (xc_store_remove_tagged(cache->store, entry->object, tag->text[0] ? tag : NULL, err) ==
	    0)
		return 1;
	return err->kind == XC_ERR_NOT_FOUND
		       ? 0
		       : xc_err_wrap(err, "cannot remove key %s", XC_QUOTE(name));
}
