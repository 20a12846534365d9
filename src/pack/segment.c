/* SPDX-License-Identifier: Apache-2.0 */
#include "pack/segment.h"

#include <errno.h>
#include <string.h>

#include <zstd.h>

struct xc_segment_encoder {
	ZSTD_CCtx *context;
	struct xc_hasher *hasher;
};

struct xc_segment_decoder {
	ZSTD_DCtx *context;
	struct xc_hasher *hasher;
	char *raw;
	size_t raw_capacity;
};

struct parameter {
	ZSTD_cParameter name;
	int value;
};

/* zstd's "fast" strategy as its level 2 has it, tuned to segments. */
static const struct parameter default_level[] = {
	{ ZSTD_c_strategy, ZSTD_fast },
	{ ZSTD_c_windowLog, 23 },
	{ ZSTD_c_hashLog, 17 },
	{ ZSTD_c_minMatch, 7 },
};

static void set_parameter(struct xc_segment_encoder *encoder, ZSTD_cParameter name, int value)
{
	/* Constants within their bounds: a library that refuses them is not zstd. */
	if (ZSTD_isError(ZSTD_CCtx_setParameter(encoder->context, name, value)))
		abort();
}

struct xc_segment_encoder *xc_segment_encoder_new(int level)
{
	struct xc_segment_encoder *encoder = xc_calloc(1, sizeof(*encoder));

	encoder->context = ZSTD_createCCtx();
	if (!encoder->context)
		xc_out_of_memory();
	encoder->hasher = xc_hasher_new();
	level = XC_MAX(XC_LEVEL_MIN, XC_MIN(level, XC_LEVEL_MAX));
	set_parameter(encoder, ZSTD_c_compressionLevel, level);
	set_parameter(encoder, ZSTD_c_checksumFlag, 1);
	set_parameter(encoder, ZSTD_c_contentSizeFlag, 1);
	for (size_t i = 0; level == XC_LEVEL_DEFAULT && i < ARRAY_LEN(default_level); i++)
		set_parameter(encoder, default_level[i].name, default_level[i].value);
	return encoder;
}

size_t xc_segment_encoder_bytes(int level)
{
	/* ZSTD_sizeof_CCtx of 1.5.4 behind a segment of 8 MiB, in MiB, by level. */
	static const uint8_t mib[] = { 1,  1,  1,  2,  3,  4,  4,  7,  7,  13,
				       25, 25, 49, 33, 49, 65, 33, 49, 50, 82 };
	size_t known = XC_MIN((size_t)XC_MAX(level, 0), ARRAY_LEN(mib) - 1);

	return (size_t)mib[known] << 20;
}

void xc_segment_encoder_free(struct xc_segment_encoder *encoder)
{
	if (!encoder)
		return;
	ZSTD_freeCCtx(encoder->context);
	xc_hasher_free(encoder->hasher);
	free(encoder);
}

int xc_segment_encode(struct xc_segment_encoder *encoder, const void *raw, size_t raw_bytes,
		      struct xc_buf *out, struct xc_segment *ret_segment, struct xc_err *err)
{
	size_t bound_bytes, stored_bytes;
	char *at;

	if (raw_bytes == 0 || raw_bytes > XC_SEGMENT_RAW_MAX)
		return xc_err_set(err, XC_ERR_INTERNAL, "a segment of %zu bytes", raw_bytes);
	xc_buf_clear(out);
	bound_bytes = ZSTD_compressBound(raw_bytes);
	at = xc_buf_reserve(out, bound_bytes);
	if (!at)
		return xc_err_set(err, XC_ERR_INTERNAL,
				  "no room for a segment of %zu bytes in its buffer", raw_bytes);
	stored_bytes = ZSTD_compress2(encoder->context, at, bound_bytes, raw, raw_bytes);
	if (ZSTD_isError(stored_bytes))
		return xc_err_set(err, XC_ERR_INTERNAL, "cannot compress a segment: %s",
				  ZSTD_getErrorName(stored_bytes));
	xc_buf_grow_by(out, stored_bytes);
	ret_segment->stored_bytes = (uint32_t)stored_bytes;
	ret_segment->raw_bytes = (uint32_t)raw_bytes;
	xc_hasher_digest(encoder->hasher, at, stored_bytes, ret_segment->sha256);
	return 0;
}

struct xc_segment_decoder *xc_segment_decoder_new(void)
{
	struct xc_segment_decoder *decoder = xc_calloc(1, sizeof(*decoder));

	decoder->context = ZSTD_createDCtx();
	if (!decoder->context)
		xc_out_of_memory();
	decoder->hasher = xc_hasher_new();
	return decoder;
}

void xc_segment_decoder_free(struct xc_segment_decoder *decoder)
{
	if (!decoder)
		return;
	ZSTD_freeDCtx(decoder->context);
	xc_hasher_free(decoder->hasher);
	free(decoder->raw);
	free(decoder);
}

static int check_digest(struct xc_segment_decoder *decoder, const struct xc_segment *segment,
			const void *stored, struct xc_err *err)
{
	uint8_t digest[XC_SHA256_BYTES];

	if (segment->raw_bytes == 0 || segment->raw_bytes > XC_SEGMENT_RAW_MAX ||
	    segment->stored_bytes == 0 || segment->stored_bytes > XC_SEGMENT_STORED_MAX)
		return xc_err_set(err, XC_ERR_CORRUPT, "a length out of bounds");
	xc_hasher_digest(decoder->hasher, stored, segment->stored_bytes, digest);
	if (memcmp(digest, segment->sha256, sizeof(digest)) != 0)
		return xc_err_set(err, XC_ERR_CORRUPT, "its SHA-256 differs from the index");
	return 0;
}

static int check_frame(struct xc_segment_decoder *decoder, const struct xc_segment *segment,
		       const void *stored, struct xc_err *err)
{
	unsigned long long content_bytes;
	size_t frame_bytes;

	if (check_digest(decoder, segment, stored, err) < 0)
		return -1;
	frame_bytes = ZSTD_findFrameCompressedSize(stored, segment->stored_bytes);
	if (ZSTD_isError(frame_bytes))
		return xc_err_set(err, XC_ERR_CORRUPT, "invalid zstd frame: %s",
				  ZSTD_getErrorName(frame_bytes));
	if (frame_bytes != segment->stored_bytes)
		return xc_err_set(err, XC_ERR_CORRUPT, "%zu bytes after its frame",
				  segment->stored_bytes - frame_bytes);
	content_bytes = ZSTD_getFrameContentSize(stored, segment->stored_bytes);
	if (content_bytes != segment->raw_bytes)
		return xc_err_set(err, XC_ERR_CORRUPT, "its frame does not hold %u bytes",
				  segment->raw_bytes);
	return 0;
}

static int make_room(struct xc_segment_decoder *decoder, size_t raw_bytes, struct xc_err *err)
{
	if (raw_bytes <= decoder->raw_capacity)
		return 0;
	free(decoder->raw);
	decoder->raw_capacity = XC_MAX(raw_bytes, XC_SEGMENT_USUAL_BYTES);
	decoder->raw = malloc(decoder->raw_capacity);
	if (decoder->raw)
		return 0;
	decoder->raw_capacity = 0;
	return xc_err_sys(err, ENOMEM, "%zu bytes", raw_bytes);
}

static int wrap(const struct xc_segment *segment, struct xc_err *err)
{
	return xc_err_wrap(err, "segment at byte %llu", (unsigned long long)segment->offset);
}

int xc_segment_check(struct xc_segment_decoder *decoder, const struct xc_segment *segment,
		     const void *stored, struct xc_err *err)
{
	return check_digest(decoder, segment, stored, err) < 0 ? wrap(segment, err) : 0;
}

int xc_segment_decode(struct xc_segment_decoder *decoder, const struct xc_segment *segment,
		      const void *stored, const char **ret_raw, struct xc_err *err)
{
	size_t raw_bytes;

	if (check_frame(decoder, segment, stored, err) < 0 ||
	    make_room(decoder, segment->raw_bytes, err) < 0)
		goto fail;
	raw_bytes = ZSTD_decompressDCtx(decoder->context, decoder->raw, segment->raw_bytes, stored,
					segment->stored_bytes);
	if (ZSTD_isError(raw_bytes)) {
		xc_err_set(err, XC_ERR_CORRUPT, "%s", ZSTD_getErrorName(raw_bytes));
		goto fail;
	}
	if (raw_bytes != segment->raw_bytes) {
		xc_err_set(err, XC_ERR_CORRUPT, "it holds %zu bytes", raw_bytes);
		goto fail;
	}
	*ret_raw = decoder->raw;
	return 0;
fail:
	return wrap(segment, err);
}

void xc_segment_decoder_trim(struct xc_segment_decoder *decoder)
{
	if (decoder->raw_capacity <= XC_SEGMENT_USUAL_BYTES)
		return;
	free(STEAL_PTR(decoder->raw));
	decoder->raw_capacity = 0;
}
