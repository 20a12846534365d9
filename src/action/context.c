/* SPDX-License-Identifier: Apache-2.0 */
#include "action/context.h"

#include <string.h>

#include "base/err.h"

static char *read_variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? xc_strdup(value) : NULL;
}

void xc_action_context_read(struct xc_action_context *ret_context)
{
	*ret_context = (struct xc_action_context){
		.repository = read_variable("GITHUB_REPOSITORY"),
		.ref = read_variable("GITHUB_REF"),
		.base_ref = read_variable("GITHUB_BASE_REF"),
		.workspace = read_variable("GITHUB_WORKSPACE"),
	};
}

void xc_action_context_release(struct xc_action_context *context)
{
	free(context->repository);
	free(context->ref);
	free(context->base_ref);
	free(context->workspace);
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
