/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flag that asks work in progress to stop. Setting it is safe from a
 * signal handler and from any thread; long loops look at it between items.
 */
#ifndef XC_BASE_CANCEL_H
#define XC_BASE_CANCEL_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/err.h"

struct xc_cancel {
	atomic_int signal; /* the signal that asked, -1 for another reason, 0 for none */
};

static inline void xc_cancel_request(struct xc_cancel *cancel, int signal_number)
{
	atomic_store_explicit(&cancel->signal, signal_number, memory_order_relaxed);
}

/* NULL is a flag that is never set. */
static inline bool xc_cancel_requested(const struct xc_cancel *cancel)
{
	return cancel && atomic_load_explicit(&cancel->signal, memory_order_relaxed) != 0;
}

/* 0, or -1 with kind CANCELED when the flag is set. */
int xc_cancel_check(const struct xc_cancel *cancel, struct xc_err *err);

#endif
