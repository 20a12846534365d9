/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table that ends a pack: zstd's seekable format 0.1.0 (facebook/zstd,
 * contrib/seekable_format/zstd_seekable_compression_format.md), without
 * checksums. Its entries are the segments, then one of zero decompressed
 * bytes for each skippable frame of the index.
 */
#ifndef XC_PACK_SEEKABLE_H
#define XC_PACK_SEEKABLE_H

#include "base/buf.h"
#include "base/err.h"
#include "pack/segment.h"

/*
 * Append the table for `count` segments and the index that follows them.
 * INTERNAL if the index does not consist of skippable frames.
 */
int xc_seekable_encode(const struct xc_segment *segments, uint32_t count, const void *index,
		       size_t index_bytes, struct xc_buf *out, struct xc_err *err) XC_CHECK;

#endif
