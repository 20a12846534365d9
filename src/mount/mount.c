/* SPDX-License-Identifier: Apache-2.0 */
#include "mount/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hash.h"
#include "mount/image.h"
#include "mount/lazy.h"
#include "mount/own.h"
#include "mount/places.h"
#include "mount/raw.h"
#include "mount/watched.h"

/* Where a file system takes an image whose own one cannot be mounted from: tmpfs, overlayfs. */
#define OTHER_IMAGE_FOLDER "/var/tmp"

struct xc_mount {
	const struct xc_cache *cache;
	struct xc_mount_opts opts;
	struct xc_owner self;
	struct xc_mounter *mounter;
	enum xc_mount_way way; /* that the mount is by */
	struct xc_err obstacle;
	struct xc_entry_layers layers; /* of a lazy mount: taken over from the restore */
	struct xc_layout layout;
	int *raw_fds; /* by layer; -1 where there is none */
	int fuse_fd;
	struct xc_lazy *lazy;
};

/*
 * Eager is the automatic choice: once the step is over all contents are here,
 * and no store that is slow or away meanwhile can spoil a later step.
 */
bool xc_mount_mode_parse(const char *word, enum xc_mount_mode *ret_mode)
{
	static const struct {
		const char *word;
		enum xc_mount_mode mode;
	} modes[] = {
		{ "off", XC_MOUNT_OFF },
		{ "auto", XC_MOUNT_EAGER },
		{ "eager", XC_MOUNT_EAGER },
		{ "lazy", XC_MOUNT_LAZY },
	};

	for (size_t i = 0; i < ARRAY_LEN(modes); i++)
		if (strcmp(word, modes[i].word) == 0) {
			*ret_mode = modes[i].mode;
			return true;
		}
	return false;
}

/* What the mount is made of until it is attached. */
struct parts {
	struct xc_mount *mount;
	const struct xc_restoring *restoring;
	const struct xc_owner *owner;
	struct xc_mount_places places;
	enum xc_mount_way way;
	int image_dir_fd, image_fd;
};

static void release_parts(struct parts *parts)
{
	xc_mount_places_release(&parts->places);
	xc_fd_close(&parts->image_dir_fd);
	xc_fd_close(&parts->image_fd);
}

/* --- image and raw files --- */

static int staging_fd(const struct parts *parts)
{
	return xc_stage_folder_handle(parts->restoring->targets->stage, 0).fd;
}

/*
 * What this machine can do where the targets are. An image is read faster
 * from a file than through a loop device, but not from one on any file system.
 */
static int choose_way(struct parts *parts, struct xc_err *err)
{
	struct xc_mounter *mounter = parts->mount->mounter;
	cleanup_fd int other_fd = -1;
	enum xc_mount_way other;
	struct xc_err ignored;

	if (xc_mounter_probe(mounter, staging_fd(parts), &parts->way, err) < 0)
		return -1;
	parts->image_dir_fd = fcntl(staging_fd(parts), F_DUPFD_CLOEXEC, 0);
	if (parts->way == XC_MOUNT_BY_FILE_512)
		return 0;
	other_fd = xc_fd_open_dir(AT_FDCWD, OTHER_IMAGE_FOLDER);
	if (other_fd >= 0 && xc_mounter_probe(mounter, other_fd, &other, &ignored) == 0 &&
	    other == XC_MOUNT_BY_FILE_512) {
		xc_fd_close(&parts->image_dir_fd);
		parts->image_dir_fd = STEAL_FD(other_fd);
		parts->way = other;
	}
	return 0;
}

/* By it an overlay knows its lower layer again: not zero, and another one for other contents. */
static void make_uuid(const struct parts *parts, uint8_t ret_uuid[XC_IMAGE_UUID_BYTES])
{
	const struct xc_manifest *manifest = &parts->restoring->match->manifest;
	struct xc_hasher *hasher = xc_hasher_new();
	uint8_t digest[XC_SHA256_BYTES];

	xc_hasher_begin(hasher);
	for (uint32_t i = 0; i < manifest->layer_count; i++) {
		const struct xc_layer *layer = &manifest->layers[i];

		xc_hasher_update(hasher, layer->index_sha256, sizeof(layer->index_sha256));
		xc_hasher_update(hasher, layer->dead, layer->dead_count * sizeof(*layer->dead));
	}
	if (parts->owner)
		xc_hasher_update(hasher, parts->owner, sizeof(*parts->owner));
	xc_hasher_update(hasher, &parts->way, sizeof(parts->way));
	xc_hasher_finish(hasher, digest);
	xc_hasher_free(hasher);
	memcpy(ret_uuid, digest, XC_IMAGE_UUID_BYTES);
	ret_uuid[0] |= 1;
}

static int make_image(struct parts *parts, struct xc_err *err)
{
	cleanup_buf struct xc_buf image = XC_BUF_INIT;
	struct xc_image_opts opts = { .owner = parts->owner };

	make_uuid(parts, opts.uuid);
	if (xc_layout_make(parts->restoring->layers, xc_mount_way_block_bits(parts->way),
			   &parts->mount->layout, err) < 0 ||
	    xc_image_write(&parts->mount->layout, &opts, &image, err) < 0)
		return -1;
	parts->image_fd = xc_mount_nameless_file(parts->image_dir_fd);
	if (parts->image_fd < 0 ||
	    xc_fd_write_all(parts->image_fd, image.data, image.len_bytes) < 0)
		return xc_err_sys(err, errno, "cannot write the image of a mount");
	return 0;
}

static int make_raw_files(struct parts *parts, struct xc_err *err)
{
	struct xc_mount *mount = parts->mount;

	mount->raw_fds = xc_malloc(mount->layout.layer_count * sizeof(*mount->raw_fds));
	for (uint32_t i = 0; i < mount->layout.layer_count; i++)
		mount->raw_fds[i] = -1;
	for (uint32_t i = 0; i < mount->layout.layer_count; i++) {
		if (!mount->layout.layers[i].segment_raw)
			continue;
		mount->raw_fds[i] = xc_mount_nameless_file(staging_fd(parts));
		if (mount->raw_fds[i] < 0)
			return xc_err_sys(err, errno, "cannot make a file for the contents");
	}
	return 0;
}

static int fill_raw_files(const struct parts *parts, uint64_t *fetched_bytes, struct xc_err *err)
{
	const struct xc_mount *mount = parts->mount;
	uint64_t fetched = 0;
	int result = xc_raw_write(
		&(struct xc_raw_opts){
			.cache = mount->cache,
			.layers = parts->restoring->layers,
			.layout = &mount->layout,
			.fds = mount->raw_fds,
		},
		&fetched, err);

	*fetched_bytes += fetched;
	return result;
}

/* Devices of the image, in their order. */
static uint32_t list_devices(const struct xc_mount *mount, int *ret_fds)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < mount->layout.layer_count; i++)
		if (mount->raw_fds[i] >= 0)
			ret_fds[count++] = mount->raw_fds[i];
	return count;
}

/* Loop devices can leave the server for the raw files; an image of a file cannot. */
static void stand_alone(void *context)
{
	struct xc_mount *mount = context;
	cleanup_free int *devices = xc_calloc(mount->layout.layer_count, sizeof(*devices));
	uint32_t count = list_devices(mount, devices);
	struct xc_err ignored;

	if (xc_mount_way_uses_loop(mount->way))
		(void)!xc_mounter_swap(mount->mounter, devices, count, &ignored);
}

static int start_serving(struct parts *parts, struct xc_err *err)
{
	struct xc_mount *mount = parts->mount;

	if (xc_mounter_fuse(mount->mounter, &mount->fuse_fd, err) < 0)
		return -1;
	return xc_lazy_start(
		&(struct xc_lazy_opts){
			.cache = mount->cache,
			.layers = parts->restoring->layers,
			.layout = &mount->layout,
			.fds = mount->raw_fds,
			.fuse_fd = mount->fuse_fd,
			.complete = stand_alone,
			.context = mount,
		},
		&mount->lazy, err);
}

/* --- attaching --- */

/* A pidfd of the process with whose end the mount ends, in *ret_fd; -1 if there is none. */
static int open_watched(const struct xc_mount *mount, int *ret_fd, struct xc_err *err)
{
	pid_t pid = mount->opts.watch;

	*ret_fd = -1;
	if (pid == 0 && xc_watched_worker(&pid) < 0)
		return 0;
	*ret_fd = (int)syscall(SYS_pidfd_open, pid, 0);
	return *ret_fd < 0 ? xc_err_sys(err, errno, "cannot watch process %d", (int)pid) : 0;
}

static int attach(struct parts *parts, struct xc_err *err)
{
	struct xc_mount *mount = parts->mount;
	struct xc_stage *stage = parts->restoring->targets->stage;
	uint32_t folder_count = xc_stage_folders(stage);
	cleanup_free struct xc_stage_handle *folders = xc_calloc(folder_count, sizeof(*folders));
	cleanup_free int *devices = xc_calloc(mount->layout.layer_count, sizeof(*devices));
	cleanup_fd int watch_fd = -1;
	struct xc_mounter_attach request = {
		.way = parts->way,
		.image_fd = parts->image_fd,
		.raw_fds = devices,
		.device_count = list_devices(mount, devices),
		.fuse = mount->lazy != NULL,
		.tops = parts->places.tops,
		.top_count = parts->places.count,
		.folders = folders,
		.folder_count = folder_count,
	};

	if (open_watched(mount, &watch_fd, err) < 0)
		return -1;
	request.watch_fd = watch_fd;
	for (uint32_t i = 0; i < folder_count; i++)
		folders[i] = xc_stage_folder_handle(stage, i);
	if (xc_cancel_check(mount->cache->cancel, err) < 0 ||
	    xc_mounter_attach(mount->mounter, &request, err) < 0)
		return -1;
	xc_stage_hand_over(stage);
	return 0;
}

static int build(struct parts *parts, uint64_t *fetched_bytes, struct xc_err *err)
{
	struct xc_mount *mount = parts->mount;
	bool lazy = mount->opts.mode == XC_MOUNT_LAZY;

	if (xc_mount_places_open(parts->restoring->targets, &parts->places, err) < 0 ||
	    (!mount->mounter && xc_mounter_start(&mount->mounter, err) < 0) ||
	    choose_way(parts, err) < 0 || make_image(parts, err) < 0 ||
	    make_raw_files(parts, err) < 0)
		return -1;
	if (lazy ? start_serving(parts, err) < 0 : fill_raw_files(parts, fetched_bytes, err) < 0)
		return -1;
	if (!mount->opts.read_only &&
	    xc_mount_places_make_upper(&parts->places, parts->restoring->targets, &mount->layout,
				       parts->owner, err) < 0)
		return -1;
	return attach(parts, err);
}

static void drop_files(struct xc_mount *mount)
{
	xc_lazy_free(STEAL_PTR(mount->lazy));
	for (uint32_t i = 0; mount->raw_fds && i < mount->layout.layer_count; i++)
		xc_fd_close(&mount->raw_fds[i]);
	free(STEAL_PTR(mount->raw_fds));
	xc_fd_close(&mount->fuse_fd);
	xc_layout_release(&mount->layout);
	mount->layout = (struct xc_layout)XC_LAYOUT_INIT;
}

/* Whether an error tells of this machine, so that extraction may still do it. */
static bool is_obstacle(const struct xc_err *err)
{
	return err->kind == XC_ERR_UNSUPPORTED || err->kind == XC_ERR_IO;
}

static const struct xc_owner *owner_of_all(const struct xc_mount *mount)
{
	if (mount->cache->owner)
		return mount->cache->owner;
	return mount->self.uid != 0 ? &mount->self : NULL;
}

static int fill(void *context, const struct xc_restoring *restoring, uint64_t *fetched_bytes,
		struct xc_err *err)
{
	struct xc_mount *mount = context;
	struct parts parts = {
		.mount = mount,
		.restoring = restoring,
		.owner = owner_of_all(mount),
		.places = XC_MOUNT_PLACES_INIT,
		.image_dir_fd = -1,
		.image_fd = -1,
	};
	int result = build(&parts, fetched_bytes, err);

	release_parts(&parts);
	if (result == 0) {
		mount->way = parts.way;
		return 0;
	}
	/* With the mounter a file system goes whose server is to end. */
	xc_mounter_leave(STEAL_PTR(mount->mounter));
	drop_files(mount);
	xc_stage_drop_mount_points(restoring->targets->stage);
	if (!is_obstacle(err))
		return -1;
	mount->obstacle = *err;
	err->kind = mount->opts.must ? XC_ERR_IO : XC_ERR_UNSUPPORTED;
	if (mount->opts.must)
		xc_err_wrap(err, "cannot mount");
	return -1;
}

/* --- the course of it --- */

static int prepare(void *context, const struct xc_patterns *patterns, struct xc_err *err)
{
	struct xc_mount *mount = context;

	return xc_own_mounts_clear(patterns, &mount->mounter, err);
}

static void keep(void *context, struct xc_entry_layers *layers)
{
	struct xc_mount *mount = context;

	if (mount->lazy) {
		mount->layers = *layers;
		*layers = (struct xc_entry_layers)XC_ENTRY_LAYERS_INIT;
		if (!xc_mount_way_uses_loop(mount->way))
			xc_mounter_leave(STEAL_PTR(mount->mounter));
		return;
	}
	drop_files(mount);
	xc_mounter_leave(STEAL_PTR(mount->mounter));
}

int xc_cache_mount(const struct xc_cache *cache, const struct xc_query *query,
		   const struct xc_mount_opts *opts, struct xc_restore_result *ret_result,
		   struct xc_mount **ret_mount, struct xc_err *err)
{
	struct xc_mount *mount = xc_calloc(1, sizeof(*mount));
	const struct xc_restore_means means = {
		.prepare = prepare,
		.fill = opts->mode == XC_MOUNT_OFF ? NULL : fill,
		.keep = keep,
		.context = mount,
	};

	*mount = (struct xc_mount){
		.cache = cache,
		.opts = *opts,
		.self = { .uid = geteuid(), .gid = getegid() },
		.way = XC_MOUNT_BY_NOTHING,
		.layers = XC_ENTRY_LAYERS_INIT,
		.layout = XC_LAYOUT_INIT,
		.fuse_fd = -1,
	};
	if (xc_cache_restore_by(cache, query, &means, ret_result, err) < 0) {
		xc_mount_free(mount);
		return -1;
	}
	*ret_mount = mount;
	return 0;
}

enum xc_mount_way xc_mount_way(const struct xc_mount *mount)
{
	return mount->way;
}

const char *xc_mount_obstacle(const struct xc_mount *mount)
{
	return mount->obstacle.kind == XC_ERR_NONE ? NULL : mount->obstacle.msg;
}

bool xc_mount_is_served(const struct xc_mount *mount)
{
	return mount->lazy != NULL;
}

void xc_mount_serve(struct xc_mount *mount)
{
	xc_lazy_serve(mount->lazy);
}

void xc_mount_free(struct xc_mount *mount)
{
	if (!mount)
		return;
	drop_files(mount);
	xc_mounter_leave(mount->mounter);
	xc_layers_release(&mount->layers);
	free(mount);
}
