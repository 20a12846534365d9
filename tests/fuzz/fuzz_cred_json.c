/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials as JSON, by the names that instance metadata, containers and
 * commands (Token or SessionToken, times as text) or SSO (in an object of its
 * own, times in milliseconds) have for them.
 */
#include "aws/credentials/internal.h"

#define WHO "those who are asked"

#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_found(const struct xc_cred_draft *draft)
{
	struct xc_err err;

	MUST(draft->expires >= 0);
	MUST(xc_cred_check_text(draft->access_key_id, XC_CRED_KEY_BYTES_MAX, XC_ERR_CORRUPT, WHO,
				&err) == 0);
	MUST(xc_cred_check_text(draft->secret_access_key, XC_CRED_KEY_BYTES_MAX, XC_ERR_CORRUPT,
				WHO, &err) == 0);
	if (draft->session_token)
		MUST(xc_cred_check_text(draft->session_token, XC_CRED_TOKEN_BYTES_MAX,
					XC_ERR_CORRUPT, WHO, &err) == 0);
}

static void read_keys(const json_t *object, const struct xc_cred_names *names)
{
	const struct xc_credentials_opts opts = { 0 };
	const struct xc_cred_context context = { .opts = &opts };
	struct xc_cred_draft draft = { 0 };
	struct xc_err err = { 0 };

	if (xc_cred_from_json(&context, object, names, WHO, &draft, &err) == 0)
		check_found(&draft);
	else
		MUST(err.kind == XC_ERR_CORRUPT && strstr(err.msg, WHO) && !draft.access_key_id);
	xc_cred_draft_release(&draft);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct xc_cred_names metadata = { "AccessKeyId", "SecretAccessKey", "Token",
						       "Expiration" };
	static const struct xc_cred_names command = { "AccessKeyId", "SecretAccessKey",
						      "SessionToken", "Expiration" };
	static const struct xc_cred_names sso = { "accessKeyId", "secretAccessKey", "sessionToken",
						  "expiration" };
	struct xc_err err = { 0 };
	cleanup_cred_json json_t *answer = xc_cred_json_parse((const char *)data, size, WHO, &err);

	if (!answer) {
		MUST(err.kind == XC_ERR_CORRUPT && strncmp(err.msg, WHO, strlen(WHO)) == 0);
		return 0;
	}
	read_keys(answer, &metadata);
	read_keys(answer, &command);
	read_keys(json_object_get(answer, "roleCredentials"), &sso);
	return 0;
}
