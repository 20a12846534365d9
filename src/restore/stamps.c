/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/stamps.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "tree/dirs.h"
#include "tree/unpack/unpack.h"

bool xc_stamps_are_worth_it(const struct xc_targets *targets)
{
	for (uint32_t i = 0; i < xc_stage_folders(targets->stage); i++)
		if (xc_stage_clock_may_tell(targets->stage, i))
			return true;
	return false;
}

void xc_stamps_init(const struct xc_entry_layers *layers, struct xc_stamps *ret_stamps)
{
	struct xc_stamps stamps = { .layer_count = layers->count };

	stamps.of_layers = xc_calloc(layers->count, sizeof(*stamps.of_layers));
	for (uint32_t i = 0; i < layers->count; i++)
		stamps.of_layers[i] =
			xc_calloc(layers->items[i].index.members.count, sizeof(**stamps.of_layers));
	*ret_stamps = stamps;
}

void xc_stamps_release(struct xc_stamps *stamps)
{
	for (uint32_t i = 0; i < stamps->layer_count; i++)
		free(stamps->of_layers[i]);
	free(stamps->of_layers);
	*stamps = (struct xc_stamps)XC_STAMPS_INIT;
}

/* The members of one layer that go to one target, in the order of its table. */
struct region {
	const struct xc_targets *targets;
	const struct xc_members *members;
	struct xc_stamp *stamps;
	uint32_t target;
	uint32_t first, end; /* positions */
};

/* An xc_dirs_locate_fn: where the region's root path stands now. */
static void locate(void *context, uint32_t position, struct xc_dirs_location *ret_place)
{
	const struct region *region = context;
	const char *path = region->targets->items[region->target].absolute;
	const char *slash = strrchr(path, '/');

	(void)position;
	*ret_place = (struct xc_dirs_location){
		.dir_fd = AT_FDCWD,
		.path = path,
		.path_bytes = slash == path ? 1 : (size_t)(slash - path),
		.name = slash[1] ? slash + 1 : ".",
	};
}

static bool is_as_written(const struct xc_member *member, const struct xc_stamp *stamp,
			  const struct stat *status)
{
	return S_ISREG(status->st_mode) && status->st_ino == stamp->inode &&
	       status->st_dev == stamp->device && (uint64_t)status->st_size == member->size_bytes &&
	       status->st_mtim.tv_sec == member->mtime_s &&
	       (uint32_t)status->st_mtim.tv_nsec == member->mtime_ns;
}

/* What was moved has a new ctime. If it is not what was written, nothing is known of it. */
static void look_again(const struct region *region, struct xc_dirs *dirs, uint32_t position)
{
	struct xc_stamp *stamp = &region->stamps[position];
	struct stat status;
	const char *name;
	int dir_fd;

	if (stamp->inode == 0)
		return;
	if (xc_dirs_at(dirs, position, &dir_fd, &name) == 0 &&
	    fstatat(dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	    is_as_written(&region->members->items[position], stamp, &status))
		*stamp = xc_stamp_of(&status);
	else
		*stamp = (struct xc_stamp){ 0 };
}

static void restamp(const struct region *region, void *dirs)
{
	bool moved = xc_stage_moved_singly(region->targets->stage, region->target);
	/* A root path that is a file was moved itself. */
	uint32_t end = moved ? region->end : region->first + 1;

	for (uint32_t i = region->first; i < end; i++)
		look_again(region, dirs, i);
}

static uint32_t find_end(const struct xc_members *members, uint32_t root)
{
	uint32_t end = root + 1;

	while (end < members->count && members->items[end].parent != XC_MEMBER_NONE)
		end++;
	return end;
}

/* What is done with each part of a layer that went somewhere. */
typedef void region_fn(const struct region *region, void *context);

static void for_each_region(struct region *region, const struct xc_layer_targets *of_layer,
			    region_fn *act, void *context)
{
	uint32_t root = 0;

	for (uint32_t i = 0; i < region->members->count; i = region->end) {
		region->target = of_layer->items[root++];
		region->first = i;
		region->end = find_end(region->members, i);
		if (region->target != XC_UNPACK_NO_TARGET)
			act(region, context);
	}
}

static void find_newest(const struct region *region, void *context)
{
	int64_t *newest_ns = context;
	uint32_t folder = xc_stage_folder_of(region->targets->stage, region->target);

	for (uint32_t i = region->first; i < region->end; i++)
		if (region->stamps[i].inode != 0 && region->stamps[i].ctime_ns > newest_ns[folder])
			newest_ns[folder] = region->stamps[i].ctime_ns;
}

/* What is in a folder whose times do not tell of every change. */
static void forget_untold(const struct region *region, void *context)
{
	const bool *told = context;

	if (!told[xc_stage_folder_of(region->targets->stage, region->target)])
		memset(&region->stamps[region->first], 0,
		       (region->end - region->first) * sizeof(*region->stamps));
}

static void wait_for_clocks(const struct xc_stage *stage, const int64_t *newest_ns, bool *ret_told)
{
	for (uint32_t i = 0; i < xc_stage_folders(stage); i++)
		ret_told[i] =
			newest_ns[i] != INT64_MIN && xc_stage_clock_passes(stage, i, newest_ns[i]);
}

void xc_stamps_settle(struct xc_stamps *stamps, const struct xc_targets *targets,
		      const struct xc_entry_layers *layers)
{
	uint32_t folders = xc_stage_folders(targets->stage);
	cleanup_free int64_t *newest_ns = xc_malloc(folders * sizeof(*newest_ns));
	cleanup_free bool *told = xc_calloc(folders, sizeof(*told));
	cleanup_free struct region *regions = xc_calloc(layers->count, sizeof(*regions));

	for (uint32_t i = 0; i < folders; i++)
		newest_ns[i] = INT64_MIN;
	for (uint32_t i = 0; i < layers->count; i++) {
		struct region *region = &regions[i];
		struct xc_dirs *dirs;

		*region = (struct region){
			.targets = targets,
			.members = &layers->items[i].index.members,
			.stamps = stamps->of_layers[i],
		};
		dirs = xc_dirs_new(region->members, locate, region);
		for_each_region(region, &targets->of_layers[i], restamp, dirs);
		xc_dirs_free(dirs);
		for_each_region(region, &targets->of_layers[i], find_newest, newest_ns);
	}
	wait_for_clocks(targets->stage, newest_ns, told);
	for (uint32_t i = 0; i < layers->count; i++)
		for_each_region(&regions[i], &targets->of_layers[i], forget_untold, told);
}
