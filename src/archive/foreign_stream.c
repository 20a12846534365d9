/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/foreign_stream.h"

#include <zstd.h>
#include <zstd_errors.h>

#include "archive/tar.h"

/* What zstd itself decodes unless told otherwise, and all that a bound on memory allows. */
#define WINDOW_LOG_MAX 27
#define OUTPUT_BYTES   ((size_t)128 << 10)

struct xc_foreign_stream {
	struct xc_foreign_opts opts;
	const struct xc_foreign_limits *limits;
	ZSTD_DCtx *context;
	ZSTD_inBuffer in;
	uint64_t read_bytes, decoded_bytes;
	uint64_t zeros; /* how many stand at the end of what was decoded */
	bool within_frame;
	bool holds_back; /* the output was full: more may come without input */
	char out[OUTPUT_BYTES];
};

struct xc_foreign_stream *xc_foreign_stream_new(const struct xc_foreign_opts *opts,
						const struct xc_foreign_limits *limits)
{
	struct xc_foreign_stream *stream = xc_calloc(1, sizeof(*stream));

	stream->opts = *opts;
	stream->limits = limits;
	stream->context = ZSTD_createDCtx();
	if (!stream->context)
		xc_out_of_memory();
	/* A constant within its bounds. */
	if (ZSTD_isError(
		    ZSTD_DCtx_setParameter(stream->context, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)))
		abort();
	return stream;
}

void xc_foreign_stream_free(struct xc_foreign_stream *stream)
{
	if (!stream)
		return;
	ZSTD_freeDCtx(stream->context);
	free(stream);
}

uint64_t xc_foreign_stream_bytes(const struct xc_foreign_stream *stream)
{
	return stream->decoded_bytes;
}

/* The end of the object: 0 if the archive may end there. */
static int check_end(const struct xc_foreign_stream *stream, struct xc_err *err)
{
	if (stream->within_frame)
		return xc_err_set(err, XC_ERR_CORRUPT, "it is cut short");
	if (stream->zeros < XC_TAR_END_BYTES)
		return xc_err_set(err, XC_ERR_CORRUPT,
				  "it has no end: whatever wrote it stopped before it was whole");
	return 0;
}

static int refuse_frame(size_t code, struct xc_err *err)
{
	switch (ZSTD_getErrorCode(code)) {
	case ZSTD_error_prefix_unknown:
		return xc_err_set(err, XC_ERR_CORRUPT, "it is not compressed by zstd");
	case ZSTD_error_frameParameter_windowTooLarge:
		return xc_err_set(err, XC_ERR_CORRUPT,
				  "zstd was told to look back more than 128 MiB (--long), which "
				  "takes too much memory here");
	case ZSTD_error_memory_allocation:
		return xc_err_set(err, XC_ERR_INTERNAL, "there is no memory to decode it");
	default:
		return xc_err_set(err, XC_ERR_CORRUPT, "it cannot be decoded: %s",
				  ZSTD_getErrorName(code));
	}
}

static int check_limits(const struct xc_foreign_stream *stream, struct xc_err *err)
{
	const struct xc_foreign_limits *limits = stream->limits;

	if (stream->decoded_bytes > limits->bytes)
		return xc_err_set(err, XC_ERR_CORRUPT, "it holds more than %llu bytes",
				  (unsigned long long)limits->bytes);
	if (stream->decoded_bytes > limits->ratio_from_bytes &&
	    stream->decoded_bytes / limits->ratio > stream->read_bytes)
		return xc_err_set(err, XC_ERR_CORRUPT, "it grows to more than %llu times its size",
				  (unsigned long long)limits->ratio);
	return 0;
}

static void count_zeros(struct xc_foreign_stream *stream, size_t length)
{
	size_t at = length;

	while (at > 0 && stream->out[at - 1] == 0)
		at--;
	stream->zeros = at > 0 ? length - at : stream->zeros + length;
}

/* 1 if there is something to decode, 0 at the end of the object. */
static int refill(struct xc_foreign_stream *stream, struct xc_err *err)
{
	const char *data;
	size_t length;

	if (stream->in.pos < stream->in.size || stream->holds_back)
		return 1;
	if (stream->opts.read(stream->opts.context, &data, &length, err) < 0)
		return -1;
	stream->in = (ZSTD_inBuffer){ .src = data, .size = length };
	stream->read_bytes += length;
	return length > 0;
}

static int decode(struct xc_foreign_stream *stream, ZSTD_outBuffer *out, struct xc_err *err)
{
	size_t left = ZSTD_decompressStream(stream->context, out, &stream->in);

	if (ZSTD_isError(left))
		return refuse_frame(left, err);
	stream->within_frame = left > 0;
	stream->holds_back = left > 0 && out->pos == out->size;
	return 0;
}

int xc_foreign_stream_read(struct xc_foreign_stream *stream, const char **ret_data,
			   size_t *ret_length, struct xc_err *err)
{
	ZSTD_outBuffer out = { .dst = stream->out, .size = sizeof(stream->out) };
	int more = 1;

	while (out.pos == 0 && more > 0) {
		more = refill(stream, err);
		if (more < 0 || (more > 0 && decode(stream, &out, err) < 0))
			return -1;
	}
	if (more == 0 && check_end(stream, err) < 0)
		return -1;
	count_zeros(stream, out.pos);
	stream->decoded_bytes += out.pos;
	if (check_limits(stream, err) < 0)
		return -1;
	*ret_data = stream->out;
	*ret_length = out.pos;
	return 0;
}
