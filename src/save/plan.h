/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the members of a save are cut into segments. The cut depends on them
 * alone, never on the number of threads: the same tree gives the same pack.
 */
#ifndef XC_SAVE_PLAN_H
#define XC_SAVE_PLAN_H

#include "base/err.h"
#include "base/member_set.h"

/*
 * Either a run of whole members, or one piece of the content of a file that
 * is larger than a segment: then count is 1, and the piece that starts at
 * content offset 0 has the header before it, the last one the padding behind.
 */
struct xc_plan_item {
	uint32_t first;
	uint32_t count; /* of the set's members from `first` on */
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

/*
 * Plan the segments of a set, which must have the directory of each of its
 * members. header_bytes of each is filled with the length of its header, by
 * what is known of it now. A file's xattrs are known only when it is read, and
 * files may change: a run that outgrows its segment then ends early when it is
 * packed (segment.h), again by the tree alone. INTERNAL if no header can be written.
 */
int xc_plan_make(struct xc_members *members, const struct xc_member_set *set,
		 struct xc_plan *ret_plan, struct xc_err *err) XC_CHECK;
void xc_plan_release(struct xc_plan *plan);
#define cleanup_plan __attribute__((cleanup(xc_plan_release)))

#endif
