/* SPDX-License-Identifier: Apache-2.0 */
/* The pack writer by itself, into a buffer: what it wrote must read back, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pack/writer.h"
#include "pack_sample.h"

struct sink {
	struct xc_buf bytes;
	unsigned writes, fails_at; /* the write that fails, from 1; 0: none does */
};

static int take(void *context, const void *data, size_t length, struct xc_err *err)
{
	struct sink *sink = context;

	if (++sink->writes == sink->fails_at)
		return xc_err_set(err, XC_ERR_TRANSIENT, "write %u", sink->writes);
	xc_buf_add(&sink->bytes, data, length);
	return 0;
}

static const struct sample_row tree[] = { DIR_(0, "./a"), FILE_(1, "b", 1000), FILE_(1, "c", 3),
					  SAMPLE_END };
static const struct sample_row nothing[] = { SAMPLE_END };

/* As many bytes as the members' spans take, in pieces of `piece_bytes`. */
static int write_pack(const struct xc_members *members, size_t piece_bytes, struct sink *sink,
		      struct xc_layer *ret_layer, struct xc_err *err)
{
	struct xc_pack_writer *writer = xc_pack_writer_new(XC_LEVEL_DEFAULT, take, sink);
	struct xc_segment_encoder *encoder = xc_segment_encoder_new(XC_LEVEL_DEFAULT);
	cleanup_buf struct xc_buf raw = XC_BUF_INIT, stored = XC_BUF_INIT;
	int result = 0;

	for (uint32_t i = 0; i < members->count; i++)
		for (uint64_t at = xc_member_span_bytes(&members->items[i]); at > 0; at--)
			xc_buf_add_char(&raw, (char)(at * 7 + i));
	for (size_t at = 0; result == 0 && at < raw.len_bytes; at += piece_bytes) {
		struct xc_segment segment;

		result = xc_segment_encode(encoder, raw.data + at,
					   XC_MIN(piece_bytes, raw.len_bytes - at), &stored,
					   &segment, err);
		if (result == 0)
			result = xc_pack_writer_add(writer, &segment, stored.data, err);
	}
	if (result == 0)
		result = xc_pack_writer_end(
			writer, &(struct xc_pack_contents){ .members = members }, ret_layer, err);
	if (result == 0)
		assert_int_equal(xc_pack_writer_bytes(writer), sink->bytes.len_bytes);
	xc_segment_encoder_free(encoder);
	xc_pack_writer_free(writer);
	return result;
}

/* The segments tile the pack up to the index, and the tar stream up to its end. */
static void check_segments(const struct xc_index *index, const struct sink *sink)
{
	struct xc_segment_decoder *decoder = xc_segment_decoder_new();
	uint64_t tar_bytes = 0;
	struct xc_err err;

	for (uint32_t i = 0; i < index->segment_count; i++) {
		const struct xc_segment *segment = &index->segments[i];
		const char *raw;

		assert_int_equal(segment->tar_offset, tar_bytes);
		if (xc_segment_decode(decoder, segment, sink->bytes.data + segment->offset, &raw,
				      &err) < 0)
			fail_msg("%s", err.msg);
		if (i == 0 && index->members.count > 0)
			assert_int_equal(raw[0], (char)(512 * 7));
		if (i == index->segment_count - 1)
			assert_memory_equal(raw, (const char[XC_TAR_END_BYTES]){ 0 },
					    XC_TAR_END_BYTES);
		tar_bytes += segment->raw_bytes;
	}
	assert_int_equal(tar_bytes, index->tar_bytes);
	xc_segment_decoder_free(decoder);
}

static void a_pack_reads_back_as_its_layer_says(void **state)
{
	const struct {
		const struct sample_row *rows;
		size_t piece_bytes;
		uint32_t segments;
	} rows[] = {
		{ tree, 10000, 2 },
		{ tree, 1024, 4 },
		{ nothing, 1, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_index struct xc_index sample, index = XC_INDEX_INIT;
		struct sink sink = { 0 };
		struct xc_layer layer;
		struct xc_err err;
		uint8_t digest[XC_SHA256_BYTES];
		struct xc_buf bytes;

		sample_index(rows[i].rows, &sample);
		if (write_pack(&sample.members, rows[i].piece_bytes, &sink, &layer, &err) < 0)
			fail_msg("row %zu: %s", i, err.msg);
		assert_int_equal(layer.pack_bytes, sink.bytes.len_bytes);
		assert_int_equal(layer.member_count, sample.members.count);
		assert_int_equal(layer.dead_count, 0);
		bytes = (struct xc_buf){ .data = sink.bytes.data + layer.index_offset,
					 .len_bytes = layer.index_bytes };
		xc_sha256(bytes.data, bytes.len_bytes, digest);
		assert_memory_equal(digest, layer.index_sha256, sizeof(digest));
		sample_parse(&bytes, &index);
		assert_int_equal(index.segment_count, rows[i].segments);
		assert_int_equal(xc_index_segments_end(&index), layer.index_offset);
		check_segments(&index, &sink);
		/* Behind the index the seek table, which ends in its magic number. */
		assert_true(layer.index_offset + layer.index_bytes < layer.pack_bytes);
		assert_memory_equal(sink.bytes.data + sink.bytes.len_bytes - 4, "\xb1\xea\x92\x8f",
				    4);
		xc_buf_release(&sink.bytes);
	}
}

static void a_write_that_fails_ends_the_pack_with_its_error(void **state)
{
	cleanup_index struct xc_index sample;
	struct sink whole = { 0 };
	struct xc_layer layer;
	struct xc_err err;

	(void)state;
	sample_index(tree, &sample);
	assert_int_equal(write_pack(&sample.members, 1024, &whole, &layer, &err), 0);
	/* Three segments, the end, the index with its table. */
	assert_int_equal(whole.writes, 5);
	for (unsigned i = 1; i <= whole.writes; i++) {
		struct sink sink = { .fails_at = i };

		assert_int_equal(write_pack(&sample.members, 1024, &sink, &layer, &err), -1);
		assert_int_equal(err.kind, XC_ERR_TRANSIENT);
		assert_int_equal(sink.writes, i);
		xc_buf_release(&sink.bytes);
	}
	xc_buf_release(&whole.bytes);
}

static void members_that_the_segments_do_not_hold_make_no_index(void **state)
{
	cleanup_index struct xc_index sample;
	struct xc_pack_writer *writer;
	struct sink sink = { 0 };
	struct xc_layer layer;
	struct xc_err err;

	(void)state;
	sample_index(tree, &sample);
	writer = xc_pack_writer_new(XC_LEVEL_DEFAULT, take, &sink);
	assert_int_equal(
		xc_pack_writer_end(writer, &(struct xc_pack_contents){ .members = &sample.members },
				   &layer, &err),
		-1);
	assert_int_equal(err.kind, XC_ERR_INTERNAL);
	/* The end of the tar stream alone. */
	assert_int_equal(sink.writes, 1);
	xc_pack_writer_free(writer);
	xc_buf_release(&sink.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pack_reads_back_as_its_layer_says),
		cmocka_unit_test(a_write_that_fails_ends_the_pack_with_its_error),
		cmocka_unit_test(members_that_the_segments_do_not_hold_make_no_index),
	};

	return cmocka_run_group_tests_name("pack_writer", tests, NULL, NULL);
}
