/* SPDX-License-Identifier: Apache-2.0 */
/* What the environment and the profile say beside keys: a region, endpoints. */
#include "aws/credentials/internal.h"

#include <strings.h>

char *xc_credentials_region(const struct xc_credentials_opts *opts)
{
	struct xc_cred_context context = { .opts = opts };
	const char *region = xc_env("AWS_REGION");
	const struct xc_profiles *profiles;
	struct xc_err ignored = { 0 };
	char *copy;

	if (!region)
		region = xc_env("AWS_DEFAULT_REGION");
	if (region)
		return xc_strdup(region);
	profiles = xc_cred_profiles(&context, &ignored);
	if (profiles)
		region =
			xc_profiles_get(profiles, XC_PROFILE, xc_cred_profile_name(opts), "region");
	copy = region ? xc_strdup(region) : NULL;
	xc_cred_context_release(&context);
	return copy;
}

static bool is_true(const char *text)
{
	return text && strcasecmp(text, "true") == 0;
}

static const char *endpoint_of_environment(const char *service)
{
	cleanup_free char *name = xc_asprintf("AWS_ENDPOINT_URL_%s", service);
	const char *value;

	for (char *c = name; *c != '\0'; c++)
		if (*c >= 'a' && *c <= 'z')
			*c = (char)(*c - ('a' - 'A'));
	value = xc_env(name);
	return value ? value : xc_env("AWS_ENDPOINT_URL");
}

/* Borrowed from the profiles. */
static int endpoint_of_profile(const struct xc_profiles *profiles, const char *profile,
			       const char *service, const char **ret_endpoint, struct xc_err *err)
{
	const char *services = xc_profiles_get(profiles, XC_PROFILE, profile, "services");
	cleanup_free char *property = xc_asprintf("%s.endpoint_url", service);
	const char *endpoint = NULL;

	if (services && !xc_profiles_has(profiles, XC_SERVICES, services))
		return xc_err_set(err, XC_ERR_USAGE,
				  "profile %s has services = %s, but there is no [services %s] in "
				  "~/.aws/config (AWS_CONFIG_FILE)",
				  XC_QUOTE(profile), XC_QUOTE(services), XC_QUOTE(services));
	if (services)
		endpoint = xc_profiles_get(profiles, XC_SERVICES, services, property);
	if (!endpoint)
		endpoint = xc_profiles_get(profiles, XC_PROFILE, profile, "endpoint_url");
	*ret_endpoint = endpoint;
	return 0;
}

int xc_credentials_endpoint(const struct xc_credentials_opts *opts, const char *service,
			    char **ret_endpoint, struct xc_err *err)
{
	struct xc_cred_context context = { .opts = opts };
	const char *ignores = xc_env("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
	const char *endpoint = is_true(ignores) ? NULL : endpoint_of_environment(service);
	const char *profile = xc_cred_profile_name(opts);
	const struct xc_profiles *profiles;
	struct xc_err ignored = { 0 };
	int result = 0;

	if (!endpoint && !is_true(ignores)) {
		profiles = xc_cred_profiles(&context, &ignored);
		if (profiles && !ignores)
			ignores = xc_profiles_get(profiles, XC_PROFILE, profile,
						  "ignore_configured_endpoint_urls");
		if (profiles && !is_true(ignores))
			result = endpoint_of_profile(profiles, profile, service, &endpoint, err);
	}
	if (result == 0)
		*ret_endpoint = endpoint ? xc_strdup(endpoint) : NULL;
	xc_cred_context_release(&context);
	return result;
}
