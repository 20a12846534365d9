/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What set a workflow off: the few members of GitHub's event that matter to a
 * cache. The document is foreign text: other people wrote the messages in it.
 *
 * Source: docs.github.com, "Webhook events and payloads".
 */
#ifndef XC_ACTION_EVENT_H
#define XC_ACTION_EVENT_H

#include <stdbool.h>

#include "base/err.h"

/* GitHub caps payloads at 25 MB, which escapes may swell. */
#define XC_ACTION_EVENT_BYTES_MAX ((size_t)100 << 20)

struct xc_action_event {
	char *default_branch; /* "main"; NULL if the event does not say */
	char *base_branch;    /* where a reviewed pull request or a merge group goes; else NULL */
	char *message;        /* the head commit's, of a push or merge group; else NULL */
	char *head_sha;       /* the head commit of a pull request; else NULL */
	/*
	 * Whose head a pull request or workflow run is about; of
	 * others, and if unknown, neither.
	 */
	bool own;  /* the repository's own */
	bool fork; /* another one's, or a deleted one's */
};

#define XC_ACTION_EVENT_INIT                                                                       \
	{                                                                                          \
		0                                                                                  \
	}

/* `name` is GITHUB_EVENT_NAME, perhaps NULL. CORRUPT if `data` is no JSON object. */
int xc_action_event_parse(const char *name, const void *data, size_t length,
			  struct xc_action_event *ret_event, struct xc_err *err) XC_CHECK;

/* The same from a file. */
int xc_action_event_read(const char *name, const char *path, struct xc_action_event *ret_event,
			 struct xc_err *err) XC_CHECK;

void xc_action_event_release(struct xc_action_event *event);
#define cleanup_action_event __attribute__((cleanup(xc_action_event_release)))

/* Whether `text` is a commit's name: 40 or 64 hexadecimal digits. */
bool xc_action_is_commit(const char *text);

#endif
