/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/buf.h"
#include "base/grow.h"
#include "tree/walk/walk.h"
#include "tree/xattr.h"

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct xc_xattr *)a)->name, ((const struct xc_xattr *)b)->name);
}

static int read_value(int fd, struct xc_arena *arena, const char *name, struct xc_xattr *ret_xattr)
{
	char value[4096];
	ssize_t length = fgetxattr(fd, name, value, sizeof(value));
	char *copy;

	if (length < 0 && errno == ERANGE) {
		copy = xc_arena_alloc(arena, XC_XATTR_BYTES_MAX);
		length = fgetxattr(fd, name, copy, XC_XATTR_BYTES_MAX);
	} else if (length >= 0) {
		copy = xc_arena_alloc(arena, (size_t)length + 1);
		memcpy(copy, value, (size_t)length);
	} else {
		return -1;
	}
	if (length < 0)
		return -1;
	ret_xattr->name = xc_arena_text(arena, name, strlen(name));
	ret_xattr->value = copy;
	ret_xattr->length = (uint32_t)length;
	return 0;
}

static unsigned dropped_as(const char *name)
{
	if (strcmp(name, "security.capability") == 0)
		return XC_DROPPED_CAPABILITIES;
	return strncmp(name, "system.posix_acl_", 17) == 0 ? XC_DROPPED_ACLS : 0;
}

void xc_tree_note_dropped(unsigned dropped, const char *path, struct xc_notes *notes)
{
	if (dropped & XC_DROPPED_CAPABILITIES)
		xc_notes_add(notes, XC_NOTE_CAPABILITIES, path);
	if (dropped & XC_DROPPED_ACLS)
		xc_notes_add(notes, XC_NOTE_ACLS, path);
}

int xc_tree_read_xattrs(int fd, struct xc_arena *arena, const struct xc_xattr **ret_xattrs,
			uint32_t *ret_count, unsigned *ret_dropped)
{
	cleanup_buf struct xc_buf names = XC_BUF_INIT;
	ssize_t length = xc_xattr_list(fd, &names);
	struct xc_xattr *xattrs = NULL;
	uint32_t count = 0, capacity = 0;

	*ret_count = 0;
	*ret_dropped = 0;
	if (length <= 0)
		return length < 0 ? -1 : 0;
	for (const char *name = names.data; name < names.data + length; name += strlen(name) + 1) {
		if (!xc_xattr_is_user(name)) {
			*ret_dropped |= dropped_as(name);
			continue;
		}
		if (count == XC_XATTRS_MAX) {
			free(xattrs);
			errno = E2BIG;
			return -1;
		}
		XC_GROW(xattrs, count, capacity, 8);
		if (read_value(fd, arena, name, &xattrs[count++]) < 0) {
			free(xattrs);
			return -1;
		}
	}
	if (count > 0) {
		struct xc_xattr *kept = xc_arena_alloc(arena, count * sizeof(*kept));

		qsort(xattrs, count, sizeof(*xattrs), compare_names);
		memcpy(kept, xattrs, count * sizeof(*kept));
		*ret_xattrs = kept;
		*ret_count = count;
	}
	free(xattrs);
	return 0;
}
