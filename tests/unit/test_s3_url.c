/* SPDX-License-Identifier: Apache-2.0 */
/* How S3 stores are named: what a URL and the environment make of a store, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/s3/internal.h"

static const char *const variables[] = {
	"AWS_ENDPOINT_URL",      "AWS_ENDPOINT_URL_S3", "AWS_USE_DUALSTACK_ENDPOINT",
	"AWS_USE_FIPS_ENDPOINT", "AWS_REGION",          "AWS_DEFAULT_REGION",
	"AWS_PROFILE",           "AWS_DEFAULT_PROFILE", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
};

static int clear_environment(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(variables); i++)
		unsetenv(variables[i]);
	setenv("AWS_CONFIG_FILE", "/nonexistent/config", 1);
	setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials", 1);
	return 0;
}

static struct xc_store *must_open(const char *url)
{
	struct xc_store *store;
	struct xc_err err;

	if (xc_store_open(url, NULL, &store, &err) < 0)
		fail_msg("%s: %s", url, err.msg);
	return store;
}

static void a_url_has_its_bucket_prefix_and_host(void **state)
{
	static const struct {
		const char *url, *prefix, *origin, *path, *display;
	} rows[] = {
		{ "s3://bucket", "", "https://bucket.s3.us-east-1.amazonaws.com", "/", NULL },
		{ "s3://bucket/", "", "https://bucket.s3.us-east-1.amazonaws.com", "/",
		  "s3://bucket" },
		{ "S3://bucket/a/b", "a/b/", "https://bucket.s3.us-east-1.amazonaws.com", "/",
		  "s3://bucket/a/b" },
		{ "s3://bucket//a/b///", "a/b/", "https://bucket.s3.us-east-1.amazonaws.com", "/",
		  "s3://bucket/a/b" },
		{ "s3://bucket/a%20b%3F", "a b?/", "https://bucket.s3.us-east-1.amazonaws.com", "/",
		  NULL },
		{ "s3://bucket/a@b", "a@b/", "https://bucket.s3.us-east-1.amazonaws.com", "/",
		  NULL },
		{ "s3://bucket/p?region=eu-west-1", "p/",
		  "https://bucket.s3.eu-west-1.amazonaws.com", "/", NULL },
		{ "s3://bucket/p?region=eu-west-1&style=path", "p/",
		  "https://s3.eu-west-1.amazonaws.com", "/bucket/", NULL },
		{ "s3://bucket/p?region=eu-west-1&dualstack", "p/",
		  "https://bucket.s3.dualstack.eu-west-1.amazonaws.com", "/",
		  "s3://bucket/p?region=eu-west-1&dualstack=true" },
		{ "s3://bucket/p?accelerate=true", "p/",
		  "https://bucket.s3-accelerate.amazonaws.com", "/", NULL },
		{ "s3://bucket/p?fips=yes&region=us-west-2", "p/",
		  "https://bucket.s3-fips.us-west-2.amazonaws.com", "/", NULL },
		{ "s3://bucket?endpoint=http://127.0.0.1:9000", "", "http://127.0.0.1:9000",
		  "/bucket/", NULL },
		{ "s3://bucket?endpoint=http%3A%2F%2F127.0.0.1%3A9000", "", "http://127.0.0.1:9000",
		  "/bucket/", "s3://bucket?endpoint=http://127.0.0.1:9000" },
		{ "s3://bucket?endpoint=https://minio.example&style=virtual&", "",
		  "https://bucket.minio.example", "/",
		  "s3://bucket?endpoint=https://minio.example&style=virtual" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct xc_store *store = must_open(rows[i].url);
		const struct xc_s3_base *base = xc_s3_base(xc_s3_store(store)->s3);

		assert_string_equal(xc_s3_store(store)->prefix, rows[i].prefix);
		assert_string_equal(base->origin, rows[i].origin);
		assert_string_equal(base->path, rows[i].path);
		assert_string_equal(store->display_url,
				    rows[i].display ? rows[i].display : rows[i].url);
		xc_store_close(store);
	}
}

static void the_options_of_a_url_are_read(void **state)
{
	cleanup_s3_url struct xc_s3_url url = { 0 };
	struct xc_err err;

	(void)state;
	assert_int_equal(
		xc_s3_url_parse(
			"//b/p?requester-pays=1&kms-key=arn:aws:kms:x%26y&storage-class=GLACIER"
			"&expected-bucket-owner=123456789012&checksums=true&part-size=64"
			"&sts-endpoint=http://sts",
			NULL, &url, &err),
		0);
	assert_true(url.opts.requester_pays);
	/* A key says what it is for. */
	assert_string_equal(url.opts.encryption, "aws:kms");
	assert_string_equal(url.opts.kms_key, "arn:aws:kms:x&y");
	assert_string_equal(url.opts.storage_class, "GLACIER");
	assert_string_equal(url.opts.bucket_owner, "123456789012");
	assert_int_equal(url.opts.checksums, 1);
	assert_int_equal(url.part_bytes, 64 << 20);
	assert_string_equal(url.opts.credentials.sts_endpoint, "http://sts");
	assert_non_null(strstr(url.display_url, "kms-key=arn:aws:kms:x%26y"));
}

static void the_environment_fills_what_the_url_leaves_out(void **state)
{
	struct xc_store *store;

	(void)state;
	setenv("AWS_REGION", "eu-north-1", 1);
	setenv("AWS_USE_DUALSTACK_ENDPOINT", "true", 1);
	store = must_open("s3://bucket/p");
	assert_string_equal(xc_s3_base(xc_s3_store(store)->s3)->origin,
			    "https://bucket.s3.dualstack.eu-north-1.amazonaws.com");
	/* What a machine adds is not part of the store's name. */
	assert_string_equal(store->display_url, "s3://bucket/p");
	xc_store_close(store);
	store = must_open("s3://bucket/p?dualstack=false&region=us-west-2");
	assert_string_equal(xc_s3_base(xc_s3_store(store)->s3)->origin,
			    "https://bucket.s3.us-west-2.amazonaws.com");
	xc_store_close(store);
	setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1", 1);
	setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:2", 1);
	store = must_open("s3://bucket/p");
	assert_string_equal(xc_s3_base(xc_s3_store(store)->s3)->origin, "http://127.0.0.1:2");
	xc_store_close(store);
	store = must_open("s3://bucket/p?endpoint=http://127.0.0.1:3");
	assert_string_equal(xc_s3_base(xc_s3_store(store)->s3)->origin, "http://127.0.0.1:3");
	xc_store_close(store);
}

static void write_config(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	setenv("AWS_CONFIG_FILE", path, 1);
}

/* In the order of the SDKs: URL, variables, the profile's services, the profile. */
static void a_profile_has_its_endpoint(void **state)
{
	static const char config[] =
		"[default]\nendpoint_url = http://default:1\n"
		"[profile both]\nservices = mine\nendpoint_url = http://both:1\n"
		"[profile other]\nservices = other\nendpoint_url = http://other:1\n"
		"[profile lost]\nservices = nowhere\n"
		"[profile off]\nignore_configured_endpoint_urls = true\n"
		"endpoint_url = http://off:1\n"
		"[services mine]\ns3 =\n  endpoint_url = http://mine:1/s3\n"
		"sts =\n  endpoint_url = http://sts:1\n"
		"[services other]\ndynamodb =\n  endpoint_url = http://dynamo:1\n";
	static const struct {
		const char *profile, *environment, *value, *url, *origin;
	} rows[] = {
		{ NULL, NULL, NULL, "s3://bucket/p", "http://default:1" },
		{ NULL, "AWS_PROFILE", "both", "s3://bucket/p", "http://mine:1" },
		{ "both", "AWS_PROFILE", "other", "s3://bucket/p", "http://mine:1" },
		{ "other", NULL, NULL, "s3://bucket/p", "http://other:1" },
		{ "both", "AWS_ENDPOINT_URL", "http://any:1", "s3://bucket/p", "http://any:1" },
		{ "both", "AWS_ENDPOINT_URL_S3", "http://s3:1", "s3://bucket/p", "http://s3:1" },
		{ "both", NULL, NULL, "s3://bucket/p?endpoint=http://url:1", "http://url:1" },
		{ "off", NULL, NULL, "s3://bucket/p", "https://bucket.s3.us-east-1.amazonaws.com" },
		{ "off", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false", "s3://bucket/p",
		  "http://off:1" },
		{ "both", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true", "s3://bucket/p",
		  "https://bucket.s3.us-east-1.amazonaws.com" },
		{ "lost", NULL, NULL, "s3://bucket/p", NULL },
	};
	char path[] = "/tmp/xcache-config-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	write_config(path, config);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct xc_store_setting setting = { "profile", rows[i].profile };
		const struct xc_store_opts opts = { .settings = &setting, .setting_count = 1 };
		struct xc_store *store;
		struct xc_err err;
		int result;

		if (rows[i].environment)
			setenv(rows[i].environment, rows[i].value, 1);
		result = xc_store_open(rows[i].url, &opts, &store, &err);
		if (rows[i].environment)
			unsetenv(rows[i].environment);
		assert_int_equal(result, rows[i].origin ? 0 : -1);
		if (!rows[i].origin) {
			assert_non_null(strstr(err.msg, "there is no [services nowhere]"));
			continue;
		}
		assert_string_equal(xc_s3_base(xc_s3_store(store)->s3)->origin, rows[i].origin);
		xc_store_close(store);
	}
	unlink(path);
}

static void bad_urls_are_refused_with_their_fault(void **state)
{
	static const struct {
		const char *url, *fault;
	} rows[] = {
		{ "s3:", "s3://bucket/prefix" },
		{ "s3://", "s3://bucket/prefix" },
		{ "s3:///prefix", "s3://bucket/prefix" },
		{ "s3:bucket", "s3://bucket/prefix" },
		{ "s3://Bucket_/x", "Bucket_" },
		{ "s3://arn:aws:s3:us-east-1:123456789012:accesspoint/ci/x", "its alias" },
		{ " s3://bucket/x", "white space" },
		{ "s3://bucket/x\n", "white space" },
		{ "", "is empty" },
		{ "  ", "is empty" },
		{ "s3://bucket/a/../b", "'..'" },
		{ "s3://bucket/a//b", "empty element" },
		{ "s3://bucket/a%0Ab", "control character" },
		{ "s3://bucket/a%", "'%'" },
		{ "s3://bucket/a#b", "%23" },
		{ "s3://bucket?regoin=eu-west-1", "did you mean region?" },
		{ "s3://bucket?storage_class=X", "did you mean storage-class?" },
		{ "s3://bucket?nothing=like", "'nothing'" },
		{ "s3://bucket?region", "no value" },
		{ "s3://bucket?region=", "no value" },
		{ "s3://bucket?region=a&region=b", "twice" },
		{ "s3://bucket?region=x%0d%0ay", "printable" },
		{ "s3://bucket?region=../evil", "evil" },
		{ "s3://bucket?style=dns", "style=path" },
		{ "s3://bucket?part-size=4", "from 5 to 1024" },
		{ "s3://bucket?part-size=5x", "from 5 to 1024" },
		{ "s3://bucket?part-size=1025", "from 5 to 1024" },
		{ "s3://bucket?part-size=-1", "from 5 to 1024" },
		{ "s3://bucket?part-size=99999999999999999999", "from 5 to 1024" },
		{ "s3://bucket?checksums=maybe", "checksums=true" },
		{ "s3://bucket?fips=maybe", "neither true nor false" },
		{ "s3://bucket?sse=rot13", "sse=AES256" },
		{ "s3://bucket?endpoint=ftp://x", "ftp" },
		{ "s3://bucket?endpoint=http://x%3Fhunter2", "the endpoint has a query" },
		{ "s3://bucket?sts-endpoint=http://x%23hunter2", "the sts-endpoint has a query" },
		{ "s3://bucket?endpoint=127.0.0.1:9000", "127.0.0.1:9000" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct xc_store *store;
		struct xc_err err;

		if (xc_store_open(rows[i].url, NULL, &store, &err) == 0)
			fail_msg("%s was opened", rows[i].url);
		assert_int_equal(err.kind, XC_ERR_USAGE);
		if (!strstr(err.msg, rows[i].fault))
			fail_msg("%s: '%s' is not in: %s", rows[i].url, rows[i].fault, err.msg);
	}
}

/* Whoever puts a secret where it does not belong must not find it in the log of the failure. */
static void secrets_are_not_repeated(void **state)
{
	static const char *const urls[] = {
		"s3://AKIAXX:hunter2@bucket/p",
		"s3://AKIAXX:hunter2/hunter2@bucket/p",
		"s3://hunter2@bucket/p",
		"s3://AKIAXX:hun#hunter2@bucket/p",
		"s3://bucket/p?secret-access-key=hunter2",
		"s3://bucket/p?access-key=AKIAXX&secret=hunter2",
		"s3://bucket/p?session-token=hunter2",
		"s3://bucket/p?X-Amz-Security-Token=hunter2",
		"s3://bucket/p?password=hunter2",
		"s3://bucket/p?endpoint=https://me:hunter2@minio.example",
		"s3://bucket/p?sts-endpoint=https://me:hunter2@sts.example",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		struct xc_store *store;
		struct xc_err err;

		assert_int_equal(xc_store_open(urls[i], NULL, &store, &err), -1);
		assert_int_equal(err.kind, XC_ERR_USAGE);
		assert_null(strstr(err.msg, "hunter2"));
		if (!strstr(err.msg, "AWS_ACCESS_KEY_ID"))
			fail_msg("%s: %s", urls[i], err.msg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_url_has_its_bucket_prefix_and_host, clear_environment),
		cmocka_unit_test_setup(the_options_of_a_url_are_read, clear_environment),
		cmocka_unit_test_setup(the_environment_fills_what_the_url_leaves_out,
				       clear_environment),
		cmocka_unit_test_setup(a_profile_has_its_endpoint, clear_environment),
		cmocka_unit_test_setup(bad_urls_are_refused_with_their_fault, clear_environment),
		cmocka_unit_test_setup(secrets_are_not_repeated, clear_environment),
	};

	return cmocka_run_group_tests_name("S3 URLs", tests, NULL, NULL);
}
