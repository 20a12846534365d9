/* SPDX-License-Identifier: Apache-2.0 */
/* Foreign texts that hold keys: token files, JSON answers, times. */
#include "aws/credentials/internal.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>

int xc_cred_read_token(const char *path, const char *what, char **ret_token, struct xc_err *err)
{
	cleanup_secret_buf struct xc_buf text = XC_BUF_INIT;
	char *start, *end;

	xc_secret_buf_init(&text, XC_CRED_REPLY_BYTES_MAX);
	if (xc_fd_read_file(AT_FDCWD, path, XC_CRED_REPLY_BYTES_MAX, &text) < 0)
		return xc_err_sys(err, errno, "cannot read the %s %s", what, XC_QUOTE(path));
	start = text.data;
	end = start + strlen(start);
	while (start < end && isspace((unsigned char)*start))
		start++;
	while (end > start && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	if (start == end)
		return xc_err_set(err, XC_ERR_AUTH, "the %s %s is empty", what, XC_QUOTE(path));
	*ret_token = xc_strdup(start);
	return 0;
}

/* Whether `text` begins so, a '0' in `form` standing for any digit. */
static bool has_form(const char *text, const char *form)
{
	for (; *form != '\0'; text++, form++)
		if (*form == '0' ? !isdigit((unsigned char)*text) : *text != *form)
			return false;
	return true;
}

/* "Z", "UTC" (old SSO caches) or +hh:mm; what to subtract in seconds. */
static bool parse_zone(const char *text, long *ret_seconds)
{
	*ret_seconds = 0;
	if (strcmp(text, "Z") == 0 || strcmp(text, "UTC") == 0)
		return true;
	if ((!has_form(text, "+00:00") && !has_form(text, "-00:00")) || text[6] != '\0')
		return false;
	*ret_seconds = strtol(text + 1, NULL, 10) * 3600 + strtol(text + 4, NULL, 10) * 60;
	if (text[0] == '-')
		*ret_seconds = -*ret_seconds;
	return true;
}

int xc_cred_parse_time(const char *text, time_t *ret_time)
{
	struct tm tm = { 0 };
	const char *rest;
	long zone;

	/* strptime alone takes white space, signs and fewer digits. */
	if (!has_form(text, "0000-00-00T00:00:00"))
		return -1;
	rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!rest)
		return -1;
	if (*rest == '.')
		for (rest++; isdigit((unsigned char)*rest);)
			rest++;
	if (!parse_zone(rest, &zone))
		return -1;
	*ret_time = timegm(&tm) - zone;
	return 0;
}

time_t xc_cred_date_header(const struct xc_http_request *request)
{
	struct tm tm = { 0 };
	char text[64];

	if (!xc_http_header(request, "Date", text, sizeof(text)) ||
	    !strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm))
		return 0;
	return timegm(&tm);
}

json_t *xc_cred_json_parse(const char *data, size_t length, const char *what, struct xc_err *err)
{
	json_t *value = xc_json_parse(data, length, XC_CRED_REPLY_BYTES_MAX, what, err);

	if (value && json_is_object(value))
		return value;
	xc_cred_json_free(&value);
	/* The parser's own message says near which text it failed, and that may be a secret. */
	xc_err_set(err, XC_ERR_CORRUPT, "%s is not the JSON that was expected", what);
	return NULL;
}

static void wipe_json(json_t *value)
{
	if (json_is_string(value))
		explicit_bzero((char *)json_string_value(value), json_string_length(value));
	for (size_t i = 0; json_is_array(value) && i < json_array_size(value); i++)
		wipe_json(json_array_get(value, i));
	if (json_is_object(value))
		for (void *at = json_object_iter(value); at; at = json_object_iter_next(value, at))
			wipe_json(json_object_iter_value(at));
}

void xc_cred_json_free(json_t **value)
{
	wipe_json(*value);
	json_decref(*value);
	*value = NULL;
}

static const char *text_member(const json_t *object, const char *name)
{
	const json_t *member = json_object_get(object, name);

	/* jansson refuses NUL inside a string unless it is told otherwise. */
	return json_is_string(member) ? json_string_value(member) : NULL;
}

static int expiration(const json_t *member, const char *what, time_t *ret_expires,
		      struct xc_err *err)
{
	json_int_t ms = json_is_integer(member) ? json_integer_value(member) : 0;

	if (!member || json_is_null(member)) {
		*ret_expires = 0;
		return 0;
	}
	if (ms >= 1000) {
		*ret_expires = (time_t)(ms / 1000);
		return 0;
	}
	if (json_is_string(member) &&
	    xc_cred_parse_time(json_string_value(member), ret_expires) == 0 && *ret_expires > 0)
		return 0;
	return xc_err_set(err, XC_ERR_CORRUPT, "%s: the expiration is not a time", what);
}

int xc_cred_from_json(const struct xc_cred_context *context, const json_t *object,
		      const struct xc_cred_names *names, struct xc_cred_draft *draft,
		      struct xc_err *err)
{
	struct xc_sigv4_keys keys = {
		.access_key_id = text_member(object, names->access_key_id),
		.secret_access_key = text_member(object, names->secret_access_key),
		.session_token = text_member(object, names->session_token),
	};
	time_t expires;

	if (expiration(json_object_get(object, names->expiration), names->who, &expires, err) < 0 ||
	    xc_cred_draft_set(context, draft, &keys, XC_ERR_CORRUPT, names->who, err) < 0)
		return -1;
	draft->expires = expires;
	return 0;
}

int xc_cred_take_keys(const struct xc_cred_context *context, const struct xc_http_request *request,
		      struct xc_cred_draft *draft, struct xc_err *err)
{
	const struct xc_cred_names names = { request->owner, "AccessKeyId", "SecretAccessKey",
					     "Token", "Expiration" };
	cleanup_cred_json json_t *answer = xc_cred_json_parse(
		xc_buf_str(&request->reply), request->reply.len_bytes, names.who, err);
	const char *code;

	if (!answer)
		return -1;
	code = json_string_value(json_object_get(answer, "Code"));
	if (code && strcmp(code, "Success") != 0)
		return xc_err_set(err, XC_ERR_AUTH, "%s has no keys: %s", names.who,
				  XC_QUOTE(code));
	return xc_cred_from_json(context, answer, &names, draft, err);
}
