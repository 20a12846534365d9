/* SPDX-License-Identifier: Apache-2.0 */
#include "store/examine.h"

#include <stdarg.h>

void xc_store_examine(struct xc_store *store, const char *name, const struct xc_finder *finder)
{
	if (store->ops->examine)
		store->ops->examine(store, name, finder);
}

void xc_finder_report(const struct xc_finder *finder, const char *check,
		      enum xc_finding_state state, const char *format, ...)
{
	cleanup_buf struct xc_buf text = XC_BUF_INIT;
	struct xc_finding finding = { .check = check, .state = state };
	va_list args;

	va_start(args, format);
	xc_buf_vaddf(&text, format, args);
	va_end(args);
	finding.text = xc_buf_str(&text);
	finder->found(&finding, finder->context);
}
