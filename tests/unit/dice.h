/* SPDX-License-Identifier: Apache-2.0 */
/* Chance that a seed repeats: the splitmix64 generator. */
#ifndef XC_TESTS_DICE_H
#define XC_TESTS_DICE_H

#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

struct dice {
	uint64_t state; /* the seed, at first */
};

static inline uint64_t roll(struct dice *dice)
{
	uint64_t z = (dice->state += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* From `low` to `high`. */
static inline unsigned between(struct dice *dice, unsigned low, unsigned high)
{
	return low + (unsigned)(roll(dice) % (high - low + 1));
}

static inline bool happens(struct dice *dice, unsigned percent)
{
	return between(dice, 1, 100) <= percent;
}

static inline void nap(struct dice *dice, unsigned most_us)
{
	usleep(between(dice, 0, most_us));
}

#endif
