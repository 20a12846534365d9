/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Torture: a save and a restore are run again and again, and each time one
 * more of their calls to the system fails. Whatever fails, nothing may be
 * left half done. The linker hands us the calls (test_torture.wrap names
 * them); with one thread their order is always the same.
 */
#include "scene.h"

#include <stdatomic.h>
#include <sys/file.h>
#include <sys/xattr.h>

#include "store/file/internal.h"

/* --- the calls --- */

enum blow {
	BLOW_ONCE,    /* one call fails */
	BLOW_FOREVER, /* that call and all after it */
	BLOW_SHORT,   /* one read or write does a single byte */
};

static struct {
	bool armed;
	enum blow blow;
	int error;
	long at, seen;
	const char *struck; /* the call that failed, NULL if there were not so many */
} torture;

static bool is_due(const char *name)
{
	torture.seen++;
	if (torture.seen < torture.at ||
	    (torture.seen > torture.at && torture.blow != BLOW_FOREVER))
		return false;
	if (!torture.struck)
		torture.struck = name;
	return true;
}

/* Whether this call is the one to fail; sets errno. */
static bool strikes(const char *name)
{
	/* Only the calls below are ever interrupted on the files that a job has. */
	if (!torture.armed || torture.blow == BLOW_SHORT || torture.error == EINTR || !is_due(name))
		return false;
	errno = torture.error;
	return true;
}

/* The same for a read or write, which may also do less than it was asked for. */
static bool strikes_transfer(const char *name, size_t *length)
{
	if (!torture.armed || !is_due(name))
		return false;
	if (torture.blow == BLOW_SHORT) {
		*length = *length > 0;
		return false;
	}
	errno = torture.error;
	return true;
}

#define WRAP(type, failure, name, parameters, arguments)                                           \
	type __real_##name parameters;                                                             \
	type __wrap_##name parameters;                                                             \
	type __wrap_##name parameters                                                              \
	{                                                                                          \
		return strikes(#name) ? (failure) : __real_##name arguments;                       \
	}
#define WRAP_TRANSFER(type, name, parameters, arguments)                                           \
	type __real_##name parameters;                                                             \
	type __wrap_##name parameters;                                                             \
	type __wrap_##name parameters                                                              \
	{                                                                                          \
		return strikes_transfer(#name, &length) ? -1 : __real_##name arguments;            \
	}
/* That bytes really reach the disk would take most of the time, and proves nothing here. */
#define WRAP_SYNC(name, parameters)                                                                \
	int __wrap_##name parameters;                                                              \
	int __wrap_##name parameters                                                               \
	{                                                                                          \
		return strikes(#name) ? -1 : 0;                                                    \
	}

/* What is variadic takes its optional argument always: the caller leaves something in its place. */
#define OPEN_ARGS   (const char *path, int flags, mode_t mode)
#define OPENAT_ARGS (int fd, const char *path, int flags, mode_t mode)
#define STAT_ARGS   (int fd, struct stat *st)
#define STATAT_ARGS (int fd, const char *path, struct stat *st, int flags)
#define READ_ARGS   (int fd, void *data, size_t length)
#define PREAD_ARGS  (int fd, void *data, size_t length, off_t offset)
#define CHK         size_t room

WRAP(int, -1, access, (const char *path, int how), (path, how))
WRAP(int, -1, chmod, (const char *path, mode_t mode), (path, mode))
WRAP(ssize_t, -1, copy_file_range,
     (int in, off_t *in_at, int out, off_t *out_at, size_t length, unsigned flags),
     (in, in_at, out, out_at, length, flags))
WRAP(int, -1, faccessat, (int fd, const char *path, int how, int flags), (fd, path, how, flags))
WRAP(int, -1, fchmod, (int fd, mode_t mode), (fd, mode))
WRAP(int, -1, fchmodat, (int fd, const char *path, mode_t mode, int flags), (fd, path, mode, flags))
WRAP(int, -1, fchown, (int fd, uid_t uid, gid_t gid), (fd, uid, gid))
WRAP(int, -1, fchownat, (int fd, const char *path, uid_t uid, gid_t gid, int flags),
     (fd, path, uid, gid, flags))
WRAP(int, -1, fcntl, (int fd, int command, long value), (fd, command, value))
WRAP(int, -1, fcntl64, (int fd, int command, long value), (fd, command, value))
WRAP(DIR *, NULL, fdopendir, (int fd), (fd))
WRAP(ssize_t, -1, fgetxattr, (int fd, const char *name, void *value, size_t size),
     (fd, name, value, size))
WRAP(ssize_t, -1, flistxattr, (int fd, char *names, size_t size), (fd, names, size))
WRAP(int, -1, flock, (int fd, int how), (fd, how))
WRAP(int, -1, fremovexattr, (int fd, const char *name), (fd, name))
WRAP(int, -1, fsetxattr, (int fd, const char *name, const void *value, size_t size, int flags),
     (fd, name, value, size, flags))
WRAP(int, -1, fstat, STAT_ARGS, (fd, st))
WRAP(int, -1, fstat64, STAT_ARGS, (fd, st))
WRAP(int, -1, fstatat, STATAT_ARGS, (fd, path, st, flags))
WRAP(int, -1, fstatat64, STATAT_ARGS, (fd, path, st, flags))
WRAP(int, -1, ftruncate, (int fd, off_t size), (fd, size))
WRAP(int, -1, ftruncate64, (int fd, off_t size), (fd, size))
WRAP(int, -1, futimens, (int fd, const struct timespec *times), (fd, times))
WRAP(int, -1, linkat, (int fd, const char *path, int to_fd, const char *to, int flags),
     (fd, path, to_fd, to, flags))
WRAP(off_t, -1, lseek, (int fd, off_t offset, int whence), (fd, offset, whence))
WRAP(off_t, -1, lseek64, (int fd, off_t offset, int whence), (fd, offset, whence))
WRAP(int, -1, mkdirat, (int fd, const char *path, mode_t mode), (fd, path, mode))
WRAP(int, -1, open, OPEN_ARGS, (path, flags, mode))
WRAP(int, -1, open64, OPEN_ARGS, (path, flags, mode))
WRAP(int, -1, openat, OPENAT_ARGS, (fd, path, flags, mode))
WRAP(int, -1, openat64, OPENAT_ARGS, (fd, path, flags, mode))
WRAP(int, -1, __open64_2, (const char *path, int flags), (path, flags))
WRAP(int, -1, __openat64_2, (int fd, const char *path, int flags), (fd, path, flags))
WRAP(struct dirent *, NULL, readdir, (DIR * dir), (dir))
WRAP(struct dirent *, NULL, readdir64, (DIR * dir), (dir))
WRAP(ssize_t, -1, readlinkat, (int fd, const char *path, char *target, size_t size),
     (fd, path, target, size))
WRAP(ssize_t, -1, __readlinkat_chk, (int fd, const char *path, char *target, size_t size, CHK),
     (fd, path, target, size, room))
WRAP(int, -1, renameat, (int fd, const char *path, int to_fd, const char *to),
     (fd, path, to_fd, to))
WRAP(int, -1, renameat2, (int fd, const char *path, int to_fd, const char *to, unsigned flags),
     (fd, path, to_fd, to, flags))
WRAP(int, -1, symlinkat, (const char *target, int fd, const char *path), (target, fd, path))
WRAP(long, -1, syscall, (long number, long a, long b, long c, long d, long e, long f),
     (number, a, b, c, d, e, f))
WRAP(int, -1, unlinkat, (int fd, const char *path, int flags), (fd, path, flags))
WRAP(int, -1, utimensat, (int fd, const char *path, const struct timespec *times, int flags),
     (fd, path, times, flags))
WRAP_TRANSFER(ssize_t, pread, PREAD_ARGS, (fd, data, length, offset))
WRAP_TRANSFER(ssize_t, pread64, PREAD_ARGS, (fd, data, length, offset))
WRAP_TRANSFER(ssize_t, __pread64_chk, (int fd, void *data, size_t length, off_t offset, CHK),
	      (fd, data, length, offset, room))
WRAP_TRANSFER(ssize_t, pwrite, (int fd, const void *data, size_t length, off_t offset),
	      (fd, data, length, offset))
WRAP_TRANSFER(ssize_t, pwrite64, (int fd, const void *data, size_t length, off_t offset),
	      (fd, data, length, offset))
WRAP_TRANSFER(ssize_t, read, READ_ARGS, (fd, data, length))
WRAP_TRANSFER(ssize_t, __read_chk, (int fd, void *data, size_t length, CHK),
	      (fd, data, length, room))
WRAP_TRANSFER(ssize_t, write, (int fd, const void *data, size_t length), (fd, data, length))
#define UNUSED __attribute__((unused))
WRAP_SYNC(fdatasync, (int fd UNUSED))
WRAP_SYNC(fsync, (int fd UNUSED))
WRAP_SYNC(syncfs, (int fd UNUSED))
WRAP_SYNC(sync_file_range,
	  (int fd UNUSED, off_t offset UNUSED, off_t length UNUSED, unsigned flags UNUSED))

/* --- what is saved and restored --- */

static const char tree_lines[] = "a\n~/h\n!a/**/not";
/* A file that comes in pieces; alone, for it takes its time. */
static const char big_lines[] = "big";

#define BIG_BYTES (((size_t)4 << 20) + 100000)

static void make_sparse(const struct scene *scene, const char *path)
{
	cleanup_fd int fd = -1;

	make_file(scene, path, "start");
	fd = openat(scene->root_fd, path, O_WRONLY | O_CLOEXEC);
	must_sys(ftruncate(fd, 1 << 16), path);
	must_sys(xc_fd_pwrite_all(fd, "end", 3, (1 << 16) - 3), path);
	must_sys(futimens(fd, scene_times), path);
}

static void make_big(const struct scene *scene)
{
	cleanup_free char *big = xc_calloc(1, BIG_BYTES);

	for (size_t i = 0; i < BIG_BYTES; i += 1000)
		big[i] = (char)(i / 1000);
	make_file_of(scene, "ws/big", big, BIG_BYTES);
}

static void make_tree(const struct scene *scene)
{
	cleanup_fd int fd = -1;

	make_file(scene, "ws/a/one", "one");
	make_file(scene, "ws/a/empty", "");
	make_file(scene, "ws/a/b/two", "two");
	make_file(scene, "ws/a/b/not", "left out");
	make_file(scene, "ws/a/was-link", "now a file");
	make_file(scene, "ws/a/was-dir", "now a file");
	make_symlink(scene, "ws/a/b/link", "../one");
	make_symlink(scene, "ws/a/was-file", "one");
	make_link(scene, "ws/a/b/hard", "ws/a/one");
	make_sparse(scene, "ws/a/b/sparse");
	make_dirs(scene, "ws/a/c/d/e");
	make_dirs(scene, "ws/a/closed");
	make_file(scene, "ws/a/closed/in", "closed");
	make_file(scene, "home/h", "at home");
	fd = openat(scene->root_fd, "ws/a/c", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must_sys(fd, "ws/a/c");
	/* Without them where the file system has none. */
	(void)!fsetxattr(fd, "user.dir", "value", 5, 0);
	must_sys(fchmodat(scene->root_fd, "ws/a/closed", 0555, 0), "ws/a/closed");
}

/* What stands in the way of the restore: of every kind that is replaced or merged into. */
static void make_old_tree(const struct scene *scene)
{
	const struct timespec old[2] = { { 1400000000, 0 }, { 1400000000, 5 } };

	make_file(scene, "ws/a/one", "an older one");
	make_file(scene, "ws/a/b/mine", "kept");
	make_file(scene, "ws/a/c/d/mine", "kept too");
	make_symlink(scene, "ws/a/was-link", "nowhere");
	make_file(scene, "ws/a/was-file", "still a file");
	make_dirs(scene, "ws/a/was-dir");
	make_dirs(scene, "ws/a/closed");
	make_file(scene, "home/h", "older");
	must_sys(fchmodat(scene->root_fd, "ws/a/closed", 0500, 0), "ws/a/closed");
	must_sys(utimensat(scene->root_fd, "ws/a/c", old, 0), "ws/a/c");
	must_sys(utimensat(scene->root_fd, "ws/a/b", old, 0), "ws/a/b");
}

static void clear_tree(const struct scene *scene)
{
	remove_path(scene, "ws");
	remove_path(scene, "home");
	make_dirs(scene, "ws");
	make_dirs(scene, "home");
}

/* --- one run --- */

#define ERRORS_MAX 2

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static void open_file_store(struct scene *scene)
{
	cleanup_free char *url = xc_asprintf("file://%s/store", scene->root);

	scene_use_store(scene, url);
}

typedef int operation_fn(struct scene *scene, struct xc_err *err);

static int save(struct scene *scene, struct xc_err *err)
{
	const struct xc_save_opts opts = { .level = 1 };
	cleanup_save_result struct xc_save_result result = XC_SAVE_RESULT_INIT;

	if (xc_cache_save(&scene->cache, &scene->query, &opts, &result, err) < 0)
		return -1;
	assert_false(result.exists);
	return 0;
}

static int save_named(struct scene *scene, struct xc_err *err)
{
	atomic_store(&xc_file_store(scene->store)->lacks_anonymous, true);
	return save(scene, err);
}

static int save_renaming(struct scene *scene, struct xc_err *err)
{
	atomic_store(&xc_file_store(scene->store)->lacks_links, true);
	return save_named(scene, err);
}

static int restore(struct scene *scene, struct xc_err *err)
{
	cleanup_restore_result struct xc_restore_result result = XC_RESTORE_RESULT_INIT;

	return xc_cache_restore(&scene->cache, &scene->query, &result, err);
}

static int lookup(struct scene *scene, struct xc_err *err)
{
	cleanup_match struct xc_match match = XC_MATCH_INIT;

	return xc_cache_lookup(&scene->cache, &scene->query, &match, err);
}

struct run {
	struct scene scene;
	const char *name;
	operation_fn *operation;
	void (*make_tree)(const struct scene *scene);
	bool in_the_way; /* a restore finds something where the members go */
	char *before, *before_times, *after;
};

#define fail_run(run, format, ...)                                                                 \
	fail_msg("%s: errno %d at call %ld, %s: " format, (run)->name, torture.error, torture.at,  \
		 torture.struck, __VA_ARGS__)

static void check_error(const struct run *run, const struct xc_err *err)
{
	if (err->kind == XC_ERR_NONE || err->kind == XC_ERR_INTERNAL || err->kind == XC_ERR_USAGE)
		fail_run(run, "kind %d: %s", err->kind, err->msg);
	if (err->msg[0] == '\0' || strchr(err->msg, '\n'))
		fail_run(run, "says '%s'", err->msg);
}

/* Runs the operation with the `at`th call failing. Returns what it returned. */
static int run_once(struct run *run, struct xc_err *err)
{
	int result, fds;

	xc_store_close(run->scene.store);
	run->scene.store = NULL;
	fds = count_fds();
	open_file_store(&run->scene);
	*err = (struct xc_err){ 0 };
	torture.seen = 0;
	torture.struck = NULL;
	torture.armed = true;
	result = run->operation(&run->scene, err);
	torture.armed = false;
	xc_store_close(run->scene.store);
	run->scene.store = NULL;
	if (count_fds() != fds)
		fail_run(run, "%d descriptors are still open", count_fds() - fds);
	open_file_store(&run->scene);
	if (result < 0)
		check_error(run, err);
	return result;
}

static void expect_restored(struct run *run)
{
	cleanup_free char *after = NULL;
	struct xc_err err;

	if (restore(&run->scene, &err) < 0)
		fail_run(run, "cannot restore: %s", err.msg);
	after = picture(&run->scene, "ws", PICTURE_PLAIN);
	if (strcmp(after, run->after) != 0)
		fail_run(run, "restored\n%s\ninstead of\n%s", after, run->after);
}

/* --- saving --- */

static int note_object(const struct xc_store_object *object, void *context, struct xc_err *err)
{
	(void)err;
	snprintf(context, 200, "%s", object->name);
	return 0;
}

/* Either no entry and nothing else, or an entry that is whole. */
static void check_save(struct run *run, int result)
{
	struct scene *scene = &run->scene;
	char object[200] = "";
	struct xc_err err;
	int found = lookup(scene, &err);

	if (result == 0 && found < 0)
		fail_run(run, "success, but: %s", err.msg);
	if (result < 0 && found == 0 && torture.blow != BLOW_FOREVER)
		fail_run(run, "failure, but there is an %s", "entry");
	if (found < 0 && err.kind != XC_ERR_NOT_FOUND)
		fail_run(run, "lookup: %s", err.msg);
	if (found < 0 && torture.blow != BLOW_FOREVER) {
		must(xc_store_list(scene->store, "", note_object, object, &err), &err);
		if (object[0])
			fail_run(run, "%s is left", object);
		/* A file that could not be unlinked is removed some hours later. */
		if (path_exists(scene, "store/.xcache-tmp"))
			fail_run(run, "%s is left", ".xcache-tmp");
	}
	if (found < 0 && save(scene, &err) < 0)
		fail_run(run, "cannot save again: %s", err.msg);
	/* The whole round for a few: it is the index and the manifest that tell. */
	if (found == 0 || torture.at % 16 == 0) {
		clear_tree(scene);
		expect_restored(run);
		clear_tree(scene);
		run->make_tree(scene);
	}
	remove_path(scene, "store");
}

static void torture_save(struct run *run, const int *errors)
{
	struct xc_err err;
	int result;

	do {
		torture.error = errors[++torture.at % ERRORS_MAX];
		result = run_once(run, &err);
		if (!torture.struck || torture.error == EINTR || torture.blow == BLOW_SHORT)
			if (result < 0)
				fail_run(run, "%s", err.msg);
		check_save(run, result);
	} while (torture.struck);
}

/* --- restoring --- */

static void prepare_restore(struct run *run)
{
	clear_tree(&run->scene);
	if (run->in_the_way)
		make_old_tree(&run->scene);
	free(run->before);
	free(run->before_times);
	run->before = picture(&run->scene, "ws", PICTURE_PLAIN);
	run->before_times =
		run->in_the_way ? picture(&run->scene, "ws/a", PICTURE_DIR_TIMES) : xc_strdup("");
}

static void check_untouched(struct run *run)
{
	cleanup_free char *now = picture(&run->scene, "ws", PICTURE_PLAIN);
	cleanup_free char *times =
		run->in_the_way ? picture(&run->scene, "ws/a", PICTURE_DIR_TIMES) : xc_strdup("");

	if (strcmp(now, run->before) != 0)
		fail_run(run, "there is now\n%s\ninstead of\n%s", now, run->before);
	if (strcmp(times, run->before_times) != 0)
		fail_run(run, "there is now\n%s\ninstead of\n%s", times, run->before_times);
}

/* A staging folder that could not be removed is removed by the next restore. */
static void check_restored(struct run *run)
{
	cleanup_free char *now = picture(&run->scene, "ws", PICTURE_PLAIN);
	struct xc_err err;

	if (strstr(now, ".xcache-")) {
		if (restore(&run->scene, &err) < 0)
			fail_run(run, "not a second time: %s", err.msg);
		free(now);
		now = picture(&run->scene, "ws", PICTURE_PLAIN);
	}
	if (strcmp(now, run->after) != 0)
		fail_run(run, "restored\n%s\ninstead of\n%s", now, run->after);
}

static void torture_restore(struct run *run, const int *errors)
{
	struct xc_err err;
	int result;

	prepare_restore(run);
	do {
		torture.error = errors[++torture.at % ERRORS_MAX];
		result = run_once(run, &err);
		if (!torture.struck || torture.error == EINTR || torture.blow == BLOW_SHORT)
			if (result < 0)
				fail_run(run, "%s", err.msg);
		if (torture.blow == BLOW_FOREVER) {
			prepare_restore(run);
		} else if (result < 0) {
			check_untouched(run);
		} else {
			check_restored(run);
			prepare_restore(run);
		}
	} while (torture.struck);
}

/* --- the tests --- */

/* The tree as a restore makes it, over what is in the way. */
static void take_after(struct run *run)
{
	struct xc_err err;

	run->make_tree(&run->scene);
	must(save(&run->scene, &err), &err);
	clear_tree(&run->scene);
	if (run->in_the_way)
		make_old_tree(&run->scene);
	must(restore(&run->scene, &err), &err);
	run->after = picture(&run->scene, "ws", PICTURE_PLAIN);
}

static void open_run(struct run *run)
{
	scene_open(&run->scene);
	run->scene.cache.threads = 1;
	scene_paths(&run->scene, run->make_tree == make_big ? big_lines : tree_lines);
	open_file_store(&run->scene);
	take_after(run);
}

static void close_run(struct run *run)
{
	free(run->before);
	free(run->before_times);
	free(run->after);
	scene_close(&run->scene);
}

/* The errors take turns, from one call to the next. */
static const struct {
	enum blow blow;
	int errors[ERRORS_MAX];
} blows[] = {
	{ BLOW_ONCE, { EIO, EIO } },       { BLOW_SHORT, { 0 } },
	{ BLOW_ONCE, { EINTR, EINTR } },   { BLOW_ONCE, { EACCES, EACCES } },
	{ BLOW_ONCE, { ENOSPC, EMFILE } }, { BLOW_FOREVER, { EIO, ENOSPC } },
};
#define ALL_BLOWS ARRAY_LEN(blows)

typedef void torture_fn(struct run *run, const int *errors);

static void torture_all(struct run *run, torture_fn *torture_it, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		torture.blow = blows[i].blow;
		torture.at = 0;
		torture_it(run, blows[i].errors);
		/* Else the linker handed us nothing. */
		assert_true(torture.at > (blows[i].errors[0] == EIO ? 50 : 3));
	}
}

static void torture_saves(struct run *run, size_t count)
{
	open_run(run);
	remove_path(&run->scene, "store");
	clear_tree(&run->scene);
	run->make_tree(&run->scene);
	torture_all(run, torture_save, count);
	close_run(run);
}

static void torture_restores(struct run *run, size_t count)
{
	open_run(run);
	torture_all(run, torture_restore, count);
	close_run(run);
}

static void check_save_survives(void)
{
	struct run run = { .name = "save", .operation = save, .make_tree = make_tree };

	torture_saves(&run, ALL_BLOWS);
}

static void save_survives(void **state)
{
	(void)state;
	as_both(check_save_survives);
}

static void save_of_pieces_survives(void **state)
{
	struct run run = { .name = "save of pieces", .operation = save, .make_tree = make_big };

	(void)state;
	torture_saves(&run, 2);
}

static void save_survives_with_temporary_names(void **state)
{
	struct run run = { .name = "save with temporary names",
			   .operation = save_named,
			   .make_tree = make_tree };

	(void)state;
	torture_saves(&run, 1);
}

static void save_survives_with_renames(void **state)
{
	struct run run = { .name = "save with renames",
			   .operation = save_renaming,
			   .make_tree = make_tree };

	(void)state;
	torture_saves(&run, 1);
}

static void restore_survives(void **state)
{
	struct run run = { .name = "restore", .operation = restore, .make_tree = make_tree };

	(void)state;
	torture_restores(&run, ALL_BLOWS);
}

static void restore_of_pieces_survives(void **state)
{
	struct run run = { .name = "restore of pieces",
			   .operation = restore,
			   .make_tree = make_big };

	(void)state;
	torture_restores(&run, 2);
}

static void check_merging_restore_survives(void)
{
	struct run run = { .name = "merging restore",
			   .operation = restore,
			   .make_tree = make_tree,
			   .in_the_way = true };

	torture_restores(&run, ALL_BLOWS);
}

static void merging_restore_survives(void **state)
{
	(void)state;
	as_both(check_merging_restore_survives);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(save_survives),
		cmocka_unit_test(save_of_pieces_survives),
		cmocka_unit_test(save_survives_with_temporary_names),
		cmocka_unit_test(save_survives_with_renames),
		cmocka_unit_test(restore_survives),
		cmocka_unit_test(restore_of_pieces_survives),
		cmocka_unit_test(merging_restore_survives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
