/* SPDX-License-Identifier: Apache-2.0 */
#include "key/objects.h"

#include <string.h>

/* Behind the scope. */
#define ENTRIES  "/entries/"
#define PACKS    "/packs/"
#define REMOVED  "/removed/"
#define PACK_END ".tar.zst"

static const struct {
	const char *text;
	enum xc_object_kind kind;
} folders[] = {
	{ ENTRIES, XC_OBJECT_ENTRY },
	{ PACKS, XC_OBJECT_PACK },
	{ REMOVED, XC_OBJECT_TOMBSTONE },
};

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
	xc_buf_addf(out, PACKS "%s" PACK_END, id);
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
	const char *scope = strchr(name, '/');
	const char *folder = scope ? strchr(scope + 1, '/') : NULL;

	for (size_t i = 0; folder && i < ARRAY_LEN(folders); i++)
		if (strncmp(folder, folders[i].text, strlen(folders[i].text)) == 0)
			return true;
	return false;
}

/* Whether `rest` is 32 digits and then `end`. */
static bool is_id(const char *rest, const char *end)
{
	return strspn(rest, "0123456789abcdef") == XC_PACK_ID_LEN &&
	       strcmp(rest + XC_PACK_ID_LEN, end) == 0;
}

struct xc_object_name xc_name_take_apart(const char *name, size_t repository_bytes)
{
	const char *scope = name + repository_bytes, *slash = strchr(scope, '/');
	struct xc_object_name parts = { .scope = scope };

	if (!slash)
		return parts;
	parts.scope_bytes = (size_t)(slash - scope);
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		size_t length = strlen(folders[i].text);

		if (strncmp(slash, folders[i].text, length) == 0) {
			parts.kind = folders[i].kind;
			parts.rest = slash + length;
		}
	}
	if ((parts.kind == XC_OBJECT_PACK && !is_id(parts.rest, PACK_END)) ||
	    (parts.kind == XC_OBJECT_TOMBSTONE && !is_id(parts.rest, "")))
		parts.kind = XC_OBJECT_OTHER;
	return parts;
}
