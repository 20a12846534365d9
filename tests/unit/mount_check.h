/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a mount of some layers must show, worked out from the layers alone,
 * against what a reader finds in an image. Without a test library: what is
 * wrong is a text, NULL if nothing is.
 */
#ifndef XC_TESTS_MOUNT_CHECK_H
#define XC_TESTS_MOUNT_CHECK_H

#include "erofs_reader.h"
#include "mount/image.h"
#include "mount/layout.h"

/* A name that must be there. */
struct wanted {
	char *path; /* the top's number, then names */
	uint32_t layer, position;
	bool alive;
};

/* A name that is there. */
struct found {
	char *path;
	struct erofs_inode inode;
};

struct mount_check {
	const struct xc_entry_layers *layers;
	const struct xc_layout *layout;
	const struct xc_owner *owner;
	struct erofs fs;
	const char **tops; /* sorted stored paths */
	size_t top_count;
	struct wanted *wanted;
	size_t wanted_count;
	struct found *found;
	size_t found_count, found_capacity;
	uint64_t **nids;  /* per layer and position of files and symlinks, once found */
	uint32_t **names; /* how many names each has */
};

static inline const struct xc_member *wanted_member(const struct mount_check *check,
						    const struct wanted *wanted)
{
	return &check->layers->items[wanted->layer].index.members.items[wanted->position];
}

static inline int mount_compare_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Newest first of those with one path, and alive before dead. */
static inline int mount_compare_wanted(const void *a, const void *b)
{
	const struct wanted *left = a, *right = b;
	int order = strcmp(left->path, right->path);

	if (order != 0)
		return order;
	if (left->alive != right->alive)
		return left->alive ? -1 : 1;
	return (left->layer < right->layer) - (left->layer > right->layer);
}

static inline int mount_compare_found(const void *a, const void *b)
{
	return strcmp(((const struct found *)a)->path, ((const struct found *)b)->path);
}

/* Per position whether it is alive or something below it is. */
static inline bool *mount_needed(const struct xc_entry_layer *layer)
{
	const struct xc_members *members = &layer->index.members;
	bool *needed = xc_calloc(members->count, sizeof(*needed));

	for (uint32_t i = 0; i < members->count; i++)
		if (xc_member_set_has(&layer->alive, i))
			for (uint32_t up = i; up != XC_MEMBER_NONE && !needed[up];
			     up = members->items[up].parent)
				needed[up] = true;
	return needed;
}

static inline void mount_find_tops(struct mount_check *check, bool **needed)
{
	size_t count = 0, roots = 0;

	for (uint32_t layer = 0; layer < check->layers->count; layer++)
		roots += check->layers->items[layer].index.members.count;
	check->tops = xc_calloc(roots, sizeof(*check->tops));
	for (uint32_t layer = 0; layer < check->layers->count; layer++) {
		const struct xc_members *members = &check->layers->items[layer].index.members;

		for (uint32_t i = 0; i < members->count; i++)
			if (needed[layer][i] && members->items[i].parent == XC_MEMBER_NONE)
				check->tops[count++] = members->items[i].name;
	}
	if (count > 0)
		qsort(check->tops, count, sizeof(*check->tops), mount_compare_text);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || strcmp(check->tops[i], check->tops[check->top_count - 1]) != 0)
			check->tops[check->top_count++] = check->tops[i];
}

static inline char *mount_path(const struct mount_check *check, const struct xc_members *members,
			       uint32_t position)
{
	struct xc_buf path = XC_BUF_INIT, all = XC_BUF_INIT;
	const char *stored = members->items[xc_members_root(members, position)].name;
	const char *const *top = bsearch(&stored, check->tops, check->top_count,
					 sizeof(*check->tops), mount_compare_text);

	xc_buf_addf(&path, "%zu", (size_t)(top - check->tops));
	if (members->items[position].parent != XC_MEMBER_NONE) {
		xc_members_path(members, position, &all);
		if (strcmp(stored, "/") != 0)
			xc_buf_add_str(&path, all.data + strlen(stored));
		else
			xc_buf_add_str(&path, all.data);
	}
	xc_buf_release(&all);
	return xc_buf_steal(&path);
}

static inline void mount_want_all(struct mount_check *check)
{
	bool **needed = xc_calloc(check->layers->count, sizeof(*needed));
	size_t count = 0, kept = 0;

	for (uint32_t layer = 0; layer < check->layers->count; layer++) {
		needed[layer] = mount_needed(&check->layers->items[layer]);
		count += check->layers->items[layer].index.members.count;
	}
	mount_find_tops(check, needed);
	check->wanted = xc_calloc(count, sizeof(*check->wanted));
	count = 0;
	for (uint32_t layer = 0; layer < check->layers->count; layer++) {
		const struct xc_entry_layer *items = &check->layers->items[layer];

		for (uint32_t i = 0; i < items->index.members.count; i++)
			if (needed[layer][i])
				check->wanted[count++] = (struct wanted){
					.path = mount_path(check, &items->index.members, i),
					.layer = layer,
					.position = i,
					.alive = xc_member_set_has(&items->alive, i),
				};
		free(needed[layer]);
	}
	free(needed);
	if (count > 0)
		qsort(check->wanted, count, sizeof(*check->wanted), mount_compare_wanted);
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && strcmp(check->wanted[kept - 1].path, check->wanted[i].path) == 0)
			free(check->wanted[i].path);
		else
			check->wanted[kept++] = check->wanted[i];
	}
	check->wanted_count = kept;
}

/* --- reading --- */

static inline const char *mount_read_dir(struct mount_check *check, const char *path,
					 const struct erofs_inode *dir, uint64_t parent);

static inline const char *mount_read_name(struct mount_check *check, const char *dir_path,
					  const struct erofs_inode *dir,
					  const struct erofs_name *name, uint32_t *dirs)
{
	static const uint16_t types[8] = { [1] = S_IFREG, [2] = S_IFDIR, [7] = S_IFLNK };
	struct erofs_inode inode;
	const char *wrong = erofs_inode(&check->fs, name->nid, &inode);
	char *path;

	if (wrong)
		return wrong;
	if (name->type > 7 || types[name->type] != (inode.mode & S_IFMT))
		return "an entry of another type than its inode";
	path = xc_asprintf("%s%s%.*s", dir_path, *dir_path ? "/" : "", (int)name->length,
			   name->name);
	if (check->found_count == check->found_capacity) {
		check->found_capacity = check->found_capacity ? 2 * check->found_capacity : 64;
		check->found =
			xc_realloc(check->found, check->found_capacity * sizeof(*check->found));
	}
	check->found[check->found_count++] = (struct found){ path, inode };
	if (!S_ISDIR(inode.mode))
		return NULL;
	++*dirs;
	return mount_read_dir(check, path, &inode, dir->nid);
}

static inline const char *mount_read_dir(struct mount_check *check, const char *path,
					 const struct erofs_inode *dir, uint64_t parent)
{
	struct erofs_name *names = NULL;
	uint32_t dirs = 2, dots = 0;
	size_t count = 0;
	char *data;
	const char *wrong = erofs_data(&check->fs, dir, &data);

	if (wrong)
		return wrong;
	wrong = erofs_names(&check->fs, dir, data, &names, &count);
	for (size_t i = 0; i < count && !wrong; i++) {
		bool self = names[i].length == 1 && names[i].name[0] == '.';
		bool up = names[i].length == 2 && memcmp(names[i].name, "..", 2) == 0;

		if (!self && !up)
			wrong = mount_read_name(check, path, dir, &names[i], &dirs);
		else if (names[i].nid != (self ? dir->nid : parent) || names[i].type != 2)
			wrong = "a dot that leads elsewhere";
		dots += self || up;
	}
	free(names);
	free(data);
	if (!wrong && (dots != 2 || dir->links != dirs))
		return "a directory without its dots, or with a wrong number of links";
	return wrong;
}

/* --- comparing --- */

static inline const char *mount_same_xattrs(const struct mount_check *check,
					    const struct erofs_inode *inode,
					    const struct xc_member *member)
{
	const struct xc_member_extra *extra = member->extra;
	uint64_t at = inode->xattrs + 12, end = inode->xattrs + inode->xattr_bytes;
	uint32_t count = extra && member->type != XC_MEMBER_SYMLINK ? extra->xattr_count : 0;

	if (count == 0)
		return inode->xattr_bytes == 0 ? NULL : "xattrs that no member has";
	if (inode->xattr_bytes < 12 || !erofs_zero(&check->fs, inode->xattrs, 12))
		return "no header of xattrs";
	for (uint32_t i = 0; i < count; i++) {
		struct erofs_xattr xattr;
		const char *wrong = erofs_xattr(&check->fs, end, &at, &xattr);

		if (wrong)
			return wrong;
		if (xattr.name_length != strlen(extra->xattrs[i].name) - 5 ||
		    memcmp(xattr.name, extra->xattrs[i].name + 5, xattr.name_length) != 0 ||
		    xattr.length != extra->xattrs[i].length ||
		    (xattr.length > 0 &&
		     memcmp(xattr.value, extra->xattrs[i].value, xattr.length) != 0))
			return "another xattr";
	}
	return at == end ? NULL : "more xattrs than the member has";
}

static inline const char *mount_same_target(const struct mount_check *check,
					    const struct erofs_inode *inode,
					    const struct xc_member *member)
{
	char *target;
	const char *wrong = erofs_data(&check->fs, inode, &target);

	if (wrong)
		return wrong;
	if (inode->size != strlen(member->extra->target) ||
	    memcmp(target, member->extra->target, inode->size) != 0)
		wrong = "another target";
	free(target);
	return wrong;
}

static inline uint16_t mount_wanted_mode(const struct mount_check *check,
					 const struct xc_member *member)
{
	static const uint16_t types[] = { S_IFREG, S_IFDIR, S_IFLNK };
	uint16_t mode = member->type == XC_MEMBER_SYMLINK ? 0777 : member->mode;

	if (check->owner && (check->owner->uid != member->uid || check->owner->gid != member->gid))
		mode &= 01777;
	return types[member->type] | mode;
}

static inline const char *mount_same_inode(const struct mount_check *check,
					   const struct erofs_inode *inode,
					   const struct xc_member *member, uint32_t names)
{
	if (inode->mode != mount_wanted_mode(check, member))
		return "another type or mode";
	if (inode->uid != (check->owner ? check->owner->uid : member->uid) ||
	    inode->gid != (check->owner ? check->owner->gid : member->gid))
		return "another owner";
	if (inode->mtime != member->mtime_s || inode->ns != member->mtime_ns)
		return "another time";
	if (member->type != XC_MEMBER_DIR && inode->links != names)
		return "another number of names";
	if (member->type == XC_MEMBER_FILE && inode->size != member->size_bytes)
		return "another size";
	if (member->type == XC_MEMBER_SYMLINK)
		return mount_same_target(check, inode, member);
	return mount_same_xattrs(check, inode, member);
}

/* Which member's record a wanted name goes by: for a hard link that of its file. */
static inline uint32_t mount_record(const struct mount_check *check, const struct wanted *wanted)
{
	const struct xc_member *member = wanted_member(check, wanted);

	return member->type == XC_MEMBER_HARDLINK ? member->link : wanted->position;
}

static inline const char *mount_same_names(struct mount_check *check)
{
	for (size_t i = 0; i < check->wanted_count; i++) {
		const struct wanted *wanted = &check->wanted[i];
		uint32_t record = mount_record(check, wanted);

		check->names[wanted->layer][record]++;
	}
	for (size_t i = 0; i < check->wanted_count; i++) {
		const struct wanted *wanted = &check->wanted[i];
		const struct found *found = &check->found[i];
		uint32_t record = mount_record(check, wanted);
		uint64_t *nid = &check->nids[wanted->layer][record];
		const char *wrong;

		if (i >= check->found_count || strcmp(wanted->path, found->path) != 0)
			return "a name that is missing or too many";
		if (*nid != 0 && *nid != found->inode.nid)
			return "two names of a file that lead to two inodes";
		*nid = found->inode.nid;
		wrong = mount_same_inode(
			check, &found->inode,
			&check->layers->items[wanted->layer].index.members.items[record],
			check->names[wanted->layer][record]);
		if (wrong)
			return wrong;
	}
	return check->found_count == check->wanted_count ? NULL : "more names than there should be";
}

/* --- contents --- */

/* The device of a layer's raw file; -1: it has none. */
static inline int mount_device(const struct mount_check *check, uint32_t layer)
{
	int device = -1;

	for (uint32_t i = 0; i <= layer; i++)
		device += check->layout->layers[i].blocks != NULL;
	return check->layout->layers[layer].blocks ? device : -1;
}

/* Each byte of content must be found where its piece puts it. */
static inline const char *mount_same_piece(const struct mount_check *check, uint32_t layer,
					   uint32_t segment, const struct xc_layout_piece *piece)
{
	const struct xc_index *index = &check->layers->items[layer].index;
	uint64_t tar = index->segments[segment].tar_offset + piece->at;
	uint32_t position = xc_index_find_member(index, tar);
	const struct xc_member *member = &index->members.items[position];
	uint64_t at = tar - member->tar_offset - member->header_bytes, end = at + piece->length;
	struct erofs_inode inode;
	struct erofs_place place;
	const char *wrong;

	if (position == index->members.count || tar < member->tar_offset + member->header_bytes ||
	    end > xc_member_content_bytes(member))
		return "a piece that is no content";
	if (member->extra && member->extra->sparse) {
		const struct xc_extent *run =
			&member->extra->extents[xc_member_find_run(member->extra, at)];

		if (end > run->before + run->length)
			return "a piece across a hole";
		at += run->offset - run->before;
	}
	if (check->nids[layer][position] == 0)
		return NULL; /* a dead member */
	wrong = erofs_inode(&check->fs, check->nids[layer][position], &inode);
	for (uint64_t done = 0; done < piece->length && !wrong; done += place.length) {
		wrong = erofs_map(&check->fs, &inode, at + done, &place);
		if (!wrong && (place.hole || place.device != mount_device(check, layer) ||
			       place.at != piece->raw + done))
			return "content that lies elsewhere";
	}
	return wrong;
}

static inline const char *mount_same_segment(const struct mount_check *check, uint32_t layer,
					     uint32_t segment, uint64_t *content)
{
	const struct xc_layout_layer *own = &check->layout->layers[layer];
	const struct xc_segment *info = &own->entry->index.segments[segment];
	uint64_t raw = own->segment_raw[segment], end = own->segment_raw[segment + 1];
	struct xc_layout_pieces pieces;
	struct xc_layout_piece piece;
	uint64_t at = 0;

	if (raw > end)
		return "segments out of order";
	xc_layout_pieces_init(&pieces, check->layout, layer, segment);
	while (xc_layout_pieces_next(&pieces, &piece)) {
		const char *wrong = mount_same_piece(check, layer, segment, &piece);

		if (wrong)
			return wrong;
		if (piece.raw < raw || piece.raw + piece.length > end || piece.at < at ||
		    piece.length == 0 || (uint64_t)piece.at + piece.length > info->raw_bytes)
			return "a piece outside of its segment, or out of order";
		raw = piece.raw + piece.length;
		at = piece.at + piece.length;
		*content += piece.length;
	}
	return NULL;
}

static inline const char *mount_same_contents(const struct mount_check *check)
{
	for (uint32_t layer = 0; layer < check->layers->count; layer++) {
		const struct xc_index *index = &check->layers->items[layer].index;
		uint64_t content = 0, wanted = 0;
		const char *wrong = NULL;

		if (!check->layout->layers[layer].blocks)
			continue;
		for (uint32_t i = 0; i < index->members.count; i++)
			wanted += xc_member_content_bytes(&index->members.items[i]);
		for (uint32_t i = 0; i < index->segment_count && !wrong; i++)
			wrong = mount_same_segment(check, layer, i, &content);
		if (!wrong && content != wanted)
			wrong = "content that is in no piece";
		if (wrong)
			return wrong;
	}
	return NULL;
}

/* What is in no run must be a hole, but for the rest of blocks that hold data. */
static inline const char *mount_same_holes(const struct mount_check *check)
{
	for (size_t i = 0; i < check->found_count; i++) {
		const struct xc_member *member = wanted_member(check, &check->wanted[i]);
		const struct erofs_inode *inode = &check->found[i].inode;
		uint64_t data = 0, most = 0;
		struct erofs_place place;

		if (member->type != XC_MEMBER_FILE || !member->extra || !member->extra->sparse)
			continue;
		for (uint32_t run = 0; run < member->extra->extent_count; run++)
			most += (member->extra->extents[run].length / check->fs.block + 2) *
				check->fs.block;
		for (uint64_t at = 0; at < inode->size; at += place.length) {
			const char *wrong = erofs_map(&check->fs, inode, at, &place);

			if (wrong)
				return wrong;
			data += place.hole ? 0 : place.length;
		}
		if (data > most)
			return "data where a hole belongs";
	}
	return NULL;
}

static inline void mount_check_release(struct mount_check *check)
{
	for (size_t i = 0; i < check->wanted_count; i++)
		free(check->wanted[i].path);
	for (size_t i = 0; i < check->found_count; i++)
		free(check->found[i].path);
	for (uint32_t i = 0; i < check->layers->count; i++) {
		free(check->nids[i]);
		free(check->names[i]);
	}
	free(check->wanted);
	free(check->found);
	free(check->nids);
	free(check->names);
	free(check->tops);
}

static inline const char *mount_compare_all(struct mount_check *check, const struct xc_buf *image)
{
	struct erofs_inode root;
	const char *wrong = erofs_open(&check->fs, image->data, image->len_bytes);
	uint32_t devices = 0;

	if (wrong)
		return wrong;
	for (uint32_t i = 0; i < check->layers->count; i++)
		devices += check->layout->layers[i].blocks != NULL;
	if (check->fs.device_count != devices)
		return "another number of devices";
	wrong = erofs_inode(&check->fs, check->fs.root, &root);
	if (!wrong && !S_ISDIR(root.mode))
		wrong = "a root that is no directory";
	if (!wrong)
		wrong = mount_read_dir(check, "", &root, root.nid);
	if (wrong)
		return wrong;
	if (check->found_count > 0)
		qsort(check->found, check->found_count, sizeof(*check->found), mount_compare_found);
	wrong = mount_same_names(check);
	if (!wrong)
		wrong = mount_same_contents(check);
	return wrong ? wrong : mount_same_holes(check);
}

/* `layers` as the image of their layout must show them. */
static inline const char *mount_check_image(const struct xc_entry_layers *layers,
					    const struct xc_layout *layout,
					    const struct xc_owner *owner,
					    const struct xc_buf *image)
{
	struct mount_check check = { .layers = layers, .layout = layout, .owner = owner };
	const char *wrong;

	check.nids = xc_calloc(layers->count, sizeof(*check.nids));
	check.names = xc_calloc(layers->count, sizeof(*check.names));
	for (uint32_t i = 0; i < layers->count; i++) {
		uint32_t count = layers->items[i].index.members.count;

		check.nids[i] = xc_calloc(count, sizeof(**check.nids));
		check.names[i] = xc_calloc(count, sizeof(**check.names));
	}
	mount_want_all(&check);
	wrong = mount_compare_all(&check, image);
	mount_check_release(&check);
	return wrong;
}

#endif
