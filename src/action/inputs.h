/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inputs of the actions. A runner gives Docker and JavaScript actions
 * INPUT_RESTORE-KEYS; a shell cannot hand such names on, so the composite
 * actions map them to INPUT_RESTORE_KEYS. Both are read, the former first.
 *
 * Values are read as actions/cache reads them (actions/cache,
 * src/utils/actionUtils.ts; actions/toolkit, packages/core, getInput).
 */
#ifndef XC_ACTION_INPUTS_H
#define XC_ACTION_INPUTS_H

#include <stdbool.h>

#include "base/err.h"
#include "base/strlist.h"

#define XC_ACTION_CLEAR_TAG "ci-clear-cache"

/* Texts are never NULL: "" stands for what was not given. */
struct xc_action_inputs {
	char *key;
	struct xc_strlist restore_keys, parent_keys, paths;
	bool fail_on_cache_miss, lookup_only, read_only, update, legacy_layout;
	char *store;
	char *s3_bucket, *s3_region, *s3_endpoint, *s3_prefix;
	char *access_key_id, *secret_access_key, *session_token, *role_arn;
	char *scope;             /* "ref", "repository" or what the user wrote */
	char *compression_level; /* likewise a number */
	char *github_token;
	char *mount;     /* likewise a mode: mount/mount.h */
	char *clear_tag; /* "" if it was given as that: there is no tag then */
};

#define XC_ACTION_INPUTS_INIT                                                                      \
	{                                                                                          \
		0                                                                                  \
	}

/* Copies what the environment says now. */
void xc_action_inputs_read(struct xc_action_inputs *ret_inputs);
void xc_action_inputs_release(struct xc_action_inputs *inputs);
#define cleanup_action_inputs __attribute__((cleanup(xc_action_inputs_release)))

/* `text` without the white space around it, on the heap. */
char *xc_action_trimmed(const char *text);

/*
 * The value of one input, trimmed, on the heap; NULL if the runner did not
 * give it at all. `name` as in action.yml: "restore-keys".
 */
char *xc_action_input(const char *name);

/*
 * What is wrong with the keys by the rules of actions/cache, in its words, on
 * the heap, however long a key is; NULL if nothing is.
 */
char *xc_action_key_fault(const char *key, const struct xc_strlist *restore_keys);

/* Whether two keys are the same to actions/cache, which does not tell A from a. */
bool xc_action_same_key(const char *one, const char *other);

/* The level that the input names, the default if it is empty. USAGE if it is no level. */
int xc_action_level(const struct xc_action_inputs *inputs, int *ret_level,
		    struct xc_err *err) XC_CHECK;

#endif
