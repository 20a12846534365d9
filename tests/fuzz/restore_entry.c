/* SPDX-License-Identifier: Apache-2.0 */
#include "restore_scene.h"

#include <unistd.h>

#include "key/key.h"
#include "pack/internal.h"
#include "pack/seekable.h"
#include "archive/tar.h"

#define MEMBERS_MAX  60
#define DEPTH_MAX    3
#define SEGMENTS_MAX 64

/* Path lines, and the tops that an entry for them may have, be it that no line declares them. */
static const struct choice {
	const char *lines[4];
	const char *tops[8]; /* in bytewise order */
	bool declared;       /* all of them, and they lie apart */
} choices[] = {
	{ .lines = { "a", "b" }, .tops = { "./a", "./b", "./c" } },
	{ .lines = { "a" }, .tops = { "./a", "./a/b", "./b" } },
	{ .lines = { "*" },
	  .tops = { "./A", "./a", "./b", "./c", "./lnk", "./~" },
	  .declared = true },
	{ .lines = { "**" }, .tops = { "./A/a", "./a/b", "./a/lnk/x", "./b", "./c/d", "./lnk/b" } },
	{ .lines = { "." }, .tops = { "." } },
	{ .lines = { "~" }, .tops = { "./a", "~", "~/h" } },
	{ .lines = { "a", "~/h" }, .tops = { "./a", "./b", "~/h", "~/lnk" } },
	{ .lines = { "?/b" }, .tops = { "./A/b", "./a/b", "./b/b", "./c/b" } },
	{ .lines = { "a/*/c", "b" }, .tops = { "./a/b/c", "./a/lnk/c", "./a/x/c", "./b" } },
	{ .lines = { "a", ".", "~" }, .tops = { ".", "./a", "~" } },
	{ .lines = { "~/*", "!~/h", "[ab]*" },
	  .tops = { "./a", "./b", "./c", "~/a", "~/h", "~/lnk" } },
};

static const char *const names[] = { "A",   "a", "b",   "c", "d" /* is a file at times */,
				     "lnk", "~", "\xff" };

struct draft {
	struct feed *feed;
	struct xc_members *members;
};

static struct xc_member_extra *add_extra(struct draft *draft, struct xc_member *member)
{
	struct xc_member_extra *extra = xc_arena_alloc(&draft->members->arena, sizeof(*extra));

	*extra = (struct xc_member_extra){ 0 };
	member->extra = extra;
	return extra;
}

static void add_xattr(struct draft *draft, struct xc_member *member)
{
	struct xc_xattr *xattr = xc_arena_alloc(&draft->members->arena, sizeof(*xattr));
	struct xc_member_extra *extra = member->extra
						? (struct xc_member_extra *)(uintptr_t)member->extra
						: add_extra(draft, member);

	*xattr = (struct xc_xattr){ "user.x", "value", 5 };
	extra->xattrs = xattr;
	extra->xattr_count = 1;
}

static const uint16_t modes[] = { 0600, 0, 0555, 07777, 04755, 02755, 01777, 0200 };
static const int64_t times[] = {
	0, -1, INT64_MAX, INT64_MIN, INT64_C(1) << 33, INT64_C(1) << 62, 1700000000, 1
};
static const uint32_t owners[] = { 0, 1000, UINT32_MAX, 65534 };

/* Nearly all members are as usual: that is a zero. */
static void set_odd(struct draft *draft, struct xc_member *member)
{
	uint8_t odd = feed_byte(draft->feed);

	if (odd == 0)
		return;
	member->mode = modes[odd & 7];
	member->mtime_s = times[odd >> 3 & 7];
	member->mtime_ns = odd & 1 ? 999999999 : 0;
	member->uid = owners[odd >> 6];
	member->gid = owners[odd >> 5 & 3];
	if (odd >= 0xf8 && member->type <= XC_MEMBER_DIR)
		add_xattr(draft, member);
}

/* NULL if there are too many already. */
static struct xc_member *add_member(struct draft *draft, uint32_t parent, const char *name,
				    enum xc_member_type type)
{
	struct xc_members *members = draft->members;
	struct xc_member *member = &members->items[members->count];

	if (members->count == MEMBERS_MAX)
		return NULL;
	members->count++;
	*member = (struct xc_member){ .name = name,
				      .parent = parent,
				      .link = XC_MEMBER_NONE,
				      .type = (uint8_t)type,
				      .mode = type == XC_MEMBER_DIR ? 0755 : 0644,
				      .mtime_s = 1600000000,
				      .header_bytes = XC_TAR_BLOCK_BYTES,
				      .uid = geteuid(),
				      .gid = getegid() };
	return member;
}

static void make_sparse(struct draft *draft, struct xc_member *member)
{
	static const uint64_t sizes[] = { 0, 10, 4096, (uint64_t)1 << 40, INT64_MAX };
	static const struct xc_extent runs[] = { { 512, 512, 0 }, { 2048, 1024, 512 } };
	struct xc_member_extra *extra = add_extra(draft, member);

	extra->sparse = true;
	member->size_bytes = sizes[feed_below(draft->feed, ARRAY_LEN(sizes))];
	extra->extents = runs;
	extra->extent_count = member->size_bytes < 4096 ? 0 : feed_below(draft->feed, 3);
}

static void make_file(struct draft *draft, struct xc_member *member)
{
	static const uint16_t sizes[] = { 5, 0, 1, 511, 512, 513, 5000, 20 };
	uint8_t choice = feed_byte(draft->feed);

	if (choice < 0xc0)
		member->size_bytes = sizes[choice & 7];
	else
		make_sparse(draft, member);
	set_odd(draft, member);
}

static void make_symlink(struct draft *draft, struct xc_member *member)
{
	static const char *const targets[] = {
		"a", "../outside", "../../outside", "..", ".", "b/c", "lnk", "../outside/keep"
	};

	member->mode = 0777;
	add_extra(draft, member)->target = targets[feed_below(draft->feed, ARRAY_LEN(targets))];
}

static void add_leaf(struct draft *draft, uint32_t parent, const char *name)
{
	enum xc_member_type type = "\0\0\0\2\2\3\3\0"[feed_below(draft->feed, 8)];
	uint32_t count = draft->members->count;
	struct xc_member *member = add_member(draft, parent, name, type);

	if (!member)
		return;
	if (type == XC_MEMBER_FILE)
		make_file(draft, member);
	else if (type == XC_MEMBER_SYMLINK)
		make_symlink(draft, member);
	else
		member->link = count > 0 ? feed_below(draft->feed, count) : 0;
}

/* As tables want it: files before directories, each by name. */
static void add_dir(struct draft *draft, uint32_t parent, const char *name, unsigned depth)
{
	uint32_t position = draft->members->count;
	struct xc_member *member = add_member(draft, parent, name, XC_MEMBER_DIR);
	uint8_t files, directories;

	if (!member)
		return;
	set_odd(draft, member);
	files = feed_byte(draft->feed);
	directories = depth < DEPTH_MAX ? feed_byte(draft->feed) & (uint8_t)~files : 0;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (files >> i & 1)
			add_leaf(draft, position, names[i]);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (directories >> i & 1)
			add_dir(draft, position, names[i], depth + 1);
}

static void make_members(struct feed *feed, const struct choice *choice, struct xc_members *members)
{
	struct draft draft = { feed, members };
	uint8_t tops = feed_byte(feed), leaves = feed_byte(feed);

	members->items = xc_calloc(MEMBERS_MAX, sizeof(*members->items));
	for (size_t i = 0; i < ARRAY_LEN(choice->tops) && choice->tops[i]; i++) {
		if (!(tops >> i & 1))
			continue;
		if (leaves >> i & 1)
			add_leaf(&draft, XC_MEMBER_NONE, choice->tops[i]);
		else
			add_dir(&draft, XC_MEMBER_NONE, choice->tops[i], 0);
	}
}

/* Blank headers: the index alone counts. */
static void write_tar(struct xc_members *members, struct xc_buf *out)
{
	static const char zeros[XC_TAR_END_BYTES];

	for (uint32_t i = 0; i < members->count; i++) {
		struct xc_member *member = &members->items[i];
		uint64_t length = xc_member_content_bytes(member);
		uint8_t digest[XC_SHA256_BYTES];

		xc_buf_add(out, zeros, XC_TAR_BLOCK_BYTES);
		for (uint64_t k = 0; k < length; k++)
			xc_buf_add_char(out, (char)('a' + (i + k) % 26));
		if (length > 0) {
			xc_sha256(out->data + out->len_bytes - length, length, digest);
			memcpy(member->content_hash, digest, sizeof(member->content_hash));
		}
		xc_buf_add(out, zeros, -length % XC_TAR_BLOCK_BYTES);
	}
	xc_buf_add(out, zeros, XC_TAR_END_BYTES);
}

static void write_segments(struct feed *feed, const struct xc_buf *tar, struct xc_index *index,
			   struct xc_buf *out)
{
	static const size_t cuts[] = { SIZE_MAX, 512, 1000, 4096 };
	static struct xc_segment_encoder *encoder;
	size_t step = XC_MAX(cuts[feed_below(feed, ARRAY_LEN(cuts))], tar->len_bytes / 32);
	cleanup_buf struct xc_buf frame = XC_BUF_INIT;
	struct xc_err err;

	if (!encoder)
		encoder = xc_segment_encoder_new(1);
	index->tar_bytes = tar->len_bytes;
	index->segments = xc_calloc(SEGMENTS_MAX, sizeof(*index->segments));
	for (size_t at = 0; at < tar->len_bytes; at += XC_MIN(step, tar->len_bytes - at)) {
		MUST(index->segment_count < SEGMENTS_MAX);
		MUST(xc_segment_encode(encoder, tar->data + at, XC_MIN(step, tar->len_bytes - at),
				       &frame, &index->segments[index->segment_count++],
				       &err) == 0);
		xc_buf_add(out, frame.data, frame.len_bytes);
	}
}

/* A byte of a section becomes another one. */
struct patch {
	uint8_t section, value;
	uint16_t at;
};

/* Checksums are made anew, as an enemy would. Returns how many bytes were changed. */
static uint8_t patch_index(struct feed *feed, struct xc_buf *index)
{
	uint8_t count = (uint8_t)feed_below(feed, 4);
	struct patch patches[3] = { 0 };
	struct xc_section_writer *writer = xc_section_writer_new();
	cleanup_buf struct xc_buf out = XC_BUF_INIT;
	struct xc_sections sections;
	struct xc_err err;

	for (uint8_t i = 0; i < count; i++) {
		patches[i].section = (uint8_t)(1 + feed_below(feed, XC_SECTION_END - 1));
		patches[i].at = feed_byte(feed);
		patches[i].value = feed_byte(feed);
	}
	MUST(xc_sections_scan(index->data, index->len_bytes, &sections, &err) == 0);
	for (enum xc_section_id id = XC_SECTION_HEAD; count > 0 && id < XC_SECTION_END; id++) {
		cleanup_buf struct xc_buf raw = XC_BUF_INIT;
		cleanup_free uint8_t *was = NULL;

		MUST(xc_section_read(&sections, id, 0, UINT64_MAX, &was, &err) == 0);
		xc_buf_add(&raw, was, (size_t)sections.items[id].raw_bytes);
		for (uint8_t i = 0; i < count; i++)
			if (patches[i].section == id && raw.len_bytes > 0)
				raw.data[patches[i].at % raw.len_bytes] ^= (char)patches[i].value;
		MUST(xc_section_append(writer, id, &raw, &out, &err) == 0);
	}
	xc_section_writer_free(writer);
	if (count > 0) {
		xc_buf_clear(index);
		xc_buf_add(index, out.data, out.len_bytes);
	}
	return count;
}

/* Up to three runs, ascending and not touching, as they must be. */
static void make_dead(struct feed *feed, struct xc_layer *layer)
{
	uint8_t runs = (uint8_t)feed_below(feed, 4);
	uint32_t at = 0;

	layer->dead = xc_calloc(3, sizeof(*layer->dead));
	for (uint8_t i = 0; i < runs; i++) {
		struct xc_dead_run run = { at + feed_below(feed, 8), 1 + feed_below(feed, 8) };

		if (run.first >= layer->member_count)
			break;
		run.count = XC_MIN(run.count, layer->member_count - run.first);
		layer->dead[layer->dead_count++] = run;
		at = run.first + run.count + 1;
	}
}

/* For members of one of the layers, be it this one, or of a pack that the entry does not have. */
static void make_overrides(struct feed *feed, struct xc_overrides *overrides)
{
	struct xc_layer_overrides *layer = xc_calloc(1, sizeof(*layer));
	uint32_t position = 0;

	overrides->layers = layer;
	overrides->count = 1;
	snprintf(layer->pack, sizeof(layer->pack), "%032x",
		 1 + feed_below(feed, ENTRY_LAYERS_MAX + 1));
	layer->count = 1 + feed_below(feed, 16);
	layer->items = xc_calloc(layer->count, sizeof(*layer->items));
	for (uint32_t i = 0; i < layer->count; i++) {
		uint8_t odd = feed_byte(feed);

		position += odd >> 6;
		layer->items[i] = (struct xc_override){
			.position = position++,
			.mode = modes[odd & 7],
			.mtime_s = times[odd >> 3 & 7],
			.mtime_ns = odd & 1 ? 999999999 : 0,
			.uid = owners[odd >> 6],
			.gid = owners[odd >> 5 & 3],
		};
	}
}

static int make_layer(struct feed *feed, const struct choice *choice, struct entry_layer *made)
{
	cleanup_index struct xc_index index = XC_INDEX_INIT;
	cleanup_buf struct xc_buf bytes = XC_BUF_INIT;
	struct xc_layer *layer = &made->layer;
	struct xc_err err;

	make_members(feed, choice, &index.members);
	write_tar(&index.members, &made->tar);
	write_segments(feed, &made->tar, &index, &made->pack);
	if (feed->at < feed->end && *feed->at >= 0x80) {
		feed_byte(feed);
		make_overrides(feed, &index.overrides);
	}
	if (xc_index_encode(&index, &bytes, &err) < 0)
		return -1;
	made->patched = patch_index(feed, &bytes) > 0;
	layer->member_count = index.members.count;
	layer->index_offset = made->pack.len_bytes;
	layer->index_bytes = bytes.len_bytes;
	xc_sha256(bytes.data, bytes.len_bytes, layer->index_sha256);
	xc_buf_add(&made->pack, bytes.data, bytes.len_bytes);
	MUST(xc_seekable_encode(index.segments, index.segment_count, bytes.data, bytes.len_bytes,
				&made->pack, &err) == 0);
	layer->pack_bytes = made->pack.len_bytes;
	make_dead(feed, layer);
	return 0;
}

int entry_make(struct feed *feed, struct entry *entry)
{
	const struct choice *choice = &choices[feed_below(feed, ARRAY_LEN(choices))];
	uint32_t count = 1 + feed_below(feed, ENTRY_LAYERS_MAX);

	entry->lines = choice->lines;
	for (uint32_t i = 0; i < count; i++) {
		struct entry_layer *layer = &entry->layers[entry->count++];

		snprintf(layer->layer.pack, sizeof(layer->layer.pack), "%032x", i + 1);
		if (make_layer(feed, choice, layer) < 0)
			return -1;
	}
	entry->honest = count == 1 && choice->declared && !entry->layers[0].patched &&
			entry->layers[0].layer.dead_count == 0;
	return 0;
}

void entry_release(struct entry *entry)
{
	for (uint32_t i = 0; i < entry->count; i++) {
		free(entry->layers[i].layer.dead);
		xc_buf_release(&entry->layers[i].tar);
		xc_buf_release(&entry->layers[i].pack);
	}
}
