/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/endpoint_parse.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "http/url.h"

#define HOST_BYTES_MAX 253 /* RFC 1035, 2.3.4 */
#define PATH_BYTES_MAX 1000

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Letters of both cases, digits and `marks`. */
static bool is_made_of(const char *text, size_t length, const char *marks)
{
	for (size_t i = 0; i < length; i++)
		if (!is_lower(text[i]) && !is_upper(text[i]) && !is_digit(text[i]) &&
		    (text[i] == '\0' || !strchr(marks, text[i])))
			return false;
	return true;
}

void xc_s3_endpoint_release(struct xc_s3_endpoint *endpoint)
{
	free(endpoint->host);
	free(endpoint->path);
	*endpoint = (struct xc_s3_endpoint){ 0 };
}

bool xc_s3_is_ipv4(const char *text)
{
	struct in_addr address;

	return inet_pton(AF_INET, text, &address) == 1;
}

static int refuse(const char *endpoint, const char *why, struct xc_err *err)
{
	char public[200];

	return xc_err_set(err, XC_ERR_USAGE, "endpoint %s %s; write https://HOST[:PORT][/PATH]",
			  xc_url_public(endpoint, public, sizeof(public)), why);
}

/* The length of the host that `text` starts with, 0 if there is none. */
static size_t host_length(const char *text, bool *ret_is_address)
{
	struct in6_addr address;
	char copy[INET6_ADDRSTRLEN];
	size_t length;

	*ret_is_address = text[0] == '[';
	if (text[0] != '[') {
		length = strcspn(text, ":/?#");
		return length <= HOST_BYTES_MAX && is_made_of(text, length, ".-_") ? length : 0;
	}
	length = strcspn(text, "]");
	if (text[length] != ']' || length - 1 >= sizeof(copy))
		return 0;
	snprintf(copy, sizeof(copy), "%.*s", (int)length - 1, text + 1);
	return inet_pton(AF_INET6, copy, &address) == 1 ? length + 1 : 0;
}

/* No empty label, and none but IPv4 ends in one of digits: resolvers read those as numbers. */
static bool is_host_name(const char *host)
{
	const char *dot = strrchr(host, '.'), *last = dot ? dot + 1 : host;

	if (host[0] == '.' || host[0] == '-' || strstr(host, "..") || *last == '\0')
		return false;
	return strspn(last, "0123456789") != strlen(last) || xc_s3_is_ipv4(host);
}

static int take_port(const char *text, size_t length, unsigned *ret_port)
{
	unsigned port = 0;

	for (size_t i = 0; i < length; i++) {
		if (!is_digit(text[i]) || port > 65535)
			return -1;
		port = 10 * port + (unsigned)(text[i] - '0');
	}
	*ret_port = port;
	return port >= 1 && port <= 65535 ? 0 : -1;
}

/* Sent and signed as it stands: it must be encoded, and mean no other folder. */
static bool is_path(const char *path)
{
	if (strlen(path) > PATH_BYTES_MAX || !is_made_of(path, strlen(path), "/-._~%"))
		return false;
	for (const char *segment = path; *segment;) {
		size_t length = strcspn(segment + 1, "/");

		if (length == 0 || (length == 1 && segment[1] == '.') ||
		    (length == 2 && segment[1] == '.' && segment[2] == '.'))
			return false;
		segment += 1 + length;
	}
	return true;
}

static int take_scheme(const char *text, struct xc_s3_endpoint *endpoint, size_t *ret_length,
		       struct xc_err *err)
{
	static const char https[] = "https://", http[] = "http://";

	endpoint->is_https = strncasecmp(text, https, strlen(https)) == 0;
	if (!endpoint->is_https && strncasecmp(text, http, strlen(http)) != 0)
		return refuse(text, "begins with neither https:// nor http://", err);
	*ret_length = strlen(endpoint->is_https ? https : http);
	return 0;
}

static int take_authority(const char *text, const char *at, struct xc_s3_endpoint *endpoint,
			  size_t *ret_length, struct xc_err *err)
{
	size_t length, port;

	length = host_length(at, &endpoint->is_address);
	if (length == 0)
		return refuse(text, "names no host", err);
	endpoint->host = xc_strndup(at, length);
	for (char *c = endpoint->host; *c; c++)
		if (is_upper(*c))
			*c += 'a' - 'A';
	if (!endpoint->is_address && !is_host_name(endpoint->host))
		return refuse(text, "names no host", err);
	endpoint->is_address |= xc_s3_is_ipv4(endpoint->host);
	*ret_length = length;
	if (at[length] != ':')
		return 0;
	port = strcspn(at + length + 1, "/?#");
	if (take_port(at + length + 1, port, &endpoint->port) < 0)
		return refuse(text, "has a port outside 1 to 65535", err);
	if (endpoint->port == (endpoint->is_https ? 443u : 80u))
		endpoint->port = 0;
	*ret_length = length + 1 + port;
	return 0;
}

int xc_s3_endpoint_parse(const char *text, struct xc_s3_endpoint *ret_endpoint, struct xc_err *err)
{
	cleanup_s3_endpoint struct xc_s3_endpoint endpoint = { 0 };
	const char *at = text;
	size_t length = 0;

	/* Not quoted: it may hold a password. */
	if (strchr(text, '@'))
		return xc_err_set(
			err, XC_ERR_USAGE,
			"the endpoint holds a user name: credentials do not belong there");
	if (take_scheme(text, &endpoint, &length, err) < 0)
		return -1;
	at += length;
	if (take_authority(text, at, &endpoint, &length, err) < 0)
		return -1;
	at += length;
	if (strpbrk(at, "?#"))
		return refuse(text, "has a query or a fragment", err);
	length = strlen(at);
	while (length > 0 && at[length - 1] == '/')
		length--;
	if (*at && *at != '/')
		return refuse(text, "names no host", err);
	endpoint.path = xc_strndup(at, length);
	if (!is_path(endpoint.path))
		return refuse(text, "has a path with empty folders, dots or unencoded characters",
			      err);
	*ret_endpoint = endpoint;
	endpoint = (struct xc_s3_endpoint){ 0 };
	return 0;
}

static const char *wrong_for_aws(const char *bucket)
{
	size_t length = strlen(bucket);

	if (length < 3 || length > 63)
		return "AWS's have 3 to 63 characters";
	for (const char *c = bucket; *c; c++)
		if (!is_lower(*c) && !is_digit(*c) && *c != '.' && *c != '-')
			return "AWS's are made of a-z, 0-9, '.' and '-'";
	if (strchr(".-", bucket[0]) || strchr(".-", bucket[length - 1]))
		return "AWS's begin and end with a letter or a digit";
	if (strstr(bucket, "..") || strstr(bucket, ".-") || strstr(bucket, "-."))
		return "in AWS's each '.' is between letters or digits";
	if (xc_s3_is_ipv4(bucket))
		return "it is an IP address";
	if (xc_ends_with(bucket, "--x-s3"))
		return "directory buckets (S3 Express One Zone) are not supported";
	return NULL;
}

int xc_s3_check_bucket(const char *bucket, bool is_aws, struct xc_err *err)
{
	const char *wrong = NULL;

	if (bucket[0] == '\0')
		return xc_err_set(err, XC_ERR_USAGE,
				  "no bucket is named; write s3://BUCKET/PREFIX");
	if (is_aws)
		wrong = wrong_for_aws(bucket);
	else if (strlen(bucket) > 255 || !is_made_of(bucket, strlen(bucket), "._-"))
		wrong = "it has at most 255 letters, digits, '.', '_' and '-'";
	else if (strcmp(bucket, ".") == 0 || strcmp(bucket, "..") == 0)
		wrong = "it is a relative path";
	if (!wrong)
		return 0;
	return xc_err_set(err, XC_ERR_USAGE, "%s cannot be a bucket: %s", XC_QUOTE(bucket), wrong);
}

bool xc_s3_is_region(const char *region)
{
	size_t length = strlen(region);

	if (length == 0 || length > 63 || region[0] == '-' || region[length - 1] == '-')
		return false;
	for (const char *c = region; *c; c++)
		if (!is_lower(*c) && !is_digit(*c) && *c != '-')
			return false;
	return true;
}

/* Others have names like RegionOne; there it only goes into the signature. */
int xc_s3_check_region(const char *region, bool is_aws, struct xc_err *err)
{
	size_t length = strlen(region);

	if (is_aws ? xc_s3_is_region(region)
		   : length >= 1 && length <= 63 && is_made_of(region, length, "-_."))
		return 0;
	return xc_err_set(err, XC_ERR_USAGE, "%s cannot be a region; write one like eu-central-1",
			  XC_QUOTE(region));
}
