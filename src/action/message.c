/* SPDX-License-Identifier: Apache-2.0 */
#include "action/message.h"

int xc_action_message_find(const struct xc_action_message_source *source, char **ret_message,
			   struct xc_err *err)
{
	struct xc_err local;

	/* Reading the commit's own object first saves a request, and is no less true. */
	if (xc_action_message_from_git(source, ret_message, &local) == 0 ||
	    xc_action_message_from_api(source, ret_message, err) == 0)
		return 0;
	return xc_err_set(err, err->kind, "%.200s; %.200s", local.msg, err->msg);
}
