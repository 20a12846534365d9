/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files through which a step speaks to its runner. Values may hold any
 * text: each is fenced by a delimiter that nobody can foresee. Where the
 * runner named no file, nothing is written and that is success.
 *
 * Source: docs.github.com, "Workflow commands", environment files.
 */
#ifndef XC_ACTION_OUTPUTS_H
#define XC_ACTION_OUTPUTS_H

#include "action/context.h"
#include "base/buf.h"
#include "base/err.h"

int xc_action_set_output(const struct xc_action_context *context, const char *name,
			 const char *value, struct xc_err *err) XC_CHECK;

/* Kept for the post step of the same action: see xc_action_context_state. */
int xc_action_save_state(const struct xc_action_context *context, const char *name,
			 const char *value, struct xc_err *err) XC_CHECK;

/* Append Markdown to the summary of the job. */
int xc_action_add_summary(const struct xc_action_context *context, const struct xc_buf *markdown,
			  struct xc_err *err) XC_CHECK;

#endif
