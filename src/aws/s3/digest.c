/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/evp.h>

#include "aws/s3/internal.h"

void xc_s3_base64(const void *data, size_t length, char *out)
{
	EVP_EncodeBlock((unsigned char *)out, data, (int)length);
}

bool xc_s3_md5(const void *data, size_t length, char out[25])
{
	unsigned char digest[EVP_MAX_MD_SIZE];

	if (EVP_Digest(data, length, digest, NULL, EVP_md5(), NULL) != 1)
		return false;
	xc_s3_base64(digest, 16, out);
	return true;
}
