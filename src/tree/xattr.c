/* SPDX-License-Identifier: Apache-2.0 */
#include "tree/xattr.h"

#include <errno.h>
#include <sys/xattr.h>

#define USUAL_BYTES 1024
#define LIST_BYTES  65536 /* XATTR_LIST_MAX of Linux */

ssize_t xc_xattr_list(int fd, struct xc_buf *names)
{
	char *at = xc_buf_reserve(names, USUAL_BYTES);
	ssize_t length = flistxattr(fd, at, USUAL_BYTES);

	if (length < 0 && errno == ERANGE)
		length = flistxattr(fd, at = xc_buf_reserve(names, LIST_BYTES), LIST_BYTES);
	if (length < 0)
		return errno == ENOTSUP || errno == ENOSYS ? 0 : -1;
	xc_buf_grow_by(names, (size_t)length);
	return length;
}
