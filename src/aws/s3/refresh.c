/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that found their credentials expired. Obtaining others blocks,
 * which neither the engine's thread nor anyone's `done` may; so they are
 * parked here, and one thread, started at the first need, obtains and sends
 * them again.
 */
#include "aws/s3/internal.h"

static struct xc_s3_call *take_parked(struct xc_s3 *s3)
{
	struct xc_s3_call *call;

	pthread_mutex_lock(&s3->lock);
	while (!s3->parked && !s3->is_closing)
		pthread_cond_wait(&s3->parked_changed, &s3->lock);
	call = s3->parked;
	if (call) {
		s3->parked = call->next;
		if (!s3->parked)
			s3->parked_end = &s3->parked;
	}
	pthread_mutex_unlock(&s3->lock);
	return call;
}

static void refresh(struct xc_s3_call *call)
{
	const struct xc_credentials *credentials;

	/* Of many that were refused together, all but the first find others here already. */
	if (call->rejected && call->credentials)
		xc_credentials_reject(call->s3->provider, call->credentials);
	if (xc_credentials_get(call->s3->provider, &credentials, &call->err) < 0) {
		xc_s3_call_end(call, -1);
		return;
	}
	xc_credentials_release(credentials);
	xc_s3_call_resubmit(call);
}

static void *run_refresher(void *context)
{
	struct xc_s3 *s3 = context;

	for (;;) {
		struct xc_s3_call *call = take_parked(s3);

		if (!call)
			return NULL;
		refresh(call);
	}
}

void xc_s3_park(struct xc_s3_call *call)
{
	struct xc_s3 *s3 = call->s3;
	bool can_run;

	call->next = NULL;
	pthread_mutex_lock(&s3->lock);
	if (!s3->has_refresher)
		s3->has_refresher = pthread_create(&s3->refresher, NULL, run_refresher, s3) == 0;
	can_run = s3->has_refresher;
	if (can_run) {
		*s3->parked_end = call;
		s3->parked_end = &call->next;
		pthread_cond_signal(&s3->parked_changed);
	}
	pthread_mutex_unlock(&s3->lock);
	if (can_run)
		return;
	xc_err_set(&call->err, XC_ERR_IO, "cannot start a thread to renew the credentials");
	xc_s3_call_end(call, -1);
}

void xc_s3_refresher_stop(struct xc_s3 *s3)
{
	bool runs;

	pthread_mutex_lock(&s3->lock);
	s3->is_closing = true;
	runs = s3->has_refresher;
	pthread_cond_signal(&s3->parked_changed);
	pthread_mutex_unlock(&s3->lock);
	if (runs)
		pthread_join(s3->refresher, NULL);
}
