/* SPDX-License-Identifier: Apache-2.0 */
/* Where staging folders are made, the way to targets, attributes, and sizes. */
#include "staging.h"

#include <sys/file.h>
#include <sys/resource.h>

static void stage_below_a_read_only_folder(void **state)
{
	struct xc_stage_target target = { SCRATCH("locked/absent"), 1, false, true };
	cleanup_free char *after = NULL;
	struct xc_stage *stage;
	struct xc_err err = { 0 };

	(void)state;
	stage = open_one(SCRATCH("locked/own"), 1, false);
	stage_words(stage, 0, "@:555 @/d:555 @/d/f=new");
	commit(stage);
	after = picture("locked/own", PICTURE_PLAIN);
	assert_string_equal(after, " 040555\n/d 040555\n/d/f 100644 =new\n");
	assert_int_equal(xc_stage_open(&target, 1, &stage, &err), -1);
	assert_int_equal(err.kind, XC_ERR_IO);
	assert_non_null(strstr(err.msg, SCRATCH("locked,")));
	assert_non_null(strstr(err.msg, "let this user write there"));
	/* Root's file in our folder counts as that: a link to it may be refused, no rename. */
	stage = open_one(SCRATCH("user/x"), 1, false);
	stage_words(stage, 0, "@: @/roots=new @/d/f=new");
	commit(stage);
	free(after);
	after = picture("user/x", PICTURE_PLAIN);
	assert_string_equal(after, " 040755\n/d 040777\n/d/f 100644 =new\n/roots 100644 =new\n");
}

static void folders_that_may_be_written_are_found(void **state)
{
	(void)state;
	make_tree(AT_FDCWD, "locked: locked/own: user: user/x: user/x/d:777 user/x/roots=old", 0);
	assert_int_equal(chown("locked/own", SCRATCH_USER, SCRATCH_USER), 0);
	assert_int_equal(chown("user", SCRATCH_USER, SCRATCH_USER), 0);
	assert_int_equal(chown("user/x", SCRATCH_USER, SCRATCH_USER), 0);
	assert_int_equal(chmod("user/x/d", 0777), 0);
	in_child(CHILD_USER, "stage_below_a_read_only_folder", stage_below_a_read_only_folder,
		 NULL);
}

static void parents_are_made_and_unmade(void **state)
{
	cleanup_free char *before = NULL, *after = NULL, *made = NULL;
	struct xc_stage *stage;
	struct xc_err err = { 0 };
	uint64_t replaced;

	(void)state;
	make_tree(AT_FDCWD, "w: w/there:", 0);
	before = picture("w", PICTURE_PLAIN);
	stage = open_one(SCRATCH("w/there/a/b/c"), 1, false);
	stage_words(stage, 0, "@: @/f=new");
	assert_int_equal(access("w/there/a", F_OK), -1);
	cancel_at_look(1);
	assert_int_equal(xc_stage_commit(stage, NULL, &replaced, &err), -1);
	assert_int_equal(err.kind, XC_ERR_CANCELED);
	xc_stage_free(stage);
	after = picture("w", PICTURE_PLAIN);
	assert_string_equal(before, after);
	umask(027);
	stage = open_one(SCRATCH("w/there/a/b/c"), 1, false);
	stage_words(stage, 0, "@:700 @/f:644=new");
	commit(stage);
	umask(022);
	made = picture("w/there", PICTURE_PLAIN);
	assert_string_equal(made, " 040755\n/a 040750\n/a/b 040750\n/a/b/c 040700\n"
				  "/a/b/c/f 100644 =new\n");
	assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "w"), 0);
}

static void symlinks_above_the_target(void **state)
{
	static const struct {
		const char *literal, *path, *lands, *error;
		const char *bug;
	} ways[] = {
		{ "w/out/d", "w/out/d/x", "elsewhere/d/x", NULL, "the user's own symlink" },
		{ "w/out", "w/out/x", "elsewhere/x", NULL, "the user's own symlink, at the end" },
		{ "w", "w/in/x", "w/real/x", NULL, "a symlink that stays below" },
		{ "w", "w/out/x", NULL, "leads out", "a symlink that leads out" },
		{ "w/o", "w/out/x", NULL, "leads out", "half a name is taken for written out" },
		{ "w", "w/out/absent/x", NULL, "leads out", "out, and not there" },
		{ "w", "w/file/x", NULL, "not a directory", "a file above the target" },
		{ "w", "w/file/y/x", NULL, "not a directory", "a file further above" },
		{ "w", "w/dangling/x", NULL, "dangling symlink", "a dangling symlink above" },
		{ "w", "w/dangling/y/x", NULL, "dangling symlink", "a dangling one further above" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		struct xc_stage_target target = { SCRATCH(ways[i].path),
						  strlen(SCRATCH(ways[i].literal)), false, true };
		struct xc_stage *stage = NULL;
		struct xc_err err = { 0 };
		struct stat st;

		make_tree(AT_FDCWD,
			  "w: w/out>../elsewhere w/in>real w/real: w/file=x w/dangling>no "
			  "elsewhere: elsewhere/d:",
			  0);
		if (ways[i].error) {
			if (xc_stage_open(&target, 1, &stage, &err) == 0 ||
			    !strstr(err.msg, ways[i].error) || err.kind != XC_ERR_IO)
				fail_msg("%s: %s", ways[i].bug, err.msg);
		} else {
			stage = open_one(target.path, target.literal_bytes, false);
			stage_words(stage, 0, "@: @/f=new");
			commit(stage);
			if (lstat(ways[i].lands, &st) < 0 || !S_ISDIR(st.st_mode))
				fail_msg("%s", ways[i].bug);
		}
		assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "w"), 0);
		assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "elsewhere"), 0);
	}
}

/* Between opening and commit. */
static void a_symlink_put_there_later_is_refused(void **state)
{
	struct xc_stage *stage;
	struct xc_err err = { 0 };
	uint64_t replaced;

	(void)state;
	make_tree(AT_FDCWD, "w: w/above: elsewhere:", 0);
	stage = open_one(SCRATCH("w/above/x"), strlen(SCRATCH("w")), false);
	stage_words(stage, 0, "@: @/f=new");
	assert_int_equal(rename("w/above", "w/moved"), 0);
	assert_int_equal(symlink("../elsewhere", "w/above"), 0);
	assert_int_equal(xc_stage_commit(stage, NULL, &replaced, &err), -1);
	assert_int_equal(access("elsewhere/x", F_OK), -1);
	xc_stage_free(stage);
	assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "w"), 0);
	assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "elsewhere"), 0);
}

static void a_kept_directory_keeps_its_inode(void **state)
{
	static const char *const before[] = { "home:", "home: home/f=old" };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct xc_stage *stage;
		struct stat was, is;
		bool link = i >= 2;

		make_tree(AT_FDCWD, before[i % 2], 0);
		assert_int_equal(symlink("home", "link"), 0);
		assert_int_equal(stat("home", &was), 0);
		stage = open_one(link ? SCRATCH("link") : SCRATCH("home"), 1000, true);
		stage_words(stage, 0, "@:711 @/f=new");
		commit(stage);
		assert_int_equal(stat("home", &is), 0);
		assert_int_equal(was.st_ino, is.st_ino);
		assert_int_equal(is.st_mode & 07777, 0711);
		assert_int_equal(access("home/f", F_OK), 0);
		assert_int_equal(lstat("link", &is), 0);
		assert_true(S_ISLNK(is.st_mode));
		assert_int_equal(unlink("link"), 0);
		assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "home"), 0);
	}
}

static void merged_directories_take_attributes(void **state)
{
	for (int canceled = 0; canceled < 2; canceled++) {
		cleanup_free char *before = NULL, *after = NULL;
		struct xc_stage *stage;
		struct xc_err err = { 0 };
		struct stat st;
		char name[XC_STAGE_NAME_MAX], value[8] = "";
		uint64_t replaced;
		int dir_fd;

		(void)state;
		make_tree(AT_FDCWD, "w/x/d: w/x/d/f=old w/x/d/g=old", 0);
		assert_int_equal(setxattr("w/x/d", "user.both", "old", 3, 0), 0);
		assert_int_equal(setxattr("w/x/d", "user.old", "o", 1, 0), 0);
		set_mtime(AT_FDCWD, "w/x/d", 1234);
		before = picture("w/x", PICTURE_ALL);
		stage = open_one(SCRATCH("w/x"), 1, false);
		stage_words(stage, 0, "@: @/d:1750 @/d/f=new @/d/n=new @/d/e:");
		xc_stage_staged_at(stage, 0, &dir_fd, name);
		assert_int_equal(fchdir(dir_fd), 0);
		assert_int_equal(setxattr("t0/d", "user.both", "new", 3, 0), 0);
		assert_int_equal(setxattr("t0/d", "user.new", "n", 1, 0), 0);
		if (geteuid() == 0)
			assert_int_equal(chown("t0/d", 12, 34), 0);
		assert_int_equal(chmod("t0/d", 01750), 0);
		assert_int_equal(chdir(scratch_path), 0);
		set_mtime(dir_fd, "t0/d", 4321);
		/* Looks: target, d; f, n, e; the attributes of d, then of the target. */
		cancel_at_look(canceled ? 7 : 0);
		assert_int_equal(xc_stage_commit(stage, NULL, &replaced, &err), -canceled);
		xc_stage_free(stage);
		after = picture("w/x", PICTURE_ALL);
		assert_int_equal(stat("w/x/d", &st), 0);
		assert_int_equal(getxattr("w/x/d", "user.both", value, sizeof(value)), 3);
		assert_int_equal(getxattr("w/x/d", "user.old", NULL, 0), 1);
		assert_int_equal(getxattr("w/x/d", "user.new", NULL, 0), canceled ? -1 : 1);
		if (canceled) {
			assert_string_equal(before, after);
			assert_memory_equal(value, "old", 3);
		} else {
			assert_int_equal(st.st_mode & 07777, 01750);
			assert_int_equal(st.st_mtim.tv_sec, 4321);
			assert_int_equal(st.st_mtim.tv_nsec, 123456789);
			assert_true(geteuid() != 0 || (st.st_uid == 12 && st.st_gid == 34));
			assert_memory_equal(value, "new", 3);
		}
		assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "w"), 0);
	}
}

/* As killed processes leave them, but for the last digit of the name. */
#define STALE "w/.xcache-restore-0123456789abcde"

static void stale_folders_go_and_others_stay(void **state)
{
	cleanup_fd int locked_fd = -1;
	cleanup_free char *after = NULL;
	struct xc_stage *stage;

	(void)state;
	make_tree(AT_FDCWD,
		  "w: " STALE "0:700 " STALE "0/old: " STALE "0/t0/e:555 " STALE "0/clock=x " STALE
		  "1:700 " STALE "1/old: " STALE "1/accounts: " STALE "2:755 " STALE "2/old: " STALE
		  "3:700 " STALE "4:700 " STALE
		  "4/old: w/.xcache-restore-0:700 w/.xcache-restore-0/old: " STALE "5=x " STALE
		  "6>0 w/.xcache-kept-it:",
		  0);
	locked_fd = open(STALE "4", O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(locked_fd, LOCK_EX | LOCK_NB), 0);
	if (geteuid() == 0) {
		make_tree(AT_FDCWD, STALE "7:700 " STALE "7/old:", 0);
		assert_int_equal(chown(STALE "7", SCRATCH_USER, SCRATCH_USER), 0);
	}
	stage = open_one(SCRATCH("w/x"), 1, false);
	assert_int_equal(access(STALE "0", F_OK), -1);
	assert_int_equal(access(STALE "3", F_OK), -1);
	/* What somebody else moved there is not what a restore leaves. */
	assert_int_equal(access(STALE "1/accounts", F_OK), 0);
	assert_int_equal(access(STALE "2/old", F_OK), 0);
	assert_int_equal(access("w/.xcache-restore-0/old", F_OK), 0);
	assert_int_equal(access(STALE "4/old", F_OK), 0);
	assert_int_equal(access(STALE "5", F_OK), 0);
	assert_int_equal(access("w/.xcache-kept-it", F_OK), 0);
	if (geteuid() == 0)
		assert_int_equal(access(STALE "7", F_OK), 0);
	/* One in use survives another restore beside it. */
	stage_words(stage, 0, "@: @/f=new");
	xc_stage_free(open_one(SCRATCH("w/y"), 1, false));
	commit(stage);
	after = picture("w/x", PICTURE_PLAIN);
	assert_string_equal(after, " 040755\n/f 100644 =new\n");
	assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "w"), 0);
}

/* The first target becomes a symlink to `outside`; the second lies below it by another name. */
static void an_alias_does_not_lead_outside(void **state)
{
	static const char *const before[] = {
		"w/real: w/ws>real w/outside:",
		"w/real/dist: w/ws>real w/outside:",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(before); i++) {
		struct xc_stage_target targets[] = {
			{ SCRATCH("w/ws/dist"), 4096, false, false },
			{ SCRATCH("w/real/dist/f"), 4096, false, false },
		};
		struct xc_err err = { 0 };
		struct xc_stage *stage;
		uint64_t replaced;

		make_tree(AT_FDCWD, before[i], 0);
		assert_int_equal(xc_stage_open(targets, 2, &stage, &err), 0);
		stage_words(stage, 0, "@>../outside");
		stage_words(stage, 1, "@=planted");
		assert_int_equal(xc_stage_commit(stage, NULL, &replaced, &err), -1);
		assert_non_null(strstr(err.msg, "another path of the entry leads there too"));
		xc_stage_free(stage);
		assert_int_equal(access("w/outside/f", F_OK), -1);
		assert_int_equal(access("w/real/dist", F_OK), i == 0 ? -1 : 0);
		assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "w"), 0);
	}
}

static void the_users_own_link_is_followed(void **state)
{
	cleanup_free char *after = NULL;
	struct xc_stage *stage;
	struct stat st;

	(void)state;
	make_tree(AT_FDCWD, "w/disk/pip: w/disk/pip/old=x w/pip>disk/pip", 0);
	stage = open_one(SCRATCH("w/pip"), 4096, false);
	stage_words(stage, 0, "@: @/f=new");
	commit(stage);
	assert_int_equal(lstat("w/pip", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	after = picture("w/disk/pip", PICTURE_PLAIN);
	assert_string_equal(after, " 040755\n/f 100644 =new\n/old 100644 =x\n");
	/* One that a wildcard met was not written out by anybody. */
	stage = open_one(SCRATCH("w/pip"), strlen(SCRATCH("w")), false);
	stage_words(stage, 0, "@: @/f=newer");
	commit(stage);
	assert_int_equal(lstat("w/pip", &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "w"), 0);
}

static void nobody_elses_link_is_followed(void **state)
{
	struct xc_stage *stage;
	struct stat st;

	(void)state;
	if (geteuid() != 0)
		skip();
	make_tree(AT_FDCWD, "w/outside: w/pip>outside", 0);
	assert_int_equal(lchown("w/pip", SCRATCH_USER, SCRATCH_USER), 0);
	stage = open_one(SCRATCH("w/pip"), 4096, false);
	stage_words(stage, 0, "@: @/f=new");
	commit(stage);
	assert_int_equal(lstat("w/pip", &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(access("w/outside/f", F_OK), -1);
	assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "w"), 0);
}

static void what_is_made_above_belongs_to_who_owns_the_place(void **state)
{
	struct xc_stage *stage;
	struct stat st;

	(void)state;
	if (geteuid() != 0)
		skip();
	make_tree(AT_FDCWD, "w:", 0);
	assert_int_equal(chown("w", SCRATCH_USER, SCRATCH_USER), 0);
	stage = open_one(SCRATCH("w/a/b/t"), 4096, false);
	stage_words(stage, 0, "@: @/f=new");
	commit(stage);
	assert_int_equal(stat("w/a", &st), 0);
	assert_true(st.st_uid == SCRATCH_USER && st.st_gid == SCRATCH_USER);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(stat("w/a/b", &st), 0);
	assert_int_equal(st.st_uid, SCRATCH_USER);
	assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "w"), 0);
}

/* Somebody who may rename things puts others in the place of what a restore is to take back. */
static void only_what_was_put_is_taken_back(void **state)
{
	struct xc_stage_target targets[] = {
		{ SCRATCH("w/dir"), 4096, false, true },
		{ SCRATCH("w/file"), 4096, false, false },
		{ SCRATCH("w/over"), 4096, false, false },
	};
	struct xc_err err = { 0 };
	struct xc_stage *stage;
	uint64_t replaced;

	(void)state;
	make_tree(AT_FDCWD,
		  "w:777 w/mine: w/mine/dir: w/mine/dir/f=mine w/mine/file=mine w/over=old", 0);
	assert_int_equal(xc_stage_open(targets, 3, &stage, &err), 0);
	stage_words(stage, 0, "@: @/f=new");
	stage_words(stage, 1, "@=new");
	stage_words(stage, 2, "@=new");
	assert_int_equal(xc_stage_commit(stage, NULL, &replaced, &err), 0);
	assert_int_equal(rename("w/dir", "w/was"), 0);
	assert_int_equal(rename("w/mine/dir", "w/dir"), 0);
	assert_int_equal(rename("w/mine/file", "w/file"), 0);
	xc_err_set(&err, XC_ERR_IO, "stop");
	xc_stage_undo(stage, 3, &err);
	assert_non_null(strstr(err.msg, "cannot undo the changes to "));
	assert_non_null(strstr(err.msg, " and 1 more: "));
	xc_stage_free(stage);
	assert_int_equal(access("w/dir/f", F_OK), 0);
	assert_int_equal(access("w/was/f", F_OK), 0);
	assert_int_equal(access("w/file", F_OK), 0);
	assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "w"), 0);
}

static void targets_share_a_folder_and_a_fate(void **state)
{
	struct xc_stage_target targets[] = {
		{ SCRATCH("w/a"), 1, false, true },
		{ SCRATCH("w/b/c"), 1, false, true },
		{ SCRATCH("w/d"), 1, false, false },
	};
	cleanup_free char *before = NULL, *after = NULL;
	struct xc_stage *stage;
	struct xc_err err = { 0 };
	char name[XC_STAGE_NAME_MAX];
	uint64_t replaced;
	int dirs[3];

	(void)state;
	make_tree(AT_FDCWD, "w: w/a: w/a/f=old w/d: w/d/full=x", 0);
	before = picture("w/a", PICTURE_ALL);
	assert_int_equal(xc_stage_open(targets, 3, &stage, &err), 0);
	for (uint32_t i = 0; i < 3; i++) {
		xc_stage_staged_at(stage, i, &dirs[i], name);
		assert_int_equal(dirs[i], dirs[0]);
		stage_words(stage, i, i == 2 ? "@=file" : "@: @/f=new");
	}
	assert_int_equal(xc_stage_commit(stage, NULL, &replaced, &err), -1);
	assert_non_null(strstr(err.msg, "w/d is a directory that is not empty"));
	xc_stage_free(stage);
	after = picture("w/a", PICTURE_ALL);
	assert_string_equal(before, after);
	assert_int_equal(access("w/b", F_OK), -1);
	assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "w"), 0);
}

static void what_was_not_staged_is_a_defect(void **state)
{
	static const char *const words[] = { NULL, "@=file" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		struct xc_stage *stage;
		struct xc_err err = { 0 };
		uint64_t replaced;

		stage = open_one(SCRATCH("x"), 1, false);
		if (words[i])
			stage_words(stage, 0, words[i]);
		assert_int_equal(xc_stage_commit(stage, NULL, &replaced, &err), -1);
		assert_int_equal(err.kind, XC_ERR_INTERNAL);
		xc_stage_free(stage);
		assert_int_equal(access("x", F_OK), -1);
	}
}

/* Somebody puts a directory where the old file must go back to. */
static void what_cannot_be_put_back_is_kept(void **state)
{
	cleanup_free char *kept = NULL;
	struct xc_stage *stage;
	struct xc_err err = { 0 };
	uint64_t replaced;
	const char *folder;

	(void)state;
	make_tree(AT_FDCWD, "w/x: w/x/f=precious w/x/g=old", 0);
	stage = open_one(SCRATCH("w/x"), 1, false);
	stage_words(stage, 0, "@: @/f=new @/g=new");
	assert_int_equal(xc_stage_commit(stage, NULL, &replaced, &err), 0);
	assert_int_equal(unlink("w/x/f"), 0);
	xc_err_set(&err, XC_ERR_CANCELED, "interrupted");
	xc_stage_undo(stage, 1, &err);
	xc_stage_free(stage);
	assert_int_equal(err.kind, XC_ERR_IO);
	assert_non_null(strstr(err.msg, "interrupted; cannot undo the changes to "));
	assert_non_null(strstr(err.msg, SCRATCH("w/x/f (the old files are kept in ")));
	folder = strstr(err.msg, SCRATCH("w/.xcache-kept-"));
	assert_non_null(folder);
	kept = xc_asprintf("%.*s/t0/f", (int)strcspn(folder, ")"), folder);
	assert_int_equal(access(kept, F_OK), 0);
	xc_stage_free(open_one(SCRATCH("w/y"), 1, false));
	assert_int_equal(access(kept, F_OK), 0);
	assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "w"), 0);
}

static struct rlimit limit_descriptors(rlim_t count)
{
	struct rlimit was, now;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	now = was;
	now.rlim_cur = count;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
	return was;
}

static void make_deep(int dir_fd, const char *top, const char *text)
{
	cleanup_fd int at = -1;

	assert_int_equal(mkdirat(dir_fd, top, 0755), 0);
	at = openat(dir_fd, top, O_PATH | O_CLOEXEC);
	for (int i = 0; i < 700; i++) {
		int next;

		assert_int_equal(mkdirat(at, "eight by", 0755), 0);
		write_file_at(at, text, text, 0644);
		next = openat(at, "eight by", O_PATH | O_CLOEXEC);
		xc_fd_close(&at);
		at = next;
	}
}

/* Longer than PATH_MAX and deeper than there are descriptors. */
static void deep_trees_merge_and_unmerge(void **state)
{
	struct rlimit was = limit_descriptors(48);

	(void)state;
	for (int canceled = 1; canceled >= 0; canceled--) {
		struct xc_stage *stage;
		struct xc_err err = { 0 };
		char name[XC_STAGE_NAME_MAX];
		uint64_t replaced;
		int dir_fd;

		assert_int_equal(mkdir("w", 0755), 0);
		make_deep(AT_FDCWD, "w/x", "old");
		stage = open_one(SCRATCH("w/x"), 1, false);
		xc_stage_staged_at(stage, 0, &dir_fd, name);
		make_deep(dir_fd, name, "new");
		cancel_at_look(canceled ? 1 + 2 * 700 + 350 : 0);
		if (xc_stage_commit(stage, NULL, &replaced, &err) != -canceled)
			fail_msg("%s", err.msg);
		assert_int_equal(err.kind, canceled ? XC_ERR_CANCELED : XC_ERR_NONE);
		xc_stage_free(stage);
		assert_int_equal(access("w/x/eight by/eight by/new", F_OK), -canceled);
		assert_int_equal(access("w/x/eight by/eight by/old", F_OK), 0);
		assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "w"), 0);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
}

static void many_targets_need_few_descriptors(void **state)
{
	enum { COUNT = 1000 };
	struct xc_stage_target targets[COUNT];
	char(*paths)[512] = xc_calloc(COUNT, sizeof(*paths));
	struct rlimit was = limit_descriptors(48);
	struct xc_stage *stage;
	struct xc_err err = { 0 };

	(void)state;
	make_tree(AT_FDCWD, "w:", 0);
	for (int i = 0; i < COUNT; i++) {
		char name[32];

		snprintf(name, sizeof(name), "w/%d/x", i % 500 * 2 + i / 500);
		targets[i] =
			(struct xc_stage_target){ scratch_join(paths[i], name), 1, false, true };
	}
	assert_int_equal(xc_stage_open(targets, COUNT, &stage, &err), 0);
	for (uint32_t i = 0; i < COUNT; i++)
		stage_words(stage, i, "@:");
	commit(stage);
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(access(targets[i].path, F_OK), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	free(paths);
	assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "w"), 0);
}

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Names of one inode: to make 40,000 takes some file systems longer than all the rest. */
static void make_wide(int dir_fd, const char *top)
{
	char first[128] = "";

	for (int i = 0; i < 20000; i++) {
		char path[128];

		if (i % 100 == 0) {
			snprintf(path, sizeof(path), "%s/directory-%d", top, i / 100);
			assert_int_equal(xc_fd_make_dirs(dir_fd, path, 0755), 0);
		}
		snprintf(path, sizeof(path), "%s/directory-%d/an-ordinary-name-%d.js", top, i / 100,
			 i);
		if (i == 0) {
			write_file_at(dir_fd, path, "", 0644);
			memcpy(first, path, sizeof(first));
		} else {
			assert_int_equal(linkat(dir_fd, first, dir_fd, path, 0), 0);
		}
	}
}

static void a_large_merge_is_quick_and_small(void **state)
{
	struct xc_stage *stage;
	struct xc_err err = { 0 };
	char name[XC_STAGE_NAME_MAX];
	uint64_t replaced;
	size_t journal_bytes;
	double start;
	int dir_fd;

	(void)state;
	make_tree(AT_FDCWD, "w:", 0);
	make_wide(AT_FDCWD, "w/x");
	stage = open_one(SCRATCH("w/x"), 1, false);
	xc_stage_staged_at(stage, 0, &dir_fd, name);
	make_wide(dir_fd, name);
	start = now_ms();
	assert_int_equal(xc_stage_commit(stage, NULL, &replaced, &err), 0);
	journal_bytes = stage->names.cap_bytes + stage->step_capacity * sizeof(*stage->steps) +
			stage->dir_capacity * sizeof(*stage->dirs);
	print_message("20,000 files over 20,000: %.0f ms, journal of %zu kB\n", now_ms() - start,
		      journal_bytes / 1000);
	assert_int_equal(replaced, 20000);
	/* 20 MB for 100,000. */
	assert_true(journal_bytes < 4000000);
	start = now_ms();
	xc_err_set(&err, XC_ERR_CANCELED, "interrupted");
	xc_stage_undo(stage, 1, &err);
	assert_string_equal(err.msg, "interrupted");
	print_message("taken back in %.0f ms\n", now_ms() - start);
	xc_stage_free(stage);
	assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "w"), 0);
}

static void mount_points_are_empty_directories(void **state)
{
	static const struct {
		const char *before, *error; /* NULL: it can be one */
		bool made;
	} rows[] = {
		{ "points:", NULL, true },
		{ "points: points/d:", NULL, false },
		{ "points: points/d: points/d/f=x", "is not empty", false },
		{ "points: points/d=x", "is no directory", false },
		{ "points: points/d>nowhere", "is no directory", false },
		{ "", NULL, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_free char *before = NULL, *after = NULL;
		struct xc_stage_mount_point point;
		struct xc_stage *stage;
		struct xc_err err = { 0 };
		int result;

		make_tree(AT_FDCWD, rows[i].before, 1000);
		before = picture(".", PICTURE_PLAIN);
		stage = open_one(SCRATCH("points/d"), 1, false);
		result = xc_stage_mount_point(stage, 0, &point, &err);
		assert_int_equal(result, rows[i].error ? -1 : 0);
		if (rows[i].error) {
			assert_int_equal(err.kind, XC_ERR_UNSUPPORTED);
			assert_non_null(strstr(err.msg, rows[i].error));
		} else {
			assert_int_equal(point.made, rows[i].made);
			assert_int_equal(faccessat(point.above_fd, point.name, F_OK, 0), 0);
		}
		xc_stage_free(stage);
		after = picture(".", PICTURE_PLAIN);
		assert_string_equal(after, before);
		assert_int_equal(xc_fd_remove_tree(AT_FDCWD, "points"), 0);
	}
}

static void a_kept_target_is_no_mount_point(void **state)
{
	struct xc_stage_mount_point point;
	struct xc_stage *stage;
	struct xc_err err = { 0 };

	(void)state;
	make_tree(AT_FDCWD, "home:", 0);
	stage = open_one(SCRATCH("home"), 1, true);
	assert_int_equal(xc_stage_mount_point(stage, 0, &point, &err), -1);
	assert_int_equal(err.kind, XC_ERR_UNSUPPORTED);
	xc_stage_free(stage);
}

static void what_was_handed_over_stays(void **state)
{
	struct xc_stage_mount_point point;
	char beside[XC_STAGE_NAME_MAX];
	struct xc_stage_handle handle;
	struct xc_stage *stage;
	struct xc_err err = { 0 };
	cleanup_free char *after = NULL;
	int lock_fd, dir_fd;

	(void)state;
	make_tree(AT_FDCWD, "over:", 0);
	stage = open_one(SCRATCH("over/d"), 1, false);
	assert_int_equal(xc_stage_mount_point(stage, 0, &point, &err), 0);
	xc_stage_beside_at(stage, 0, &dir_fd, beside);
	assert_int_equal(mkdirat(dir_fd, beside, 0700), 0);
	handle = xc_stage_folder_handle(stage, xc_stage_folder_of(stage, 0));
	lock_fd = fcntl(handle.fd, F_DUPFD_CLOEXEC, 0);
	xc_stage_hand_over(stage);
	xc_stage_free(stage);
	assert_int_equal(access("over/d", F_OK), 0);
	/* Another restore leaves it alone while it is locked, and removes it after that. */
	xc_stage_free(open_one(SCRATCH("over/e"), 1, false));
	assert_int_equal(faccessat(lock_fd, beside, F_OK, 0), 0);
	close(lock_fd);
	xc_stage_free(open_one(SCRATCH("over/e"), 1, false));
	after = picture("over", PICTURE_PLAIN);
	assert_string_equal(after, " 040755\n/d 040755\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(folders_that_may_be_written_are_found),
		cmocka_unit_test(parents_are_made_and_unmade),
		cmocka_unit_test(symlinks_above_the_target),
		cmocka_unit_test(a_symlink_put_there_later_is_refused),
		cmocka_unit_test(a_kept_directory_keeps_its_inode),
		cmocka_unit_test(merged_directories_take_attributes),
		cmocka_unit_test(stale_folders_go_and_others_stay),
		cmocka_unit_test(an_alias_does_not_lead_outside),
		cmocka_unit_test(the_users_own_link_is_followed),
		cmocka_unit_test(nobody_elses_link_is_followed),
		cmocka_unit_test(what_is_made_above_belongs_to_who_owns_the_place),
		cmocka_unit_test(only_what_was_put_is_taken_back),
		cmocka_unit_test(targets_share_a_folder_and_a_fate),
		cmocka_unit_test(what_was_not_staged_is_a_defect),
		cmocka_unit_test(what_cannot_be_put_back_is_kept),
		cmocka_unit_test(deep_trees_merge_and_unmerge),
		cmocka_unit_test(many_targets_need_few_descriptors),
		cmocka_unit_test(a_large_merge_is_quick_and_small),
		cmocka_unit_test(mount_points_are_empty_directories),
		cmocka_unit_test(a_kept_target_is_no_mount_point),
		cmocka_unit_test(what_was_handed_over_stays),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
