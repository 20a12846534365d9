/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/sign/sigv4.h"

#include "aws/sign/internal.h"
#include "base/err.h"
#include "base/hex.h"

#define ALGORITHM "AWS4-HMAC-SHA256"

/* A request on its way to a signature. */
struct draft {
	char date[sizeof("YYYYMMDD")], stamp[sizeof("YYYYMMDDThhmmssZ")];
	struct xc_buf scope;
	struct xc_strlist added; /* headers that signing adds */
	struct xc_buf lines, names;
	struct xc_buf canonical, string_to_sign;
};

static void draft_release(struct draft *draft)
{
	for (size_t i = 0; i < draft->added.count; i++)
		explicit_bzero(draft->added.items[i], strlen(draft->added.items[i]));
	xc_strlist_release(&draft->added);
	xc_buf_release(&draft->scope);
	xc_secret_buf_release(&draft->lines);
	xc_buf_release(&draft->names);
	xc_secret_buf_release(&draft->canonical);
	xc_buf_release(&draft->string_to_sign);
}
#define cleanup_draft __attribute__((cleanup(draft_release)))

static void add_headers(struct draft *draft, const struct xc_sigv4_request *request,
			const struct xc_sigv4_keys *keys)
{
	xc_strlist_take(&draft->added, xc_asprintf("x-amz-date: %s", draft->stamp));
	if (request->payload_header)
		xc_strlist_take(&draft->added,
				xc_asprintf("x-amz-content-sha256: %s", request->payload));
	if (keys->session_token)
		xc_strlist_take(&draft->added,
				xc_asprintf("x-amz-security-token: %s", keys->session_token));
}

static void make_room(struct draft *draft, const struct xc_sigv4_request *request,
		      const struct xc_sigv4_keys *keys)
{
	struct xc_buf *const texts[] = { &draft->lines, &draft->canonical };
	size_t bytes =
		4096 + strlen(request->path) + strlen(request->query) + strlen(keys->access_key_id);

	bytes += keys->session_token ? strlen(keys->session_token) : 0;
	for (size_t i = 0; request->headers && i < request->headers->count; i++)
		bytes += strlen(request->headers->items[i]);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		/* Three times: encoding may make three bytes of one. */
		if (!xc_buf_reserve(texts[i], 3 * bytes))
			xc_out_of_memory();
}

static void add_string_to_sign(struct draft *draft)
{
	uint8_t digest[XC_SHA256_BYTES];
	char hex[XC_SHA256_HEX + 1];

	xc_sha256(draft->canonical.data, draft->canonical.len_bytes, digest);
	xc_hex_encode(digest, sizeof(digest), hex);
	xc_buf_addf(&draft->string_to_sign, ALGORITHM "\n%s\n%s\n%s", draft->stamp,
		    draft->scope.data, hex);
}

/* Everything up to the key. */
static void draft_make(struct draft *draft, const struct xc_sigv4_request *request,
		       const struct xc_sigv4_keys *keys)
{
	struct tm tm = { 0 };

	gmtime_r(&request->time, &tm);
	strftime(draft->date, sizeof(draft->date), "%Y%m%d", &tm);
	strftime(draft->stamp, sizeof(draft->stamp), "%Y%m%dT%H%M%SZ", &tm);
	xc_buf_addf(&draft->scope, "%s/%s/%s/aws4_request", draft->date, request->region,
		    request->service);
	make_room(draft, request, keys);
	add_headers(draft, request, keys);
	xc_sigv4_canonical_headers(request, &draft->added, &draft->lines, &draft->names);
	xc_buf_addf(&draft->canonical, "%s\n", request->method);
	xc_sigv4_canonical_path(request, &draft->canonical);
	xc_buf_add_char(&draft->canonical, '\n');
	xc_sigv4_canonical_query(request->query, &draft->canonical);
	xc_buf_addf(&draft->canonical, "\n%s\n%s\n%s", draft->lines.data, draft->names.data,
		    request->payload);
	add_string_to_sign(draft);
}

static void draft_sign(const struct draft *draft, struct xc_sigv4 *signer,
		       const struct xc_sigv4_request *request, const struct xc_sigv4_keys *keys,
		       char ret_hex[XC_SHA256_HEX + 1])
{
	const struct xc_sigv4_scope scope = { .date = draft->date,
					      .region = request->region,
					      .service = request->service };

	xc_sigv4_signature(signer, &scope, keys->secret_access_key, &draft->string_to_sign,
			   ret_hex);
}

void xc_sigv4_sign(struct xc_sigv4 *signer, const struct xc_sigv4_request *request,
		   const struct xc_sigv4_keys *keys, struct xc_strlist *ret_headers)
{
	cleanup_draft struct draft draft = { 0 };
	char signature[XC_SHA256_HEX + 1];

	draft_make(&draft, request, keys);
	draft_sign(&draft, signer, request, keys, signature);
	for (size_t i = 0; i < draft.added.count; i++)
		xc_strlist_add(ret_headers, draft.added.items[i]);
	xc_strlist_take(ret_headers, xc_asprintf("Authorization: " ALGORITHM " Credential=%s/%s, "
						 "SignedHeaders=%s, Signature=%s",
						 keys->access_key_id, draft.scope.data,
						 draft.names.data, signature));
}
