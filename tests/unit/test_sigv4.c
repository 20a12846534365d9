/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures against AWS's published vectors (tests/vectors/sigv4), and what
 * those leave open. Read from the top folder of the sources.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <pthread.h>

#include "aws/sign/internal.h"
#include "base/hash.h"
#include "base/hex.h"
#include "base/json.h"

#define VECTORS "tests/vectors/sigv4"

/* A case: what is asked for, and by whom. */
struct vector {
	const char *suite, *name;
	json_t *context;
	char *method, *path, *query, *body;
	struct xc_strlist headers;
	char payload[XC_SHA256_HEX + 1];
	struct xc_sigv4_request request;
	struct xc_sigv4_keys keys;
};

/*
 * The texts on the way to a signature: what is hashed, and what is signed. The
 * linker sends those two calls here (test_sigv4.wrap).
 */
struct seen {
	char *canonical, *to_sign;
};
static struct seen *watched;

static void watch(struct seen *seen)
{
	watched = seen;
}

static void seen_release(struct seen *seen)
{
	free(seen->canonical);
	free(seen->to_sign);
}

void __real_xc_sha256(const void *data, size_t length, uint8_t ret_digest[XC_SHA256_BYTES]);
void __wrap_xc_sha256(const void *data, size_t length, uint8_t ret_digest[XC_SHA256_BYTES]);
void __wrap_xc_sha256(const void *data, size_t length, uint8_t ret_digest[XC_SHA256_BYTES])
{
	if (watched) {
		free(watched->canonical);
		watched->canonical = xc_strndup(data, length);
	}
	__real_xc_sha256(data, length, ret_digest);
}

void __real_xc_sigv4_signature(struct xc_sigv4 *signer, const struct xc_sigv4_scope *scope,
			       const char *secret, const struct xc_buf *text,
			       char ret_hex[XC_SHA256_HEX + 1]);
void __wrap_xc_sigv4_signature(struct xc_sigv4 *signer, const struct xc_sigv4_scope *scope,
			       const char *secret, const struct xc_buf *text,
			       char ret_hex[XC_SHA256_HEX + 1]);
void __wrap_xc_sigv4_signature(struct xc_sigv4 *signer, const struct xc_sigv4_scope *scope,
			       const char *secret, const struct xc_buf *text,
			       char ret_hex[XC_SHA256_HEX + 1])
{
	if (watched) {
		free(watched->to_sign);
		watched->to_sign = xc_strndup(text->data, text->len_bytes);
	}
	__real_xc_sigv4_signature(signer, scope, secret, text, ret_hex);
}

/* The canonical request, on the heap. */
static char *canonical_of(const struct xc_sigv4_request *request, const struct xc_sigv4_keys *keys)
{
	cleanup_strlist struct xc_strlist headers = XC_STRLIST_INIT;
	struct xc_sigv4 *signer = xc_sigv4_new();
	struct seen seen = { 0 };

	watch(&seen);
	xc_sigv4_sign(signer, request, keys, &headers);
	watch(NULL);
	xc_sigv4_free(signer);
	free(seen.to_sign);
	return seen.canonical;
}

/* A file of a case without the newlines at its end; NULL if there is none. */
static char *read_file(const struct vector *vector, const char *file)
{
	cleanup_free char *path =
		xc_asprintf(VECTORS "/%s/%s/%s", vector->suite, vector->name, file);
	cleanup_buf struct xc_buf text = XC_BUF_INIT;
	char piece[4096];
	size_t got;
	FILE *in = fopen(path, "re");

	if (!in && errno == ENOENT)
		return NULL;
	if (!in)
		fail_msg("%s: errno %d", path, errno);
	while ((got = fread(piece, 1, sizeof(piece), in)) > 0)
		xc_buf_add(&text, piece, got);
	fclose(in);
	while (text.len_bytes > 0 && text.data[text.len_bytes - 1] == '\n')
		xc_buf_truncate(&text, text.len_bytes - 1);
	return xc_buf_steal(&text);
}

static char *encode(const char *text, size_t length)
{
	struct xc_buf out = XC_BUF_INIT;

	xc_buf_add_str(&out, "");
	xc_uri_encode(text, length, true, &out);
	return xc_buf_steal(&out);
}

/* "GET /a path?query HTTP/1.1": the path may hold blanks. */
static void read_request_line(struct vector *vector, const char *line, size_t length)
{
	size_t method = strcspn(line, " "), version = strlen(" HTTP/1.1");
	size_t target = length - method - 1 - version;
	const char *path = line + method + 1, *question = memchr(path, '?', target);
	size_t path_length = question ? (size_t)(question - path) : target;

	vector->method = xc_strndup(line, method);
	vector->path = vector->request.path_as_is ? encode(path, path_length)
						  : xc_strndup(path, path_length);
	vector->query =
		question ? xc_strndup(question + 1, target - path_length - 1) : xc_strdup("");
}

static void read_request(struct vector *vector)
{
	cleanup_free char *text = read_file(vector, "request.txt");
	uint8_t digest[XC_SHA256_BYTES];
	const char *end;

	assert_non_null(text);
	read_request_line(vector, text, strcspn(text, "\n"));
	for (const char *line = text + strcspn(text, "\n"); *line++; line = end) {
		end = line + strcspn(line, "\n");
		while (*end == '\n' && end[1] == ' ')
			end += 1 + strcspn(end + 1, "\n");
		if (end == line) {
			vector->body = xc_strdup(*end ? end + 1 : end);
			break;
		}
		if (strncmp(line, "Host:", 5) != 0)
			xc_strlist_take(&vector->headers, xc_strndup(line, (size_t)(end - line)));
	}
	if (!vector->body)
		vector->body = xc_strdup("");
	xc_sha256(vector->body, strlen(vector->body), digest);
	xc_hex_encode(digest, sizeof(digest), vector->payload);
}

static const char *context_text(json_t *object, const char *member)
{
	return json_string_value(json_object_get(object, member));
}

static void vector_load(struct vector *vector, const char *suite, const char *name)
{
	json_t *keys;
	int64_t time_ns;
	struct xc_err err;
	char *text;

	*vector = (struct vector){ .suite = suite, .name = name };
	text = read_file(vector, "context.json");
	assert_non_null(text);
	vector->context = xc_json_parse(text, strlen(text), 10000, name, &err);
	free(text);
	assert_non_null(vector->context);
	assert_int_equal(
		xc_json_time_value(json_object_get(vector->context, "timestamp"), &time_ns), 0);
	vector->request.path_as_is = json_is_false(json_object_get(vector->context, "normalize"));
	read_request(vector);
	keys = json_object_get(vector->context, "credentials");
	vector->keys = (struct xc_sigv4_keys){
		.access_key_id = context_text(keys, "access_key_id"),
		.secret_access_key = context_text(keys, "secret_access_key"),
		.session_token =
			json_is_true(json_object_get(vector->context, "omit_session_token"))
				? NULL
				: context_text(keys, "token"),
	};
	vector->request = (struct xc_sigv4_request){
		.method = vector->method,
		.host = strcmp(suite, "aws-c-auth") == 0 ? "example.amazonaws.com"
							 : "examplebucket.s3.amazonaws.com",
		.path = vector->path,
		.query = vector->query,
		.headers = &vector->headers,
		.payload = vector->payload,
		.region = context_text(vector->context, "region"),
		.service = context_text(vector->context, "service"),
		.time = (time_t)(time_ns / 1000000000),
		.path_as_is = vector->request.path_as_is,
		.payload_header = json_is_true(json_object_get(vector->context, "sign_body")),
	};
}

static void vector_release(struct vector *vector)
{
	json_decref(vector->context);
	free(vector->method);
	free(vector->path);
	free(vector->query);
	free(vector->body);
	xc_strlist_release(&vector->headers);
}

/* Whether a text is what the file of that name says; the end may be enough. */
static void check(const struct vector *vector, const char *file, const char *text, bool end_only)
{
	cleanup_free char *expected = read_file(vector, file);
	size_t length, expected_length;

	if (!expected)
		fail_msg("%s/%s: no %s", vector->suite, vector->name, file);
	length = strlen(text);
	expected_length = strlen(expected);
	if (length < expected_length || (!end_only && length != expected_length) ||
	    strcmp(text + length - expected_length, expected) != 0)
		fail_msg("%s/%s: %s is\n%s\nand not\n%s", vector->suite, vector->name, file, text,
			 expected);
}

static void check_header(struct xc_sigv4 *signer, const struct vector *vector)
{
	cleanup_strlist struct xc_strlist headers = XC_STRLIST_INIT;
	struct seen seen = { 0 };

	watch(&seen);
	xc_sigv4_sign(signer, &vector->request, &vector->keys, &headers);
	watch(NULL);
	check(vector, "header-canonical-request.txt", seen.canonical, false);
	check(vector, "header-string-to-sign.txt", seen.to_sign, false);
	check(vector, "header-signature.txt", headers.items[headers.count - 1], true);
	seen_release(&seen);
}

/* How many signatures of a suite were compared; none is wrong. */
static unsigned check_suite(const char *suite)
{
	cleanup_free char *folder = xc_asprintf(VECTORS "/%s", suite);
	struct xc_sigv4 *signer = xc_sigv4_new();
	DIR *dir = opendir(folder);
	struct dirent *entry;
	unsigned checked = 0;

	if (!dir)
		fail_msg("%s: errno %d; run this from the top folder", folder, errno);
	while ((entry = readdir(dir))) {
		struct vector vector;
		char *expected;

		if (entry->d_name[0] == '.' || strchr(entry->d_name, '-') == NULL)
			continue;
		vector_load(&vector, suite, entry->d_name);
		expected = read_file(&vector, "header-signature.txt");
		if (expected) {
			check_header(signer, &vector);
			checked++;
		}
		free(expected);
		vector_release(&vector);
	}
	closedir(dir);
	xc_sigv4_free(signer);
	return checked;
}

static void the_published_suite_is_signed_as_published(void **state)
{
	(void)state;
	assert_int_equal(check_suite("aws-c-auth"), 38);
}

static void the_examples_of_s3_are_signed_as_documented(void **state)
{
	(void)state;
	assert_int_equal(check_suite("s3-documentation"), 4);
}

/* A request that rows change in one respect. */
static struct xc_sigv4_request plain_request(void)
{
	return (struct xc_sigv4_request){ .method = "GET",
					  .host = "b.s3.eu-west-1.amazonaws.com",
					  .path = "/k",
					  .query = "",
					  .payload = XC_SIGV4_UNSIGNED,
					  .region = "eu-west-1",
					  .service = "s3",
					  .time = 1769862896, /* 2026-01-31T12:34:56Z */
					  .path_as_is = true,
					  .payload_header = true };
}

static const struct xc_sigv4_keys plain_keys = { .access_key_id = "AKIDEXAMPLE",
						 .secret_access_key = "secret" };

/* Line `number`, from 0, of the canonical request. */
static char *canonical_line(const struct xc_sigv4_request *request, unsigned number)
{
	cleanup_free char *canonical = canonical_of(request, &plain_keys);
	const char *line = canonical;

	for (unsigned i = 0; i < number; i++)
		line = strchr(line, '\n') + 1;
	return xc_strndup(line, strcspn(line, "\n"));
}

static void a_query_is_signed_as_servers_read_it(void **state)
{
	static const struct {
		const char *catches, *query, *canonical;
	} rows[] = {
		{ "no query", "", "" },
		{ "a parameter without a value", "uploads", "uploads=" },
		{ "an empty value", "uploads=", "uploads=" },
		{ "an order that is the sender's", "b=2&a=1", "a=1&b=2" },
		{ "capitals sorted among the others", "a=1&B=2&b=3&A=4", "A=4&B=2&a=1&b=3" },
		{ "whole pairs sorted: '=' is behind '-'", "a-b=1&a=2&ab=3", "a=2&a-b=1&ab=3" },
		{ "values that are not sorted", "a=2&a=10&a", "a=&a=10&a=2" },
		{ "sorted before they were encoded", "a%7E=1&a%C3%A9=2&a%21=3",
		  "a%21=3&a%C3%A9=2&a~=1" },
		{ "a plus in a token read as a blank", "t=a+b", "t=a%2Bb" },
		{ "an encoded plus encoded twice", "t=a%2Bb", "t=a%2Bb" },
		{ "a blank", "t=a%20b", "t=a%20b" },
		{ "lower-case digits", "p=%c3%a9%2f", "p=%C3%A9%2F" },
		{ "a slash that was not encoded", "prefix=v1/a", "prefix=v1%2Fa" },
		{ "bytes that were not encoded", "p=\xc3\xa9*", "p=%C3%A9%2A" },
		{ "an equals sign in a value", "t=YWI=&u", "t=YWI%3D&u=" },
		{ "empty pairs", "&&a=1&", "a=1" },
		{ "an empty name", "=x&a", "=x&a=" },
		{ "a percent sign that encodes nothing", "a=5%", "a=5%25" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct xc_sigv4_request request = plain_request();
		cleanup_free char *canonical = NULL;

		request.query = rows[i].query;
		canonical = canonical_line(&request, 2);
		if (strcmp(canonical, rows[i].canonical) != 0)
			fail_msg("%s: %s", rows[i].catches, canonical);
	}
}

static void a_path_is_signed_as_the_service_reads_it(void **state)
{
	static const struct {
		const char *catches, *path;
		bool path_as_is;
		const char *canonical;
	} rows[] = {
		{ "folders of S3 that are made one", "/a//../b/", true, "/a//../b/" },
		{ "S3's paths encoded twice", "/a%20b", true, "/a%20b" },
		{ "others' encoded once", "/a%20b", false, "/a%2520b" },
		{ "steps above the root", "/../../a", false, "/a" },
		{ "a slash at the end that is lost", "/a/b/../", false, "/a/" },
		{ "dots that are a part of a name", "/a/..b/.c", false, "/a/..b/.c" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct xc_sigv4_request request = plain_request();
		cleanup_free char *canonical = NULL;

		request.path = rows[i].path;
		request.path_as_is = rows[i].path_as_is;
		canonical = canonical_line(&request, 1);
		if (strcmp(canonical, rows[i].canonical) != 0)
			fail_msg("%s: %s", rows[i].catches, canonical);
	}
}

static void headers_are_sorted_by_name_and_those_of_one_hop_left_out(void **state)
{
	static const char expected[] =
		"GET\n/k\n\n"
		"content-md5:x==\n"
		"host:b.s3.eu-west-1.amazonaws.com\n"
		"if-none-match:*\n"
		"x-amz-content-sha256:UNSIGNED-PAYLOAD\n"
		"x-amz-date:20260131T123456Z\n"
		"x-amz-meta-a:2\n"
		"x-amz-meta-a-b:1\n"
		"x-amz-security-token:to/ken\n"
		"\n"
		"content-md5;host;if-none-match;x-amz-content-sha256;"
		"x-amz-date;x-amz-meta-a;x-amz-meta-a-b;x-amz-security-token\n"
		"UNSIGNED-PAYLOAD";
	static const char *const lines[] = { "X-Amz-Meta-A-B: 1", "x-amz-meta-a:2",
					     "If-None-Match: *",  "Content-MD5:  x==  ",
					     "EXPECT:",           "User-Agent: xcache",
					     "connection: close", "Accept-Encoding: identity" };
	cleanup_strlist struct xc_strlist headers = XC_STRLIST_INIT;
	struct xc_sigv4_request request = plain_request();
	struct xc_sigv4_keys keys = plain_keys;
	cleanup_free char *canonical = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		xc_strlist_add(&headers, lines[i]);
	request.headers = &headers;
	keys.session_token = "to/ken";
	canonical = canonical_of(&request, &keys);
	assert_string_equal(canonical, expected);
}

/* The Authorization header. */
static char *sign(struct xc_sigv4 *signer, const struct xc_sigv4_request *request,
		  const struct xc_sigv4_keys *keys)
{
	cleanup_strlist struct xc_strlist headers = XC_STRLIST_INIT;

	xc_sigv4_sign(signer, request, keys, &headers);
	return xc_strdup(headers.items[headers.count - 1]);
}

static void what_is_sent_is_all_there_is(void **state)
{
	cleanup_strlist struct xc_strlist headers = XC_STRLIST_INIT;
	struct xc_sigv4_request request = plain_request();
	struct xc_sigv4_keys keys = plain_keys;
	struct xc_sigv4 *signer = xc_sigv4_new();

	(void)state;
	keys.session_token = "token";
	xc_sigv4_sign(signer, &request, &keys, &headers);
	xc_sigv4_free(signer);
	assert_int_equal(headers.count, 4);
	assert_string_equal(headers.items[0], "x-amz-date: 20260131T123456Z");
	assert_string_equal(headers.items[1], "x-amz-content-sha256: UNSIGNED-PAYLOAD");
	assert_string_equal(headers.items[2], "x-amz-security-token: token");
	/* Computed apart, by Python's hmac. */
	assert_string_equal(
		headers.items[3],
		"Authorization: AWS4-HMAC-SHA256 "
		"Credential=AKIDEXAMPLE/20260131/eu-west-1/s3/aws4_request, "
		"SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token, "
		"Signature=152bf455897d18b5ab45109458f7ac2935e45e5f64f9c18438b67d55168467f4");
}

/* Each row differs from the first in one thing that the kept key depends on. */
static void a_kept_key_is_not_used_for_others(void **state)
{
	static const struct {
		const char *catches, *region, *service, *secret;
		int64_t later_s;
	} rows[] = {
		{ "the first one again", "eu-west-1", "s3", "secret", 0 },
		{ "another region", "eu-west-2", "s3", "secret", 0 },
		{ "another service", "eu-west-1", "sts", "secret", 0 },
		{ "keys that were renewed", "eu-west-1", "s3", "secret2", 0 },
		{ "the next day", "eu-west-1", "s3", "secret", 86400 },
		{ "texts that run into each other", "eu-west-1s", "3", "secret", 0 },
	};
	struct xc_sigv4 *shared = xc_sigv4_new();

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
		/* Each of them once after the first. */
		size_t row = i % 2 ? i / 2 : 0;
		struct xc_sigv4_request request = plain_request();
		struct xc_sigv4_keys keys = plain_keys;
		struct xc_sigv4 *fresh = xc_sigv4_new();
		cleanup_free char *with_shared = NULL, *with_fresh = NULL;

		request.region = rows[row].region;
		request.service = rows[row].service;
		request.time += rows[row].later_s;
		keys.secret_access_key = rows[row].secret;
		with_shared = sign(shared, &request, &keys);
		with_fresh = sign(fresh, &request, &keys);
		xc_sigv4_free(fresh);
		if (strcmp(with_shared, with_fresh) != 0)
			fail_msg("%s: %s", rows[row].catches, with_shared);
	}
	xc_sigv4_free(shared);
}

struct signing {
	struct xc_sigv4 *signer;
	const char *secret;
	unsigned wrong;
};

static void *sign_often(void *data)
{
	struct signing *signing = data;
	struct xc_sigv4_request request = plain_request();
	struct xc_sigv4_keys keys = plain_keys;
	struct xc_sigv4 *own = xc_sigv4_new();

	keys.secret_access_key = signing->secret;
	for (int i = 0; i < 500; i++) {
		cleanup_free char *expected = sign(own, &request, &keys);
		cleanup_free char *signature = sign(signing->signer, &request, &keys);

		signing->wrong += strcmp(signature, expected) != 0;
	}
	xc_sigv4_free(own);
	return NULL;
}

static void threads_share_a_signer(void **state)
{
	struct xc_sigv4 *signer = xc_sigv4_new();
	struct signing signings[] = { { signer, "a", 0 }, { signer, "b", 0 } };
	pthread_t threads[ARRAY_LEN(signings)];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(signings); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, sign_often, &signings[i]), 0);
	for (size_t i = 0; i < ARRAY_LEN(signings); i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < ARRAY_LEN(signings); i++)
		assert_int_equal(signings[i].wrong, 0);
	xc_sigv4_free(signer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_suite_is_signed_as_published),
		cmocka_unit_test(the_examples_of_s3_are_signed_as_documented),
		cmocka_unit_test(a_query_is_signed_as_servers_read_it),
		cmocka_unit_test(a_path_is_signed_as_the_service_reads_it),
		cmocka_unit_test(headers_are_sorted_by_name_and_those_of_one_hop_left_out),
		cmocka_unit_test(what_is_sent_is_all_there_is),
		cmocka_unit_test(a_kept_key_is_not_used_for_others),
		cmocka_unit_test(threads_share_a_signer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
