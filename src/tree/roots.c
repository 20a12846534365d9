/* SPDX-License-Identifier: Apache-2.0 */
#include "tree/roots.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/*
 * Append the components of `path` to the normalised path in `out`, where ""
 * stands for "/": ".." takes one away, as long as there is one.
 */
static void add_components(struct xc_buf *out, const char *path)
{
	while (*path != '\0') {
		size_t length = strcspn(path, "/");

		if (length == 2 && memcmp(path, "..", 2) == 0) {
			const char *slash = strrchr(xc_buf_str(out), '/');

			xc_buf_truncate(out, slash ? (size_t)(slash - out->data) : 0);
		} else if (length > 0 && !(length == 1 && *path == '.')) {
			xc_buf_add_char(out, '/');
			xc_buf_add(out, path, length);
		}
		path += length;
		path += *path == '/';
	}
}

static int normalise(const char *path, char **ret_path, struct xc_err *err)
{
	cleanup_buf struct xc_buf out = XC_BUF_INIT;
	cleanup_free char *cwd = NULL;

	if (path[0] != '/') {
		cwd = getcwd(NULL, 0);
		if (!cwd)
			return xc_err_sys(err, errno, "cannot find out the current directory");
		add_components(&out, cwd);
	}
	add_components(&out, path);
	if (out.len_bytes == 0)
		xc_buf_add_char(&out, '/');
	*ret_path = xc_buf_steal(&out);
	return 0;
}

int xc_roots_init(struct xc_roots *ret_roots, const char *workspace, const char *home,
		  struct xc_err *err)
{
	cleanup_free char *workspace_path = NULL, *home_path = NULL;

	if (normalise(workspace ? workspace : "", &workspace_path, err) < 0)
		return -1;
	if (home && home[0] != '\0' && normalise(home, &home_path, err) < 0)
		return -1;
	ret_roots->workspace = STEAL_PTR(workspace_path);
	ret_roots->home = STEAL_PTR(home_path);
	return 0;
}

void xc_roots_release(struct xc_roots *roots)
{
	free(roots->workspace);
	free(roots->home);
	*roots = (struct xc_roots){ 0 };
}

static const char *without_root_slash(const char *path)
{
	return strcmp(path, "/") == 0 ? "" : path;
}

/* What of `path` lies below `root`: "" or "/...", or NULL if `root` does not hold it. */
static const char *below(const char *root, const char *path)
{
	size_t length = strlen(root);

	if (strncmp(path, root, length) != 0 || (path[length] != '\0' && path[length] != '/'))
		return NULL;
	return path + length;
}

void xc_roots_to_stored(const struct xc_roots *roots, enum xc_root root, const char *absolute,
			struct xc_buf *out)
{
	const char *directory = root == XC_ROOT_WORKSPACE ? roots->workspace
				: root == XC_ROOT_HOME    ? roots->home
							  : NULL;
	const char *rest =
		directory ? below(without_root_slash(directory), without_root_slash(absolute))
			  : NULL;

	if (rest)
		xc_buf_add_char(out, root == XC_ROOT_HOME ? '~' : '.');
	xc_buf_add_str(out, rest ? rest : absolute);
}

bool xc_roots_is_root(const struct xc_roots *roots, const char *absolute)
{
	return strcmp(absolute, "/") == 0 || strcmp(absolute, roots->workspace) == 0 ||
	       (roots->home && strcmp(absolute, roots->home) == 0);
}

bool xc_roots_is_normalised(const char *path)
{
	if (strcmp(path, "/") == 0)
		return true;
	do {
		size_t length;

		if (*path++ != '/')
			return false;
		length = strcspn(path, "/");
		if (length == 0 || (length == 1 && path[0] == '.') ||
		    (length == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		path += length;
	} while (*path != '\0');
	return true;
}

static bool is_stored(const char *stored)
{
	if (stored[0] == '/')
		return xc_roots_is_normalised(stored);
	if (stored[0] != '.' && stored[0] != '~')
		return false;
	return stored[1] == '\0' ||
	       (strcmp(stored + 1, "/") != 0 && xc_roots_is_normalised(stored + 1));
}

int xc_roots_to_absolute(const struct xc_roots *roots, const char *stored, struct xc_buf *out,
			 struct xc_err *err)
{
	const char *root = "", *rest = stored;

	if (!is_stored(stored))
		return xc_err_set(err, XC_ERR_CORRUPT, "'%s' is not a stored path",
				  XC_QUOTE(stored));
	if (stored[0] == '~' && !roots->home)
		return xc_err_set(err, XC_ERR_USAGE,
				  "'%s' is in the home directory, but HOME is not set",
				  XC_QUOTE(stored));
	if (stored[0] != '/') {
		root = stored[0] == '~' ? roots->home : roots->workspace;
		rest = stored + 1;
	}
	xc_buf_add_str(out, *rest != '\0' ? without_root_slash(root) : root);
	xc_buf_add_str(out, rest);
	return 0;
}
