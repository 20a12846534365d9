/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the members of a save are cut into segments. The cut depends on the
 * tree alone, never on the number of threads, so that the same tree gives
 * the same pack. Headers are taken to be one block each; where they are longer
 * the run ends early when it is packed (segment.h), again by the tree alone.
 */
#ifndef XC_SAVE_PLAN_H
#define XC_SAVE_PLAN_H

#include "base/member.h"

/*
 * Either a run of whole members, or one piece of the content of a file that
 * is larger than a segment: then count is 1, and the piece that starts at
 * content offset 0 has the header before it, the last one the padding behind.
 */
struct xc_plan_item {
	uint32_t first;
	uint32_t count;
	bool piece;
	uint64_t offset; /* of the piece in the member's content bytes */
	uint64_t length; /* of the piece */
};

struct xc_plan {
	struct xc_plan_item *items;
	uint32_t count;
};

#define XC_PLAN_INIT                                                                               \
	{                                                                                          \
		0                                                                                  \
	}

/* Length in the tar stream, with a header of one block: the least that it takes. */
uint64_t xc_plan_span(const struct xc_member *member);

void xc_plan_make(const struct xc_members *members, struct xc_plan *ret_plan);
void xc_plan_release(struct xc_plan *plan);
#define cleanup_plan __attribute__((cleanup(xc_plan_release)))

#endif
