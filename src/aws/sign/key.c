/* SPDX-License-Identifier: Apache-2.0 */
/* The key of a day (AWS, "Derive a signing key for SigV4"), and what it signs. */
#include "aws/sign/internal.h"

#include <limits.h>
#include <pthread.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/err.h"
#include "base/hex.h"

struct xc_sigv4 {
	pthread_mutex_t lock;
	bool is_kept;
	/* Of all that the key is derived from: the secret itself is not kept. */
	uint8_t origin[XC_SHA256_BYTES];
	uint8_t key[XC_SHA256_BYTES];
};

struct xc_sigv4 *xc_sigv4_new(void)
{
	struct xc_sigv4 *signer = xc_calloc(1, sizeof(*signer));

	pthread_mutex_init(&signer->lock, NULL);
	return signer;
}

void xc_sigv4_free(struct xc_sigv4 *signer)
{
	if (!signer)
		return;
	pthread_mutex_destroy(&signer->lock);
	explicit_bzero(signer, sizeof(*signer));
	free(signer);
}

/* `ret_mac` may be `key`. */
static void hmac(const uint8_t *key, size_t key_length, const void *data, size_t length,
		 uint8_t ret_mac[XC_SHA256_BYTES])
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned mac_length;

	/* In memory it cannot fail but for a broken libcrypto, with which nothing may go on. */
	if (key_length > INT_MAX ||
	    !HMAC(EVP_sha256(), key, (int)key_length, data, length, mac, &mac_length) ||
	    mac_length != XC_SHA256_BYTES)
		abort();
	memcpy(ret_mac, mac, XC_SHA256_BYTES);
	explicit_bzero(mac, sizeof(mac));
}

static void origin_of(const struct xc_sigv4_scope *scope, const char *secret,
		      uint8_t ret_digest[XC_SHA256_BYTES])
{
	const char *const parts[] = { scope->date, scope->region, scope->service, secret };
	struct xc_hasher *hasher = xc_hasher_new();

	/* With their terminators: no two sets of parts are the same bytes. */
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		xc_hasher_update(hasher, parts[i], strlen(parts[i]) + 1);
	xc_hasher_finish(hasher, ret_digest);
	xc_hasher_free(hasher);
}

static void derive(const struct xc_sigv4_scope *scope, const char *secret,
		   uint8_t ret_key[XC_SHA256_BYTES])
{
	static const char prefix[] = "AWS4", last[] = "aws4_request";
	size_t length = strlen(prefix) + strlen(secret);
	char *first = xc_malloc(length);

	memcpy(first, prefix, strlen(prefix));
	memcpy(first + strlen(prefix), secret, strlen(secret));
	hmac((const uint8_t *)first, length, scope->date, strlen(scope->date), ret_key);
	explicit_bzero(first, length);
	free(first);
	hmac(ret_key, XC_SHA256_BYTES, scope->region, strlen(scope->region), ret_key);
	hmac(ret_key, XC_SHA256_BYTES, scope->service, strlen(scope->service), ret_key);
	hmac(ret_key, XC_SHA256_BYTES, last, strlen(last), ret_key);
}

void xc_sigv4_signature(struct xc_sigv4 *signer, const struct xc_sigv4_scope *scope,
			const char *secret, const struct xc_buf *text,
			char ret_hex[XC_SHA256_HEX + 1])
{
	uint8_t origin[XC_SHA256_BYTES], key[XC_SHA256_BYTES], mac[XC_SHA256_BYTES];

	origin_of(scope, secret, origin);
	pthread_mutex_lock(&signer->lock);
	if (!signer->is_kept || memcmp(signer->origin, origin, sizeof(origin)) != 0) {
		derive(scope, secret, signer->key);
		memcpy(signer->origin, origin, sizeof(origin));
		signer->is_kept = true;
	}
	memcpy(key, signer->key, sizeof(key));
	pthread_mutex_unlock(&signer->lock);
	hmac(key, sizeof(key), text->data, text->len_bytes, mac);
	xc_hex_encode(mac, sizeof(mac), ret_hex);
	explicit_bzero(key, sizeof(key));
	explicit_bzero(origin, sizeof(origin));
}
