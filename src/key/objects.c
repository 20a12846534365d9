/* SPDX-License-Identifier: Apache-2.0 */
#include "key/objects.h"

#include <string.h>

#define ENTRIES "/entries/"
#define PACKS   "/packs/"
#define REMOVED "/removed/"

int xc_name_entries(const char *repository, const char *scope, const char *version,
		    struct xc_buf *out, struct xc_err *err)
{
	if (xc_key_scope_prefix(repository, scope, out, err) < 0)
		return -1;
	xc_buf_add_str(out, ENTRIES);
	if (version)
		xc_buf_addf(out, "%s/", version);
	return 0;
}

int xc_name_entry(const struct xc_entry_name *entry, struct xc_buf *out, struct xc_err *err)
{
	if (xc_name_entries(entry->repository, entry->scope, entry->version, out, err) < 0)
		return -1;
	xc_key_encode(entry->key, out);
	return 0;
}

int xc_name_pack(const char *repository, const char *scope, const char *id, struct xc_buf *out,
		 struct xc_err *err)
{
	if (xc_key_scope_prefix(repository, scope, out, err) < 0)
		return -1;
	xc_buf_addf(out, PACKS "%s.tar.zst", id);
	return 0;
}

int xc_name_tombstone(const char *repository, const char *scope, struct xc_buf *out,
		      struct xc_err *err)
{
	char id[XC_PACK_ID_LEN + 1];

	if (xc_key_scope_prefix(repository, scope, out, err) < 0)
		return -1;
	xc_key_new_id(id);
	xc_buf_addf(out, REMOVED "%s", id);
	return 0;
}

bool xc_name_is_of_entry(const char *name)
{
	static const char *const folders[] = { ENTRIES, PACKS, REMOVED };
	const char *scope = strchr(name, '/');
	const char *folder = scope ? strchr(scope + 1, '/') : NULL;

	for (size_t i = 0; folder && i < ARRAY_LEN(folders); i++)
		if (strncmp(folder, folders[i], strlen(folders[i])) == 0)
			return true;
	return false;
}
