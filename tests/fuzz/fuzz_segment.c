/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames from a store whose SHA-256 agrees with the index: four bytes of
 * length of the content, then the frame.
 *
 * Demands: content that was read, and any bytes at all, come back the same
 * when they are written and read.
 */
#include "fuzz.h"

#include "base/varint.h"
#include "pack/segment.h"

static struct xc_segment_decoder *decoder;
static struct xc_segment_encoder *encoder;

static void check_again(const char *raw, size_t raw_bytes)
{
	cleanup_free char *content = xc_malloc(raw_bytes + 1);
	cleanup_buf struct xc_buf frame = XC_BUF_INIT;
	struct xc_segment segment = { 0 };
	struct xc_err err = { 0 };
	const char *again;

	memcpy(content, raw, raw_bytes);
	MUST(xc_segment_encode(encoder, content, raw_bytes, &frame, &segment, &err) == 0);
	MUST(xc_segment_decode(decoder, &segment, frame.data, &again, &err) == 0);
	MUST(segment.raw_bytes == raw_bytes && memcmp(again, content, raw_bytes) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xc_segment segment = { 0 };
	struct xc_err err = { 0 };
	const char *raw;

	if (size < 4)
		return 0;
	if (!decoder) {
		decoder = xc_segment_decoder_new();
		encoder = xc_segment_encoder_new(XC_LEVEL_MIN);
	}
	check_again((const char *)data, size);
	/* A claim of more than 16 MiB only makes the fuzzer slow. */
	segment.raw_bytes = xc_le32_get(data) & 0xffffff;
	segment.stored_bytes = (uint32_t)(size - 4);
	xc_sha256(data + 4, size - 4, segment.sha256);
	if (xc_segment_decode(decoder, &segment, data + 4, &raw, &err) < 0)
		MUST(err.kind == XC_ERR_CORRUPT && err.msg[0] != '\0');
	else if (segment.raw_bytes > 0)
		check_again(raw, segment.raw_bytes);
	return 0;
}
