/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/stream.h"

#include "archive/decoder.h"
#include "archive/format.h"

#define OUTPUT_BYTES ((size_t)128 << 10)

struct xc_archive_stream {
	struct xc_archive_opts opts;
	const struct xc_archive_limits *limits;
	void *decoder; /* of opts.decoder */
	struct xc_decoder_input in;
	uint64_t read_bytes, decoded_bytes;
	uint64_t zeros; /* how many stand at the end of what was decoded */
	bool within_frame;
	bool holds_back; /* the output was full: more may come without input */
	char out[OUTPUT_BYTES];
};

struct xc_archive_stream *xc_archive_stream_new(const struct xc_archive_opts *opts,
						const struct xc_archive_limits *limits)
{
	struct xc_archive_stream *stream = xc_calloc(1, sizeof(*stream));

	stream->opts = *opts;
	stream->limits = limits;
	stream->decoder = opts->decoder->create();
	return stream;
}

void xc_archive_stream_free(struct xc_archive_stream *stream)
{
	if (!stream)
		return;
	stream->opts.decoder->destroy(stream->decoder);
	free(stream);
}

uint64_t xc_archive_stream_bytes(const struct xc_archive_stream *stream)
{
	return stream->decoded_bytes;
}

/* The end of the object: 0 if the archive may end there. */
static int check_end(const struct xc_archive_stream *stream, struct xc_err *err)
{
	if (stream->within_frame)
		return xc_err_set(err, XC_ERR_CORRUPT, "it is cut short");
	if (stream->zeros < stream->opts.format->end_zeros)
		return xc_err_set(err, XC_ERR_CORRUPT,
				  "it is incomplete: whatever wrote it stopped too early");
	return 0;
}

static int check_limits(const struct xc_archive_stream *stream, struct xc_err *err)
{
	const struct xc_archive_limits *limits = stream->limits;

	if (stream->decoded_bytes > limits->bytes)
		return xc_err_set(err, XC_ERR_CORRUPT, "it holds more than %llu bytes",
				  (unsigned long long)limits->bytes);
	if (stream->decoded_bytes > limits->ratio_from_bytes &&
	    stream->decoded_bytes / limits->ratio > stream->read_bytes)
		return xc_err_set(err, XC_ERR_CORRUPT, "it grows to more than %llu times its size",
				  (unsigned long long)limits->ratio);
	return 0;
}

static void count_zeros(struct xc_archive_stream *stream, size_t length)
{
	size_t at = length;

	while (at > 0 && stream->out[at - 1] == 0)
		at--;
	stream->zeros = at > 0 ? length - at : stream->zeros + length;
}

/* 1 if there is something to decode, 0 at the end of the object. */
static int refill(struct xc_archive_stream *stream, struct xc_err *err)
{
	const char *data;
	size_t length;

	if (stream->in.length > 0 || stream->holds_back)
		return 1;
	if (stream->opts.read(stream->opts.context, &data, &length, err) < 0)
		return -1;
	stream->in = (struct xc_decoder_input){ .data = data, .length = length };
	stream->read_bytes += length;
	return length > 0;
}

static int decode(struct xc_archive_stream *stream, size_t *ret_length, struct xc_err *err)
{
	struct xc_decoder_output out = { .data = stream->out, .capacity = sizeof(stream->out) };

	if (stream->opts.decoder->decode(stream->decoder, &stream->in, &out, err) < 0)
		return -1;
	stream->within_frame = !out.frame_ended;
	stream->holds_back = !out.frame_ended && out.length == out.capacity;
	*ret_length = out.length;
	return 0;
}

int xc_archive_stream_read(struct xc_archive_stream *stream, const char **ret_data,
			   size_t *ret_length, struct xc_err *err)
{
	size_t length = 0;
	int more = 1;

	while (length == 0 && more > 0) {
		more = refill(stream, err);
		if (more < 0 || (more > 0 && decode(stream, &length, err) < 0))
			return -1;
	}
	if (more == 0 && check_end(stream, err) < 0)
		return -1;
	count_zeros(stream, length);
	stream->decoded_bytes += length;
	if (check_limits(stream, err) < 0)
		return -1;
	*ret_data = stream->out;
	*ret_length = length;
	return 0;
}
