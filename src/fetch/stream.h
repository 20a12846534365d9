/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An object from its beginning to its end, with a few ranges read ahead into
 * a fixed set of buffers. Used by one thread; reads may end on any.
 */
#ifndef XC_FETCH_STREAM_H
#define XC_FETCH_STREAM_H

#include "store/store.h"

struct xc_stream;

#define XC_STREAM_READ_BYTES ((size_t)8 << 20)
#define XC_STREAM_READS_MAX  3

/* Start to read an object of `size_bytes`. `name` is borrowed. */
struct xc_stream *xc_stream_new(struct xc_store *store, const char *name, uint64_t size_bytes);
/* Waits for the reads under way. NULL is allowed. */
void xc_stream_free(struct xc_stream *stream);

/* The next bytes, valid until the next call; none at the end. */
int xc_stream_read(struct xc_stream *stream, const char **ret_data, size_t *ret_length,
		   struct xc_err *err) XC_CHECK;

#endif
