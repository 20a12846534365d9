/* SPDX-License-Identifier: Apache-2.0 */
#include "action/access.h"

#include <string.h>

#include "base/err.h"

static bool is_one_of(const char *word, const char *const *words)
{
	for (; word && *words; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}
#define IS_ONE_OF(word, ...) is_one_of((word), (const char *const[]){ __VA_ARGS__, NULL })

/* Once, and nothing for a name that is NULL. */
static void add_branch(struct xc_strlist *scopes, const char *name)
{
	cleanup_free char *ref = name ? xc_asprintf("refs/heads/%s", name) : NULL;

	for (size_t i = 0; ref && i < scopes->count; i++)
		if (strcmp(scopes->items[i], ref) == 0)
			return;
	if (ref)
		xc_strlist_add(scopes, ref);
}

void xc_action_access_scopes(const struct xc_action_context *context,
			     const struct xc_action_event *event, bool shared,
			     struct xc_strlist *scopes)
{
	if (!context->ref)
		return;
	if (shared) {
		xc_strlist_add(scopes, XC_ACTION_SHARED_SCOPE);
		return;
	}
	xc_action_context_scopes(context, scopes);
	add_branch(scopes, event->base_branch);
	add_branch(scopes, event->default_branch);
}

bool xc_action_mode_reads(const char *mode)
{
	return !IS_ONE_OF(mode, "none", "write-only");
}

bool xc_action_mode_writes(const char *mode)
{
	return !IS_ONE_OF(mode, "none", "read");
}

/* Only people with write access to the repository can set these off. */
static bool is_trusted(const struct xc_action_context *context, const struct xc_action_event *event)
{
	const char *name = context->event_name;

	if (IS_ONE_OF(name, "push", "schedule", "workflow_dispatch", "repository_dispatch",
		      "delete", "registry_package", "page_build"))
		return true;
	return IS_ONE_OF(name, "workflow_run") && event->own;
}

/* Runs of a ref of their own: what they write, the default branch does not read. */
static bool writes_aside(const struct xc_action_context *context,
			 const struct xc_action_event *event)
{
	cleanup_free char *main_ref = NULL;

	if (!context->ref || !event->default_branch ||
	    IS_ONE_OF(context->event_name, "pull_request_target"))
		return false;
	main_ref = xc_asprintf("refs/heads/%s", event->default_branch);
	return strcmp(context->ref, main_ref) != 0;
}

/* In the shared scope there is no aside: only what comes from within may write. */
static bool comes_from_within(const struct xc_action_context *context,
			      const struct xc_action_event *event)
{
	if (IS_ONE_OF(context->event_name, "pull_request", "pull_request_review",
		      "pull_request_review_comment"))
		return event->own;
	return IS_ONE_OF(context->event_name, "merge_group", "release", "create");
}

const char *xc_action_access_ban(const struct xc_action_context *context,
				 const struct xc_action_event *event, bool shared)
{
	if (is_trusted(context, event))
		return NULL;
	if (shared)
		return comes_from_within(context, event)
			       ? NULL
			       : "anybody can trigger this event, so its runs only read the scope "
				 "that all refs share";
	return writes_aside(context, event) ? NULL
					    : "anybody can trigger this event, so its runs only "
					      "read the default branch's caches";
}
