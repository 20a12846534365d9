/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The three roots under which members are stored: "." for the workspace, "~"
 * for the home directory and "/" for everything else, so that what was saved
 * from one runner's home is restored into another's.
 *
 * A stored path is a root token alone (".", "~", "/") or the token followed
 * by the path below it ("./a/b", "~/.npm", "/opt/x"): no empty component, no
 * "." or ".." behind the token, no trailing slash.
 */
#ifndef XC_TREE_ROOTS_H
#define XC_TREE_ROOTS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

struct xc_roots {
	char *workspace; /* absolute, without trailing slash unless "/"; no "." or ".." in it */
	char *home;      /* likewise; NULL if there is none */
};

/*
 * Roots from two directories, which are copied. `workspace` NULL stands for
 * the current directory; a relative one is taken from there. `home` NULL or
 * empty: no home, "~" cannot be used. Symlinks are left as they are.
 */
int xc_roots_init(struct xc_roots *ret_roots, const char *workspace, const char *home,
		  struct xc_err *err) XC_CHECK;
void xc_roots_release(struct xc_roots *roots);

enum xc_root {
	XC_ROOT_WORKSPACE,
	XC_ROOT_HOME,
	XC_ROOT_SLASH,
};

/*
 * Append the stored path of an absolute, normalised path, written from
 * `root`; from "/" if that does not hold it.
 */
void xc_roots_to_stored(const struct xc_roots *roots, enum xc_root root, const char *absolute,
			struct xc_buf *out);

/*
 * Append the absolute path of a stored one. CORRUPT if it is not one as
 * described above; USAGE for "~" without a home.
 */
int xc_roots_to_absolute(const struct xc_roots *roots, const char *stored, struct xc_buf *out,
			 struct xc_err *err) XC_CHECK;

/* Whether an absolute, normalised path names one of the three roots, "/" included. */
bool xc_roots_is_root(const struct xc_roots *roots, const char *absolute);

/* Whether `path` is absolute, without empty, "." or ".." components and without trailing slash. */
bool xc_roots_is_normalised(const char *path);

#endif
