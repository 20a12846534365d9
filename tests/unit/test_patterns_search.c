/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Searching a real tree: the one on which the globs of actions/cache were
 * tried, below a temporary directory with a workspace "ws" and a "home".
 * Results are written relative to the temporary directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "tree/patterns/patterns.h"

static char *top;
static struct xc_roots roots;
static struct xc_notes notes; /* of the last search */

static void make_file(const char *path)
{
	cleanup_free char *whole = xc_asprintf("%s/%s", top, path);
	cleanup_fd int fd = -1;

	*strrchr(whole, '/') = '\0';
	assert_int_equal(xc_fd_make_dirs(AT_FDCWD, whole, 0755), 0);
	whole[strlen(whole)] = '/';
	fd = open(whole, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
}

static void make_dir(const char *path)
{
	cleanup_free char *whole = xc_asprintf("%s/%s", top, path);

	assert_int_equal(xc_fd_make_dirs(AT_FDCWD, whole, 0755), 0);
}

static void make_link(const char *target, const char *path)
{
	cleanup_free char *whole = xc_asprintf("%s/%s", top, path);

	assert_int_equal(symlink(target, whole), 0);
}

static void set_mode(const char *path, mode_t mode)
{
	cleanup_free char *whole = xc_asprintf("%s/%s", top, path);

	assert_int_equal(chmod(whole, mode), 0);
}

static int make_top(void **state)
{
	const char *tmp = getenv("TMPDIR");
	struct xc_err err;

	(void)state;
	top = xc_asprintf("%s/xcache-patterns-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(top) || chmod(top, 0755) < 0)
		return -1;
	make_dir("ws");
	make_dir("home");
	{
		cleanup_free char *workspace = xc_asprintf("%s/ws", top);
		cleanup_free char *home = xc_asprintf("%s/home", top);

		return xc_roots_init(&roots, workspace, home, &err);
	}
}

static int make_tree(void **state)
{
	if (make_top(state) < 0)
		return -1;
	make_file("ws/a/1.txt");
	make_file("ws/a/br[1].txt");
	make_file("ws/a/{c}.txt");
	make_file("ws/a/b/2.txt");
	make_file("ws/a/.hid/3.txt");
	make_link("../a", "ws/a/loop");
	make_link("a", "ws/lnk");
	make_link("nope", "ws/broken");
	make_dir("ws/emptydir");
	make_file("home/.npm/x");
	make_file("home/.npm/_logs");
	return 0;
}

static int remove_top(void **state)
{
	int result = xc_fd_remove_tree(AT_FDCWD, top);

	(void)state;
	free(top);
	xc_roots_release(&roots);
	xc_notes_release(&notes);
	return result;
}

/* Search for `lines`, where "@" at the start of one stands for the temporary directory. */
static int try_search(const char *lines, struct xc_strlist *paths, struct xc_err *err)
{
	cleanup_strlist struct xc_strlist given = XC_STRLIST_INIT;
	struct xc_patterns *patterns = NULL;
	int result;

	xc_strlist_add_lines(&given, lines);
	for (size_t i = 0; i < given.count; i++) {
		if (given.items[i][0] == '@') {
			char *line = given.items[i];

			given.items[i] = xc_asprintf("%s%s", top, line + 1);
			free(line);
		}
	}
	if (xc_patterns_parse(&given, &roots, &patterns, err) < 0)
		return -1;
	xc_notes_release(&notes);
	result = xc_patterns_search(patterns, NULL, paths, &notes, err);
	xc_patterns_free(patterns);
	return result;
}

/* The result in one string: relative to the temporary directory, a space between. */
static char *search(const char *lines)
{
	cleanup_strlist struct xc_strlist paths = XC_STRLIST_INIT;
	struct xc_buf text = XC_BUF_INIT;
	struct xc_err err;

	if (try_search(lines, &paths, &err) < 0)
		fail_msg("'%s': %s", lines, err.msg);
	for (size_t i = 0; i < paths.count; i++) {
		const char *path = paths.items[i];

		if (strncmp(path, top, strlen(top)) == 0)
			path = path[strlen(top)] == '/' ? path + strlen(top) + 1 : "(top)";
		xc_buf_addf(&text, "%s%s", i > 0 ? " " : "", path);
	}
	return xc_buf_steal(&text);
}

static void assert_found(const char *lines, const char *expected)
{
	cleanup_free char *found = search(lines);

	print_message("%s\n", lines);
	assert_string_equal(found, expected);
}

/*
 * The executed globs of actions/cache. Where it lists a directory and what
 * is in it, here is the directory alone.
 */
static void globs_of_actions_cache(void **state)
{
	static const struct {
		const char *lines, *found;
	} rows[] = {
		{ "a", "ws/a" },
		{ "a/", "ws/a" },
		{ "@/ws/a", "ws/a" },
		{ "./a", "ws/a" },
		/* The cycle a/loop is dropped. */
		{ "a/*", "ws/a/.hid ws/a/1.txt ws/a/b ws/a/br[1].txt ws/a/{c}.txt" },
		{ "a/**", "ws/a" },
		{ "a/**/", "ws/a" },
		/* actions/cache has all below lnk once more. */
		{ "**/*.txt", "ws/a/.hid/3.txt ws/a/1.txt ws/a/b/2.txt ws/a/br[1].txt "
			      "ws/a/{c}.txt" },
		/* That a/b is left out shows in what judging says of it. */
		{ "a\n!a/b", "ws/a" },
		{ "a/**\n!a/b/**", "ws/a" },
		{ "a/*\n!a/b", "ws/a/.hid ws/a/1.txt ws/a/br[1].txt ws/a/{c}.txt" },
		{ "~/.npm\n!~/.npm/_logs", "home/.npm" },
		{ "~/.npm/*\n!~/.npm/_logs", "home/.npm/x" },
		{ ".", "ws" },
		{ "@", "(top)" },
		{ "lnk", "ws/lnk" },
		{ "lnk/", "ws/lnk" },
		{ "lnk/*", "ws/lnk/.hid ws/lnk/1.txt ws/lnk/b ws/lnk/br[1].txt ws/lnk/{c}.txt" },
		{ "broken", "" },
		{ "nonexist", "" },
		{ "A", "" },
		{ "a/1.txt/", "" },
		{ "a/{1,c}.txt", "" },
		{ "a/br[1].txt", "" },
		{ "#a", "" },
		{ "!a", "" },
		{ "~root/x", "" },
		{ "$HOME/x", "" },
		{ "a\n!a", "" },
		{ "!a\na", "ws/a" },
		{ "a\na", "ws/a" },
		/* actions/cache has both. */
		{ "a\na/b", "ws/a" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_found(rows[i].lines, rows[i].found);
}

static void more_globs(void **state)
{
	static const struct {
		const char *lines, *found, *bug;
	} rows[] = {
		{ "a/br[[]1].txt", "ws/a/br[1].txt", "an escaped bracket is not found" },
		{ "a/{c}.txt", "ws/a/{c}.txt", "braces need no escape" },
		{ "a/loop", "ws/a/loop", "a cycle that is asked for by name is dropped" },
		{ "a/loop/1.txt", "ws/a/loop/1.txt", "a name behind a cycle is dropped" },
		{ "a/loop/*.txt", "ws/a/loop/1.txt ws/a/loop/br[1].txt ws/a/loop/{c}.txt",
		  "a cycle that is gone through by name is dropped" },
		{ "a/l*/1.txt", "", "a cycle is gone through by a glob" },
		{ "*", "ws/a ws/emptydir ws/lnk", "a broken link is found by a glob" },
		{ "*/", "ws/a ws/emptydir ws/lnk", "a link to a directory is no directory" },
		{ "a/*/", "ws/a/.hid ws/a/b", "a file is found as a directory" },
		{ "a/1.txt/x", "", "below a file there is something" },
		{ "broken/x", "", "behind a broken link there is something" },
		{ "~", "home", "the home is not found" },
		{ "**", "ws", "a globstar does not match where it starts" },
		{ "a\n!a\na/b", "ws/a/b", "a later line below an excluded one is lost" },
		{ "a\n!a\na/*.txt", "ws/a/1.txt ws/a/br[1].txt ws/a/{c}.txt",
		  "a later glob below an excluded one is lost" },
		{ "a/b\na", "ws/a", "the result depends on the order" },
		{ "a/b/2.txt\n**/b", "ws/a/b", "a path below another one is found" },
		{ "**/2.txt\na/b", "ws/a/b", "a path below another one is found" },
		{ "*/b", "ws/a/b ws/lnk/b", "a name behind a glob is not found" },
		{ "*/b\n!lnk", "ws/a/b", "an exclusion ends at the directory itself" },
		{ "**/*.txt\n!**/b\n!lnk/**",
		  "ws/a/.hid/3.txt ws/a/1.txt ws/a/br[1].txt ws/a/{c}.txt",
		  "matches in an excluded directory are found" },
		{ "~/.npm\na/b\nemptydir", "home/.npm ws/a/b ws/emptydir", "only one root works" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		print_message("%s: ", rows[i].bug);
		assert_found(rows[i].lines, rows[i].found);
	}
}

/* Packages that link to each other, as package managers lay them out: each is found once. */
static void links_to_each_other(void **state)
{
	(void)state;
	for (int i = 0; i < 12; i++) {
		cleanup_free char *dist = xc_asprintf("ws/p/p%02d/dist/f", i);
		cleanup_free char *modules = xc_asprintf("ws/p/p%02d/node_modules", i);

		make_file(dist);
		make_dir(modules);
		for (int k = 0; k < 12; k++) {
			cleanup_free char *target = xc_asprintf("../../p%02d", k);
			cleanup_free char *link = xc_asprintf("%s/p%02d", modules, k);

			if (k != i)
				make_link(target, link);
		}
	}
	assert_found("p/**/dis[t]",
		     "ws/p/p00/dist ws/p/p01/dist ws/p/p02/dist ws/p/p03/dist ws/p/p04/dist "
		     "ws/p/p05/dist ws/p/p06/dist ws/p/p07/dist ws/p/p08/dist ws/p/p09/dist "
		     "ws/p/p10/dist ws/p/p11/dist");
	/* The way matters here: the directory itself has another place in the line. */
	assert_found("p/**/node_modules/p03/dist", "ws/p/p00/node_modules/p03/dist");
	assert_found("p/p0[01]/node_modules/p03/dist",
		     "ws/p/p00/node_modules/p03/dist ws/p/p01/node_modules/p03/dist");
}

static void links_that_lead_out(void **state)
{
	(void)state;
	make_file("out/pkg/dist/f");
	make_file("ws/q/in/dist/f");
	make_link("../../out", "ws/q/link");
	make_link("in", "ws/q/other");
	assert_found("q/*/dist", "ws/q/in/dist ws/q/other/dist");
	assert_int_equal(notes.kinds[XC_NOTE_LINKS_OUT].count, 1);
	assert_found("q/**/dist", "ws/q/in/dist");
	assert_found("q/link/*/dist", "ws/q/link/pkg/dist");
	assert_int_equal(notes.kinds[XC_NOTE_LINKS_OUT].count, 0);
}

static void lines_that_match_nothing_are_noted(void **state)
{
	(void)state;
	assert_found("a\nnope\n$HOME/x\nem*\nno*\n**/nothing\na/1.txt/\na/b\nbroken",
		     "ws/a ws/emptydir");
	assert_int_equal(notes.unmatched.count, 5);
	assert_string_equal(notes.unmatched.items[0], "nope");
	assert_string_equal(notes.unmatched.items[1], "$HOME/x");
	assert_string_equal(notes.unmatched.items[2], "no*");
	assert_string_equal(notes.unmatched.items[3], "a/1.txt/");
	assert_string_equal(notes.unmatched.items[4], "broken");
	assert_found("lnk/", "ws/lnk");
	assert_int_equal(notes.kinds[XC_NOTE_LINKED_PATH].count, 1);
	assert_found("lnk/*", "ws/lnk/.hid ws/lnk/1.txt ws/lnk/b ws/lnk/br[1].txt ws/lnk/{c}.txt");
	assert_int_equal(notes.kinds[XC_NOTE_LINKED_PATH].count, 0);
}

static void the_root_directory_itself(void **state)
{
	cleanup_strlist struct xc_strlist paths = XC_STRLIST_INIT;
	struct xc_err err;

	(void)state;
	assert_int_equal(try_search("/\na", &paths, &err), 0);
	assert_int_equal(paths.count, 1);
	assert_string_equal(paths.items[0], "/");
}

static void results_are_appended(void **state)
{
	cleanup_strlist struct xc_strlist paths = XC_STRLIST_INIT;
	struct xc_err err;

	(void)state;
	xc_strlist_add(&paths, "zzz");
	assert_int_equal(try_search("a", &paths, &err), 0);
	assert_int_equal(paths.count, 2);
	assert_string_equal(paths.items[0], "zzz");
}

static void results_are_sorted_bytewise(void **state)
{
	(void)state;
	make_dir("ws/n/a");
	make_file("ws/n/a/x");
	make_file("ws/n/a-b");
	make_file("ws/n/a.b");
	make_file("ws/n/\xc3\xa9");
	make_file("ws/n/-f");
	make_file("ws/n/B\\n");
	assert_found("n/*", "ws/n/-f ws/n/B\\n ws/n/a ws/n/a-b ws/n/a.b ws/n/\xc3\xa9");
	assert_found("n/\\-f\nn/B\\\\n\nn/?", "ws/n/-f ws/n/B\\n ws/n/a ws/n/\xc3\xa9");
}

static void links_that_do_not_end(void **state)
{
	(void)state;
	make_dir("ws/l/d");
	make_link("self", "ws/l/self");
	make_link("two", "ws/l/one");
	make_link("one", "ws/l/two");
	make_link("..", "ws/l/d/up");
	make_link("../..", "ws/l/d/upup");
	make_file("ws/l/d/f");
	assert_found("l/self", "");
	assert_found("l/one/x", "");
	assert_found("l/*", "ws/l/d");
	/* What lies above the directory where the search begins closes no circle. */
	assert_found("l/d/*", "ws/l/d/f ws/l/d/up ws/l/d/upup");
	assert_found("l/**/f", "ws/l/d/f");
	assert_found("l/d/upup/l/*", "ws/l/d/upup/l/d");
}

static uid_t drop_root(void)
{
	uid_t old = geteuid();

	if (old == 0)
		assert_int_equal(seteuid(65534), 0);
	return old;
}

static void get_back(uid_t old)
{
	if (geteuid() != old)
		assert_int_equal(seteuid(old), 0);
}

static void directories_that_may_not_be_read(void **state)
{
	cleanup_strlist struct xc_strlist paths = XC_STRLIST_INIT;
	cleanup_free char *secret = xc_asprintf("'%s/ws/p/secret'", top);
	struct xc_err err = { 0 };
	uid_t old;

	(void)state;
	make_file("ws/p/secret/x");
	make_file("ws/p/open/x");
	make_link("../secret/x", "ws/p/open/hidden");
	set_mode("ws/p/secret", 0);
	set_mode("ws/p", 0111);
	old = drop_root();

	/* Neither of them needs to be read for these. */
	assert_found("p/open/x", "ws/p/open/x");
	assert_found("p/open/*", "ws/p/open/hidden ws/p/open/x");
	assert_found("p/secret", "ws/p/secret");
	get_back(old);
	set_mode("ws/p", 0755);
	old = drop_root();

	assert_found("p/*/x\n!p/secret", "ws/p/open/x");
	assert_found("p/o*/x", "ws/p/open/x");
	/* Only "**" leads there: it is left out, and told. */
	assert_found("p/**/x", "ws/p/open/x");
	assert_int_equal(notes.kinds[XC_NOTE_UNREADABLE].count, 1);
	assert_non_null(strstr(notes.kinds[XC_NOTE_UNREADABLE].path, "/ws/p/secret"));
	assert_int_equal(try_search("p/*/x*", &paths, &err), -1);
	get_back(old);
	assert_int_equal(err.kind, XC_ERR_IO);
	assert_int_equal(err.sys, EACCES);
	assert_non_null(strstr(err.msg, secret));
	assert_int_equal(paths.count, 0);
	set_mode("ws/p/secret", 0755);
}

/* `depth` directories of one name below each other, and a file "end" in the last one. */
static void make_deep(const char *path, const char *name, int depth)
{
	cleanup_free char *whole = xc_asprintf("%s/%s", top, path);
	cleanup_fd int fd = -1, end_fd = -1;

	assert_int_equal(xc_fd_make_dirs(AT_FDCWD, whole, 0755), 0);
	fd = xc_fd_open_dir(AT_FDCWD, whole);
	for (int i = 0; i < depth; i++) {
		int next;

		assert_int_equal(mkdirat(fd, name, 0755), 0);
		next = xc_fd_open_dir(fd, name);
		xc_fd_close(&fd);
		fd = next;
		assert_true(fd >= 0);
	}
	end_fd = openat(fd, "end", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(end_fd >= 0);
}

static void deep_trees(void **state)
{
	char name[101];
	struct rlimit before;
	cleanup_strlist struct xc_strlist paths = XC_STRLIST_INIT;
	struct xc_err err;

	(void)state;
	memset(name, 'n', 100);
	name[100] = '\0';
	make_deep("ws/long", name, 60);
	make_deep("ws/deep", "d", 3000);

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 40, before.rlim_max }), 0);
	assert_int_equal(try_search("long/**/end\ndeep/**/e*", &paths, &err), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(paths.count, 2);
	assert_int_equal(strlen(paths.items[0]), strlen(top) + strlen("/ws/deep/end") + 3000 * 2);
	assert_int_equal(strlen(paths.items[1]), strlen(top) + strlen("/ws/long/end") + 60 * 101);
}

/* A name that is known although its path is longer than the system takes at once. */
static void names_below_long_paths(void **state)
{
	cleanup_buf struct xc_buf line = XC_BUF_INIT;
	char name[101];

	(void)state;
	memset(name, 'n', 100);
	name[100] = '\0';
	make_deep("ws/far", name, 50);
	xc_buf_add_str(&line, "far");
	for (int i = 0; i < 50; i++)
		xc_buf_add_str(&line, "/n*");
	xc_buf_add_str(&line, "/end");
	{
		cleanup_free char *found = search(line.data);

		assert_int_equal(strlen(found), strlen("ws/far/end") + 50 * 101);
	}
}

static void a_search_can_be_interrupted(void **state)
{
	cleanup_strlist struct xc_strlist lines = XC_STRLIST_INIT, paths = XC_STRLIST_INIT;
	struct xc_cancel cancel = { 0 };
	struct xc_patterns *patterns = NULL;
	struct xc_err err;

	(void)state;
	xc_strlist_add(&lines, "**/x");
	assert_int_equal(xc_patterns_parse(&lines, &roots, &patterns, &err), 0);
	xc_cancel_request(&cancel, -1);
	assert_int_equal(xc_patterns_search(patterns, &cancel, &paths, &notes, &err), -1);
	assert_int_equal(err.kind, XC_ERR_CANCELED);
	xc_patterns_free(patterns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ON_TREE(test)  cmocka_unit_test_setup_teardown(test, make_tree, remove_top)
#define ON_EMPTY(test) cmocka_unit_test_setup_teardown(test, make_top, remove_top)
		ON_TREE(globs_of_actions_cache),
		ON_TREE(more_globs),
		ON_EMPTY(links_to_each_other),
		ON_EMPTY(links_that_lead_out),
		ON_TREE(lines_that_match_nothing_are_noted),
		ON_TREE(the_root_directory_itself),
		ON_TREE(results_are_appended),
		ON_EMPTY(results_are_sorted_bytewise),
		ON_EMPTY(links_that_do_not_end),
		ON_EMPTY(directories_that_may_not_be_read),
		ON_EMPTY(deep_trees),
		ON_EMPTY(names_below_long_paths),
		ON_EMPTY(a_search_can_be_interrupted),
	};

	return cmocka_run_group_tests_name("patterns_search", tests, NULL, NULL);
}
