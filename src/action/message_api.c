/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "action/event.h"
#include "action/message.h"
#include "base/json.h"
#include "http/http.h"

/* A cache is not worth waiting long for a message. */
#define ATTEMPTS 3
#define STALL_MS 5000

/* "owner/name", which goes into a URL as it is. */
static bool is_repository(const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-._";
	size_t owner = strspn(text, plain), name;

	if (owner == 0 || text[owner] != '/')
		return false;
	name = strspn(text + owner + 1, plain);
	return name > 0 && text[owner + 1 + name] == '\0';
}

static int check_source(const struct xc_action_message_source *source, struct xc_err *err)
{
	const struct xc_action_context *context = source->context;

	if (*source->token == '\0')
		return xc_err_set(err, XC_ERR_USAGE, "github-token is not set");
	/* A header ends at a line's end, and so must the token. */
	if (strpbrk(source->token, "\r\n"))
		return xc_err_set(err, XC_ERR_USAGE, "github-token has more than one line");
	if (!source->sha || !xc_action_is_commit(source->sha))
		return xc_err_set(err, XC_ERR_USAGE, "the event does not name the commit");
	if (!context->api_url || !context->repository || !is_repository(context->repository))
		return xc_err_set(err, XC_ERR_USAGE,
				  "GITHUB_API_URL or GITHUB_REPOSITORY is not set");
	return 0;
}

/* When a limit or a maintenance ends, this step shall be long over. */
static enum xc_http_verdict judge(struct xc_http_request *request, struct xc_err *err)
{
	enum xc_http_verdict verdict = xc_http_judge_status(request, err);
	char value[100];
	bool later = xc_http_header(request, "Retry-After", value, sizeof(value));

	return verdict == XC_HTTP_RETRY && later ? XC_HTTP_FAIL : verdict;
}

static void fill_request(const struct xc_action_message_source *source,
			 struct xc_http_request *request)
{
	const struct xc_action_context *context = source->context;

	request->method = "GET";
	request->url = xc_asprintf("%s/repos/%s/git/commits/%s", context->api_url,
				   context->repository, source->sha);
	request->judge = judge;
	request->max_reply_bytes = XC_ACTION_MESSAGE_BYTES_MAX;
	xc_strlist_add(&request->headers, "Accept: application/vnd.github+json");
	xc_strlist_add(&request->headers, "X-GitHub-Api-Version: 2022-11-28");
	xc_strlist_add(&request->headers, "User-Agent: xcache/" XC_VERSION);
	xc_strlist_take(&request->headers, xc_asprintf("Authorization: Bearer %s", source->token));
}

static int read_reply(const struct xc_http_request *request, char **ret_message, struct xc_err *err)
{
	cleanup_json json_t *reply =
		xc_json_parse(request->reply.data, request->reply.len_bytes,
			      XC_ACTION_MESSAGE_BYTES_MAX, "GitHub's answer", err);
	const char *message;

	if (!reply)
		return -1;
	message = json_string_value(json_object_get(reply, "message"));
	if (!message)
		return xc_err_set(err, XC_ERR_CORRUPT, "GitHub's answer has no message");
	*ret_message = xc_strdup(message);
	return 0;
}

int xc_action_message_from_api(const struct xc_action_message_source *source, char **ret_message,
			       struct xc_err *err)
{
	struct xc_http_opts opts = {
		.connections = 1,
		.cancel = source->cancel,
		.trace = source->trace,
		.attempts = ATTEMPTS,
		.stall_ms = STALL_MS,
	};
	struct xc_http_request request = { 0 };
	struct xc_http *http;
	int result;

	if (check_source(source, err) < 0 || xc_http_new(&opts, &http, err) < 0)
		return -1;
	fill_request(source, &request);
	result = xc_http_perform(http, &request, err);
	if (result == 0)
		result = read_reply(&request, ret_message, err);
	xc_http_request_release(&request);
	xc_http_free(http);
	return result;
}
