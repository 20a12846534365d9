/* SPDX-License-Identifier: Apache-2.0 */
#include "action/outputs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hash.h"
#include "base/hex.h"

#define DELIMITER_BYTES 16

static int append(const char *path, const struct xc_buf *text, struct xc_err *err)
{
	/* O_NONBLOCK: a FIFO without a reader is an error, not a wait. */
	cleanup_fd int fd =
		open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0644);

	if (fd < 0)
		return xc_err_sys(err, errno, "cannot open %s", XC_QUOTE(path));
	if (xc_fd_write_all(fd, text->data, text->len_bytes) < 0)
		return xc_err_sys(err, errno, "cannot write to %s", XC_QUOTE(path));
	return 0;
}

static int append_value(const char *path, const char *name, const char *value, struct xc_err *err)
{
	cleanup_buf struct xc_buf text = XC_BUF_INIT;
	uint8_t random[DELIMITER_BYTES];
	char delimiter[2 * DELIMITER_BYTES + 1];

	if (!path)
		return 0;
	xc_random_bytes(random, sizeof(random));
	xc_hex_encode(random, sizeof(random), delimiter);
	xc_buf_addf(&text, "%s<<xcache_%s\n", name, delimiter);
	xc_buf_add_str(&text, value);
	xc_buf_addf(&text, "\nxcache_%s\n", delimiter);
	return append(path, &text, err);
}

int xc_action_set_output(const struct xc_action_context *context, const char *name,
			 const char *value, struct xc_err *err)
{
	return append_value(context->output_path, name, value, err);
}

int xc_action_save_state(const struct xc_action_context *context, const char *name,
			 const char *value, struct xc_err *err)
{
	return append_value(context->state_path, name, value, err);
}

int xc_action_add_summary(const struct xc_action_context *context, const struct xc_buf *markdown,
			  struct xc_err *err)
{
	if (!context->summary_path || markdown->len_bytes == 0)
		return 0;
	return append(context->summary_path, markdown, err);
}
