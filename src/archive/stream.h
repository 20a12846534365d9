/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoded bytes of an archive, with ceilings on what comes
 * out. Private to reader.c.
 */
#ifndef XC_ARCHIVE_STREAM_H
#define XC_ARCHIVE_STREAM_H

#include "archive/reader.h"

struct xc_archive_stream;

struct xc_archive_stream *xc_archive_stream_new(const struct xc_archive_opts *opts,
						const struct xc_archive_limits *limits);
void xc_archive_stream_free(struct xc_archive_stream *stream);

/*
 * The next decoded bytes, valid until the next call; none at its
 * end, which is good only if the last frame was whole and the archive has
 * the end that its format gives it.
 */
int xc_archive_stream_read(struct xc_archive_stream *stream, const char **ret_data,
			   size_t *ret_length, struct xc_err *err) XC_CHECK;

/* How many there were so far. */
uint64_t xc_archive_stream_bytes(const struct xc_archive_stream *stream);

#endif
