/* SPDX-License-Identifier: Apache-2.0 */
#include "base/suggest.h"

#include <string.h>

#include "base/compiler.h"

#define NAME_MAX_BYTES 31

/*
 * How many letters must be inserted, removed, changed or swapped with their
 * neighbour: the optimal string alignment distance.
 */
static size_t distance(const char *a, const char *b)
{
	size_t rows[3][NAME_MAX_BYTES + 2];
	size_t *before = rows[0], *last = rows[1], *now = rows[2];
	size_t a_length = strlen(a), b_length = strlen(b);

	for (size_t j = 0; j <= b_length; j++)
		last[j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		size_t *spare = before;

		now[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);

			best = XC_MIN(best, last[j] + 1);
			best = XC_MIN(best, now[j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = XC_MIN(best, before[j - 2] + 1);
			now[j] = best;
		}
		before = last;
		last = now;
		now = spare;
	}
	return last[b_length];
}

const char *xc_suggest(const char *word, const char *const *names, size_t count)
{
	size_t length = strlen(word);
	/* One slip in three letters; more would suggest what nobody meant. */
	size_t best = XC_MAX(length / 3, (size_t)1) + 1;
	const char *closest = NULL;

	if (length == 0 || length > NAME_MAX_BYTES)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t slips;

		if (strlen(names[i]) > NAME_MAX_BYTES)
			continue;
		slips = distance(word, names[i]);
		if (length > 1 && strncmp(names[i], word, length) == 0)
			slips = XC_MIN(slips, (size_t)1);
		if (slips < best) {
			best = slips;
			closest = names[i];
		}
	}
	return closest;
}
