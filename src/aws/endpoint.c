/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/endpoint.h"

#include <string.h>

#include "aws/endpoint_parse.h"

/* A partition of AWS: the regions that share a suffix, by how their names begin. */
struct partition {
	const char *region_start;
	const char *suffix;
	bool has_fips, has_accelerate, has_dualstack;
};

static const struct partition partitions[] = {
	{ "cn-", "amazonaws.com.cn", false, false, true },
	{ "us-gov-", "amazonaws.com", true, false, true },
	{ "us-iso-", "c2s.ic.gov", true, false, false },
	{ "us-isob-", "sc2s.sgov.gov", true, false, false },
	{ "us-isof-", "csp.hci.ic.gov", true, false, false },
	{ "eu-isoe-", "cloud.adc-e.uk", true, false, false },
	{ "eusc-", "amazonaws.eu", false, false, true },
	{ "", "amazonaws.com", true, true, true },
};

static const struct partition *partition_of(const char *region)
{
	const struct partition *partition = partitions;

	while (strncmp(region, partition->region_start, strlen(partition->region_start)) != 0)
		partition++;
	return partition;
}

static bool is_below(const char *host, const char *domain)
{
	size_t length = strlen(host), domain_length = strlen(domain);

	return length > domain_length && host[length - domain_length - 1] == '.' &&
	       strcmp(host + length - domain_length, domain) == 0;
}

static bool is_aws_host(const char *host)
{
	for (size_t i = 0; i < ARRAY_LEN(partitions); i++)
		if (is_below(host, partitions[i].suffix))
			return true;
	return false;
}

void xc_s3_base_release(struct xc_s3_base *base)
{
	free(base->origin);
	free(base->host);
	free(base->path);
	*base = (struct xc_s3_base){ 0 };
}

static int refuse(struct xc_err *err, const char *why)
{
	return xc_err_set(err, XC_ERR_USAGE, "%s", why);
}

/* What AWS does not offer together, or not there. */
static int check_variant(const struct xc_s3_place *place, struct xc_err *err)
{
	const struct partition *partition = partition_of(place->region);
	bool has_dots = strchr(place->bucket, '.') != NULL;

	if (place->fips && !partition->has_fips)
		return xc_err_set(err, XC_ERR_USAGE, "region %s has no FIPS endpoints",
				  place->region);
	if (place->dualstack && !partition->has_dualstack)
		return xc_err_set(err, XC_ERR_USAGE, "region %s has no dual-stack endpoints",
				  place->region);
	if (has_dots && place->style == XC_S3_STYLE_VIRTUAL)
		return refuse(err, "AWS's certificates do not cover a bucket with dots in the host "
				   "name; leave the style out, or choose path");
	if (!place->accelerate)
		return 0;
	if (!partition->has_accelerate)
		return xc_err_set(err, XC_ERR_USAGE, "region %s has no transfer acceleration",
				  place->region);
	if (place->fips)
		return refuse(err, "transfer acceleration has no FIPS endpoints; choose one");
	if (has_dots)
		return refuse(err, "transfer acceleration does not take buckets with dots");
	if (place->style == XC_S3_STYLE_PATH)
		return refuse(err, "transfer acceleration needs the bucket in the host name, "
				   "not in the path");
	return 0;
}

/* S3's own host for this place, without the bucket. */
static char *service_host(const struct xc_s3_place *place)
{
	const char *suffix = partition_of(place->region)->suffix;

	if (place->accelerate)
		return xc_asprintf("s3-accelerate.%s%s", place->dualstack ? "dualstack." : "",
				   suffix);
	return xc_asprintf("s3%s.%s%s.%s", place->fips ? "-fips" : "",
			   place->dualstack ? "dualstack." : "", place->region, suffix);
}

static void fill(struct xc_s3_base *base, char *host, char *path)
{
	base->host = host;
	base->path = path;
	base->origin = xc_asprintf("%s://%s", base->is_https ? "https" : "http", host);
}

static int make_aws(const struct xc_s3_place *place, struct xc_s3_base *ret_base,
		    struct xc_err *err)
{
	cleanup_free char *service = NULL;
	bool in_path = place->style == XC_S3_STYLE_PATH || strchr(place->bucket, '.');

	if (check_variant(place, err) < 0)
		return -1;
	service = service_host(place);
	*ret_base = (struct xc_s3_base){ .is_https = true, .is_aws = true };
	if (in_path)
		fill(ret_base, STEAL_PTR(service), xc_asprintf("/%s/", place->bucket));
	else
		fill(ret_base, xc_asprintf("%s.%s", place->bucket, service), xc_strdup("/"));
	return 0;
}

static int check_given(const struct xc_s3_place *place, const struct xc_s3_endpoint *endpoint,
		       struct xc_err *err)
{
	size_t length = strlen(place->bucket);
	const char *variant = place->dualstack    ? "dual-stack"
			      : place->fips       ? "FIPS"
			      : place->accelerate ? "accelerated"
						  : NULL;

	if (variant)
		return xc_err_set(err, XC_ERR_USAGE,
				  "an endpoint and a %s one are asked for; choose one", variant);
	/* Else objects would lie below a folder that has the bucket's name. */
	if (strncmp(endpoint->host, place->bucket, length) == 0 &&
	    strncmp(endpoint->host + length, ".s3", 3) == 0 && is_aws_host(endpoint->host))
		return xc_err_set(err, XC_ERR_USAGE,
				  "endpoint %s names the bucket already; write https://%s, or none",
				  XC_QUOTE(place->endpoint), endpoint->host + length + 1);
	if (place->style != XC_S3_STYLE_VIRTUAL)
		return 0;
	if (endpoint->is_address)
		return xc_err_set(err, XC_ERR_USAGE,
				  "no bucket can precede the IP address of endpoint %s; "
				  "leave the style out, or choose path",
				  XC_QUOTE(place->endpoint));
	if (strchr("._-", place->bucket[0]) || strchr("._-", place->bucket[length - 1]) ||
	    strstr(place->bucket, "..") || length + strlen(endpoint->host) > 252)
		return xc_err_set(
			err, XC_ERR_USAGE,
			"bucket %s cannot be a part of a host name; choose the style path",
			XC_QUOTE(place->bucket));
	return 0;
}

static int make_given(const struct xc_s3_place *place, struct xc_s3_base *ret_base,
		      struct xc_err *err)
{
	cleanup_s3_endpoint struct xc_s3_endpoint endpoint = { 0 };
	cleanup_free char *port = NULL;
	bool is_virtual = place->style == XC_S3_STYLE_VIRTUAL;
	char *host, *path;

	if (xc_s3_endpoint_parse(place->endpoint, &endpoint, err) < 0 ||
	    check_given(place, &endpoint, err) < 0)
		return -1;
	*ret_base = (struct xc_s3_base){ .is_https = endpoint.is_https,
					 .is_aws = is_aws_host(endpoint.host) };
	port = endpoint.port ? xc_asprintf(":%u", endpoint.port) : xc_strdup("");
	host = xc_asprintf("%s%s%s%s", is_virtual ? place->bucket : "", is_virtual ? "." : "",
			   endpoint.host, port);
	path = xc_asprintf("%s/%s%s", endpoint.path, is_virtual ? "" : place->bucket,
			   is_virtual ? "" : "/");
	fill(ret_base, host, path);
	return 0;
}

int xc_s3_base_make(const struct xc_s3_place *place, struct xc_s3_base *ret_base,
		    struct xc_err *err)
{
	bool is_aws = place->endpoint == NULL;

	if (xc_s3_check_bucket(place->bucket, is_aws, err) < 0 ||
	    xc_s3_check_region(place->region, is_aws, err) < 0)
		return -1;
	return is_aws ? make_aws(place, ret_base, err) : make_given(place, ret_base, err);
}

char *xc_sts_origin(const char *region, bool fips)
{
	const struct partition *partition;

	if (!xc_s3_is_region(region))
		return NULL;
	partition = partition_of(region);
	/* GovCloud's are FIPS endpoints by their common name (AWS, "STS endpoints"). */
	return xc_asprintf(
		"https://sts%s.%s.%s",
		fips && strncmp(region, "us-gov-", 7) != 0 && partition->has_fips ? "-fips" : "",
		region, partition->suffix);
}
