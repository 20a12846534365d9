/* SPDX-License-Identifier: Apache-2.0 */
#include "save/sharing.h"

#include "base/human.h"

void xc_save_sharing(const struct xc_save_result *result, struct xc_buf *out)
{
	const struct xc_save_delta *delta = &result->delta;
	uint32_t layers = result->manifest.layer_count;

	if (!delta->parent_key)
		return;
	xc_buf_addf(out, "sent %s, %s shared with %s: %s new or changed, %s kept",
		    XC_SIZE(delta->sent_bytes), XC_SIZE(delta->shared_bytes),
		    XC_QUOTE(delta->parent_key), XC_COUNT(delta->new_members),
		    XC_COUNT(delta->kept_members));
	if (delta->touched_members > 0)
		xc_buf_addf(out, " (%s with new times or modes)", XC_COUNT(delta->touched_members));
	if (delta->removed_members > 0)
		xc_buf_addf(out, ", %s removed", XC_COUNT(delta->removed_members));
	if (delta->rewritten_members > 0)
		xc_buf_addf(out, ", %s sent again to tidy up", XC_COUNT(delta->rewritten_members));
	xc_buf_addf(out, ", %s", XC_COUNTED(layers, "layer", "layers"));
}

const char *xc_save_idle(const struct xc_save_result *result)
{
	if (result->unchanged)
		return "nothing changed since the entry was saved, so nothing was sent";
	if (result->overtaken)
		return "another job replaced the entry in the meantime, and its entry stays";
	return NULL;
}
