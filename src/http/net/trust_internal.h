/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of xc_trust_find reach for: places and a program of their own. */
#ifndef XC_HTTP_NET_TRUST_INTERNAL_H
#define XC_HTTP_NET_TRUST_INTERNAL_H

#include "http/net/trust.h"

/*
 * xc_trust_find with `places`, which a NULL ends, for where distributions keep
 * the file, and `program`, a path with a slash, for this one's. NULL: not known.
 */
int xc_trust_find_among(const char *const places[], const char *program, const char *given,
			struct xc_trust *ret_trust, struct xc_err *err) XC_CHECK;

#endif
