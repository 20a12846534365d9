/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/err.h"

struct xc_hasher {
	EVP_MD *digest;
	EVP_MD_CTX *context;
};

struct xc_hasher *xc_hasher_new(void)
{
	struct xc_hasher *hasher = xc_malloc(sizeof(*hasher));

	hasher->digest = EVP_MD_fetch(NULL, "SHA256", NULL);
	hasher->context = EVP_MD_CTX_new();
	/* Without memory or without a provider there is no digest at all. */
	if (!hasher->digest || !hasher->context)
		xc_out_of_memory();
	xc_hasher_begin(hasher);
	return hasher;
}

void xc_hasher_free(struct xc_hasher *hasher)
{
	if (!hasher)
		return;
	EVP_MD_CTX_free(hasher->context);
	EVP_MD_free(hasher->digest);
	free(hasher);
}

/* SHA-256 in memory cannot fail but for a broken libcrypto, with which nothing may go on. */
static void must_succeed(int result)
{
	if (result != 1)
		abort();
}

void xc_hasher_begin(struct xc_hasher *hasher)
{
	must_succeed(EVP_DigestInit_ex2(hasher->context, hasher->digest, NULL));
}

void xc_hasher_update(struct xc_hasher *hasher, const void *data, size_t length)
{
	must_succeed(EVP_DigestUpdate(hasher->context, data, length));
}

void xc_hasher_finish(struct xc_hasher *hasher, uint8_t ret_digest[XC_SHA256_BYTES])
{
	must_succeed(EVP_DigestFinal_ex(hasher->context, ret_digest, NULL));
}

void xc_hasher_digest(struct xc_hasher *hasher, const void *data, size_t length,
		      uint8_t ret_digest[XC_SHA256_BYTES])
{
	xc_hasher_begin(hasher);
	xc_hasher_update(hasher, data, length);
	xc_hasher_finish(hasher, ret_digest);
}

void xc_sha256(const void *data, size_t length, uint8_t ret_digest[XC_SHA256_BYTES])
{
	must_succeed(EVP_Digest(data, length, ret_digest, NULL, EVP_sha256(), NULL));
}

/* All since Linux 3.17 have it, and so do all profiles; TLS could not do without either. */
static void lacks_random_bytes(void)
{
	static const char message[] =
		"xcache: getrandom(2) is denied, and xcache needs random numbers\n";

	(void)!write(STDERR_FILENO, message, sizeof(message) - 1);
	_exit(1);
}

void xc_random_bytes(void *out, size_t length)
{
	char *bytes = out;

	while (length > 0) {
		ssize_t got = getrandom(bytes, length, 0);

		if (got < 0) {
			if (errno == EINTR)
				continue;
			lacks_random_bytes();
		}
		bytes += got;
		length -= (size_t)got;
	}
}
