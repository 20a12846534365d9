/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of /proc/self/mountinfo, and the mounts among them that are xcache's. */
#include "scene.h"

#include "mount/mountinfo.h"

struct row {
	const char *line;
	const char *point; /* NULL: no such line */
	const char *type, *source;
	pid_t keeper;
	const char *name;
};

static const struct row rows[] = {
	{ "36 35 0:98 / /w/m rw,noatime - overlay xcache-4711 rw,lowerdir=/x", "/w/m", "overlay",
	  "xcache-4711", 4711, "an overlay tells its keeper" },
	{ "36 35 0:98 /0 /w/m ro,nosuid - erofs /proc/12/fd/7 ro", "/w/m", "erofs", "/proc/12/fd/7",
	  12, "so does a read-only image" },
	{ "36 35 0:98 / /a\\040b\\134c\\011d rw shared:1 master:2 - overlay xcache-1 rw",
	  "/a b\\c\td", "overlay", "xcache-1", 1, "escaped characters, optional fields" },
	{ "36 35 0:98 / /w/-\\040-\\040x rw,noatime - overlay overlay rw", "/w/- - x", "overlay",
	  "overlay", 0, "a name like the separator" },
	{ "36 35 0:98 / /w rw - overlay overlay rw", "/w", "overlay", "overlay", 0,
	  "somebody else's overlay" },
	{ "36 35 0:98 / /w rw - overlay xcache-0 rw", "/w", "overlay", "xcache-0", 0,
	  "no process has the number 0" },
	{ "36 35 0:98 / /w rw - overlay xcache-+5 rw", "/w", "overlay", "xcache-+5", 0,
	  "a sign is no number" },
	{ "36 35 0:98 / /w rw - overlay xcache-99999999999999999999 rw", "/w", "overlay",
	  "xcache-99999999999999999999", 0, "a number that no process can have" },
	{ "36 35 0:98 / /w rw - overlay xcache-12x rw", "/w", "overlay", "xcache-12x", 0,
	  "something behind the number" },
	{ "36 35 0:98 / /w rw - ext4 xcache-12 rw", "/w", "ext4", "xcache-12", 0,
	  "another file system" },
	{ "36 35 0:98 / /w rw - erofs /dev/loop0 ro", "/w", "erofs", "/dev/loop0", 0,
	  "somebody else's image" },
	{ "36 35 0:98 / /w", NULL, NULL, NULL, 0, "a line that ends early" },
	{ "36 35 0:98 / /w rw", NULL, NULL, NULL, 0, "no file system" },
	{ "36 35 0:98 / /w rw - ext4", NULL, NULL, NULL, 0, "no source" },
	{ "", NULL, NULL, NULL, 0, "an empty line" },
};

static void lines_are_read_as_the_kernel_writes_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *row = &rows[i];
		cleanup_free char *line = xc_strdup(row->line);
		struct xc_mountinfo info;
		char *rest = line;

		if (xc_mountinfo_next(&rest, &info) != (row->point != NULL))
			fail_msg("%s", row->name);
		if (!row->point)
			continue;
		assert_string_equal(info.point, row->point);
		assert_string_equal(info.type, row->type);
		assert_string_equal(info.source, row->source);
		if (xc_mountinfo_keeper(&info) != row->keeper)
			fail_msg("%s", row->name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_read_as_the_kernel_writes_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
