/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a byte that chooses the event's name, then the event.
 *
 * Demands: nothing is both a fork's and the repository's own, the first scope
 * is the job's own, and a stranger's trigger does not write to the default branch.
 */
#include "fuzz.h"

#include "action/access.h"
#include "action/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char push[] = "push", pull[] = "pull_request", run[] = "workflow_run",
		    group[] = "merge_group", target[] = "pull_request_target",
		    ref[] = "refs/heads/main";
	char *const names[] = { push, pull, run, group, target, NULL };
	cleanup_action_event struct xc_action_event event = XC_ACTION_EVENT_INIT;
	cleanup_strlist struct xc_strlist scopes = XC_STRLIST_INIT;
	struct xc_action_context context = { .ref = ref };
	struct xc_err err;

	if (size == 0)
		return 0;
	context.event_name = names[data[0] % ARRAY_LEN(names)];
	if (xc_action_event_parse(context.event_name, data + 1, size - 1, &event, &err) < 0) {
		MUST(err.kind == XC_ERR_CORRUPT && !event.message);
		return 0;
	}
	MUST(!(event.own && event.fork));
	MUST(!event.head_sha || xc_action_is_commit(event.head_sha));
	MUST(!event.message || context.event_name == push || context.event_name == group);
	xc_action_access_scopes(&context, &event, false, &scopes);
	MUST(scopes.count >= 1 && scopes.count <= 2 && strcmp(scopes.items[0], ref) == 0);
	/* Whatever an event says, a stranger's trigger does not write to the default branch. */
	if (context.event_name == target ||
	    (context.event_name == run && !event.own && scopes.count == 1))
		MUST(xc_action_access_ban(&context, &event, false));
	if (context.event_name == pull && !event.own)
		MUST(xc_action_access_ban(&context, &event, true));
	return 0;
}
