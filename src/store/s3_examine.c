/* SPDX-License-Identifier: Apache-2.0 */
/* What a doctor asks of S3 alone: whose credentials, which region, how the clocks go. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "store/s3.h"

/* From here on some servers may begin to refuse; AWS's limit is 15 minutes. */
#define CLOCK_GOOD_S 60

struct examination {
	struct xc_s3_store *store;
	xc_finding_fn *found;
	void *context;
};

static void XC_PRINTF(4, 5) tell(const struct examination *examination, const char *check,
				 enum xc_finding_state state, const char *format, ...)
{
	cleanup_buf struct xc_buf text = XC_BUF_INIT;
	struct xc_finding finding = { .check = check, .state = state };
	va_list args;

	va_start(args, format);
	xc_buf_vaddf(&text, format, args);
	va_end(args);
	finding.text = xc_buf_str(&text);
	examination->found(&finding, examination->context);
}

static void tell_whose(const struct examination *examination,
		       const struct xc_credentials *credentials)
{
	const char *source = credentials->source ? credentials->source : "an unknown source";
	char until[32];
	struct tm broken;

	if (!credentials->keys.access_key_id) {
		tell(examination, "credentials", XC_FINDING_NOTE,
		     "none: requests are not signed, so only what is public can be read");
	} else if (credentials->expires == 0) {
		tell(examination, "credentials", XC_FINDING_GOOD, "%s", source);
	} else {
		gmtime_r(&credentials->expires, &broken);
		strftime(until, sizeof(until), "%Y-%m-%d %H:%M:%S UTC", &broken);
		tell(examination, "credentials", XC_FINDING_GOOD, "%s, until %s", source, until);
	}
}

static bool check_credentials(const struct examination *examination)
{
	const struct xc_credentials *credentials;
	struct xc_err err;

	if (xc_credentials_get(xc_s3_credentials(examination->store->s3), &credentials, &err) < 0) {
		tell(examination, "credentials", XC_FINDING_BAD, "%s", err.msg);
		return false;
	}
	tell_whose(examination, credentials);
	xc_credentials_release(credentials);
	return true;
}

/* Whether there is a server at all; what it permits is asked later. */
static bool check_reach(const struct examination *examination, const char *name)
{
	struct xc_s3 *s3 = examination->store->s3;
	cleanup_buf struct xc_buf data = XC_BUF_INIT;
	cleanup_free char *key = NULL;
	struct xc_err err;

	if (xc_s3_store_key(examination->store, name, &key, &err) < 0 ||
	    (xc_s3_get(s3, key, 4096, &data, &err) < 0 && err.kind != XC_ERR_NOT_FOUND &&
	     err.kind != XC_ERR_AUTH)) {
		tell(examination, "reach", XC_FINDING_BAD, "%s", err.msg);
		return false;
	}
	if (xc_s3_base(s3)->is_https)
		tell(examination, "reach", XC_FINDING_GOOD, "%s answers", xc_s3_base(s3)->origin);
	else
		tell(examination, "reach", XC_FINDING_NOTE,
		     "%s answers, and everything goes there unencrypted", xc_s3_base(s3)->origin);
	return true;
}

static void check_region(const struct examination *examination, const char *region_before)
{
	const char *region = xc_s3_region(examination->store->s3);

	if (strcmp(region, region_before) != 0)
		tell(examination, "region", XC_FINDING_WARNING,
		     "the bucket is in %s, not in %s: say region=%s, or every run asks in vain "
		     "once",
		     region, region_before, region);
	else
		tell(examination, "region", XC_FINDING_GOOD, "%s", region);
}

static void check_clock(const struct examination *examination)
{
	int64_t skew_s;

	if (!xc_s3_clock_skew(examination->store->s3, &skew_s))
		tell(examination, "clock", XC_FINDING_NOTE, "the server does not tell the time");
	else if (llabs(skew_s) <= CLOCK_GOOD_S)
		tell(examination, "clock", XC_FINDING_GOOD, "within %d s of the server's",
		     CLOCK_GOOD_S);
	else
		tell(examination, "clock", XC_FINDING_WARNING,
		     "this machine's clock is %" PRId64 " s %s the server's; requests are signed "
		     "by the server's as far as need be",
		     (int64_t)llabs(skew_s), skew_s > 0 ? "behind" : "ahead of");
}

void xc_s3_store_examine(struct xc_store *base, const char *name, xc_finding_fn *found,
			 void *context)
{
	const struct examination examination = {
		.store = xc_s3_store(base),
		.found = found,
		.context = context,
	};
	/* Texts of the client live as long as it. */
	const char *region = xc_s3_region(examination.store->s3);

	if (!check_credentials(&examination) || !check_reach(&examination, name))
		return;
	check_region(&examination, region);
	check_clock(&examination);
}
