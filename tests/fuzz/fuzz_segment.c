/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames from a store whose SHA-256 agrees with the index: four bytes of
 * length of the content, then the frame.
 */
#include "fuzz.h"

#include "base/varint.h"
#include "pack/segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct xc_segment_decoder *decoder;
	struct xc_segment segment = { 0 };
	struct xc_err err = { 0 };
	const char *raw;

	if (size < 4)
		return 0;
	if (!decoder)
		decoder = xc_segment_decoder_new();
	/* A claim of more than 16 MiB only makes the fuzzer slow. */
	segment.raw_bytes = xc_le32_get(data) & 0xffffff;
	segment.stored_bytes = (uint32_t)(size - 4);
	xc_sha256(data + 4, size - 4, segment.sha256);
	if (xc_segment_decode(decoder, &segment, data + 4, &raw, &err) == 0) {
		uint8_t digest[XC_SHA256_BYTES];

		xc_sha256(raw, segment.raw_bytes, digest);
	} else {
		MUST(err.kind == XC_ERR_CORRUPT && err.msg[0] != '\0');
	}
	return 0;
}
