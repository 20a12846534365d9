/* SPDX-License-Identifier: Apache-2.0 */
/* AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN. */
#include "aws/credentials/internal.h"

int xc_cred_env(struct xc_cred_context *context, struct xc_cred_draft *draft, struct xc_err *err)
{
	struct xc_sigv4_keys keys = {
		.access_key_id = xc_env("AWS_ACCESS_KEY_ID"),
		.secret_access_key = xc_env("AWS_SECRET_ACCESS_KEY"),
		.session_token = xc_env("AWS_SESSION_TOKEN"),
	};

	if (!keys.access_key_id && !keys.secret_access_key && !keys.session_token)
		return xc_cred_nothing(context, "AWS_ACCESS_KEY_ID is not set");
	/* Going on to other keys would hide a secret that is misspelt in a workflow. */
	if (!keys.access_key_id || !keys.secret_access_key)
		return xc_err_set(err, XC_ERR_USAGE,
				  "%s is set, but %s is not, or is empty: set both or neither",
				  keys.access_key_id       ? "AWS_ACCESS_KEY_ID"
				  : keys.secret_access_key ? "AWS_SECRET_ACCESS_KEY"
							   : "AWS_SESSION_TOKEN",
				  keys.access_key_id ? "AWS_SECRET_ACCESS_KEY"
						     : "AWS_ACCESS_KEY_ID");
	if (xc_cred_draft_set(context, draft, &keys, XC_ERR_USAGE, "AWS_ACCESS_KEY_ID and the like",
			      err) < 0)
		return -1;
	xc_cred_draft_source(draft, "the environment (AWS_ACCESS_KEY_ID)");
	return XC_CRED_FOUND;
}
