/* SPDX-License-Identifier: Apache-2.0 */
/* Merges: every row is committed, and undone at every step, on several scenes. */
#include "staging.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

enum row_flags {
	TOP_ONLY = 1,  /* about the target itself: makes no sense below a mount point */
	NEW_INODE = 2, /* an undo makes an empty directory anew */
	KEEP = 4,      /* keep_directory */
	FILE_TOP = 8,  /* the target is no directory */
};

/*
 * "@" stands for the target, or for a directory in it where something is
 * mounted. `after` is the tree that must come out; or `error` words of the
 * message, and all as before.
 */
struct row {
	const char *before, *staged, *after, *error;
	unsigned int flags;
	uint64_t replaced;
	const char *bug;
};

static const struct row rows[] = {
	{ "", "@: @/f=new @/d/g=new", "@: @/f=new @/d/g=new", NULL, TOP_ONLY, 0, "absent" },
	{ "@:700", "@: @/f=new", "@: @/f=new", NULL, NEW_INODE, 0, "empty" },
	{ "@: @/f=old @/old=old", "@: @/f=new @/new=new", "@: @/f=new @/new=new @/old=old", NULL, 0,
	  1, "file over file" },
	{ "@: @/f=old @/g=old @/h=old", "@: @/h=new @/f=new @/g=new", "@: @/f=new @/g=new @/h=new",
	  NULL, 0, 3, "several files" },
	{ "@: @/l>../kept @/o=x", "@: @/l=new", "@: @/l=new @/o=x", NULL, 0, 1,
	  "file over symlink: written through it" },
	{ "@: @/f=old", "@: @/f>somewhere", "@: @/f>somewhere", NULL, 0, 1, "symlink over file" },
	{ "@: @/l>../kept", "@: @/l>new", "@: @/l>new", NULL, 0, 1, "symlink over symlink" },
	{ "@: @/l>../keptdir", "@: @/l/kept=new", "@: @/l/kept=new", NULL, 0, 1,
	  "directory over symlink: merged into what it leads to" },
	{ "@: @/f=old", "@: @/f/g/h=new", "@: @/f/g/h=new", NULL, 0, 1, "directory over file" },
	{ "@: @/d:750", "@: @/d=new", "@: @/d=new", NULL, NEW_INODE, 1, "file over empty dir" },
	{ "@: @/d:500 @/x=x", "@: @/d>to", "@: @/d>to @/x=x", NULL, NEW_INODE, 1,
	  "symlink over empty read-only directory" },
	{ "@: @/a=old @/d/x=old @/z=old", "@: @/a=new @/d=new @/z=new", NULL,
	  "is a directory that is not empty", 0, 0, "file over a directory with content" },
	{ "@: @/d/x=old", "@: @/d>new @/b/c=new", NULL, "is a directory that is not empty", 0, 0,
	  "symlink over a directory with content" },
	{ "@: @/a/b/c/f=old @/a/g=old", "@: @/a/b/c/f=new @/a/b/n=new @/a/b/c/d/n=new",
	  "@: @/a/g=old @/a/b/c/f=new @/a/b/n=new @/a/b/c/d/n=new", NULL, 0, 1,
	  "directories merged at several levels" },
	{ "@:700 @/d:700 @/d/f=old", "@:755 @/d:711 @/d/f:600=new", "@:755 @/d:711 @/d/f:600=new",
	  NULL, 0, 1, "merged directories keep the old mode" },
	{ "@:555 @/d:555 @/d/f:444=old @/d/e:555",
	  "@:555 @/d:555 @/d/f:444=new @/d/e:555 @/d/n:555 @/d/n/m:555 @/d/n/m/x:444=new",
	  "@:555 @/d:555 @/d/f:444=new @/d/e:555 @/d/n:555 @/d/n/m:555 @/d/n/m/x:444=new", NULL, 0,
	  1, "read-only directories on both sides" },
	{ "@:755 @/d:0 @/e:300 @/e/f=old", "@: @/d:500 @/d/n=new @/e:700 @/e/f=new",
	  "@:755 @/d:500 @/d/n=new @/e:700 @/e/f=new", NULL, 0, 1,
	  "directories that cannot be listed" },
	{ "@: @/d/e/f=old", "@: @/d:600 @/d/e/f=new", "@: @/d:600 @/d/e/f=new", NULL, 0, 1,
	  "a directory becomes unsearchable before what lies below is done" },
	{ "@: @/l>to", "@: @/l:555 @/l/x=new", "@: @/l:555 @/l/x=new", NULL, 0, 1,
	  "read-only directory over symlink" },
	{ "@: @/f=old", "@: @/a=one @/b+@/a @/f+@/a", "@: @/a=one @/b=one @/f=one", NULL, 0, 1,
	  "hard links" },
	{ "@: @/\xff\x01=old @/-rf=old", "@: @/\xff\x01=new @/*=new",
	  "@: @/\xff\x01=new @/-rf=old @/*=new", NULL, 0, 1, "names of odd bytes" },
	{ "", "@=new", "@=new", NULL, TOP_ONLY | FILE_TOP, 0, "a file where nothing was" },
	{ "@=old", "@=new", "@=new", NULL, TOP_ONLY | FILE_TOP, 1, "the target: file over file" },
	{ "@>kept", "@=new", "@=new", NULL, TOP_ONLY | FILE_TOP, 1, "the target: file over link" },
	{ "@:", "@>to", "@>to", NULL, TOP_ONLY | FILE_TOP | NEW_INODE, 1,
	  "the target: symlink over empty directory" },
	{ "@: @/f=old", "@=new", NULL, "is a directory that is not empty", TOP_ONLY | FILE_TOP, 0,
	  "the target: file over a directory with content" },
	{ "@>keptdir", "@: @/f=new", "@: @/f=new", NULL, TOP_ONLY, 1,
	  "the target: directory over a symlink" },
	{ "@=old", "@: @/f=new", "@: @/f=new", NULL, TOP_ONLY, 1, "the target: over a file" },
	{ "@:711", "@:755 @/f=new", "@:755 @/f=new", NULL, TOP_ONLY | KEEP, 0, "kept, empty" },
	{ "", "@: @/f=new", "@: @/f=new", NULL, TOP_ONLY | KEEP, 0, "kept, absent" },
	{ "@: @/f=old @/d/g=g", "@: @/f=new @/d/h=h", "@: @/f=new @/d/g=g @/d/h=h", NULL, KEEP, 1,
	  "kept, with content" },
};

static void make_below(const char *path, const char *words, const char *at)
{
	cleanup_fd int fd = open(path, O_PATH | O_CLOEXEC);

	make_filled(fd, words, at, 0);
}

/* Where rows play: the target is w/x, "@" is `at` there and `staged_at` in the staging folder. */
struct scene {
	const char *at, *staged_at;
	void (*prepare)(void); /* makes "w" and what rows need, before their trees */
	void (*settle)(void);  /* with the row's tree in it; or NULL */
	void (*take_down)(void);
	unsigned int undetailed; /* what an undo cannot bring back there */
};

static void prepare_plain(void)
{
	make_tree(AT_FDCWD, "w: w/kept=kept w/keptdir: w/keptdir/kept=kept", 0);
}

static void take_down_plain(void)
{
	assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "w"), 0);
}

static const struct scene plain = { "x", "t0", prepare_plain, NULL, take_down_plain, 0 };

static int commit_row(const struct scene *scene, const struct row *row, uint64_t cancel_at,
		      uint64_t *ret_replaced, struct xc_err *err)
{
	char path[512];
	struct xc_stage_target target = {
		.path = scratch_join(path, "w/x"),
		.literal_bytes = strlen(scratch_path) + 2,
		.keep_directory = row->flags & KEEP,
		.is_directory = !(row->flags & FILE_TOP),
	};
	char name[XC_STAGE_NAME_MAX];
	struct xc_stage *stage;
	int dir_fd, result;

	if (xc_stage_open(&target, 1, &stage, err) < 0)
		fail_msg("%s: %s", row->bug, err->msg);
	xc_stage_staged_at(stage, 0, &dir_fd, name);
	make_filled(dir_fd, row->staged, scene->staged_at, 5000);
	if (strcmp(scene->staged_at, "t0") != 0)
		make_tree(dir_fd, "t0:", 7000);
	cancel_at_look(cancel_at);
	result = xc_stage_commit(stage, NULL, ret_replaced, err);
	xc_stage_free(stage);
	return result;
}

/* One try of a row; true if it was canceled at that look and undone. */
static bool play_row(const struct scene *scene, const struct row *row, uint64_t cancel_at)
{
	unsigned int detail =
		PICTURE_ALL & ~scene->undetailed & ~(row->flags & NEW_INODE ? PICTURE_INODES : 0u);
	cleanup_free char *before = NULL, *after = NULL, *names_before = NULL, *names_after = NULL;
	uint64_t replaced = UINT64_MAX;
	struct xc_err err = { 0 };
	int result;

	scene->prepare();
	make_below("w", row->before, scene->at);
	if (scene->settle)
		scene->settle();
	before = picture("w/x", detail);
	names_before = picture("w", PICTURE_PLAIN);
	result = commit_row(scene, row, cancel_at, &replaced, &err);
	after = picture("w/x", detail);
	names_after = picture("w", PICTURE_PLAIN);
	if (result < 0) {
		if (!cancel_at && (!row->error || !strstr(err.msg, row->error)))
			fail_msg("%s: %s", row->bug, err.msg);
		if (strcmp(before, after) != 0 || strcmp(names_before, names_after) != 0)
			fail_msg("%s: undone at look %d (%s): before\n%safter\n%s", row->bug,
				 (int)cancel_at, err.msg, before, after);
		assert_int_equal(replaced, UINT64_MAX);
	} else {
		cleanup_free char *expected = NULL;

		if (row->error)
			fail_msg("%s: not refused", row->bug);
		scene->take_down();
		scene->prepare();
		make_below("w", row->after, scene->at);
		expected = picture("w", PICTURE_PLAIN);
		if (strcmp(expected, names_after) != 0)
			fail_msg("%s: expected\n%sgot\n%s", row->bug, expected, names_after);
		if (replaced != row->replaced)
			fail_msg("%s: %d replaced", row->bug, (int)replaced);
	}
	scene->take_down();
	return result < 0 && err.kind == XC_ERR_CANCELED;
}

static void play_rows(const struct scene *scene, unsigned int without)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].flags & without)
			continue;
		play_row(scene, &rows[i], 0);
		for (uint64_t n = 1; play_row(scene, &rows[i], n); n++)
			assert_true(n < 100);
	}
}

static void merges(void **state)
{
	(void)state;
	play_rows(&plain, 0);
}

/* A kernel, or a container's filter, without the newer calls. */
static void forbid_newer_calls(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat2, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 2, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	};
	struct sock_fprog program = { ARRAY_LEN(code), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		_exit(77);
	assert_int_equal(syscall(SYS_renameat2, AT_FDCWD, "/", AT_FDCWD, "/", RENAME_EXCHANGE), -1);
	assert_int_equal(errno, EINVAL);
}

static void merge_without_newer_calls(void **state)
{
	(void)state;
	forbid_newer_calls();
	play_rows(&plain, 0);
}

static void merges_without_newer_calls(void **state)
{
	(void)state;
	in_child(CHILD_MOUNTS, "merge_without_newer_calls", merge_without_newer_calls, NULL);
}

static void merge_as_user(void **state)
{
	assert_int_equal(chdir("user"), 0);
	merges(state);
}

static void merge_as_user_without_newer_calls(void **state)
{
	assert_int_equal(chdir("user"), 0);
	merge_without_newer_calls(state);
}

static size_t enter_user_folder(void)
{
	size_t length = strlen(scratch_path);

	make_tree(AT_FDCWD, "user:", 0);
	assert_int_equal(chown("user", SCRATCH_USER, SCRATCH_USER), 0);
	memcpy(scratch_path + length, "/user", 6);
	return length;
}

static void merges_as_another_user(void **state)
{
	size_t length = enter_user_folder();

	(void)state;
	in_child(CHILD_USER, "merge_as_user", merge_as_user, NULL);
	in_child(CHILD_USER, "merge_as_user_without_newer_calls", merge_as_user_without_newer_calls,
		 NULL);
	scratch_path[length] = '\0';
}

static void take_down_overlay(void)
{
	static const char *const names[] = { "w", "lower", "upper", "work" };

	umount2("w", MNT_DETACH);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_int_equal(xc_fd_remove_tree(AT_FDCWD, names[i]), 0);
}

/* What the row starts from becomes a lower layer, like the image below a container. */
static void settle_overlay(void)
{
	assert_int_equal(rename("w", "lower"), 0);
	make_tree(AT_FDCWD, "w: upper: work:", 0);
	if (mount("none", "w", "overlay", 0, "lowerdir=lower,upperdir=upper,workdir=work") < 0) {
		print_message("skipped: no overlay can be mounted here, errno %d\n", errno);
		take_down_overlay();
		skip();
	}
}

static void merge_over_lower_layer(void **state)
{
	/* A file that is copied up may get another inode. */
	static const struct scene overlay = {
		"x", "t0", prepare_plain, settle_overlay, take_down_overlay, PICTURE_INODES
	};

	(void)state;
	play_rows(&overlay, 0);
}

static void merges_over_lower_layers(void **state)
{
	(void)state;
	in_child(CHILD_MOUNTS, "merge_over_lower_layer", merge_over_lower_layer, NULL);
}

static const char *mount_source; /* NULL: a tmpfs, else bound */

static void mount_at(const char *path)
{
	if (mount_source)
		assert_int_equal(mount(mount_source, path, NULL, MS_BIND, NULL), 0);
	else
		assert_int_equal(mount("none", path, "tmpfs", 0, "mode=755"), 0);
}

static void prepare_mounted(void)
{
	prepare_plain();
	make_tree(AT_FDCWD, "w/x: w/x/m: w/x/kept=kept w/x/keptdir: w/x/keptdir/kept=k source:", 0);
	mount_at("w/x/m");
}

static void take_down_mounted(void)
{
	umount2("w/x/m", MNT_DETACH);
	assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "w"), 0);
	assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "source"), 0);
}

/* Like play_row(), but the tree that is expected is put together without a mount. */
static bool play_mounted(const struct row *row, uint64_t cancel_at)
{
	static const struct scene mounted = { .at = "x/m", .staged_at = "t0/m" };
	unsigned int detail = row->flags & NEW_INODE ? PICTURE_ALL & ~PICTURE_INODES : PICTURE_ALL;
	cleanup_free char *before = NULL, *after = NULL, *expected = NULL;
	uint64_t replaced = 0;
	struct xc_err err = { 0 };
	int result;

	prepare_mounted();
	make_below("w", row->before, "x/m");
	before = picture("w/x", detail);
	result = commit_row(&mounted, row, cancel_at, &replaced, &err);
	after = picture("w/x", result < 0 ? detail : PICTURE_PLAIN);
	if (result < 0 && strcmp(before, after) != 0)
		fail_msg("%s: undone at look %d (%s): before\n%safter\n%s", row->bug,
			 (int)cancel_at, err.msg, before, after);
	if (result < 0 && !cancel_at && (!row->error || !strstr(err.msg, row->error)))
		fail_msg("%s: %s", row->bug, err.msg);
	take_down_mounted();
	if (result == 0) {
		prepare_mounted();
		umount2("w/x/m", MNT_DETACH);
		make_below("w", row->after, "x/m");
		expected = picture("w/x", PICTURE_PLAIN);
		if (strcmp(expected, after) != 0 || replaced != row->replaced)
			fail_msg("%s: expected\n%sgot %d\n%s", row->bug, expected, (int)replaced,
				 after);
		take_down_mounted();
	}
	return result < 0 && err.kind == XC_ERR_CANCELED;
}

static void merge_into_mount(void **state)
{
	mount_source = *state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].flags & TOP_ONLY)
			continue;
		play_mounted(&rows[i], 0);
		for (uint64_t n = 1; play_mounted(&rows[i], n); n++)
			assert_true(n < 100);
	}
}

static void merges_into_mounts(void **state)
{
	(void)state;
	in_child(CHILD_MOUNTS, "merge_into_tmpfs", merge_into_mount, NULL);
	/* The same st_dev on both sides, and a rename fails nevertheless. */
	in_child(CHILD_MOUNTS, "merge_into_bind_mount", merge_into_mount, "source");
}

static void copies_are_whole(void **state)
{
	struct xc_stage *stage;
	struct stat one, two, link;
	char name[XC_STAGE_NAME_MAX], value[8] = "";
	int dir_fd, fd;

	(void)state;
	make_tree(AT_FDCWD, "w/x/m:", 0);
	mount_at("w/x/m");
	stage = open_one(SCRATCH("w/x"), 1, false);
	stage_words(stage, 0,
		    "@: @/m: @/m/d: @/m/a:4750=text @/m/d/b+@/m/a @/m/l>to @/m/sparse:0=");
	xc_stage_staged_at(stage, 0, &dir_fd, name);
	assert_int_equal(fchmodat(dir_fd, "t0/m/sparse", 0600, 0), 0);
	fd = openat(dir_fd, "t0/m/sparse", O_RDWR | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, 64 << 20), 0);
	assert_int_equal(xc_fd_pwrite_all(fd, "middle", 6, 32 << 20), 0);
	assert_int_equal(fchown(fd, 12, 34), 0);
	assert_int_equal(fsetxattr(fd, "user.note", "value", 5, 0), 0);
	set_mtime(dir_fd, "t0/m/sparse", 777);
	close(fd);
	commit(stage);
	assert_int_equal(stat("w/x/m/a", &one), 0);
	assert_int_equal(stat("w/x/m/d/b", &two), 0);
	assert_int_equal(one.st_ino, two.st_ino);
	assert_int_equal(one.st_mode & 07777, 04750);
	assert_int_equal(one.st_mtim.tv_nsec, 123456789);
	assert_int_equal(lstat("w/x/m/l", &link), 0);
	assert_int_equal(link.st_mtim.tv_nsec, 123456789);
	assert_int_equal(stat("w/x/m/sparse", &one), 0);
	assert_int_equal(one.st_size, 64 << 20);
	assert_true(one.st_blocks < 1024);
	assert_true(one.st_uid == 12 && one.st_gid == 34);
	assert_int_equal(one.st_mtim.tv_sec, 777);
	assert_int_equal(getxattr("w/x/m/sparse", "user.note", value, sizeof(value)), 5);
	fd = open("w/x/m/sparse", O_RDONLY | O_CLOEXEC);
	assert_int_equal(xc_fd_pread_full(fd, value, 6, 32 << 20), 6);
	assert_memory_equal(value, "middle", 6);
	close(fd);
	umount2("w/x/m", MNT_DETACH);
}

static void copies_into_mounts_are_whole(void **state)
{
	(void)state;
	in_child(CHILD_MOUNTS, "copies_are_whole", copies_are_whole, NULL);
	assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "w"), 0);
}

/* The folder stands in the target then, and must leave no trace in its time either. */
static void fill_mount(void **state)
{
	mount_source = *state;
	for (int canceled = 0; canceled < 2; canceled++) {
		cleanup_free char *before = NULL, *after = NULL;
		struct xc_stage *stage;
		struct xc_err err = { 0 };
		uint64_t replaced;

		make_tree(AT_FDCWD, "w/x: source:", 0);
		mount_at("w/x");
		make_tree(AT_FDCWD, "w/x/f=old w/x:711", 0);
		before = picture("w/x", PICTURE_ALL);
		stage = open_one(SCRATCH("w/x"), 1, false);
		/* From elsewhere every file would be copied. */
		assert_true(stage->folders[0].in_target);
		stage_words(stage, 0, "@:500 @/f=new @/d/g=new");
		if (canceled) {
			cancel_at_look(4);
			assert_int_equal(xc_stage_commit(stage, NULL, &replaced, &err), -1);
			xc_stage_free(stage);
			after = picture("w/x", PICTURE_ALL);
			assert_string_equal(before, after);
		} else {
			struct stat st;

			commit(stage);
			after = picture("w/x", PICTURE_PLAIN);
			assert_string_equal(after, " 040500\n/d 040755\n/d/g 100644 =new\n"
						   "/f 100644 =new\n");
			assert_int_equal(stat("w/x", &st), 0);
			assert_int_equal(st.st_mtim.tv_nsec, 123456789);
			assert_true(st.st_mtim.tv_sec >= 6000);
		}
		umount2("w/x", MNT_DETACH);
		assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "w"), 0);
		assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "source"), 0);
	}
}

static void a_mount_point_is_filled(void **state)
{
	(void)state;
	in_child(CHILD_MOUNTS, "fill_tmpfs", fill_mount, NULL);
	in_child(CHILD_MOUNTS, "fill_bind_mount", fill_mount, "source");
}

/* A try with a staged file that is a name of the one in its place; true if it was canceled. */
static bool play_standing(uint64_t cancel_at)
{
	cleanup_free char *before = NULL, *after = NULL, *above = NULL, *above_after = NULL;
	char name[XC_STAGE_NAME_MAX], staged[32];
	struct xc_err err = { 0 };
	struct xc_stage *stage;
	uint64_t replaced;
	struct stat st;
	int dir_fd, result;

	make_tree(AT_FDCWD, "w: w/x: w/x/a=old w/x/f=same w/x/z=old", 0);
	before = picture("w/x", PICTURE_ALL);
	above = picture("w", PICTURE_PLAIN);
	stage = open_one(SCRATCH("w/x"), 1, false);
	stage_words(stage, 0, "@: @/a=new @/z=new");
	xc_stage_staged_at(stage, 0, &dir_fd, name);
	snprintf(staged, sizeof(staged), "%s/f", name);
	assert_int_equal(linkat(AT_FDCWD, "w/x/f", dir_fd, staged, 0), 0);
	cancel_at_look(cancel_at);
	result = xc_stage_commit(stage, NULL, &replaced, &err);
	xc_stage_free(stage);
	after = picture("w/x", result < 0 ? PICTURE_ALL : PICTURE_PLAIN);
	above_after = picture("w", PICTURE_PLAIN);
	if (result < 0) {
		assert_string_equal(before, after);
		assert_string_equal(above, above_after);
	} else {
		assert_string_equal(after, " 040755\n/a 100644 =new\n/f 100644 =same\n"
					   "/z 100644 =new\n");
	}
	assert_int_equal(stat("w/x/f", &st), 0);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "w"), 0);
	return result < 0;
}

static void a_name_of_what_stands_there_changes_nothing(void **state)
{
	uint64_t n = 1;

	(void)state;
	while (play_standing(n))
		n++;
	assert_in_range(n, 4, 20);
}

static void names_without_newer_calls(void **state)
{
	forbid_newer_calls();
	a_name_of_what_stands_there_changes_nothing(state);
}

static void a_name_of_what_stands_there_changes_nothing_without_newer_calls(void **state)
{
	(void)state;
	in_child(CHILD_MOUNTS, "names_without_newer_calls", names_without_newer_calls, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merges),
		cmocka_unit_test(merges_without_newer_calls),
		cmocka_unit_test(merges_as_another_user),
		cmocka_unit_test(merges_over_lower_layers),
		cmocka_unit_test(merges_into_mounts),
		cmocka_unit_test(copies_into_mounts_are_whole),
		cmocka_unit_test(a_mount_point_is_filled),
		cmocka_unit_test(a_name_of_what_stands_there_changes_nothing),
		cmocka_unit_test(a_name_of_what_stands_there_changes_nothing_without_newer_calls),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
