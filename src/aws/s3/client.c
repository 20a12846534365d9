/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "aws/s3/internal.h"

#define REGION_DEFAULT "us-east-1"

static const char *keep(struct xc_s3 *s3, const char *text)
{
	if (!text)
		return NULL;
	xc_strlist_add(&s3->texts, text);
	return s3->texts.items[s3->texts.count - 1];
}

static void keep_credentials_opts(struct xc_s3 *s3)
{
	struct xc_credentials_opts *opts = &s3->opts.credentials;
	const struct xc_http_opts *http = &s3->opts.http;

	opts->access_key_id = keep(s3, opts->access_key_id);
	opts->secret_access_key = keep(s3, opts->secret_access_key);
	opts->session_token = keep(s3, opts->session_token);
	opts->profile = keep(s3, opts->profile);
	opts->role_arn = keep(s3, opts->role_arn);
	opts->sts_endpoint = keep(s3, opts->sts_endpoint);
	opts->ca_bundle = keep(s3, opts->ca_bundle ? opts->ca_bundle : http->ca_bundle);
	if (!opts->cancel)
		opts->cancel = http->cancel;
	if (!opts->trace) {
		opts->trace = http->trace;
		opts->trace_context = http->trace_context;
	}
}

static void keep_opts(struct xc_s3 *s3, const struct xc_s3_opts *opts)
{
	cleanup_free char *region = NULL;

	s3->opts = *opts;
	s3->opts.bucket = keep(s3, opts->bucket);
	s3->opts.endpoint = keep(s3, opts->endpoint);
	s3->opts.encryption = keep(s3, opts->encryption);
	s3->opts.kms_key = keep(s3, opts->kms_key);
	s3->opts.storage_class = keep(s3, opts->storage_class);
	s3->opts.bucket_owner = keep(s3, opts->bucket_owner);
	if (!opts->region)
		region = xc_credentials_region(&opts->credentials);
	s3->opts.region = keep(s3, opts->region ? opts->region : region ? region : REGION_DEFAULT);
	keep_credentials_opts(s3);
	s3->opts.credentials.region =
		keep(s3, opts->credentials.region ? opts->credentials.region : s3->opts.region);
}

static int make_base(const struct xc_s3 *s3, const char *region, struct xc_s3_base *ret_base,
		     struct xc_err *err)
{
	const struct xc_s3_place place = {
		.bucket = s3->opts.bucket,
		.region = region,
		.endpoint = s3->opts.endpoint,
		.style = s3->opts.style,
		.dualstack = s3->opts.dualstack,
		.fips = s3->opts.fips,
		.accelerate = s3->opts.accelerate,
	};

	if (strlen(region) >= sizeof(s3->regions[0]))
		return xc_err_set(err, XC_ERR_USAGE, "the region '%s' is too long to be one",
				  XC_QUOTE(region));
	return xc_s3_base_make(&place, ret_base, err);
}

static int open_client(struct xc_s3 *s3, struct xc_err *err)
{
	if (make_base(s3, s3->opts.region, &s3->bases[0], err) < 0 ||
	    xc_credentials_provider_new(&s3->opts.credentials, &s3->provider, err) < 0 ||
	    xc_http_new(&s3->opts.http, &s3->http, err) < 0)
		return -1;
	snprintf(s3->regions[0], sizeof(s3->regions[0]), "%s", s3->opts.region);
	s3->sends_checksums = s3->opts.checksums < 0 ? s3->bases[0].is_aws : s3->opts.checksums > 0;
	return 0;
}

int xc_s3_new(const struct xc_s3_opts *opts, struct xc_s3 **ret_s3, struct xc_err *err)
{
	struct xc_s3 *s3 = xc_calloc(1, sizeof(*s3));

	pthread_mutex_init(&s3->lock, NULL);
	pthread_cond_init(&s3->parked_changed, NULL);
	s3->parked_end = &s3->parked;
	s3->signer = xc_sigv4_new();
	keep_opts(s3, opts);
	if (open_client(s3, err) < 0) {
		xc_s3_free(s3);
		return -1;
	}
	*ret_s3 = s3;
	return 0;
}

void xc_s3_free(struct xc_s3 *s3)
{
	if (!s3)
		return;
	xc_s3_refresher_stop(s3);
	xc_http_free(s3->http);
	xc_credentials_provider_free(s3->provider);
	xc_sigv4_free(s3->signer);
	for (unsigned i = 0; i < ARRAY_LEN(s3->bases); i++)
		xc_s3_base_release(&s3->bases[i]);
	for (unsigned i = 0; i < ARRAY_LEN(s3->tags); i++)
		free(s3->tags[i].key);
	for (size_t i = 0; i < s3->texts.count; i++)
		explicit_bzero(s3->texts.items[i], strlen(s3->texts.items[i]));
	xc_strlist_release(&s3->texts);
	pthread_cond_destroy(&s3->parked_changed);
	pthread_mutex_destroy(&s3->lock);
	free(s3);
}

const struct xc_s3_base *xc_s3_base_now(struct xc_s3 *s3, const char **ret_region,
					unsigned *ret_moves)
{
	unsigned moves;

	pthread_mutex_lock(&s3->lock);
	moves = s3->moves;
	pthread_mutex_unlock(&s3->lock);
	/* Those that were made stay as they are to the end. */
	*ret_region = s3->regions[moves];
	*ret_moves = moves;
	return &s3->bases[moves];
}

int xc_s3_move(struct xc_s3 *s3, unsigned moves, const char *region, struct xc_err *err)
{
	struct xc_s3_base base = { 0 };
	struct xc_err reason;
	int result = 0;

	if (make_base(s3, region, &base, &reason) < 0)
		return xc_err_set(err, XC_ERR_IO, "the server redirects to the region '%s': %.200s",
				  XC_QUOTE(region), reason.msg);
	pthread_mutex_lock(&s3->lock);
	/* Another request may have been sent there meanwhile. */
	if (s3->moves == moves && moves == XC_S3_MOVES_MAX) {
		result = -1;
	} else if (s3->moves == moves) {
		s3->moves++;
		s3->bases[s3->moves] = base;
		base = (struct xc_s3_base){ 0 };
		snprintf(s3->regions[s3->moves], sizeof(s3->regions[0]), "%s", region);
	}
	pthread_mutex_unlock(&s3->lock);
	xc_s3_base_release(&base);
	if (result < 0)
		xc_err_set(err, XC_ERR_IO,
			   "the server redirects from region to region, the last time to '%s'",
			   XC_QUOTE(region));
	return result;
}

int64_t xc_s3_skew(struct xc_s3 *s3)
{
	int64_t skew_s;

	pthread_mutex_lock(&s3->lock);
	skew_s = s3->skew_s;
	pthread_mutex_unlock(&s3->lock);
	return skew_s;
}

void xc_s3_correct_clock(struct xc_s3 *s3, int64_t skew_s)
{
	pthread_mutex_lock(&s3->lock);
	s3->skew_s = skew_s;
	pthread_mutex_unlock(&s3->lock);
}

void xc_s3_note_clock(struct xc_s3 *s3, int64_t skew_s)
{
	pthread_mutex_lock(&s3->lock);
	s3->seen_skew_s = skew_s;
	s3->skew_seen = true;
	pthread_mutex_unlock(&s3->lock);
}

bool xc_s3_clock_skew(struct xc_s3 *s3, int64_t *ret_seconds)
{
	bool seen;

	pthread_mutex_lock(&s3->lock);
	seen = s3->skew_seen;
	if (seen)
		*ret_seconds = s3->seen_skew_s;
	pthread_mutex_unlock(&s3->lock);
	return seen;
}

const struct xc_s3_base *xc_s3_base(struct xc_s3 *s3)
{
	const char *region;
	unsigned moves;

	return xc_s3_base_now(s3, &region, &moves);
}

const char *xc_s3_region(struct xc_s3 *s3)
{
	const char *region;
	unsigned moves;

	xc_s3_base_now(s3, &region, &moves);
	return region;
}

struct xc_credentials_provider *xc_s3_credentials(struct xc_s3 *s3)
{
	return s3->provider;
}

const struct xc_credentials_opts *xc_s3_credentials_opts(const struct xc_s3 *s3)
{
	return &s3->opts.credentials;
}

struct xc_http *xc_s3_http(struct xc_s3 *s3)
{
	return s3->http;
}

bool xc_s3_flag(struct xc_s3 *s3, const bool *flag)
{
	bool value;

	pthread_mutex_lock(&s3->lock);
	value = *flag;
	pthread_mutex_unlock(&s3->lock);
	return value;
}

void xc_s3_set_flag(struct xc_s3 *s3, bool *flag)
{
	pthread_mutex_lock(&s3->lock);
	*flag = true;
	pthread_mutex_unlock(&s3->lock);
}
