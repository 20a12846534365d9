/* SPDX-License-Identifier: Apache-2.0 */
#include "key/object_name.h"

#include <string.h>

#define PACK_END ".tar.zst"

static const struct {
	const char *folder;
	enum xc_object_kind kind;
} folders[] = {
	{ "entries/", XC_OBJECT_ENTRY },
	{ "packs/", XC_OBJECT_PACK },
	{ "removed/", XC_OBJECT_TOMBSTONE },
};

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
		size_t length = strlen(folders[i].folder);

		if (strncmp(slash + 1, folders[i].folder, length) == 0) {
			parts.kind = folders[i].kind;
			parts.rest = slash + 1 + length;
		}
	}
	if ((parts.kind == XC_OBJECT_PACK && !is_id(parts.rest, PACK_END)) ||
	    (parts.kind == XC_OBJECT_TOMBSTONE && !is_id(parts.rest, "")))
		parts.kind = XC_OBJECT_OTHER;
	return parts;
}
