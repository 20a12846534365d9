/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image as others see it. The kernel: mounted detached, in a mount namespace
 * of its own, with raw files as its devices; needs root and a kernel that
 * mounts EROFS from files (6.12). fsck.erofs, where there is one that knows
 * all that is used (erofs-utils 1.9). Elsewhere the reader of the other tests
 * has to do.
 */
#include "scratch.h"

#include <sys/syscall.h>

#include "base/program.h"
#include "mount_scene.h"

/* linux/mount.h, which does not go together with sys/mount.h everywhere. */
#define CONFIG_STRING  1
#define CONFIG_CREATE  6
#define MOUNT_READONLY 1

static void put_content_tree(struct mount_scene *scene)
{
	static const uint64_t runs[][2] = { { 512, 512 },   { 1536, 1024 }, { 8192, 5120 },
					    { 20480, 512 }, { 39936, 64 },  { 0, 0 } };
	static char target[XC_TARGET_MAX + 1];
	static const struct xc_xattr xattrs[] = { { "user.a", "value", 5 },
						  { "user.b", target, 3000 } };
	char name[32];

	memset(target, 't', XC_TARGET_MAX);
	mount_scene_init(scene, 2);
	for (uint32_t layer = 0; layer < 2; layer++) {
		struct xc_member *member;

		mount_put(scene, layer, 0, XC_MEMBER_DIR, "./d");
		mount_file(scene, layer, 1, layer == 0 ? "!a" : "-a", 1);
		mount_file(scene, layer, 1, layer == 0 ? ".a" : ".-b", 70000);
		member = mount_put(scene, layer, 1, XC_MEMBER_FILE, layer == 0 ? "x0" : "x1");
		member->size_bytes = 600;
		mount_extra(scene, layer, member)->xattrs = xattrs;
		((struct xc_member_extra *)(uintptr_t)member->extra)->xattr_count = 2;
		member->mode = 04711;
		member->uid = 4000000000;
		member->gid = 7;
		member->mtime_s = layer == 0 ? -86400 * INT64_C(365) * 300 : 8589934592;
		mount_put(scene, layer, 1, XC_MEMBER_DIR, "many");
		for (unsigned i = layer; i < 600; i += 2) {
			snprintf(name, sizeof(name), "file-%03u", i);
			mount_file(scene, layer, 2, name, i * 7);
		}
		mount_put(scene, layer, 1, XC_MEMBER_DIR, layer == 0 ? "s0" : "s1");
		mount_symlink(scene, layer, 2, "long", target);
		mount_symlink(scene, layer, 2, "medium", target + XC_TARGET_MAX - 447);
		mount_symlink(scene, layer, 2, "short", "..");
		mount_sparse(scene, layer, 2, "sparse", 40000, runs);
		mount_put(scene, layer, 2, XC_MEMBER_HARDLINK, "twice")->link = 2;
		mount_cut(scene, layer, 10000);
		mount_kill(scene, 0, 0);
	}
}

static void skip_because(const char *what)
{
	if (errno != EPERM && errno != ENODEV && errno != ENOTBLK && errno != ENOSYS &&
	    errno != EOPNOTSUPP)
		fail_msg("%s: %s", what, strerrordesc_np(errno));
	print_message("skipped: this machine mounts no such image: %s: %s\n", what,
		      strerrordesc_np(errno));
	skip();
}

static int file_with(const void *data, size_t length, bool on_disk)
{
	/* The image must lie on a file system that reads by pages: on none in memory. */
	int fd = on_disk ? open("/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)
			 : (int)syscall(SYS_memfd_create, "raw", 0);

	if (fd < 0)
		skip_because("a file without a name");
	assert_int_equal(xc_fd_pwrite_all(fd, data, length, 0), 0);
	return fd;
}

static int configure(int fs_fd, const char *key, int file_fd)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file_fd);
	return (int)syscall(SYS_fsconfig, fs_fd, CONFIG_STRING, key, path, 0);
}

/* A detached mount of the scene's image; its files are gone with it. */
static int mount_detached(const struct mount_scene *scene)
{
	cleanup_fd int fs_fd = (int)syscall(SYS_fsopen, "erofs", 1), image_fd = -1;
	int raw_fds[2], mount_fd, created;

	if (fs_fd < 0)
		skip_because("fsopen");
	image_fd = file_with(scene->image.data, scene->image.len_bytes, true);
	assert_int_equal(configure(fs_fd, "source", image_fd), 0);
	for (uint32_t i = 0; i < 2; i++) {
		size_t length;
		cleanup_free char *raw = mount_raw(scene, i, &length);

		raw_fds[i] = file_with(raw, length, false);
		assert_int_equal(configure(fs_fd, "device", raw_fds[i]), 0);
	}
	created = (int)syscall(SYS_fsconfig, fs_fd, CONFIG_CREATE, NULL, NULL, 0);
	if (created < 0 && errno == EINVAL && scene->layout.block_bits == XC_BLOCK_BITS_512)
		errno = ENODEV; /* a kernel without blocks below the page's size */
	if (created < 0)
		skip_because("fsconfig");
	mount_fd = (int)syscall(SYS_fsmount, fs_fd, 1, MOUNT_READONLY);
	assert_true(mount_fd >= 0);
	close(raw_fds[0]);
	close(raw_fds[1]);
	return mount_fd;
}

static void same_content(const struct mount_scene *scene, int fd, const struct wanted *wanted,
			 uint32_t record)
{
	const struct xc_member *member =
		&scene->layers.items[wanted->layer].index.members.items[record];
	cleanup_free char *content = xc_malloc(member->size_bytes + 1);

	assert_int_equal(pread(fd, content, member->size_bytes + 1, 0), member->size_bytes);
	for (uint64_t at = 0; at < member->size_bytes; at++)
		if (content[at] != mount_byte(scene, wanted->layer, record, at))
			fail_msg("%s: byte %llu is another", wanted->path, (unsigned long long)at);
}

static void same_xattrs(int fd, const struct xc_member_extra *extra)
{
	for (uint32_t i = 0; extra && i < extra->xattr_count; i++) {
		char value[4096];

		assert_int_equal(fgetxattr(fd, extra->xattrs[i].name, value, sizeof(value)),
				 extra->xattrs[i].length);
		assert_memory_equal(value, extra->xattrs[i].value, extra->xattrs[i].length);
	}
}

static void same_file(const struct mount_scene *scene, const struct mount_check *check, int dir_fd,
		      const struct wanted *wanted)
{
	uint32_t record = mount_record(check, wanted);
	const struct xc_member *member =
		&scene->layers.items[wanted->layer].index.members.items[record];
	struct stat status;

	if (fstatat(dir_fd, wanted->path, &status, AT_SYMLINK_NOFOLLOW) < 0)
		fail_msg("%s: %s", wanted->path, strerrordesc_np(errno));
	assert_int_equal(status.st_mode, mount_wanted_mode(check, member));
	assert_int_equal(status.st_uid, member->uid);
	assert_int_equal(status.st_gid, member->gid);
	assert_int_equal(status.st_mtim.tv_sec, member->mtime_s);
	assert_int_equal(status.st_mtim.tv_nsec, member->mtime_ns);
	if (member->type == XC_MEMBER_SYMLINK) {
		char target[XC_TARGET_MAX + 1];
		ssize_t length = readlinkat(dir_fd, wanted->path, target, sizeof(target));

		assert_int_equal(length, strlen(member->extra->target));
		assert_memory_equal(target, member->extra->target, (size_t)length);
	} else if (member->type == XC_MEMBER_FILE) {
		cleanup_fd int fd = openat(dir_fd, wanted->path, O_RDONLY | O_CLOEXEC);

		assert_int_equal(status.st_size, member->size_bytes);
		assert_int_equal(status.st_nlink, 1 + (member->size_bytes == 70000));
		same_content(scene, fd, wanted, record);
		same_xattrs(fd, member->extra);
	}
}

/* How many names a directory has, as readdir(3) tells; those below it too. */
static size_t count_names(int dir_fd, const char *path)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fdopendir(fd);
	struct dirent *entry;
	size_t count = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		count += 1 + (entry->d_type == DT_DIR ? count_names(fd, entry->d_name) : 0);
	}
	closedir(dir);
	return count;
}

static void mounts_as_it_was(void **state)
{
	const unsigned *block_bits = *state;
	cleanup_mount_scene struct mount_scene scene;
	struct mount_check check = { .layers = &scene.layers, .layout = &scene.layout };
	cleanup_fd int mount_fd = -1;

	put_content_tree(&scene);
	mount_write(&scene, *block_bits, NULL);
	mount_fd = mount_detached(&scene);
	mount_want_all(&check);
	for (size_t i = 0; i < check.wanted_count; i++)
		same_file(&scene, &check, mount_fd, &check.wanted[i]);
	assert_int_equal(count_names(mount_fd, "."), check.wanted_count);
	for (size_t i = 0; i < check.wanted_count; i++)
		free(check.wanted[i].path);
	free(check.wanted);
	free(check.tops);
}

static void a_kernel_shows_what_was_saved(void **state)
{
	static const unsigned sizes[] = { XC_BLOCK_BITS_512, XC_BLOCK_BITS_4096 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		in_child(CHILD_MOUNTS, "an image", mounts_as_it_was, &sizes[i]);
}

/* --- fsck.erofs --- */

static void save_file(const char *name, const void *data, size_t length)
{
	cleanup_fd int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(xc_fd_pwrite_all(fd, data, length, 0), 0);
}

static int run_fsck(char *const *argv, struct xc_buf *out)
{
	char *const environment[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
				      NULL };
	const struct xc_program program = {
		.name = "fsck.erofs",
		.argv = argv,
		.environment = environment,
		.timeout_ms = 60000,
	};
	struct xc_err err = { 0 };
	int status;

	return xc_program_run(&program, out, &status, &err) < 0 ? -1 : status;
}

static void need_fsck(void)
{
	char *const argv[] = { "fsck.erofs", "--version", NULL };
	cleanup_buf struct xc_buf out = { .max_bytes = 1 << 20 };
	unsigned major = 0, minor = 0;

	if (run_fsck(argv, &out) == 0)
		sscanf(xc_buf_str(&out), "fsck.erofs (erofs-utils) %u.%u", &major, &minor);
	if (major > 1 || (major == 1 && minor >= 9))
		return;
	print_message("skipped: needs fsck.erofs of erofs-utils 1.9 or later\n");
	skip();
}

static void fsck_finds_no_errors(void **state)
{
	static const unsigned sizes[] = { XC_BLOCK_BITS_512, XC_BLOCK_BITS_4096 };
	char *const argv[] = { "fsck.erofs",     "--extract", "--xattrs", "--device=raw-0",
			       "--device=raw-1", "image",     NULL };

	(void)state;
	need_fsck();
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		cleanup_mount_scene struct mount_scene scene;
		cleanup_buf struct xc_buf out = { .max_bytes = 1 << 20 };

		put_content_tree(&scene);
		mount_write(&scene, sizes[i], NULL);
		save_file("image", scene.image.data, scene.image.len_bytes);
		for (uint32_t layer = 0; layer < 2; layer++) {
			size_t length;
			cleanup_free char *raw = mount_raw(&scene, layer, &length);

			save_file(layer == 0 ? "raw-0" : "raw-1", raw, length);
		}
		if (run_fsck(argv, &out) != 0)
			fail_msg("blocks of %u: %s", 1u << sizes[i], xc_buf_str(&out));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_kernel_shows_what_was_saved),
		cmocka_unit_test(fsck_finds_no_errors),
	};

	return cmocka_run_group_tests_name("mount kernel", tests, scratch_setup, scratch_teardown);
}
