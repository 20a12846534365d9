/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "action/clear_tag.h"
#include "action/internal.h"
#include "action/message.h"
#include "base/human.h"

/* The message that may hold the tag; NULL if there is none, or nobody can tell it. */
static char *find_message(const struct xc_action_run *run)
{
	const struct xc_action_message_source source = {
		.context = &run->context,
		.sha = run->event.head_sha,
		.token = run->inputs.github_token,
		.cancel = run->host->cancel,
		.trace = run->context.debug ? xc_action_trace : NULL,
	};
	const char *event = run->context.event_name;
	char *message;
	struct xc_err err;

	if (run->event.message)
		return xc_strdup(run->event.message);
	if (!event || strcmp(event, "pull_request") != 0)
		return NULL;
	if (xc_action_message_find(&source, &message, &err) == 0)
		return message;
	if (err.kind != XC_ERR_CANCELED)
		xc_action_command("notice",
				  "Cannot tell whether the head commit asks to clear the cache: %s",
				  err.msg);
	return NULL;
}

static void remove_entries(const struct xc_action_run *run, const char *tag)
{
	const struct xc_remove_opts opts = { .key = run->query.key };
	const char *ban = xc_action_run_ban(run);
	uint64_t count = 0;
	struct xc_err err;

	if (!ban && !xc_action_mode_writes(run->context.cache_mode))
		ban = "the cache mode does not permit writes";
	if (ban)
		xc_action_info(
			"The head commit's message contains the tag %s: cache skipped; nothing "
			"removed because %s.",
			tag, ban);
	else if (xc_cache_remove(&run->cache, &opts, NULL, NULL, &count, &err) < 0)
		xc_action_command("warning", "Failed to clear the cache: %s", err.msg);
	else
		xc_action_info("The head commit's message contains the tag %s: cache skipped; "
			       "removed %s with key %s from scope %s.",
			       tag, XC_COUNTED(count, "entry", "entries"), run->query.key,
			       run->scopes.items[0]);
}

enum xc_action_clear xc_action_clear(const struct xc_action_run *run)
{
	const char *tag = run->inputs.clear_tag;
	cleanup_free char *message = *tag ? find_message(run) : NULL;

	if (xc_cancel_requested(run->host->cancel))
		return XC_CLEAR_CANCELED;
	if (!message || !xc_action_clear_tag_found(message, tag, run->query.key))
		return XC_CLEAR_NO;
	remove_entries(run, tag);
	return xc_cancel_requested(run->host->cancel) ? XC_CLEAR_CANCELED : XC_CLEAR_YES;
}
