/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which socket an attempt uses. libcurl tells it only after the transfer
 * (CURLINFO_ACTIVESOCKET), but the local port before the request is sent
 * (CURLOPT_PREREQFUNCTION), for connections that are used again as well.
 *
 * Used by the engine's thread alone.
 */
#ifndef XC_HTTP_NET_SOCKET_H
#define XC_HTTP_NET_SOCKET_H

#include <stdint.h>
#include <sys/socket.h>

struct xc_sockets {
	struct xc_socket {
		int fd;
		uint16_t port; /* 0: not asked yet */
	} * items;
	unsigned count, capacity;
};

/* Open a socket and note it; -1 with errno. */
int xc_sockets_open(struct xc_sockets *sockets, int family, int type, int protocol);
/* Close it and forget it. */
void xc_sockets_close(struct xc_sockets *sockets, int fd);
/* The one with this local port; -1 if there is none. */
int xc_sockets_find(struct xc_sockets *sockets, uint16_t port);
/* All must be closed. */
void xc_sockets_release(struct xc_sockets *sockets);

/* How much of what was sent the other side has not acknowledged; 0 if nobody can tell. */
uint64_t xc_socket_unacknowledged(int fd);

/* Acknowledge at once what was received, see socket.c. */
void xc_socket_acknowledge(int fd);

#endif
