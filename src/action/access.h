/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run may do with the caches of its repository: scopes, the cache
 * mode, and the rule that strangers' triggers do not write where everybody
 * reads. Pure.
 *
 * These rules keep honest workflows from accidents. Whoever holds the store's
 * credentials can do all that these allow: only the store can refuse more.
 *
 * Sources: docs.github.com, "Dependency caching reference", restrictions for
 * accessing a cache; github.blog/changelog, 2026-06-26, read-only cache for
 * untrusted triggers; actions/toolkit 6.2, cache mode.
 */
#ifndef XC_ACTION_ACCESS_H
#define XC_ACTION_ACCESS_H

#include "action/context.h"
#include "action/event.h"

/* The one scope of `scope: repository`. No ref is called that: they begin with "refs/". */
#define XC_ACTION_SHARED_SCOPE "repository"

/*
 * Append the scopes of a run, each once: its own ref, which is written to,
 * the branch that a pull request or merge group goes to, the default branch;
 * or only the shared one. Nothing without a ref.
 */
void xc_action_access_scopes(const struct xc_action_context *context,
			     const struct xc_action_event *event, bool shared,
			     struct xc_strlist *scopes);

/* What ACTIONS_CACHE_MODE allows; NULL and unknown words allow everything. */
bool xc_action_mode_reads(const char *mode);
bool xc_action_mode_writes(const char *mode);

/*
 * Why this run must not write, as half a sentence that may end one; NULL if
 * it may. A trigger that anybody can pull must not write to the default
 * branch's scope, nor to the shared one.
 */
const char *xc_action_access_ban(const struct xc_action_context *context,
				 const struct xc_action_event *event, bool shared);

#endif
