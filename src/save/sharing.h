/* SPDX-License-Identifier: Apache-2.0 */
/* What a save shares with the entry that it builds on, in words. */
#ifndef XC_SAVE_SHARING_H
#define XC_SAVE_SHARING_H

#include "save/save.h"

/*
 * Append, without a full stop: "sent 71 kB, 20 MB shared with ccache-1: 12 new
 * or changed, 1,052 kept, 3 removed, 4 layers". Nothing if it built on nothing.
 */
void xc_save_sharing(const struct xc_save_result *result, struct xc_buf *out);

/* Why nothing was written although the key may be updated; NULL if that is not so. */
const char *xc_save_idle(const struct xc_save_result *result);

#endif
