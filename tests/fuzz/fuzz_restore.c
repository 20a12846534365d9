/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole restores. The input decides on what stands in a workspace and a home,
 * on an entry of one to three layers for it, and on what a store does to that.
 *
 * Demands: an honest entry is not called broken; nothing changes outside; no staging is left; after
 * a failure the workspace and the home are as before, to the inode; after a success every member
 * that counts is there, with its type, content, target and mode, be that an override's.
 */
#include "restore_scene.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "restore/restore.h"
#include "../unit/memory_store.h"

#define KEY     "key"
#define COPY_ID "000000000000000000000000000000ff"

enum twist {
	TWIST_NONE,
	TWIST_DOUBLE, /* the first layer once more */
	TWIST_SWAP,   /* the layers in another order */
	TWIST_CUT,    /* the last pack is too short */
	TWIST_GONE,   /* the last pack is not there */
	TWIST_FLIP,   /* another bit in it */
	TWIST_END,
};

static void put(struct xc_store *store, const char *folder, const char *name,
		const struct xc_buf *data)
{
	cleanup_free char *path = xc_asprintf("r/main/%s/%s", folder, name);
	struct xc_err err;

	MUST(xc_store_put(store, path, data->data, data->len_bytes, XC_PUT_ALWAYS, &err) == 0);
}

static void put_packs(struct feed *feed, struct entry *entry, enum twist twist,
		      struct xc_store *store)
{
	for (uint32_t i = 0; i < entry->count; i++) {
		struct xc_buf *pack = &entry->layers[i].pack;
		bool last = i + 1 == entry->count;
		cleanup_free char *name = xc_asprintf("%s.tar.zst", entry->layers[i].layer.pack);

		if (last && twist == TWIST_CUT)
			xc_buf_truncate(pack, pack->len_bytes - 1 - feed_byte(feed) % 100);
		if (last && twist == TWIST_FLIP)
			pack->data[(feed_byte(feed) * 37u) % pack->len_bytes] ^= 1;
		if (!last || twist != TWIST_GONE)
			put(store, "packs", name, pack);
	}
	if (twist == TWIST_DOUBLE)
		put(store, "packs", COPY_ID ".tar.zst", &entry->layers[0].pack);
}

static void put_manifest(const struct entry *entry, enum twist twist,
			 const struct xc_strlist *paths, struct xc_store *store)
{
	struct xc_layer layers[ENTRY_LAYERS_MAX + 1];
	struct xc_manifest manifest = { .key = (char *)KEY,
					.tool = (char *)"fuzz",
					.created_ns = 1600000000000000000,
					.paths = *paths,
					.layers = layers };
	cleanup_buf struct xc_buf data = XC_BUF_INIT;
	cleanup_free char *folder = NULL;

	for (uint32_t i = 0; i < entry->count; i++)
		layers[manifest.layer_count++] =
			entry->layers[twist == TWIST_SWAP ? entry->count - 1 - i : i].layer;
	if (twist == TWIST_DOUBLE) {
		layers[manifest.layer_count] = entry->layers[0].layer;
		memcpy(layers[manifest.layer_count++].pack, COPY_ID, sizeof(COPY_ID));
	}
	xc_key_version(paths, manifest.version);
	xc_manifest_encode(&manifest, &data);
	folder = xc_asprintf("entries/%s", manifest.version);
	put(store, folder, KEY, &data);
}

static void check_content(int fd, uint64_t offset, const char *expected, size_t length)
{
	cleanup_free char *content = xc_malloc(length + 1);

	MUST(xc_fd_pread_full(fd, content, length, (off_t)offset) == (ssize_t)length);
	MUST(memcmp(content, expected, length) == 0);
}

static void check_file(const struct xc_member *member, const char *path, const struct stat *st,
		       const struct xc_buf *tar)
{
	const char *content = tar->data + member->tar_offset + member->header_bytes;
	const struct xc_member_extra *extra = member->extra;
	cleanup_fd int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	MUST((uint64_t)st->st_size == member->size_bytes);
	MUST((st->st_mode & 01777) == (member->mode & 01777));
	MUST(!(st->st_mode & 06000 & ~member->mode));
	if (fd < 0)
		MUST(errno == EACCES);
	else if (!extra || !extra->sparse)
		check_content(fd, 0, content, (size_t)member->size_bytes);
	else
		for (uint32_t i = 0; i < extra->extent_count; i++)
			check_content(fd, extra->extents[i].offset,
				      content + extra->extents[i].before,
				      (size_t)extra->extents[i].length);
}

static void check_member(const struct xc_members *members, uint32_t position, const char *path,
			 const struct xc_buf *tar)
{
	const struct xc_member *member = &members->items[position];
	const struct xc_member *thing =
		member->type == XC_MEMBER_HARDLINK ? &members->items[member->link] : member;
	char target[4096] = { 0 };
	struct stat st;

	/* A folder may be closed to who has no rights beyond its owner's. */
	if (lstat(path, &st) < 0) {
		MUST(errno == EACCES);
	} else if (thing->type == XC_MEMBER_DIR) {
		/* One that was written out may be a symlink of the user's. */
		MUST(S_ISDIR(st.st_mode) || S_ISLNK(st.st_mode));
	} else if (thing->type == XC_MEMBER_SYMLINK) {
		MUST(S_ISLNK(st.st_mode) && readlink(path, target, sizeof(target) - 1) >= 0);
		MUST(strcmp(target, thing->extra->target) == 0);
	} else {
		MUST(S_ISREG(st.st_mode));
		check_file(thing, path, &st, tar);
	}
}

static void parse_index(const struct entry_layer *layer, struct xc_index *ret_index)
{
	struct xc_index_budget budget = { 0 };
	struct xc_err err;

	MUST(xc_index_parse(layer->pack.data + layer->layer.index_offset, layer->layer.index_bytes,
			    &budget, ret_index, &err) == 0);
}

/* Which pack the newest layer has, and what its index says: that of a layer of the entry. */
struct newest {
	const char *pack;
	const struct entry_layer *layer;
};

static struct newest newest_of(const struct entry *entry, enum twist twist)
{
	const struct entry_layer *first = &entry->layers[0];
	const struct entry_layer *last = &entry->layers[entry->count - 1];

	if (twist == TWIST_DOUBLE)
		return (struct newest){ COPY_ID, first };
	if (twist == TWIST_SWAP)
		return (struct newest){ first->layer.pack, first };
	return (struct newest){ last->layer.pack, last };
}

/* The modes are all that is compared. */
static void apply_overrides(const struct newest *newest, const struct entry_layer *layer,
			    struct xc_members *members)
{
	cleanup_index struct xc_index index = XC_INDEX_INIT;

	if (strcmp(newest->pack, layer->layer.pack) == 0)
		return;
	parse_index(newest->layer, &index);
	for (uint32_t i = 0; i < index.overrides.count; i++) {
		const struct xc_layer_overrides *from = &index.overrides.layers[i];

		if (strcmp(from->pack, layer->layer.pack) != 0)
			continue;
		for (uint32_t k = 0; k < from->count; k++)
			if (from->items[k].position < members->count)
				members->items[from->items[k].position].mode = from->items[k].mode;
	}
}

/* What the pack's index says, which was read without complaint, is what must have come. */
static void check_layer(const struct newest *newest, const struct entry_layer *layer,
			const struct xc_roots *roots)
{
	cleanup_member_set struct xc_member_set alive = XC_MEMBER_SET_INIT;
	cleanup_index struct xc_index index = XC_INDEX_INIT;
	struct xc_err err;

	xc_layer_alive(&layer->layer, &alive);
	parse_index(layer, &index);
	apply_overrides(newest, layer, &index.members);
	for (uint32_t i = 0; i < index.members.count; i++) {
		cleanup_buf struct xc_buf stored = XC_BUF_INIT, path = XC_BUF_INIT;

		if (!xc_member_set_has(&alive, i))
			continue;
		xc_members_path(&index.members, i, &stored);
		MUST(xc_roots_to_absolute(roots, stored.data, &path, &err) == 0);
		check_member(&index.members, i, path.data, &layer->tar);
	}
}

static void check_restore(const struct xc_cache *cache, const struct xc_query *query,
			  const struct entry *entry, const struct newest *newest)
{
	cleanup_restore_result struct xc_restore_result result = XC_RESTORE_RESULT_INIT;
	cleanup_free char *outside = scene_picture(""), *workspace = scene_picture("ws"),
			  *home = scene_picture("home");
	cleanup_free char *outside_now = NULL, *workspace_now = NULL, *home_now = NULL;
	struct xc_err err = { 0 };
	int restored = xc_cache_restore(cache, query, &result, &err);

	outside_now = scene_picture("");
	workspace_now = scene_picture("ws");
	home_now = scene_picture("home");
	MUST(strcmp(outside, outside_now) == 0);
	MUST(!strstr(workspace_now, "/.xcache") && !strstr(home_now, "/.xcache"));
	if (restored == 0) {
		for (uint32_t i = 0; i < entry->count; i++)
			check_layer(newest, &entry->layers[i], cache->roots);
		return;
	}
	MUST(!entry->honest || err.kind != XC_ERR_CORRUPT);
	MUST(err.kind != XC_ERR_INTERNAL && err.kind != XC_ERR_NOT_FOUND && err.msg[0] != '\0');
	MUST(strcmp(workspace, workspace_now) == 0 && strcmp(home, home_now) == 0);
}

static void restore_entry(struct feed *feed, struct entry *entry, struct xc_store *store)
{
	char workspace[300], home[300], main_scope[] = "main";
	enum twist twist = (enum twist)feed_below(feed, TWIST_END);
	uint8_t fail_after = feed_byte(feed), times = (uint8_t)(1 + feed_below(feed, 2));
	const struct xc_roots roots = { workspace, home };
	cleanup_strlist struct xc_strlist scopes = XC_STRLIST_INIT, none = XC_STRLIST_INIT,
					  paths = XC_STRLIST_INIT;
	const struct xc_cache cache = {
		.store = store, .repository = "r", .scopes = &scopes, .roots = &roots, .threads = 1
	};
	const struct newest newest = newest_of(entry, twist);
	const struct xc_query query = { .key = KEY, .restore_keys = &none, .paths = &paths };

	snprintf(workspace, sizeof(workspace), "%s/ws", scene_path());
	snprintf(home, sizeof(home), "%s/home", scene_path());
	xc_strlist_add(&scopes, main_scope);
	for (size_t i = 0; entry->lines[i]; i++)
		xc_strlist_add(&paths, entry->lines[i]);
	entry->honest &= twist == TWIST_NONE;
	put_packs(feed, entry, twist, store);
	put_manifest(entry, twist, &paths, store);
	if (fail_after >= 0xf0)
		memory_store_fail_after(store, 1 + (fail_after & 15));
	while (times-- > 0)
		check_restore(&cache, &query, entry, &newest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feed feed = { data, data + size };
	cleanup_entry struct entry entry = { 0 };
	cleanup_store struct xc_store *store = memory_store_new();

	scene_plant(&feed);
	if (entry_make(&feed, &entry) < 0)
		return 0;
	restore_entry(&feed, &entry, store);
	return 0;
}
