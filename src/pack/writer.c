/* SPDX-License-Identifier: Apache-2.0 */
#include "pack/writer.h"

#include "archive/tar.h"
#include "base/grow.h"
#include "pack/index.h"
#include "pack/seekable.h"

struct xc_pack_writer {
	int level;
	xc_pack_write_fn *write;
	void *context;
	struct xc_segment *segments;
	uint32_t segment_count, segment_capacity;
	uint64_t pack_bytes, tar_bytes;
};

struct xc_pack_writer *xc_pack_writer_new(int level, xc_pack_write_fn *write, void *context)
{
	struct xc_pack_writer *writer = xc_calloc(1, sizeof(*writer));

	writer->level = level;
	writer->write = write;
	writer->context = context;
	return writer;
}

void xc_pack_writer_free(struct xc_pack_writer *writer)
{
	if (!writer)
		return;
	free(writer->segments);
	free(writer);
}

uint64_t xc_pack_writer_bytes(const struct xc_pack_writer *writer)
{
	return writer->pack_bytes;
}

static int append(struct xc_pack_writer *writer, const void *data, size_t length,
		  struct xc_err *err)
{
	if (writer->write(writer->context, data, length, err) < 0)
		return -1;
	writer->pack_bytes += length;
	return 0;
}

int xc_pack_writer_add(struct xc_pack_writer *writer, const struct xc_segment *segment,
		       const void *stored, struct xc_err *err)
{
	struct xc_segment *added;
	uint64_t offset = writer->pack_bytes;

	if (append(writer, stored, segment->stored_bytes, err) < 0)
		return -1;
	XC_GROW(writer->segments, writer->segment_count, writer->segment_capacity, 64);
	added = &writer->segments[writer->segment_count++];
	*added = *segment;
	added->offset = offset;
	added->tar_offset = writer->tar_bytes;
	writer->tar_bytes += segment->raw_bytes;
	return 0;
}

/* A segment of its own: the others do not depend on being last. */
static int add_tar_end(struct xc_pack_writer *writer, struct xc_err *err)
{
	static const char zeros[XC_TAR_END_BYTES];
	cleanup_buf struct xc_buf stored = XC_BUF_INIT;
	struct xc_segment_encoder *encoder = xc_segment_encoder_new(writer->level);
	struct xc_segment segment;
	int result = xc_segment_encode(encoder, zeros, sizeof(zeros), &stored, &segment, err);

	xc_segment_encoder_free(encoder);
	return result < 0 ? -1 : xc_pack_writer_add(writer, &segment, stored.data, err);
}

/* The index's bytes, which a reader has taken. */
static int make_index(const struct xc_pack_writer *writer, const struct xc_pack_contents *contents,
		      struct xc_buf *out, struct xc_err *err)
{
	const struct xc_overrides none = XC_OVERRIDES_INIT;
	const struct xc_index index = {
		.members = *contents->members, /* borrowed */
		.segments = writer->segments,
		.segment_count = writer->segment_count,
		.tar_bytes = writer->tar_bytes,
		.overrides = contents->overrides ? *contents->overrides : none,
	};
	struct xc_index_budget budget =
		contents->spent ? *contents->spent : (struct xc_index_budget){ 0 };
	cleanup_index struct xc_index read = XC_INDEX_INIT;

	if (xc_index_encode(&index, out, err) < 0 ||
	    xc_index_parse(out->data, out->len_bytes, &budget, &read, err) < 0)
		return xc_err_wrap(err, "cannot write an index of these files");
	return 0;
}

int xc_pack_writer_end(struct xc_pack_writer *writer, const struct xc_pack_contents *contents,
		       struct xc_layer *ret_layer, struct xc_err *err)
{
	cleanup_buf struct xc_buf data = XC_BUF_INIT;
	struct xc_layer layer = { .member_count = contents->members->count };

	if (add_tar_end(writer, err) < 0 || make_index(writer, contents, &data, err) < 0)
		return -1;
	layer.index_offset = writer->pack_bytes;
	layer.index_bytes = data.len_bytes;
	xc_sha256(data.data, data.len_bytes, layer.index_sha256);
	/* The table behind the index in one buffer: one write for both. */
	if (xc_seekable_encode(writer->segments, writer->segment_count, data.data, data.len_bytes,
			       &data, err) < 0 ||
	    append(writer, data.data, data.len_bytes, err) < 0)
		return -1;
	layer.pack_bytes = writer->pack_bytes;
	*ret_layer = layer;
	return 0;
}
