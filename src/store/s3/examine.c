/* SPDX-License-Identifier: Apache-2.0 */
/* What a doctor finds out about a bucket beside what he may do in it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "aws/credentials/sts.h"
#include "store/examine.h"
#include "store/s3/internal.h"

#define SKEW_GOOD_S 60

struct examination {
	struct xc_s3_store *store;
	const char *key; /* for trials */
	const char *first_region;
	struct xc_finder finder;
};

/* An access key is no secret, but need not stand whole in a log either. */
static void report_source(struct examination *examination, const struct xc_credentials *credentials)
{
	const char *key = credentials->keys.access_key_id;
	size_t length = strlen(key), shown = XC_MIN(length / 2, (size_t)4);
	char until[64] = "";

	if (credentials->expires > 0) {
		struct tm broken;
		time_t expires = credentials->expires;

		if (gmtime_r(&expires, &broken))
			strftime(until, sizeof(until), ", until %Y-%m-%d %H:%M:%S UTC", &broken);
	}
	xc_finder_report(&examination->finder, "credentials", XC_FINDING_GOOD,
			 "access key ...%s, of %s%s", key + length - shown, credentials->source,
			 until);
}

/* STS is asked where it is sure to be: a server of someone else's need not have one. */
static void report_identity(struct examination *examination,
			    const struct xc_credentials *credentials)
{
	const struct xc_s3_store *store = examination->store;
	const struct xc_credentials_opts *opts = xc_s3_credentials_opts(store->s3);
	cleanup_free char *arn = NULL;
	struct xc_err err;

	if (!xc_s3_base(store->s3)->is_aws && !opts->sts_endpoint &&
	    !getenv("AWS_ENDPOINT_URL_STS"))
		return;
	if (xc_sts_caller_identity(opts, credentials, &arn, &err) == 0)
		xc_finder_report(&examination->finder, "identity", XC_FINDING_GOOD,
				 "they belong to %s", XC_QUOTE(arn));
	else
		xc_finder_report(&examination->finder, "identity", XC_FINDING_NOTE,
				 "STS does not say who they belong to: %s", err.msg);
}

/* False if there are none that could be used. */
static bool check_credentials(struct examination *examination)
{
	struct xc_credentials_provider *provider = xc_s3_credentials(examination->store->s3);
	const struct xc_credentials *credentials;
	struct xc_err err;

	if (xc_credentials_get(provider, &credentials, &err) < 0) {
		xc_finder_report(&examination->finder, "credentials", XC_FINDING_BAD, "%s",
				 err.msg);
		return false;
	}
	if (credentials->keys.access_key_id) {
		report_source(examination, credentials);
		report_identity(examination, credentials);
	} else {
		xc_finder_report(&examination->finder, "credentials", XC_FINDING_NOTE,
				 "none: requests are not signed, so nothing can be saved");
	}
	xc_credentials_release(credentials);
	return true;
}

/* Ceph says of a wrong secret what it says of a lacking permission. */
static bool secret_is_wrong(struct examination *examination)
{
	struct xc_err err;

	return !xc_s3_base(examination->store->s3)->is_aws &&
	       xc_s3_account(examination->store->s3, &err) < 0 && err.kind == XC_ERR_AUTH;
}

/*
 * Pages of R2 and others show endpoints that end in the bucket, or begin with
 * it. Then objects lie below a folder of its name, and cannot be listed.
 */
static void check_endpoint(struct examination *examination)
{
	const struct xc_s3_base *base = xc_s3_base(examination->store->s3);
	size_t end = strlen(base->path) - 1;
	cleanup_free char *path = xc_strndup(base->path, end);
	char *bucket = end > 0 ? strrchr(path, '/') : NULL;
	size_t length = bucket ? strlen(bucket) : 0;

	if (!bucket)
		return;
	if (end >= 2 * length && strncmp(bucket - length, bucket, length) == 0)
		xc_finder_report(
			&examination->finder, "endpoint", XC_FINDING_WARNING,
			"the endpoint ends in the bucket's name, which the server takes for "
			"a folder in the bucket: write endpoint=%s%.*s",
			base->origin, (int)(bucket - length - path), path);
	else if (strncmp(base->host, bucket + 1, length - 1) == 0 &&
		 base->host[length - 1] == '.' && !base->is_aws)
		xc_finder_report(
			&examination->finder, "endpoint", XC_FINDING_NOTE,
			"the endpoint's host begins with the bucket's name: leave the bucket out "
			"of the endpoint, unless the server is really called %s",
			base->host);
}

/* False if nothing else is worth trying. */
static bool check_bucket(struct examination *examination)
{
	struct xc_s3 *s3 = examination->store->s3;
	cleanup_s3_page struct xc_s3_page page = XC_S3_PAGE_INIT;
	const char *origin = xc_s3_base(s3)->origin;
	struct xc_err err;

	if (xc_s3_list(s3, examination->key, NULL, &page, &err) == 0) {
		xc_finder_report(&examination->finder, "bucket", XC_FINDING_GOOD, "%s answers",
				 origin);
		return true;
	}
	if (err.kind != XC_ERR_AUTH) {
		xc_finder_report(&examination->finder, "bucket", XC_FINDING_BAD, "%s", err.msg);
		return false;
	}
	if (strstr(err.msg, "SignatureDoesNotMatch") || strstr(err.msg, "InvalidAccessKeyId")) {
		xc_finder_report(&examination->finder, "bucket", XC_FINDING_BAD, "%s", err.msg);
		return false;
	}
	if (secret_is_wrong(examination)) {
		xc_finder_report(
			&examination->finder, "bucket", XC_FINDING_BAD,
			"%s; even the list of buckets is denied, so a key is probably "
			"wrong, or a reverse proxy in front of the server changes the Host "
			"header or the path",
			err.msg);
		return false;
	}
	/* Each permission is tried by itself. */
	return true;
}

static void check_region(struct examination *examination)
{
	const char *region = xc_s3_region(examination->store->s3);

	if (strcmp(region, examination->first_region) == 0)
		xc_finder_report(&examination->finder, "region", XC_FINDING_GOOD, "%s",
				 XC_QUOTE(region));
	else
		xc_finder_report(&examination->finder, "region", XC_FINDING_WARNING,
				 "the bucket is in %s, not in %s: write region=%s, or each run "
				 "begins with a "
				 "redirect",
				 XC_QUOTE(region), XC_QUOTE(examination->first_region),
				 XC_QUOTE(region));
}

static void check_clock(struct examination *examination)
{
	int64_t skew_s;

	if (!xc_s3_clock_skew(examination->store->s3, &skew_s))
		return;
	if (llabs(skew_s) <= SKEW_GOOD_S)
		xc_finder_report(&examination->finder, "clock", XC_FINDING_GOOD,
				 "within %d s of the server's", SKEW_GOOD_S);
	else
		xc_finder_report(&examination->finder, "clock", XC_FINDING_WARNING,
				 "%lld s %s the server's: requests are signed for its time",
				 (long long)llabs(skew_s), skew_s > 0 ? "behind" : "ahead of");
}

/* A save that is given up must be able to take back its parts. */
static void check_abort(struct examination *examination)
{
	struct xc_s3 *s3 = examination->store->s3;
	cleanup_free char *upload_id = NULL;
	struct xc_err err;

	/* The generic checks tell of what cannot be written at all. */
	if (xc_s3_upload_create(s3, examination->key, &upload_id, &err) < 0)
		return;
	if (xc_s3_upload_abort(s3, examination->key, upload_id, &err) < 0)
		xc_finder_report(
			&examination->finder, "abort", XC_FINDING_WARNING,
			"%s; an upload without parts stays in the bucket, which a lifecycle rule "
			"can remove",
			err.msg);
	else
		xc_finder_report(&examination->finder, "abort", XC_FINDING_GOOD,
				 "uploads can be aborted");
}

void xc_s3_store_examine(struct xc_store *base, const char *name, const struct xc_finder *finder)
{
	struct xc_s3_store *store = xc_s3_store(base);
	cleanup_free char *key = NULL;
	struct examination examination = {
		.store = store,
		.first_region = xc_s3_region(store->s3),
		.finder = *finder,
	};
	struct xc_err err;

	if (xc_s3_store_key(store, name, &key, &err) < 0) {
		xc_finder_report(&examination.finder, "name", XC_FINDING_BAD, "%s", err.msg);
		return;
	}
	examination.key = key;
	check_endpoint(&examination);
	if (!check_credentials(&examination) || !check_bucket(&examination))
		return;
	check_region(&examination);
	check_clock(&examination);
	check_abort(&examination);
}
