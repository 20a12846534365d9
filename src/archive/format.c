/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/format.h"

#include <archive.h>

#include "archive/tar.h"

const struct xc_archive_format xc_archive_tar = {
	.name = "tar",
	.support = archive_read_support_format_tar,
	.end_zeros = XC_TAR_END_BYTES,
};
