/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials: where they come from, how long they last, and how they are
 * had anew. One file per source; the chain asks each in turn and stays with
 * the first that has something to say. A source that is configured and fails
 * ends the chain with its error: falling through to other keys would hide it.
 *
 * The order: what is given explicitly; AWS_ACCESS_KEY_ID and the like;
 * AWS_WEB_IDENTITY_TOKEN_FILE; the profile; GitHub's OIDC token for
 * AWS_ROLE_ARN; the container; the instance. chain.c has the details.
 *
 * The provider may be used by many threads: one refreshes, the others go on
 * with what is still valid. Refreshing makes requests and runs programs, so
 * never on a transfer engine's thread.
 */
#ifndef XC_AWS_CREDENTIALS_CREDENTIALS_H
#define XC_AWS_CREDENTIALS_CREDENTIALS_H

#include <stdbool.h>
#include <time.h>

#include "aws/sign/sigv4.h"
#include "base/cancel.h"
#include "base/err.h"

/* One set of keys: shared, never changed, counted. */
struct xc_credentials {
	struct xc_sigv4_keys keys; /* all NULL: anonymous, requests are not signed */
	time_t expires;            /* 0: never */
	const char *source;        /* for people: "profile ci in /home/u/.aws/credentials" */
};

/* What was said explicitly; all borrowed while the provider lives, all may be NULL or empty. */
struct xc_credentials_opts {
	const char *access_key_id, *secret_access_key, *session_token;
	const char *profile; /* leaves out what the environment says */
	/* Assumed with the keys or profile given, GitHub's OIDC token, a web identity file, ... */
	const char *role_arn;
	const char *region;       /* for STS; NULL: xc_credentials_region, else us-east-1 */
	const char *sts_endpoint; /* NULL: xc_credentials_endpoint, else the region's */
	bool anonymous;
	const char *ca_bundle;
	const struct xc_cancel *cancel;
	void (*trace)(void *context, const char *line);
	void *trace_context;
	/*
	 * For secrets as they are obtained, before anyone could print them: ::add-mask::.
	 * On the thread that is in xc_credentials_get; the same one may come again.
	 */
	void (*secret)(void *context, const char *value);
	void *secret_context;
};

struct xc_credentials_provider;

/*
 * No request is made yet. USAGE for what contradicts itself (a key without its
 * secret). From here on the process leaves no core file.
 */
int xc_credentials_provider_new(const struct xc_credentials_opts *opts,
				struct xc_credentials_provider **ret_provider,
				struct xc_err *err) XC_CHECK;
void xc_credentials_provider_free(struct xc_credentials_provider *provider); /* NULL is allowed */

/*
 * Credentials that are valid for now: obtained the first time, and again
 * within 5 minutes of their end, by one thread while others get the old ones.
 * If that fails, the old ones go on until they end. AUTH if no source has any,
 * listing what was looked at and how to give some; USAGE for half a set or a
 * broken profile; never NOT_FOUND. Release each.
 */
int xc_credentials_get(struct xc_credentials_provider *provider,
		       const struct xc_credentials **ret_credentials, struct xc_err *err) XC_CHECK;

/*
 * What is there now, without any request: NULL if nothing was obtained yet.
 * Release it. For threads that must not block.
 */
const struct xc_credentials *xc_credentials_peek(struct xc_credentials_provider *provider);

/*
 * A server said that these are no longer valid: the next get obtains others,
 * or the same ones where the source knows no others. No effect if they have
 * been replaced already.
 */
void xc_credentials_reject(struct xc_credentials_provider *provider,
			   const struct xc_credentials *credentials);

const struct xc_credentials *xc_credentials_ref(const struct xc_credentials *credentials);
void xc_credentials_release(const struct xc_credentials *credentials); /* wipes; NULL is allowed */

/*
 * The region that the environment or the profile names: AWS_REGION,
 * AWS_DEFAULT_REGION, the profile's `region`; on the heap, NULL if none does.
 */
char *xc_credentials_region(const struct xc_credentials_opts *opts);

/*
 * The endpoint that the environment or the profile names for a service, "s3"
 * or "sts" (AWS SDKs and Tools Reference Guide, "Service-specific endpoints"):
 * AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, `endpoint_url` below `s3` in the
 * [services NAME] of the profile's `services`, the profile's `endpoint_url`. On
 * the heap; NULL if none does, or if AWS_IGNORE_CONFIGURED_ENDPOINT_URLS or the
 * profile's `ignore_configured_endpoint_urls` is true. USAGE if the profile
 * names services that are not there; files that cannot be read name nothing.
 */
int xc_credentials_endpoint(const struct xc_credentials_opts *opts, const char *service,
			    char **ret_endpoint, struct xc_err *err) XC_CHECK;

#endif
