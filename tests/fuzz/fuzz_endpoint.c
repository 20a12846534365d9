/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buckets, regions and endpoints, which come from workflows and the
 * environment. The input is a character that holds the style and variants,
 * then bucket, region and endpoint, a line each; no endpoint is AWS's own.
 *
 * Demands: what is made is one host and one folder, and nothing in it could
 * reach another host or another line of a request.
 */
#include "fuzz.h"

#include "aws/endpoint.h"
#include "base/strlist.h"

static void require_host(const char *host, bool has_port)
{
	MUST(host[0] != '\0' && host[0] != '.' && host[0] != ':');
	for (const char *c = host; *c; c++)
		MUST((unsigned char)*c > ' ' && (unsigned char)*c < 0x7f &&
		     !strchr("/@?#\\%", *c) && (has_port || *c != ':'));
}

static void require_base(const struct xc_s3_place *place, const struct xc_s3_base *base)
{
	const char *scheme = base->is_https ? "https://" : "http://";
	size_t path_length = strlen(base->path);

	MUST(strncmp(base->origin, scheme, strlen(scheme)) == 0);
	MUST(strcmp(base->origin + strlen(scheme), base->host) == 0);
	require_host(base->host, place->endpoint != NULL);
	MUST(base->path[0] == '/' && base->path[path_length - 1] == '/');
	MUST(!strstr(base->path, "//") && !strstr(base->path, "/../") &&
	     !strpbrk(base->path, "?# \r\n\t"));
	MUST(strstr(base->host, place->bucket) || strstr(base->path, place->bucket));
	if (!place->endpoint)
		MUST(base->is_https && base->is_aws);
}

/* Cuts the next line off. */
static char *next_line(char **io_text)
{
	char *line = *io_text, *end = strchrnul(line, '\n');

	*io_text = *end ? end + 1 : end;
	*end = '\0';
	return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned choice = size > 0 ? data[0] : 0;
	cleanup_free char *text = xc_strndup((const char *)data + (size > 0), size - (size > 0));
	cleanup_free char *sts = NULL;
	cleanup_s3_base struct xc_s3_base base = { 0 };
	struct xc_s3_place place = { .style = (enum xc_s3_style)((choice & 3) % 3),
				     .dualstack = choice & 4,
				     .fips = choice & 8,
				     .accelerate = choice & 16 };
	struct xc_err err = { 0 };
	char *rest = text;

	place.bucket = next_line(&rest);
	place.region = next_line(&rest);
	place.endpoint = *rest ? rest : NULL;
	if (xc_s3_base_make(&place, &base, &err) < 0)
		MUST(err.kind == XC_ERR_USAGE && err.msg[0] != '\0' && !base.origin);
	else
		require_base(&place, &base);
	sts = xc_sts_origin(place.region, place.fips);
	if (sts) {
		MUST(strncmp(sts, "https://sts", 11) == 0);
		require_host(sts + strlen("https://"), false);
	}
	return 0;
}
