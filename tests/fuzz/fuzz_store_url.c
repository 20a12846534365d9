/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Store URLs and object names, which come from the command line and from
 * workflows.
 *
 * Demands: a URL that opens has a display URL that opens the same store, and a
 * name that is allowed has a path of its own that stays below the root.
 */
#include "fuzz.h"

#include "store/back_end.h"
#include "store/file/internal.h"

static void try_url(const char *url)
{
	cleanup_store struct xc_store *store = NULL, *again = NULL;
	struct xc_err err;

	if (xc_store_open(url, NULL, &store, &err) < 0) {
		MUST(err.kind == XC_ERR_USAGE && err.msg[0] != '\0');
		return;
	}
	MUST(xc_store_open(store->display_url, NULL, &again, &err) == 0);
	MUST(strcmp(store->display_url, again->display_url) == 0);
}

/* What listing does, piece by piece. */
static void unmap(const char *path, struct xc_buf *ret_name)
{
	const char *end;

	for (;; path = end + 1) {
		size_t length;

		end = strchrnul(path, '/');
		length = (size_t)(end - path);
		MUST(length > 0 && length <= XC_FILE_PIECE_BYTES + 2);
		if (length > 2 && memcmp(end - 2, XC_FILE_PIECE_MARK, 2) == 0) {
			xc_buf_add(ret_name, path, length - 2);
			continue;
		}
		xc_buf_add(ret_name, path, length);
		if (*end == '\0')
			return;
		xc_buf_add_char(ret_name, '/');
	}
}

static void try_name(const char *name)
{
	cleanup_buf struct xc_buf again = XC_BUF_INIT;
	cleanup_free char *path = NULL;
	struct xc_err err;

	if (xc_store_check_name(name, &err) < 0 || xc_file_map_name(name, &path, &err) < 0) {
		MUST(err.kind == XC_ERR_USAGE && err.msg[0] != '\0');
		return;
	}
	unmap(path, &again);
	MUST(strcmp(xc_buf_str(&again), name) == 0 && path[0] != '/' && !strstr(path, "/../"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xc_strndup((const char *)data, size);
	cleanup_free char *file_url = xc_asprintf("file:///%s", text);

	try_url(text);
	try_url(file_url);
	try_name(text);
	return 0;
}
