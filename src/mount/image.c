/* SPDX-License-Identifier: Apache-2.0 */
#include "mount/image.h"

#include <string.h>
#include <sys/stat.h>

#include "base/grow.h"
#include "base/varint.h"

/* Numbers and offsets of fs/erofs/erofs_fs.h. */
#define MAGIC              0xe0f5e1e2u
#define SUPER_OFFSET       1024u
#define SUPER_BYTES        128u
#define COMPAT_MTIME       2u
#define INCOMPAT_CHUNKED   4u
#define INCOMPAT_DEVICES   8u
#define SLOT_BYTES         128u
#define SLOT_TAG_BYTES     64u
#define INODE_BYTES        64u
#define NID_BYTES          32u
#define INODE_LONG         1u
#define CHUNK_INDEXES      0x20u
#define CHUNK_BITS_MAX     31u
#define CHUNK_BYTES        8u
#define HOLE               0xffffffffu
#define XATTR_HEADER_BYTES 12u
#define XATTR_ENTRY_BYTES  4u
#define XATTR_USER         1u
#define XATTR_PREFIX_BYTES 5u /* "user." */
#define DIRENT_BYTES       12u
#define DIRENTS_MAX        (4096u / (DIRENT_BYTES + 1))

enum data_kind {
	DATA_PLAIN = 0,
	DATA_INLINE = 2, /* what is left of whole blocks stands behind the inode */
	DATA_CHUNKS = 4,
};

/* What a node takes of the image. */
struct shape {
	uint64_t size; /* of the inode */
	enum data_kind kind;
	uint32_t xattr_bytes; /* with their header */
	uint32_t tail_bytes;  /* behind the inode, without the padding before a table */
	uint64_t blocks;      /* of directories and symlinks, behind all inodes */
	unsigned chunk_bits;
};

/* Room between inodes, in units of INODE_BYTES. */
struct gap {
	uint32_t at, end;
};

struct writing {
	const struct xc_layout *layout;
	const struct xc_image_opts *opts;
	unsigned block_bits;
	uint32_t block_bytes;
	uint32_t *slots;  /* per node, where its inode is, in units of INODE_BYTES */
	uint64_t at;      /* the first byte that no inode has, nor any behind it */
	struct gap *gaps; /* before that, the nearest last */
	uint32_t gap_count, gap_capacity;
	uint64_t blocks; /* behind all inodes */
	uint64_t chunk_bytes;
	bool chunked;
	/* Known once all inodes have a place. */
	uint64_t inodes_end; /* a whole number of blocks */
	uint32_t *uniaddr;   /* per layer, the number of its raw file's first block */
	uint32_t device_count;
	uint8_t *image;
};

static uint64_t align(uint64_t value, uint64_t step)
{
	return (value + step - 1) / step * step;
}

/* --- names of a directory --- */

/* All of them in order, "." and ".." where they belong. */
struct name_walk {
	const struct xc_layout_entry *next, *end;
	struct xc_layout_entry dots[2];
	unsigned dot;
};

static struct name_walk walk_names(const struct xc_layout *layout, uint32_t node)
{
	const struct xc_layout_node *dir = &layout->nodes[node];

	return (struct name_walk){
		.next = layout->entries + dir->first_entry,
		.end = layout->entries + dir->first_entry + dir->entry_count,
		.dots = { { ".", node, 1 }, { "..", dir->parent, 2 } },
	};
}

static const struct xc_layout_entry *next_name(struct name_walk *walk)
{
	if (walk->dot < ARRAY_LEN(walk->dots) &&
	    (walk->next == walk->end || strcmp(walk->dots[walk->dot].name, walk->next->name) < 0))
		return &walk->dots[walk->dot++];
	return walk->next == walk->end ? NULL : walk->next++;
}

static uint64_t directory_bytes(const struct writing *writing, uint32_t node)
{
	struct name_walk walk = walk_names(writing->layout, node);
	const struct xc_layout_entry *name;
	uint64_t whole = 0;
	uint32_t used = 0;

	while ((name = next_name(&walk)) != NULL) {
		if (used + DIRENT_BYTES + name->name_bytes > writing->block_bytes) {
			whole += writing->block_bytes;
			used = 0;
		}
		used += DIRENT_BYTES + name->name_bytes;
	}
	return whole + used;
}

/* --- shapes --- */

static int refuse(const struct writing *writing, uint32_t node, const char *why, struct xc_err *err)
{
	cleanup_buf struct xc_buf path = XC_BUF_INIT;

	xc_layout_path(writing->layout, &writing->layout->nodes[node], &path);
	return xc_err_set(err, XC_ERR_UNSUPPORTED, "%s %s", XC_QUOTE(path.data), why);
}

static uint32_t xattr_entry_bytes(const struct xc_xattr *xattr)
{
	return (uint32_t)align(
		XATTR_ENTRY_BYTES + strlen(xattr->name) - XATTR_PREFIX_BYTES + xattr->length, 4);
}

static int shape_xattrs(const struct writing *writing, uint32_t node, struct shape *shape,
			struct xc_err *err)
{
	const struct xc_member_extra *extra =
		xc_layout_member(writing->layout, &writing->layout->nodes[node])->extra;
	uint64_t bytes = XATTR_HEADER_BYTES;

	if (!extra || extra->xattr_count == 0)
		return 0;
	for (uint32_t i = 0; i < extra->xattr_count; i++) {
		if (extra->xattrs[i].length > XC_IMAGE_XATTR_VALUE_MAX)
			return refuse(writing, node,
				      "has an extended attribute that is too long for a mount",
				      err);
		bytes += xattr_entry_bytes(&extra->xattrs[i]);
	}
	if (bytes > XC_IMAGE_XATTRS_MAX)
		return refuse(writing, node, "has more extended attributes than a mount can have",
			      err);
	shape->xattr_bytes = (uint32_t)bytes;
	return 0;
}

/* The most that a position in blocks can be divided by, as a power of two. */
static unsigned most_bits(uint64_t blocks, unsigned most)
{
	return blocks == 0 ? most : XC_MIN((unsigned)__builtin_ctzll(blocks), most);
}

/* The largest chunks of which each holds data alone or nothing. */
static unsigned chunk_bits(const struct xc_member *member, unsigned block_bits)
{
	unsigned bits = CHUNK_BITS_MAX;
	struct xc_block_run blocks;
	uint32_t run = 0;

	while (xc_layout_next_blocks(member->extra, block_bits, &run, &blocks)) {
		bits = most_bits(blocks.first, bits);
		/* The last chunk may reach past the end of the file. */
		if (blocks.end << block_bits < member->size_bytes)
			bits = most_bits(blocks.end, bits);
	}
	return bits;
}

static int shape_sparse(struct writing *writing, uint32_t node, struct shape *shape,
			struct xc_err *err)
{
	const struct xc_member *member =
		xc_layout_member(writing->layout, &writing->layout->nodes[node]);
	uint64_t chunks,
		most = XC_IMAGE_CHUNKS_FREE_BYTES +
		       (uint64_t)XC_IMAGE_CHUNKS_BYTES_PER_MEMBER * writing->layout->node_count;

	shape->kind = DATA_CHUNKS;
	shape->chunk_bits = chunk_bits(member, writing->block_bits);
	chunks = (member->size_bytes - 1) >> (shape->chunk_bits + writing->block_bits);
	if (++chunks > (most - writing->chunk_bytes) / CHUNK_BYTES)
		return refuse(writing, node,
			      "has holes in too many places for a mount, or is too large with them",
			      err);
	writing->chunk_bytes += chunks * CHUNK_BYTES;
	writing->chunked = true;
	shape->tail_bytes = (uint32_t)(chunks * CHUNK_BYTES);
	return 0;
}

static void shape_data(const struct writing *writing, uint64_t size, struct shape *shape)
{
	uint32_t tail = (uint32_t)(size % writing->block_bytes);

	shape->size = size;
	shape->blocks = size / writing->block_bytes;
	if (tail == 0)
		return;
	/* Somewhere in a block it fits, if it does not end later than the inode begins there. */
	if (tail + shape->xattr_bytes % INODE_BYTES <= writing->block_bytes) {
		shape->kind = DATA_INLINE;
		shape->tail_bytes = tail;
	} else {
		shape->blocks++;
	}
}

static int shape_node(struct writing *writing, uint32_t node, struct shape *ret_shape,
		      struct xc_err *err)
{
	const struct xc_member *member =
		xc_layout_member(writing->layout, &writing->layout->nodes[node]);
	struct shape shape = { .size = member->size_bytes };

	/* A symlink cannot have any (xattr(7)), whatever an index says. */
	if (member->type != XC_MEMBER_SYMLINK && shape_xattrs(writing, node, &shape, err) < 0)
		return -1;
	if (member->type == XC_MEMBER_DIR)
		shape_data(writing, directory_bytes(writing, node), &shape);
	else if (member->type == XC_MEMBER_SYMLINK)
		shape_data(writing, strlen(member->extra->target), &shape);
	else if (member->extra && member->extra->sparse && member->size_bytes > 0 &&
		 shape_sparse(writing, node, &shape, err) < 0)
		return -1;
	*ret_shape = shape;
	return 0;
}

/* --- places --- */

/* An inode alone fits between others that had to keep their data within a block. */
static bool fill_gap(struct writing *writing, const struct shape *shape, uint64_t *ret_at)
{
	struct gap *gap;

	if (writing->gap_count == 0 || shape->xattr_bytes > 0 || shape->tail_bytes > 0)
		return false;
	gap = &writing->gaps[writing->gap_count - 1];
	*ret_at = (uint64_t)gap->at++ * INODE_BYTES;
	if (gap->at == gap->end)
		writing->gap_count--;
	return true;
}

static void leave_gap(struct writing *writing, uint64_t at, uint64_t end)
{
	XC_GROW(writing->gaps, writing->gap_count, writing->gap_capacity, 64);
	writing->gaps[writing->gap_count++] = (struct gap){
		(uint32_t)(at / INODE_BYTES),
		(uint32_t)(end / INODE_BYTES),
	};
}

/* Give a node a place; returns where its inode is. The same nodes in the same order get the same.
 */
static uint64_t place_node(struct writing *writing, const struct shape *shape)
{
	uint64_t at = writing->at, behind = at + INODE_BYTES + shape->xattr_bytes;
	uint64_t left = writing->block_bytes - behind % writing->block_bytes;

	writing->blocks += shape->blocks;
	if (fill_gap(writing, shape, &at))
		return at;
	if (shape->kind == DATA_INLINE && shape->tail_bytes > left) {
		leave_gap(writing, at, at + align(left, INODE_BYTES));
		at += align(left, INODE_BYTES);
		behind += align(left, INODE_BYTES);
	}
	if (shape->kind == DATA_CHUNKS)
		behind = align(behind, CHUNK_BYTES);
	writing->at = align(behind + shape->tail_bytes, INODE_BYTES);
	return at;
}

static uint64_t image_bytes(const struct writing *writing)
{
	return align(writing->at, writing->block_bytes) + (writing->blocks << writing->block_bits);
}

static void begin(struct writing *writing)
{
	writing->at =
		align(SUPER_OFFSET + SUPER_BYTES + SLOT_BYTES * (uint64_t)writing->device_count,
		      INODE_BYTES);
	writing->blocks = 0;
	writing->chunk_bytes = 0;
	writing->gap_count = 0;
}

static int place_nodes(struct writing *writing, struct xc_err *err)
{
	struct shape shape;

	begin(writing);
	for (uint32_t i = 0; i < writing->layout->node_count; i++) {
		if (shape_node(writing, i, &shape, err) < 0)
			return -1;
		writing->slots[i] = (uint32_t)(place_node(writing, &shape) / INODE_BYTES);
		if (image_bytes(writing) > XC_IMAGE_BYTES_MAX)
			return xc_err_set(err, XC_ERR_UNSUPPORTED,
					  "its names and attributes take more than %zu bytes",
					  XC_IMAGE_BYTES_MAX);
	}
	writing->inodes_end = align(writing->at, writing->block_bytes);
	return 0;
}

static uint32_t raw_blocks(const struct xc_layout_layer *layer)
{
	return layer->blocks[layer->entry->index.members.count];
}

/* Raw files follow the image in the numbers of blocks, one behind the other. */
static int place_devices(struct writing *writing, struct xc_err *err)
{
	uint64_t next = image_bytes(writing) >> writing->block_bits;

	for (uint32_t i = 0; i < writing->layout->layer_count; i++) {
		const struct xc_layout_layer *layer = &writing->layout->layers[i];

		if (!layer->blocks)
			continue;
		writing->uniaddr[i] = (uint32_t)next;
		next += raw_blocks(layer);
		if (next > XC_LAYOUT_BLOCKS_MAX)
			return xc_err_set(err, XC_ERR_UNSUPPORTED,
					  "its files are too large together: a mount takes up to "
					  "%llu bytes",
					  (unsigned long long)XC_LAYOUT_BLOCKS_MAX
						  << writing->block_bits);
	}
	return 0;
}

/* --- bytes --- */

static void write_xattrs(const struct xc_member_extra *extra, uint8_t *at)
{
	at += XATTR_HEADER_BYTES;
	for (uint32_t i = 0; i < extra->xattr_count; i++) {
		const struct xc_xattr *xattr = &extra->xattrs[i];
		size_t name_bytes = strlen(xattr->name) - XATTR_PREFIX_BYTES;

		at[0] = (uint8_t)name_bytes;
		at[1] = XATTR_USER;
		xc_le_put(at + 2, xattr->length, 2);
		memcpy(at + XATTR_ENTRY_BYTES, xattr->name + XATTR_PREFIX_BYTES, name_bytes);
		if (xattr->length > 0)
			memcpy(at + XATTR_ENTRY_BYTES + name_bytes, xattr->value, xattr->length);
		at += xattr_entry_bytes(xattr);
	}
}

static void write_chunks(const struct writing *writing, const struct xc_member *member,
			 const struct shape *shape, uint32_t first_block, uint8_t *table)
{
	struct xc_block_run blocks;
	uint64_t raw = first_block;
	uint32_t run = 0;

	for (uint32_t i = 0; i < shape->tail_bytes; i += CHUNK_BYTES)
		xc_le_put(table + i + 4, HOLE, 4);
	while (xc_layout_next_blocks(member->extra, writing->block_bits, &run, &blocks)) {
		uint64_t step = (uint64_t)1 << shape->chunk_bits;

		for (uint64_t block = blocks.first; block < blocks.end; block += step)
			xc_le_put(table + (block >> shape->chunk_bits) * CHUNK_BYTES + 4,
				  raw + (block - blocks.first), 4);
		raw += blocks.end - blocks.first;
	}
}

static unsigned dirent_type(const struct writing *writing, uint32_t node)
{
	/* FT_REG_FILE, FT_DIR and FT_SYMLINK of include/linux/fs_types.h. */
	static const uint8_t types[] = {
		[XC_MEMBER_FILE] = 1,
		[XC_MEMBER_DIR] = 2,
		[XC_MEMBER_SYMLINK] = 7,
	};

	return types[xc_layout_member(writing->layout, &writing->layout->nodes[node])->type];
}

/* One block of a directory: its entries, then their names. The rest is zero already. */
static void write_names(const struct writing *writing, const struct xc_layout_entry **names,
			uint32_t count, uint8_t *block)
{
	uint32_t at = count * DIRENT_BYTES;

	for (uint32_t i = 0; i < count; i++) {
		uint8_t *dirent = block + (size_t)i * DIRENT_BYTES;

		xc_le_put(dirent,
			  (uint64_t)writing->slots[names[i]->node] * (INODE_BYTES / NID_BYTES), 8);
		xc_le_put(dirent + 8, at, 2);
		dirent[10] = (uint8_t)dirent_type(writing, names[i]->node);
		memcpy(block + at, names[i]->name, names[i]->name_bytes);
		at += names[i]->name_bytes;
	}
}

/* `whole` takes what is in whole blocks, and `tail` the rest. */
static void write_directory(const struct writing *writing, uint32_t node, uint8_t *whole,
			    uint8_t *tail)
{
	struct name_walk walk = walk_names(writing->layout, node);
	const struct xc_layout_entry *names[DIRENTS_MAX], *name;
	uint32_t count = 0, used = 0;

	while ((name = next_name(&walk)) != NULL) {
		if (used + DIRENT_BYTES + name->name_bytes > writing->block_bytes) {
			write_names(writing, names, count, whole);
			whole += writing->block_bytes;
			count = used = 0;
		}
		used += DIRENT_BYTES + name->name_bytes;
		names[count++] = name;
	}
	write_names(writing, names, count, tail ? tail : whole);
}

/* What stands behind the inode, or in blocks of its own. Returns the inode's start block. */
static uint32_t write_data(const struct writing *writing, uint32_t node, const struct shape *shape,
			   uint64_t behind)
{
	const struct xc_layout_node *self = &writing->layout->nodes[node];
	const struct xc_member *member = xc_layout_member(writing->layout, self);
	uint64_t data = writing->inodes_end + (writing->blocks << writing->block_bits);
	uint8_t *tail = shape->kind == DATA_INLINE ? writing->image + behind : NULL;
	uint32_t raw = 0;

	data -= shape->blocks << writing->block_bits;
	if (member->type == XC_MEMBER_DIR) {
		write_directory(writing, node, writing->image + data, tail);
	} else if (member->type == XC_MEMBER_SYMLINK) {
		size_t whole = shape->size - shape->tail_bytes;

		memcpy(writing->image + data, member->extra->target, whole);
		if (tail)
			memcpy(tail, member->extra->target + whole, shape->tail_bytes);
	} else {
		if (xc_member_content_bytes(member) > 0)
			raw = writing->uniaddr[self->layer] +
			      writing->layout->layers[self->layer].blocks[self->position];
		if (shape->kind != DATA_CHUNKS)
			return raw;
		write_chunks(writing, member, shape, raw,
			     writing->image + align(behind, CHUNK_BYTES));
		return CHUNK_INDEXES | shape->chunk_bits;
	}
	return shape->blocks > 0 ? (uint32_t)(data >> writing->block_bits) : 0;
}

static uint16_t mode_of(const struct writing *writing, const struct xc_member *member)
{
	const struct xc_owner *owner = writing->opts->owner;
	bool kept = !owner || (owner->uid == member->uid && owner->gid == member->gid);

	if (member->type == XC_MEMBER_SYMLINK)
		return S_IFLNK | 0777;
	return (uint16_t)((member->type == XC_MEMBER_DIR ? S_IFDIR : S_IFREG) |
			  xc_owner_mode(0, member->mode, kept));
}

static void write_node(struct writing *writing, uint32_t node, const struct shape *shape)
{
	const struct xc_layout_node *self = &writing->layout->nodes[node];
	const struct xc_member *member = xc_layout_member(writing->layout, self);
	const struct xc_owner *owner = writing->opts->owner;
	uint64_t at = place_node(writing, shape);
	uint8_t *inode = writing->image + at;
	uint32_t xattr_count = 0;

	if (shape->xattr_bytes > 0) {
		xattr_count = 1 + (shape->xattr_bytes - XATTR_HEADER_BYTES) / 4;
		write_xattrs(member->extra, inode + INODE_BYTES);
	}
	xc_le_put(inode, INODE_LONG | (unsigned)shape->kind << 1, 2);
	xc_le_put(inode + 2, xattr_count, 2);
	xc_le_put(inode + 4, mode_of(writing, member), 2);
	xc_le_put(inode + 8, shape->size, 8);
	xc_le_put(inode + 16,
		  write_data(writing, node, shape, at + INODE_BYTES + shape->xattr_bytes), 4);
	xc_le_put(inode + 20, node + 1, 4);
	xc_le_put(inode + 24, owner ? owner->uid : member->uid, 4);
	xc_le_put(inode + 28, owner ? owner->gid : member->gid, 4);
	xc_le_put(inode + 32, (uint64_t)member->mtime_s, 8);
	xc_le_put(inode + 40, member->mtime_ns, 4);
	xc_le_put(inode + 44, self->links, 4);
}

static void write_devices(const struct writing *writing)
{
	uint8_t *slot = writing->image + SUPER_OFFSET + SUPER_BYTES;

	for (uint32_t i = 0; i < writing->layout->layer_count; i++) {
		const struct xc_layout_layer *layer = &writing->layout->layers[i];

		if (!layer->blocks)
			continue;
		/* A kernel only looks whether there is a tag. */
		memcpy(slot, layer->entry->layer->pack,
		       XC_MIN(strlen(layer->entry->layer->pack), (size_t)SLOT_TAG_BYTES));
		xc_le_put(slot + SLOT_TAG_BYTES, raw_blocks(layer), 4);
		xc_le_put(slot + SLOT_TAG_BYTES + 4, writing->uniaddr[i], 4);
		slot += SLOT_BYTES;
	}
}

static void write_super(const struct writing *writing, size_t length)
{
	uint8_t *super = writing->image + SUPER_OFFSET;

	xc_le_put(super, MAGIC, 4);
	xc_le_put(super + 8, COMPAT_MTIME, 4);
	super[12] = (uint8_t)writing->block_bits;
	xc_le_put(super + 14, writing->slots[0] * (INODE_BYTES / NID_BYTES), 2);
	xc_le_put(super + 16, writing->layout->node_count, 8);
	xc_le_put(super + 36, length >> writing->block_bits, 4);
	memcpy(super + 48, writing->opts->uuid, XC_IMAGE_UUID_BYTES);
	memcpy(super + 64, "xcache", sizeof("xcache"));
	xc_le_put(super + 80,
		  (writing->chunked ? INCOMPAT_CHUNKED : 0) |
			  (writing->device_count > 0 ? INCOMPAT_DEVICES : 0),
		  4);
	xc_le_put(super + 86, writing->device_count, 2);
	xc_le_put(super + 88, (SUPER_OFFSET + SUPER_BYTES) / SLOT_BYTES, 2);
}

static int write_image(struct writing *writing, struct xc_buf *out, struct xc_err *err)
{
	size_t length = (size_t)image_bytes(writing);
	struct shape shape;

	xc_buf_init(out, XC_IMAGE_BYTES_MAX);
	writing->image = (uint8_t *)xc_buf_reserve(out, length);
	if (!writing->image)
		return xc_err_set(err, XC_ERR_INTERNAL, "no memory for an image");
	memset(writing->image, 0, length);
	write_super(writing, length);
	write_devices(writing);
	begin(writing);
	for (uint32_t i = 0; i < writing->layout->node_count; i++) {
		if (shape_node(writing, i, &shape, err) < 0)
			return -1;
		write_node(writing, i, &shape);
	}
	xc_buf_grow_by(out, length);
	return 0;
}

int xc_image_write(const struct xc_layout *layout, const struct xc_image_opts *opts,
		   struct xc_buf *out, struct xc_err *err)
{
	cleanup_free uint32_t *slots = xc_calloc(layout->node_count, sizeof(*slots));
	cleanup_free uint32_t *uniaddr = xc_calloc(layout->layer_count, sizeof(*uniaddr));
	struct writing writing = {
		.layout = layout,
		.opts = opts,
		.block_bits = layout->block_bits,
		.block_bytes = 1u << layout->block_bits,
		.slots = slots,
		.uniaddr = uniaddr,
	};
	int result;

	for (uint32_t i = 0; i < layout->layer_count; i++)
		writing.device_count += layout->layers[i].blocks != NULL;
	xc_buf_release(out);
	result = place_nodes(&writing, err);
	if (result == 0)
		result = place_devices(&writing, err);
	if (result == 0)
		result = write_image(&writing, out, err);
	free(writing.gaps);
	return result;
}
