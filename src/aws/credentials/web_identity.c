/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token in a file for a role: AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN,
 * as EKS sets them (IRSA). Whoever writes the file replaces it, so it is read
 * anew each time.
 */
#include "aws/credentials/internal.h"

int xc_cred_web_identity_file(const struct xc_cred_context *context,
			      const struct xc_cred_role *role, const char *path,
			      struct xc_cred_draft *draft, struct xc_err *err)
{
	cleanup_secret char *token = NULL;
	char how[120];

	if (xc_cred_read_token(path, "web identity token", &token, err) < 0 ||
	    xc_cred_check_text(token, XC_CRED_TOKEN_BYTES_MAX, XC_ERR_AUTH,
			       "the web identity token", err) < 0)
		return -1;
	xc_cred_announce_secret(context, token);
	snprintf(how, sizeof(how), "the token in %s", path);
	return xc_sts_assume_web(context, role, token, how, draft, err);
}

int xc_cred_web_identity(struct xc_cred_context *context, struct xc_cred_draft *draft,
			 struct xc_err *err)
{
	const char *path = xc_env("AWS_WEB_IDENTITY_TOKEN_FILE");
	struct xc_cred_role role = { .arn = context->opts->role_arn };

	if (!path)
		return XC_CRED_NONE;
	if (!role.arn)
		role.arn = xc_env("AWS_ROLE_ARN");
	if (!role.arn)
		return xc_err_set(err, XC_ERR_USAGE,
				  "AWS_WEB_IDENTITY_TOKEN_FILE is set, but no role: set "
				  "AWS_ROLE_ARN to the role that it is for");
	if (xc_cred_web_identity_file(context, &role, path, draft, err) < 0)
		return -1;
	return XC_CRED_FOUND;
}
