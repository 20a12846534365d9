/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compressions of other people's archives. A new one is a file with a struct
 * xc_decoder_ops and a line here.
 */
#ifndef XC_ARCHIVE_DECODER_H
#define XC_ARCHIVE_DECODER_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/err.h"

struct xc_decoder_input {
	const char *data; /* moves on as bytes are used */
	size_t length;    /* that are left */
};

struct xc_decoder_output {
	char *data;
	size_t capacity;
	size_t length;    /* how many bytes came out */
	bool frame_ended; /* the input may end here */
};

struct xc_decoder_ops {
	const char *name;
	void *(*create)(void); /* never NULL */
	void (*destroy)(void *decoder);
	/*
	 * Decode some of the input: as much as there is, or as there is room for.
	 * CORRUPT for what cannot be decoded, or takes more memory than decoder's
	 * ceiling; the stream's own ceilings are its caller's.
	 */
	int (*decode)(void *decoder, struct xc_decoder_input *in, struct xc_decoder_output *out,
		      struct xc_err *err);
};

/* Zstandard (RFC 8878), skippable frames included; a window of at most 128 MiB. */
extern const struct xc_decoder_ops xc_decoder_zstd;

#endif
