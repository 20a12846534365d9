/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rest of the code assumes of the compiler: attributes, the
 * cleanup idiom and a few macros that C lacks.
 *
 * Ownership: a variable marked with a cleanup_* attribute owns what it
 * points to and gives it back when it leaves scope. STEAL_PTR and STEAL_FD
 * hand the ownership on.
 */
#ifndef XC_BASE_COMPILER_H
#define XC_BASE_COMPILER_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define XC_PRINTF(format_index, first_arg) __attribute__((format(printf, format_index, first_arg)))
/* The caller must look at the result. */
#define XC_CHECK __attribute__((warn_unused_result))

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

#define XC_MIN(a, b)                                                                               \
	({                                                                                         \
		__typeof__(a) min_a_ = (a);                                                        \
		__typeof__(b) min_b_ = (b);                                                        \
		min_a_ < min_b_ ? min_a_ : min_b_;                                                 \
	})
#define XC_MAX(a, b)                                                                               \
	({                                                                                         \
		__typeof__(a) max_a_ = (a);                                                        \
		__typeof__(b) max_b_ = (b);                                                        \
		max_a_ > max_b_ ? max_a_ : max_b_;                                                 \
	})

/* The value of a pointer variable, which is left NULL. */
#define STEAL_PTR(variable)                                                                        \
	({                                                                                         \
		__typeof__(variable) stolen_ = (variable);                                         \
		(variable) = NULL;                                                                 \
		stolen_;                                                                           \
	})

/* The value of a descriptor variable, which is left -1. */
#define STEAL_FD(variable)                                                                         \
	({                                                                                         \
		int stolen_ = (variable);                                                          \
		(variable) = -1;                                                                   \
		stolen_;                                                                           \
	})

static inline void xc_cleanup_free(void *variable)
{
	free(*(void **)variable);
}
#define cleanup_free __attribute__((cleanup(xc_cleanup_free)))

#endif
