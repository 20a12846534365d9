/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of xc_trust_find reach for: places of their own. */
#ifndef XC_HTTP_TRUST_INTERNAL_H
#define XC_HTTP_TRUST_INTERNAL_H

#include "http/trust.h"

/* xc_trust_find with `places`, which a NULL ends, for where distributions keep the file. */
int xc_trust_find_among(const char *const places[], const char *given, char **ret_path,
			struct xc_err *err) XC_CHECK;

#endif
