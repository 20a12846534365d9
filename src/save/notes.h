/* SPDX-License-Identifier: Apache-2.0 */
/* What a save did not take, or not as its user may expect, in sentences. */
#ifndef XC_SAVE_NOTES_H
#define XC_SAVE_NOTES_H

#include "entry/entry.h"
#include "save/save.h"

/* Append a sentence for each note, without a full stop at its end. */
void xc_save_notes(const struct xc_save_result *result, struct xc_strlist *sentences);

#endif
