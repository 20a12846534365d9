/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader of EROFS images, made from the description of the format
 * (Linux, fs/erofs/erofs_fs.h) and not from the writer: it shares none of its
 * code. It takes what a kernel takes of the parts that are used here, and is
 * stricter where a kernel would be lenient. Without a test library, so that
 * fuzz targets can use it too: what is wrong is a text, NULL if nothing is.
 */
#ifndef XC_TESTS_EROFS_READER_H
#define XC_TESTS_EROFS_READER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define EROFS_SUPER     1024u
#define EROFS_DEVICES   1001
#define EROFS_HOLE      0xffffffffu
#define EROFS_WRONG(is) return (is)

struct erofs {
	const uint8_t *image;
	size_t length;
	unsigned bits;
	uint32_t block; /* 1 << bits */
	uint64_t root, inodes;
	uint32_t device_count;
	struct {
		uint32_t blocks, first; /* in the numbers of all blocks */
		char tag[65];
	} devices[EROFS_DEVICES];
};

struct erofs_inode {
	uint64_t nid, at; /* `at` in the image */
	unsigned layout;  /* 0 plain, 2 inline tail, 4 chunks */
	uint16_t mode;
	uint64_t size;
	uint32_t start; /* block */
	unsigned chunk_bits;
	uint32_t uid, gid, ns, links, number;
	int64_t mtime;
	uint64_t xattrs, xattr_bytes; /* place and length, header included */
	uint64_t behind;              /* where the tail is, or the chunk table */
};

/* Where a byte of a file lies: in the image, in a device, or nowhere. */
struct erofs_place {
	int device; /* -1: the image */
	bool hole;
	uint64_t at;
	uint64_t length; /* of what lies there in one piece */
};

struct erofs_name {
	const char *name;
	size_t length;
	uint64_t nid;
	uint8_t type;
};

static inline uint64_t erofs_get(const struct erofs *fs, uint64_t at, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)fs->image[at + i] << (8 * i);
	return value;
}

static inline bool erofs_zero(const struct erofs *fs, uint64_t at, uint64_t length)
{
	for (uint64_t i = 0; i < length; i++)
		if (fs->image[at + i] != 0)
			return false;
	return true;
}

static inline const char *erofs_devices(struct erofs *fs)
{
	uint64_t slot = erofs_get(fs, EROFS_SUPER + 88, 2) * 128, free = fs->length >> fs->bits;

	fs->device_count = (uint32_t)erofs_get(fs, EROFS_SUPER + 86, 2);
	if (fs->device_count > EROFS_DEVICES)
		EROFS_WRONG("more devices than a test knows");
	if (fs->device_count > 0 && slot < EROFS_SUPER + 128)
		EROFS_WRONG("a device table in the superblock");
	for (uint32_t i = 0; i < fs->device_count; i++, slot += 128) {
		if (slot + 128 > fs->length)
			EROFS_WRONG("a device table behind the end");
		fs->devices[i].blocks = (uint32_t)erofs_get(fs, slot + 64, 4);
		fs->devices[i].first = (uint32_t)erofs_get(fs, slot + 68, 4);
		memcpy(fs->devices[i].tag, fs->image + slot, 64);
		if (fs->devices[i].tag[0] == '\0')
			EROFS_WRONG("a device without a tag");
		if (fs->devices[i].first < free || fs->devices[i].blocks == 0)
			EROFS_WRONG("a device that overlaps what is before it");
		free = (uint64_t)fs->devices[i].first + fs->devices[i].blocks;
		if (free > EROFS_HOLE)
			EROFS_WRONG("a device that reaches to the block of all holes");
		if (!erofs_zero(fs, slot + 72, 56))
			EROFS_WRONG("a device slot with more than this");
	}
	return NULL;
}

static inline const char *erofs_open(struct erofs *fs, const void *image, size_t length)
{
	uint64_t features;

	*fs = (struct erofs){ .image = image, .length = length };
	if (length < EROFS_SUPER + 128 || erofs_get(fs, EROFS_SUPER, 4) != 0xe0f5e1e2)
		EROFS_WRONG("no superblock");
	fs->bits = fs->image[EROFS_SUPER + 12];
	if (fs->bits < 9 || fs->bits > 12)
		EROFS_WRONG("blocks of an odd size");
	fs->block = 1u << fs->bits;
	if (length % fs->block != 0 || erofs_get(fs, EROFS_SUPER + 36, 4) != length >> fs->bits)
		EROFS_WRONG("an image of other than whole blocks");
	features = erofs_get(fs, EROFS_SUPER + 80, 4);
	if (features & ~UINT64_C(12) || (!(features & 8) && erofs_get(fs, EROFS_SUPER + 86, 2)))
		EROFS_WRONG("features that are not used here");
	if (erofs_get(fs, EROFS_SUPER + 8, 4) != 2)
		EROFS_WRONG("no times");
	if (erofs_get(fs, EROFS_SUPER + 4, 4) || erofs_get(fs, EROFS_SUPER + 40, 8) ||
	    fs->image[EROFS_SUPER + 13] || !erofs_zero(fs, EROFS_SUPER + 90, 38) ||
	    !erofs_zero(fs, 0, EROFS_SUPER))
		EROFS_WRONG("something where zeros belong");
	if (erofs_zero(fs, EROFS_SUPER + 48, 16))
		EROFS_WRONG("no UUID");
	fs->root = erofs_get(fs, EROFS_SUPER + 14, 2);
	fs->inodes = erofs_get(fs, EROFS_SUPER + 16, 8);
	return erofs_devices(fs);
}

static inline const char *erofs_check_layout(const struct erofs *fs, struct erofs_inode *inode)
{
	uint64_t tail = inode->size % fs->block;

	if (inode->layout == 2) {
		if (tail == 0)
			EROFS_WRONG("an inline tail of nothing");
		if (inode->behind % fs->block + tail > fs->block)
			EROFS_WRONG("an inline tail across blocks");
		if (inode->behind + tail > fs->length)
			EROFS_WRONG("an inline tail behind the end");
	} else if (inode->layout == 4) {
		uint64_t chunks;

		if ((inode->start & ~0x3fu) || !(inode->start & 0x20))
			EROFS_WRONG("chunks of an unknown kind");
		inode->chunk_bits = fs->bits + (inode->start & 0x1f);
		inode->behind = (inode->behind + 7) & ~UINT64_C(7);
		chunks = (inode->size + ((UINT64_C(1) << inode->chunk_bits) - 1)) >>
			 inode->chunk_bits;
		if (inode->behind + chunks * 8 > fs->length || !S_ISREG(inode->mode))
			EROFS_WRONG("a chunk table behind the end");
	} else if (inode->layout != 0) {
		EROFS_WRONG("an inode of an unknown kind");
	}
	if (inode->layout == 0 && inode->size == 0 && inode->start != 0)
		EROFS_WRONG("an empty file with a block");
	return NULL;
}

static inline const char *erofs_inode(const struct erofs *fs, uint64_t nid,
				      struct erofs_inode *ret_inode)
{
	struct erofs_inode inode = { .nid = nid, .at = nid * 32 };
	uint64_t at = inode.at, count;

	if (nid == 0 || nid > fs->length / 32 || at + 64 > fs->length || at % 64 != 0)
		EROFS_WRONG("an inode in a wrong place");
	if (!(erofs_get(fs, at, 2) & 1) || erofs_get(fs, at, 2) >> 4)
		EROFS_WRONG("not a long inode");
	inode.layout = (unsigned)erofs_get(fs, at, 2) >> 1;
	count = erofs_get(fs, at + 2, 2);
	inode.mode = (uint16_t)erofs_get(fs, at + 4, 2);
	inode.size = erofs_get(fs, at + 8, 8);
	inode.start = (uint32_t)erofs_get(fs, at + 16, 4);
	inode.number = (uint32_t)erofs_get(fs, at + 20, 4);
	inode.uid = (uint32_t)erofs_get(fs, at + 24, 4);
	inode.gid = (uint32_t)erofs_get(fs, at + 28, 4);
	inode.mtime = (int64_t)erofs_get(fs, at + 32, 8);
	inode.ns = (uint32_t)erofs_get(fs, at + 40, 4);
	inode.links = (uint32_t)erofs_get(fs, at + 44, 4);
	if (erofs_get(fs, at + 6, 2) || !erofs_zero(fs, at + 48, 16) || inode.ns > 999999999)
		EROFS_WRONG("an inode with what it must not have");
	if (inode.size > INT64_MAX)
		EROFS_WRONG("an impossible size");
	inode.xattrs = at + 64;
	inode.xattr_bytes = count == 0 ? 0 : 12 + 4 * (count - 1);
	inode.behind = inode.xattrs + inode.xattr_bytes;
	if (inode.behind > fs->length || count == 1)
		EROFS_WRONG("xattrs that are not there");
	*ret_inode = inode;
	return erofs_check_layout(fs, ret_inode);
}

/* A block number of an inode or a chunk, `offset` bytes behind its beginning. */
static inline const char *erofs_block(const struct erofs *fs, uint64_t block, uint64_t offset,
				      struct erofs_place *place)
{
	uint64_t at = (block << fs->bits) + offset;

	if (block == 0 || block >= EROFS_HOLE)
		EROFS_WRONG("a block that cannot be");
	place->device = -1;
	place->at = at;
	if (at < fs->length) {
		if (place->length > fs->length - at)
			EROFS_WRONG("a file that leaves the image");
		return NULL;
	}
	for (uint32_t i = 0; i < fs->device_count; i++) {
		uint64_t first = (uint64_t)fs->devices[i].first << fs->bits;
		uint64_t length = (uint64_t)fs->devices[i].blocks << fs->bits;

		if (at < first || at - first >= length)
			continue;
		place->device = (int)i;
		place->at = at - first;
		if (place->length > length - place->at)
			EROFS_WRONG("a file that leaves its device");
		return NULL;
	}
	EROFS_WRONG("a block of no device");
}

/* Where byte `offset` lies, which must be below the size. */
static inline const char *erofs_map(const struct erofs *fs, const struct erofs_inode *inode,
				    uint64_t offset, struct erofs_place *ret_place)
{
	struct erofs_place place = { .device = -1 };
	const char *wrong = NULL;

	if (inode->layout == 4) {
		uint64_t chunk = offset >> inode->chunk_bits, start = chunk << inode->chunk_bits;
		uint64_t entry = inode->behind + 8 * chunk, block;
		uint64_t end = start + (UINT64_C(1) << inode->chunk_bits);

		place.length = (end < inode->size ? end : inode->size) - offset;
		block = erofs_get(fs, entry + 4, 4);
		if (erofs_get(fs, entry, 4) != 0)
			EROFS_WRONG("a chunk that names its device");
		place.hole = block == EROFS_HOLE;
		if (!place.hole)
			wrong = erofs_block(fs, block, offset - start, &place);
	} else {
		uint64_t tail = inode->layout == 2 ? inode->size % fs->block : 0;

		if (offset >= inode->size - tail) {
			place.length = inode->size - offset;
			place.at = inode->behind + (offset - (inode->size - tail));
		} else {
			place.length = inode->size - tail - offset;
			wrong = erofs_block(fs, inode->start, offset, &place);
		}
	}
	*ret_place = place;
	return wrong;
}

/* All of a directory's or symlink's data, which the image itself has; to be freed. */
static inline const char *erofs_data(const struct erofs *fs, const struct erofs_inode *inode,
				     char **ret_data)
{
	char *data = malloc(inode->size + 1);

	for (uint64_t at = 0; at < inode->size;) {
		struct erofs_place place;
		const char *wrong = erofs_map(fs, inode, at, &place);

		if (!wrong && (place.device != -1 || place.hole))
			wrong = "a directory or symlink outside of the image";
		if (wrong) {
			free(data);
			return wrong;
		}
		memcpy(data + at, fs->image + place.at, place.length);
		at += place.length;
	}
	data[inode->size] = '\0';
	*ret_data = data;
	return NULL;
}

/* The names of one block of a directory, appended to `names`. */
static inline const char *erofs_dir_block(const uint8_t *block, size_t length,
					  struct erofs_name *names, size_t *count)
{
	const struct erofs fs = { .image = block, .length = length };
	uint64_t first, end;

	if (length < 12)
		EROFS_WRONG("a directory that is cut off");
	first = erofs_get(&fs, 8, 2);
	if (first < 12 || first % 12 != 0 || first > length)
		EROFS_WRONG("a directory with a wrong first name");
	for (uint64_t i = 0; i < first; i += 12) {
		struct erofs_name *name = &names[(*count)++];
		uint64_t at = erofs_get(&fs, i + 8, 2);

		end = i + 12 < first ? erofs_get(&fs, i + 20, 2) : length;
		if (at < first || at >= end || end > length || block[i + 11] != 0)
			EROFS_WRONG("a name in a wrong place");
		name->name = (const char *)block + at;
		name->length = strnlen(name->name, end - at);
		name->nid = erofs_get(&fs, i, 8);
		name->type = block[i + 10];
		if (name->length == 0 || name->length > 255 ||
		    (i + 12 < first && name->length != end - at))
			EROFS_WRONG("a name of a wrong length");
	}
	return NULL;
}

/* The names of a directory, "." and ".." included, in `*ret_names`; they point into its `data`. */
static inline const char *erofs_names(const struct erofs *fs, const struct erofs_inode *inode,
				      const char *data, struct erofs_name **ret_names,
				      size_t *ret_count)
{
	struct erofs_name *names = malloc((inode->size / 13 + 1) * sizeof(*names));
	const char *wrong = NULL;
	size_t count = 0;

	for (uint64_t at = 0; at < inode->size && !wrong; at += fs->block) {
		uint64_t left = inode->size - at;

		wrong = erofs_dir_block((const uint8_t *)data + at,
					left < fs->block ? left : fs->block, names, &count);
	}
	for (size_t i = 1; i < count && !wrong; i++) {
		const struct erofs_name *a = &names[i - 1], *b = &names[i];
		int order = memcmp(a->name, b->name, a->length < b->length ? a->length : b->length);

		if (order > 0 || (order == 0 && a->length >= b->length))
			wrong = "names out of order";
	}
	if (wrong) {
		free(names);
		return wrong;
	}
	*ret_names = names;
	*ret_count = count;
	return NULL;
}

struct erofs_xattr {
	const char *name; /* without "user." */
	size_t name_length;
	const void *value;
	size_t length;
};

/* The xattr at `*at`, which then is that of the next; from inode->xattrs + 12 to before behind. */
static inline const char *erofs_xattr(const struct erofs *fs, uint64_t end, uint64_t *at,
				      struct erofs_xattr *ret_xattr)
{
	uint64_t next;

	if (end - *at < 4 || fs->image[*at + 1] != 1)
		EROFS_WRONG("an xattr of another kind");
	ret_xattr->name_length = fs->image[*at];
	ret_xattr->length = erofs_get(fs, *at + 2, 2);
	ret_xattr->name = (const char *)fs->image + *at + 4;
	ret_xattr->value = ret_xattr->name + ret_xattr->name_length;
	next = *at + ((4 + ret_xattr->name_length + ret_xattr->length + 3) & ~UINT64_C(3));
	if (next > end || ret_xattr->name_length == 0)
		EROFS_WRONG("an xattr that is cut off");
	*at = next;
	return NULL;
}

#endif
