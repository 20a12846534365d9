/* SPDX-License-Identifier: Apache-2.0 */
#include "mount/wire.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"

void xc_wire_fds_close(struct xc_wire_fds *fds)
{
	for (uint32_t i = 0; i < fds->count; i++)
		xc_fd_close(&fds->items[i]);
	fds->count = 0;
}

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(XC_WIRE_FDS_MAX * sizeof(int))];
};

int xc_wire_send(int socket_fd, const void *message, size_t length, const int *fds, uint32_t count)
{
	union control control = { .bytes = { 0 } };
	struct iovec part = { .iov_base = (void *)message, .iov_len = length };
	struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t sent;

	if (count > 0) {
		struct cmsghdr *rights;

		header.msg_control = control.bytes;
		header.msg_controllen = CMSG_SPACE(count * sizeof(int));
		rights = CMSG_FIRSTHDR(&header);
		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(rights), fds, count * sizeof(int));
	}
	do
		sent = sendmsg(socket_fd, &header, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -1 : 0;
}

/* Whoever sends descriptors has them here, wanted or not: all are taken, to be closed. */
static void take_fds(struct msghdr *header, struct xc_wire_fds *fds)
{
	for (struct cmsghdr *at = CMSG_FIRSTHDR(header); at; at = CMSG_NXTHDR(header, at)) {
		size_t bytes;

		if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS)
			continue;
		bytes = at->cmsg_len - CMSG_LEN(0);
		memcpy(fds->items + fds->count, CMSG_DATA(at), bytes);
		fds->count += (uint32_t)(bytes / sizeof(int));
	}
}

static int wait_for_message(int socket_fd, int timeout_ms)
{
	struct pollfd poller = { .fd = socket_fd, .events = POLLIN };
	int ready;

	do
		ready = poll(&poller, 1, timeout_ms);
	while (ready < 0 && errno == EINTR);
	if (ready == 0)
		errno = ETIMEDOUT;
	return ready > 0 ? 0 : -1;
}

int xc_wire_receive(int socket_fd, void *ret_message, size_t length, struct xc_wire_fds *ret_fds,
		    int timeout_ms)
{
	union control control = { .bytes = { 0 } };
	struct iovec part = { .iov_base = ret_message, .iov_len = length };
	struct msghdr header = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t got;

	ret_fds->count = 0;
	if (wait_for_message(socket_fd, timeout_ms) < 0)
		return -1;
	do
		got = recvmsg(socket_fd, &header, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -1;
	take_fds(&header, ret_fds);
	if (got == 0) {
		errno = ECONNRESET;
		return -1;
	}
	if ((size_t)got != length || (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		errno = EPROTO;
		return -1;
	}
	return 0;
}
