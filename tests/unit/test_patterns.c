/* SPDX-License-Identifier: Apache-2.0 */
/* What lines mean, by text alone: workspace /w, home /h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "tree/patterns/patterns.h"

static const struct xc_roots roots = { .workspace = (char *)"/w", .home = (char *)"/h" };

static int try_parse(const char *text, struct xc_patterns **ret_patterns, struct xc_err *err)
{
	cleanup_strlist struct xc_strlist lines = XC_STRLIST_INIT;

	xc_strlist_add_lines(&lines, text);
	return xc_patterns_parse(&lines, &roots, ret_patterns, err);
}

static struct xc_patterns *parse(const char *text)
{
	struct xc_patterns *patterns = NULL;
	struct xc_err err = { 0 };

	if (try_parse(text, &patterns, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
	return patterns;
}

static bool declares(const struct xc_patterns *patterns, const char *path)
{
	size_t literal_bytes;

	return xc_patterns_declares(patterns, path, &literal_bytes);
}

static void assert_declares(const char *line, const char *path, bool expected, const char *bug)
{
	struct xc_patterns *patterns = parse(line);

	if (declares(patterns, path) != expected)
		fail_msg("'%s' and '%s': %s", line, path, bug);
	xc_patterns_free(patterns);
}

static void lines_start_at_their_root(void **state)
{
	static const struct {
		const char *line, *path, *bug;
	} rows[] = {
		{ "a", "/w/a", "relative lines start at the workspace" },
		{ "./a", "/w/a", "a leading dot is the workspace" },
		{ ".//a//b/", "/w/a/b", "slashes are not collapsed" },
		{ ".", "/w", "the workspace itself" },
		{ "./", "/w", "the workspace itself with a slash" },
		{ ".a", "/w/.a", "a hidden name is taken for the dot" },
		{ "~", "/h", "the home itself" },
		{ "~/", "/h", "the home itself with a slash" },
		{ "~/.npm", "/h/.npm", "below home" },
		{ "~root/x", "/w/~root/x", "another user's home is looked up" },
		{ "a/~", "/w/a/~", "a tilde is expanded in the middle" },
		{ "$HOME/x", "/w/$HOME/x", "a variable is expanded" },
		{ "\\~/x", "/w/~/x", "an escaped tilde is expanded" },
		{ "/", "/", "the root" },
		{ "/opt/x", "/opt/x", "absolute lines start at the workspace" },
		{ "//opt//x//", "/opt/x", "slashes are not collapsed" },
		{ "\\#a", "/w/#a", "an escaped comment is a comment" },
		{ "\\!a", "/w/!a", "an escaped exclusion excludes" },
		{ "!!a", "/w/a", "two exclusions do not cancel out" },
		{ "!! ! !a", "/w/a", "space between exclusions" },
		{ "a b", "/w/a b", "a space splits a line" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_declares(rows[i].line, rows[i].path, true, rows[i].bug);
}

static void globs_match_as_in_minimatch(void **state)
{
	static const struct {
		const char *line, *path;
		bool expected;
		const char *bug;
	} rows[] = {
		{ "A", "/w/a", false, "case is ignored" },
		{ "a", "/w/a/b", false, "a match declares what is below it" },
		{ "a", "/w/ab", false, "a prefix of a name matches" },
		{ "a/b", "/w/a", false, "a directory above is declared" },
		{ "*", "/w/a", true, "star" },
		{ "*", "/w/.a", true, "star leaves out hidden files" },
		{ "*", "/w/a/b", false, "star crosses a slash" },
		{ "*", "/w", false, "star matches no component" },
		{ "a*c", "/w/ac", true, "star takes at least one" },
		{ "a*c", "/w/abcbc", true, "star does not go on after a wrong end" },
		{ "a*c", "/w/abcb", false, "the end is not looked at" },
		{ "a*b*c*", "/w/aXbbXcc", true, "several stars" },
		{ "a***c", "/w/abc", true, "stars in a row" },
		{ "***", "/w/a/b", false, "three stars are taken for a globstar" },
		{ "a**", "/w/a/b", false, "two stars within a name are taken for a globstar" },
		{ "a**", "/w/ab", true, "two stars within a name are no star" },
		{ "?", "/w/a", true, "question mark" },
		{ "?", "/w/\xc3\xa9", true, "question mark takes a byte of a character" },
		{ "?", "/w/\xf0\x9f\x98\x80", true, "question mark takes half of a character" },
		{ "?", "/w/\xff", true, "question mark needs valid UTF-8" },
		{ "??", "/w/\xc3\xa9", false, "a character counts twice" },
		{ "*??", "/w/\xc3\xa9", false, "star stops within a character" },
		{ "a?b", "/w/a/b", false, "question mark takes a slash" },
		{ "a?", "/w/a", false, "question mark takes nothing" },
		{ "[abc]", "/w/b", true, "class" },
		{ "[abc]", "/w/d", false, "class" },
		{ "[a-cx-z]", "/w/y", true, "second range of a class" },
		{ "[a-c]", "/w/-", false, "a dash in a range is a member" },
		{ "[ac-]", "/w/-", true, "a dash at the end is not a member" },
		{ "[-ac]", "/w/-", true, "a dash at the beginning is not a member" },
		{ "[!a]", "/w/b", true, "negation by an exclamation mark" },
		{ "[!a]", "/w/a", false, "negation by an exclamation mark" },
		{ "[^a]", "/w/b", true, "negation by a caret" },
		{ "[^a]", "/w/^", true, "the caret is a member" },
		{ "[a!]", "/w/!", true, "an exclamation mark elsewhere negates" },
		{ "a[/]b", "/w/a[/]b", true, "a class reaches over a slash" },
		{ "[]a]", "/w/]", true, "a bracket in first place closes" },
		{ "[!]a]", "/w/xa]", true, "an empty negated class is not any character" },
		{ "[*]", "/w/*", true, "a star in a class is no member" },
		{ "[*]", "/w/a", false, "a star in a class is a star" },
		{ "[?]", "/w/a", false, "a question mark in a class is one" },
		{ "[a", "/w/[a", true, "an open class is not literal" },
		{ "[a*", "/w/[abc", true, "a star behind an open bracket is literal" },
		{ "[]", "/w/[]", true, "an empty class is not literal" },
		{ "[[]", "/w/[", true, "a bracket cannot be escaped by a class" },
		{ "br[[]1].txt", "/w/br[1].txt", true, "a bracket cannot be escaped by a class" },
		{ "br[1].txt", "/w/br1.txt", true, "a class with one member" },
		{ "br[1].txt", "/w/br[1].txt", false, "a class matches itself" },
		{ "[z-a]", "/w/[z-a]", true, "a range backwards is not literal" },
		{ "[z-a]", "/w/m", false, "a range backwards matches" },
		{ "[z-a*]", "/w/[z-aXY]", true, "a star in a literal class is literal" },
		{ "[z-a[c]", "/w/[z-a[c]", true, "a class starts within a literal one" },
		{ "[[:alpha:]]", "/w/a]", true, "classes by name are known" },
		{ "[[:alpha:]]", "/w/b", false, "classes by name are known" },
		{ "[\\]a]", "/w/]", true, "an escaped bracket closes" },
		{ "[a\\-c]", "/w/b", true, "an escaped dash is no range, unlike in minimatch" },
		{ "[\\!a]", "/w/!", true, "an escaped exclamation mark negates" },
		{ "[\xc3\xa0-\xc3\xbf]", "/w/\xc3\xa9", true, "ranges go by bytes" },
		{ "[\xc3\xa0-\xc3\xbf]", "/w/\xc3\x9f", false, "ranges go by bytes" },
		{ "[!a]", "/w/\xff", true, "a byte outside UTF-8 is in every class" },
		{ "[\x01-\xf4\x8f\xbf\xbf]", "/w/\xff", false, "a byte is taken for a character" },
		{ "\\*", "/w/*", true, "an escaped star" },
		{ "\\*", "/w/a", false, "an escaped star" },
		{ "\\?\\[\\a", "/w/?[a", true, "escapes" },
		{ "a\\", "/w/a\\", true, "a backslash at the end" },
		{ "a\\\\b", "/w/a\\b", true, "an escaped backslash" },
		{ "\\*\\*", "/w/**", true, "an escaped globstar" },
		{ "\\*\\*", "/w/a/b", false, "an escaped globstar" },
		{ "{a,b}", "/w/a", false, "braces are expanded" },
		{ "{a,b}", "/w/{a,b}", true, "braces are expanded" },
		{ "+(a)", "/w/aa", false, "extended globs" },
		{ "+(a)", "/w/+(a)", true, "extended globs" },
		{ "!(a)", "/w/b", false, "extended globs" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_declares(rows[i].line, rows[i].path, rows[i].expected, rows[i].bug);
}

static void globstars_match_any_depth(void **state)
{
	static const struct {
		const char *line, *path;
		bool expected;
		const char *bug;
	} rows[] = {
		{ "**", "/w", true, "a globstar needs a component" },
		{ "**", "/w/a/.b/c", true, "a globstar stops" },
		{ "**", "/x", false, "a globstar leaves the workspace" },
		{ "/**", "/", true, "a globstar at the root" },
		{ "/**", "/a/b", true, "a globstar at the root" },
		{ "a/**", "/w/a", true, "a globstar does not match the directory before it" },
		{ "a/**", "/w/a/b/c", true, "a globstar stops" },
		{ "a/**/", "/w/a/b", true, "a globstar for directories" },
		{ "a/**", "/w/ab", false, "a globstar begins within a name" },
		{ "a/**/*", "/w/a", false, "a star behind a globstar matches nothing" },
		{ "a/**/**", "/w/a", true, "two globstars need a component" },
		{ "**/*.txt", "/w/a/x.txt", true, "globstar in front" },
		{ "**/*.txt", "/w/x.txt", true, "globstar takes at least one" },
		{ "**/*.txt", "/w/a", false, "a directory above a match is declared" },
		{ "**/*.txt", "/w/x.txt/a", false, "what is below a match is declared" },
		{ "a/**/b", "/w/a/b", true, "globstar takes at least one" },
		{ "a/**/b", "/w/a/b/c/b", true, "globstar takes the first end it finds" },
		{ "a/**/b", "/w/a/b/c", false, "globstar takes the first end it finds" },
		{ "a/**/b", "/w/a", false, "globstar forgets what follows" },
		{ "**/a/**/b/**/c", "/w/a/x/b/y/c", true, "three globstars" },
		{ "**/a/**/b/**/c", "/w/a/b/c", true, "three globstars that take nothing" },
		{ "**/a/**/b/**/c", "/w/b/a/c", false, "the order does not count" },
		{ "**/a/b/**/c", "/w/a/a/b/x/c", true, "a run is not tried again" },
		{ "**/a/*/**/a", "/w/a/a", false, "one component counts twice" },
		{ "**/b/**/a/b", "/w/b/a/b", true, "the last run overlaps" },
		{ "**/a/b/**/b", "/w/a/b", false, "the last run overlaps" },
		{ "a*/**/x?z/**", "/w/ab/q/xyz/1/2", true, "globs around globstars" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_declares(rows[i].line, rows[i].path, rows[i].expected, rows[i].bug);
}

static void hostile_paths_are_not_declared(void **state)
{
	static const char *const rows[] = { "",       "a",          "w/a",       "/w/..", "/w/a/..",
					    "/w/a/.", "/w/a//b",    "/w/a/",     "//w/a", "/w/./a",
					    "/",      "/w/a/../..", "/w/../w/a", "/h",    "/w2",
					    "/ww/a",  "/w\\a",      "/W/a",      "./w/a", "~/a" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_declares("**", rows[i], false, "a hostile member is placed");
	/* Excluded or not is another question. */
	assert_declares("!a", "/w/a", false, "an exclusion declares");
	assert_declares("a\n!a", "/w/a", true, "exclusions count");
	assert_declares("", "/w", false, "no line declares everything");
}

#define IN   XC_VERDICT_INCLUDE
#define OUT  XC_VERDICT_EXCLUDE
#define DOWN XC_VERDICT_DESCEND

static void paths_are_judged_by_the_last_line_that_matches(void **state)
{
	static const struct {
		const char *lines, *path;
		bool is_directory;
		enum xc_verdict expected;
		const char *bug;
	} rows[] = {
		{ "a", "/w/a", true, IN, "the match itself" },
		{ "a", "/w/a/b/c", false, IN, "below the match" },
		{ "a", "/w/ab", true, OUT, "a name that starts like the match" },
		{ "a\n!a/b", "/w/a", true, IN, "an exclusion below takes the match" },
		{ "a\n!a/b", "/w/a/c", false, IN, "an exclusion takes its neighbour" },
		{ "a\n!a/b", "/w/a/b", true, OUT, "exclusions have no effect below a match" },
		{ "a\n!a/b", "/w/a/b/2.txt", false, OUT, "exclusions end at the directory" },
		{ "a/**\n!a/b/**", "/w/a/b", true, OUT, "a/b/** does not match a/b" },
		{ "a/**\n!a/b/**", "/w/a/b/2.txt", false, OUT, "a globstar does not exclude" },
		{ "a/**\n!a/b/*", "/w/a/b", true, IN, "a/b/* matches a/b" },
		{ "a\n!a/b\na/b/c", "/w/a/b", true, DOWN, "a later inclusion is not reached" },
		{ "a\n!a/b\na/b/c", "/w/a/b", false, OUT, "a file is descended into" },
		{ "a\n!a/b\na/b/c", "/w/a/b/c", false, IN, "a later inclusion has no effect" },
		{ "a\n!a/b\na/b/c", "/w/a/b/c/d", false, IN, "a later inclusion ends" },
		{ "a\n!a/b\na/b/c", "/w/a/b/d", true, OUT, "all below is walked" },
		{ "a/b/c\na\n!a/b", "/w/a/b", true, OUT, "an earlier inclusion is descended for" },
		{ "a\n!a/b\na/b/*/d", "/w/a/b", true, DOWN, "a glob is not reached" },
		{ "a\n!a/b\na/b/*/d", "/w/a/b/x", true, DOWN, "a glob is not reached" },
		{ "a\n!a/b\na/b/*/d", "/w/a/b/x/y", true, OUT, "a glob that cannot be reached" },
		{ "a\n!a/b\n**/d", "/w/a/b/x/y", true, DOWN, "a globstar is not reached" },
		{ "a\n!a/b\n**/d/e", "/w/a/b/d", true, DOWN, "a globstar is not reached" },
		{ "a\n!a\n/w", "/w/a", true, IN, "a later line above does not include" },
		{ "a\n!**/*.log", "/w/a/x.log", false, OUT, "a glob does not exclude" },
		{ "a\n!**/*.log", "/w/a/x.logs", false, IN, "a glob excludes too much" },
		{ "a\n!**/*.log\na/keep.log", "/w/a/keep.log", false, IN, "the last line wins" },
		{ "a\n!a", "/w/a", true, OUT, "an exclusion of the same" },
		{ "a\n ! !\t! a ", "/w/a", true, OUT, "an odd number of exclusions includes" },
		{ "!a\na", "/w/a", true, IN, "an earlier exclusion takes it back" },
		{ "a\n!a\na/b", "/w/a", true, DOWN, "what a later line includes is lost" },
		{ "a\n!a\na/b", "/w/a/b", true, IN, "what a later line includes is lost" },
		{ "a\n!a\na/b", "/w/a/c", false, OUT, "an exclusion ends at the directory" },
		{ "a\n!a/*/", "/w/a/x", false, IN, "a line for directories excludes a file" },
		{ "a\n!a/*/", "/w/a/x", true, OUT, "a line for directories has no effect" },
		{ "a\n!a/*/", "/w/a/x/y", false, OUT, "below an excluded directory" },
		{ "a\n!**/b/", "/w/a/b", false, IN, "a globstar for directories takes a file" },
		{ "a\n!**/b/", "/w/a/b/b", false, OUT, "the earliest match is not looked at" },
		{ "a/b", "/w", true, DOWN, "above a match" },
		{ "a/b", "/w/c", true, OUT, "beside a match" },
		{ "/**", "/", true, IN, "the root" },
		{ "/x", "/", true, DOWN, "above everything" },
		{ "!a", "/w/a", true, OUT, "an exclusion alone includes" },
		{ "# a", "/w/# a", true, OUT, "a comment is a line" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct xc_patterns *patterns = parse(rows[i].lines);
		enum xc_verdict verdict =
			xc_patterns_judge(patterns, rows[i].path, rows[i].is_directory);

		if (verdict != rows[i].expected)
			fail_msg("'%s' and '%s': %s", rows[i].lines, rows[i].path, rows[i].bug);
		xc_patterns_free(patterns);
	}
}

static void exclusions_are_known(void **state)
{
	static const struct {
		const char *lines;
		bool expected;
	} rows[] = { { "a\nb", false }, { "a\n!b", true }, { "!!a", false }, { "#!a", false } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct xc_patterns *patterns = parse(rows[i].lines);

		assert_int_equal(xc_patterns_has_exclusions(patterns), rows[i].expected);
		xc_patterns_free(patterns);
	}
}

static void lines_that_cannot_be_used(void **state)
{
	static const struct {
		const char *line, *message;
	} rows[] = {
		{ "..", "Invalid pattern '..'. Relative pathing '.' and '..' is not allowed." },
		{ "a/./b",
		  "Invalid pattern 'a/./b'. Relative pathing '.' and '..' is not allowed." },
		{ "!a/../b",
		  "Invalid pattern 'a/../b'. Relative pathing '.' and '..' is not allowed." },
		{ "./.", "Invalid pattern './.'. Relative pathing '.' and '..' is not allowed." },
		{ "/.", "Invalid pattern '/.'. Relative pathing '.' and '..' is not allowed." },
		{ "~/..", "Invalid pattern '~/..'. Relative pathing '.' and '..' is not allowed." },
		{ "a/[.]",
		  "Invalid pattern 'a/[.]'. Relative pathing '.' and '..' is not allowed." },
		{ "**/..",
		  "Invalid pattern '**/..'. Relative pathing '.' and '..' is not allowed." },
		{ "a/\\../\x1b",
		  "Invalid pattern 'a/\\x5c../\\x1b'. Relative pathing '.' and '..' is not "
		  "allowed." },
		{ "!", "Invalid pattern '!'. There is no path after the '!'." },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct xc_patterns *patterns = NULL;
		struct xc_err err;

		assert_int_equal(try_parse(rows[i].line, &patterns, &err), -1);
		assert_null(patterns);
		assert_int_equal(err.kind, XC_ERR_USAGE);
		assert_string_equal(err.msg, rows[i].message);
	}
}

static void a_home_is_needed_only_for_a_tilde(void **state)
{
	static const struct xc_roots homeless = { .workspace = (char *)"/w" };
	cleanup_strlist struct xc_strlist lines = XC_STRLIST_INIT;
	struct xc_patterns *patterns = NULL;
	struct xc_err err;

	(void)state;
	xc_strlist_add(&lines, "~x");
	assert_int_equal(xc_patterns_parse(&lines, &homeless, &patterns, &err), 0);
	xc_patterns_free(patterns);
	xc_strlist_add(&lines, "!~/x");
	assert_int_equal(xc_patterns_parse(&lines, &homeless, &patterns, &err), -1);
	assert_int_equal(err.kind, XC_ERR_USAGE);
	assert_non_null(strstr(err.msg, "'~/x'"));
	assert_non_null(strstr(err.msg, "HOME"));
}

static void root_directories_as_roots(void **state)
{
	static const struct xc_roots slash = { .workspace = (char *)"/", .home = (char *)"/" };
	cleanup_strlist struct xc_strlist lines = XC_STRLIST_INIT;
	struct xc_patterns *patterns = NULL;
	struct xc_err err;

	(void)state;
	xc_strlist_add(&lines, "a*");
	xc_strlist_add(&lines, "~/b");
	assert_int_equal(xc_patterns_parse(&lines, &slash, &patterns, &err), 0);
	assert_true(declares(patterns, "/a1"));
	assert_true(declares(patterns, "/b"));
	assert_false(declares(patterns, "/"));
	xc_patterns_free(patterns);
}

/* A restore follows symlinks in what the user spelt out, and nowhere else. */
static void the_literal_part_ends_before_the_first_wildcard(void **state)
{
	static const struct {
		const char *line, *path, *literal;
	} rows[] = {
		{ "a/b", "/w/a/b", "/w/a/b" },      { "a/*/c", "/w/a/b/c", "/w/a" },
		{ "**/c", "/w/a/b/c", "/w" },       { "/opt/x*", "/opt/xy", "/opt" },
		{ "~/.npm", "/h/.npm", "/h/.npm" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_strlist struct xc_strlist lines = XC_STRLIST_INIT;
		struct xc_patterns *patterns;
		struct xc_err err;
		size_t literal_bytes;

		xc_strlist_add(&lines, rows[i].line);
		assert_int_equal(xc_patterns_parse(&lines, &roots, &patterns, &err), 0);
		assert_true(xc_patterns_declares(patterns, rows[i].path, &literal_bytes));
		assert_int_equal(literal_bytes, strlen(rows[i].literal));
		xc_patterns_free(patterns);
	}
}

static void workspace_and_home_are_no_globs(void **state)
{
	static const struct xc_roots odd = { .workspace = (char *)"/w[1]*",
					     .home = (char *)"/h[1]*" };
	cleanup_strlist struct xc_strlist lines = XC_STRLIST_INIT;
	struct xc_patterns *patterns = NULL;
	struct xc_err err;

	(void)state;
	xc_strlist_add(&lines, "a");
	xc_strlist_add(&lines, "~/b");
	assert_int_equal(xc_patterns_parse(&lines, &odd, &patterns, &err), 0);
	assert_true(declares(patterns, "/w[1]*/a"));
	assert_false(declares(patterns, "/w1x/a"));
	assert_true(declares(patterns, "/h[1]*/b"));
	assert_false(declares(patterns, "/h1x/b"));
	xc_patterns_free(patterns);
}

static void lines_beyond_a_ceiling_are_refused(void **state)
{
	cleanup_strlist struct xc_strlist lines = XC_STRLIST_INIT, one = XC_STRLIST_INIT;
	char text[XC_PATTERNS_MAX_LINE_BYTES + 2];
	struct xc_patterns *patterns = NULL;
	struct xc_err err;

	(void)state;
	for (int i = 0; i < XC_PATTERNS_MAX_LINES; i++)
		xc_strlist_add(&lines, "a");
	assert_int_equal(xc_patterns_parse(&lines, &roots, &patterns, &err), 0);
	xc_patterns_free(patterns);
	xc_strlist_add(&lines, "a");
	assert_int_equal(xc_patterns_parse(&lines, &roots, &patterns, &err), -1);
	assert_int_equal(err.kind, XC_ERR_USAGE);

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	xc_strlist_add(&one, text);
	assert_int_equal(xc_patterns_parse(&one, &roots, &patterns, &err), -1);
	assert_int_equal(err.kind, XC_ERR_USAGE);
	one.items[0][XC_PATTERNS_MAX_LINE_BYTES] = '\0';
	assert_int_equal(xc_patterns_parse(&one, &roots, &patterns, &err), 0);
	xc_patterns_free(patterns);
}

/* "<start>(<unit> * count)<end>" */
static char *repeated(const char *start, const char *unit, int count, const char *end)
{
	struct xc_buf text = XC_BUF_INIT;

	xc_buf_add_str(&text, start);
	for (int i = 0; i < count; i++)
		xc_buf_add_str(&text, unit);
	xc_buf_add_str(&text, end);
	return xc_buf_steal(&text);
}

/* With backtracking into every star, each of these takes longer than the universe exists. */
static void hostile_lines_take_no_time(void **state)
{
	static const struct {
		const char *unit, *path_unit, *end;
	} rows[] = {
		{ "*a", "a", "b" },
		{ "**/a/", "a/", "b" },
		{ "**/*a*/", "aaaa/", "b" },
		{ "[", "[", "b" },
	};
	clock_t start = clock();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_free char *line = repeated("", rows[i].unit, 500, rows[i].end);
		cleanup_free char *path = repeated("/w/", rows[i].path_unit, 2000, "x");
		struct xc_patterns *patterns = parse(line);

		assert_false(declares(patterns, path));
		assert_int_not_equal(xc_patterns_judge(patterns, path, true), XC_VERDICT_INCLUDE);
		xc_patterns_free(patterns);
	}
	/* Generous: a sanitizer on a slow machine. */
	assert_true(clock() - start < 20 * CLOCKS_PER_SEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_start_at_their_root),
		cmocka_unit_test(globs_match_as_in_minimatch),
		cmocka_unit_test(globstars_match_any_depth),
		cmocka_unit_test(hostile_paths_are_not_declared),
		cmocka_unit_test(paths_are_judged_by_the_last_line_that_matches),
		cmocka_unit_test(exclusions_are_known),
		cmocka_unit_test(lines_that_cannot_be_used),
		cmocka_unit_test(a_home_is_needed_only_for_a_tilde),
		cmocka_unit_test(root_directories_as_roots),
		cmocka_unit_test(workspace_and_home_are_no_globs),
		cmocka_unit_test(the_literal_part_ends_before_the_first_wildcard),
		cmocka_unit_test(lines_beyond_a_ceiling_are_refused),
		cmocka_unit_test(hostile_lines_take_no_time),
	};

	return cmocka_run_group_tests_name("patterns", tests, NULL, NULL);
}
