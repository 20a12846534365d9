/* SPDX-License-Identifier: Apache-2.0 */
/* What only the file store promises: its layout on disk, and what a file system may do to it. */
#include "store_support.h"

#include <errno.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store_tree.h"

static char *below(const struct fixture *fixture, const char *path)
{
	static char full[8192];

	snprintf(full, sizeof(full), "%s/%s", fixture->root, path);
	return full;
}

static int get(struct xc_store *store, const char *name, struct xc_err *err)
{
	cleanup_buf struct xc_buf data = XC_BUF_INIT;

	return xc_store_get(store, name, 1 << 20, &data, err);
}

static void test_layout(void **state)
{
	struct fixture *fixture = *state;
	char name[512], path[512];

	snprintf(name, sizeof(name), "a/%0450d/b", 0);
	snprintf(path, sizeof(path), "a/%0200d%%~/%0200d%%~/%050d/b", 0, 0, 0);
	must_put(fixture->store, name, "z");
	assert_int_equal(access(below(fixture, path), F_OK), 0);
	snprintf(name, sizeof(name), "a/%0200d", 0);
	must_put(fixture->store, name, "z");
	assert_int_equal(access(below(fixture, name), F_OK), 0);
	must_put(fixture->store, "b c/%41", "z");
	assert_int_equal(access(below(fixture, "b c/%41"), F_OK), 0);
}

static void test_refused_names(void **state)
{
	static const char *const names[] = {
		".xcache-tmp", ".xcache-tmp/x", "x%~", "a/x%~/b", "%~", "a/%~",
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct xc_store *store = fixture->store;
		struct xc_upload *upload;
		struct xc_err err;
		char byte;

		expect_message(put(store, names[i], "z", XC_PUT_ALWAYS, &err), &err, XC_ERR_USAGE,
			       "reserve");
		expect_message(get(store, names[i], &err), &err, XC_ERR_USAGE, "reserve");
		expect_message(xc_store_upload_begin(store, names[i], &upload, &err), &err,
			       XC_ERR_USAGE, "reserve");
		expect_message(xc_store_read_wait(store, names[i], 0, &byte, 1, &err), &err,
			       XC_ERR_USAGE, "reserve");
		expect_message(xc_store_remove(store, names[i], &err), &err, XC_ERR_USAGE,
			       "reserve");
	}
	assert_int_equal(access(fixture->root, F_OK), -1);
	must_put(fixture->store, ".xcache-tmp2/x", "z");
	must_put(fixture->store, "a/.xcache-tmp", "z");
	assert_int_equal(count_listed(fixture->store, ""), 2);
}

static void test_name_below_an_object(void **state)
{
	const struct xc_put_condition conditions[] = { XC_PUT_ALWAYS, XC_PUT_IF_ABSENT };
	struct fixture *fixture = *state;
	struct xc_err err;

	for (int mode = ANONYMOUS; mode < MODES; mode++)
		for (size_t i = 0; i < ARRAY_LEN(conditions); i++) {
			set_mode(fixture, mode);
			must_put(fixture->store, "d/a", "object");
			expect_message(put(fixture->store, "d/a/b", "z", conditions[i], &err), &err,
				       XC_ERR_IO, "another object's folder");
			expect_message(put(fixture->store, "d/a/b/c", "z", conditions[i], &err),
				       &err, XC_ERR_IO, "another object's folder");
			must_contain_only(fixture, "d d/a");
			expect_ok(xc_store_remove(fixture->store, "d/a", &err), &err, "remove");

			must_put(fixture->store, "d/a/b", "object");
			expect_message(put(fixture->store, "d/a", "z", conditions[i], &err), &err,
				       XC_ERR_IO, "another object's folder");
			must_contain_only(fixture, "d d/a d/a/b");
			expect_ok(xc_store_remove(fixture->store, "d/a/b", &err), &err, "remove");
			must_contain_only(fixture, "");
		}
}

/* A killed writer leaves empty folders, which must not block a name for ever. */
static void test_empty_folder_in_the_way(void **state)
{
	const struct xc_put_condition conditions[] = { XC_PUT_ALWAYS, XC_PUT_IF_ABSENT };
	struct fixture *fixture = *state;
	struct xc_err err;

	for (int mode = ANONYMOUS; mode < MODES; mode++)
		for (size_t i = 0; i < ARRAY_LEN(conditions); i++) {
			set_mode(fixture, mode);
			must_put(fixture->store, "d/other", "z");
			assert_int_equal(mkdir(below(fixture, "d/a"), 0777), 0);
			expect_ok(put(fixture->store, "d/a", "z", conditions[i], &err), &err,
				  "put");
			must_contain_only(fixture, "d d/a d/other");
			expect_ok(xc_store_remove(fixture->store, "d/a", &err), &err, "remove");
		}
}

static void test_foreign_things_are_no_objects(void **state)
{
	struct fixture *fixture = *state;
	struct xc_store *store = fixture->store;
	struct xc_err err;
	char byte;

	must_put(store, "d/a", "z");
	assert_int_equal(symlink("a", below(fixture, "d/link")), 0);
	assert_int_equal(symlink("d", below(fixture, "folder")), 0);
	assert_int_equal(symlink(".", below(fixture, "d/loop")), 0);
	assert_int_equal(mkfifo(below(fixture, "d/fifo"), 0666), 0);
	assert_int_equal(mkdir(below(fixture, "short%~"), 0777), 0);
	assert_int_equal(mkdir(below(fixture, ".xcache-tmp"), 0777), 0);
	assert_int_equal(symlink("../d/a", below(fixture, "short%~/x")), 0);
	assert_int_equal(close(creat(below(fixture, ".xcache-tmp/x"), 0666)), 0);
	assert_int_equal(close(creat(below(fixture, "short%~/file"), 0666)), 0);
	assert_int_equal(close(creat(below(fixture, "control\x01"), 0666)), 0);
	assert_int_equal(count_listed(store, ""), 1);
	assert_int_equal(count_listed(store, "folder/"), 0);
	expect_message(get(store, "d/link", &err), &err, XC_ERR_NOT_FOUND, "d/link");
	expect_message(get(store, "d/fifo", &err), &err, XC_ERR_NOT_FOUND, "d/fifo");
	expect_message(get(store, "folder/a", &err), &err, XC_ERR_NOT_FOUND, "folder/a");
	expect_message(xc_store_read_wait(store, "d/link", 0, &byte, 1, &err), &err,
		       XC_ERR_NOT_FOUND, "d/link");
	expect_message(xc_store_remove(store, "d/link", &err), &err, XC_ERR_NOT_FOUND, "d/link");
	expect_message(xc_store_remove(store, "folder/a", &err), &err, XC_ERR_NOT_FOUND,
		       "folder/a");
	expect_message(put(store, "d/fifo", "z", XC_PUT_IF_ABSENT, &err), &err, XC_ERR_IO,
		       "not an object has");
	expect_message(put(store, "folder/new", "z", XC_PUT_ALWAYS, &err), &err, XC_ERR_IO,
		       "folder/new");
	assert_int_equal(access(below(fixture, "d/new"), F_OK), -1);
	/* Replaced itself, not what it points to. */
	must_put(store, "d/link", "new");
	must_hold(store, "d/link", "new");
	must_hold(store, "d/a", "z");
}

static void test_root_through_symlink(void **state)
{
	struct fixture *fixture = *state;
	char elsewhere[256];

	snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", fixture->folder);
	assert_int_equal(mkdir(elsewhere, 0777), 0);
	assert_int_equal(symlink("elsewhere", fixture->root), 0);
	must_put(fixture->store, "a/b", "z");
	must_hold(fixture->store, "a/b", "z");
	assert_int_equal(count_listed(fixture->store, "a/"), 1);
}

static void test_nothing_else_is_left(void **state)
{
	struct fixture *fixture = *state;
	struct xc_upload *upload;
	struct xc_err err;

	for (int mode = ANONYMOUS; mode < MODES; mode++) {
		set_mode(fixture, mode);
		must_put(fixture->store, "d/e/a", "1");
		must_put(fixture->store, "d/e/a", "2");
		assert_int_equal(put(fixture->store, "d/e/a", "3", XC_PUT_IF_ABSENT, &err), -1);
		expect_ok(xc_store_upload_begin(fixture->store, "x/y/z", &upload, &err), &err, "x");
		expect_ok(xc_store_upload_append(upload, "1", 1, &err), &err, "x");
		xc_store_upload_abort(upload);
		must_contain_only(fixture, "d d/e d/e/a");
		expect_ok(xc_store_remove(fixture->store, "d/e/a", &err), &err, "remove");
		must_contain_only(fixture, "");
	}
}

static void make_temp_file(const struct fixture *fixture, const char *path, int age_hours)
{
	struct timespec times[2];

	clock_gettime(CLOCK_REALTIME, &times[0]);
	times[0].tv_sec -= age_hours * 3600;
	times[1] = times[0];
	assert_int_equal(close(creat(below(fixture, path), 0666)), 0);
	assert_int_equal(utimensat(AT_FDCWD, below(fixture, path), times, 0), 0);
}

static void test_stale_temporary_files(void **state)
{
	struct fixture *fixture = *state;
	int fd;

	set_mode(fixture, NAMED);
	assert_int_equal(mkdir(fixture->root, 0777), 0);
	assert_int_equal(mkdir(below(fixture, ".xcache-tmp"), 0777), 0);
	make_temp_file(fixture, ".xcache-tmp/fresh", 23);
	make_temp_file(fixture, ".xcache-tmp/stale", 25);
	make_temp_file(fixture, ".xcache-tmp/used", 25);
	fd = open(below(fixture, ".xcache-tmp/used"), O_WRONLY);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	must_put(fixture->store, "a", "z");
	must_contain_only(fixture, ".xcache-tmp .xcache-tmp/fresh .xcache-tmp/used a");
	assert_int_equal(close(fd), 0);
}

static mode_t mode_of(const struct fixture *fixture, const char *path)
{
	struct stat status;

	assert_int_equal(stat(below(fixture, path), &status), 0);
	return status.st_mode & 07777;
}

static void test_umask(void **state)
{
	struct fixture *fixture = *state;
	mode_t saved = umask(027);

	for (int mode = ANONYMOUS; mode < MODES; mode++) {
		char name[32];

		set_mode(fixture, mode);
		snprintf(name, sizeof(name), "d%d/a", mode);
		must_put(fixture->store, name, "z");
		assert_int_equal(mode_of(fixture, name), 0640);
		must_put(fixture->store, name, "y");
		assert_int_equal(mode_of(fixture, name), 0640);
		*strchr(name, '/') = '\0';
		assert_int_equal(mode_of(fixture, name), 0750);
	}
	assert_int_equal(mode_of(fixture, ""), 0750);
	umask(saved);
}

static void a_private_store_is_for_its_user_alone(void **state)
{
	struct fixture *fixture = *state;
	const struct xc_store_setting setting = { "private", "yes" };
	const struct xc_store_opts opts = { .settings = &setting, .setting_count = 1 };
	cleanup_free char *url = xc_asprintf("file://%s", fixture->root);
	mode_t before = umask(022);
	struct xc_err err;

	xc_store_close(fixture->store);
	expect_ok(xc_store_open(url, &opts, &fixture->store, &err), &err, url);
	must_put(fixture->store, "a/b", "z");
	umask(before);
	assert_int_equal(mode_of(fixture, ""), 0700);
	assert_int_equal(mode_of(fixture, "a"), 0700);
	assert_int_equal(mode_of(fixture, "a/b"), 0600);
}

/* A limit on the size of files stands for a disk that is full. */
static void test_full_disk(void **state)
{
	struct fixture *fixture = *state;
	void (*old_handler)(int) = signal(SIGXFSZ, SIG_IGN);
	struct rlimit limit, saved;
	char data[20000] = { 0 };
	struct xc_err err;

	must_put(fixture->store, "before", "z");
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &saved), 0);
	limit = (struct rlimit){ .rlim_cur = 10000, .rlim_max = saved.rlim_max };
	for (int mode = ANONYMOUS; mode < MODES; mode++) {
		int result;

		set_mode(fixture, mode);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		result = xc_store_put(fixture->store, "d/e/large", data, sizeof(data),
				      XC_PUT_ALWAYS, &err);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &saved), 0);
		expect_message(result, &err, XC_ERR_IO, below(fixture, "d/e/large"));
		assert_int_equal(err.sys, EFBIG);
		must_contain_only(fixture, "before");
	}
	signal(SIGXFSZ, old_handler);
}

/* Run `body` in a process without privileges; its result is 0 if all is well. */
static void must_run_unprivileged(int (*body)(struct fixture *), struct fixture *fixture)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
			_exit(99);
		_exit(body(fixture));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static bool is_auth(int result, const struct xc_err *err, const struct fixture *fixture)
{
	return result < 0 && err->kind == XC_ERR_AUTH && strstr(err->msg, fixture->root);
}

static int try_without_permission(struct fixture *fixture)
{
	struct xc_store *store = fixture->store;
	struct xc_err err;
	int count = 0;
	char byte;

	if (!is_auth(get(store, "closed/a", &err), &err, fixture))
		return 1;
	if (!is_auth(xc_store_read_wait(store, "closed/a", 0, &byte, 1, &err), &err, fixture))
		return 2;
	if (!is_auth(xc_store_list(store, "", count_object, &count, &err), &err, fixture))
		return 3;
	if (!is_auth(put(store, "readable/b", "z", XC_PUT_IF_ABSENT, &err), &err, fixture))
		return 4;
	if (!is_auth(put(store, "new/b", "z", XC_PUT_ALWAYS, &err), &err, fixture))
		return 5;
	if (!is_auth(xc_store_remove(store, "readable/a", &err), &err, fixture))
		return 6;
	if (!is_auth(get(store, "secret", &err), &err, fixture))
		return 7;
	if (get(store, "readable/a", &err) < 0)
		return 8;
	return get(store, "readable", &err) < 0 && err.kind == XC_ERR_NOT_FOUND ? 0 : 9;
}

static void test_permissions(void **state)
{
	struct fixture *fixture = *state;

	must_put(fixture->store, "closed/a", "z");
	must_put(fixture->store, "readable/a", "z");
	must_put(fixture->store, "secret", "z");
	assert_int_equal(chmod(below(fixture, "closed"), 0), 0);
	assert_int_equal(chmod(below(fixture, "readable"), 0555), 0);
	assert_int_equal(chmod(below(fixture, "secret"), 0), 0);
	assert_int_equal(chmod(fixture->root, 0555), 0);
	assert_int_equal(chmod(fixture->folder, 0755), 0);
	must_run_unprivileged(try_without_permission, fixture);
	assert_int_equal(chmod(fixture->root, 0755), 0);
	assert_int_equal(chmod(below(fixture, "closed"), 0755), 0);
	assert_int_equal(chmod(below(fixture, "readable"), 0755), 0);
}

static int write_into_unreadable(struct fixture *fixture)
{
	struct xc_err err;

	return put(fixture->store, "drop/a", "z", XC_PUT_IF_ABSENT, &err) < 0;
}

/* A folder that may be written to but not read cannot be opened to sync it. */
static void test_unreadable_folder(void **state)
{
	struct fixture *fixture = *state;

	must_put(fixture->store, "drop/b", "z");
	assert_int_equal(chmod(below(fixture, "drop"), 0333), 0);
	assert_int_equal(chmod(fixture->folder, 0755), 0);
	if (geteuid() == 0)
		assert_int_equal(chown(below(fixture, "drop"), 65534, -1), 0);
	must_run_unprivileged(write_into_unreadable, fixture);
	assert_int_equal(chmod(below(fixture, "drop"), 0777), 0);
	must_hold(fixture->store, "drop/a", "z");
}

static void test_root_that_is_no_folder(void **state)
{
	struct fixture *fixture = *state;
	struct xc_err err;
	int count = 0;

	assert_int_equal(close(creat(fixture->root, 0666)), 0);
	/* As a miss, this mistake would never be noticed. */
	expect_message(get(fixture->store, "a", &err), &err, XC_ERR_IO, fixture->root);
	expect_message(xc_store_list(fixture->store, "", count_object, &count, &err), &err,
		       XC_ERR_IO, fixture->root);
	expect_message(put(fixture->store, "a", "z", XC_PUT_ALWAYS, &err), &err, XC_ERR_IO,
		       fixture->root);
}

static void test_root_stays(void **state)
{
	struct fixture *fixture = *state;
	struct xc_err err;

	must_put(fixture->store, "a/b/c", "z");
	must_put(fixture->store, "a/d", "z");
	expect_ok(xc_store_remove(fixture->store, "a/b/c", &err), &err, "remove");
	must_contain_only(fixture, "a a/d");
	expect_ok(xc_store_remove(fixture->store, "a/d", &err), &err, "remove");
	must_contain_only(fixture, "");
}

static void test_read_of_a_removed_object(void **state)
{
	struct fixture *fixture = *state;
	cleanup_store struct xc_store *other = NULL;
	struct xc_err err;
	char buffer[3], name[16];

	open_root_as(fixture->root, ANONYMOUS, &other);
	must_put(other, "p/a", "old");
	expect_ok(xc_store_read_wait(fixture->store, "p/a", 0, buffer, 1, &err), &err, "read");
	expect_ok(xc_store_remove(other, "p/a", &err), &err, "remove");
	expect_ok(xc_store_read_wait(fixture->store, "p/a", 1, buffer, 2, &err), &err, "read");
	assert_memory_equal(buffer, "ld", 2);
	must_put(other, "p/a", "new");
	expect_ok(xc_store_read_wait(fixture->store, "p/a", 0, buffer, 3, &err), &err, "read");
	assert_memory_equal(buffer, "new", 3);
	/* Others push it out. */
	for (int i = 0; i < XC_FILE_OPEN_MAX; i++) {
		snprintf(name, sizeof(name), "q/%d", i);
		must_put(other, name, "z");
		expect_ok(xc_store_read_wait(fixture->store, name, 0, buffer, 1, &err), &err, name);
	}
	expect_ok(xc_store_remove(other, "p/a", &err), &err, "remove");
	expect_message(xc_store_read_wait(fixture->store, "p/a", 0, buffer, 3, &err), &err,
		       XC_ERR_NOT_FOUND, "p/a");
}

static int count_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void test_descriptors_are_closed(void **state)
{
	struct fixture *fixture = *state;
	int before = count_descriptors();
	struct xc_err err;
	char name[16], byte;

	for (int mode = ANONYMOUS; mode < MODES; mode++) {
		set_mode(fixture, mode);
		for (int i = 0; i < 20; i++) {
			snprintf(name, sizeof(name), "a/%d", i);
			must_put(fixture->store, name, "y");
			must_put(fixture->store, name, "z");
			must_hold(fixture->store, name, "z");
			expect_ok(xc_store_read_wait(fixture->store, name, 0, &byte, 1, &err), &err,
				  name);
			assert_int_equal(put(fixture->store, "a/0/x", "", XC_PUT_ALWAYS, &err), -1);
			assert_int_equal(get(fixture->store, "a/0/x", &err), -1);
		}
		assert_int_equal(count_listed(fixture->store, ""), 20);
		assert_true(count_descriptors() <= before + XC_FILE_OPEN_MAX);
	}
	set_mode(fixture, ANONYMOUS);
	assert_int_equal(count_descriptors(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_layout),
		STORE_TEST(test_refused_names),
		STORE_TEST(a_private_store_is_for_its_user_alone),
		STORE_TEST(test_name_below_an_object),
		STORE_TEST(test_empty_folder_in_the_way),
		STORE_TEST(test_foreign_things_are_no_objects),
		STORE_TEST(test_root_through_symlink),
		STORE_TEST(test_nothing_else_is_left),
		STORE_TEST(test_stale_temporary_files),
		STORE_TEST(test_umask),
		STORE_TEST(test_full_disk),
		STORE_TEST(test_permissions),
		STORE_TEST(test_unreadable_folder),
		STORE_TEST(test_root_that_is_no_folder),
		STORE_TEST(test_root_stays),
		STORE_TEST(test_read_of_a_removed_object),
		STORE_TEST(test_descriptors_are_closed),
	};

	return cmocka_run_group_tests_name("file store", tests, NULL, NULL);
}
