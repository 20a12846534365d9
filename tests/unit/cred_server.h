/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server that gives scripted answers, one connection at a time: enough for
 * those who hand out credentials. It keeps all that it was sent.
 */
#ifndef XC_TESTS_CRED_SERVER_H
#define XC_TESTS_CRED_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"

struct cred_answer {
	const char *request; /* how the request's line must start: "GET /x " */
	const char *needs;   /* must stand in the request, or the answer is 418; may be NULL */
	int status;          /* 0: the connection is closed without an answer */
	const char *body;
	const char *header; /* "Name: value\r\n"; may be NULL */
	unsigned times;     /* after so many, the next that fits counts; 0: always */
	unsigned padding;   /* so many spaces behind the body */
	unsigned delay_ms;
};

struct cred_server {
	int fd;
	uint16_t port;
	pthread_t thread;
	atomic_bool stop;
	pthread_mutex_t lock; /* guards all below */
	const struct cred_answer *answers;
	size_t count;
	unsigned used[16];
	struct xc_buf received;
	unsigned requests;
};

static inline const struct cred_answer *cred_server_pick(struct cred_server *server,
							 const char *request)
{
	for (size_t i = 0; i < server->count; i++) {
		const struct cred_answer *answer = &server->answers[i];

		if (!answer->request ||
		    strncmp(request, answer->request, strlen(answer->request)) != 0 ||
		    (answer->times > 0 && server->used[i] >= answer->times))
			continue;
		server->used[i]++;
		return answer;
	}
	return NULL;
}

/* Head and body, by Content-Length. */
static inline bool cred_server_read(int fd, struct xc_buf *request)
{
	for (;;) {
		const char *end = strstr(xc_buf_str(request), "\r\n\r\n");
		const char *length = strcasestr(xc_buf_str(request), "\r\ncontent-length:");
		size_t body = length ? strtoul(length + 17, NULL, 10) : 0;
		char *at;
		ssize_t count;

		if (end && request->len_bytes >= (size_t)(end + 4 - request->data) + body)
			return true;
		at = xc_buf_reserve(request, 4096);
		count = recv(fd, at, 4096, 0);
		if (count <= 0)
			return false;
		request->len_bytes += (size_t)count;
		request->data[request->len_bytes] = '\0';
	}
}

static inline void cred_server_answer(struct cred_server *server, int fd)
{
	cleanup_buf struct xc_buf request = XC_BUF_INIT, reply = XC_BUF_INIT;
	struct cred_answer answer = { .status = 404, .body = "" };
	const struct cred_answer *picked;

	if (!cred_server_read(fd, &request))
		return;
	pthread_mutex_lock(&server->lock);
	xc_buf_addf(&server->received, "%s\n", request.data);
	server->requests++;
	picked = cred_server_pick(server, request.data);
	if (picked)
		answer = *picked;
	pthread_mutex_unlock(&server->lock);
	if (answer.needs && !strstr(request.data, answer.needs))
		answer = (struct cred_answer){ .status = 418, .body = "" };
	if (answer.delay_ms > 0)
		poll(NULL, 0, (int)answer.delay_ms);
	if (answer.status == 0)
		return;
	xc_buf_addf(&reply, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\nConnection: close\r\n%s\r\n%s",
		    answer.status, strlen(answer.body) + answer.padding,
		    answer.header ? answer.header : "", answer.body);
	for (unsigned i = 0; i < answer.padding; i++)
		xc_buf_add_char(&reply, ' ');
	for (size_t sent = 0; sent < reply.len_bytes;) {
		ssize_t count = send(fd, reply.data + sent, reply.len_bytes - sent, MSG_NOSIGNAL);

		if (count <= 0)
			return;
		sent += (size_t)count;
	}
}

static inline void *cred_server_run(void *argument)
{
	struct cred_server *server = argument;

	while (!atomic_load(&server->stop)) {
		cleanup_fd int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0 && !atomic_load(&server->stop))
			cred_server_answer(server, fd);
	}
	return NULL;
}

static inline void cred_server_start(struct cred_server *server)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);

	*server = (struct cred_server){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	pthread_mutex_init(&server->lock, NULL);
	if (bind(server->fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(server->fd, 64) < 0 ||
	    getsockname(server->fd, (struct sockaddr *)&address, &length) < 0)
		abort();
	server->port = ntohs(address.sin_port);
	if (pthread_create(&server->thread, NULL, cred_server_run, server) != 0)
		abort();
}

/* What it says from now on. The answers must stay where they are. */
static inline void cred_server_script(struct cred_server *server, const struct cred_answer *answers,
				      size_t count)
{
	pthread_mutex_lock(&server->lock);
	server->answers = answers;
	server->count = count;
	memset(server->used, 0, sizeof(server->used));
	xc_buf_clear(&server->received);
	server->requests = 0;
	pthread_mutex_unlock(&server->lock);
}

static inline unsigned cred_server_requests(struct cred_server *server)
{
	unsigned requests;

	pthread_mutex_lock(&server->lock);
	requests = server->requests;
	pthread_mutex_unlock(&server->lock);
	return requests;
}

/* Whether some request held that text. */
static inline bool cred_server_saw(struct cred_server *server, const char *text)
{
	bool saw;

	pthread_mutex_lock(&server->lock);
	saw = strstr(xc_buf_str(&server->received), text) != NULL;
	pthread_mutex_unlock(&server->lock);
	return saw;
}

static inline void cred_server_stop(struct cred_server *server)
{
	atomic_store(&server->stop, true);
	shutdown(server->fd, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	xc_fd_close(&server->fd);
	xc_buf_release(&server->received);
	pthread_mutex_destroy(&server->lock);
}

#endif
