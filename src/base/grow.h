/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays that grow. */
#ifndef XC_BASE_GROW_H
#define XC_BASE_GROW_H

#include "base/err.h"

/*
 * Make room in `items`, an array on the heap or NULL, for one more item than
 * `count`; it doubles, from `first` on. The arguments are evaluated more than
 * once. For arrays whose count has a ceiling of its own; ends the program if
 * there is no memory.
 */
#define XC_GROW(items, count, capacity, first)                                                     \
	do {                                                                                       \
		if ((count) == (capacity)) {                                                       \
			(capacity) = (capacity) ? 2 * (capacity) : (first);                        \
			(items) = xc_realloc((items), (capacity) * sizeof(*(items)));              \
		}                                                                                  \
	} while (0)

#endif
