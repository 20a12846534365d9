/* SPDX-License-Identifier: Apache-2.0 */
/* Some of the members of a table, by their positions. */
#ifndef XC_BASE_MEMBER_SET_H
#define XC_BASE_MEMBER_SET_H

#include "base/member.h"

struct xc_member_set {
	uint64_t *words;
	uint32_t size;  /* positions lie below it */
	uint32_t count; /* of those that are in the set */
};

#define XC_MEMBER_SET_INIT                                                                         \
	{                                                                                          \
		0                                                                                  \
	}

/* A set over a table of `size` members, with all of them or none. */
void xc_member_set_init(struct xc_member_set *set, uint32_t size, bool all);
void xc_member_set_release(struct xc_member_set *set);
#define cleanup_member_set __attribute__((cleanup(xc_member_set_release)))

bool xc_member_set_has(const struct xc_member_set *set, uint32_t position);
void xc_member_set_add(struct xc_member_set *set, uint32_t position);
void xc_member_set_remove(struct xc_member_set *set, uint32_t position);

/* The first position from `position` on that is in the set; set->size if there is none. */
uint32_t xc_member_set_next(const struct xc_member_set *set, uint32_t position);

/*
 * The table of the set's members alone, with parents and links counted in it.
 * The directory of each, and what a hard link links to, must be in the set.
 * Names and extras stay those of `members`, which must outlive *ret_members.
 */
void xc_members_subset(const struct xc_members *members, const struct xc_member_set *set,
		       struct xc_members *ret_members);

#endif
