/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order in which sources are asked:
 *
 *   1. given explicitly: anonymous, keys, a role, a profile
 *   2. AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
 *   3. AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN
 *   4. the profile: AWS_PROFILE, or "default"
 *   5. GitHub's OIDC token for AWS_ROLE_ARN
 *   6. the container's endpoint (ECS, EKS Pod Identity)
 *   7. the instance's metadata (EC2)
 *
 * A role that is given explicitly (1) is meant: it is assumed with keys or the
 * profile given beside it, else with GitHub's token, else with that of
 * AWS_WEB_IDENTITY_TOKEN_FILE, and only without these with what 2, 4, 6 and 7
 * have. A profile that is given explicitly leaves out 2, 3 and 5, so that
 * variables which happen to be set do not replace it.
 *
 * The chain stays with the source that answered first: were it to go on to
 * the next when that one fails later, a job would change its identity midway.
 */
#include "aws/credentials/internal.h"

static const struct source {
	int (*obtain)(struct xc_cred_context *context, struct xc_cred_draft *draft,
		      struct xc_err *err);
	bool from_environment; /* left out where a profile is given */
	bool is_role;          /* assumes a role itself: no base for another one */
} sources[] = {
	{ xc_cred_explicit, false, false },   { xc_cred_env, true, false },
	{ xc_cred_web_identity, true, true }, { xc_cred_profile, false, false },
	{ xc_cred_github, true, true },       { xc_cred_container, false, false },
	{ xc_cred_imds, false, false },
};

static bool is_asked(const struct source *source, const struct xc_credentials_opts *opts)
{
	return !(source->from_environment && opts->profile) && !(source->is_role && opts->role_arn);
}

/* Ask in turn, or where the chain stays already (index + 1). */
static int walk(struct xc_cred_context *context, size_t *io_chosen, struct xc_cred_draft *draft,
		struct xc_err *err)
{
	if (*io_chosen > 0)
		return sources[*io_chosen - 1].obtain(context, draft, err);
	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		int found;

		if (!is_asked(&sources[i], context->opts))
			continue;
		found = sources[i].obtain(context, draft, err);
		if (found == XC_CRED_FOUND)
			*io_chosen = i + 1;
		if (found != XC_CRED_NONE)
			return found;
	}
	return XC_CRED_NONE;
}

static int nothing_found(const struct xc_cred_context *context, struct xc_err *err)
{
	const char *hint = xc_cred_github_hint();

	return xc_err_set(err, XC_ERR_AUTH, "no credentials%s%s: %s%s",
			  context->opts->role_arn ? " to assume " : "",
			  context->opts->role_arn ? XC_QUOTE(context->opts->role_arn) : "",
			  context->looked,
			  hint[0] != '\0' ? hint
					  : "; give a role, a profile or AWS_ACCESS_KEY_ID and "
					    "AWS_SECRET_ACCESS_KEY, or ask for anonymous requests");
}

/* The role that was given, with what there is to assume it. */
static int obtain_role(struct xc_cred_context *context, size_t *io_chosen,
		       struct xc_cred_draft *draft, struct xc_err *err)
{
	const struct xc_credentials_opts *opts = context->opts;
	const struct xc_cred_role role = { .arn = opts->role_arn };
	bool has_base = opts->access_key_id || opts->profile;
	cleanup_cred_draft struct xc_cred_draft base = { 0 };
	int found;

	if (!has_base && xc_cred_github_available())
		return xc_cred_github_role(context, &role, draft, err) < 0 ? -1 : XC_CRED_FOUND;
	found = has_base ? XC_CRED_NONE : xc_cred_web_identity(context, draft, err);
	if (found != XC_CRED_NONE)
		return found;
	found = walk(context, io_chosen, &base, err);
	if (found != XC_CRED_FOUND)
		return found;
	if (xc_sts_assume(context, &role, &base, draft, err) < 0) {
		size_t used = strlen(err->msg);

		snprintf(err->msg + used, sizeof(err->msg) - used, "%s", xc_cred_github_hint());
		return -1;
	}
	return XC_CRED_FOUND;
}

int xc_cred_obtain(struct xc_cred_context *context, size_t *io_chosen, struct xc_cred_draft *draft,
		   struct xc_err *err)
{
	bool has_role = context->opts->role_arn && !context->opts->anonymous;
	int found = has_role ? obtain_role(context, io_chosen, draft, err)
			     : walk(context, io_chosen, draft, err);

	if (found == XC_CRED_NONE)
		return nothing_found(context, err);
	return found < 0 ? -1 : 0;
}
