/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which socket an attempt sends on. libcurl says so only after a transfer;
 * before it, it says the local port. What the kernel holds of an upload is
 * asked of the socket: over a slow link it takes longer than any patience
 * until the last megabytes are through, and only acknowledgements tell that
 * from a stall.
 */
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/internal.h"

static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct xc_http *http = context;
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);

	(void)purpose;
	if (fd >= 0 && http->sockets_count < ARRAY_LEN(http->sockets))
		http->sockets[http->sockets_count++] = fd;
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int close_socket(void *context, curl_socket_t fd)
{
	struct xc_http *http = context;

	for (unsigned i = 0; i < http->sockets_count; i++) {
		if (http->sockets[i] == fd) {
			http->sockets[i] = http->sockets[--http->sockets_count];
			break;
		}
	}
	return close(fd);
}

static int local_port(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address;
	socklen_t length = sizeof(address);

	if (getsockname(fd, &address.any, &length) < 0)
		return -1;
	return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port
						       : address.v4.sin_port);
}

static int find_socket(void *context, char *server_ip, char *own_ip, int server_port, int own_port)
{
	struct xc_attempt *attempt = context;
	struct xc_http *http = attempt->http;

	(void)server_ip, (void)own_ip, (void)server_port;
	attempt->socket = -1;
	for (unsigned i = 0; i < http->sockets_count && attempt->socket < 0; i++) {
		if (local_port(http->sockets[i]) == own_port)
			attempt->socket = http->sockets[i];
	}
	return CURL_PREREQFUNC_OK;
}

bool xc_socket_prepare(struct xc_attempt *attempt)
{
	CURL *easy = attempt->easy;
	struct xc_http *http = attempt->http;

	attempt->socket = -1;
	return curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, http) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, http) == CURLE_OK &&
	       (!attempt->call->request->body ||
		(curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, find_socket) == CURLE_OK &&
		 curl_easy_setopt(easy, CURLOPT_PREREQDATA, attempt) == CURLE_OK));
}

uint64_t xc_socket_unacknowledged(const struct xc_attempt *attempt)
{
	int bytes = 0;

	if (attempt->socket < 0 || ioctl(attempt->socket, SIOCOUTQ, &bytes) < 0 || bytes < 0)
		return 0;
	return (uint64_t)bytes;
}
