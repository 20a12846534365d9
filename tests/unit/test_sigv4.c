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
#include <fcntl.h>
#include <pthread.h>

#include "base/fd.h"
#include "base/hash.h"
#include "base/json.h"
#include "s3/sigv4.h"

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
	unsigned expires_s;
};

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
			xc_strlist_addn(&vector->headers, line, (size_t)(end - line));
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
	vector->expires_s = (unsigned)json_integer_value(
		json_object_get(vector->context, "expiration_in_seconds"));
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
	cleanup_buf struct xc_buf canonical = XC_BUF_INIT, to_sign = XC_BUF_INIT;
	cleanup_strlist struct xc_strlist headers = XC_STRLIST_INIT;

	xc_sigv4_explain(&vector->request, &vector->keys, 0, &canonical, &to_sign);
	check(vector, "header-canonical-request.txt", canonical.data, false);
	check(vector, "header-string-to-sign.txt", to_sign.data, false);
	xc_sigv4_sign(signer, &vector->request, &vector->keys, &headers);
	check(vector, "header-signature.txt", headers.items[headers.count - 1], true);
}

static void check_query(struct xc_sigv4 *signer, struct vector *vector)
{
	cleanup_buf struct xc_buf canonical = XC_BUF_INIT, to_sign = XC_BUF_INIT;
	cleanup_buf struct xc_buf query = XC_BUF_INIT;

	if (strcmp(vector->request.service, "s3") == 0)
		vector->request.payload = XC_SIGV4_UNSIGNED;
	xc_sigv4_explain(&vector->request, &vector->keys, vector->expires_s, &canonical, &to_sign);
	check(vector, "query-canonical-request.txt", canonical.data, false);
	check(vector, "query-string-to-sign.txt", to_sign.data, false);
	xc_sigv4_presign(signer, &vector->request, &vector->keys, vector->expires_s, &query);
	check(vector, "query-signature.txt", query.data, true);
	assert_int_equal(strncmp(query.data, vector->query, strlen(vector->query)), 0);
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
		expected = read_file(&vector, "query-signature.txt");
		if (expected) {
			check_query(signer, &vector);
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
	assert_int_equal(check_suite("aws-c-auth"), 2 * 38);
}

static void the_examples_of_s3_are_signed_as_documented(void **state)
{
	(void)state;
	assert_int_equal(check_suite("s3-documentation"), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_suite_is_signed_as_published),
		cmocka_unit_test(the_examples_of_s3_are_signed_as_documented),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
