/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/decoder.h"

#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

/* What zstd itself decodes unless told otherwise, and all that a bound on memory allows. */
#define WINDOW_LOG_MAX 27

static void *create(void)
{
	ZSTD_DCtx *context = ZSTD_createDCtx();

	if (!context)
		xc_out_of_memory();
	/* A constant within its bounds. */
	if (ZSTD_isError(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)))
		abort();
	return context;
}

static void destroy(void *decoder)
{
	ZSTD_freeDCtx(decoder);
}

static int refuse_frame(size_t code, struct xc_err *err)
{
	switch (ZSTD_getErrorCode(code)) {
	case ZSTD_error_prefix_unknown:
		return xc_err_set(err, XC_ERR_CORRUPT, "it is not compressed by zstd");
	case ZSTD_error_frameParameter_windowTooLarge:
		return xc_err_set(err, XC_ERR_CORRUPT,
				  "its zstd window is larger than 128 MiB (--long), which takes "
				  "too much memory");
	case ZSTD_error_memory_allocation:
		return xc_err_set(err, XC_ERR_INTERNAL, "out of memory while decoding it");
	default:
		return xc_err_set(err, XC_ERR_CORRUPT, "it cannot be decoded: %s",
				  ZSTD_getErrorName(code));
	}
}

static int decode(void *decoder, struct xc_decoder_input *in, struct xc_decoder_output *out,
		  struct xc_err *err)
{
	ZSTD_inBuffer input = { .src = in->data, .size = in->length };
	ZSTD_outBuffer output = { .dst = out->data, .size = out->capacity };
	size_t left = ZSTD_decompressStream(decoder, &output, &input);

	if (ZSTD_isError(left))
		return refuse_frame(left, err);
	in->data += input.pos;
	in->length -= input.pos;
	out->length = output.pos;
	out->frame_ended = left == 0;
	return 0;
}

const struct xc_decoder_ops xc_decoder_zstd = {
	.name = "zstd",
	.create = create,
	.destroy = destroy,
	.decode = decode,
};
