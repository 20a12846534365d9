/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: path lines up to the first NUL, then paths, each up to a NUL.
 *
 * Demands: lines mean what fnmatch(3) makes of them where it knows all of
 * their signs, and the answers agree with each other.
 */
#include "fuzz.h"

#include <fnmatch.h>

#include "tree/patterns/patterns.h"

/* What is spelt out is a part of the path, and none of one that is not declared. */
static bool declares(const struct xc_patterns *patterns, const char *path)
{
	size_t literal_bytes;
	bool declared = xc_patterns_declares(patterns, path, &literal_bytes);

	MUST(declared ? literal_bytes <= strlen(path) : literal_bytes == 0);
	return declared;
}

static const struct xc_roots roots = { .workspace = (char *)"/w", .home = (char *)"/h" };

static size_t count_chars(const char *text, char c)
{
	size_t count = 0;

	for (; *text != '\0'; text++)
		count += *text == c;
	return count;
}

/* Whether fnmatch reads the line as it is meant, in bounded time. */
static bool is_plain(const char *line)
{
	for (const char *at = line; *at != '\0'; at++)
		if ((unsigned char)*at >= 0x80 || strchr("[\\~!#", *at))
			return false;
	return !strstr(line, "**") && !strstr(line, "//") && line[0] != '/' && line[0] != '.' &&
	       line[0] != '\0' && line[strlen(line) - 1] != '/' && count_chars(line, '*') < 6;
}

static void check_against_fnmatch(const struct xc_patterns *patterns, const char *line,
				  const char *path)
{
	if (!is_plain(line) || !xc_roots_is_normalised(path) || strncmp(path, "/w/", 3) != 0)
		return;
	for (const char *at = path; *at != '\0'; at++)
		if ((unsigned char)*at >= 0x80)
			return;
	MUST(declares(patterns, path) ==
	     (fnmatch(line, path + 3, FNM_PATHNAME | FNM_NOESCAPE) == 0));
}

static void check_path(const struct xc_patterns *patterns, const struct xc_strlist *lines,
		       const char *path)
{
	cleanup_free char *below = xc_asprintf("%s/b", strcmp(path, "/") == 0 ? "" : path);
	bool exclusions = xc_patterns_has_exclusions(patterns);
	enum xc_verdict verdict = xc_patterns_judge(patterns, path, true);
	enum xc_verdict as_file = xc_patterns_judge(patterns, path, false);
	enum xc_verdict verdict_below = xc_patterns_judge(patterns, below, false);

	MUST(as_file != XC_VERDICT_DESCEND);
	/* But for an excluding line for directories, what takes a file takes a directory. */
	MUST(exclusions || as_file == XC_VERDICT_EXCLUDE || verdict == XC_VERDICT_INCLUDE);
	MUST(verdict != XC_VERDICT_EXCLUDE || verdict_below == XC_VERDICT_EXCLUDE);
	MUST(exclusions || verdict != XC_VERDICT_INCLUDE || verdict_below == XC_VERDICT_INCLUDE);
	MUST(exclusions || !declares(patterns, path) || verdict == XC_VERDICT_INCLUDE);
	if (lines->count == 1)
		check_against_fnmatch(patterns, lines->items[0], path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xc_strndup((const char *)data, size);
	cleanup_strlist struct xc_strlist lines = XC_STRLIST_INIT;
	struct xc_patterns *patterns = NULL;
	struct xc_err err;

	xc_strlist_add_lines(&lines, text);
	if (xc_patterns_parse(&lines, &roots, &patterns, &err) < 0) {
		MUST(err.kind == XC_ERR_USAGE);
		return 0;
	}
	for (size_t at = strlen(text) + 1; at < size; at += strlen(text + at) + 1)
		check_path(patterns, &lines, text + at);
	xc_patterns_free(patterns);
	return 0;
}
