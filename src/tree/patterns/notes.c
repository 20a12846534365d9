/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "tree/patterns/internal.h"

const char *xc_patterns_pitfall(const char *line)
{
	if (strchr(line, '$'))
		return "nothing expands $VARIABLE in a path line";
	if (line[0] == '"' || line[0] == '\'')
		return "quotes are part of the name in a path line";
	if (line[0] == '~' && line[1] != '\0' && line[1] != '/')
		return "~ means the home directory only at the start, alone or before a slash";
	if (strchr(line, '{') && strchr(line, '}'))
		return "{a,b} is not a pattern: write one line for each";
	return NULL;
}

/* Whether what was found is of the line, or may hold something that is. */
static bool explains(const struct line *line, const struct xc_strlist *found)
{
	for (size_t i = 0; i < found->count; i++) {
		const char *path = found->items[i];
		size_t length = strcmp(path, "/") == 0 ? 0 : strlen(path);

		if (xc_patterns_reach(line, path, length) != REACH_NONE)
			return true;
	}
	return false;
}

static const char *prefix_path(const struct line *line)
{
	return line->prefix_length > 0 ? line->prefix : "/";
}

/* Whether the line matches nothing, as far as that can be told without another search. */
static bool is_unmatched(const struct line *line, const struct xc_strlist *found)
{
	struct stat st;

	if (line->count > 0)
		return !explains(line, found);
	if (stat(prefix_path(line), &st) < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP;
	return line->directory_only && !S_ISDIR(st.st_mode);
}

static int compare_path(const void *key, const void *item)
{
	return strcmp(key, *(char *const *)item);
}

/* Whether the path that the line spells out is a match, and a symlink to a directory. */
static bool is_linked(const struct line *line, const struct xc_strlist *found)
{
	const char *path = prefix_path(line);
	struct stat st;

	return found->count > 0 &&
	       bsearch(path, found->items, found->count, sizeof(*found->items), compare_path) &&
	       lstat(path, &st) == 0 && S_ISLNK(st.st_mode) && stat(path, &st) == 0 &&
	       S_ISDIR(st.st_mode);
}

static bool has(const struct xc_strlist *list, const char *text)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i], text) == 0)
			return true;
	return false;
}

void xc_patterns_note_lines(const struct xc_patterns *patterns, const struct xc_strlist *found,
			    struct xc_notes *notes)
{
	cleanup_strlist struct xc_strlist linked = XC_STRLIST_INIT;

	for (size_t i = 0; i < patterns->count; i++) {
		const struct line *line = &patterns->lines[i];

		if (line->exclude)
			continue;
		if (is_linked(line, found) && !has(&linked, prefix_path(line))) {
			xc_strlist_add(&linked, prefix_path(line));
			xc_notes_add(notes, XC_NOTE_LINKED_PATH, prefix_path(line));
		}
		if (is_unmatched(line, found) && !has(&notes->unmatched, line->text))
			xc_strlist_add(&notes->unmatched, line->text);
	}
}
