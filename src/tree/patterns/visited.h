/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which directories a search has been in: through symlinks there may be
 * exponentially many ways to one. A directory is worth another visit only
 * where a line is at other places in it than before: "**" "/a/b" finds "b"
 * in a directory only if the way to it ends in "a".
 */
#ifndef XC_TREE_PATTERNS_VISITED_H
#define XC_TREE_PATTERNS_VISITED_H

#include <sys/types.h>

#include "tree/patterns/internal.h"

struct visit {
	dev_t dev;
	ino_t ino;
	uint64_t places; /* xc_patterns_places */
	uint32_t line;
	bool used; /* for the set itself */
};

/* Zeroed it is empty; `slots` is the caller's to free. */
struct visited {
	struct visit *slots;
	size_t count, capacity; /* capacity is 0 or a power of two */
};

/*
 * Whether the path, which the line reaches below, has come to the line's
 * first "**"; then *ret_hash tells apart which components may come next.
 */
bool xc_patterns_places(const struct line *line, const char *path, size_t length,
			uint64_t *ret_hash);

/* Add a visit; false if it was there. */
bool xc_patterns_visit(struct visited *visited, struct visit visit);

#endif
