/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The path lines of a cache: which paths of the file system they mean.
 *
 * Lines are read as actions/cache reads them (@actions/glob): "*", "?",
 * "[...]" and "**" match as in minimatch 3 with the options dot, nobrace and
 * noext; hidden files match; a leading "~" is the home; relative lines start
 * at the workspace; "#" starts a comment; "!" excludes and later lines
 * override earlier ones; a trailing "/" means directories only; a backslash
 * escapes. "." or ".." as a component is refused but for a leading "."
 * ("./a", "."). One deliberate difference: an exclusion also takes effect
 * below a directory that another line matched ("a" with "!a/b").
 *
 * Paths are handled as bytes. Immutable once parsed: threads may share it.
 */
#ifndef XC_TREE_PATTERNS_PATTERNS_H
#define XC_TREE_PATTERNS_PATTERNS_H

#include <stdbool.h>

#include "base/cancel.h"
#include "base/err.h"
#include "base/strlist.h"
#include "tree/notes.h"
#include "tree/roots.h"

struct xc_patterns;

/* Ceilings for what comes from outside: lines, and bytes of one line. */
#define XC_PATTERNS_MAX_LINES      1000
#define XC_PATTERNS_MAX_LINE_BYTES 4096

/*
 * Parse `lines` (trimmed, as xc_strlist_add_lines leaves them). USAGE for a
 * line that cannot be used, with the reason and the line in the message.
 * `roots` is copied from. The caller frees.
 */
int xc_patterns_parse(const struct xc_strlist *lines, const struct xc_roots *roots,
		      struct xc_patterns **ret_patterns, struct xc_err *err) XC_CHECK;
void xc_patterns_free(struct xc_patterns *patterns); /* NULL is allowed */

/*
 * Search the file system. Appends to `ret_paths` the absolute paths of the
 * topmost matches: sorted bytewise, none twice, none below another of them.
 * Directories that no pattern can reach into are not read, cycles are
 * dropped, and a broken symlink that is itself a match is left out. No match
 * is success.
 *
 * A symlink to a directory that a wildcard meets is gone through if a restore
 * would: it stays below what the line spells out. "**" goes into a directory
 * once, however many links lead to it, by its own path if it has one there.
 *
 * A directory that may not be read is an IO error that names it, unless only
 * "**" leads there. `notes`, which are added to also on failure, tell that, the
 * links that were not gone through and lines that match nothing.
 */
int xc_patterns_search(const struct xc_patterns *patterns, const struct xc_cancel *cancel,
		       struct xc_strlist *ret_paths, struct xc_notes *notes,
		       struct xc_err *err) XC_CHECK;

/* What a line that matches nothing may have been meant as, as a clause; NULL if nothing shows. */
const char *xc_patterns_pitfall(const char *line);

/* Whether there is any "!" line, so that a walk need not ask path by path. */
bool xc_patterns_has_exclusions(const struct xc_patterns *patterns);

enum xc_verdict {
	XC_VERDICT_INCLUDE,
	XC_VERDICT_EXCLUDE,
	/* Excluded itself, but a later line may include something below: keep
	 * the directory and judge its entries. Only for directories. */
	XC_VERDICT_DESCEND,
};

/*
 * What becomes of a path at or below a match when the lines are read in
 * order: an including line that matches the path or a directory above it
 * includes it, an excluding one excludes it, the last one wins. What search
 * found is included and need not be asked about: as there, a symlink to a
 * directory is one for a line that ends in "/".
 */
enum xc_verdict xc_patterns_judge(const struct xc_patterns *patterns, const char *absolute,
				  bool is_directory);

/*
 * For restore: whether the lines could have produced `absolute` as a match
 * of its own, judged by its text alone, exclusions aside. So a hostile
 * archive cannot place members that nobody asked for. Trailing-slash
 * patterns count as matching. *ret_literal_bytes is how much of the path a
 * matching line spells out, before its first wildcard; 0 without a match.
 */
bool xc_patterns_declares(const struct xc_patterns *patterns, const char *absolute,
			  size_t *ret_literal_bytes);

/*
 * The root that the first line which could produce `absolute` is written
 * from: "/" for an absolute line, whatever it leads into. A member stored so
 * is declared by the same lines wherever workspace and home are.
 */
enum xc_root xc_patterns_root(const struct xc_patterns *patterns, const char *absolute);

#endif
