/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of S3 and STS, which whoever owns the bucket's address may write:
 * all readers over one input.
 *
 * Demands: a refusal says why, a page is whole, and what goes into another
 * request holds nothing odd.
 */
#include "fuzz.h"

#include "aws/xml.h"
#include "base/buf.h"

static void require_corrupt(const struct xc_err *err)
{
	MUST(err->kind == XC_ERR_CORRUPT && err->msg[0] != '\0');
}

static void try_list(const char *xml, size_t length)
{
	cleanup_s3_page struct xc_s3_page page = XC_S3_PAGE_INIT;
	struct xc_err err = { 0 };

	if (xc_s3_xml_list(xml, length, &page, &err) < 0) {
		require_corrupt(&err);
		MUST(!page.items && !page.next_token);
		return;
	}
	MUST(page.count <= 10000);
	for (size_t i = 0; i < page.count; i++)
		MUST(page.items[i].key[0] != '\0' && page.items[i].size_bytes <= INT64_MAX);
	MUST(!page.next_token || page.next_token[0] != '\0');
}

static void try_uploads(const char *xml, size_t length)
{
	cleanup_s3_pending_page struct xc_s3_pending_page page = { 0 };
	struct xc_err err = { 0 };

	if (xc_s3_xml_uploads(xml, length, &page, &err) < 0) {
		require_corrupt(&err);
		return;
	}
	for (size_t i = 0; i < page.count; i++)
		MUST(page.items[i].key[0] != '\0' && page.items[i].upload_id[0] != '\0');
	MUST(!page.next_key == !page.next_upload_id);
}

static void try_error(const char *xml, size_t length)
{
	struct xc_s3_error error;
	const char *const lines[] = { error.code, error.message, error.region, error.endpoint,
				      error.server_time };

	if (!xc_s3_xml_error(xml, length, &error))
		return;
	MUST(error.code[0] != '\0');
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		for (const char *c = lines[i]; *c; c++)
			MUST((unsigned char)*c >= ' ' && *c != 0x7f);
	MUST(!strpbrk(error.region, "/@:.% ") && !strpbrk(error.endpoint, "/@?#% "));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Of exactly its length: a reader that runs past the end is seen. */
	char *xml = malloc(size ? size : 1);
	cleanup_free char *id = NULL, *text = NULL;
	struct xc_err err = { 0 };

	if (size)
		memcpy(xml, data, size);
	try_list(xml, size);
	try_uploads(xml, size);
	try_error(xml, size);
	if (xc_s3_xml_upload_id(xml, size, &id, &err) < 0)
		require_corrupt(&err);
	else
		MUST(id[0] != '\0');
	if (xc_s3_xml_deleted(xml, size, &err) < 0)
		MUST(err.msg[0] != '\0' && (err.kind == XC_ERR_CORRUPT || err.kind == XC_ERR_AUTH ||
					    err.kind == XC_ERR_TRANSIENT || err.kind == XC_ERR_IO));
	text = xc_s3_xml_text(xml, size, "SessionToken");
	free(xml);
	return 0;
}
