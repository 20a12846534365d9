/* SPDX-License-Identifier: Apache-2.0 */
/* The walk of a tree that others change meanwhile, and one that is asked to stop. */
#include "walk_scene.h"

#include <pthread.h>
#include <stdatomic.h>

#include "tree/walk/internal.h"

static void stops_when_asked(void **state)
{
	cleanup_tree struct xc_tree tree = XC_TREE_INIT;
	struct xc_cancel cancel = { 0 };
	struct scene scene;
	struct xc_err err;

	(void)state;
	scene_open(&scene);
	make_file(&scene, "ws/t/d/f", "1");
	scene.cache.cancel = &cancel;
	xc_cancel_request(&cancel, 2);
	assert_int_equal(try_walk(&scene, "t", 2, &tree, &err), -1);
	assert_int_equal(err.kind, XC_ERR_CANCELED);
	scene_close(&scene);
}

static void tells_what_vanished(void **state)
{
	cleanup_tree struct xc_tree tree = XC_TREE_INIT;
	cleanup_strlist struct xc_strlist paths = XC_STRLIST_INIT;
	struct xc_walk_opts opts = { .threads = 2 };
	struct xc_patterns *patterns;
	struct scene scene;
	struct xc_err err;

	(void)state;
	scene_open(&scene);
	scene_paths(&scene, "t");
	must(xc_patterns_parse(&scene.paths, &scene.roots, &patterns, &err), &err);
	opts.roots = &scene.roots;
	opts.patterns = patterns;
	xc_strlist_take(&paths, xc_asprintf("%s/ws/t", scene.root));
	assert_int_equal(xc_tree_walk(&paths, &opts, &tree, &err), -1);
	assert_int_equal(err.kind, XC_ERR_CHANGED);
	assert_non_null(strstr(err.msg, "/ws/t vanished"));
	xc_patterns_free(patterns);
	scene_close(&scene);
}

/* A package that becomes a symlink between the search and the walk. */
static void walks_out_through_no_symlink(void **state)
{
	cleanup_tree struct xc_tree tree = XC_TREE_INIT;
	cleanup_notes struct xc_notes notes = XC_NOTES_INIT;
	cleanup_strlist struct xc_strlist found = XC_STRLIST_INIT;
	struct xc_walk_opts opts = { .threads = 2, .notes = &notes };
	struct xc_patterns *patterns;
	struct scene scene;
	struct xc_err err;

	(void)state;
	scene_open(&scene);
	make_file(&scene, "ws/p/a/d/f", "1");
	make_file(&scene, "ws/p/b/d/f", "1");
	make_file(&scene, "secret/d/key", "1");
	scene_paths(&scene, "p/*/d");
	must(xc_patterns_parse(&scene.paths, &scene.roots, &patterns, &err), &err);
	must(xc_patterns_search(patterns, NULL, &found, &notes, &err), &err);
	assert_int_equal(found.count, 2);
	remove_path(&scene, "ws/p/a");
	make_symlink(&scene, "ws/p/a", "../../secret");
	opts.roots = &scene.roots;
	opts.patterns = patterns;
	must(xc_tree_walk(&found, &opts, &tree, &err), &err);
	{
		cleanup_free char *text = describe(&tree);

		assert_string_equal(text, "d ./p/b/d\nf ./p/b/d/f\n");
	}
	assert_int_equal(notes.kinds[XC_NOTE_LINKS_OUT].count, 1);
	xc_patterns_free(patterns);
	scene_close(&scene);
}

/* Directories that become symlinks between the walk and the reading of files. */
static void reads_only_below_what_was_walked(void **state)
{
	cleanup_tree struct xc_tree tree = XC_TREE_INIT;
	struct xc_dirs *dirs;
	struct scene scene;
	const char *name;
	int fd;

	(void)state;
	scene_open(&scene);
	make_file(&scene, "ws/p/a/d/f", "1");
	make_file(&scene, "ws/p/b/d/f", "1");
	make_file(&scene, "secret/d/f", "1");
	walk(&scene, "p/*/d", 2, &tree);
	remove_path(&scene, "ws/p/a");
	make_symlink(&scene, "ws/p/a", "../../secret");
	remove_path(&scene, "ws/p/b/d");
	make_symlink(&scene, "ws/p/b/d", "../../../secret/d");
	dirs = xc_dirs_new(&tree.members, xc_tree_locate, &tree);
	for (uint32_t i = 0; i < tree.members.count; i++)
		if (tree.members.items[i].type == XC_MEMBER_FILE)
			assert_int_equal(xc_dirs_at(dirs, i, &fd, &name), -1);
	xc_dirs_free(dirs);
	scene_close(&scene);
}

/* A directory that becomes a symlink between the reading of the one above and its own. */
static void opens_directories_through_no_symlink(void **state)
{
	struct walk whole = { 0 };
	struct walk_dir top = { .walk = &whole, .name = "/", .fd = -1 };
	struct walk_dir middle = { .walk = &whole, .parent = &top, .name = "d", .fd = -1 };
	struct walk_dir below = { .walk = &whole, .parent = &middle, .name = "e", .fd = -1 };
	cleanup_free char *path = NULL;
	cleanup_fd int fd = -1;
	struct scene scene;

	(void)state;
	scene_open(&scene);
	make_file(&scene, "ws/d/e/f", "1");
	make_file(&scene, "secret/e/key", "1");
	path = xc_asprintf("%s/ws", scene.root);
	top.fd = xc_fd_open_dir(AT_FDCWD, path);
	fd = xc_walk_open(&below);
	assert_true(fd >= 0);
	remove_path(&scene, "ws/d");
	make_symlink(&scene, "ws/d", "../secret");
	assert_int_equal(xc_walk_open(&middle), -1);
	assert_int_equal(xc_walk_open(&below), -1);
	xc_fd_close(&top.fd);
	scene_close(&scene);
}

struct busy {
	struct scene *scene;
	atomic_bool stop;
};

static void *come_and_go(void *context)
{
	struct busy *busy = context;

	while (!atomic_load(&busy->stop)) {
		make_file(busy->scene, "ws/t/d/e/f", "1");
		make_symlink(busy->scene, "ws/t/d/e/l", "f");
		remove_path(busy->scene, "ws/t/d");
	}
	return NULL;
}

/* Whatever is met half gone: a table that holds together, or CHANGED. */
static void survives_a_tree_that_changes(void **state)
{
	struct scene scene;
	struct busy busy = { .scene = &scene };
	pthread_t thread;

	(void)state;
	scene_open(&scene);
	make_file(&scene, "ws/t/steady", "1");
	assert_int_equal(pthread_create(&thread, NULL, come_and_go, &busy), 0);
	for (int i = 0; i < 400; i++) {
		cleanup_tree struct xc_tree tree = XC_TREE_INIT;
		struct xc_err err;

		if (try_walk(&scene, "t", 1 + i % 2, &tree, &err) == 0)
			must(xc_index_check_tree(&tree.members, XC_ERR_INTERNAL, &err), &err);
		else if (err.kind != XC_ERR_CHANGED)
			fail_msg("kind %d: %s", err.kind, err.msg);
	}
	atomic_store(&busy.stop, true);
	pthread_join(thread, NULL);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stops_when_asked),
		cmocka_unit_test(tells_what_vanished),
		cmocka_unit_test(walks_out_through_no_symlink),
		cmocka_unit_test(reads_only_below_what_was_walked),
		cmocka_unit_test(opens_directories_through_no_symlink),
		cmocka_unit_test(survives_a_tree_that_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
