/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening directories without leaving the one that the path starts in,
 * whatever symlinks stand in the way and whoever moves them meanwhile. The
 * kernel checks that within one call where it has openat2(2) (Linux 5.6, and
 * no seccomp filter that forbids it); elsewhere the path is walked component
 * by component.
 *
 * May be called by any thread; takes no memory from the heap.
 */
#ifndef XC_TREE_BENEATH_H
#define XC_TREE_BENEATH_H

#include <stdbool.h>

#include "base/compiler.h"

enum xc_beneath_links {
	XC_BENEATH_NO_LINKS, /* ELOOP at any symlink */
	/* Those that stay below are followed, an absolute one never; none without openat2. */
	XC_BENEATH_LINKS_INSIDE,
};

/*
 * Open the directory `relative` below `dir_fd`, O_CLOEXEC. "" stands for
 * `dir_fd` itself. `access` is O_RDONLY or O_PATH. A path of PATH_MAX or more
 * is opened in pieces, each of which counts as a start that symlinks behind
 * it may not leave. Returns a descriptor, or -1 with errno: EXDEV if the path
 * leads out, ELOOP at a symlink that is not allowed.
 */
int xc_beneath_open_dir(int dir_fd, const char *relative, enum xc_beneath_links links,
			int access) XC_CHECK;

#endif
