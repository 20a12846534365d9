/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The message of the head commit that a pull request's run is about. The
 * event does not hold it: it is in the checked-out repository, if that was
 * fetched deep enough, or else at GitHub. (What a push or a merge group is
 * about stands in the event.)
 */
#ifndef XC_ACTION_MESSAGE_H
#define XC_ACTION_MESSAGE_H

#include "action/context.h"
#include "base/cancel.h"
#include "base/err.h"

/* A longer message is cut off by nobody: it is refused. */
#define XC_ACTION_MESSAGE_BYTES_MAX ((size_t)16 << 20)

struct xc_action_message_source {
	const struct xc_action_context *context;
	const char *sha;   /* the commit; NULL: the second parent of what is checked out */
	const char *token; /* "" for none */
	const struct xc_cancel *cancel;
	void (*trace)(void *context, const char *line); /* of requests; may be NULL */
};

/* On the heap. NOT_FOUND if there is no repository, no git, or the commit was not fetched. */
int xc_action_message_from_git(const struct xc_action_message_source *source, char **ret_message,
			       struct xc_err *err) XC_CHECK;

/* On the heap. USAGE without what it takes to ask; else what the request came to. */
int xc_action_message_from_api(const struct xc_action_message_source *source, char **ret_message,
			       struct xc_err *err) XC_CHECK;

/* From git, else from GitHub. The error says why neither works. */
int xc_action_message_find(const struct xc_action_message_source *source, char **ret_message,
			   struct xc_err *err) XC_CHECK;

#endif
