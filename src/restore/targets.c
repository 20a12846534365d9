/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/targets.h"

#include <string.h>
#include <sys/stat.h>

#include "base/grow.h"
#include "restore/places.h"
#include "tree/unpack/unpack.h"

struct opening {
	const struct xc_cache *cache;
	const struct xc_patterns *patterns;
};

/* A top of a layer of which something is alive. */
struct top {
	const char *stored;
	uint32_t layer, number; /* among the layer's root paths */
	bool is_directory;
};

struct tops {
	struct top *items;
	size_t count, capacity;
};

static int compare_tops(const void *a, const void *b)
{
	return strcmp(((const struct top *)a)->stored, ((const struct top *)b)->stored);
}

/* Whether anything of a root path is alive. Its members follow it in the table. */
static bool top_is_needed(const struct xc_entry_layer *layer, uint32_t top)
{
	const struct xc_members *members = &layer->index.members;
	uint32_t i = top;

	do {
		if (xc_member_set_has(&layer->alive, i))
			return true;
	} while (++i < members->count && members->items[i].parent != XC_MEMBER_NONE);
	return false;
}

/* Adds a layer's root paths, and makes its table, in which none of them has a target yet. */
static void add_layer(struct tops *tops, const struct xc_entry_layer *layer, uint32_t number,
		      struct xc_layer_targets *ret_targets)
{
	const struct xc_members *members = &layer->index.members;
	uint32_t count = 0, capacity = 0;
	uint32_t *targets = NULL;

	for (uint32_t i = 0; i < members->count; i++) {
		if (members->items[i].parent != XC_MEMBER_NONE)
			continue;
		if (top_is_needed(layer, i)) {
			XC_GROW(tops->items, tops->count, tops->capacity, 16);
			tops->items[tops->count++] = (struct top){
				.stored = members->items[i].name,
				.layer = number,
				.number = count,
				.is_directory = members->items[i].type == XC_MEMBER_DIR,
			};
		}
		XC_GROW(targets, count, capacity, 16);
		targets[count++] = XC_UNPACK_NO_TARGET;
	}
	*ret_targets = (struct xc_layer_targets){ .items = targets, .count = count };
}

/* The root paths of all layers, each path once. */
static void collect(const struct xc_entry_layers *layers, struct xc_targets *targets)
{
	struct tops tops = { 0 };

	targets->of_layers = xc_calloc(layers->count, sizeof(*targets->of_layers));
	targets->layer_count = layers->count;
	for (uint32_t i = 0; i < layers->count; i++)
		add_layer(&tops, &layers->items[i], i, &targets->of_layers[i]);
	/* Those of one layer are sorted. */
	if (layers->count > 1 && tops.count > 1)
		qsort(tops.items, tops.count, sizeof(*tops.items), compare_tops);
	targets->items = xc_calloc(tops.count, sizeof(*targets->items));
	for (size_t i = 0; i < tops.count; i++) {
		const struct top *top = &tops.items[i];
		struct xc_target *last = &targets->items[targets->count - (targets->count > 0)];

		/* Layers that disagree about a root must not get round its being one. */
		if (targets->count > 0 && strcmp(last->stored, top->stored) == 0)
			last->is_directory &= top->is_directory;
		else
			targets->items[targets->count++] = (struct xc_target){
				.stored = top->stored,
				.is_directory = top->is_directory,
			};
		targets->of_layers[top->layer].items[top->number] = targets->count - 1;
	}
	free(tops.items);
}

static bool is_directory_of(const char *root, const struct stat *st)
{
	struct stat root_st;

	return root && stat(root, &root_st) == 0 && root_st.st_dev == st->st_dev &&
	       root_st.st_ino == st->st_ino;
}

/* By whatever name: the workspace's own folder may be reached past a symlink, too. */
static bool is_a_root(const struct xc_roots *roots, const char *absolute)
{
	struct stat st;

	if (xc_roots_is_root(roots, absolute))
		return true;
	return lstat(absolute, &st) == 0 && S_ISDIR(st.st_mode) &&
	       (is_directory_of(roots->workspace, &st) || is_directory_of(roots->home, &st));
}

/* A member that the path lines do not declare must not be placed, whatever the entry says. */
static int check_target(const struct opening *opening, struct xc_target *target, struct xc_err *err)
{
	cleanup_buf struct xc_buf absolute = XC_BUF_INIT;

	if (xc_roots_to_absolute(opening->cache->roots, target->stored, &absolute, err) < 0)
		return -1;
	if (!xc_patterns_declares(opening->patterns, absolute.data, &target->literal_bytes))
		return xc_err_set(err, XC_ERR_CORRUPT,
				  "the entry has %s, which is not below any of the given paths",
				  XC_QUOTE(target->stored));
	/* A shell may be standing in these: they keep their inode. */
	target->keep_directory = is_a_root(opening->cache->roots, absolute.data);
	target->absolute = xc_buf_steal(&absolute);
	return 0;
}

/* By their places: a folder stands right before all that lies in it. */
static int compare_places(const void *a, const void *b)
{
	const unsigned char *left = (const void *)(*(struct xc_target *const *)a)->absolute;
	const unsigned char *right = (const void *)(*(struct xc_target *const *)b)->absolute;

	while (*left && *left == *right) {
		left++;
		right++;
	}
	/* A slash comes before any other byte of a name. */
	return (*left == '/' ? 1 : *left * 2) - (*right == '/' ? 1 : *right * 2);
}

static bool is_at_or_below(const char *path, const char *folder)
{
	size_t length = strcmp(folder, "/") == 0 ? 0 : strlen(folder);

	return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/*
 * Within a layer the index keeps root paths apart, but not across layers, nor
 * where a root path goes by two names ("~" and "/home/u"). A symlink that one of
 * them brings could lead another one out.
 */
static int check_apart(const struct xc_targets *targets, struct xc_err *err)
{
	cleanup_free struct xc_target **order = xc_calloc(targets->count, sizeof(*order));

	for (uint32_t i = 0; i < targets->count; i++)
		order[i] = &targets->items[i];
	if (targets->count > 1)
		qsort(order, targets->count, sizeof(*order), compare_places);
	for (uint32_t i = 1; i < targets->count; i++)
		if (is_at_or_below(order[i]->absolute, order[i - 1]->absolute))
			return xc_err_set(
				err, XC_ERR_CORRUPT,
				"the entry has %s and %s, but here one is inside the other",
				XC_QUOTE(order[i - 1]->stored), XC_QUOTE(order[i]->stored));
	return 0;
}

/* The workspace and the home stay what they are, whatever the entry has in their place. */
static int check_roots(const struct xc_targets *targets, struct xc_err *err)
{
	for (uint32_t i = 0; i < targets->count; i++) {
		const struct xc_target *target = &targets->items[i];

		if (target->keep_directory && !target->is_directory)
			return xc_err_set(
				err, XC_ERR_CORRUPT,
				"the entry has something other than a directory in place of %s",
				XC_QUOTE(target->absolute));
	}
	return 0;
}

int xc_targets_open(const struct xc_cache *cache, const struct xc_patterns *patterns,
		    const struct xc_entry_layers *layers, struct xc_targets *ret_targets,
		    struct xc_err *err)
{
	const struct opening opening = { .cache = cache, .patterns = patterns };
	struct xc_targets *targets = ret_targets;

	*targets = (struct xc_targets)XC_TARGETS_INIT;
	collect(layers, targets);
	for (uint32_t i = 0; i < targets->count; i++)
		if (check_target(&opening, &targets->items[i], err) < 0)
			return -1;
	if (check_apart(targets, err) < 0 || check_roots(targets, err) < 0)
		return -1;
	targets->staged = xc_calloc(targets->count, sizeof(*targets->staged));
	for (uint32_t i = 0; i < targets->count; i++)
		targets->staged[i] = (struct xc_stage_target){
			.path = targets->items[i].absolute,
			.literal_bytes = targets->items[i].literal_bytes,
			.keep_directory = targets->items[i].keep_directory,
			.is_directory = targets->items[i].is_directory,
		};
	if (xc_stage_open(targets->staged, targets->count, &targets->stage, err) < 0)
		return -1;
	return xc_places_check(targets, layers, err);
}

void xc_targets_release(struct xc_targets *targets)
{
	xc_stage_free(targets->stage);
	for (uint32_t i = 0; i < targets->count; i++)
		free(targets->items[i].absolute);
	for (uint32_t i = 0; i < targets->layer_count; i++)
		free(targets->of_layers[i].items);
	free(targets->items);
	free(targets->of_layers);
	free(targets->staged);
	*targets = (struct xc_targets)XC_TARGETS_INIT;
}
