/* SPDX-License-Identifier: Apache-2.0 */
/* Which of several things that wait goes first. */
#ifndef XC_BASE_PRIORITY_H
#define XC_BASE_PRIORITY_H

/* What is zeroed is normal. */
enum xc_priority {
	XC_PRIORITY_BACKGROUND = -1, /* nobody waits for it yet */
	XC_PRIORITY_NORMAL = 0,
	XC_PRIORITY_URGENT = 1, /* somebody waits for just this */
};
#define XC_PRIORITIES 3

/* From 0, which goes first, to XC_PRIORITIES - 1. */
static inline unsigned xc_priority_rank(enum xc_priority priority)
{
	return (unsigned)(XC_PRIORITY_URGENT - priority);
}

#endif
