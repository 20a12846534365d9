/* SPDX-License-Identifier: Apache-2.0 */
#include "action/store_url.h"

#include <string.h>

#include "base/uri.h"

static void add_option(struct xc_buf *url, const char *name, const char *value)
{
	if (*value == '\0')
		return;
	xc_buf_addf(url, "%c%s=", strchr(url->data, '?') ? '&' : '?', name);
	xc_uri_encode(value, strlen(value), false, url);
}

static char *s3_url(const struct xc_action_inputs *inputs)
{
	struct xc_buf url = XC_BUF_INIT;
	const char *prefix = inputs->s3_prefix + strspn(inputs->s3_prefix, "/");
	size_t length = strlen(prefix);

	xc_buf_add_str(&url, "s3://");
	xc_uri_encode(inputs->s3_bucket, strlen(inputs->s3_bucket), false, &url);
	while (length > 0 && prefix[length - 1] == '/')
		length--;
	if (length > 0) {
		xc_buf_add_char(&url, '/');
		xc_uri_encode(prefix, length, true, &url);
	}
	add_option(&url, "region", inputs->s3_region);
	add_option(&url, "endpoint", inputs->s3_endpoint);
	return xc_buf_steal(&url);
}

static const char *environment_store(void)
{
	const char *store = getenv("XCACHE_STORE");

	return store && *store ? store : NULL;
}

bool xc_action_store_named(const struct xc_action_inputs *inputs)
{
	return *inputs->store || *inputs->s3_bucket || environment_store();
}

char *xc_action_store_url(const struct xc_action_inputs *inputs, struct xc_err *err)
{
	if (*inputs->store && *inputs->s3_bucket) {
		xc_err_set(err, XC_ERR_USAGE, "both store and s3-bucket are given; leave one out");
		return NULL;
	}
	if (*inputs->store)
		return xc_strdup(inputs->store);
	if (*inputs->s3_bucket)
		return s3_url(inputs);
	if (environment_store())
		return xc_strdup(environment_store());
	xc_err_set(
		err, XC_ERR_USAGE,
		"Input required and not supplied: store (such as s3://bucket/prefix?region=NAME), "
		"or s3-bucket");
	return NULL;
}
