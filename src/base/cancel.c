/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cancel.h"

int xc_cancel_check(const struct xc_cancel *cancel, struct xc_err *err)
{
	return xc_cancel_requested(cancel) ? xc_err_set(err, XC_ERR_CANCELED, "interrupted") : 0;
}
