/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of patterns share. A line is compiled into the directory
 * that its leading literal components name, which a comparison of bytes
 * decides, and the components behind it.
 */
#ifndef XC_TREE_PATTERNS_INTERNAL_H
#define XC_TREE_PATTERNS_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tree/patterns/patterns.h"

enum token_kind {
	TOKEN_TEXT,  /* these bytes */
	TOKEN_ONE,   /* "?": one character */
	TOKEN_STAR,  /* "*": any number of characters */
	TOKEN_CLASS, /* "[...]": one character in, or not in, these ranges */
};

/* Where the bytes lie in `text`, or the ranges in `ranges`, of the component. */
struct token {
	uint8_t kind; /* enum token_kind */
	bool negated;
	uint32_t start, count;
};

/* Code points; a byte outside valid UTF-8 is 0x110000 and the byte. */
struct range {
	uint32_t low, high;
};

enum component_kind {
	COMPONENT_LITERAL,  /* exactly `text` */
	COMPONENT_ANY,      /* "*" alone */
	COMPONENT_GLOB,     /* what the tokens say */
	COMPONENT_GLOBSTAR, /* "**": any number of components */
};

struct component {
	enum component_kind kind;
	char *text; /* the literal bytes of all tokens, in order */
	size_t text_length;
	struct token *tokens;
	size_t token_count;
	struct range *ranges;
};

/*
 * Compile the `length` bytes of one component, as minimatch 3 reads them:
 * - "[" without its "]" is literal; a "]" in first place does not close.
 * - "[!x]" and "[^x]" negate; "[!]" is any one character.
 * - A range that runs backwards makes the brackets literal; what is between
 *   them keeps its meaning, but for "[".
 * - Classes by name are not known: "[[:alpha:]]" is one of "[:alph" and "]".
 * - A backslash takes the special meaning off the next character, except
 *   that "-" between two characters of a class always makes a range. As
 *   the last character of a component it is itself.
 */
void xc_patterns_compile(const char *glob, size_t length, struct component *ret_component);
void xc_patterns_release_component(struct component *component);

/*
 * Whether a name of `length` bytes matches: not empty, a slash or a NUL
 * behind it. Takes O(length * bytes of the component). Not for "**".
 */
bool xc_patterns_match_name(const struct component *component, const char *name, size_t length);

struct line {
	char *text;
	bool exclude;
	bool directory_only; /* ended in "/" */
	enum xc_root root;   /* that it is written from */
	char *prefix;        /* the directory of the literal components; "" is the root */
	size_t prefix_length;
	struct component *components; /* behind the prefix; never two "**" in a row */
	size_t count;
	size_t fixed; /* how many there are before the first "**" */
};

struct xc_patterns {
	struct line *lines;
	size_t count;
	bool has_exclusions;
};

/* How a line relates to a path. */
enum reach {
	REACH_NONE,
	REACH_BELOW, /* no match, but it may match something below */
	REACH_SELF,  /* matches the path */
	REACH_ABOVE, /* matches a directory that the path lies in */
};

/*
 * Paths are here absolute, `length` bytes and a terminator, and "" for the
 * root. Trailing slashes of lines are not looked at.
 */
enum reach xc_patterns_reach(const struct line *line, const char *path, size_t length);

/* Note what is worth a word about single lines; `found` is sorted. */
void xc_patterns_note_lines(const struct xc_patterns *patterns, const struct xc_strlist *found,
			    struct xc_notes *notes);

/* xc_patterns_judge for such a path. */
enum xc_verdict xc_patterns_judge_path(const struct xc_patterns *patterns, const char *path,
				       size_t length, bool is_directory);

#endif
