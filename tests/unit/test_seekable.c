/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole packs: the table that ends them, what other programs make of them,
 * and the example of docs/FORMAT.md, which must be what this code writes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>
#include <zstd.h>

#include "archive/tar.h"
#include "base/hex.h"
#include "pack/index.h"
#include "pack/seekable.h"
#include "pack/segment.h"

#define EXAMPLE_PAGE "docs/FORMAT.md"
/* The library that compressed the example. Another may find other, equally good frames. */
#define EXAMPLE_ZSTD        10504
#define EXAMPLE_INDEX       0xad
#define EXAMPLE_INDEX_BYTES (0x2e6 - EXAMPLE_INDEX)

/* ./d, ./d/hello.txt with "hello\n", and ./d/link -> hello.txt */
static struct xc_member_extra link_extra = { .target = "hello.txt" };
static struct xc_member example_members[] = {
	{ .name = "./d", .type = XC_MEMBER_DIR, .mode = 0755, .parent = XC_MEMBER_NONE },
	{ .name = "hello.txt", .type = XC_MEMBER_FILE, .mode = 0644, .size_bytes = 6 },
	{ .name = "link", .type = XC_MEMBER_SYMLINK, .mode = 0777, .extra = &link_extra },
};
static const char example_content[] = "hello\n";

struct pack {
	struct xc_buf bytes;
	struct xc_index index; /* its members belong to the example */
	size_t index_offset, index_bytes;
};

static void pack_release(struct pack *pack)
{
	xc_buf_release(&pack->bytes);
	free(pack->index.segments);
}

static void write_tar(struct xc_members *members, struct xc_buf *out)
{
	static const char zeros[XC_TAR_END_BYTES];
	struct xc_tar_writer *writer = xc_tar_writer_new();
	struct xc_err err = { 0 };

	for (uint32_t i = 0; i < members->count; i++) {
		struct xc_member *member = &members->items[i];
		cleanup_buf struct xc_buf path = XC_BUF_INIT;
		size_t start = out->len_bytes;

		member->link = XC_MEMBER_NONE;
		member->mtime_s = 1767225600;
		member->mtime_ns = 500000000;
		member->uid = member->gid = 1000;
		xc_members_path(members, i, &path);
		assert_int_equal(xc_tar_write_header(writer, XC_TAR_ENTRY(member, path.data, NULL),
						     out, &err),
				 0);
		member->header_bytes = (uint32_t)(out->len_bytes - start);
		if (member->size_bytes > 0) {
			uint8_t digest[XC_SHA256_BYTES];

			xc_buf_add(out, example_content, member->size_bytes);
			xc_buf_add(out, zeros, -out->len_bytes % XC_TAR_BLOCK_BYTES);
			xc_sha256(example_content, member->size_bytes, digest);
			memcpy(member->content_hash, digest, XC_CONTENT_HASH_BYTES);
		}
	}
	xc_buf_add(out, zeros, sizeof(zeros));
	xc_tar_writer_free(writer);
}

/* The example as a pack, its tar stream cut into `segment_count` segments. */
static void make_pack(uint32_t segment_count, struct pack *pack)
{
	struct xc_segment_encoder *encoder = xc_segment_encoder_new(XC_LEVEL_DEFAULT);
	cleanup_buf struct xc_buf tar = XC_BUF_INIT, frame = XC_BUF_INIT;
	struct xc_index *index = &pack->index;
	struct xc_err err = { 0 };

	*pack = (struct pack){ 0 };
	index->members.items = example_members;
	index->members.count = ARRAY_LEN(example_members);
	write_tar(&index->members, &tar);
	index->tar_bytes = tar.len_bytes;
	index->segment_count = segment_count;
	index->segments = xc_calloc(segment_count, sizeof(*index->segments));
	for (uint32_t i = 0; i < segment_count; i++) {
		size_t start = tar.len_bytes * i / segment_count;
		size_t end = tar.len_bytes * (i + 1) / segment_count;

		assert_int_equal(xc_segment_encode(encoder, tar.data + start, end - start, &frame,
						   &index->segments[i], &err),
				 0);
		xc_buf_add(&pack->bytes, frame.data, frame.len_bytes);
	}
	xc_segment_encoder_free(encoder);
	pack->index_offset = pack->bytes.len_bytes;
	assert_int_equal(xc_index_encode(index, &pack->bytes, &err), 0);
	pack->index_bytes = pack->bytes.len_bytes - pack->index_offset;
	frame.len_bytes = 0;
	assert_int_equal(xc_seekable_encode(index->segments, segment_count,
					    pack->bytes.data + pack->index_offset,
					    pack->index_bytes, &frame, &err),
			 0);
	xc_buf_add(&pack->bytes, frame.data, frame.len_bytes);
}

static uint32_t le32(const char *bytes)
{
	const uint8_t *b = (const uint8_t *)bytes;

	return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

/* Every field by the published layout, read from the end of the file as a reader would. */
static void the_table_is_laid_out_as_published(void **state)
{
	for (uint32_t segments = 1; segments <= 4; segments++) {
		struct pack pack;
		const char *end, *table;
		uint32_t frames, offset = 0;

		(void)state;
		make_pack(segments, &pack);
		end = pack.bytes.data + pack.bytes.len_bytes;
		assert_int_equal(le32(end - 4), 0x8f92eab1);
		assert_int_equal(end[-5], 0);
		frames = le32(end - 9);
		table = end - 9 - 8 * (size_t)frames - 8;
		assert_int_equal(le32(table), 0x184d2a5e);
		assert_int_equal(le32(table + 4), 8 * frames + 9);
		/* Each entry gives the place of the next, and what is there. */
		for (uint32_t i = 0; i < frames; i++) {
			const char *frame = pack.bytes.data + offset;
			uint32_t stored = le32(table + 8 + 8 * i), raw = le32(table + 12 + 8 * i);

			assert_int_equal(
				ZSTD_findFrameCompressedSize(frame, (size_t)(table - frame)),
				stored);
			if (i < segments) {
				assert_int_equal(raw, ZSTD_getFrameContentSize(frame, stored));
			} else {
				assert_int_equal(le32(frame), 0x184d2a58);
				assert_int_equal(raw, 0);
			}
			offset += stored;
		}
		assert_ptr_equal(pack.bytes.data + offset, table);
		pack_release(&pack);
	}
}

static void an_index_that_is_no_row_of_frames_is_refused(void **state)
{
	static const struct {
		const char *catches, *index;
		size_t length;
	} rows[] = {
		{ "a frame of data", "\x28\xb5\x2f\xfd\0\0\0\0", 8 },
		{ "a header that is cut off", "\x58\x2a\x4d\x18\0\0\0", 7 },
		{ "a body that is cut off", "\x58\x2a\x4d\x18\2\0\0\0x", 9 },
		{ "a length that wraps around", "\x58\x2a\x4d\x18\xff\xff\xff\xff", 8 },
	};
	const struct xc_segment segment = { .stored_bytes = 1, .raw_bytes = 1 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_buf struct xc_buf out = XC_BUF_INIT;
		struct xc_err err = { 0 };

		if (xc_seekable_encode(&segment, 1, rows[i].index, rows[i].length, &out, &err) == 0)
			fail_msg("%s: taken", rows[i].catches);
		assert_int_equal(err.kind, XC_ERR_INTERNAL);
		assert_int_equal(out.len_bytes, 0);
	}
}

/* zstd and tar alone must take a pack apart. */
static void other_programs_read_a_whole_pack(void **state)
{
	const char *tmp = getenv("TMPDIR");
	char path[200], command[2000];

	(void)state;
	for (uint32_t segments = 1; segments <= 3; segments += 2) {
		struct pack pack;
		FILE *file;
		int fd;

		snprintf(path, sizeof(path), "%s/xcache-test-XXXXXX.tar.zst", tmp ? tmp : "/tmp");
		fd = mkstemps(path, 8);
		assert_true(fd >= 0);
		file = fdopen(fd, "w");
		make_pack(segments, &pack);
		assert_int_equal(fwrite(pack.bytes.data, 1, pack.bytes.len_bytes, file),
				 pack.bytes.len_bytes);
		assert_int_equal(fclose(file), 0);
		snprintf(command, sizeof(command),
			 "set -e; zstd -qt %1$s; mkdir %1$s.d; cd %1$s.d; zstd -dc %1$s | tar -x;"
			 "test \"$(cat d/link)\" = hello; test \"$(find . | wc -l)\" = 4; rm -r d;"
			 "tar -xf %1$s; test \"$(cat d/link)\" = hello; rm -r d;"
			 "bsdtar -xf %1$s; test \"$(cat d/link)\" = hello; rm -r d",
			 path);
		if (system(command) != 0)
			fail_msg("%u segments", segments);
		snprintf(command, sizeof(command), "rm -r %1$s %1$s.d", path);
		assert_int_equal(system(command), 0);
		pack_release(&pack);
	}
}

/* The bytes of the page's block: two digits each, up to a ';', behind the offset and a ':'. */
static void read_example(struct xc_buf *out)
{
	FILE *page = fopen(EXAMPLE_PAGE, "re");
	char line[1000];
	bool inside = false;

	assert_non_null(page);
	while (fgets(line, sizeof(line), page)) {
		char *at = strchr(line, ':');

		if (strncmp(line, "```", 3) == 0)
			inside = strcmp(line, "```hex\n") == 0;
		if (!inside || !at)
			continue;
		line[strcspn(line, ";")] = '\0';
		if (strtoul(line, NULL, 16) != out->len_bytes)
			fail_msg("the example's line at %zx has another offset", out->len_bytes);
		for (at++; *(at += strspn(at, " \n")) != '\0'; at += 2) {
			char digits[3] = { at[0], at[1], '\0' }, byte;

			assert_int_equal(xc_hex_decode(digits, &byte, 1), 0);
			xc_buf_add_char(out, byte);
		}
	}
	fclose(page);
}

static void print_example(const struct xc_buf *bytes)
{
	for (size_t i = 0; i < bytes->len_bytes; i++) {
		if (i % 16 == 0)
			fprintf(stderr, "\n%04zx:", i);
		fprintf(stderr, " %02x", (unsigned int)(uint8_t)bytes->data[i]);
	}
	fputc('\n', stderr);
}

static void the_documented_example_is_what_is_written(void **state)
{
	cleanup_buf struct xc_buf example = XC_BUF_INIT;
	cleanup_index struct xc_index index = XC_INDEX_INIT;
	struct xc_segment_decoder *decoder = xc_segment_decoder_new();
	struct xc_err err = { 0 };
	const char *raw;
	struct pack pack;

	(void)state;
	make_pack(1, &pack);
	read_example(&example);
	if (ZSTD_versionNumber() == EXAMPLE_ZSTD &&
	    (example.len_bytes != pack.bytes.len_bytes ||
	     memcmp(example.data, pack.bytes.data, example.len_bytes) != 0)) {
		print_example(&pack.bytes);
		fail_msg("the example of " EXAMPLE_PAGE " must be what stands above");
	}
	if (xc_index_parse(example.data + EXAMPLE_INDEX, EXAMPLE_INDEX_BYTES,
			   &(struct xc_index_budget){ 0 }, &index, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(index.members.count, 3);
	assert_string_equal(index.members.items[1].name, "hello.txt");
	assert_string_equal(index.members.items[2].extra->target, "hello.txt");
	assert_int_equal(xc_segment_decode(decoder, &index.segments[0], example.data, &raw, &err),
			 0);
	assert_memory_equal(raw + 2 * XC_TAR_BLOCK_BYTES, "hello\n", 6);
	xc_segment_decoder_free(decoder);
	pack_release(&pack);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_is_laid_out_as_published),
		cmocka_unit_test(an_index_that_is_no_row_of_frames_is_refused),
		cmocka_unit_test(other_programs_read_a_whole_pack),
		cmocka_unit_test(the_documented_example_is_what_is_written),
	};

	return cmocka_run_group_tests_name("seekable", tests, NULL, NULL);
}
