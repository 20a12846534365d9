/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a profile has: a role over another source, keys, an SSO session or a
 * program, in this order, as the SDKs ask (AWS SDKs and Tools Reference Guide,
 * "Assume role credential provider"). A profile that is the source of another
 * one's role gives its keys before a role of its own.
 */
#include "aws/credentials/internal.h"

#define CHAIN_MAX 8

/* The profiles that are being resolved, each the source of the one before. */
struct chain {
	struct xc_cred_context *context;
	const struct xc_profiles *profiles;
	const char *names[CHAIN_MAX];
	unsigned count;
};

static const char *get(const struct chain *chain, const char *name, const char *property)
{
	return xc_profiles_get(chain->profiles, XC_PROFILE, name, property);
}

static int from_keys(const struct chain *chain, const char *name, struct xc_cred_draft *draft,
		     struct xc_err *err)
{
	const struct xc_sigv4_keys keys = {
		.access_key_id = get(chain, name, "aws_access_key_id"),
		.secret_access_key = get(chain, name, "aws_secret_access_key"),
		.session_token = get(chain, name, "aws_session_token"),
	};
	char what[220];

	if (!keys.access_key_id && !keys.secret_access_key)
		return XC_CRED_NONE;
	snprintf(what, sizeof(what), "profile %s", XC_QUOTE(name));
	if (!keys.access_key_id || !keys.secret_access_key)
		return xc_err_set(
			err, XC_ERR_USAGE, "%s has %s, but not %s", what,
			keys.access_key_id ? "aws_access_key_id" : "aws_secret_access_key",
			keys.access_key_id ? "aws_secret_access_key" : "aws_access_key_id");
	if (xc_cred_draft_set(chain->context, draft, &keys, XC_ERR_USAGE, what, err) < 0)
		return -1;
	xc_cred_draft_source(draft, "profile %s", name);
	return XC_CRED_FOUND;
}

static int resolve(struct chain *chain, const char *name, struct xc_cred_draft *draft,
		   struct xc_err *err);

static int from_source_profile(struct chain *chain, const char *name, const char *source,
			       struct xc_cred_draft *base, struct xc_err *err)
{
	int found;

	/* A role over the same profile's own keys. */
	if (strcmp(source, name) == 0) {
		found = from_keys(chain, name, base, err);
	} else {
		for (unsigned i = 0; i < chain->count; i++)
			if (strcmp(chain->names[i], source) == 0)
				return xc_err_set(err, XC_ERR_USAGE,
						  "source_profile goes in a circle: profile %s is "
						  "its own source",
						  XC_QUOTE(source));
		found = resolve(chain, source, base, err);
	}
	if (found == XC_CRED_NONE)
		return xc_err_set(
			err, XC_ERR_USAGE,
			"profile %s, which is the source_profile of %s, has no credentials",
			XC_QUOTE(source), XC_QUOTE(name));
	return found;
}

static int from_credential_source(struct chain *chain, const char *name, const char *source,
				  struct xc_cred_draft *base, struct xc_err *err)
{
	static const struct {
		const char *name;
		int (*obtain)(struct xc_cred_context *context, struct xc_cred_draft *draft,
			      struct xc_err *err);
	} sources[] = {
		{ "Environment", xc_cred_env },
		{ "Ec2InstanceMetadata", xc_cred_imds },
		{ "EcsContainer", xc_cred_container },
	};

	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		int found;

		if (strcasecmp(source, sources[i].name) != 0)
			continue;
		found = sources[i].obtain(chain->context, base, err);
		if (found == XC_CRED_NONE)
			return xc_err_set(err, XC_ERR_AUTH,
					  "profile %s: its credential_source %s has no credentials "
					  "here",
					  XC_QUOTE(name), sources[i].name);
		return found;
	}
	return xc_err_set(err, XC_ERR_USAGE,
			  "profile %s: credential_source is Environment, Ec2InstanceMetadata or "
			  "EcsContainer, not %s",
			  XC_QUOTE(name), XC_QUOTE(source));
}

/* The keys that a profile's role is assumed with. */
static int find_base(struct chain *chain, const char *name, struct xc_cred_draft *base,
		     struct xc_err *err)
{
	const char *profile = get(chain, name, "source_profile");
	const char *source = get(chain, name, "credential_source");

	if (get(chain, name, "mfa_serial"))
		return xc_err_set(err, XC_ERR_USAGE,
				  "profile %s needs an MFA code (mfa_serial), and xcache cannot "
				  "ask for it: use credential_process with `aws configure "
				  "export-credentials`",
				  XC_QUOTE(name));
	if (profile && source)
		return xc_err_set(err, XC_ERR_USAGE,
				  "profile %s has both source_profile and credential_source: keep "
				  "one",
				  XC_QUOTE(name));
	if (profile)
		return from_source_profile(chain, name, profile, base, err);
	if (source)
		return from_credential_source(chain, name, source, base, err);
	return xc_err_set(err, XC_ERR_USAGE,
			  "profile %s has role_arn, but nothing to assume it with: source_profile, "
			  "credential_source or web_identity_token_file%s",
			  XC_QUOTE(name), xc_cred_github_hint());
}

static int from_role(struct chain *chain, const char *name, struct xc_cred_draft *draft,
		     struct xc_err *err)
{
	const struct xc_cred_role role = {
		.arn = get(chain, name, "role_arn"),
		.external_id = get(chain, name, "external_id"),
		.session_name = get(chain, name, "role_session_name"),
		.duration = get(chain, name, "duration_seconds"),
	};
	const char *file = get(chain, name, "web_identity_token_file");
	cleanup_cred_draft struct xc_cred_draft base = { 0 };

	if (!role.arn)
		return XC_CRED_NONE;
	if (file)
		return xc_cred_web_identity_file(chain->context, &role, file, draft, err) < 0
			       ? -1
			       : XC_CRED_FOUND;
	if (xc_cred_github_available() && !get(chain, name, "source_profile") &&
	    !get(chain, name, "credential_source"))
		return xc_cred_github_role(chain->context, &role, draft, err) < 0 ? -1
										  : XC_CRED_FOUND;
	if (find_base(chain, name, &base, err) < 0 ||
	    xc_sts_assume(chain->context, &role, &base, draft, err) < 0)
		return -1;
	return XC_CRED_FOUND;
}

static int resolve(struct chain *chain, const char *name, struct xc_cred_draft *draft,
		   struct xc_err *err)
{
	bool is_source = chain->count > 0;
	const char *command;
	int found;

	if (chain->count == CHAIN_MAX)
		return xc_err_set(err, XC_ERR_USAGE,
				  "more than %d profiles in a row by source_profile", CHAIN_MAX);
	chain->names[chain->count++] = name;
	found = is_source ? from_keys(chain, name, draft, err) : from_role(chain, name, draft, err);
	if (found == XC_CRED_NONE)
		found = is_source ? from_role(chain, name, draft, err)
				  : from_keys(chain, name, draft, err);
	if (found == XC_CRED_NONE)
		found = xc_cred_sso(chain->context, name, draft, err);
	if (found != XC_CRED_NONE)
		return found;
	command = get(chain, name, "credential_process");
	return command ? xc_cred_process(chain->context, name, command, draft, err) : XC_CRED_NONE;
}

int xc_cred_profile(struct xc_cred_context *context, struct xc_cred_draft *draft,
		    struct xc_err *err)
{
	struct chain chain = { .context = context, .profiles = xc_cred_profiles(context, err) };
	const char *name = xc_cred_profile_name(context->opts);
	int found;

	if (!chain.profiles)
		return -1;
	if (!xc_profiles_has(chain.profiles, XC_PROFILE, name)) {
		if (strcmp(name, "default") == 0 && !context->opts->profile)
			return xc_cred_nothing(context, "no profile in ~/.aws");
		return xc_err_set(err, XC_ERR_AUTH,
				  "there is no profile %s: not [profile %s] in ~/.aws/config "
				  "(AWS_CONFIG_FILE), nor [%s] in ~/.aws/credentials "
				  "(AWS_SHARED_CREDENTIALS_FILE)",
				  XC_QUOTE(name), XC_QUOTE(name), XC_QUOTE(name));
	}
	found = resolve(&chain, name, draft, err);
	if (found == XC_CRED_NONE)
		return xc_cred_nothing(context, "profile %s has no keys", XC_QUOTE(name));
	return found;
}
