/* SPDX-License-Identifier: Apache-2.0 */
#include "upkeep/decide.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

static bool is_older(const struct xc_gc_rules *rules, int64_t written_ns, int64_t age_ns)
{
	return rules->now_ns - age_ns > written_ns;
}

enum xc_pack_fate xc_gc_judge_pack(const struct xc_gc_rules *rules,
				   const struct xc_stock_pack *pack, int64_t *ret_until_ns)
{
	int64_t newest_ns = XC_MAX(pack->written_ns, pack->tombstone_ns);

	*ret_until_ns = 0;
	if (pack->names > 0)
		return XC_PACK_STAYS;
	if (pack->tombstone_ns == XC_STOCK_NEVER) {
		*ret_until_ns = XC_MAX(newest_ns, rules->now_ns) + rules->grace_ns;
		return XC_PACK_UNMARKED;
	}
	if (is_older(rules, newest_ns, rules->grace_ns))
		return XC_PACK_GOES;
	*ret_until_ns = newest_ns + rules->grace_ns;
	return XC_PACK_WAITS;
}

bool xc_gc_is_spent(const struct xc_gc_rules *rules, const struct xc_stock *stock,
		    const struct xc_stock_tombstone *tombstone)
{
	int64_t until_ns;

	if (tombstone->state != XC_STOCK_READ ||
	    !is_older(rules, tombstone->written_ns, rules->grace_ns))
		return false;
	for (uint32_t i = 0; i < tombstone->packs.count; i++) {
		size_t pack = stock->references[tombstone->packs.first + i];
		enum xc_pack_fate fate = xc_gc_judge_pack(rules, &stock->packs[pack], &until_ns);

		if (fate != XC_PACK_STAYS && fate != XC_PACK_GOES)
			return false;
	}
	return true;
}

/* Choosing entries, with how many of those that stay name each pack. */
struct choice {
	const struct xc_stock *stock;
	enum xc_entry_fate *fates;
	uint32_t *names;
	uint64_t live_bytes;
};

static void drop(struct choice *choice, size_t position, enum xc_entry_fate fate)
{
	const struct xc_stock_names *packs = &choice->stock->entries[position].packs;

	choice->fates[position] = fate;
	for (uint32_t i = 0; i < packs->count; i++) {
		uint32_t pack = choice->stock->references[packs->first + i];

		if (--choice->names[pack] == 0)
			choice->live_bytes -= choice->stock->packs[pack].size_bytes;
	}
}

/* Those that were read, and are there. */
static bool counts(const struct xc_stock_entry *entry)
{
	return entry->state == XC_STOCK_READ;
}

static size_t prefix_bytes(const char *key)
{
	const char *dash = strrchr(key, '-');

	return dash ? (size_t)(dash - key) + 1 : 0;
}

/* 0 for entries of one group. */
static int compare_groups(const struct xc_stock_entry *left, const struct xc_stock_entry *right)
{
	size_t left_bytes = prefix_bytes(left->key), right_bytes = prefix_bytes(right->key);
	int order;

	if (left->scope != right->scope)
		return left->scope < right->scope ? -1 : 1;
	order = strcmp(left->version, right->version);
	if (order != 0)
		return order;
	if (left_bytes != right_bytes)
		return left_bytes < right_bytes ? -1 : 1;
	return memcmp(left->key, right->key, left_bytes);
}

static int compare_written(const struct xc_stock_entry *left, const struct xc_stock_entry *right)
{
	if (left->written_ns != right->written_ns)
		return left->written_ns < right->written_ns ? -1 : 1;
	return strcmp(left->object, right->object);
}

/* Groups one after the other, in each the newest last. */
static int by_group(const void *a, const void *b)
{
	const struct xc_stock_entry *const *left = a, *const *right = b;
	int order = compare_groups(*left, *right);

	return order != 0 ? order : compare_written(*left, *right);
}

static int by_time(const void *a, const void *b)
{
	const struct xc_stock_entry *const *left = a, *const *right = b;

	return compare_written(*left, *right);
}

static void drop_old(struct choice *choice, const struct xc_gc_rules *rules)
{
	const struct xc_stock *stock = choice->stock;

	for (size_t i = 0; rules->max_age_ns > 0 && i < stock->entry_count; i++)
		if (counts(&stock->entries[i]) &&
		    is_older(rules, stock->entries[i].written_ns, rules->max_age_ns))
			drop(choice, i, XC_ENTRY_TOO_OLD);
}

/* All that may go for the sake of room, the least recently saved first. */
static size_t find_candidates(const struct choice *choice, const struct xc_stock_entry **candidates)
{
	const struct xc_stock *stock = choice->stock;
	size_t count = 0, kept = 0;

	for (size_t i = 0; i < stock->entry_count; i++)
		if (counts(&stock->entries[i]) && choice->fates[i] == XC_ENTRY_STAYS)
			candidates[count++] = &stock->entries[i];
	if (count > 1)
		qsort(candidates, count, sizeof(*candidates), by_group);
	/* Without the last of each group. */
	for (size_t i = 0; i + 1 < count; i++)
		if (compare_groups(candidates[i], candidates[i + 1]) == 0)
			candidates[kept++] = candidates[i];
	if (kept > 1)
		qsort(candidates, kept, sizeof(*candidates), by_time);
	return kept;
}

static void drop_excess(struct choice *choice, const struct xc_gc_rules *rules)
{
	cleanup_free const struct xc_stock_entry **candidates =
		xc_calloc(choice->stock->entry_count + 1, sizeof(*candidates));
	size_t count = find_candidates(choice, candidates);

	for (size_t i = 0; i < count && choice->live_bytes > rules->max_bytes; i++)
		drop(choice, (size_t)(candidates[i] - choice->stock->entries), XC_ENTRY_TOO_MUCH);
}

enum xc_entry_fate *xc_gc_judge_entries(const struct xc_gc_rules *rules,
					const struct xc_stock *stock, uint64_t *ret_live_bytes)
{
	cleanup_free uint32_t *names = xc_calloc(stock->pack_count + 1, sizeof(*names));
	struct choice choice = {
		.stock = stock,
		.fates = xc_calloc(stock->entry_count + 1, sizeof(*choice.fates)),
		.names = names,
	};

	for (size_t i = 0; i < stock->pack_count; i++) {
		names[i] = stock->packs[i].names;
		if (names[i] > 0)
			choice.live_bytes += stock->packs[i].size_bytes;
	}
	drop_old(&choice, rules);
	if (rules->has_max_bytes)
		drop_excess(&choice, rules);
	*ret_live_bytes = choice.live_bytes;
	return choice.fates;
}
