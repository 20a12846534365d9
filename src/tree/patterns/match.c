/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tree/patterns/internal.h"

/* A place in a path, between two components: `left` bytes follow, "/..." or none. */
struct place {
	const char *at;
	size_t left;
};

static size_t next_length(const struct place *place)
{
	const char *slash = memchr(place->at + 1, '/', place->left - 1);

	return slash ? (size_t)(slash - place->at) : place->left;
}

static void advance(struct place *place, size_t length)
{
	place->at += length;
	place->left -= length;
}

enum run {
	RUN_DIFFERS,
	RUN_ENDED, /* the path is too short, and matches as far as it goes */
	RUN_MATCHES,
};

/* Match `count` components, none of them "**", from `place` on; a match moves it behind them. */
static enum run match_run(const struct component *components, size_t count, struct place *place)
{
	struct place now = *place;

	for (size_t i = 0; i < count; i++) {
		size_t length;

		if (now.left == 0)
			return RUN_ENDED;
		length = next_length(&now);
		if (!xc_patterns_match_name(&components[i], now.at + 1, length - 1))
			return RUN_DIFFERS;
		advance(&now, length);
	}
	*place = now;
	return RUN_MATCHES;
}

/* How many components from `start` on come before the next "**". */
static size_t run_length(const struct line *line, size_t start)
{
	size_t end = start;

	while (end < line->count && line->components[end].kind != COMPONENT_GLOBSTAR)
		end++;
	return end - start;
}

/*
 * Place the run behind each "**" from component `start` on, up to component
 * `end`, as early as it goes: that leaves the most for those that follow.
 */
static enum run match_runs(const struct line *line, size_t start, size_t end, struct place *place)
{
	while (start < end) {
		size_t count = run_length(line, start + 1);
		enum run run;

		while ((run = match_run(line->components + start + 1, count, place)) !=
		       RUN_MATCHES) {
			if (run == RUN_ENDED)
				return RUN_ENDED;
			advance(place, next_length(place));
		}
		start += 1 + count;
	}
	return RUN_MATCHES;
}

/* What of the path lies behind the line's prefix; MATCHES, ENDED within the prefix, or DIFFERS. */
static enum run skip_prefix(const struct line *line, const char *path, size_t length,
			    struct place *ret_place)
{
	if (length < line->prefix_length)
		return line->prefix[length] == '/' && memcmp(path, line->prefix, length) == 0
			       ? RUN_ENDED
			       : RUN_DIFFERS;
	if (memcmp(path, line->prefix, line->prefix_length) != 0 ||
	    (length > line->prefix_length && path[line->prefix_length] != '/'))
		return RUN_DIFFERS;
	*ret_place = (struct place){ path + line->prefix_length, length - line->prefix_length };
	return RUN_MATCHES;
}

enum reach xc_patterns_reach(const struct line *line, const char *path, size_t length)
{
	struct place place;
	enum run run = skip_prefix(line, path, length, &place);

	if (run == RUN_MATCHES)
		run = match_run(line->components, line->fixed, &place);
	if (run == RUN_MATCHES)
		run = match_runs(line, line->fixed, line->count, &place);
	if (run == RUN_MATCHES)
		return place.left == 0 ? REACH_SELF : REACH_ABOVE;
	return run == RUN_ENDED ? REACH_BELOW : REACH_NONE;
}

enum xc_verdict xc_patterns_judge_path(const struct xc_patterns *patterns, const char *path,
				       size_t length, bool is_directory)
{
	bool may_include_below = false;

	/* The last line that matches decides, so look from the last one backwards. */
	for (size_t i = patterns->count; i-- > 0;) {
		const struct line *line = &patterns->lines[i];
		enum reach reach = xc_patterns_reach(line, path, length);

		if (reach == REACH_ABOVE ||
		    (reach == REACH_SELF && (is_directory || !line->directory_only))) {
			if (!line->exclude)
				return XC_VERDICT_INCLUDE;
			break;
		}
		may_include_below |= reach == REACH_BELOW && !line->exclude;
	}
	return may_include_below && is_directory ? XC_VERDICT_DESCEND : XC_VERDICT_EXCLUDE;
}

static size_t path_length(const char *absolute)
{
	return strcmp(absolute, "/") == 0 ? 0 : strlen(absolute);
}

enum xc_verdict xc_patterns_judge(const struct xc_patterns *patterns, const char *absolute,
				  bool is_directory)
{
	return xc_patterns_judge_path(patterns, absolute, path_length(absolute), is_directory);
}

/* Shorten the path behind `place` to its last `count` components; false if it has fewer. */
static bool keep_last(struct place *place, size_t count)
{
	const char *end = place->at + place->left, *start = end;

	for (size_t i = 0; i < count; i++) {
		if (start == place->at)
			return false;
		start = memrchr(place->at, '/', (size_t)(start - place->at));
	}
	*place = (struct place){ start, (size_t)(end - start) };
	return true;
}

/* Whether the line matches the path itself. */
static bool matches_exactly(const struct line *line, const char *path, size_t length)
{
	size_t last = line->count;
	struct place place;

	if (skip_prefix(line, path, length, &place) != RUN_MATCHES ||
	    match_run(line->components, line->fixed, &place) != RUN_MATCHES)
		return false;
	if (line->fixed == line->count)
		return place.left == 0;
	/* What follows the last "**" has but one place where it can be. */
	while (line->components[last - 1].kind != COMPONENT_GLOBSTAR)
		last--;
	if (match_runs(line, line->fixed, last - 1, &place) != RUN_MATCHES ||
	    !keep_last(&place, line->count - last))
		return false;
	return match_run(line->components + last, line->count - last, &place) == RUN_MATCHES;
}

bool xc_patterns_declares(const struct xc_patterns *patterns, const char *absolute,
			  size_t *ret_literal_bytes)
{
	size_t length = path_length(absolute);
	bool declared = false;

	*ret_literal_bytes = 0;
	if (!xc_roots_is_normalised(absolute))
		return false;
	for (size_t i = 0; i < patterns->count; i++) {
		const struct line *line = &patterns->lines[i];

		if (line->exclude || !matches_exactly(line, absolute, length))
			continue;
		declared = true;
		*ret_literal_bytes = XC_MAX(*ret_literal_bytes, line->prefix_length);
	}
	return declared;
}

enum xc_root xc_patterns_root(const struct xc_patterns *patterns, const char *absolute)
{
	size_t length = path_length(absolute);

	for (size_t i = 0; i < patterns->count; i++) {
		const struct line *line = &patterns->lines[i];

		if (!line->exclude && matches_exactly(line, absolute, length))
			return line->root;
	}
	return XC_ROOT_SLASH;
}
