/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small HTTP server on a port of the loopback, in threads of the test, that
 * does what a script says: one step for each request that fits, in order of
 * arrival, then 200 with a short body for all others.
 *
 *   server_start -> server.port -> requests -> server_stop; what came is in server.seen
 */
#ifndef TESTS_UNIT_HTTP_SERVER_H
#define TESTS_UNIT_HTTP_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"

#define SERVER_SEEN_MAX  4096
#define SERVER_CONNS_MAX 1024
#define SERVER_HEAD_MAX  16384

enum server_deed {
	SERVER_REPLY,    /* status, headers, body */
	SERVER_RESET,    /* after the head was read, and body_bytes of the body */
	SERVER_CLOSE,    /* without an answer */
	SERVER_TRUNCATE, /* as REPLY, but the connection ends after body_sent bytes */
	SERVER_STALL,    /* as REPLY, but nothing comes after body_sent bytes */
	SERVER_SILENT,   /* no answer ever */
	SERVER_RAW,      /* `text` as it is, then the end */
	SERVER_EARLY,    /* a reply before the body was read, then the end */
	SERVER_DROP,     /* as REPLY, then the end without having announced it */
};

struct server_step {
	enum server_deed deed;
	const char *path;    /* only requests whose line has this in it; NULL: any */
	unsigned times;      /* 0: once; UINT32_MAX: always */
	int status;          /* 0: 200 */
	const char *headers; /* each with its \r\n; NULL: none */
	const char *text;    /* the body; NULL: body_bytes of server_byte */
	size_t body_bytes, body_sent;
	size_t piece_bytes; /* the body in pieces so large ... */
	unsigned piece_ms;  /* ... each after so long */
	unsigned delay_ms;  /* before the answer */
	int after_status;   /* the answer waits for one with this status to another request */
	unsigned read_ms;   /* before each read of at most 64 KiB of the request's body */
};

struct server_seen {
	char line[200]; /* the request line */
	char head[1600];
	size_t body_bytes;
	uint64_t body_sum; /* as server_sum */
	unsigned connection;
};

struct server {
	unsigned port;
	pthread_mutex_t mutex;
	struct server_step *steps;
	size_t steps_count;
	struct server_seen *seen;
	unsigned seen_count, connections, open, open_peak, busy, busy_peak;
	atomic_bool stopping, has_answered[600]; /* by status */
	int listener;
	int fds[SERVER_CONNS_MAX];
	pthread_t acceptor, threads[SERVER_CONNS_MAX];
};

struct server_connection {
	struct server *server;
	int fd;
	unsigned number;
	char head[SERVER_HEAD_MAX]; /* of the request, and what came behind it */
	size_t have_bytes;
};

static inline char server_byte(size_t at)
{
	return (char)(at * 31 + (at >> 8) * 7 + (at >> 16));
}

static inline uint64_t server_sum(uint64_t sum, const char *data, size_t length)
{
	for (size_t i = 0; i < length; i++)
		sum = sum * 1099511628211ULL + (unsigned char)data[i];
	return sum;
}

static inline bool server_send(int fd, const char *data, size_t length)
{
	while (length > 0) {
		ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		data += sent;
		length -= (size_t)sent;
	}
	return true;
}

/* Until the client has gone or the server stops. */
static inline void server_hang(struct server_connection *c)
{
	char junk[4096];

	while (recv(c->fd, junk, sizeof(junk), 0) > 0)
		;
}

static inline bool server_send_body(struct server_connection *c, const struct server_step *step,
				    size_t total)
{
	size_t piece = step->piece_bytes ? step->piece_bytes : (size_t)256 << 10;
	char *data = malloc(piece);
	bool fine = true;

	for (size_t at = 0; fine && at < total; at += piece) {
		size_t length = XC_MIN(piece, total - at);

		if (step->text)
			memcpy(data, step->text + at, length);
		for (size_t i = 0; !step->text && i < length; i++)
			data[i] = server_byte(at + i);
		if (step->piece_ms)
			usleep(step->piece_ms * 1000);
		fine = server_send(c->fd, data, length);
	}
	free(data);
	return fine;
}

static inline void server_abort(struct server_connection *c)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

/* True if the connection may go on. */
static inline bool server_answer(struct server_connection *c, const struct server_step *step,
				 bool is_head)
{
	size_t total = step->text ? strlen(step->text) : step->body_bytes, sent = total;
	bool cut = step->deed == SERVER_TRUNCATE || step->deed == SERVER_STALL;
	char head[2048];
	int length;

	usleep(step->delay_ms * 1000);
	while (!c->server->has_answered[step->after_status] && !c->server->stopping)
		usleep(1000);
	if (step->deed == SERVER_CLOSE)
		return false;
	if (step->deed == SERVER_RAW) {
		server_send(c->fd, step->text, strlen(step->text));
		return false;
	}
	if (step->deed == SERVER_SILENT) {
		server_hang(c);
		return false;
	}
	length = snprintf(head, sizeof(head), "HTTP/1.1 %d Words\r\nContent-Length: %zu\r\n%s\r\n",
			  step->status ? step->status : 200, total,
			  step->headers ? step->headers : "");
	if (!server_send(c->fd, head, (size_t)length))
		return false;
	if (cut)
		sent = XC_MIN(step->body_sent, total);
	if (!is_head && !server_send_body(c, step, sent))
		return false;
	c->server->has_answered[step->status] = true;
	if (step->deed == SERVER_STALL)
		server_hang(c);
	return step->deed == SERVER_REPLY;
}

/* The head into seen; false at the end of the connection. */
static inline bool server_read_head(struct server_connection *c, size_t *ret_head_bytes)
{
	for (;;) {
		const char *end = memmem(c->head, c->have_bytes, "\r\n\r\n", 4);
		ssize_t got;

		if (end) {
			*ret_head_bytes = (size_t)(end + 4 - c->head);
			return true;
		}
		got = c->have_bytes < sizeof(c->head) ? recv(c->fd, c->head + c->have_bytes,
							     sizeof(c->head) - c->have_bytes, 0)
						      : 0;
		if (got <= 0)
			return false;
		c->have_bytes += (size_t)got;
	}
}

static inline size_t server_content_length(const char *head, size_t head_bytes)
{
	char text[SERVER_HEAD_MAX + 1];
	const char *at;

	memcpy(text, head, head_bytes);
	text[head_bytes] = '\0';
	at = strcasestr(text, "\r\ncontent-length:");
	return at ? strtoul(at + strlen("\r\ncontent-length:"), NULL, 10) : 0;
}

/* Reads at most `most` of the body; returns how much that was. */
static inline size_t server_read_body(struct server_connection *c, size_t head_bytes, size_t most,
				      unsigned read_ms, uint64_t *sum)
{
	size_t done = XC_MIN(c->have_bytes - head_bytes, most);
	char data[65536];

	*sum = server_sum(0, c->head + head_bytes, done);
	c->have_bytes -= head_bytes + done;
	memmove(c->head, c->head + head_bytes + done, c->have_bytes);
	while (done < most) {
		ssize_t got;

		usleep(read_ms * 1000);
		got = recv(c->fd, data, XC_MIN(sizeof(data), most - done), 0);
		if (got <= 0)
			break;
		*sum = server_sum(*sum, data, (size_t)got);
		done += (size_t)got;
	}
	return done;
}

static inline struct server_step server_choose(struct server *server, const char *line)
{
	struct server_step step = { .text = "fine" };

	pthread_mutex_lock(&server->mutex);
	for (size_t i = 0; i < server->steps_count; i++) {
		struct server_step *candidate = &server->steps[i];

		if (candidate->times == 0 || (candidate->path && !strstr(line, candidate->path)))
			continue;
		if (candidate->times != UINT32_MAX)
			candidate->times--;
		step = *candidate;
		break;
	}
	pthread_mutex_unlock(&server->mutex);
	return step;
}

static inline struct server_seen *server_note(struct server_connection *c, size_t head_bytes)
{
	struct server *server = c->server;
	struct server_seen *seen;
	size_t length = XC_MIN(head_bytes, sizeof(seen->head) - 1);

	pthread_mutex_lock(&server->mutex);
	seen = &server->seen[XC_MIN(server->seen_count++, SERVER_SEEN_MAX - 1U)];
	memcpy(seen->head, c->head, length);
	seen->head[length] = '\0';
	snprintf(seen->line, sizeof(seen->line), "%.*s", (int)strcspn(seen->head, "\r"),
		 seen->head);
	seen->connection = c->number;
	server->busy++;
	server->busy_peak = XC_MAX(server->busy_peak, server->busy);
	pthread_mutex_unlock(&server->mutex);
	return seen;
}

static inline bool server_serve_one(struct server_connection *c)
{
	struct server_seen *seen;
	struct server_step step;
	size_t head_bytes, body_bytes, wanted;
	uint64_t sum;
	bool more;

	if (!server_read_head(c, &head_bytes))
		return false;
	body_bytes = wanted = server_content_length(c->head, head_bytes);
	seen = server_note(c, head_bytes);
	step = server_choose(c->server, seen->line);
	if (step.deed == SERVER_RESET)
		wanted = XC_MIN(step.body_bytes, body_bytes);
	if (step.deed == SERVER_EARLY)
		wanted = 0;
	body_bytes = server_read_body(c, head_bytes, wanted, step.read_ms, &sum);
	pthread_mutex_lock(&c->server->mutex);
	seen->body_bytes = body_bytes;
	seen->body_sum = sum;
	pthread_mutex_unlock(&c->server->mutex);
	if (step.deed == SERVER_RESET) {
		server_abort(c);
		more = false;
	} else {
		more = body_bytes == wanted &&
		       server_answer(c, &step, strncmp(seen->line, "HEAD", 4) == 0);
	}
	pthread_mutex_lock(&c->server->mutex);
	c->server->busy--;
	pthread_mutex_unlock(&c->server->mutex);
	return more;
}

static inline void *server_run_connection(void *context)
{
	struct server_connection *c = context;
	struct server *server = c->server;

	while (!server->stopping && server_serve_one(c))
		;
	pthread_mutex_lock(&server->mutex);
	server->fds[c->number] = -1;
	server->open--;
	close(c->fd);
	pthread_mutex_unlock(&server->mutex);
	free(c);
	return NULL;
}

static inline void *server_accept(void *context)
{
	struct server *server = context;

	for (;;) {
		int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC), one = 1;
		struct server_connection *c;

		if (fd < 0 || server->stopping || server->connections == SERVER_CONNS_MAX) {
			if (fd >= 0)
				close(fd);
			return NULL;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		c = calloc(1, sizeof(*c));
		pthread_mutex_lock(&server->mutex);
		*c = (struct server_connection){ .server = server,
						 .fd = fd,
						 .number = server->connections };
		server->fds[server->connections] = fd;
		server->open_peak = XC_MAX(server->open_peak, ++server->open);
		pthread_create(&server->threads[server->connections++], NULL, server_run_connection,
			       c);
		pthread_mutex_unlock(&server->mutex);
	}
}

/* `steps` are copied; `count` may be 0. */
static inline struct server *server_start(const struct server_step *steps, size_t count)
{
	struct server *server = calloc(1, sizeof(*server));
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int receive_bytes = 128 << 10;

	pthread_mutex_init(&server->mutex, NULL);
	server->steps = calloc(count + 1, sizeof(*steps));
	if (count > 0)
		memcpy(server->steps, steps, count * sizeof(*steps));
	for (size_t i = 0; i < count; i++)
		server->steps[i].times = XC_MAX(steps[i].times, 1U);
	server->steps_count = count;
	server->seen = calloc(SERVER_SEEN_MAX, sizeof(*server->seen));
	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* So that a slow reader is noticed on the other side. */
	setsockopt(server->listener, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
	if (bind(server->listener, (struct sockaddr *)&address, length) < 0 ||
	    listen(server->listener, 256) < 0 ||
	    getsockname(server->listener, (struct sockaddr *)&address, &length) < 0)
		abort();
	server->has_answered[0] = true;
	server->port = ntohs(address.sin_port);
	pthread_create(&server->acceptor, NULL, server_accept, server);
	return server;
}

/* All connections end; what was seen can still be looked at. */
static inline void server_stop(struct server *server)
{
	server->stopping = true;
	shutdown(server->listener, SHUT_RDWR);
	pthread_join(server->acceptor, NULL);
	pthread_mutex_lock(&server->mutex);
	for (unsigned i = 0; i < server->connections; i++) {
		if (server->fds[i] >= 0)
			shutdown(server->fds[i], SHUT_RDWR);
	}
	pthread_mutex_unlock(&server->mutex);
	for (unsigned i = 0; i < server->connections; i++)
		pthread_join(server->threads[i], NULL);
	close(server->listener);
}

static inline void server_free(struct server *server)
{
	pthread_mutex_destroy(&server->mutex);
	free(server->steps);
	free(server->seen);
	free(server);
}

#endif
