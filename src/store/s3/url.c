/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s3://bucket/prefix?option=value&... and what the environment adds to it.
 * There is no place for keys in such a URL; whoever puts some there is told
 * so without repeating them.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/suggest.h"
#include "store/s3/internal.h"
#include "store/url.h"

/* More would make buffers that memory has no room for. */
#define PART_MIB_MAX 1024
#define WAIT_MS_MAX  600000

typedef int option_fn(struct xc_s3_url *url, const char *value, struct xc_err *err);

enum option_kind { TEXT, TRUTH, OTHER };

struct option {
	const char *name;
	enum option_kind kind;
	size_t offset; /* in struct xc_s3_opts, of TEXT and TRUTH */
	option_fn *set;
};

static option_fn set_style, set_checksums, set_part_size, set_endpoint, set_sts_endpoint,
	set_encryption;

static const struct option options[] = {
	{ "accelerate", TRUTH, offsetof(struct xc_s3_opts, accelerate), NULL },
	{ "checksums", OTHER, 0, set_checksums },
	{ "dualstack", TRUTH, offsetof(struct xc_s3_opts, dualstack), NULL },
	{ "endpoint", OTHER, 0, set_endpoint },
	{ "expected-bucket-owner", TEXT, offsetof(struct xc_s3_opts, bucket_owner), NULL },
	{ "fips", TRUTH, offsetof(struct xc_s3_opts, fips), NULL },
	{ "kms-key", TEXT, offsetof(struct xc_s3_opts, kms_key), NULL },
	{ "part-size", OTHER, 0, set_part_size },
	{ "region", TEXT, offsetof(struct xc_s3_opts, region), NULL },
	{ "requester-pays", TRUTH, offsetof(struct xc_s3_opts, requester_pays), NULL },
	{ "sse", OTHER, 0, set_encryption },
	{ "storage-class", TEXT, offsetof(struct xc_s3_opts, storage_class), NULL },
	{ "sts-endpoint", OTHER, 0, set_sts_endpoint },
	{ "style", OTHER, 0, set_style },
};

void xc_s3_url_release(struct xc_s3_url *url)
{
	free(url->prefix);
	free(url->display_url);
	xc_strlist_release(&url->texts);
}

static const char *keep(struct xc_s3_url *url, const char *text)
{
	xc_strlist_add(&url->texts, text);
	return url->texts.items[url->texts.count - 1];
}

static int parse_truth(const char *text, bool *ret_value)
{
	static const char *const yes[] = { "true", "1", "yes", "on" };
	static const char *const no[] = { "false", "0", "no", "off" };

	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		if (strcasecmp(text, yes[i]) != 0 && strcasecmp(text, no[i]) != 0)
			continue;
		*ret_value = strcasecmp(text, yes[i]) == 0;
		return 0;
	}
	return -1;
}

static int bad_value(const char *name, const char *value, const char *allowed, struct xc_err *err)
{
	return xc_err_set(err, XC_ERR_USAGE, "the store URL has %s=%s; write %s", name,
			  XC_QUOTE(value), allowed);
}

static int set_style(struct xc_s3_url *url, const char *value, struct xc_err *err)
{
	if (strcmp(value, "path") == 0)
		url->opts.style = XC_S3_STYLE_PATH;
	else if (strcmp(value, "virtual") == 0)
		url->opts.style = XC_S3_STYLE_VIRTUAL;
	else
		return bad_value("style", value, "style=path or style=virtual", err);
	return 0;
}

static int set_checksums(struct xc_s3_url *url, const char *value, struct xc_err *err)
{
	bool sends;

	if (parse_truth(value, &sends) < 0)
		return bad_value("checksums", value, "checksums=true or checksums=false", err);
	url->opts.checksums = sends;
	return 0;
}

static int set_part_size(struct xc_s3_url *url, const char *value, struct xc_err *err)
{
	char *end;
	unsigned long mib = value[0] >= '0' && value[0] <= '9' ? strtoul(value, &end, 10) : 0;

	if (mib < XC_S3_PART_BYTES_MIN >> 20 || mib > PART_MIB_MAX || *end != '\0')
		return bad_value("part-size", value, "the size of a part in MiB, from 5 to 1024",
				 err);
	url->part_bytes = (size_t)mib << 20;
	return 0;
}

static int set_encryption(struct xc_s3_url *url, const char *value, struct xc_err *err)
{
	if (strcmp(value, "AES256") != 0 && strcmp(value, "aws:kms") != 0 &&
	    strcmp(value, "aws:kms:dsse") != 0)
		return bad_value("sse", value, "sse=AES256, sse=aws:kms or sse=aws:kms:dsse", err);
	url->opts.encryption = keep(url, value);
	return 0;
}

static int no_credentials_here(struct xc_err *err)
{
	return xc_err_set(
		err, XC_ERR_USAGE,
		"a store URL must not hold credentials: it ends up in logs; set "
		"AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use a profile or a role");
}

/* An endpoint is shown in logs, so it holds no password, and no query that could be one. */
static int check_endpoint(const char *name, const char *value, struct xc_err *err)
{
	if (strchr(value, '@'))
		return no_credentials_here(err);
	if (strpbrk(value, "?#"))
		return xc_err_set(err, XC_ERR_USAGE,
				  "the %s has a query or a fragment; write https://HOST[:PORT]",
				  name);
	return 0;
}

static int set_endpoint(struct xc_s3_url *url, const char *value, struct xc_err *err)
{
	if (check_endpoint("endpoint", value, err) < 0)
		return -1;
	url->opts.endpoint = keep(url, value);
	return 0;
}

static int set_sts_endpoint(struct xc_s3_url *url, const char *value, struct xc_err *err)
{
	if (check_endpoint("sts-endpoint", value, err) < 0)
		return -1;
	url->opts.credentials.sts_endpoint = keep(url, value);
	return 0;
}

static int set_truth(bool *flag, const char *name, const char *value, struct xc_err *err)
{
	if (parse_truth(value, flag) == 0)
		return 0;
	return xc_err_set(err, XC_ERR_USAGE, "%s=%s is neither true nor false", name,
			  XC_QUOTE(value));
}

/* Words that a secret may stand behind. */
static bool speaks_of_credentials(const char *name)
{
	static const char *const words[] = { "key", "secret", "token", "password", "credential" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcasestr(name, words[i]))
			return true;
	return false;
}

static int unknown_option(const char *name, struct xc_err *err)
{
	const char *names[ARRAY_LEN(options)], *nearest;

	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		names[i] = options[i].name;
	nearest = xc_suggest(name, names, ARRAY_LEN(options));
	if (nearest)
		return xc_err_set(err, XC_ERR_USAGE,
				  "the store URL has the option '%s', which S3 stores do not know; "
				  "did you mean %s?",
				  XC_QUOTE(name), nearest);
	if (speaks_of_credentials(name))
		return no_credentials_here(err);
	return xc_err_set(err, XC_ERR_USAGE,
			  "the store URL has the option '%s', which S3 stores do not know",
			  XC_QUOTE(name));
}

/* Values go into headers and messages. */
static int check_value(const char *name, const char *value, struct xc_err *err)
{
	if (value[0] == '\0')
		return xc_err_set(err, XC_ERR_USAGE,
				  "the option %s of the store URL has no value; leave it out",
				  name);
	for (const char *at = value; *at != '\0'; at++)
		if (*at <= 0x20 || *at >= 0x7f)
			return xc_err_set(
				err, XC_ERR_USAGE,
				"the option %s of the store URL has the value '%s': it may "
				"hold printable ASCII only",
				name, XC_QUOTE(value));
	return 0;
}

static int set_option(struct xc_s3_url *url, const struct option *option, const char *value,
		      struct xc_err *err)
{
	char *field = (char *)&url->opts + option->offset;

	if (check_value(option->name, value, err) < 0)
		return -1;
	if (option->kind == TRUTH)
		return set_truth((bool *)field, option->name, value, err);
	if (option->kind == OTHER)
		return option->set(url, value, err);
	*(const char **)field = keep(url, value);
	return 0;
}

static const struct option *find_option(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (strcmp(name, options[i].name) == 0)
			return &options[i];
	return NULL;
}

/* What a value needs so that it can stand in the URL again. */
static void add_display(struct xc_buf *display, const char *name, const char *value)
{
	xc_buf_addf(display, "%s%s=", strchr(xc_buf_str(display), '?') ? "&" : "?", name);
	for (; *value != '\0'; value++) {
		if (strchr("%&#", *value))
			xc_buf_addf(display, "%%%02X", *value);
		else
			xc_buf_add_char(display, *value);
	}
}

static int parse_option(struct xc_s3_url *url, const char *text, size_t length,
			struct xc_buf *display, bool *seen, struct xc_err *err)
{
	const char *equals = memchr(text, '=', length);
	size_t name_length = equals ? (size_t)(equals - text) : length;
	cleanup_free char *name = NULL, *value = NULL;
	const struct option *option;

	if (xc_url_decode(text, name_length, &name, err) < 0)
		return -1;
	option = find_option(name);
	if (!option)
		return unknown_option(name, err);
	if (seen[option - options])
		return xc_err_set(err, XC_ERR_USAGE, "the store URL has the option %s twice",
				  option->name);
	seen[option - options] = true;
	if (!equals)
		value = xc_strdup(option->kind == TRUTH ? "true" : "");
	else if (xc_url_decode(equals + 1, length - name_length - 1, &value, err) < 0)
		return -1;
	if (set_option(url, option, value, err) < 0)
		return -1;
	add_display(display, option->name, value);
	return 0;
}

static int parse_options(struct xc_s3_url *url, const char *text, struct xc_buf *display,
			 bool *seen, struct xc_err *err)
{
	while (*text != '\0') {
		size_t length = strcspn(text, "&");

		if (length > 0 && parse_option(url, text, length, display, seen, err) < 0)
			return -1;
		text += length + (text[length] == '&');
	}
	return 0;
}

static const char *environment(const char *name)
{
	const char *value = getenv(name);

	return value && value[0] != '\0' ? value : NULL;
}

static int truth_from_environment(const char *name, bool *flag, struct xc_err *err)
{
	const char *value = environment(name);

	return value ? set_truth(flag, name, value, err) : 0;
}

static int milliseconds_from_environment(const char *name, unsigned *ret_ms, struct xc_err *err)
{
	const char *value = environment(name);
	unsigned long ms;
	char *end;

	if (!value)
		return 0;
	ms = strtoul(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end != '\0' || ms == 0 || ms > WAIT_MS_MAX)
		return xc_err_set(err, XC_ERR_USAGE,
				  "%s takes a number of milliseconds from 1 to %d, not '%s'", name,
				  WAIT_MS_MAX, XC_QUOTE(value));
	*ret_ms = (unsigned)ms;
	return 0;
}

static int add_endpoint(struct xc_s3_url *url, struct xc_err *err)
{
	cleanup_free char *endpoint = NULL;

	if (url->opts.endpoint)
		return 0;
	if (xc_credentials_endpoint(&url->opts.credentials, "s3", &endpoint, err) < 0)
		return -1;
	return endpoint ? set_endpoint(url, endpoint, err) : 0;
}

static int add_environment(struct xc_s3_url *url, const bool *seen, struct xc_err *err)
{
	struct xc_s3_opts *opts = &url->opts;

	/* The defaults suit networks; tests of bad ones want to be through sooner. */
	if (milliseconds_from_environment("XCACHE_STALL_MS", &opts->http.stall_ms, err) < 0 ||
	    milliseconds_from_environment("XCACHE_BACKOFF_MS", &opts->http.backoff_ms, err) < 0 ||
	    add_endpoint(url, err) < 0)
		return -1;
	/* AWS's variables speak of AWS's endpoints only. */
	if (opts->endpoint)
		return 0;
	if (!seen[find_option("dualstack") - options] &&
	    truth_from_environment("AWS_USE_DUALSTACK_ENDPOINT", &opts->dualstack, err) < 0)
		return -1;
	if (!seen[find_option("fips") - options] &&
	    truth_from_environment("AWS_USE_FIPS_ENDPOINT", &opts->fips, err) < 0)
		return -1;
	return 0;
}

/* "/a/b/" is the prefix "a/b/". */
static int set_prefix(struct xc_s3_url *url, const char *path, struct xc_err *err)
{
	size_t length;

	while (*path == '/')
		path++;
	for (length = strlen(path); length > 0 && path[length - 1] == '/';)
		length--;
	if (length == 0) {
		url->prefix = xc_strdup("");
		return 0;
	}
	url->prefix = xc_asprintf("%.*s/", (int)length, path);
	url->prefix[length] = '\0';
	if (xc_store_check_name(url->prefix, err) < 0)
		return xc_err_wrap(err, "the prefix in the store URL");
	url->prefix[length] = '/';
	/* Something must be left for the names. */
	if (length > XC_S3_KEY_MAX / 2)
		return xc_err_set(err, XC_ERR_USAGE,
				  "the prefix in the store URL is longer than %d bytes",
				  XC_S3_KEY_MAX / 2);
	return 0;
}

static int check_bucket(const char *rest, const struct xc_url *url, struct xc_err *err)
{
	if (strncmp(rest, "//", 2) != 0 || url->host[0] == '\0')
		return xc_err_set(
			err, XC_ERR_USAGE,
			"the URL of an S3 store needs a bucket: write s3://bucket/prefix");
	return 0;
}

/* "arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME" and the like: no part of it is a secret. */
static int check_no_arn(const char *rest, struct xc_err *err)
{
	const char *host = strncmp(rest, "//", 2) == 0 ? rest + 2 : rest;

	if (strncasecmp(host, "arn:", 4) != 0)
		return 0;
	return xc_err_set(err, XC_ERR_USAGE,
			  "a bucket cannot be named by an ARN: write s3://BUCKET/PREFIX with its "
			  "name, or for an access point with its alias");
}

/* Before anything is quoted: "s3://ACCESS:SECRET@bucket", and secrets may hold a slash. */
static bool has_userinfo(const char *rest)
{
	const char *host = strncmp(rest, "//", 2) == 0 ? rest + 2 : rest;
	size_t length = strcspn(host, "/?#");

	return memchr(host, '@', length) || memchr(host, ':', length);
}

int xc_s3_url_parse(const char *rest, const char *profile, struct xc_s3_url *ret_url,
		    struct xc_err *err)
{
	cleanup_s3_url struct xc_s3_url url = {
		.opts = { .checksums = -1, .credentials.profile = profile },
		.part_bytes = XC_S3_PART_BYTES,
	};
	cleanup_url struct xc_url parts = { 0 };
	cleanup_buf struct xc_buf display = XC_BUF_INIT;
	cleanup_free char *encoded = NULL;
	bool seen[ARRAY_LEN(options)] = { false };

	if (check_no_arn(rest, err) < 0)
		return -1;
	if (has_userinfo(rest))
		return no_credentials_here(err);
	if (xc_url_parse(rest, &parts, err) < 0 || check_bucket(rest, &parts, err) < 0 ||
	    set_prefix(&url, parts.path, err) < 0)
		return -1;
	url.opts.bucket = keep(&url, parts.host);
	encoded = xc_url_encode_path(url.prefix);
	if (encoded[0] != '\0')
		encoded[strlen(encoded) - 1] = '\0';
	xc_buf_addf(&display, "s3://%s%s%s", parts.host, encoded[0] ? "/" : "", encoded);
	if (parse_options(&url, parts.options, &display, seen, err) < 0 ||
	    add_environment(&url, seen, err) < 0)
		return -1;
	if (url.opts.kms_key && !url.opts.encryption)
		url.opts.encryption = "aws:kms";
	url.display_url = xc_buf_steal(&display);
	*ret_url = url;
	url = (struct xc_s3_url){ 0 };
	return 0;
}
