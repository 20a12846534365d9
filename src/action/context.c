/* SPDX-License-Identifier: Apache-2.0 */
#include "action/context.h"

#include <ctype.h>
#include <string.h>

#include "action/inputs.h"
#include "base/err.h"
#include "base/text.h"

static const struct {
	const char *name;
	size_t offset;
} variables[] = {
	{ "GITHUB_REPOSITORY", offsetof(struct xc_action_context, repository) },
	{ "GITHUB_REF", offsetof(struct xc_action_context, ref) },
	{ "GITHUB_BASE_REF", offsetof(struct xc_action_context, base_ref) },
	{ "GITHUB_WORKSPACE", offsetof(struct xc_action_context, workspace) },
	{ "GITHUB_EVENT_NAME", offsetof(struct xc_action_context, event_name) },
	{ "GITHUB_EVENT_PATH", offsetof(struct xc_action_context, event_path) },
	{ "GITHUB_API_URL", offsetof(struct xc_action_context, api_url) },
	{ "RUNNER_TEMP", offsetof(struct xc_action_context, temp) },
	{ "ACTIONS_CACHE_MODE", offsetof(struct xc_action_context, cache_mode) },
	{ "GITHUB_OUTPUT", offsetof(struct xc_action_context, output_path) },
	{ "GITHUB_STATE", offsetof(struct xc_action_context, state_path) },
	{ "GITHUB_STEP_SUMMARY", offsetof(struct xc_action_context, summary_path) },
};

static char **member(struct xc_action_context *context, size_t i)
{
	return (char **)((char *)context + variables[i].offset);
}

/* As GitHub's client reads it, which trims it and takes any case (@actions/cache, config.ts). */
static void normalize_mode(struct xc_action_context *context)
{
	const char *given = context->cache_mode;
	char *mode;

	if (!given)
		return;
	mode = xc_action_trimmed(given);
	for (char *at = mode; *at != '\0'; at++)
		*at = (char)tolower((unsigned char)*at);
	free(context->cache_mode);
	context->cache_mode = mode;
}

void xc_action_context_read(struct xc_action_context *ret_context)
{
	const char *debug = xc_env("RUNNER_DEBUG");

	*ret_context = (struct xc_action_context){ .debug = debug && strcmp(debug, "1") == 0 };
	for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
		const char *value = xc_env(variables[i].name);

		*member(ret_context, i) = value ? xc_strdup(value) : NULL;
	}
	normalize_mode(ret_context);
}

void xc_action_context_release(struct xc_action_context *context)
{
	for (size_t i = 0; i < ARRAY_LEN(variables); i++)
		free(*member(context, i));
	*context = (struct xc_action_context)XC_ACTION_CONTEXT_INIT;
}

void xc_action_context_scopes(const struct xc_action_context *context, struct xc_strlist *scopes)
{
	cleanup_free char *base = NULL;

	if (!context->ref)
		return;
	xc_strlist_add(scopes, context->ref);
	if (!context->base_ref)
		return;
	base = xc_asprintf("refs/heads/%s", context->base_ref);
	if (strcmp(base, context->ref) != 0)
		xc_strlist_add(scopes, base);
}

bool xc_action_is_within(const char *path, size_t length, const char *folder)
{
	size_t root = strlen(folder);

	return length >= root && strncmp(path, folder, root) == 0 &&
	       (length == root || path[root] == '/');
}

const char *xc_action_context_state(const char *name)
{
	cleanup_free char *full = xc_asprintf("STATE_%s", name);

	return xc_env(full);
}
