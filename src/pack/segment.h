/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments: one zstd frame (RFC 8878) each, with content size and checksum,
 * that decodes by itself to a piece of the pack's tar stream.
 */
#ifndef XC_PACK_SEGMENT_H
#define XC_PACK_SEGMENT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"

/* The length at which a run of members is cut, and of the pieces of a large file. */
#define XC_SEGMENT_TARGET_BYTES ((size_t)8 << 20)
/* Few segments are longer than this: a decoder keeps so much for the next one. */
#define XC_SEGMENT_USUAL_BYTES (XC_SEGMENT_TARGET_BYTES + ((size_t)1 << 20))
/* No segment decodes to more; a single member's header may take it past the target. */
#define XC_SEGMENT_RAW_MAX    ((size_t)64 << 20)
#define XC_SEGMENT_STORED_MAX ((size_t)65 << 20)

/*
 * The levels are zstd's, but for the default one: where zstd's level 3 looks
 * matches up in two tables, it uses the one of the faster levels with a
 * window over the whole segment. docs/PERFORMANCE.md has the measurements:
 * sources come out as small as at level 3, programs 5 % larger, both in
 * three quarters of the time.
 */
#define XC_LEVEL_DEFAULT 3
#define XC_LEVEL_MIN     1
#define XC_LEVEL_MAX     19

struct xc_segment {
	uint64_t offset;                 /* in the pack */
	uint64_t tar_offset;             /* of its first byte in the tar stream */
	uint32_t stored_bytes;           /* of the frame */
	uint32_t raw_bytes;              /* of the piece of the tar stream */
	uint8_t sha256[XC_SHA256_BYTES]; /* of the frame */
};

struct xc_segment_encoder;
struct xc_segment_decoder;

/* One per thread. `level` from XC_LEVEL_MIN to XC_LEVEL_MAX. */
struct xc_segment_encoder *xc_segment_encoder_new(int level);
/* About how much memory an encoder of that level takes. */
size_t xc_segment_encoder_bytes(int level);
void xc_segment_encoder_free(struct xc_segment_encoder *encoder); /* NULL is allowed */

/*
 * Compress `raw` (1 to XC_SEGMENT_RAW_MAX bytes) as one frame into `out`,
 * which is emptied first, and fill stored_bytes, raw_bytes and sha256 of
 * `ret_segment`. The same bytes, level and library give the same frame.
 */
int xc_segment_encode(struct xc_segment_encoder *encoder, const void *raw, size_t raw_bytes,
		      struct xc_buf *out, struct xc_segment *ret_segment,
		      struct xc_err *err) XC_CHECK;

/* One per thread. */
struct xc_segment_decoder *xc_segment_decoder_new(void);
void xc_segment_decoder_free(struct xc_segment_decoder *decoder); /* NULL is allowed */

/*
 * Check `stored` (segment->stored_bytes long) against segment->sha256, and
 * only then decode it to exactly segment->raw_bytes. `*ret_raw` belongs to
 * the decoder and holds until its next call. CORRUPT if anything differs, IO
 * if memory is out.
 */
int xc_segment_decode(struct xc_segment_decoder *decoder, const struct xc_segment *segment,
		      const void *stored, const char **ret_raw, struct xc_err *err) XC_CHECK;

/* Only compare the SHA-256, as xc_segment_decode does first. CORRUPT if it differs. */
int xc_segment_check(struct xc_segment_decoder *decoder, const struct xc_segment *segment,
		     const void *stored, struct xc_err *err) XC_CHECK;

/* Give back what a decoder holds beyond XC_SEGMENT_USUAL_BYTES, and with it what it decoded. */
void xc_segment_decoder_trim(struct xc_segment_decoder *decoder);

#endif
