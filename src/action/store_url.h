/* SPDX-License-Identifier: Apache-2.0 */
/* Which store the inputs name. */
#ifndef XC_ACTION_STORE_URL_H
#define XC_ACTION_STORE_URL_H

#include "action/inputs.h"

/* Whether the inputs or $XCACHE_STORE name any store. */
bool xc_action_store_named(const struct xc_action_inputs *inputs);

/*
 * The URL on the heap: of `store`, else of `s3-bucket` and its companions,
 * else $XCACHE_STORE. NULL with USAGE if nothing is named, or too much.
 */
char *xc_action_store_url(const struct xc_action_inputs *inputs, struct xc_err *err) XC_CHECK;

#endif
