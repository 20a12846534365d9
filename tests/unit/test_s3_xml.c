/* SPDX-License-Identifier: Apache-2.0 */
/* Answers in the shapes of AWS, radosgw, Swift and STS, and what only an attacker sends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aws/xml.h"
#include "base/buf.h"

#define DECLARATION "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
#define S3_NS       " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""
#define STS_NS      " xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\""
#define ITEM(key, size, time)                                                                      \
	"<Contents><Key>" key "</Key><LastModified>" time "</LastModified>"                        \
	"<ETag>&quot;0&quot;</ETag><Size>" size "</Size></Contents>"
#define LIST(inside) "<ListBucketResult>" inside "</ListBucketResult>"
#define TIME         "2026-01-31T12:34:56.000Z"
#define TIME_NS      INT64_C(1769862896000000000)

static int list(const char *xml, struct xc_s3_page *ret_page, struct xc_err *err)
{
	*err = (struct xc_err){ 0 };
	return xc_s3_xml_list(xml, strlen(xml), ret_page, err);
}

static void a_page_has_its_objects(void **state)
{
	static const struct {
		const char *catches, *xml, *key;
		uint64_t size_bytes;
		int64_t modified_ns;
		const char *next_token;
	} rows[] = {
		{ "AWS, with a namespace and more to come",
		  DECLARATION "\n<ListBucketResult" S3_NS "><Name>bkt</Name><Prefix>v1/</Prefix>"
			      "<NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOw="
			      "</NextContinuationToken><KeyCount>1</KeyCount>"
			      "<MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType>"
			      "<IsTruncated>true</IsTruncated>" ITEM("v1/a+b%2Bc", "17",
								     TIME) ""
									   "</ListBucketResult>",
		  "v1/a b+c", 17, TIME_NS, "1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOw=" },
		{ "radosgw: slashes encoded, milliseconds, the encoding named last",
		  DECLARATION "<ListBucketResult" S3_NS "><IsTruncated>false</IsTruncated>"
			      "<Contents><Key>v1%2fx%2Fy</Key>"
			      "<LastModified>2026-01-31T12:34:56.789Z</LastModified>"
			      "<Size>0</Size><StorageClass>STANDARD</StorageClass>"
			      "<Owner><ID>u</ID><DisplayName>U</DisplayName></Owner></Contents>"
			      "<Marker></Marker><EncodingType>url</EncodingType>"
			      "</ListBucketResult>",
		  "v1/x/y", 0, TIME_NS + 789000000, NULL },
		{ "Swift: no encoding, single quotes, a plus that is one",
		  "<?xml version='1.0' encoding='UTF-8'?>\n<ListBucketResult xmlns="
		  "'http://s3.amazonaws.com/doc/2006-03-01/'><EncodingType/>"
		  "<IsTruncated>false</IsTruncated>" ITEM("a+b %41&amp;&#xe9;", "5",
							  TIME) ""
								"</ListBucketResult>",
		  "a+b %41&\xc3\xa9", 5, TIME_NS, NULL },
		{ "prefixes of a namespace",
		  "<s3:ListBucketResult xmlns:s3=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
		  "<s3:Contents><s3:Size>1</s3:Size><s3:Key>k</s3:Key>"
		  "<s3:LastModified>2026-01-31T12:34:56Z</s3:LastModified></s3:Contents>"
		  "</s3:ListBucketResult>",
		  "k", 1, TIME_NS, NULL },
		{ "blanks before the declaration, as while S3 thinks",
		  " \r\n\t" DECLARATION LIST(ITEM("k", "1", TIME)), "k", 1, TIME_NS, NULL },
		{ "the largest size", LIST(ITEM("k", "5497558138880000", TIME)), "k",
		  5497558138880000u, TIME_NS, NULL },
		{ "a token that is left over on the last page",
		  LIST("<NextContinuationToken>t</NextContinuationToken>"
		       "<IsTruncated>false</IsTruncated>" ITEM("k", "1", TIME)),
		  "k", 1, TIME_NS, NULL },
		{ "common prefixes and owners taken for objects",
		  LIST("<CommonPrefixes><Prefix>p/</Prefix><Key>not</Key></CommonPrefixes>"
		       "<Contents><Owner><Key>not</Key><Size>x</Size></Owner><Key>k</Key>"
		       "<Size>1</Size><LastModified>" TIME "</LastModified></Contents>"),
		  "k", 1, TIME_NS, NULL },
		{ "a key in pieces", LIST(ITEM("a<![CDATA[<&>]]>b", "1", TIME)), "a<&>b", 1,
		  TIME_NS, NULL },
		{ "blanks of a key that are cut", LIST(ITEM(" k ", "1", TIME)), " k ", 1, TIME_NS,
		  NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_s3_page struct xc_s3_page page = XC_S3_PAGE_INIT;
		struct xc_err err;

		if (list(rows[i].xml, &page, &err) < 0)
			fail_msg("%s: %s", rows[i].catches, err.msg);
		if (page.count != 1 || strcmp(page.items[0].key, rows[i].key) != 0 ||
		    page.items[0].size_bytes != rows[i].size_bytes ||
		    page.items[0].modified_ns != rows[i].modified_ns)
			fail_msg("%s: %zu objects, %s, %ju bytes, %jd", rows[i].catches, page.count,
				 page.count ? page.items[0].key : "",
				 page.count ? (uintmax_t)page.items[0].size_bytes : 0,
				 page.count ? (intmax_t)page.items[0].modified_ns : 0);
		if (!rows[i].next_token)
			assert_null(page.next_token);
		else
			assert_string_equal(page.next_token, rows[i].next_token);
	}
}

static void a_page_may_be_empty(void **state)
{
	cleanup_s3_page struct xc_s3_page page = { .count = 7 };
	struct xc_err err;

	(void)state;
	assert_int_equal(list("<ListBucketResult/>", &page, &err), 0);
	assert_int_equal(page.count, 0);
	assert_null(page.next_token);
}

static void what_is_no_page_is_corrupt(void **state)
{
	static const struct {
		const char *catches, *xml, *says;
	} rows[] = {
		{ "nothing", "", "not XML" },
		{ "a page of HTML", "<html><body>502</body></html>", "html" },
		{ "an error taken for an empty page", "<Error><Code>SlowDown</Code></Error>",
		  "Error" },
		{ "a cut page", "<ListBucketResult>" ITEM("k", "1", TIME), "not XML" },
		{ "text behind the page", LIST("") "x", "not XML" },
		{ "another page behind it", LIST("") LIST(""), "not XML" },
		{ "no key", LIST("<Contents><Size>1</Size></Contents>"), "lacks" },
		{ "an empty key", LIST(ITEM("", "1", TIME)), "Key is empty" },
		{ "two keys, one of them leaked",
		  LIST("<Contents><Key>a</Key><Key>b</Key></Contents>"), "twice" },
		{ "a negative size", LIST(ITEM("k", "-1", TIME)), "not a size" },
		{ "a size of 2^64 + 1", LIST(ITEM("k", "18446744073709551617", TIME)),
		  "too large" },
		{ "a size above 2^63", LIST(ITEM("k", "9223372036854775808", TIME)), "too large" },
		{ "no digits", LIST(ITEM("k", "", TIME)), "Size is empty" },
		{ "hexadecimal digits", LIST(ITEM("k", "0x10", TIME)), "not a size" },
		{ "no time", LIST(ITEM("k", "1", "yesterday")), "not a time" },
		{ "the 31st of February", LIST(ITEM("k", "1", "2026-02-31T00:00:00Z")),
		  "not a time" },
		{ "a time of another zone", LIST(ITEM("k", "1", "2026-02-01T00:00:00+01:00")),
		  "not a time" },
		{ "more pages that cannot be had", LIST("<IsTruncated>true</IsTruncated>"),
		  "NextContinuationToken" },
		{ "a key that is encoded badly",
		  LIST("<EncodingType>url</EncodingType>" ITEM("a%zz", "1", TIME)), "encoded" },
		{ "a NUL that cuts a key",
		  LIST("<EncodingType>url</EncodingType>" ITEM("a%00b", "1", TIME)), "encoded" },
		{ "a reference to a NUL", LIST(ITEM("a&#0;b", "1", TIME)), "not XML" },
		{ "bytes that are not UTF-8", LIST(ITEM("\xff", "1", TIME)), "not XML" },
		{ "entities that grow",
		  "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b "
		  "\"&a;&a;&a;&a;&a;&a;\">]>" LIST(ITEM("&b;", "1", TIME)),
		  "document type" },
		{ "files of this machine",
		  "<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>" LIST(
			  ITEM("&a;", "1", TIME)),
		  "document type" },
		{ "a document type from elsewhere",
		  "<!DOCTYPE x SYSTEM \"http://127.0.0.1/x.dtd\">" LIST(""), "document type" },
		{ "entities nobody declared", LIST(ITEM("&a;", "1", TIME)), "not XML" },
		{ "depth without end", LIST("<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>"),
		  "deeper" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct xc_s3_page page = XC_S3_PAGE_INIT;
		struct xc_err err;

		if (list(rows[i].xml, &page, &err) == 0)
			fail_msg("%s: taken", rows[i].catches);
		if (err.kind != XC_ERR_CORRUPT || !strstr(err.msg, rows[i].says))
			fail_msg("%s: kind %d, %s", rows[i].catches, (int)err.kind, err.msg);
		assert_null(page.items);
	}
}

/* The XML of a page with so many objects. */
static void make_page(size_t count, struct xc_buf *ret_xml)
{
	xc_buf_add_str(ret_xml, "<ListBucketResult>");
	for (size_t i = 0; i < count; i++)
		xc_buf_addf(ret_xml, ITEM("k%zu", "%zu", TIME), i, i);
	xc_buf_add_str(ret_xml, "</ListBucketResult>");
}

static void a_page_has_a_ceiling(void **state)
{
	static const struct {
		size_t count;
		int result;
	} rows[] = { { 1000, 0 }, { 10000, 0 }, { 10001, -1 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_s3_page struct xc_s3_page page = XC_S3_PAGE_INIT;
		cleanup_buf struct xc_buf xml = XC_BUF_INIT;
		struct xc_err err;

		make_page(rows[i].count, &xml);
		assert_int_equal(list(xml.data, &page, &err), rows[i].result);
		if (rows[i].result < 0) {
			assert_int_equal(err.kind, XC_ERR_CORRUPT);
			continue;
		}
		assert_int_equal(page.count, rows[i].count);
		assert_int_equal(page.items[rows[i].count - 1].size_bytes, rows[i].count - 1);
	}
}

static void a_text_has_a_ceiling(void **state)
{
	static const struct {
		int length;
		int result;
	} rows[] = { { 65536, 0 }, { 65537, -1 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_s3_page struct xc_s3_page page = XC_S3_PAGE_INIT;
		cleanup_buf struct xc_buf xml = XC_BUF_INIT;
		struct xc_err err;

		xc_buf_addf(&xml, LIST(ITEM("%0*d", "1", TIME)), rows[i].length, 0);
		assert_int_equal(list(xml.data, &page, &err), rows[i].result);
		if (rows[i].result < 0)
			assert_non_null(strstr(err.msg, "65536"));
	}
}

static void pending_uploads_have_their_ids(void **state)
{
	static const char xml[] = DECLARATION
		"<ListMultipartUploadsResult" S3_NS "><Bucket>b</Bucket>"
		"<KeyMarker></KeyMarker><UploadIdMarker></UploadIdMarker>"
		"<NextKeyMarker>v1%2Fb+c</NextKeyMarker><NextUploadIdMarker>i+2</"
		"NextUploadIdMarker>"
		"<EncodingType>url</EncodingType><MaxUploads>2</MaxUploads>"
		"<IsTruncated>true</IsTruncated>"
		"<Upload><Key>v1/a</Key><UploadId>i+1</UploadId><Initiator><ID>x</ID></Initiator>"
		"<Initiated>2026-01-31T12:34:56.000Z</Initiated></Upload>"
		"<Upload><Key>v1/b+c</Key><UploadId>i+2</UploadId>"
		"<Initiated>2026-01-31T12:34:57Z</Initiated></Upload>"
		"</ListMultipartUploadsResult>";
	static const char last[] = "<ListMultipartUploadsResult><NextKeyMarker>k</NextKeyMarker>"
				   "<IsTruncated>false</IsTruncated></ListMultipartUploadsResult>";
	static const char bad[] = "<ListMultipartUploadsResult><Upload><Key>k</Key><UploadId/>"
				  "</Upload></ListMultipartUploadsResult>";
	cleanup_s3_pending_page struct xc_s3_pending_page page = { 0 }, end = { 0 }, none = { 0 };
	struct xc_err err;

	(void)state;
	assert_int_equal(xc_s3_xml_uploads(xml, strlen(xml), &page, &err), 0);
	assert_int_equal(page.count, 2);
	assert_string_equal(page.items[1].key, "v1/b c");
	assert_string_equal(page.items[1].upload_id, "i+2");
	assert_int_equal(page.items[1].initiated_ns, TIME_NS + 1000000000);
	assert_string_equal(page.next_key, "v1/b c");
	assert_string_equal(page.next_upload_id, "i+2");
	assert_int_equal(xc_s3_xml_uploads(last, strlen(last), &end, &err), 0);
	assert_null(end.next_key);
	assert_null(end.next_upload_id);
	assert_int_equal(xc_s3_xml_uploads(bad, strlen(bad), &none, &err), -1);
	assert_int_equal(err.kind, XC_ERR_CORRUPT);
}

/* Swift 2.30 leaves the markers of a page that is cut empty. */
static void uploads_without_markers_go_on_behind_the_last(void **state)
{
	static const char cut[] =
		"<ListMultipartUploadsResult><NextKeyMarker></NextKeyMarker><NextUploadIdMarker/>"
		"<IsTruncated>true</IsTruncated><Upload><Key>k</Key><UploadId>i</UploadId>"
		"<Initiated>" TIME "</Initiated></Upload></ListMultipartUploadsResult>";
	static const char empty[] = "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated>"
				    "</ListMultipartUploadsResult>";
	cleanup_s3_pending_page struct xc_s3_pending_page page = { 0 }, none = { 0 };
	struct xc_err err;

	(void)state;
	assert_int_equal(xc_s3_xml_uploads(cut, strlen(cut), &page, &err), 0);
	assert_string_equal(page.next_key, "k");
	assert_string_equal(page.next_upload_id, "i");
	assert_int_equal(xc_s3_xml_uploads(empty, strlen(empty), &none, &err), -1);
	assert_non_null(strstr(err.msg, "NextKeyMarker"));
}

static void errors_are_known_whatever_the_status(void **state)
{
	static const struct {
		const char *catches, *xml;
		bool is_error;
		struct xc_s3_error error;
	} rows[] = {
		{ "AWS",
		  DECLARATION "\n<Error><Code>NoSuchKey</Code><Message>The specified key does not "
			      "exist.</Message><Key>k</Key><RequestId>1</RequestId></Error>",
		  true,
		  { .code = "NoSuchKey", .message = "The specified key does not exist." } },
		{ "radosgw, with a namespace and without a message",
		  "<Error xmlns=\"x\"><Code>AccessDenied</Code><Message></Message></Error>",
		  true,
		  { .code = "AccessDenied" } },
		{ "STS, which wraps it",
		  "<ErrorResponse" STS_NS "><Error><Type>Sender</Type><Code>ExpiredTokenException"
		  "</Code><Message>Token expired</Message></Error></ErrorResponse>",
		  true,
		  { .code = "ExpiredTokenException", .message = "Token expired" } },
		{ "blanks that came while an upload was completed",
		  DECLARATION "\n   \n  \n<Error><Code>InternalError</Code></Error>",
		  true,
		  { .code = "InternalError" } },
		{ "the right region",
		  "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region>"
		  "</Error>",
		  true,
		  { .code = "AuthorizationHeaderMalformed", .region = "eu-west-1" } },
		{ "a redirect",
		  "<Error><Code>PermanentRedirect</Code>"
		  "<Endpoint>b.s3.eu-west-1.amazonaws.com</Endpoint></Error>",
		  true,
		  { .code = "PermanentRedirect", .endpoint = "b.s3.eu-west-1.amazonaws.com" } },
		{ "the server's clock",
		  "<Error><Code>RequestTimeTooSkewed</Code>"
		  "<ServerTime>2026-01-31T12:34:56Z</ServerTime></Error>",
		  true,
		  { .code = "RequestTimeTooSkewed", .server_time = "2026-01-31T12:34:56Z" } },
		{ "a region that leads to another host",
		  "<Error><Code>x</Code><Region>a.evil/</Region><Endpoint>u:p@evil</Endpoint>"
		  "</Error>",
		  true,
		  { .code = "x" } },
		{ "commands to whoever reads the log",
		  "<Error><Code>a&#10;::error</Code><Message>b&#13;&#10;c</Message></Error>",
		  true,
		  { .code = "Unknown", .message = "b\\x0d\\x0ac" } },
		{ "an answer that was cut",
		  "<Error><Code>SlowDown</Code><Message>Pl",
		  true,
		  { .code = "SlowDown" } },
		{ "an error without a code", "<Error/>", true, { .code = "Unknown" } },
		{ "success",
		  "<CompleteMultipartUploadResult><ETag>e</ETag>"
		  "</CompleteMultipartUploadResult>",
		  false,
		  { .code = "" } },
		{ "one object of many that was not deleted",
		  "<DeleteResult><Error><Code>AccessDenied</Code></Error></DeleteResult>",
		  false,
		  { .code = "" } },
		{ "nothing", "", false, { .code = "" } },
		{ "JSON", "{\"Error\": 1}", false, { .code = "" } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct xc_s3_error *expected = &rows[i].error;
		struct xc_s3_error error = { 0 };

		if (xc_s3_xml_error(rows[i].xml, strlen(rows[i].xml), &error) != rows[i].is_error)
			fail_msg("%s: error or not", rows[i].catches);
		if (strcmp(error.code, expected->code) != 0 ||
		    strcmp(error.message, expected->message) != 0 ||
		    strcmp(error.region, expected->region) != 0 ||
		    strcmp(error.endpoint, expected->endpoint) != 0 ||
		    strcmp(error.server_time, expected->server_time) != 0)
			fail_msg("%s: %s, %s, %s, %s, %s", rows[i].catches, error.code,
				 error.message, error.region, error.endpoint, error.server_time);
	}
}

#define CREATED(inside) "<InitiateMultipartUploadResult>" inside "</InitiateMultipartUploadResult>"

static void an_upload_has_its_id(void **state)
{
	static const char xml[] = DECLARATION
		"<InitiateMultipartUploadResult" S3_NS "><Bucket>b</Bucket><Key>UploadId</Key>"
		"<UploadId>2~a+/=</UploadId></InitiateMultipartUploadResult>";
	static const char *const wrong[] = {
		CREATED(""),
		CREATED("<UploadId/>"),
		CREATED("<x><UploadId>1</UploadId></x>"),
		"<x><UploadId>1</UploadId></x>",
		"<InitiateMultipartUploadResult><UploadId>1</UploadId>",
	};
	cleanup_free char *id = NULL;
	struct xc_err err;

	(void)state;
	assert_int_equal(xc_s3_xml_upload_id(xml, strlen(xml), &id, &err), 0);
	assert_string_equal(id, "2~a+/=");
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		char *none = NULL;

		if (xc_s3_xml_upload_id(wrong[i], strlen(wrong[i]), &none, &err) == 0)
			fail_msg("%s: %s", wrong[i], none);
		assert_int_equal(err.kind, XC_ERR_CORRUPT);
		assert_null(none);
	}
}

#define REFUSED(key, code)                                                                         \
	"<Error><Key>" key "</Key><Code>" code "</Code><Message>m</Message></Error>"

static void the_first_key_that_was_not_deleted_is_told(void **state)
{
	static const struct {
		const char *catches, *inside;
		enum xc_err_kind kind;
		const char *says;
	} rows[] = {
		{ "success", "", XC_ERR_NONE, NULL },
		{ "keys that were deleted, told without quiet mode",
		  "<Deleted><Key>k</Key></Deleted>", XC_ERR_NONE, NULL },
		{ "a lack of permission", REFUSED("a", "AccessDenied") REFUSED("b", "SlowDown"),
		  XC_ERR_AUTH, "cannot delete a: AccessDenied: m" },
		{ "what is worth another try", REFUSED("a", "SlowDown"), XC_ERR_TRANSIENT, "a" },
		{ "any other error", REFUSED("a", "Odd"), XC_ERR_IO, "Odd" },
		{ "an error behind one that does not count",
		  REFUSED("a", "NoSuchKey") REFUSED("b", "InternalError"), XC_ERR_TRANSIENT, "b" },
		{ "keys that are gone", REFUSED("a", "NoSuchKey"), XC_ERR_NONE, NULL },
		{ "texts of the error before", REFUSED("a", "NoSuchKey") "<Error/>", XC_ERR_IO,
		  "cannot delete : Unknown" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_free char *xml =
			xc_asprintf("<DeleteResult>%s</DeleteResult>", rows[i].inside);
		struct xc_err err = { 0 };
		int result = xc_s3_xml_deleted(xml, strlen(xml), &err);

		if (result != (rows[i].kind == XC_ERR_NONE ? 0 : -1) || err.kind != rows[i].kind ||
		    (rows[i].says && !strstr(err.msg, rows[i].says)))
			fail_msg("%s: kind %d, %s", rows[i].catches, (int)err.kind, err.msg);
	}
}

static void an_element_is_found_by_its_name(void **state)
{
	static const char xml[] =
		"<AssumeRoleWithWebIdentityResponse" STS_NS "><AssumeRoleWithWebIdentityResult>"
		"<SubjectFromWebIdentityToken>repo</SubjectFromWebIdentityToken>"
		"<Credentials><AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>s/+&amp;</"
		"SecretAccessKey><SessionToken>t</SessionToken>"
		"<Expiration>2026-01-31T12:34:56Z</Expiration></Credentials>"
		"</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>";
	cleanup_free char *secret = xc_s3_xml_text(xml, strlen(xml), "SecretAccessKey");
	cleanup_free char *first = xc_s3_xml_text("<x><a>1</a><a>2</a></x>", 23, "a");
	cleanup_free char *empty = xc_s3_xml_text("<x><a/></x>", 11, "a");

	(void)state;
	assert_string_equal(secret, "s/+&");
	assert_string_equal(first, "1");
	assert_string_equal(empty, "");
	assert_null(xc_s3_xml_text(xml, strlen(xml), "Secret"));
	/* A token that is cut must not be used. */
	assert_null(xc_s3_xml_text(xml, strlen(xml) - 1, "SessionToken"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_has_its_objects),
		cmocka_unit_test(a_page_may_be_empty),
		cmocka_unit_test(what_is_no_page_is_corrupt),
		cmocka_unit_test(a_page_has_a_ceiling),
		cmocka_unit_test(a_text_has_a_ceiling),
		cmocka_unit_test(pending_uploads_have_their_ids),
		cmocka_unit_test(uploads_without_markers_go_on_behind_the_last),
		cmocka_unit_test(errors_are_known_whatever_the_status),
		cmocka_unit_test(an_upload_has_its_id),
		cmocka_unit_test(the_first_key_that_was_not_deleted_is_told),
		cmocka_unit_test(an_element_is_found_by_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
