/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The XML that S3 and STS answer with, by expat: just the few elements that
 * are needed, wherever namespaces put them. Doctypes and entities of their
 * own are refused, depth and sizes have ceilings. Anything else is CORRUPT.
 */
#ifndef XC_AWS_XML_H
#define XC_AWS_XML_H

#include <stdbool.h>

#include "base/err.h"
#include "base/strlist.h"

/* AWS: code and message of any error (Error responses). STS wraps it in ErrorResponse. */
struct xc_s3_error {
	char code[64];     /* "Unknown" without one */
	char message[300]; /* quoted for one line */
	/* "" unless they are made of the characters that such names have. */
	char region[64]; /* of AuthorizationHeaderMalformed and redirects */
	char endpoint[256];
	char server_time[40]; /* of RequestTimeTooSkewed */
};

/* True if `xml` is an error document, also a cut one, whatever the status it came with. */
bool xc_s3_xml_error(const char *xml, size_t length, struct xc_s3_error *ret_error);

struct xc_s3_listed {
	char *key; /* decoded from encoding-type=url */
	uint64_t size_bytes;
	int64_t modified_ns;
};

/* One page of ListObjectsV2. */
struct xc_s3_page {
	struct xc_s3_listed *items;
	size_t count;
	char *next_token; /* NULL on the last page */
};

#define XC_S3_PAGE_INIT                                                                            \
	{                                                                                          \
		0                                                                                  \
	}
int xc_s3_xml_list(const char *xml, size_t length, struct xc_s3_page *ret_page,
		   struct xc_err *err) XC_CHECK;
void xc_s3_page_release(struct xc_s3_page *page);
#define cleanup_s3_page __attribute__((cleanup(xc_s3_page_release)))

/*
 * One page of ListMultipartUploads: uploads that were begun and not ended.
 * Ask without encoding-type: radosgw 16 heeds it in some of the texts, and
 * does not say so.
 */
struct xc_s3_pending {
	char *key, *upload_id;
	int64_t initiated_ns;
};
struct xc_s3_pending_page {
	struct xc_s3_pending *items;
	size_t count;
	char *next_key, *next_upload_id; /* NULL on the last page; the id may be "" */
};
int xc_s3_xml_uploads(const char *xml, size_t length, struct xc_s3_pending_page *ret_page,
		      struct xc_err *err) XC_CHECK;
void xc_s3_pending_page_release(struct xc_s3_pending_page *page);
#define cleanup_s3_pending_page __attribute__((cleanup(xc_s3_pending_page_release)))

/* InitiateMultipartUploadResult: the upload id, on the heap. */
int xc_s3_xml_upload_id(const char *xml, size_t length, char **ret_upload_id,
			struct xc_err *err) XC_CHECK;

/*
 * DeleteResult in quiet mode: 0 if it names no error but of keys that were
 * gone already, else -1 with the first one: AUTH, TRANSIENT or IO.
 */
int xc_s3_xml_deleted(const char *xml, size_t length, struct xc_err *err) XC_CHECK;

/*
 * The text of one element, found by its local name at any depth, on the heap;
 * NULL if it is not there. For STS: AccessKeyId, SecretAccessKey,
 * SessionToken, Expiration, Arn.
 */
char *xc_s3_xml_text(const char *xml, size_t length, const char *element) XC_CHECK;

#endif
