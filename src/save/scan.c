/* SPDX-License-Identifier: Apache-2.0 */
#include "save/scan.h"

#include <sys/stat.h>

#include "base/pool.h"

#define NAMED_LINES_BYTES 150 /* of lines that match nothing, in a message */

static int fail_no_match(const struct xc_query *query, struct xc_err *err)
{
	cleanup_buf struct xc_buf lines = XC_BUF_INIT;
	const char *pitfall = NULL;

	for (size_t i = 0; i < query->paths->count; i++) {
		const char *line = query->paths->items[i];

		if (lines.len_bytes < NAMED_LINES_BYTES)
			xc_buf_addf(&lines, "%s%s", i > 0 ? ", " : "", XC_QUOTE(line));
		if (!pitfall && line[0] != '#')
			pitfall = xc_patterns_pitfall(line);
	}
	return xc_err_set(err, XC_ERR_NO_MATCH,
			  "Path Validation Error: Path(s) specified in the action for caching "
			  "do(es) not exist, hence no cache is being saved. Paths: %s%s%s. Key: %s",
			  xc_buf_str(&lines), pitfall ? "; " : "", pitfall ? pitfall : "",
			  XC_QUOTE(query->key));
}

static bool find_store_folder(const struct xc_store *store, struct xc_tree_container *ret_folder)
{
	struct stat status;

	if (!store->folder || stat(store->folder, &status) < 0)
		return false;
	*ret_folder = (struct xc_tree_container){ status.st_dev, status.st_ino };
	return true;
}

static int fail_nothing(const struct xc_query *query, const struct xc_notes *notes,
			struct xc_err *err)
{
	if (notes->kinds[XC_NOTE_STORE].count == 0)
		return fail_no_match(query, err);
	return xc_err_set(err, XC_ERR_NO_MATCH,
			  "%s is the folder of the store itself, and nothing else matches: choose "
			  "another folder for the store",
			  XC_QUOTE(notes->kinds[XC_NOTE_STORE].path));
}

int xc_save_scan(const struct xc_cache *cache, const struct xc_query *query, bool stamps,
		 struct xc_notes *notes, struct xc_tree *ret_tree, struct xc_err *err)
{
	cleanup_tree struct xc_tree tree = XC_TREE_INIT;
	struct xc_patterns *patterns = NULL;
	cleanup_strlist struct xc_strlist paths = XC_STRLIST_INIT;
	struct xc_walk_opts opts = {
		.roots = cache->roots,
		.threads = XC_MIN(cache->threads, (unsigned)XC_POOL_THREADS_MAX),
		.cancel = cache->cancel,
		.progress = cache->progress,
		.notes = notes,
		.stamps = stamps,
	};
	struct xc_tree_container folder;
	int result;

	/* A store in a folder does not go into itself. */
	if (find_store_folder(cache->store, &folder))
		opts.left_out = &folder;
	xc_progress_phase(cache->progress, XC_PHASE_SCAN);
	if (xc_patterns_parse(query->paths, cache->roots, &patterns, err) < 0)
		return -1;
	opts.patterns = patterns;
	result = xc_patterns_search(patterns, cache->cancel, &paths, notes, err);
	if (result == 0)
		result = xc_tree_walk(&paths, &opts, &tree, err);
	xc_patterns_free(patterns);
	if (result == 0 && tree.members.count == 0)
		result = fail_nothing(query, notes, err);
	if (result < 0)
		return -1;
	*ret_tree = tree;
	tree = (struct xc_tree)XC_TREE_INIT;
	return 0;
}
