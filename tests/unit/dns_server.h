/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A name server for tests: a thread that answers on a port of the loopback, by
 * UDP and by TCP, from a table of names. A name that is not there does not exist.
 */
#ifndef XC_TESTS_DNS_SERVER_H
#define XC_TESTS_DNS_SERVER_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define DNS_TYPE_A    1
#define DNS_TYPE_AAAA 28
#define DNS_SERVFAIL  2
#define DNS_NXDOMAIN  3

struct dns_name {
	const char *name;
	const char *addresses; /* with spaces between; "" for none */
	unsigned many;         /* so many of 127.1.0.0/16 instead */
	bool silent;           /* no answer ever */
	bool broken;           /* SERVFAIL */
};

struct dns_server {
	_Atomic(const struct dns_name *) table; /* ends with a NULL name; may be swapped */
	atomic_uint queries;                    /* for A: one for each lookup */
	atomic_uint lose;                       /* so many packets more are dropped */
	int udp, tcp;
	int stop[2];      /* a pipe */
	char servers[32]; /* as ares_set_servers_ports_csv takes it */
	pthread_t thread;
};

static inline size_t dns_put_record(unsigned char *out, int type, const void *bytes, size_t length)
{
	/* The name of the question, class IN, a TTL of 60 s. */
	const unsigned char head[] = { 0xc0, 12, 0, (unsigned char)type,  0, 1, 0, 0,
				       0,    60, 0, (unsigned char)length };

	memcpy(out, head, sizeof(head));
	memcpy(out + sizeof(head), bytes, length);
	return sizeof(head) + length;
}

/* Appends the records of that type; returns how many. */
static inline unsigned dns_put_records(unsigned char *out, size_t *io_length,
				       const struct dns_name *name, int type)
{
	char words[512], *rest = words, *word;
	unsigned count = 0;

	for (unsigned i = 0; type == DNS_TYPE_A && i < name->many; i++, count++) {
		unsigned char v4[4] = { 127, 1, (unsigned char)(i >> 8), (unsigned char)i };

		*io_length += dns_put_record(out + *io_length, type, v4, sizeof(v4));
	}
	snprintf(words, sizeof(words), "%s", name->addresses ? name->addresses : "");
	while ((word = strtok_r(rest, " ", &rest))) {
		unsigned char bytes[16];
		int family = strchr(word, ':') ? AF_INET6 : AF_INET;

		if (inet_pton(family, word, bytes) != 1 ||
		    type != (family == AF_INET6 ? DNS_TYPE_AAAA : DNS_TYPE_A))
			continue;
		*io_length +=
			dns_put_record(out + *io_length, type, bytes, family == AF_INET6 ? 16 : 4);
		count++;
	}
	return count;
}

/* The name of the question as text; the length of the question, or 0 for nonsense. */
static inline size_t dns_read_question(const unsigned char *query, size_t length, char name[256],
				       int *ret_type)
{
	size_t at = 12, used = 0;

	while (at < length && query[at] != 0) {
		size_t label = query[at];

		if (label > 63 || at + 1 + label >= length || used + label + 2 > 256)
			return 0;
		if (used > 0)
			name[used++] = '.';
		memcpy(name + used, query + at + 1, label);
		used += label;
		at += 1 + label;
	}
	if (at + 5 > length)
		return 0;
	name[used] = '\0';
	*ret_type = query[at + 1] << 8 | query[at + 2];
	return at + 5;
}

/* Makes the answer out of the query; 0 if there is none to send. */
static inline size_t dns_answer(struct dns_server *server, unsigned char packet[8192],
				size_t length)
{
	const struct dns_name *name = server->table;
	unsigned code = 0, count = 0;
	char asked[256];
	int type = 0;
	size_t used = length > 12 ? dns_read_question(packet, length, asked, &type) : 0;

	if (used == 0)
		return 0;
	if (type == DNS_TYPE_A)
		server->queries++;
	while (name->name && strcasecmp(name->name, asked) != 0)
		name++;
	if (name->silent)
		return 0;
	if (!name->name)
		code = DNS_NXDOMAIN;
	else if (name->broken)
		code = DNS_SERVFAIL;
	else
		count = dns_put_records(packet, &used, name, type);
	packet[2] = 0x85; /* an answer, with authority, recursion wished for ... */
	packet[3] = (unsigned char)(0x80 | code);
	memset(packet + 4, 0, 8);
	packet[5] = 1;
	packet[6] = (unsigned char)(count >> 8);
	packet[7] = (unsigned char)count;
	return used;
}

static inline void dns_serve_udp(struct dns_server *server)
{
	unsigned char packet[8192];
	struct sockaddr_in peer;
	socklen_t peer_length = sizeof(peer);
	/* Room stays for the records behind the question. */
	ssize_t length =
		recvfrom(server->udp, packet, 512, 0, (struct sockaddr *)&peer, &peer_length);
	size_t used;

	if (server->lose > 0) {
		server->lose--;
		return;
	}
	used = length > 0 ? dns_answer(server, packet, (size_t)length) : 0;
	/* RFC 1035, 4.2.1: cut, and said to be, when it is longer. */
	if (used > 512) {
		packet[2] |= 2;
		packet[6] = packet[7] = 0;
		used = (size_t)length;
	}
	if (used > 0)
		sendto(server->udp, packet, used, 0, (struct sockaddr *)&peer, peer_length);
}

/* One client, which closes when it has its answers. Each message has its length before it. */
static inline void dns_serve_tcp(struct dns_server *server)
{
	unsigned char packet[2 + 8192];
	int fd = accept4(server->tcp, NULL, NULL, SOCK_CLOEXEC);

	while (fd >= 0 && recv(fd, packet, 2, MSG_WAITALL) == 2) {
		ssize_t length = packet[0] << 8 | packet[1];
		size_t used;

		if (length > 512 || recv(fd, packet + 2, (size_t)length, MSG_WAITALL) != length)
			break;
		used = dns_answer(server, packet + 2, (size_t)length);
		packet[0] = (unsigned char)(used >> 8);
		packet[1] = (unsigned char)used;
		if (used == 0 || send(fd, packet, used + 2, MSG_NOSIGNAL) < 0)
			break;
	}
	if (fd >= 0)
		close(fd);
}

static inline void *dns_serve(void *context)
{
	struct dns_server *server = context;
	struct pollfd fds[] = { { .fd = server->udp, .events = POLLIN },
				{ .fd = server->tcp, .events = POLLIN },
				{ .fd = server->stop[0], .events = POLLIN } };

	while (poll(fds, 3, -1) >= 0 && !fds[2].revents) {
		if (fds[0].revents)
			dns_serve_udp(server);
		if (fds[1].revents)
			dns_serve_tcp(server);
	}
	return NULL;
}

/* Both on one port, which the kernel chooses. */
static inline int dns_listen(struct dns_server *server)
{
	struct sockaddr_in own = { .sin_family = AF_INET };
	socklen_t length = sizeof(own);

	own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	server->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(server->tcp, (struct sockaddr *)&own, length) < 0 ||
	    getsockname(server->tcp, (struct sockaddr *)&own, &length) < 0 ||
	    bind(server->udp, (struct sockaddr *)&own, length) < 0 || listen(server->tcp, 8) < 0)
		return -1;
	snprintf(server->servers, sizeof(server->servers), "127.0.0.1:%u", ntohs(own.sin_port));
	return 0;
}

static inline int dns_start(struct dns_server *server, const struct dns_name *table)
{
	server->table = table;
	server->queries = 0;
	server->lose = 0;
	if (dns_listen(server) < 0 || pipe2(server->stop, O_CLOEXEC) < 0)
		return -1;
	return pthread_create(&server->thread, NULL, dns_serve, server) == 0 ? 0 : -1;
}

static inline void dns_stop(struct dns_server *server)
{
	close(server->stop[1]);
	pthread_join(server->thread, NULL);
	close(server->stop[0]);
	close(server->udp);
	close(server->tcp);
}

#endif
