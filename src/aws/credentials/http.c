/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that sources make: few, small, and not worth an idle thread in between. */
#include "aws/credentials/internal.h"

int xc_cred_engine_new(const struct xc_cred_context *context, const struct xc_cred_engine *how,
		       struct xc_http **ret_http, struct xc_err *err)
{
	const struct xc_credentials_opts *opts = context->opts;
	const struct xc_http_opts engine = {
		.connections = 1,
		.ca_bundle = opts->ca_bundle,
		.cancel = opts->cancel,
		.trace = opts->trace,
		.trace_context = opts->trace_context,
		.connect_timeout_ms = how->connect_timeout_ms,
		.stall_ms = how->stall_ms,
		.attempts = how->attempts,
		.direct = how->direct,
	};

	return xc_http_new(&engine, ret_http, err);
}

/* Nothing of the answer is quoted: it may hold what was asked for. */
static enum xc_http_verdict judge(struct xc_http_request *request, struct xc_err *err)
{
	const char *who = request->owner;
	int status = request->status;
	bool again = status == 408 || status == 429 || status >= 500;

	if (status >= 200 && status <= 299)
		return XC_HTTP_OK;
	xc_err_set(err, again ? XC_ERR_TRANSIENT : XC_ERR_AUTH, "%s answered with status %d", who,
		   status);
	err->http = status;
	return again ? XC_HTTP_RETRY : XC_HTTP_FAIL;
}

int xc_cred_perform(struct xc_http *http, struct xc_http_request *request, struct xc_err *err)
{
	if (!request->judge)
		request->judge = judge;
	if (request->max_reply_bytes == 0)
		request->max_reply_bytes = XC_CRED_REPLY_BYTES_MAX;
	if (xc_http_perform(http, request, err) == 0)
		return 0;
	if (err->kind == XC_ERR_NOT_FOUND || err->kind == XC_ERR_EXISTS)
		err->kind = XC_ERR_AUTH;
	return -1;
}
