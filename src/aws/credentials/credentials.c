/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The provider: keeps the last set, and has one thread at a time obtain the
 * next, while others go on with what is still valid.
 */
#include "aws/credentials/internal.h"

#include <pthread.h>
#include <sys/prctl.h>

#define REFRESH_BEFORE_S (5 * 60)
/* After a refresh that failed while the old set still holds. */
#define REFRESH_AGAIN_S 30

struct xc_credentials_provider {
	struct xc_credentials_opts opts;
	struct xc_cred_context context; /* of the thread that refreshes */
	size_t chosen;                  /* the same; see xc_cred_obtain */

	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t changed;
	const struct xc_credentials *current;
	time_t refresh_at;   /* 0: never */
	bool is_rejected;    /* `current` is */
	bool is_refreshing;  /* some thread is at it */
	uint64_t turns;      /* how many refreshes have ended */
	struct xc_err error; /* of the last one; kind NONE if it went well */
};

static int check_opts(const struct xc_credentials_opts *opts, struct xc_err *err)
{
	if (!opts->access_key_id != !opts->secret_access_key ||
	    (opts->session_token && !opts->access_key_id))
		return xc_err_set(err, XC_ERR_USAGE,
				  "an access key id and a secret access key are given together, "
				  "and a session token only with them");
	if (opts->anonymous && (opts->access_key_id || opts->profile || opts->role_arn))
		return xc_err_set(err, XC_ERR_USAGE,
				  "anonymous requests need no keys, profile or role");
	if (opts->access_key_id && opts->profile)
		return xc_err_set(err, XC_ERR_USAGE,
				  "keys and a profile are given: give only one of them");
	return 0;
}

/* An input that was left empty was not given. */
static void drop_empty(struct xc_credentials_opts *opts)
{
	const char **texts[] = { &opts->access_key_id, &opts->secret_access_key,
				 &opts->session_token, &opts->profile,
				 &opts->role_arn,      &opts->region,
				 &opts->sts_endpoint,  &opts->ca_bundle };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (*texts[i] && (*texts[i])[0] == '\0')
			*texts[i] = NULL;
}

int xc_credentials_provider_new(const struct xc_credentials_opts *opts,
				struct xc_credentials_provider **ret_provider, struct xc_err *err)
{
	struct xc_credentials_opts given = *opts;
	struct xc_credentials_provider *provider;

	drop_empty(&given);
	if (check_opts(&given, err) < 0)
		return -1;
	/* Libraries keep copies that nobody can wipe: no core of them (PR_SET_DUMPABLE(2const)). */
	prctl(PR_SET_DUMPABLE, 0);
	provider = xc_calloc(1, sizeof(*provider));
	provider->opts = given;
	provider->context.opts = &provider->opts;
	pthread_mutex_init(&provider->lock, NULL);
	pthread_cond_init(&provider->changed, NULL);
	*ret_provider = provider;
	return 0;
}

void xc_credentials_provider_free(struct xc_credentials_provider *provider)
{
	if (!provider)
		return;
	xc_credentials_release(provider->current);
	xc_cred_context_release(&provider->context);
	pthread_cond_destroy(&provider->changed);
	pthread_mutex_destroy(&provider->lock);
	free(provider);
}

static bool is_valid(const struct xc_credentials_provider *provider, time_t now)
{
	const struct xc_credentials *current = provider->current;

	return current && !provider->is_rejected &&
	       (current->expires == 0 || now < current->expires);
}

static bool is_fresh(const struct xc_credentials_provider *provider, time_t now)
{
	return is_valid(provider, now) && (provider->refresh_at == 0 || now < provider->refresh_at);
}

/* Sets that live shorter than twice the 5 minutes are used for half their life. */
static time_t when_to_refresh(time_t expires, time_t now)
{
	if (expires == 0)
		return 0;
	return expires - XC_MIN((time_t)REFRESH_BEFORE_S, (expires - now) / 2);
}

static void trace(const struct xc_credentials_provider *provider, const char *source,
		  const char *reason)
{
	char line[800];

	if (!provider->opts.trace)
		return;
	snprintf(line, sizeof(line), "credentials: %s%s", source, reason);
	provider->opts.trace(provider->opts.trace_context, line);
}

/* Without the lock: requests and programs take their time. */
static int obtain(struct xc_credentials_provider *provider, struct xc_cred_draft *draft,
		  struct xc_err *err)
{
	struct xc_cred_context *context = &provider->context;
	int result;

	/* Files are read anew: whoever rotates keys writes them there. */
	xc_cred_context_release(context);
	context->again = provider->chosen != 0;
	result = xc_cred_obtain(context, &provider->chosen, draft, err);
	xc_cred_context_release(context);
	if (result == 0 && draft->expires != 0 && draft->expires <= time(NULL)) {
		xc_err_set(err, XC_ERR_AUTH, "the keys from %s have expired already",
			   draft->source);
		result = -1;
	}
	if (result == 0)
		trace(provider, draft->source, "");
	else
		trace(provider, "", err->msg);
	return result;
}

static void publish(struct xc_credentials_provider *provider, struct xc_cred_draft *draft)
{
	time_t now = time(NULL);

	xc_credentials_release(provider->current);
	provider->current = xc_cred_seal(draft);
	provider->refresh_at = when_to_refresh(provider->current->expires, now);
	provider->is_rejected = false;
	provider->error.kind = XC_ERR_NONE;
}

/* With the lock, which is given up in between. */
static void refresh(struct xc_credentials_provider *provider)
{
	cleanup_cred_draft struct xc_cred_draft draft = { 0 };
	struct xc_err err = { 0 };
	int result;

	provider->is_refreshing = true;
	pthread_mutex_unlock(&provider->lock);
	result = obtain(provider, &draft, &err);
	pthread_mutex_lock(&provider->lock);
	if (result == 0) {
		publish(provider, &draft);
	} else {
		provider->error = err;
		provider->refresh_at = time(NULL) + REFRESH_AGAIN_S;
	}
	provider->is_refreshing = false;
	provider->turns++;
	pthread_cond_broadcast(&provider->changed);
}

/* Another thread is at it: its outcome is ours. */
static void await(struct xc_credentials_provider *provider)
{
	uint64_t turns = provider->turns;

	while (provider->turns == turns)
		pthread_cond_wait(&provider->changed, &provider->lock);
}

int xc_credentials_get(struct xc_credentials_provider *provider,
		       const struct xc_credentials **ret_credentials, struct xc_err *err)
{
	int result = 0;

	pthread_mutex_lock(&provider->lock);
	if (!is_fresh(provider, time(NULL))) {
		if (!provider->is_refreshing)
			refresh(provider);
		else if (!is_valid(provider, time(NULL)))
			await(provider);
	}
	if (is_valid(provider, time(NULL))) {
		*ret_credentials = xc_credentials_ref(provider->current);
	} else {
		/* A set may end, or be rejected, between its arrival and this line. */
		if (provider->error.kind == XC_ERR_NONE)
			xc_err_set(&provider->error, XC_ERR_AUTH,
				   "the credentials expired or were rejected before use");
		*err = provider->error;
		result = -1;
	}
	pthread_mutex_unlock(&provider->lock);
	return result;
}

const struct xc_credentials *xc_credentials_peek(struct xc_credentials_provider *provider)
{
	const struct xc_credentials *current;

	pthread_mutex_lock(&provider->lock);
	current = provider->current ? xc_credentials_ref(provider->current) : NULL;
	pthread_mutex_unlock(&provider->lock);
	return current;
}

void xc_credentials_reject(struct xc_credentials_provider *provider,
			   const struct xc_credentials *credentials)
{
	pthread_mutex_lock(&provider->lock);
	/* Others may have replaced them since: those are not meant. */
	if (provider->current == credentials)
		provider->is_rejected = true;
	pthread_mutex_unlock(&provider->lock);
}
