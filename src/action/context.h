/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a workflow is running: what GitHub's variables say of it. This is
 * the only place that reads them; what is not set or empty is NULL.
 *
 * Source: docs.github.com, "Variables reference", default environment variables.
 */
#ifndef XC_ACTION_CONTEXT_H
#define XC_ACTION_CONTEXT_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/strlist.h"

struct xc_action_context {
	char *repository;   /* GITHUB_REPOSITORY: "owner/name" */
	char *ref;          /* GITHUB_REF: "refs/heads/main", "refs/pull/7/merge" */
	char *base_ref;     /* GITHUB_BASE_REF, of pull requests only: "main" */
	char *workspace;    /* GITHUB_WORKSPACE */
	char *event_name;   /* GITHUB_EVENT_NAME: "push" */
	char *event_path;   /* GITHUB_EVENT_PATH: the event as a JSON file */
	char *api_url;      /* GITHUB_API_URL: "https://api.github.com" */
	char *temp;         /* RUNNER_TEMP: a folder that lives as long as the job */
	char *cache_mode;   /* ACTIONS_CACHE_MODE in small letters; composite actions lack it */
	char *output_path;  /* GITHUB_OUTPUT */
	char *state_path;   /* GITHUB_STATE */
	char *summary_path; /* GITHUB_STEP_SUMMARY */
	bool debug;         /* RUNNER_DEBUG=1 */
};

#define XC_ACTION_CONTEXT_INIT                                                                     \
	{                                                                                          \
		0                                                                                  \
	}

/* Copies what the environment says now. */
void xc_action_context_read(struct xc_action_context *ret_context);
void xc_action_context_release(struct xc_action_context *context);
#define cleanup_action_context __attribute__((cleanup(xc_action_context_release)))

/*
 * Append the scopes that the ref of this run may read, its own first, which
 * is also the one that it writes to: the ref, then the branch that a pull
 * request goes to. Nothing without a ref.
 */
void xc_action_context_scopes(const struct xc_action_context *context, struct xc_strlist *scopes);

/* Whether `path`, of that length, is `folder` or in it, by their texts. */
bool xc_action_is_within(const char *path, size_t length, const char *folder);

/* What an earlier step of the same action left with GITHUB_STATE; NULL if nothing. Borrowed. */
const char *xc_action_context_state(const char *name);

#endif
