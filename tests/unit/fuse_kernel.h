/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's side of /dev/fuse, by a socket that keeps messages apart. After cmocka.h. */
#ifndef XC_TESTS_FUSE_KERNEL_H
#define XC_TESTS_FUSE_KERNEL_H

#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "mount/fuse.h"

#define FUSE_ANSWER_TIMEOUT_MS 20000

struct fuse_kernel {
	int fd, server_fd;
	uint64_t last_unique;
	/* The last answer. */
	int error;
	size_t data_bytes;
	char data[1 << 17];
};

static inline void fuse_kernel_open(struct fuse_kernel *kernel)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	kernel->fd = fds[0];
	kernel->server_fd = fds[1];
	assert_int_equal(fcntl(kernel->server_fd, F_SETFL, O_NONBLOCK), 0);
}

/* As an unmount. */
static inline void fuse_kernel_hang_up(struct fuse_kernel *kernel)
{
	xc_fd_close(&kernel->fd);
}

static inline void fuse_kernel_close(struct fuse_kernel *kernel)
{
	xc_fd_close(&kernel->fd);
	xc_fd_close(&kernel->server_fd);
}

static inline void fuse_kernel_send_raw(struct fuse_kernel *kernel, const void *data, size_t length)
{
	assert_int_equal(send(kernel->fd, data, length, 0), length);
}

/* The number of the request, by which its answer is known. */
static inline uint64_t fuse_kernel_send(struct fuse_kernel *kernel, uint32_t opcode, uint64_t node,
					const void *argument, size_t length)
{
	struct {
		struct fuse_in_header header;
		char argument[256];
	} request = {
		.header = {
			.len = (uint32_t)(sizeof(request.header) + length),
			.opcode = opcode,
			.unique = kernel->last_unique += 2,
			.nodeid = node,
		},
	};

	assert_true(length <= sizeof(request.argument));
	if (length > 0)
		memcpy(request.argument, argument, length);
	fuse_kernel_send_raw(kernel, &request, request.header.len);
	return request.header.unique;
}

static inline bool fuse_kernel_is_answered(struct fuse_kernel *kernel, int timeout_ms)
{
	struct pollfd event = { .fd = kernel->fd, .events = POLLIN };

	return poll(&event, 1, timeout_ms) > 0;
}

/* Keep the next answer; the number of its request. */
static inline uint64_t fuse_kernel_receive(struct fuse_kernel *kernel)
{
	struct fuse_out_header header;
	struct iovec parts[2] = {
		{ &header, sizeof(header) },
		{ kernel->data, sizeof(kernel->data) },
	};
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
	ssize_t length;

	if (!fuse_kernel_is_answered(kernel, FUSE_ANSWER_TIMEOUT_MS))
		fail_msg("a request is not answered");
	length = recvmsg(kernel->fd, &message, 0);
	assert_true(length >= (ssize_t)sizeof(header) && !(message.msg_flags & MSG_TRUNC));
	assert_int_equal(header.len, length);
	assert_true(header.error <= 0);
	kernel->error = -header.error;
	kernel->data_bytes = (size_t)length - sizeof(header);
	return header.unique;
}

#endif
