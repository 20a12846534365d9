/* SPDX-License-Identifier: Apache-2.0 */
/* What all sources are told, and what they leave for the message if none has anything. */
#include "aws/credentials/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>

int xc_cred_nothing(struct xc_cred_context *context, const char *format, ...)
{
	size_t used = strlen(context->looked);
	va_list args;

	if (used > 0)
		used += (size_t)snprintf(context->looked + used, sizeof(context->looked) - used,
					 ", ");
	if (used < sizeof(context->looked)) {
		va_start(args, format);
		vsnprintf(context->looked + used, sizeof(context->looked) - used, format, args);
		va_end(args);
	}
	return XC_CRED_NONE;
}

const char *xc_cred_profile_name(const struct xc_credentials_opts *opts)
{
	const char *name = opts->profile;

	if (!name || name[0] == '\0')
		name = xc_env("AWS_PROFILE");
	if (!name)
		name = xc_env("AWS_DEFAULT_PROFILE");
	return name ? name : "default";
}

/* As the variable says, else in ~/.aws; NULL without a home. A shell may have left '~' as it is. */
static char *find_path(const char *variable, const char *name)
{
	const char *given = xc_env(variable), *home = xc_env("HOME");

	if (given && !(given[0] == '~' && given[1] == '/' && home))
		return xc_strdup(given);
	if (!home)
		return NULL;
	return given ? xc_asprintf("%s%s", home, given + 1) : xc_asprintf("%s/.aws/%s", home, name);
}

static int read_file(struct xc_profiles *profiles, enum xc_profile_file file, struct xc_err *err)
{
	bool is_config = file == XC_PROFILE_CONFIG;
	cleanup_free char *path = is_config
					  ? find_path("AWS_CONFIG_FILE", "config")
					  : find_path("AWS_SHARED_CREDENTIALS_FILE", "credentials");
	cleanup_secret_buf struct xc_buf text = XC_BUF_INIT;

	if (!path)
		return 0;
	xc_secret_buf_init(&text, XC_PROFILE_FILE_BYTES_MAX);
	if (xc_fd_read_file(AT_FDCWD, path, XC_PROFILE_FILE_BYTES_MAX, &text) < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return 0;
		return xc_err_sys(err, errno, "cannot read %s", XC_QUOTE(path));
	}
	return xc_profiles_parse(profiles, file, path, xc_buf_str(&text), text.len_bytes, err);
}

const struct xc_profiles *xc_cred_profiles(struct xc_cred_context *context, struct xc_err *err)
{
	if (context->profiles)
		return context->profiles;
	context->profiles = xc_profiles_new();
	if (read_file(context->profiles, XC_PROFILE_CONFIG, err) < 0 ||
	    read_file(context->profiles, XC_PROFILE_CREDENTIALS, err) < 0) {
		xc_profiles_free(STEAL_PTR(context->profiles));
		return NULL;
	}
	return context->profiles;
}

void xc_cred_context_release(struct xc_cred_context *context)
{
	xc_profiles_free(STEAL_PTR(context->profiles));
	context->looked[0] = '\0';
}
