/* SPDX-License-Identifier: Apache-2.0 */
#include "base/member_set.h"

#include <string.h>

#define WORD_BITS 64u

static uint64_t bit_of(uint32_t position)
{
	return (uint64_t)1 << position % WORD_BITS;
}

static uint32_t word_count(uint32_t size)
{
	return size / WORD_BITS + (size % WORD_BITS != 0);
}

void xc_member_set_init(struct xc_member_set *set, uint32_t size, bool all)
{
	uint32_t words = word_count(size);

	*set = (struct xc_member_set){ .size = size, .count = all ? size : 0 };
	set->words = xc_calloc(words, sizeof(*set->words));
	if (!all)
		return;
	memset(set->words, 0xff, words * sizeof(*set->words));
	/* No bit stands for a position that the table does not have. */
	if (size % WORD_BITS != 0)
		set->words[words - 1] = bit_of(size) - 1;
}

void xc_member_set_release(struct xc_member_set *set)
{
	free(set->words);
	*set = (struct xc_member_set)XC_MEMBER_SET_INIT;
}

bool xc_member_set_has(const struct xc_member_set *set, uint32_t position)
{
	return set->words[position / WORD_BITS] & bit_of(position);
}

void xc_member_set_add(struct xc_member_set *set, uint32_t position)
{
	if (xc_member_set_has(set, position))
		return;
	set->words[position / WORD_BITS] |= bit_of(position);
	set->count++;
}

void xc_member_set_remove(struct xc_member_set *set, uint32_t position)
{
	if (!xc_member_set_has(set, position))
		return;
	set->words[position / WORD_BITS] &= ~bit_of(position);
	set->count--;
}

uint32_t xc_member_set_next(const struct xc_member_set *set, uint32_t position)
{
	uint32_t words = word_count(set->size), at = position / WORD_BITS;
	uint64_t word;

	if (position >= set->size)
		return set->size;
	word = set->words[at] & ~(bit_of(position) - 1);
	while (word == 0 && ++at < words)
		word = set->words[at];
	return word == 0 ? set->size : at * WORD_BITS + (uint32_t)__builtin_ctzll(word);
}

void xc_members_subset(const struct xc_members *members, const struct xc_member_set *set,
		       struct xc_members *ret_members)
{
	cleanup_free uint32_t *moved = xc_malloc(members->count * sizeof(*moved));
	struct xc_members subset = XC_MEMBERS_INIT;

	subset.items = xc_malloc(set->count * sizeof(*subset.items));
	for (uint32_t i = xc_member_set_next(set, 0); i < set->size;
	     i = xc_member_set_next(set, i + 1)) {
		struct xc_member *member = &subset.items[subset.count];

		*member = members->items[i];
		moved[i] = subset.count++;
		if (member->parent != XC_MEMBER_NONE)
			member->parent = moved[member->parent];
		if (member->type == XC_MEMBER_HARDLINK)
			member->link = moved[member->link];
	}
	*ret_members = subset;
}
