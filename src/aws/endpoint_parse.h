/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints that were given, taken apart; and the names that AWS allows. */
#ifndef XC_AWS_ENDPOINT_PARSE_H
#define XC_AWS_ENDPOINT_PARSE_H

#include "aws/endpoint.h"

struct xc_s3_endpoint {
	bool is_https;
	bool is_address; /* an IP address: no name of a bucket can stand before it */
	char *host;      /* lower case, IPv6 in brackets */
	unsigned port;   /* 0: the scheme's own */
	char *path;      /* "" or "/a/b", encoded as written */
};

/* USAGE saying what is wrong with it and what to write. */
int xc_s3_endpoint_parse(const char *text, struct xc_s3_endpoint *ret_endpoint,
			 struct xc_err *err) XC_CHECK;
void xc_s3_endpoint_release(struct xc_s3_endpoint *endpoint);
#define cleanup_s3_endpoint __attribute__((cleanup(xc_s3_endpoint_release)))

/* AWS's rules ("General purpose bucket naming rules"), or with an endpoint those of others. */
int xc_s3_check_bucket(const char *bucket, bool is_aws, struct xc_err *err) XC_CHECK;
int xc_s3_check_region(const char *region, bool is_aws, struct xc_err *err) XC_CHECK;
/* Whether it can be a part of one of AWS's host names. */
bool xc_s3_is_region(const char *region);
/* Whether `text` is four numbers with dots between them. */
bool xc_s3_is_ipv4(const char *text);

#endif
