/* SPDX-License-Identifier: Apache-2.0 */
#include "base/grow.h"
#include "http/net/socket.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/err.h"

int xc_sockets_open(struct xc_sockets *sockets, int family, int type, int protocol)
{
	int fd = socket(family, type | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		return -1;
	XC_GROW(sockets->items, sockets->count, sockets->capacity, 16);
	sockets->items[sockets->count++] = (struct xc_socket){ .fd = fd };
	return fd;
}

void xc_sockets_close(struct xc_sockets *sockets, int fd)
{
	for (unsigned i = 0; i < sockets->count; i++)
		if (sockets->items[i].fd == fd) {
			sockets->items[i] = sockets->items[--sockets->count];
			break;
		}
	close(fd);
}

static uint16_t local_port(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address;
	socklen_t length = sizeof(address);

	if (getsockname(fd, &address.any, &length) < 0)
		return 0;
	return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port
						       : address.v4.sin_port);
}

int xc_sockets_find(struct xc_sockets *sockets, uint16_t port)
{
	for (unsigned i = 0; i < sockets->count; i++) {
		if (sockets->items[i].port == 0)
			sockets->items[i].port = local_port(sockets->items[i].fd);
		if (sockets->items[i].port == port)
			return sockets->items[i].fd;
	}
	return -1;
}

void xc_sockets_release(struct xc_sockets *sockets)
{
	free(sockets->items);
	*sockets = (struct xc_sockets){ 0 };
}

uint64_t xc_socket_unacknowledged(int fd)
{
	int bytes = 0;

	if (fd < 0 || ioctl(fd, SIOCOUTQ, &bytes) < 0 || bytes < 0)
		return 0;
	return (uint64_t)bytes;
}

/*
 * A server that sends the headers and the body apart, and has not switched
 * off Nagle's algorithm (Ceph's), waits with the body until the headers are
 * acknowledged, which Linux puts off by 40 ms (tcp(7), TCP_QUICKACK).
 */
void xc_socket_acknowledge(int fd)
{
	int on = 1;

	if (fd >= 0)
		setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}
