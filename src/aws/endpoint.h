/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which host and path a bucket's objects have (AWS, "Virtual hosting of
 * buckets", "Amazon S3 endpoints and quotas", "Dual-stack", "Transfer
 * acceleration", "FIPS"). Pure.
 */
#ifndef XC_AWS_ENDPOINT_H
#define XC_AWS_ENDPOINT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

enum xc_s3_style { XC_S3_STYLE_AUTO, XC_S3_STYLE_PATH, XC_S3_STYLE_VIRTUAL };

struct xc_s3_place {
	const char *bucket;
	const char *region;   /* never NULL: the caller has a default */
	const char *endpoint; /* "https://host[:port][/path]", or NULL for AWS's own */
	/* AUTO: in the host at AWS but for buckets with dots, in the path of endpoints given. */
	enum xc_s3_style style;
	bool dualstack, fips, accelerate;
};

struct xc_s3_base {
	char *origin; /* "https://host[:port]" */
	char *host;   /* as the Host header and the signature want it */
	char *path;   /* "/" or "/bucket/", encoded, before the object's key */
	bool is_https;
	bool is_aws; /* below amazonaws.com, amazonaws.com.cn or another of its domains */
};

/* USAGE for a bucket name, region or endpoint that cannot be, saying why and what to write. */
int xc_s3_base_make(const struct xc_s3_place *place, struct xc_s3_base *ret_base,
		    struct xc_err *err) XC_CHECK;
void xc_s3_base_release(struct xc_s3_base *base);
#define cleanup_s3_base __attribute__((cleanup(xc_s3_base_release)))

/*
 * "https://sts.REGION.amazonaws.com" with the region's own suffix; on the
 * heap. NULL for what cannot be a region: a token must not go to a host that
 * someone made up of it.
 */
char *xc_sts_origin(const char *region, bool fips);

#endif
