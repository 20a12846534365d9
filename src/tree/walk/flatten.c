/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>

#include "base/grow.h"
#include "tree/walk/internal.h"

/* The first member of each inode with several names; open addressing. */
struct link_slot {
	uint64_t device, inode;
	uint32_t position; /* XC_MEMBER_NONE marks an empty slot */
};

struct flatten {
	struct xc_tree *tree;
	struct link_slot *links;
	size_t link_capacity, link_count; /* capacity is a power of two */
};

/* One directory on the way down. */
struct frame {
	struct walk_dir *dir;
	uint32_t next;
	uint32_t position;
};

struct frames {
	struct frame *items;
	size_t count, capacity;
};

static void push_frame(struct frames *frames, struct walk_dir *dir, uint32_t position)
{
	XC_GROW(frames->items, frames->count, frames->capacity, 64);
	frames->items[frames->count++] = (struct frame){ .dir = dir, .position = position };
}

static void free_entries(struct walk_dir *dir)
{
	free(dir->entries);
	dir->entries = NULL;
	dir->count = 0;
}

static struct walk_dir *entry_dir(const struct walk_entry *entry)
{
	return entry->name && entry->type == XC_MEMBER_DIR && entry->side ? entry->side->dir : NULL;
}

/* Visits every directory's entries once; a stack instead of recursion, for trees of any depth. */
static uint64_t for_all_directories(const struct walk *walk, bool release)
{
	struct frames frames = { 0 };
	uint64_t total = 0;

	for (size_t i = 0; i < walk->root_count; i++) {
		total += walk->roots[i].name != NULL;
		if (!entry_dir(&walk->roots[i]))
			continue;
		push_frame(&frames, entry_dir(&walk->roots[i]), 0);
		while (frames.count > 0) {
			struct walk_dir *dir = frames.items[--frames.count].dir;

			total += dir->count;
			for (uint32_t k = 0; k < dir->count; k++)
				if (entry_dir(&dir->entries[k]))
					push_frame(&frames, entry_dir(&dir->entries[k]), 0);
			if (release)
				free_entries(dir);
		}
	}
	free(frames.items);
	return total;
}

void xc_walk_free_entries(struct walk *walk)
{
	for_all_directories(walk, true);
}

static struct link_slot *link_slot(struct flatten *flatten, uint64_t device, uint64_t inode)
{
	uint64_t hash = (inode ^ device << 32) * 0x9e3779b97f4a7c15u;
	size_t mask = flatten->link_capacity - 1;
	size_t i = (hash >> 20) & mask;

	while (flatten->links[i].position != XC_MEMBER_NONE &&
	       (flatten->links[i].inode != inode || flatten->links[i].device != device))
		i = (i + 1) & mask;
	return &flatten->links[i];
}

static void grow_links(struct flatten *flatten)
{
	struct link_slot *old = flatten->links;
	size_t old_capacity = flatten->link_capacity;

	flatten->link_capacity = old_capacity ? 2 * old_capacity : 256;
	flatten->links = xc_malloc(flatten->link_capacity * sizeof(*flatten->links));
	for (size_t i = 0; i < flatten->link_capacity; i++)
		flatten->links[i].position = XC_MEMBER_NONE;
	for (size_t i = 0; i < old_capacity; i++)
		if (old[i].position != XC_MEMBER_NONE)
			*link_slot(flatten, old[i].device, old[i].inode) = old[i];
	free(old);
}

/* Makes a member a hard link if its inode was met before. */
static void resolve_link(struct flatten *flatten, const struct walk_side *side,
			 struct xc_member *member, uint32_t position)
{
	struct link_slot *slot;

	if (2 * (flatten->link_count + 1) > flatten->link_capacity)
		grow_links(flatten);
	slot = link_slot(flatten, side->stamp.device, side->stamp.inode);
	if (slot->position == XC_MEMBER_NONE) {
		*slot = (struct link_slot){ side->stamp.device, side->stamp.inode, position };
		flatten->link_count++;
		return;
	}
	member->type = XC_MEMBER_HARDLINK;
	member->link = slot->position;
	member->size_bytes = 0;
	member->extra = NULL;
}

static void count_member(struct xc_tree *tree, const struct xc_member *member)
{
	switch (member->type) {
	case XC_MEMBER_FILE:
		tree->files++;
		tree->content_bytes += xc_member_content_bytes(member);
		break;
	case XC_MEMBER_DIR:
		tree->directories++;
		break;
	case XC_MEMBER_SYMLINK:
		tree->symlinks++;
		break;
	default:
		tree->hardlinks++;
	}
}

static uint32_t add_member(struct flatten *flatten, const struct walk_entry *entry,
			   const char *name, uint32_t parent)
{
	struct xc_members *members = &flatten->tree->members;
	uint32_t position = members->count++;
	struct xc_member *member = &members->items[position];

	*member = (struct xc_member){
		.name = name,
		.extra = entry->side ? entry->side->extra : NULL,
		.size_bytes = entry->size_bytes,
		.mtime_s = entry->mtime_s,
		.mtime_ns = entry->mtime_ns,
		.parent = parent,
		.uid = entry->uid,
		.gid = entry->gid,
		.mode = entry->mode,
		.type = entry->type,
	};
	if (flatten->tree->stamps && entry->side && entry->type == XC_MEMBER_FILE)
		flatten->tree->stamps[position] = entry->side->stamp;
	if (entry->side && entry->side->linked)
		resolve_link(flatten, entry->side, member, position);
	count_member(flatten->tree, member);
	return position;
}

static void add_below(struct flatten *flatten, struct walk_dir *root, uint32_t position)
{
	struct frames frames = { 0 };

	push_frame(&frames, root, position);
	while (frames.count > 0) {
		struct frame *frame = &frames.items[frames.count - 1];
		const struct walk_entry *entry;
		uint32_t added;

		if (frame->next == frame->dir->count) {
			free_entries(frame->dir);
			frames.count--;
			continue;
		}
		entry = &frame->dir->entries[frame->next++];
		added = add_member(flatten, entry, entry->name, frame->position);
		if (entry_dir(entry))
			push_frame(&frames, entry_dir(entry), added);
	}
	free(frames.items);
}

struct root_order {
	char *stored;
	size_t index;
};

static int compare_tops(const void *a, const void *b)
{
	return strcmp(((const struct root_order *)a)->stored,
		      ((const struct root_order *)b)->stored);
}

/* Root paths stand in the order of their stored paths, which is not that of the absolute ones. */
static struct root_order *order_tops(const struct walk *walk, const struct xc_strlist *paths)
{
	struct root_order *order = xc_calloc(paths->count, sizeof(*order));

	for (size_t i = 0; i < paths->count; i++) {
		struct xc_buf stored = XC_BUF_INIT;

		xc_roots_to_stored(walk->opts->roots,
				   xc_patterns_root(walk->opts->patterns, paths->items[i]),
				   paths->items[i], &stored);
		order[i] = (struct root_order){ xc_buf_steal(&stored), i };
	}
	qsort(order, paths->count, sizeof(*order), compare_tops);
	return order;
}

static void add_root(struct flatten *flatten, const struct walk *walk,
		     const struct root_order *root, const char *absolute)
{
	const struct walk_entry *entry = &walk->roots[root->index];
	const char *stored = root->stored;
	struct xc_tree *tree = flatten->tree;
	const char *name = xc_arena_text(&tree->members.arena, stored, strlen(stored));
	uint32_t position = add_member(flatten, entry, name, XC_MEMBER_NONE);

	tree->root_positions[tree->root_paths.count] = position;
	tree->root_containers[tree->root_paths.count] = walk->containers[root->index];
	xc_strlist_add(&tree->root_paths, absolute);
	if (entry_dir(entry))
		add_below(flatten, entry_dir(entry), position);
}

static size_t find_root(const struct xc_tree *tree, uint32_t position)
{
	size_t low = 0, high = tree->root_paths.count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (tree->root_positions[middle] <= position)
			low = middle;
		else
			high = middle;
	}
	return low;
}

int xc_walk_fail_deep(const char *path, struct xc_err *err)
{
	return xc_err_set(err, XC_ERR_IO,
			  "%s has files or directories more than %u levels deep: leave them out "
			  "with a path line that begins with \"!\"",
			  XC_QUOTE(path), XC_MEMBER_LEVEL_MAX);
}

/* What no index may hold is told here, by name. */
static int check_levels(const struct xc_tree *tree, struct xc_err *err)
{
	uint32_t position;

	switch (xc_members_levels(&tree->members, &position)) {
	case XC_LEVELS_TOO_DEEP:
		return xc_walk_fail_deep(tree->root_paths.items[find_root(tree, position)], err);
	case XC_LEVELS_TOO_MANY:
		return xc_err_set(err, XC_ERR_IO,
				  "the files and directories are more than %u levels deep on "
				  "average, which is more than one entry can hold: leave some out "
				  "with a path line that begins with \"!\"",
				  XC_LEVELS_PER_MEMBER);
	default:
		return 0;
	}
}

int xc_walk_flatten(struct walk *walk, const struct xc_strlist *paths, struct xc_tree *ret_tree,
		    struct xc_err *err)
{
	struct xc_tree tree = XC_TREE_INIT;
	struct flatten flatten = { .tree = &tree };
	uint64_t total = for_all_directories(walk, false);
	struct root_order *order;

	if (total > XC_MEMBERS_MAX) {
		xc_walk_free_entries(walk);
		return xc_err_set(err, XC_ERR_IO,
				  "%llu files and directories are more than the %u that one "
				  "entry can hold: split it into several keys",
				  (unsigned long long)total, XC_MEMBERS_MAX);
	}
	tree.members.items = xc_malloc(total * sizeof(*tree.members.items));
	if (walk->opts->stamps)
		tree.stamps = xc_calloc(total, sizeof(*tree.stamps));
	tree.root_positions = xc_calloc(paths->count, sizeof(*tree.root_positions));
	tree.root_containers = xc_calloc(paths->count, sizeof(*tree.root_containers));
	order = order_tops(walk, paths);
	for (size_t i = 0; i < paths->count; i++) {
		if (walk->roots[order[i].index].name)
			add_root(&flatten, walk, &order[i], paths->items[order[i].index]);
		free(order[i].stored);
	}
	free(order);
	free(flatten.links);
	for (unsigned i = 0; i < walk->opts->threads; i++) {
		xc_arena_merge(&tree.members.arena, &walk->workers[i].arena);
		tree.sockets += walk->workers[i].sockets;
		tree.fifos += walk->workers[i].fifos;
		tree.devices += walk->workers[i].devices;
	}
	if (check_levels(&tree, err) < 0) {
		xc_tree_release(&tree);
		return -1;
	}
	*ret_tree = tree;
	return 0;
}

void xc_tree_locate(void *context, uint32_t position, struct xc_dirs_location *ret_place)
{
	struct xc_tree *tree = context;
	size_t root = find_root(tree, position);
	const char *path = tree->root_paths.items[root];
	const char *name = strrchr(path, '/') + 1;

	*ret_place = (struct xc_dirs_location){
		.dir_fd = AT_FDCWD,
		.path = path,
		.path_bytes = (size_t)(name - path),
		.name = *name ? name : ".",
		.known = true,
		.device = tree->root_containers[root].device,
		.inode = tree->root_containers[root].inode,
	};
}

void xc_tree_path(const struct xc_tree *tree, uint32_t position, struct xc_buf *out)
{
	struct xc_buf stored = XC_BUF_INIT;
	uint32_t root = xc_members_root(&tree->members, position);
	const char *root_path = tree->root_paths.items[find_root(tree, position)];

	xc_members_path(&tree->members, position, &stored);
	/* "/" as the path of a root path already ends in the slash that joins. */
	if (strcmp(root_path, "/") != 0 || root == position)
		xc_buf_add_str(out, root_path);
	else if (strcmp(tree->members.items[root].name, "/") == 0)
		xc_buf_add_char(out, '/');
	xc_buf_add_str(out, stored.data + strlen(tree->members.items[root].name));
	xc_buf_release(&stored);
}
