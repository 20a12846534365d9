/* SPDX-License-Identifier: Apache-2.0 */
/* What the S3 client makes of answers: which are repaired, repeated, believed, and what is said. */
#include "s3_scene.h"

#include <sys/stat.h>

#define HTML "Content-Type: text/html; charset=utf-8\r\n"
#define PAGE "<html><body>Sign in</body></html>"

/* A 403 taken for a miss, a miss for an error, a wait for what will not change. */
static void answers_become_errors_of_their_kind(void **state)
{
	static const struct {
		int status;
		const char *headers, *body;
		enum xc_err_kind kind;
		const char *part;
		unsigned requests;
	} rows[] = {
		{ 404, NULL, ERROR_XML("NoSuchKey", ""), XC_ERR_NOT_FOUND, "s3://bucket/a/key", 1 },
		{ 404, NULL, "", XC_ERR_IO, "404", 1 },
		{ 404, NULL, "<html>nothing here</html>", XC_ERR_IO, "404", 1 },
		{ 404, NULL, ERROR_XML("NoSuchBucket", ""), XC_ERR_IO,
		  "no bucket bucket at http://127.0.0.1", 1 },
		{ 403, NULL, ERROR_XML("AccessDenied", ""), XC_ERR_AUTH, "s3:GetObject", 1 },
		{ 403, NULL, ERROR_XML("AccessDenied", ""), XC_ERR_AUTH, "s3:ListBucket", 1 },
		{ 403, NULL, "", XC_ERR_AUTH, "cannot read s3://bucket/a/key", 1 },
		{ 401, NULL, "", XC_ERR_AUTH, "401", 1 },
		{ 403, NULL, ERROR_XML("Unheard", ""), XC_ERR_AUTH, "Unheard", 1 },
		{ 403, NULL, ERROR_XML("InvalidAccessKeyId", ""), XC_ERR_AUTH,
		  "does not know the access key", 1 },
		{ 403, NULL, ERROR_XML("SignatureDoesNotMatch", ""), XC_ERR_AUTH,
		  "a reverse proxy in front of the server changes the Host header", 1 },
		{ 403, NULL, ERROR_XML("InvalidObjectState", ""), XC_ERR_IO, "archive", 1 },
		{ 400, NULL, "<Error><Code>::odd</Code><Message>a\\b</Message></Error>", XC_ERR_IO,
		  "400 Unknown: a\\x5cb", 1 },
		{ 413, NULL, PAGE, XC_ERR_IO, "client_max_body_size", 1 },
		{ 400, NULL, ERROR_XML("EntityTooLarge", ""), XC_ERR_IO, "part-size", 1 },
		{ 401, HTML, PAGE, XC_ERR_IO, "asks for a password (401)", 1 },
		{ 401, "WWW-Authenticate: Basic realm=\"x\"\r\n", "", XC_ERR_IO,
		  "asks for a password (401)", 1 },
		{ 403, HTML, PAGE, XC_ERR_IO, "not about your S3 credentials", 1 },
		{ 403, NULL, "blocked by policy 17", XC_ERR_IO, "not about your S3 credentials",
		  1 },
		{ 407, NULL, "", XC_ERR_IO, "the proxy asks for a password (407)", 1 },
		{ 405, HTML, PAGE, XC_ERR_IO, "does not look like S3", 1 },
		{ 200, HTML, PAGE, XC_ERR_IO, "does not look like S3", 1 },
		{ 200, NULL, " \n<!DOCTYPE html><p>Sign in", XC_ERR_IO, "does not look like S3",
		  1 },
		{ 200, NULL, "<?xml version='1.0'?>\n<html>Sign in</html>", XC_ERR_IO,
		  "does not look like S3", 1 },
		{ 503, NULL, ERROR_XML("SlowDown", ""), XC_ERR_TRANSIENT, "SlowDown", 4 },
		{ 500, NULL, "", XC_ERR_TRANSIENT, "500", 4 },
		{ 400, NULL, ERROR_XML("RequestTimeout", ""), XC_ERR_TRANSIENT, "RequestTimeout",
		  4 },
		{ 400, "x-amz-request-id: ID17\r\n", ERROR_XML("InvalidThing", ""), XC_ERR_IO,
		  "the words of the server (request ID17)", 1 },
		{ 301, "Location: http://127.0.0.1:1/elsewhere\r\n", "", XC_ERR_IO,
		  "redirects (301)", 1 },
		{ 302, "Location: http://127.0.0.1:1/elsewhere\r\n", PAGE, XC_ERR_IO,
		  "redirects (302)", 1 },
		{ 307, NULL, ERROR_XML("TemporaryRedirect", "<Endpoint>evil.example</Endpoint>"),
		  XC_ERR_IO, "check the endpoint and the region", 1 },
		{ 501, NULL, ERROR_XML("NotImplemented", ""), XC_ERR_IO, "NotImplemented", 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct server_step step = {
			.status = rows[i].status,
			.headers = rows[i].headers,
			.text = rows[i].body,
			.times = ALWAYS,
		};
		struct s3_scene scene = s3_open(&step, 1);
		struct xc_err err;

		expect(s3_get(scene.s3, "a/key", &err), &err, rows[i].kind, rows[i].part);
		assert_int_equal(err.http, rows[i].status);
		assert_int_equal(s3_stop(&scene), rows[i].requests);
		s3_close(&scene);
	}
}

/* Whatever is asked: a page is no object, no listing, and nothing was written or removed. */
static void a_web_page_is_no_answer_of_s3(void **state)
{
	static const struct server_step step = { .headers = HTML, .text = PAGE, .times = ALWAYS };
	struct s3_scene scene = s3_open(&step, 1);
	cleanup_s3_page struct xc_s3_page page = XC_S3_PAGE_INIT;
	cleanup_free char *upload = NULL;
	static const char part[] = "does not look like S3";
	struct xc_s3_head head;
	char room[100];
	struct xc_err err;

	(void)state;
	expect(s3_get(scene.s3, "a", &err), &err, XC_ERR_IO, part);
	expect(s3_read(scene.s3, "a", 0, room, sizeof(room), &err), &err, XC_ERR_IO, part);
	expect(s3_read(scene.s3, "a", 0, room, strlen(PAGE), &err), &err, XC_ERR_IO, part);
	expect(xc_s3_put(scene.s3, "a", "x", 1, true, &err), &err, XC_ERR_IO, part);
	expect(xc_s3_put(scene.s3, "a", "x", 1, false, &err), &err, XC_ERR_IO, part);
	expect(xc_s3_head(scene.s3, "a", &head, &err), &err, XC_ERR_IO, part);
	expect(xc_s3_delete(scene.s3, "a", &err), &err, XC_ERR_IO, part);
	expect(xc_s3_list(scene.s3, "a", NULL, &page, &err), &err, XC_ERR_IO, part);
	expect(xc_s3_upload_create(scene.s3, "a", &upload, &err), &err, XC_ERR_IO, part);
	s3_close(&scene);
}

/* Swift answers so, and an object may be a page if it is one of S3's. */
static void empty_html_answers_are_fine(void **state)
{
	static const struct server_step step = { .headers = HTML, .text = "", .times = ALWAYS };
	struct s3_scene scene = s3_open(&step, 1);
	struct xc_err err;

	(void)state;
	expect(xc_s3_put(scene.s3, "a", "x", 1, true, &err), &err, XC_ERR_NONE, "");
	expect(xc_s3_delete(scene.s3, "a", &err), &err, XC_ERR_NONE, "");
	s3_close(&scene);
}

static void errors_name_the_credentials_and_hide_them(void **state)
{
	static const struct server_step steps[] = {
		{ .path = "denied", .status = 403, .text = ERROR_XML("AccessDenied", "") },
		{ .path = "echo",
		  .status = 400,
		  .text = "<Error><Code>Odd</Code><Message>" TOKEN "</Message></Error>" },
		{ .path = "gone",
		  .status = 400,
		  .text = ERROR_XML("ExpiredToken", ""),
		  .times = ALWAYS },
	};
	struct s3_scene scene = s3_open_with(steps, ARRAY_LEN(steps),
					     (struct xc_s3_opts){
						     .credentials.session_token = TOKEN,
					     });
	struct xc_err err;

	(void)state;
	expect(s3_get(scene.s3, "denied", &err), &err, XC_ERR_AUTH, "the credentials from ");
	expect(s3_get(scene.s3, "echo", &err), &err, XC_ERR_IO, "Odd");
	/* There is nothing to renew them with. */
	expect(s3_get(scene.s3, "gone", &err), &err, XC_ERR_AUTH, "cannot read s3://bucket/gone");
	s3_stop(&scene);
	expect_head(&scene, 0, "x-amz-security-token: " TOKEN);
	s3_close(&scene);
}

static void an_anonymous_request_that_is_denied_says_so(void **state)
{
	static const struct server_step step = { .path = "denied", .status = 403, .text = "" };
	struct s3_scene scene = s3_open_with(
		&step, 1, (struct xc_s3_opts){ .credentials.anonymous = true, .checksums = -1 });
	struct xc_err err;

	(void)state;
	expect(s3_get(scene.s3, "fine", &err), &err, XC_ERR_NONE, "");
	expect(s3_get(scene.s3, "denied", &err), &err, XC_ERR_AUTH, "without credentials");
	s3_stop(&scene);
	expect_no_head(&scene, 0, "authorization");
	expect_no_head(&scene, 0, "x-amz-");
	s3_close(&scene);
}

static void the_region_of_the_answer_is_used(void **state)
{
	static const struct {
		int status;
		const char *headers, *body;
	} rows[] = {
		{ 400, NULL,
		  ERROR_XML("AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>") },
		{ 301, "x-amz-bucket-region: eu-west-1\r\n", ERROR_XML("PermanentRedirect", "") },
		{ 301, NULL,
		  ERROR_XML("PermanentRedirect",
			    "<Endpoint>bucket.s3.eu-west-1.amazonaws.com</Endpoint>") },
		{ 307, NULL,
		  ERROR_XML("TemporaryRedirect",
			    "<Endpoint>bucket.s3-eu-west-1.amazonaws.com</Endpoint>") },
		{ 403, "x-amz-bucket-region: eu-west-1\r\n", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct server_step step = {
			.status = rows[i].status,
			.headers = rows[i].headers,
			.text = rows[i].body,
		};
		struct s3_scene scene = s3_open(&step, 1);
		struct xc_err err;

		expect(s3_get(scene.s3, "a", &err), &err, XC_ERR_NONE, "");
		expect(s3_get(scene.s3, "b", &err), &err, XC_ERR_NONE, "");
		assert_string_equal(xc_s3_region(scene.s3), "eu-west-1");
		assert_int_equal(s3_stop(&scene), 3);
		expect_head(&scene, 0, "/us-east-1/s3/aws4_request");
		expect_head(&scene, 1, "/eu-west-1/s3/aws4_request");
		/* It is remembered. */
		expect_head(&scene, 2, "/eu-west-1/s3/aws4_request");
		s3_close(&scene);
	}
}

/* A server that sends around, or to what is no region, must not be followed for long. */
static void a_region_that_always_changes_is_given_up(void **state)
{
	static const struct server_step around[] = {
		{ .status = 301, .headers = "x-amz-bucket-region: eu-west-1\r\n" },
		{ .status = 301, .headers = "x-amz-bucket-region: eu-west-2\r\n" },
		{ .status = 301, .headers = "x-amz-bucket-region: eu-west-3\r\n" },
		{ .status = 301, .headers = "x-amz-bucket-region: eu-west-4\r\n" },
	};
	static const struct server_step evil[] = {
		{ .status = 301, .headers = "x-amz-bucket-region: evil.example/x\r\n" },
	};
	struct s3_scene scene = s3_open(around, ARRAY_LEN(around));
	struct xc_err err;

	(void)state;
	expect(s3_get(scene.s3, "a", &err), &err, XC_ERR_IO, "eu-west-3");
	assert_int_equal(s3_stop(&scene), 3);
	s3_close(&scene);
	scene = s3_open(evil, ARRAY_LEN(evil));
	expect(s3_get(scene.s3, "a", &err), &err, XC_ERR_IO, "evil.example");
	assert_int_equal(s3_stop(&scene), 1);
	s3_close(&scene);
}

static void make_date(char out[100], int ahead_s)
{
	time_t when = time(NULL) + ahead_s;
	struct tm broken;

	gmtime_r(&when, &broken);
	strftime(out, 100, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &broken);
}

static int64_t signed_at(const struct s3_scene *scene, unsigned number)
{
	const char *date = strstr(scene->server->seen[number].head, "x-amz-date: ");
	struct tm broken = { 0 };

	assert_non_null(date);
	assert_non_null(strptime(date, "x-amz-date: %Y%m%dT%H%M%SZ", &broken));
	return (int64_t)timegm(&broken);
}

static void a_wrong_clock_is_corrected(void **state)
{
	static const char *const bodies[] = {
		ERROR_XML("RequestTimeTooSkewed", ""),
		ERROR_XML("AccessDenied", ""), /* so say some */
		"",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		char date[100];
		struct server_step step = { .status = 403, .text = bodies[i], .headers = date };
		struct s3_scene scene;
		struct xc_err err;
		int64_t skew_s;

		make_date(date, 7200);
		scene = s3_open(&step, 1);
		expect(s3_get(scene.s3, "a", &err), &err, XC_ERR_NONE, "");
		expect(s3_get(scene.s3, "b", &err), &err, XC_ERR_NONE, "");
		assert_true(xc_s3_clock_skew(scene.s3, &skew_s));
		assert_true(skew_s > 7100 && skew_s < 7300);
		assert_int_equal(s3_stop(&scene), 3);
		assert_true(llabs(signed_at(&scene, 0) - time(NULL)) < 100);
		assert_true(llabs(signed_at(&scene, 1) - time(NULL) - 7200) < 100);
		assert_true(llabs(signed_at(&scene, 2) - time(NULL) - 7200) < 100);
		s3_close(&scene);
	}
}

static void a_clock_is_corrected_only_once(void **state)
{
	static const struct server_step step = {
		.status = 403,
		.text = ERROR_XML("RequestTimeTooSkewed",
				  "<ServerTime>2001-01-01T00:00:00Z</ServerTime>"),
		.times = ALWAYS,
	};
	struct s3_scene scene = s3_open(&step, 1);
	struct xc_err err;

	(void)state;
	expect(s3_get(scene.s3, "a", &err), &err, XC_ERR_AUTH, "clock is wrong");
	assert_int_equal(s3_stop(&scene), 2);
	s3_close(&scene);
}

/* A program that gives other keys each time. */
struct wallet {
	char folder[64], config[100], counter[100];
};

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void open_wallet(struct wallet *wallet)
{
	char script[100], text[700];

	snprintf(wallet->folder, sizeof(wallet->folder), "/tmp/xc-wallet-XXXXXX");
	assert_non_null(mkdtemp(wallet->folder));
	snprintf(wallet->config, sizeof(wallet->config), "%s/config", wallet->folder);
	snprintf(wallet->counter, sizeof(wallet->counter), "%s/n", wallet->folder);
	snprintf(script, sizeof(script), "%s/give", wallet->folder);
	snprintf(text, sizeof(text),
		 "#!/bin/sh\necho x >> %s\nn=$(wc -l < %s)\nn=$((n))\n"
		 "echo '{\"Version\":1,\"AccessKeyId\":\"AKIA'$n'\",\"SecretAccessKey\":\"" SECRET
		 "\",\"SessionToken\":\"" TOKEN "\",\"Expiration\":\"2099-01-01T00:00:00Z\"}'\n",
		 wallet->counter, wallet->counter);
	write_text(script, text);
	assert_int_equal(chmod(script, 0755), 0);
	snprintf(text, sizeof(text), "[profile wallet]\ncredential_process = %s\n", script);
	write_text(wallet->config, text);
	write_text(wallet->counter, "");
	setenv("AWS_CONFIG_FILE", wallet->config, 1);
}

static long close_wallet(struct wallet *wallet)
{
	char command[200];
	struct stat status;

	assert_int_equal(stat(wallet->counter, &status), 0);
	snprintf(command, sizeof(command), "rm -r %s", wallet->folder);
	assert_int_equal(system(command), 0);
	return status.st_size / 2;
}

static struct s3_scene open_with_wallet(const struct server_step *steps, size_t count)
{
	return s3_open_with(
		steps, count,
		(struct xc_s3_opts){ .credentials.profile = "wallet", .checksums = -1 });
}

static void expired_credentials_are_renewed(void **state)
{
	static const struct server_step rows[] = {
		{ .status = 400, .text = ERROR_XML("ExpiredToken", "") },
		{ .status = 403, .text = ERROR_XML("ExpiredTokenException", "") },
		{ .status = 400, .text = ERROR_XML("TokenRefreshRequired", "") },
		{ .status = 400, .text = ERROR_XML("InvalidToken", "") },
	};
	struct wallet wallet;
	struct xc_err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct s3_scene scene;

		open_wallet(&wallet);
		scene = open_with_wallet(&rows[i], 1);
		expect(s3_get(scene.s3, "a", &err), &err, XC_ERR_NONE, "");
		assert_int_equal(s3_stop(&scene), 2);
		expect_head(&scene, 0, "Credential=AKIA1/");
		expect_head(&scene, 1, "Credential=AKIA2/");
		s3_close(&scene);
		assert_int_equal(close_wallet(&wallet), 2);
	}
}

/* HEAD has no body to say it in. */
static void credentials_that_expire_are_renewed_for_head_too(void **state)
{
	static const struct server_step step = { .status = 400, .text = "" };
	struct xc_s3_head head;
	struct wallet wallet;
	struct s3_scene scene;
	struct xc_err err;

	(void)state;
	open_wallet(&wallet);
	scene = open_with_wallet(&step, 1);
	expect(xc_s3_head(scene.s3, "a", &head, &err), &err, XC_ERR_NONE, "");
	assert_int_equal(head.size_bytes, 4);
	assert_int_equal(s3_stop(&scene), 2);
	s3_close(&scene);
	assert_int_equal(close_wallet(&wallet), 2);
}

static void credentials_that_stay_expired_are_an_error(void **state)
{
	static const struct server_step step = {
		.status = 400,
		.text = ERROR_XML("ExpiredToken", ""),
		.times = ALWAYS,
	};
	struct wallet wallet;
	struct s3_scene scene;
	struct xc_err err;

	(void)state;
	open_wallet(&wallet);
	scene = open_with_wallet(&step, 1);
	expect(s3_get(scene.s3, "a", &err), &err, XC_ERR_AUTH, "have expired");
	assert_int_equal(s3_stop(&scene), 2);
	s3_close(&scene);
	close_wallet(&wallet);
}

/* In the middle of a transfer: all that were refused go on with one new set of keys. */
static void credentials_that_expire_in_flight_are_renewed_once(void **state)
{
	static const struct server_step steps[] = {
		{ .status = 400,
		  .text = ERROR_XML("ExpiredToken", ""),
		  .times = 6,
		  .delay_ms = 30 },
		{ .status = 206,
		  .headers = "Content-Range: bytes 10-13/100\r\n",
		  .text = "fine",
		  .times = ALWAYS },
	};
	struct s3_wait wait = S3_WAIT_FOR(6);
	struct xc_s3_read reads[6];
	struct wallet wallet;
	struct s3_scene scene;
	char buffers[6][4];

	(void)state;
	open_wallet(&wallet);
	scene = open_with_wallet(steps, ARRAY_LEN(steps));
	for (size_t i = 0; i < ARRAY_LEN(reads); i++) {
		reads[i] = (struct xc_s3_read){
			.key = "a",
			.offset = 10,
			.length = 4,
			.buffer = buffers[i],
			.owner = &wait,
			.done = s3_read_done,
		};
		xc_s3_read(scene.s3, &reads[i]);
	}
	assert_int_equal(s3_wait(&wait), 0);
	for (size_t i = 0; i < ARRAY_LEN(reads); i++)
		assert_memory_equal(buffers[i], "fine", 4);
	assert_int_equal(s3_stop(&scene), 12);
	s3_close(&scene);
	assert_int_equal(close_wallet(&wallet), 2);
}

/* What cleans up still runs, with the credentials at hand; what does not ends. */
static void a_cancel_ends_all_but_cleaning_up(void **state)
{
	struct xc_cancel cancel = { 0 };
	char *upload_id = NULL;
	struct s3_scene scene = s3_open_with(
		NULL, 0, (struct xc_s3_opts){ .http.cancel = &cancel, .checksums = -1 });
	struct xc_err err;

	(void)state;
	expect(s3_get(scene.s3, "a", &err), &err, XC_ERR_NONE, "");
	xc_cancel_request(&cancel, 15);
	expect(s3_get(scene.s3, "a", &err), &err, XC_ERR_CANCELED, "interrupted");
	expect(xc_s3_put(scene.s3, "a", "x", 1, true, &err), &err, XC_ERR_CANCELED, "interrupted");
	expect(xc_s3_upload_create(scene.s3, "a", &upload_id, &err), &err, XC_ERR_CANCELED,
	       "interrupted");
	expect(xc_s3_delete(scene.s3, "a", &err), &err, XC_ERR_NONE, "");
	expect(xc_s3_upload_abort(scene.s3, "a", "id", &err), &err, XC_ERR_NONE, "");
	assert_int_equal(s3_stop(&scene), 3);
	s3_close(&scene);
}

static void *cancel_soon(void *context)
{
	usleep(150000);
	xc_cancel_request(context, 15);
	return NULL;
}

/* A commit that is on its way when the signal comes: whether it was done must not stay open. */
static void a_commit_on_its_way_outlives_a_cancel(void **state)
{
	static const struct server_step step = { .path = "PUT", .delay_ms = 500 };
	struct xc_cancel cancel = { 0 };
	struct s3_scene scene = s3_open_with(
		&step, 1, (struct xc_s3_opts){ .http.cancel = &cancel, .checksums = -1 });
	pthread_t thread;
	struct xc_err err;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &cancel), 0);
	expect(xc_s3_put(scene.s3, "a", "x", 1, true, &err), &err, XC_ERR_NONE, "");
	pthread_join(thread, NULL);
	assert_int_equal(s3_stop(&scene), 1);
	s3_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_become_errors_of_their_kind),
		cmocka_unit_test(a_web_page_is_no_answer_of_s3),
		cmocka_unit_test(empty_html_answers_are_fine),
		cmocka_unit_test(errors_name_the_credentials_and_hide_them),
		cmocka_unit_test(an_anonymous_request_that_is_denied_says_so),
		cmocka_unit_test(the_region_of_the_answer_is_used),
		cmocka_unit_test(a_region_that_always_changes_is_given_up),
		cmocka_unit_test(a_wrong_clock_is_corrected),
		cmocka_unit_test(a_clock_is_corrected_only_once),
		cmocka_unit_test(expired_credentials_are_renewed),
		cmocka_unit_test(credentials_that_expire_are_renewed_for_head_too),
		cmocka_unit_test(credentials_that_stay_expired_are_an_error),
		cmocka_unit_test(credentials_that_expire_in_flight_are_renewed_once),
		cmocka_unit_test(a_cancel_ends_all_but_cleaning_up),
		cmocka_unit_test(a_commit_on_its_way_outlives_a_cancel),
	};

	return cmocka_run_group_tests_name("answers of S3", tests, NULL, NULL);
}
