/* SPDX-License-Identifier: Apache-2.0 */
#include "mount/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/program.h"
#include "mount/attach.h"
#include "mount/image.h"
#include "mount/places.h"

#define MODPROBE_MS 10000
/* In a staging folder a name like what is staged there. */
#define TRIAL_FOLDER "t4294967295"

static const struct {
	enum xc_mount_way way;
	unsigned block_bits;
	bool loop;
	const char *name;
} ways[] = {
	{ XC_MOUNT_BY_FILE_512, XC_BLOCK_BITS_512, false, "EROFS from a file" },
	{ XC_MOUNT_BY_LOOP_512, XC_BLOCK_BITS_512, true, "EROFS by loop devices" },
	{ XC_MOUNT_BY_LOOP_4096, XC_BLOCK_BITS_4096, true,
	  "EROFS by loop devices, blocks of 4096 bytes" },
};

unsigned xc_mount_way_block_bits(enum xc_mount_way way)
{
	return ways[way - 1].block_bits;
}

bool xc_mount_way_uses_loop(enum xc_mount_way way)
{
	return ways[way - 1].loop;
}

const char *xc_mount_way_name(enum xc_mount_way way)
{
	return way == XC_MOUNT_BY_NOTHING ? "nothing" : ways[way - 1].name;
}

/* The image of an entry without members, as it lies in a file. */
static int make_image(int dir_fd, unsigned block_bits, struct xc_err *err)
{
	const struct xc_entry_layers none = XC_ENTRY_LAYERS_INIT;
	const struct xc_image_opts opts = { .uuid = { 'x', 'c' } };
	struct xc_layout layout = XC_LAYOUT_INIT;
	cleanup_buf struct xc_buf image = XC_BUF_INIT;
	cleanup_fd int fd = -1;
	int made = xc_layout_make(&none, block_bits, &layout, err);

	if (made == 0)
		made = xc_image_write(&layout, &opts, &image, err);
	xc_layout_release(&layout);
	if (made < 0)
		return -1;
	fd = xc_mount_nameless_file(dir_fd);
	if (fd < 0 || xc_fd_write_all(fd, image.data, image.len_bytes) < 0)
		return xc_err_sys(err, errno, "cannot write a small file");
	return STEAL_FD(fd);
}

/* The mount that one way gives. */
static int try_way(int dir_fd, enum xc_mount_way way, struct xc_err *err)
{
	cleanup_fd int image_fd = make_image(dir_fd, xc_mount_way_block_bits(way), err);
	const struct xc_attach_sources sources = {
		.way = way,
		.image_fd = image_fd,
		.fuse_mount_fd = -1,
	};
	int mount_fd;

	if (image_fd < 0 || xc_attach_erofs(&sources, NULL, &mount_fd, err) < 0)
		return -1;
	return mount_fd;
}

static int make_directory(int dir_fd, const char *name)
{
	if (mkdirat(dir_fd, name, S_IRWXU) < 0)
		return -1;
	return openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int try_overlay(int dir_fd, int erofs_fd, struct xc_err *err)
{
	cleanup_fd int fd = make_directory(dir_fd, TRIAL_FOLDER);
	cleanup_fd int upper_fd = fd < 0 ? -1 : make_directory(fd, "upper");
	cleanup_fd int work_fd = fd < 0 ? -1 : make_directory(fd, "work");
	cleanup_fd int overlay_fd = -1;
	const struct xc_attach_overlay overlay = {
		.erofs_mount_fd = erofs_fd,
		.top = ".",
		.upper_fd = upper_fd,
		.work_fd = work_fd,
		.source = "xcache",
	};
	int result = 0;

	if (upper_fd < 0 || work_fd < 0)
		result = xc_err_sys(err, errno, "cannot make a directory");
	else
		result = xc_attach_overlay(&overlay, &overlay_fd, err);
	xc_fd_close(&overlay_fd);
	if (fd >= 0)
		xc_fd_remove_tree(dir_fd, TRIAL_FOLDER);
	return result;
}

/* A module that is there is loaded by itself only where the kernel was built so. */
static void load_modules(void)
{
	char *const argv[] = { "modprobe", "-q", "-a", "erofs", "loop", NULL };
	char *const environment[] = { "PATH=/usr/sbin:/sbin:/usr/bin:/bin", NULL };
	cleanup_buf struct xc_buf out = XC_BUF_INIT;
	struct xc_err ignored;
	int status;

	xc_buf_init(&out, 4096);
	(void)!xc_program_run(
		&(struct xc_program){
			.name = "modprobe",
			.argv = argv,
			.environment = environment,
			.quiet = true,
			.timeout_ms = MODPROBE_MS,
			.late_kind = XC_ERR_IO,
		},
		&out, &status, &ignored);
}

static int try_all(int dir_fd, enum xc_mount_way *ret_way, struct xc_err *err)
{
	struct xc_err later;

	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		/* The first way's reason tells most. */
		cleanup_fd int mount_fd = try_way(dir_fd, ways[i].way, i == 0 ? err : &later);

		if (mount_fd < 0)
			continue;
		*ret_way = ways[i].way;
		return try_overlay(dir_fd, mount_fd, err);
	}
	return -1;
}

int xc_mount_probe(int dir_fd, enum xc_mount_way *ret_way, struct xc_err *err)
{
	int result = try_all(dir_fd, ret_way, err);

	if (result < 0 && err->kind == XC_ERR_UNSUPPORTED && geteuid() == 0) {
		load_modules();
		result = try_all(dir_fd, ret_way, err);
	}
	if (result < 0)
		err->kind = XC_ERR_UNSUPPORTED;
	return result;
}
