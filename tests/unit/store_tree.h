/* SPDX-License-Identifier: Apache-2.0 */
/* What lies in the folder of a file store, for tests that nothing is left behind. */
#ifndef XC_TEST_STORE_TREE_H
#define XC_TEST_STORE_TREE_H

#include <ftw.h>
#include <sys/stat.h>

#include "store_support.h"

static struct xc_strlist *walked;
static size_t walked_root_length;

static inline int add_walked(const char *path, const struct stat *status, int flag, struct FTW *ftw)
{
	(void)status;
	(void)flag;
	if (ftw->level > 0)
		xc_strlist_add(walked, path + walked_root_length + 1);
	return 0;
}

/* Everything that lies below the root, space-separated: nothing else may be left there. */
static inline void must_contain_only(const struct fixture *fixture, const char *expected)
{
	cleanup_strlist struct xc_strlist paths = XC_STRLIST_INIT;
	cleanup_buf struct xc_buf found = XC_BUF_INIT;

	walked = &paths;
	walked_root_length = strlen(fixture->root);
	assert_int_equal(nftw(fixture->root, add_walked, 16, FTW_PHYS), 0);
	if (paths.count > 0)
		qsort(paths.items, paths.count, sizeof(char *), compare_text);
	for (size_t i = 0; i < paths.count; i++)
		xc_buf_addf(&found, "%s%s", i > 0 ? " " : "", paths.items[i]);
	assert_string_equal(xc_buf_str(&found), expected);
}

#endif
