/* SPDX-License-Identifier: Apache-2.0 */
#include "action/event.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/json.h"

/* The string at the end of a path of members, or NULL. Borrowed. */
static const char *text_at(const json_t *value, const char *const *path)
{
	for (; *path; path++)
		value = json_object_get(value, *path);
	return json_string_value(value);
}
#define TEXT_AT(value, ...) text_at((value), (const char *const[]){ __VA_ARGS__, NULL })

static char *copy(const char *text)
{
	return text && *text ? xc_strdup(text) : NULL;
}

bool xc_action_is_commit(const char *text)
{
	size_t length = strspn(text, "0123456789abcdef");

	return text[length] == '\0' && (length == 40 || length == 64);
}

static void take_source(const json_t *document, struct xc_action_event *event)
{
	const json_t *pull = json_object_get(document, "pull_request");
	const json_t *run = json_object_get(document, "workflow_run");
	const char *here = TEXT_AT(document, "repository", "full_name"), *head;

	if (!pull && !run)
		return;
	head = pull ? TEXT_AT(pull, "head", "repo", "full_name")
		    : TEXT_AT(run, "head_repository", "full_name");
	event->own = here && head && strcmp(here, head) == 0;
	event->fork = !event->own;
}

/* Events about pull requests that GITHUB_BASE_REF is not set for. */
static char *base_branch(const char *name, const json_t *document)
{
	static const char heads[] = "refs/heads/";
	const char *base;

	if (strncmp(name, "pull_request_review", strlen("pull_request_review")) == 0)
		return copy(TEXT_AT(document, "pull_request", "base", "ref"));
	if (strcmp(name, "merge_group") != 0)
		return NULL;
	base = TEXT_AT(document, "merge_group", "base_ref");
	return base && strncmp(base, heads, strlen(heads)) == 0 ? copy(base + strlen(heads)) : NULL;
}

static void take(const char *name, const json_t *document, struct xc_action_event *event)
{
	const char *sha;

	event->default_branch = copy(TEXT_AT(document, "repository", "default_branch"));
	event->base_branch = base_branch(name, document);
	take_source(document, event);
	if (strcmp(name, "push") == 0)
		event->message = copy(TEXT_AT(document, "head_commit", "message"));
	else if (strcmp(name, "merge_group") == 0)
		event->message = copy(TEXT_AT(document, "merge_group", "head_commit", "message"));
	sha = strcmp(name, "pull_request") == 0 ? TEXT_AT(document, "pull_request", "head", "sha")
						: NULL;
	if (sha && xc_action_is_commit(sha))
		event->head_sha = xc_strdup(sha);
}

int xc_action_event_parse(const char *name, const void *data, size_t length,
			  struct xc_action_event *ret_event, struct xc_err *err)
{
	cleanup_json json_t *document =
		xc_json_parse(data, length, XC_ACTION_EVENT_BYTES_MAX, "the event", err);
	struct xc_action_event event = XC_ACTION_EVENT_INIT;

	if (!document)
		return -1;
	if (!json_is_object(document))
		return xc_err_set(err, XC_ERR_CORRUPT, "the event is not a JSON object");
	take(name ? name : "", document, &event);
	*ret_event = event;
	return 0;
}

int xc_action_event_read(const char *name, const char *path, struct xc_action_event *ret_event,
			 struct xc_err *err)
{
	cleanup_buf struct xc_buf data = XC_BUF_INIT;
	struct stat status;

	/* A FIFO would be waited for. */
	if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
		return xc_err_set(err, XC_ERR_IO, "the event file %s is not a regular file",
				  XC_QUOTE(path));
	if (xc_fd_read_file(AT_FDCWD, path, XC_ACTION_EVENT_BYTES_MAX, &data) < 0)
		return xc_err_sys(err, errno, "cannot read the event file %s", XC_QUOTE(path));
	return xc_action_event_parse(name, data.data, data.len_bytes, ret_event, err);
}

void xc_action_event_release(struct xc_action_event *event)
{
	free(event->default_branch);
	free(event->base_branch);
	free(event->message);
	free(event->head_sha);
	*event = (struct xc_action_event)XC_ACTION_EVENT_INIT;
}
