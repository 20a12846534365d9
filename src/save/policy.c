/* SPDX-License-Identifier: Apache-2.0 */
#include "save/policy.h"

#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"

#define ALIVE_PERCENT_MIN 70
/* Below this part of what is alive the dead of a layer do not count: layers are merged soon. */
#define DEAD_PERCENT_MIN 1
/*
 * All layers together hold no more dead than this part of what is alive: a
 * restore fetches most of it. So much as the last one is nothing to any restore.
 */
#define DEAD_PERCENT_MAX  11
#define ALONG_PERCENT_MAX 10 /* of a new pack, what it takes along of small layers */
#define DEAD_FREE_BYTES   ((uint64_t)64 << 10)

#define AGE_DIGITS 12 /* of an id are its milliseconds, see key/key.h */
#define DAY_MS     ((int64_t)24 * 60 * 60 * 1000)

static bool is_hollow(const struct xc_layer_weight *weight, uint64_t entry_bytes)
{
	uint64_t dead_bytes = weight->all_bytes - weight->kept_bytes;

	return weight->kept_bytes < weight->all_bytes / 100 * ALIVE_PERCENT_MIN &&
	       dead_bytes > entry_bytes / 100 * DEAD_PERCENT_MIN;
}

/* The smallest layer that is not yet rewritten; `count` if there is none. */
static uint32_t find_smallest(const struct xc_layer_weight *weights, uint32_t count,
			      const bool *rewrite)
{
	uint32_t smallest = count;

	for (uint32_t i = 0; i < count; i++)
		if (weights[i].kept_bytes > 0 && !rewrite[i] &&
		    (smallest == count || weights[i].kept_bytes < weights[smallest].kept_bytes))
			smallest = i;
	return smallest;
}

/* Of the layers that stay, the one with the most that is dead; `count` without any. */
static uint32_t find_deadest(const struct xc_layer_weight *weights, uint32_t count,
			     const bool *rewrite)
{
	uint32_t deadest = count;
	uint64_t most = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint64_t dead_bytes = weights[i].all_bytes - weights[i].kept_bytes;

		if (weights[i].kept_bytes > 0 && !rewrite[i] && dead_bytes > most) {
			most = dead_bytes;
			deadest = i;
		}
	}
	return deadest;
}

static uint64_t count_dead(const struct xc_layer_weight *weights, uint32_t count,
			   const bool *rewrite)
{
	uint64_t dead_bytes = 0;

	for (uint32_t i = 0; i < count; i++)
		if (weights[i].kept_bytes > 0 && !rewrite[i])
			dead_bytes += weights[i].all_bytes - weights[i].kept_bytes;
	return dead_bytes;
}

/* Rewrites the deadest layers until the rest is good enough. */
static void bound_dead(const struct xc_layer_weight *weights, uint32_t count, uint64_t entry_bytes,
		       bool *rewrite)
{
	uint64_t most_bytes = DEAD_FREE_BYTES + entry_bytes / 100 * DEAD_PERCENT_MAX;

	while (count_dead(weights, count, rewrite) > most_bytes) {
		uint32_t deadest = find_deadest(weights, count, rewrite);

		if (deadest == count)
			return;
		rewrite[deadest] = true;
	}
}

static uint32_t count_left(const struct xc_layer_weight *weights, uint32_t count,
			   const bool *rewrite)
{
	uint32_t layers = 0;

	for (uint32_t i = 0; i < count; i++)
		layers += weights[i].kept_bytes > 0 && !rewrite[i];
	return layers;
}

/* What is next to nothing beside a large new pack goes along: later it would go beside a small one.
 */
static void take_along(const struct xc_layer_weight *weights, uint32_t count, uint64_t fresh_bytes,
		       bool *rewrite)
{
	uint64_t room_bytes = fresh_bytes / 100 * ALONG_PERCENT_MAX;

	while (count_left(weights, count, rewrite) >= XC_ENTRY_LAYERS / 2) {
		uint32_t smallest = find_smallest(weights, count, rewrite);

		if (weights[smallest].kept_bytes > room_bytes)
			return;
		room_bytes -= weights[smallest].kept_bytes;
		rewrite[smallest] = true;
	}
}

bool xc_policy_rewrite(const struct xc_layer_weight *weights, uint32_t count, uint64_t fresh_bytes,
		       bool *ret_rewrite)
{
	uint64_t entry_bytes = 0;
	uint32_t layers;
	bool any = false;

	for (uint32_t i = 0; i < count; i++)
		entry_bytes += weights[i].kept_bytes;
	for (uint32_t i = 0; i < count; i++) {
		const struct xc_layer_weight *weight = &weights[i];

		ret_rewrite[i] = weight->kept_bytes > 0 &&
				 (weight->expires || is_hollow(weight, entry_bytes));
	}
	bound_dead(weights, count, entry_bytes, ret_rewrite);
	take_along(weights, count, fresh_bytes, ret_rewrite);
	for (uint32_t i = 0; i < count; i++)
		any |= ret_rewrite[i];
	layers = count_left(weights, count, ret_rewrite);
	if (layers + (fresh_bytes > 0 || any) <= XC_ENTRY_LAYERS)
		return any;
	/* One at a time would send more and leave twice the garbage. */
	for (; layers > XC_ENTRY_LAYERS / 2; layers--)
		ret_rewrite[find_smallest(weights, count, ret_rewrite)] = true;
	return true;
}

bool xc_policy_expires(const char *pack, unsigned expire_days, int64_t now_ns)
{
	char digits[AGE_DIGITS + 1] = "";
	int64_t written_ms;

	memcpy(digits, pack, strnlen(pack, AGE_DIGITS));
	written_ms = (int64_t)strtoull(digits, NULL, 16);
	return expire_days > 0 && now_ns / 1000000 - written_ms > expire_days * DAY_MS / 3;
}
