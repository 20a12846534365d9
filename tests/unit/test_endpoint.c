/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aws/endpoint.h"

enum { DUALSTACK = 1, FIPS = 2, ACCELERATE = 4 };

static struct xc_s3_place place_of(const char *bucket, const char *region, const char *endpoint,
				   enum xc_s3_style style, int variants)
{
	return (struct xc_s3_place){ .bucket = bucket,
				     .region = region,
				     .endpoint = endpoint,
				     .style = style,
				     .dualstack = variants & DUALSTACK,
				     .fips = variants & FIPS,
				     .accelerate = variants & ACCELERATE };
}

static void a_place_has_its_host_and_path(void **state)
{
	static const struct {
		const char *catches, *bucket, *region, *endpoint;
		enum xc_s3_style style;
		int variants;
		const char *origin, *host, *path;
		bool is_aws;
	} rows[] = {
		{ "AWS with the bucket in the path", "b-1", "eu-west-1", NULL, XC_S3_STYLE_AUTO, 0,
		  "https://b-1.s3.eu-west-1.amazonaws.com", "b-1.s3.eu-west-1.amazonaws.com", "/",
		  true },
		{ "us-east-1 by the global host", "bkt", "us-east-1", NULL, XC_S3_STYLE_AUTO, 0,
		  "https://bkt.s3.us-east-1.amazonaws.com", "bkt.s3.us-east-1.amazonaws.com", "/",
		  true },
		{ "dots in the host, which no certificate covers", "a.b", "eu-west-1", NULL,
		  XC_S3_STYLE_AUTO, 0, "https://s3.eu-west-1.amazonaws.com",
		  "s3.eu-west-1.amazonaws.com", "/a.b/", true },
		{ "a style that is not heeded", "bkt", "eu-west-1", NULL, XC_S3_STYLE_PATH, 0,
		  "https://s3.eu-west-1.amazonaws.com", "s3.eu-west-1.amazonaws.com", "/bkt/",
		  true },
		{ "China's suffix", "bkt", "cn-north-1", NULL, XC_S3_STYLE_AUTO, 0,
		  "https://bkt.s3.cn-north-1.amazonaws.com.cn",
		  "bkt.s3.cn-north-1.amazonaws.com.cn", "/", true },
		{ "a region that only begins like another", "bkt", "us-isob-east-1", NULL,
		  XC_S3_STYLE_AUTO, 0, "https://bkt.s3.us-isob-east-1.sc2s.sgov.gov",
		  "bkt.s3.us-isob-east-1.sc2s.sgov.gov", "/", true },
		{ "dual-stack", "bkt", "eu-west-1", NULL, XC_S3_STYLE_AUTO, DUALSTACK,
		  "https://bkt.s3.dualstack.eu-west-1.amazonaws.com",
		  "bkt.s3.dualstack.eu-west-1.amazonaws.com", "/", true },
		{ "FIPS", "bkt", "us-gov-west-1", NULL, XC_S3_STYLE_AUTO, FIPS,
		  "https://bkt.s3-fips.us-gov-west-1.amazonaws.com",
		  "bkt.s3-fips.us-gov-west-1.amazonaws.com", "/", true },
		{ "both of them in the wrong order", "bkt", "us-east-2", NULL, XC_S3_STYLE_AUTO,
		  FIPS | DUALSTACK, "https://bkt.s3-fips.dualstack.us-east-2.amazonaws.com",
		  "bkt.s3-fips.dualstack.us-east-2.amazonaws.com", "/", true },
		{ "acceleration with a region", "bkt", "eu-west-1", NULL, XC_S3_STYLE_AUTO,
		  ACCELERATE, "https://bkt.s3-accelerate.amazonaws.com",
		  "bkt.s3-accelerate.amazonaws.com", "/", true },
		{ "acceleration over IPv6", "bkt", "eu-west-1", NULL, XC_S3_STYLE_AUTO,
		  ACCELERATE | DUALSTACK, "https://bkt.s3-accelerate.dualstack.amazonaws.com",
		  "bkt.s3-accelerate.dualstack.amazonaws.com", "/", true },
		{ "an endpoint with the bucket in the host", "bkt", "auto",
		  "https://acc.r2.example.com", XC_S3_STYLE_AUTO, 0, "https://acc.r2.example.com",
		  "acc.r2.example.com", "/bkt/", false },
		{ "a port that is lost", "bkt", "x", "http://127.0.0.1:9000", XC_S3_STYLE_AUTO, 0,
		  "http://127.0.0.1:9000", "127.0.0.1:9000", "/bkt/", false },
		{ "the scheme's own port in the signature", "bkt", "x", "https://h.example:443/",
		  XC_S3_STYLE_AUTO, 0, "https://h.example", "h.example", "/bkt/", false },
		{ "the other scheme's port left out", "bkt", "x", "http://h.example:443",
		  XC_S3_STYLE_AUTO, 0, "http://h.example:443", "h.example:443", "/bkt/", false },
		{ "capitals, which clients send in lower case", "bkt", "x", "HTTPS://H.Example",
		  XC_S3_STYLE_AUTO, 0, "https://h.example", "h.example", "/bkt/", false },
		{ "a path before the bucket", "bkt", "x", "https://h.example/s3/v1//",
		  XC_S3_STYLE_AUTO, 0, "https://h.example", "h.example", "/s3/v1/bkt/", false },
		{ "the path with the bucket in the host", "bkt", "x", "https://h.example:81/s3",
		  XC_S3_STYLE_VIRTUAL, 0, "https://bkt.h.example:81", "bkt.h.example:81", "/s3/",
		  false },
		{ "IPv6 cut at its first colon", "bkt", "x", "http://[::1]:9000", XC_S3_STYLE_AUTO,
		  0, "http://[::1]:9000", "[::1]:9000", "/bkt/", false },
		{ "a name without dots", "bkt", "x", "http://minio:9000", XC_S3_STYLE_AUTO, 0,
		  "http://minio:9000", "minio:9000", "/bkt/", false },
		{ "buckets that others allow", "My_Bucket", "RegionOne", "https://h.example",
		  XC_S3_STYLE_AUTO, 0, "https://h.example", "h.example", "/My_Bucket/", false },
		{ "AWS's own endpoint taken for another", "bkt", "us-east-1",
		  "https://bucket.vpce-1a2b.s3.us-east-1.vpce.amazonaws.com", XC_S3_STYLE_AUTO, 0,
		  "https://bucket.vpce-1a2b.s3.us-east-1.vpce.amazonaws.com",
		  "bucket.vpce-1a2b.s3.us-east-1.vpce.amazonaws.com", "/bkt/", true },
		{ "a host that only ends like AWS", "bkt", "x", "https://notamazonaws.com",
		  XC_S3_STYLE_AUTO, 0, "https://notamazonaws.com", "notamazonaws.com", "/bkt/",
		  false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct xc_s3_place place =
			place_of(rows[i].bucket, rows[i].region, rows[i].endpoint, rows[i].style,
				 rows[i].variants);
		cleanup_s3_base struct xc_s3_base base = { 0 };
		struct xc_err err;

		if (xc_s3_base_make(&place, &base, &err) < 0)
			fail_msg("%s: %s", rows[i].catches, err.msg);
		if (strcmp(base.origin, rows[i].origin) != 0 ||
		    strcmp(base.host, rows[i].host) != 0 || strcmp(base.path, rows[i].path) != 0)
			fail_msg("%s: %s | %s | %s", rows[i].catches, base.origin, base.host,
				 base.path);
		if (base.is_aws != rows[i].is_aws ||
		    base.is_https != (strncmp(rows[i].origin, "https:", 6) == 0))
			fail_msg("%s: AWS %d, https %d", rows[i].catches, base.is_aws,
				 base.is_https);
	}
}

static void what_cannot_be_is_refused_with_a_way_out(void **state)
{
	static const struct {
		const char *catches, *bucket, *region, *endpoint;
		enum xc_s3_style style;
		int variants;
		const char *says;
	} rows[] = {
		{ "no bucket", "", "x", NULL, 0, 0, "s3://BUCKET/PREFIX" },
		{ "a short one", "ab", "x", NULL, 0, 0, "3 to 63" },
		{ "capitals at AWS", "Bkt", "x", NULL, 0, 0, "a-z" },
		{ "another host", "evil.com/x", "x", NULL, 0, 0, "a-z" },
		{ "another host at an endpoint", "a/../b", "x", "https://h.example", 0, 0,
		  "at most 255" },
		{ "the folder above", "..", "x", "https://h.example", 0, 0, "relative path" },
		{ "a dash at the end", "bkt-", "x", NULL, 0, 0, "begin and end" },
		{ "two dots", "b..kt", "x", NULL, 0, 0, "between" },
		{ "an address", "192.168.1.1", "x", NULL, 0, 0, "IP address" },
		{ "a directory bucket", "b--use1-az4--x-s3", "us-east-1", NULL, 0, 0, "Express" },
		{ "a region that leads elsewhere", "bkt", "x.evil.com/", NULL, 0, 0,
		  "eu-central-1" },
		{ "a region that breaks the scope", "bkt", "a/b", "https://h.example", 0, 0,
		  "eu-central-1" },
		{ "no region", "bkt", "", NULL, 0, 0, "eu-central-1" },
		{ "no scheme", "bkt", "x", "h.example:9000", 0, 0, "https://HOST" },
		{ "another scheme", "bkt", "x", "ftp://h.example", 0, 0, "https://HOST" },
		{ "no host", "bkt", "x", "https://", 0, 0, "names no host" },
		{ "a port alone", "bkt", "x", "https://:9000", 0, 0, "names no host" },
		{ "a blank in the host", "bkt", "x", "https://h example", 0, 0, "names no host" },
		{ "a line of a request", "bkt", "x", "https://h.example/\r\nX: y", 0, 0,
		  "unencoded" },
		{ "an address that inet_aton would read", "bkt", "x", "http://2130706433", 0, 0,
		  "names no host" },
		{ "half an IPv6 address", "bkt", "x", "http://[::1", 0, 0, "names no host" },
		{ "text behind an IPv6 address", "bkt", "x", "http://[::1]x", 0, 0,
		  "names no host" },
		{ "port 0", "bkt", "x", "https://h.example:0", 0, 0, "port" },
		{ "a port that wraps", "bkt", "x", "https://h.example:4294967739", 0, 0, "port" },
		{ "an empty port", "bkt", "x", "https://h.example:", 0, 0, "port" },
		{ "a query", "bkt", "x", "https://h.example/?a", 0, 0, "query" },
		{ "dots in the path", "bkt", "x", "https://h.example/a/../b", 0, 0, "dots" },
		{ "AWS's host with the bucket", "bkt", "eu-west-1",
		  "https://bkt.s3.eu-west-1.amazonaws.com", 0, 0,
		  "https://s3.eu-west-1.amazonaws.com" },
		{ "FIPS in China", "bkt", "cn-north-1", NULL, 0, FIPS, "no FIPS" },
		{ "acceleration in China", "bkt", "cn-north-1", NULL, 0, ACCELERATE,
		  "no transfer acceleration" },
		{ "FIPS lost under acceleration", "bkt", "us-east-1", NULL, 0, ACCELERATE | FIPS,
		  "choose one" },
		{ "dots with acceleration", "a.bkt", "us-east-1", NULL, 0, ACCELERATE, "dots" },
		{ "acceleration by path", "bkt", "us-east-1", NULL, XC_S3_STYLE_PATH, ACCELERATE,
		  "in the host name" },
		{ "dots in the host", "a.bkt", "us-east-1", NULL, XC_S3_STYLE_VIRTUAL, 0,
		  "certificates" },
		{ "FIPS lost under an endpoint", "bkt", "x", "https://h.example", 0, FIPS,
		  "choose one" },
		{ "a bucket before an address", "bkt", "x", "http://127.0.0.1:9000",
		  XC_S3_STYLE_VIRTUAL, 0, "IP address" },
		{ "a bucket that is no label", "_bkt", "x", "https://h.example",
		  XC_S3_STYLE_VIRTUAL, 0, "choose the style path" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct xc_s3_place place =
			place_of(rows[i].bucket, rows[i].region, rows[i].endpoint, rows[i].style,
				 rows[i].variants);
		struct xc_s3_base base = { 0 };
		struct xc_err err = { 0 };

		if (xc_s3_base_make(&place, &base, &err) == 0)
			fail_msg("%s: %s", rows[i].catches, base.origin);
		if (err.kind != XC_ERR_USAGE || !strstr(err.msg, rows[i].says))
			fail_msg("%s: kind %d, %s", rows[i].catches, (int)err.kind, err.msg);
		assert_null(base.origin);
	}
}

static void a_password_in_an_endpoint_is_not_repeated(void **state)
{
	static const char *const endpoints[] = { "https://user:hunter2@h.example",
						 "user:hunter2@h.example",
						 "https://h.example/?u:hunter2@" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(endpoints); i++) {
		struct xc_s3_place place = place_of("bkt", "x", endpoints[i], XC_S3_STYLE_AUTO, 0);
		struct xc_s3_base base;
		struct xc_err err = { 0 };

		assert_int_equal(xc_s3_base_make(&place, &base, &err), -1);
		assert_int_equal(err.kind, XC_ERR_USAGE);
		assert_null(strstr(err.msg, "hunter2"));
		assert_non_null(strstr(err.msg, "user name"));
	}
}

static void sts_stands_in_the_region(void **state)
{
	static const struct {
		const char *region;
		bool fips;
		const char *origin;
	} rows[] = {
		{ "eu-west-1", false, "https://sts.eu-west-1.amazonaws.com" },
		{ "us-east-1", true, "https://sts-fips.us-east-1.amazonaws.com" },
		{ "cn-north-1", false, "https://sts.cn-north-1.amazonaws.com.cn" },
		{ "us-gov-west-1", true, "https://sts.us-gov-west-1.amazonaws.com" },
		{ "evil.example/", false, NULL },
		{ "x@evil", false, NULL },
		{ "", false, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_free char *origin = xc_sts_origin(rows[i].region, rows[i].fips);

		if (!rows[i].origin)
			assert_null(origin);
		else
			assert_string_equal(origin, rows[i].origin);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_place_has_its_host_and_path),
		cmocka_unit_test(what_cannot_be_is_refused_with_a_way_out),
		cmocka_unit_test(a_password_in_an_endpoint_is_not_repeated),
		cmocka_unit_test(sts_stands_in_the_region),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
