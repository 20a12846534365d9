/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ~/.aws/config and ~/.aws/credentials (AWS SDKs and Tools Reference Guide,
 * "Shared config and credentials files"): sections of names and values. Pure:
 * bytes come in. Values may be secrets: they are wiped when freed, and no
 * message quotes the file.
 */
#ifndef XC_AWS_CREDENTIALS_PROFILE_FILE_H
#define XC_AWS_CREDENTIALS_PROFILE_FILE_H

#include <stdbool.h>

#include "base/err.h"

#define XC_PROFILE_FILE_BYTES_MAX  ((size_t)1 << 20)
#define XC_PROFILE_SECTIONS_MAX    1024
#define XC_PROFILE_PROPERTIES_MAX  8192
#define XC_PROFILE_VALUE_BYTES_MAX ((size_t)32 << 10)

enum xc_profile_kind {
	XC_PROFILE,     /* [profile x] in config, [x] in credentials, [default] in both */
	XC_SSO_SESSION, /* [sso-session x] in config */
	XC_SERVICES,    /* [services x] in config */
};

enum xc_profile_file {
	XC_PROFILE_CONFIG,
	XC_PROFILE_CREDENTIALS,
};

struct xc_profiles;

struct xc_profiles *xc_profiles_new(void);
void xc_profiles_free(struct xc_profiles *profiles); /* wipes; NULL is allowed */

/*
 * Add what a file says; where two files name the same value, the one read last
 * counts, so credentials are read after config. USAGE with `name` and the line
 * for what is no such file; `profiles` may then only be freed.
 */
int xc_profiles_parse(struct xc_profiles *profiles, enum xc_profile_file file, const char *name,
		      const char *bytes, size_t length, struct xc_err *err) XC_CHECK;

/* The file's sections count, even empty ones. */
bool xc_profiles_has(const struct xc_profiles *profiles, enum xc_profile_kind kind,
		     const char *section);

/*
 * A value, borrowed; NULL if it is not there or empty. Property names are in
 * small letters; nested ones are "s3.addressing_style". Continued lines are
 * joined by '\n'.
 */
const char *xc_profiles_get(const struct xc_profiles *profiles, enum xc_profile_kind kind,
			    const char *section, const char *property);

#endif
