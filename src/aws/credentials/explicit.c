/* SPDX-License-Identifier: Apache-2.0 */
/* What the command line or the store's URL says. */
#include "aws/credentials/internal.h"

int xc_cred_explicit(struct xc_cred_context *context, struct xc_cred_draft *draft,
		     struct xc_err *err)
{
	const struct xc_credentials_opts *opts = context->opts;
	struct xc_sigv4_keys keys = { .access_key_id = opts->access_key_id,
				      .secret_access_key = opts->secret_access_key,
				      .session_token = opts->session_token };

	if (opts->anonymous) {
		xc_cred_draft_release(draft);
		xc_cred_draft_source(draft, "none: anonymous requests were asked for");
		return XC_CRED_FOUND;
	}
	if (!opts->access_key_id)
		return XC_CRED_NONE;
	if (xc_cred_draft_set(context, draft, &keys, XC_ERR_USAGE, "the keys given", err) < 0)
		return -1;
	xc_cred_draft_source(draft, "the keys given");
	return XC_CRED_FOUND;
}
