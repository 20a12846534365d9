/* SPDX-License-Identifier: Apache-2.0 */
/* Walks of a scene's trees, and what they found as text. */
#ifndef XC_TESTS_WALK_SCENE_H
#define XC_TESTS_WALK_SCENE_H

#include "scene.h"

#include "pack/internal.h"
#include "tree/walk/walk.h"

static inline int try_walk_with(struct scene *scene, const char *lines, struct xc_walk_opts opts,
				struct xc_tree *ret_tree, struct xc_err *err)
{
	cleanup_strlist struct xc_strlist found = XC_STRLIST_INIT;
	cleanup_notes struct xc_notes notes = XC_NOTES_INIT;
	struct xc_patterns *patterns;
	int result;

	scene_paths(scene, lines);
	must(xc_patterns_parse(&scene->paths, &scene->roots, &patterns, err), err);
	opts.roots = &scene->roots;
	opts.cancel = scene->cache.cancel;
	opts.notes = &notes;
	opts.patterns = patterns;
	must(xc_patterns_search(patterns, NULL, &found, &notes, err), err);
	result = xc_tree_walk(&found, &opts, ret_tree, err);
	xc_patterns_free(patterns);
	return result;
}

static inline int try_walk(struct scene *scene, const char *lines, unsigned threads,
			   struct xc_tree *ret_tree, struct xc_err *err)
{
	return try_walk_with(scene, lines, (struct xc_walk_opts){ .threads = threads }, ret_tree,
			     err);
}

static inline void walk(struct scene *scene, const char *lines, unsigned threads,
			struct xc_tree *ret_tree)
{
	struct xc_err err;

	must(try_walk(scene, lines, threads, ret_tree, &err), &err);
	/* The rules that a reader of the index insists on. */
	must(xc_index_check_tree(&ret_tree->members, XC_ERR_INTERNAL, &err), &err);
}

static inline char *path_of(const struct xc_tree *tree, uint32_t position)
{
	struct xc_buf path = XC_BUF_INIT;

	xc_members_path(&tree->members, position, &path);
	return xc_buf_steal(&path);
}

/* One line for each member: type, path and, where it has one, what it leads to. */
static inline char *describe(const struct xc_tree *tree)
{
	struct xc_buf out = XC_BUF_INIT;

	for (uint32_t i = 0; i < tree->members.count; i++) {
		const struct xc_member *member = &tree->members.items[i];
		cleanup_free char *path = path_of(tree, i);

		xc_buf_addf(&out, "%c %s", "fdlh"[member->type], path);
		if (member->type == XC_MEMBER_SYMLINK)
			xc_buf_addf(&out, " -> %s", member->extra->target);
		if (member->type == XC_MEMBER_HARDLINK) {
			cleanup_free char *target = path_of(tree, member->link);

			assert_true(member->link < i);
			xc_buf_addf(&out, " = %s", target);
		}
		xc_buf_add_char(&out, '\n');
	}
	return xc_buf_steal(&out);
}

#endif
