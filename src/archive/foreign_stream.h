/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a foreign archive out of zstd, with ceilings on what comes
 * out. Private to foreign.c: made before, used by and freed after its reader.
 */
#ifndef XC_ARCHIVE_FOREIGN_STREAM_H
#define XC_ARCHIVE_FOREIGN_STREAM_H

#include "archive/foreign.h"

struct xc_foreign_stream;

struct xc_foreign_stream *xc_foreign_stream_new(const struct xc_foreign_opts *opts,
						const struct xc_foreign_limits *limits);
void xc_foreign_stream_free(struct xc_foreign_stream *stream);

/*
 * The next bytes of the tar stream, valid until the next call; none at its
 * end, which is good only if the last frame was whole and the archive has
 * the end that tar gives it.
 */
int xc_foreign_stream_read(struct xc_foreign_stream *stream, const char **ret_data,
			   size_t *ret_length, struct xc_err *err) XC_CHECK;

/* Of the tar stream, so far. */
uint64_t xc_foreign_stream_bytes(const struct xc_foreign_stream *stream);

#endif
