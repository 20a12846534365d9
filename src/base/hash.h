/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 (FIPS 180-4) over OpenSSL. A hasher is made once per thread and
 * used again and again: starting a digest costs less than fetching one.
 */
#ifndef XC_BASE_HASH_H
#define XC_BASE_HASH_H

#include "base/compiler.h"

#define XC_SHA256_BYTES 32
#define XC_SHA256_HEX   64

struct xc_hasher;

struct xc_hasher *xc_hasher_new(void);
void xc_hasher_free(struct xc_hasher *hasher); /* NULL is allowed */

/* Start anew, feed, and finish into 32 bytes. begin may be called at any time. */
void xc_hasher_begin(struct xc_hasher *hasher);
void xc_hasher_update(struct xc_hasher *hasher, const void *data, size_t length);
void xc_hasher_finish(struct xc_hasher *hasher, uint8_t ret_digest[XC_SHA256_BYTES]);

/* The digest of `length` bytes in one call. */
void xc_hasher_digest(struct xc_hasher *hasher, const void *data, size_t length,
		      uint8_t ret_digest[XC_SHA256_BYTES]);

/* The same for a single use. */
void xc_sha256(const void *data, size_t length, uint8_t ret_digest[XC_SHA256_BYTES]);

/* `length` random bytes from the kernel. */
void xc_random_bytes(void *out, size_t length);

#endif
