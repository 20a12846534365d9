/* SPDX-License-Identifier: Apache-2.0 */
/* Writing when answers get lost, and reading from servers that send something else. */
#include "s3_scene.h"

#include "base/hash.h"
#include "store/s3/internal.h"

#define CREATED                                                                                    \
	"<InitiateMultipartUploadResult><UploadId>id/+1</UploadId>"                                \
	"</InitiateMultipartUploadResult>"
#define COMPLETE                                                                                   \
	"<CompleteMultipartUploadResult><ETag>\"x\"</ETag>"                                        \
	"</CompleteMultipartUploadResult>"
#define IS_THERE                                                                                   \
	{                                                                                          \
		.path = "PUT", .status = 412, .text = ERROR_XML("PreconditionFailed", "")          \
	}

static int put(struct xc_s3 *s3, const char *text, struct xc_err *err)
{
	return xc_s3_put(s3, "k", text, strlen(text), true, err);
}

static void a_put_keeps_its_condition(void **state)
{
	static const struct {
		const char *name;
		struct server_step steps[4];
		enum xc_err_kind kind;
		unsigned requests;
	} rows[] = {
		{ "there is none", { { .path = "PUT" } }, XC_ERR_NONE, 1 },
		{ "another's", { IS_THERE, { .path = "GET", .text = "other" } }, XC_ERR_EXISTS, 2 },
		{ "its beginning",
		  { IS_THERE, { .path = "GET", .text = "min" } },
		  XC_ERR_EXISTS,
		  2 },
		{ "longer", { IS_THERE, { .path = "GET", .text = "mine and" } }, XC_ERR_EXISTS, 2 },
		{ "gone again",
		  { IS_THERE,
		    { .path = "GET", .status = 404, .text = ERROR_XML("NoSuchKey", "") } },
		  XC_ERR_EXISTS,
		  2 },
		/* The first one arrived, but its answer did not. */
		{ "lost answer",
		  { { .path = "PUT", .deed = SERVER_CLOSE },
		    IS_THERE,
		    { .path = "GET", .text = "mine" } },
		  XC_ERR_NONE,
		  3 },
		{ "lost answer, other winner",
		  { { .path = "PUT", .deed = SERVER_CLOSE },
		    IS_THERE,
		    { .path = "GET", .text = "them" } },
		  XC_ERR_EXISTS,
		  3 },
		{ "5xx, but written",
		  { { .path = "PUT", .status = 500, .text = "" },
		    IS_THERE,
		    { .path = "GET", .text = "mine" } },
		  XC_ERR_NONE,
		  3 },
		{ "at the same time",
		  { { .path = "PUT",
		      .status = 409,
		      .text = ERROR_XML("ConditionalRequestConflict", "") } },
		  XC_ERR_NONE,
		  2 },
		{ "refused",
		  { { .path = "PUT", .status = 403, .text = ERROR_XML("AccessDenied", "") } },
		  XC_ERR_AUTH,
		  1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct s3_scene scene = s3_open(rows[i].steps, 4);
		struct xc_err err;
		int result;

		/* Steps that are not filled in answer anything with 200. */
		result = put(scene.s3, "mine", &err);
		if ((result == 0) != (rows[i].kind == XC_ERR_NONE))
			print_message("%s:\n", rows[i].name);
		expect(result, &err, rows[i].kind, "s3://bucket/k");
		if (rows[i].kind == XC_ERR_AUTH)
			expect(result, &err, rows[i].kind, "s3:PutObject");
		assert_int_equal(s3_stop(&scene), rows[i].requests);
		expect_head(&scene, 0, "If-None-Match: *");
		expect_head(&scene, 0, "if-none-match;"); /* signed */
		s3_close(&scene);
	}
}

static void a_server_without_conditions_is_told_none_again(void **state)
{
	static const struct server_step steps[] = {
		{ .path = "PUT", .status = 501, .text = ERROR_XML("NotImplemented", "") },
		{ .path = "HEAD", .status = 404, .text = "" },
	};
	struct s3_scene scene = s3_open(steps, ARRAY_LEN(steps));
	struct xc_err err;

	(void)state;
	expect(put(scene.s3, "mine", &err), &err, XC_ERR_NONE, "");
	/* Now it is there, and the server is not asked for what it does not know. */
	expect(put(scene.s3, "mine", &err), &err, XC_ERR_EXISTS, "already");
	assert_int_equal(s3_stop(&scene), 4);
	expect_head(&scene, 2, "PUT ");
	expect_no_head(&scene, 2, "if-none-match");
	expect_head(&scene, 3, "HEAD ");
	s3_close(&scene);
}

/* A 400 may be about the condition, which is seen when the object goes through without it. */
static void a_condition_called_invalid_is_looked_at_instead(void **state)
{
	static const struct {
		const char *name;
		struct server_step steps[3];
		enum xc_err_kind kind;
		const char *part;
		unsigned requests;
	} rows[] = {
		{ "unknown condition",
		  { { .path = "PUT", .status = 400, .text = ERROR_XML("InvalidArgument", "") },
		    { .path = "HEAD", .status = 404, .text = "" } },
		  XC_ERR_NONE,
		  "",
		  3 },
		{ "taken",
		  { { .path = "PUT", .status = 400, .text = ERROR_XML("InvalidArgument", "") },
		    { .path = "HEAD", .text = "" } },
		  XC_ERR_EXISTS,
		  "already",
		  2 },
		{ "another fault",
		  { { .path = "PUT", .status = 400, .text = ERROR_XML("InvalidArgument", "") },
		    { .path = "HEAD", .status = 404, .text = "" },
		    { .path = "PUT", .status = 400, .text = ERROR_XML("InvalidArgument", "") } },
		  XC_ERR_IO,
		  "InvalidArgument",
		  3 },
		{ "a 400 about the object",
		  { { .path = "PUT", .status = 400, .text = ERROR_XML("KeyTooLongError", "") } },
		  XC_ERR_IO,
		  "KeyTooLongError",
		  1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct s3_scene scene = s3_open(rows[i].steps, ARRAY_LEN(rows[i].steps));
		struct xc_err err;

		expect(put(scene.s3, "mine", &err), &err, rows[i].kind, rows[i].part);
		assert_int_equal(s3_stop(&scene), rows[i].requests);
		s3_close(&scene);
	}
}

static void writes_have_the_headers_of_the_options(void **state)
{
	const struct xc_s3_opts opts = {
		.encryption = "aws:kms",
		.kms_key = "key-1",
		.storage_class = "STANDARD_IA",
		.bucket_owner = "123456789012",
		.requester_pays = true,
		.checksums = 1,
	};
	static const char *const of_writes[] = {
		"x-amz-server-side-encryption: aws:kms",
		"x-amz-server-side-encryption-aws-kms-key-id: key-1",
		"x-amz-storage-class: STANDARD_IA",
		/* SHA-256 of "abc" (FIPS 180-4, example) */
		"x-amz-checksum-sha256: ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
	};
	static const char *const of_all[] = {
		"x-amz-expected-bucket-owner: 123456789012",
		"x-amz-request-payer: requester",
	};
	struct s3_scene scene = s3_open_with(NULL, 0, opts);
	struct xc_err err;

	(void)state;
	expect(xc_s3_put(scene.s3, "k", "abc", 3, false, &err), &err, XC_ERR_NONE, "");
	expect(s3_get(scene.s3, "k", &err), &err, XC_ERR_NONE, "");
	s3_stop(&scene);
	for (size_t i = 0; i < ARRAY_LEN(of_writes); i++)
		expect_head(&scene, 0, of_writes[i]);
	expect_head(&scene, 0,
		    "x-amz-content-sha256: "
		    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	expect_no_head(&scene, 0, "if-none-match");
	for (size_t i = 0; i < ARRAY_LEN(of_all); i++) {
		expect_head(&scene, 0, of_all[i]);
		expect_head(&scene, 1, of_all[i]);
	}
	expect_no_head(&scene, 1, "server-side-encryption");
	s3_close(&scene);
}

static void a_range_has_the_bytes_that_were_asked_for(void **state)
{
	static const struct {
		struct server_step step;
		uint64_t offset;
		enum xc_err_kind kind;
		const char *part;
		unsigned requests;
	} rows[] = {
		{ { .status = 206, .headers = "Content-Range: bytes 4-7/8\r\n" },
		  4,
		  XC_ERR_NONE,
		  "",
		  1 },
		{ { .status = 206, .headers = "Content-Range: bytes 4-7/*\r\n" },
		  4,
		  XC_ERR_NONE,
		  "",
		  1 },
		/* Other bytes than those asked for: perhaps an accident on the way. */
		{ { .status = 206, .headers = "Content-Range: bytes 0-3/8\r\n" },
		  4,
		  XC_ERR_CORRUPT,
		  "instead of 4 bytes from 4",
		  3 },
		{ { .status = 206, .headers = "Content-Range: bytes 4-8/9\r\n" },
		  4,
		  XC_ERR_CORRUPT,
		  "instead of",
		  3 },
		{ { .status = 206 }, 4, XC_ERR_CORRUPT, "which range", 3 },
		{ { .status = 206, .headers = "Content-Range: lines 4-7/8\r\n" },
		  4,
		  XC_ERR_CORRUPT,
		  "lines 4-7/8",
		  3 },
		{ { .status = 206, .headers = "Content-Range: bytes 4-7\r\n" },
		  4,
		  XC_ERR_CORRUPT,
		  "bytes 4-7",
		  3 },
		{ { .status = 206, .headers = "Content-Range: bytes 4-5/6\r\n", .text = "go" },
		  4,
		  XC_ERR_CORRUPT,
		  "ends before",
		  1 },
		/* Right, but not all of it came: a matter of luck. */
		{ { .status = 206, .headers = "Content-Range: bytes 4-7/8\r\n", .text = "go" },
		  4,
		  XC_ERR_TRANSIENT,
		  "2 bytes",
		  4 },
		/* Servers that know no ranges. */
		{ { .status = 200, .text = "good" }, 0, XC_ERR_NONE, "", 1 },
		{ { .status = 200, .text = "good" }, 4, XC_ERR_IO, "does not send ranges", 1 },
		{ { .status = 200, .text = "good and long" },
		  0,
		  XC_ERR_IO,
		  "does not send ranges",
		  1 },
		{ { .status = 416, .text = ERROR_XML("InvalidRange", "") },
		  4,
		  XC_ERR_CORRUPT,
		  "ends before",
		  1 },
		{ { .status = 404, .text = ERROR_XML("NoSuchKey", "") },
		  4,
		  XC_ERR_NOT_FOUND,
		  "s3://bucket/k",
		  1 },
		{ { .status = 200 }, UINT64_MAX - 2, XC_ERR_CORRUPT, "s3://bucket/k", 0 },
		{ { .status = 200 }, INT64_MAX, XC_ERR_CORRUPT, "s3://bucket/k", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct server_step step = rows[i].step;
		struct s3_scene scene;
		struct xc_err err;
		char buffer[4];
		int result;

		step.times = ALWAYS;
		step.text = step.text ? step.text : "good";
		scene = s3_open(&step, 1);
		result = s3_read(scene.s3, "k", rows[i].offset, buffer, 4, &err);
		expect(result, &err, rows[i].kind, rows[i].part);
		if (result == 0)
			assert_memory_equal(buffer, "good", 4);
		assert_int_equal(s3_stop(&scene), rows[i].requests);
		if (rows[i].offset == 4)
			expect_head(&scene, 0, "Range: bytes=4-7\r\n");
		s3_close(&scene);
	}
}

#define RANGE(etag)                                                                                \
	{                                                                                          \
		.path = "GET", .status = 206, .text = "good",                                      \
		.headers = "Content-Range: bytes 4-7/8\r\nETag: " etag "\r\n"                      \
	}

static void an_object_replaced_between_ranges_is_not_mixed(void **state)
{
	static const struct server_step steps[] = {
		RANGE("\"1\""),
		RANGE("\"1\""),
		RANGE("\"2\""),
		/* The one that is there now may be read from its start. */
		RANGE("\"2\""),
		{ .path = "GET", .status = 412, .text = "" },
		RANGE("\"3\""),
		/* What we wrote ourselves surprises nobody. */
		{ .path = "PUT" },
		RANGE("\"4\""),
	};
	struct s3_scene scene = s3_open(steps, ARRAY_LEN(steps));
	struct xc_err err;
	char buffer[4];

	(void)state;
	expect(s3_read(scene.s3, "k", 4, buffer, 4, &err), &err, XC_ERR_NONE, "");
	expect(s3_read(scene.s3, "k", 4, buffer, 4, &err), &err, XC_ERR_NONE, "");
	expect(s3_read(scene.s3, "k", 4, buffer, 4, &err), &err, XC_ERR_CORRUPT, "replaced");
	expect(s3_read(scene.s3, "k", 4, buffer, 4, &err), &err, XC_ERR_NONE, "");
	expect(s3_read(scene.s3, "k", 4, buffer, 4, &err), &err, XC_ERR_CORRUPT, "replaced");
	expect(s3_read(scene.s3, "k", 4, buffer, 4, &err), &err, XC_ERR_NONE, "");
	expect(xc_s3_put(scene.s3, "k", "x", 1, false, &err), &err, XC_ERR_NONE, "");
	expect(s3_read(scene.s3, "k", 4, buffer, 4, &err), &err, XC_ERR_NONE, "");
	assert_int_equal(s3_stop(&scene), 8);
	expect_no_head(&scene, 0, "if-match");
	expect_head(&scene, 1, "If-Match: \"1\"\r\n");
	expect_no_head(&scene, 3, "if-match");
	expect_head(&scene, 4, "If-Match: \"2\"\r\n");
	expect_no_head(&scene, 7, "if-match");
	s3_close(&scene);
}

/* An ETag that could end the header line, or says nothing of bytes, is not sent back. */
static void odd_etags_are_not_sent_back(void **state)
{
	static const struct server_step steps[] = { RANGE("W/\"1\""), RANGE("\"a b\""),
						    RANGE("W/\"2\""), RANGE("") };
	struct s3_scene scene = s3_open(steps, ARRAY_LEN(steps));
	struct xc_err err;
	char buffer[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		expect(s3_read(scene.s3, "k", 4, buffer, 4, &err), &err, XC_ERR_NONE, "");
	s3_stop(&scene);
	for (unsigned i = 0; i < 4; i++)
		expect_no_head(&scene, i, "if-match");
	s3_close(&scene);
}

static void an_upload_completes_or_says_why_not(void **state)
{
	static const struct {
		const char *name;
		struct server_step steps[4];
		enum xc_err_kind kind;
		const char *part;
	} rows[] = {
		{ "done", { { .path = "POST", .text = COMPLETE } }, XC_ERR_NONE, "" },
		{ "an error behind 200",
		  { { .path = "POST", .text = ERROR_XML("InternalError", "") },
		    { .path = "POST", .text = COMPLETE } },
		  XC_ERR_NONE,
		  "" },
		{ "errors behind 200 only",
		  { { .path = "POST", .text = ERROR_XML("InternalError", ""), .times = ALWAYS },
		    { .path = "HEAD", .status = 404, .text = "" } },
		  XC_ERR_TRANSIENT,
		  "InternalError" },
		/* Blanks came while the server thought, and then the connection broke. */
		{ "lost answer",
		  { { .path = "POST",
		      .deed = SERVER_TRUNCATE,
		      .text = "     " COMPLETE,
		      .body_sent = 3 },
		    { .path = "POST", .status = 404, .text = ERROR_XML("NoSuchUpload", "") },
		    { .path = "HEAD", .text = "seven b" } },
		  XC_ERR_NONE,
		  "" },
		{ "lost, and another's is there",
		  { { .path = "POST", .deed = SERVER_CLOSE },
		    { .path = "POST", .status = 404, .text = ERROR_XML("NoSuchUpload", "") },
		    { .path = "HEAD", .text = "six by" } },
		  XC_ERR_IO,
		  "NoSuchUpload" },
		{ "aborted by another",
		  { { .path = "POST", .status = 404, .text = ERROR_XML("NoSuchUpload", "") },
		    { .path = "HEAD", .status = 404, .text = "" } },
		  XC_ERR_IO,
		  "NoSuchUpload" },
		{ "a part is not there",
		  { { .path = "POST", .status = 400, .text = ERROR_XML("InvalidPart", "") } },
		  XC_ERR_IO,
		  "InvalidPart" },
	};
	static const struct xc_s3_completed part = { .etag = "\"<&>\"" };
	static const struct xc_s3_upload upload = {
		.key = "k",
		.upload_id = "id/+1",
		.parts = &part,
		.count = 1,
		.total_bytes = 7,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct s3_scene scene = s3_open(rows[i].steps, 4);
		struct xc_err err;
		int result = xc_s3_upload_complete(scene.s3, &upload, &err);

		if ((result == 0) != (rows[i].kind == XC_ERR_NONE))
			print_message("%s:\n", rows[i].name);
		expect(result, &err, rows[i].kind, rows[i].part);
		s3_stop(&scene);
		expect_head(&scene, 0, "POST /bucket/k?uploadId=id%2F%2B1 ");
		s3_close(&scene);
	}
}

static void what_is_gone_counts_as_removed(void **state)
{
	static const struct server_step steps[] = {
		{ .path = "DELETE /bucket/k ", .status = 404, .text = ERROR_XML("NoSuchKey", "") },
		{ .path = "uploadId", .status = 404, .text = ERROR_XML("NoSuchUpload", "") },
		{ .path = "DELETE /bucket/d ",
		  .status = 403,
		  .text = ERROR_XML("AccessDenied", "") },
		/* Swift's type. */
		{ .path = "?delete=",
		  .headers = "Content-Type: text/html; charset=UTF-8\r\n",
		  .text = "<?xml version='1.0' encoding='UTF-8'?>\n<DeleteResult/>" },
		{ .path = "?delete=",
		  .text = "<DeleteResult><Error><Key>a</Key><Code>AccessDenied"
			  "</Code></Error></DeleteResult>" },
	};
	struct s3_scene scene = s3_open(steps, ARRAY_LEN(steps));
	struct xc_strlist keys = XC_STRLIST_INIT;
	struct xc_err err;

	(void)state;
	expect(xc_s3_delete(scene.s3, "k", &err), &err, XC_ERR_NONE, "");
	expect(xc_s3_upload_abort(scene.s3, "k", "id", &err), &err, XC_ERR_NONE, "");
	expect(xc_s3_delete(scene.s3, "d", &err), &err, XC_ERR_AUTH, "s3:DeleteObject");
	xc_strlist_add(&keys, "a&b<c>");
	expect(xc_s3_delete_many(scene.s3, &keys, &err), &err, XC_ERR_NONE, "");
	/* XML cannot say this one; it goes alone. */
	xc_strlist_add(&keys, "x\xff");
	expect(xc_s3_delete_many(scene.s3, &keys, &err), &err, XC_ERR_AUTH, "");
	xc_strlist_release(&keys);
	s3_stop(&scene);
	expect_head(&scene, 3, "Content-MD5: ");
	expect_head(&scene, 5, "DELETE /bucket/x%FF ");
	s3_close(&scene);
}

/* Servers without DeleteObjects, each in its words; what else is wrong is told as it is. */
static void many_are_deleted_one_by_one_where_there_is_no_request_for_it(void **state)
{
	static const struct server_step refusals[] = {
		{ .path = "?delete=", .status = 501, .text = ERROR_XML("NotImplemented", "") },
		{ .path = "?delete=", .status = 400, .text = ERROR_XML("InvalidRequest", "") },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		const struct server_step steps[] = {
			refusals[i],
			{ .path = "DELETE /bucket/gone ",
			  .status = 404,
			  .text = ERROR_XML("NoSuchKey", "") },
			{ .path = "DELETE /bucket/kept ",
			  .status = 403,
			  .text = ERROR_XML("AccessDenied", "") },
		};
		struct s3_scene scene = s3_open(steps, ARRAY_LEN(steps));
		struct xc_strlist keys = XC_STRLIST_INIT;
		struct xc_err err;

		xc_strlist_add(&keys, "a");
		xc_strlist_add(&keys, "b");
		xc_strlist_add(&keys, "gone");
		expect(xc_s3_delete_many(scene.s3, &keys, &err), &err, XC_ERR_NONE, "");
		/* The server is not asked again for what it does not have. */
		xc_strlist_add(&keys, "kept");
		expect(xc_s3_delete_many(scene.s3, &keys, &err), &err, XC_ERR_AUTH, "bucket/kept");
		xc_strlist_release(&keys);
		s3_stop(&scene);
		assert_int_equal(scene.server->seen_count, 1 + 3 + 4);
		for (unsigned seen = 1; seen < scene.server->seen_count; seen++)
			assert_memory_equal(scene.server->seen[seen].line, "DELETE ", 7);
		s3_close(&scene);
	}
}

static struct xc_store *open_store(struct server *server, const char *options)
{
	cleanup_free char *url = xc_asprintf(
		"s3://bucket/p?endpoint=http://127.0.0.1:%u&region=r-1%s", server->port, options);
	static const struct xc_store_setting settings[] = {
		{ "access-key-id", KEY_ID },
		{ "secret-access-key", SECRET },
	};
	static const struct xc_store_opts opts = {
		.settings = settings,
		.setting_count = ARRAY_LEN(settings),
	};
	struct xc_store *store;
	struct xc_err err;

	if (xc_store_open(url, &opts, &store, &err) < 0)
		fail_msg("%s", err.msg);
	return store;
}

static void a_thousand_objects_go_in_one_request(void **state)
{
	static const struct server_step step = {
		.path = "?delete=", .text = "<DeleteResult/>", .times = UINT32_MAX
	};
	struct server *server = server_start(&step, 1);
	struct xc_strlist names = XC_STRLIST_INIT;
	struct xc_store *store = open_store(server, "");
	struct xc_err err;

	(void)state;
	for (int i = 0; i < 2001; i++)
		xc_strlist_take(&names, xc_asprintf("n/%d", i));
	expect(xc_store_remove_many(store, &names, &err), &err, XC_ERR_NONE, "");
	xc_strlist_release(&names);
	xc_store_close(store);
	server_stop(server);
	assert_int_equal(server->seen_count, 3);
	server_free(server);
}

static struct xc_upload *fill_upload(struct xc_store *store, size_t mib, int *ret_result,
				     struct xc_err *err)
{
	cleanup_free char *block = xc_calloc(1, (size_t)1 << 20);
	struct xc_upload *upload;

	expect(xc_store_upload_begin(store, "k", &upload, err), err, XC_ERR_NONE, "");
	*ret_result = 0;
	while (mib-- > 0 && *ret_result == 0)
		*ret_result = xc_store_upload_append(upload, block, (size_t)1 << 20, err);
	return upload;
}

static unsigned count_seen(const struct server *server, const char *part)
{
	unsigned count = 0;

	for (unsigned i = 0; i < server->seen_count; i++)
		count += strstr(server->seen[i].line, part) != NULL;
	return count;
}

#define PART_STEP                                                                                  \
	{                                                                                          \
		.path = "partNumber", .headers = "ETag: \"e\"\r\n", .times = ALWAYS                \
	}

static void an_upload_has_parts_of_the_right_size(void **state)
{
	static const struct {
		size_t mib;
		unsigned parts;
	} rows[] = { { 0, 0 }, { 3, 0 }, { 5, 0 }, { 6, 2 }, { 10, 2 }, { 32, 7 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		static const struct server_step steps[] = {
			{ .path = "?uploads=", .text = CREATED },
			PART_STEP,
			{ .path = "POST /bucket/p/k?uploadId", .text = COMPLETE },
		};
		struct server *server = server_start(steps, ARRAY_LEN(steps));
		struct xc_store *store = open_store(server, "&part-size=5");
		struct xc_err err;
		int result;
		struct xc_upload *upload = fill_upload(store, rows[i].mib, &result, &err);

		expect(result, &err, XC_ERR_NONE, "");
		expect(xc_store_upload_commit(upload, &err), &err, XC_ERR_NONE, "");
		xc_store_close(store);
		server_stop(server);
		assert_int_equal(count_seen(server, "partNumber"), rows[i].parts);
		assert_int_equal(count_seen(server, "PUT /bucket/p/k HTTP"), rows[i].parts == 0);
		assert_int_equal(count_seen(server, "DELETE"), 0);
		server_free(server);
	}
}

/* A part that is refused ends the upload early, and what went there is taken back. */
static void a_part_that_fails_ends_the_upload(void **state)
{
	static const struct server_step steps[] = {
		{ .path = "?uploads=", .text = CREATED },
		{ .path = "partNumber=2&", .status = 403, .text = ERROR_XML("AccessDenied", "") },
		{ .path = "partNumber",
		  .headers = "ETag: \"e\"\r\n",
		  .after_status = 403,
		  .times = ALWAYS },
	};
	struct server *server = server_start(steps, ARRAY_LEN(steps));
	struct xc_store *store = open_store(server, "&part-size=5");
	struct xc_upload *upload;
	struct xc_err err;
	int result;

	(void)state;
	upload = fill_upload(store, 200, &result, &err);
	expect(result, &err, XC_ERR_AUTH, "s3:PutObject");
	xc_store_upload_abort(upload);
	xc_store_close(store);
	server_stop(server);
	assert_true(count_seen(server, "partNumber") < 10);
	assert_int_equal(count_seen(server, "DELETE /bucket/p/k?uploadId=id%2F%2B1 "), 1);
	assert_int_equal(count_seen(server, "POST /bucket/p/k?uploadId"), 0);
	server_free(server);
}

static void a_list_without_end_is_given_up(void **state)
{
	static const struct server_step step = {
		.text = "<ListBucketResult><IsTruncated>true</IsTruncated>"
			"<NextContinuationToken>a+b/c=</NextContinuationToken>"
			"<EncodingType>url</EncodingType></ListBucketResult>",
		.times = ALWAYS,
	};
	struct server *server = server_start(&step, 1);
	struct xc_store *store = open_store(server, "");
	struct xc_err err;

	(void)state;
	expect(xc_store_list(store, "x", NULL, NULL, &err), &err, XC_ERR_CORRUPT, "no end");
	xc_store_close(store);
	server_stop(server);
	assert_int_equal(server->seen_count, 2);
	assert_int_equal(count_seen(server, "continuation-token=a%2Bb%2Fc%3D"), 1);
	/* As AWS's SDKs write it. */
	assert_int_equal(count_seen(server, "GET /bucket?"), 2);
	server_free(server);
}

static char *make_page(unsigned number)
{
	cleanup_buf struct xc_buf page = XC_BUF_INIT;

	xc_buf_addf(&page,
		    "<ListBucketResult><IsTruncated>true</IsTruncated>"
		    "<NextContinuationToken>%u</NextContinuationToken>",
		    number);
	for (unsigned i = 0; i < 10000; i++)
		xc_buf_add_str(&page,
			       "<Contents><Key>p/x</Key><Size>1</Size>"
			       "<LastModified>2026-01-01T00:00:00Z</LastModified></Contents>");
	xc_buf_add_str(&page, "</ListBucketResult>");
	return xc_buf_steal(&page);
}

static int count_found(const struct xc_store_object *object, void *context, struct xc_err *err)
{
	size_t *count = context;

	(void)object;
	(void)err;
	++*count;
	return 0;
}

/* The store has no limit of its own: those who keep what they are told have one. */
static void a_million_objects_are_listed(void **state)
{
	enum { PAGES = 110 };
	char *pages[] = { make_page(0), make_page(1) };
	struct server_step steps[PAGES + 1] = { 0 };
	struct server *server;
	struct xc_store *store;
	size_t count = 0;
	struct xc_err err;

	(void)state;
	for (unsigned i = 0; i < PAGES; i++)
		steps[i].text = pages[i % 2];
	steps[PAGES].text = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
	server = server_start(steps, PAGES + 1);
	store = open_store(server, "");
	expect(xc_store_list(store, "x", count_found, &count, &err), &err, XC_ERR_NONE, "");
	assert_int_equal(count, PAGES * 10000);
	xc_store_close(store);
	server_stop(server);
	server_free(server);
	free(pages[0]);
	free(pages[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_put_keeps_its_condition),
		cmocka_unit_test(a_server_without_conditions_is_told_none_again),
		cmocka_unit_test(a_condition_called_invalid_is_looked_at_instead),
		cmocka_unit_test(writes_have_the_headers_of_the_options),
		cmocka_unit_test(a_range_has_the_bytes_that_were_asked_for),
		cmocka_unit_test(an_object_replaced_between_ranges_is_not_mixed),
		cmocka_unit_test(odd_etags_are_not_sent_back),
		cmocka_unit_test(an_upload_completes_or_says_why_not),
		cmocka_unit_test(what_is_gone_counts_as_removed),
		cmocka_unit_test(many_are_deleted_one_by_one_where_there_is_no_request_for_it),
		cmocka_unit_test(a_thousand_objects_go_in_one_request),
		cmocka_unit_test(an_upload_has_parts_of_the_right_size),
		cmocka_unit_test(a_part_that_fails_ends_the_upload),
		cmocka_unit_test(a_list_without_end_is_given_up),
		cmocka_unit_test(a_million_objects_are_listed),
	};

	return cmocka_run_group_tests_name("objects in S3", tests, NULL, NULL);
}
