/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pack/segment.h"

/* Bytes that compress to about a third, different for every seed. */
static char *sample(size_t length, uint32_t seed)
{
	char *raw = xc_malloc(length);

	for (size_t i = 0; i < length; i++) {
		seed = seed * 1664525 + 1013904223;
		raw[i] = "etaoin shrdlu\n<>"[seed >> 28];
	}
	return raw;
}

static void encode(struct xc_segment_encoder *encoder, const char *raw, size_t length,
		   struct xc_buf *out, struct xc_segment *ret_segment)
{
	struct xc_err err = { 0 };

	if (xc_segment_encode(encoder, raw, length, out, ret_segment, &err) < 0)
		fail_msg("%s", err.msg);
}

static void segments_of_any_length_come_back(void **state)
{
	static const size_t lengths[] = { 1, 512, 100000, 5 << 20, 1, (64 << 20) };
	struct xc_segment_encoder *encoder = xc_segment_encoder_new(XC_LEVEL_DEFAULT);
	struct xc_segment_decoder *decoder = xc_segment_decoder_new();
	cleanup_buf struct xc_buf stored = XC_BUF_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		cleanup_free char *raw = sample(lengths[i], (uint32_t)i);
		struct xc_segment segment = { 0 };
		struct xc_err err = { 0 };
		const char *again;

		encode(encoder, raw, lengths[i], &stored, &segment);
		assert_int_equal(segment.stored_bytes, stored.len_bytes);
		assert_int_equal(segment.raw_bytes, lengths[i]);
		assert_int_equal(xc_segment_decode(decoder, &segment, stored.data, &again, &err),
				 0);
		assert_memory_equal(again, raw, lengths[i]);
	}
	xc_segment_encoder_free(encoder);
	xc_segment_decoder_free(decoder);
}

/* A frame must not depend on what the encoder did before it. */
static void an_encoder_used_before_makes_the_same_frame(void **state)
{
	(void)state;
	for (int level = XC_LEVEL_MIN; level <= XC_LEVEL_MAX; level += 3) {
		struct xc_segment_encoder *used = xc_segment_encoder_new(level);
		struct xc_segment_encoder *fresh = xc_segment_encoder_new(level);
		cleanup_free char *first = sample(300000, 1), *second = sample(200000, 2);
		cleanup_buf struct xc_buf a = XC_BUF_INIT, b = XC_BUF_INIT;
		struct xc_segment segment;

		encode(used, first, 300000, &a, &segment);
		encode(used, second, 200000, &a, &segment);
		encode(fresh, second, 200000, &b, &segment);
		assert_int_equal(a.len_bytes, b.len_bytes);
		assert_memory_equal(a.data, b.data, a.len_bytes);
		xc_segment_encoder_free(used);
		xc_segment_encoder_free(fresh);
	}
}

/* RFC 8878, 3.1.1.1.1: flags for the content's size and checksum. */
static void a_frame_says_its_size_and_has_a_checksum(void **state)
{
	struct xc_segment_encoder *encoder = xc_segment_encoder_new(XC_LEVEL_DEFAULT);
	cleanup_free char *raw = sample(70000, 3);
	cleanup_buf struct xc_buf stored = XC_BUF_INIT;
	struct xc_segment segment;

	(void)state;
	encode(encoder, raw, 70000, &stored, &segment);
	assert_memory_equal(stored.data, "\x28\xb5\x2f\xfd", 4);
	/* A single segment with a size of four bytes, a checksum, no dictionary. */
	assert_int_equal((uint8_t)stored.data[4], 0x80 | 0x20 | 0x04);
	assert_memory_equal(stored.data + 5, "\x70\x11\x01\x00", 4);
	xc_segment_encoder_free(encoder);
}

struct damage_row {
	const char *catches;
	int flip;          /* this byte of the frame changes, negative from its end; or NO_FLIP */
	int cut;           /* so many bytes less, or more if negative */
	int raw_delta;     /* the index claims so much more */
	bool keep_digest;  /* SHA-256 of the frame as it was */
	const char *wrong; /* in the message */
};

#define NO_FLIP INT32_MAX

static void frames_that_differ_from_the_index_are_refused(void **state)
{
	static const struct damage_row rows[] = {
		{ "a byte that changed", 100, 0, 0, true, "SHA-256" },
		{ "a frame decoded before its digest is checked", 0, 0, 0, true, "SHA-256" },
		{ "another magic", 0, 0, 0, false, "invalid zstd frame" },
		{ "a wrong checksum", -1, 0, 0, false, "checksum" },
		{ "a frame that is cut off", NO_FLIP, 3, 0, false, "invalid zstd frame" },
		{ "bytes behind the frame", NO_FLIP, -8, 0, false, "8 bytes after" },
		{ "more bytes than the index says", NO_FLIP, 0, -1, false, "does not hold" },
		{ "fewer bytes than the index says", NO_FLIP, 0, 1, false, "does not hold" },
		{ "a segment over the ceiling", NO_FLIP, 0, 64 << 20, false, "out of bounds" },
		{ "a segment of nothing", NO_FLIP, 0, -70000, false, "out of bounds" },
	};
	struct xc_segment_encoder *encoder = xc_segment_encoder_new(XC_LEVEL_DEFAULT);
	struct xc_segment_decoder *decoder = xc_segment_decoder_new();
	cleanup_free char *raw = sample(70000, 4);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct damage_row *row = &rows[i];
		cleanup_buf struct xc_buf stored = XC_BUF_INIT;
		struct xc_segment segment = { .offset = 4711 };
		struct xc_err err = { 0 };
		const char *again = NULL;

		encode(encoder, raw, 70000, &stored, &segment);
		xc_buf_add(&stored, "\0\0\0\0\0\0\0\0", 8);
		if (row->flip != NO_FLIP)
			stored.data[row->flip + (row->flip < 0 ? (int)segment.stored_bytes : 0)] ^=
				1;
		segment.stored_bytes = (uint32_t)((int)segment.stored_bytes - row->cut);
		segment.raw_bytes = (uint32_t)((int)segment.raw_bytes + row->raw_delta);
		if (!row->keep_digest)
			xc_sha256(stored.data, segment.stored_bytes, segment.sha256);
		if (xc_segment_decode(decoder, &segment, stored.data, &again, &err) == 0)
			fail_msg("%s: taken", row->catches);
		assert_null(again);
		if (err.kind != XC_ERR_CORRUPT || !strstr(err.msg, row->wrong) ||
		    !strstr(err.msg, "4711"))
			fail_msg("%s: kind %d, %s", row->catches, (int)err.kind, err.msg);
	}
	xc_segment_encoder_free(encoder);
	xc_segment_decoder_free(decoder);
}

static void lengths_out_of_bounds_are_not_encoded(void **state)
{
	struct xc_segment_encoder *encoder = xc_segment_encoder_new(XC_LEVEL_DEFAULT);
	struct xc_segment segment;
	struct xc_err err = { 0 };
	struct xc_buf small;

	(void)state;
	xc_buf_init(&small, 100);
	assert_int_equal(xc_segment_encode(encoder, "", 0, &small, &segment, &err), -1);
	assert_int_equal(err.kind, XC_ERR_INTERNAL);
	assert_int_equal(
		xc_segment_encode(encoder, "", XC_SEGMENT_RAW_MAX + 1, &small, &segment, &err), -1);
	assert_int_equal(xc_segment_encode(encoder, "0123456789", 10, &small, &segment, &err), 0);
	assert_int_equal(
		xc_segment_encode(encoder, err.msg, sizeof(err.msg), &small, &segment, &err), -1);
	xc_buf_release(&small);
	xc_segment_encoder_free(encoder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_of_any_length_come_back),
		cmocka_unit_test(an_encoder_used_before_makes_the_same_frame),
		cmocka_unit_test(a_frame_says_its_size_and_has_a_checksum),
		cmocka_unit_test(frames_that_differ_from_the_index_are_refused),
		cmocka_unit_test(lengths_out_of_bounds_are_not_encoded),
	};

	return cmocka_run_group_tests_name("segment", tests, NULL, NULL);
}
