/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slowproxy --to HOST:PORT [--rate BYTES_PER_S] [--delay MS] [--port N]
 *
 * A relay of TCP connections that makes loopback look like a wide network.
 * Listens on 127.0.0.1 at a port that it prints as "port N", and serves until
 * its standard input, a pipe, closes, its parent ends, or SIGTERM comes.
 *
 * --rate limits each connection and each direction by itself, to within a few
 * milliseconds' worth of bytes. --delay holds back every byte for so long on
 * its way in one direction: a round trip takes twice that. What a client sends
 * first waits for one round trip more, which is what a handshake would take.
 * Connections have no slow start: they are at full speed at once.
 *
 * One thread, so that it takes little from what is measured beside it. What
 * has no tokens left waits in the kernel for the next tick of all connections;
 * what was read waits in a ring until it is due.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define MS                ((int64_t)1000000)
#define TICK_NS           (5 * MS)
#define BEHIND_NS         (100 * MS) /* what may be made up for after a pause of ours */
#define NEVER             INT64_MAX
#define DELAY_MS_MAX      10000
#define RING_BYTES        ((size_t)256 << 10)
#define RING_BYTES_MAX    ((size_t)64 << 20)
#define UNLIMITED_BYTES_S ((double)(1 << 30)) /* to size the ring by */
#define ROUNDS            4                   /* before it is another connection's turn */
#define EVENTS            64

/* Bytes that become due at one time. */
struct mark {
	int64_t due_ns;
	size_t bytes;
};

/* One direction of a connection. */
struct flow {
	struct end *from, *to;
	char *ring;
	size_t head, used;
	struct mark *marks;
	size_t first, count;
	double tokens;
	int64_t refilled_ns, wake_ns;
	bool idle; /* there was less to read than tokens */
	bool blocked, ended, closed;
};

struct end {
	int fd;
	uint32_t interest;
	struct connection *connection;
};

struct connection {
	struct connection *next, *previous;
	struct end ends[2];
	struct flow flows[2];
	int64_t opened_ns;
	bool dead;
};

static struct {
	double rate; /* 0: unlimited */
	int64_t delay_ns;
	size_t ring_bytes, marks_max;
	struct sockaddr_storage target;
	socklen_t target_bytes;
} config;

static int epoll_fd, listen_fd, timer_fd;
static struct connection *connections, *graveyard;
static int64_t next_wake_ns = NEVER;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void *must(void *memory)
{
	if (!memory)
		die("slowproxy");
	return memory;
}

static size_t min_bytes(size_t a, size_t b)
{
	return a < b ? a : b;
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 * MS + now.tv_nsec;
}

static void set_interest(struct end *end, uint32_t interest)
{
	struct epoll_event event = { .events = interest, .data.ptr = end };

	if (interest == end->interest)
		return;
	/* One that is of no interest is taken out: a hang-up would be told again and again. */
	if (epoll_ctl(epoll_fd,
		      interest == 0        ? EPOLL_CTL_DEL
		      : end->interest == 0 ? EPOLL_CTL_ADD
					   : EPOLL_CTL_MOD,
		      end->fd, &event) < 0)
		die("epoll_ctl");
	end->interest = interest;
}

static void bury(struct connection *connection, bool reset)
{
	struct linger at_once = { .l_onoff = 1 };

	if (connection->dead)
		return;
	connection->dead = true;
	for (int i = 0; i < 2; i++) {
		if (reset)
			setsockopt(connection->ends[i].fd, SOL_SOCKET, SO_LINGER, &at_once,
				   sizeof(at_once));
		close(connection->ends[i].fd);
		free(connection->flows[i].ring);
		free(connection->flows[i].marks);
	}
	if (connection->previous)
		connection->previous->next = connection->next;
	else
		connections = connection->next;
	if (connection->next)
		connection->next->previous = connection->previous;
	/* Events that were fetched already may still name it. */
	connection->previous = NULL;
	connection->next = graveyard;
	graveyard = connection;
}

static void empty_graveyard(void)
{
	while (graveyard) {
		struct connection *next = graveyard->next;

		free(graveyard);
		graveyard = next;
	}
}

static void refill(struct flow *flow, int64_t now)
{
	double most = config.rate * (double)(flow->idle ? TICK_NS : BEHIND_NS) / 1e9;

	flow->tokens += config.rate * (double)(now - flow->refilled_ns) / 1e9;
	if (flow->tokens > most)
		flow->tokens = most;
	flow->refilled_ns = now;
}

static bool may_read(const struct flow *flow)
{
	return !flow->ended && flow->used < config.ring_bytes &&
	       (config.rate == 0 || flow->tokens >= 1);
}

static void add_mark(struct flow *flow, size_t bytes, int64_t now)
{
	const struct connection *connection = flow->from->connection;
	int64_t due = now + config.delay_ns;
	struct mark *last;

	if (flow == &connection->flows[0] && now < connection->opened_ns + 2 * config.delay_ns)
		due = connection->opened_ns + 3 * config.delay_ns;
	if (flow->count > 0) {
		last = &flow->marks[(flow->first + flow->count - 1) % config.marks_max];
		if (due - last->due_ns < MS / 2 || flow->count == config.marks_max) {
			last->bytes += bytes;
			return;
		}
	}
	flow->marks[(flow->first + flow->count++) % config.marks_max] = (struct mark){ due, bytes };
}

/* 1: something was read, 0: nothing can be now, -1: the connection is broken. */
static int fill(struct flow *flow, int64_t now)
{
	size_t tail = (flow->head + flow->used) % config.ring_bytes;
	size_t room = config.ring_bytes - (tail < flow->head ? flow->used : tail);
	ssize_t got;

	if (!may_read(flow))
		return 0;
	if (tail < flow->head)
		room = flow->head - tail;
	if (config.rate > 0)
		room = min_bytes(room, (size_t)flow->tokens);
	got = recv(flow->from->fd, flow->ring + tail, room, 0);
	if (got < 0) {
		flow->idle = true;
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	}
	if (got == 0) {
		flow->ended = true;
		return 1;
	}
	flow->used += (size_t)got;
	flow->tokens -= (double)got;
	if (config.rate > 0 && flow->tokens < 1)
		flow->idle = false;
	add_mark(flow, (size_t)got, now);
	return 1;
}

/* The same for what is written. */
static int drain(struct flow *flow, int64_t now)
{
	int moved = 0;

	while (flow->count > 0 && flow->marks[flow->first].due_ns <= now) {
		struct mark *mark = &flow->marks[flow->first];
		ssize_t sent =
			send(flow->to->fd, flow->ring + flow->head,
			     min_bytes(mark->bytes, config.ring_bytes - flow->head), MSG_NOSIGNAL);

		if (sent < 0) {
			flow->blocked = errno == EAGAIN || errno == EINTR;
			return flow->blocked ? moved : -1;
		}
		moved = 1;
		flow->used -= (size_t)sent;
		/* Memory that was just used is in the processor's caches. */
		flow->head = flow->used ? (flow->head + (size_t)sent) % config.ring_bytes : 0;
		mark->bytes -= (size_t)sent;
		if (mark->bytes == 0) {
			flow->first = (flow->first + 1) % config.marks_max;
			flow->count--;
		}
	}
	if (flow->ended && flow->used == 0 && !flow->closed) {
		flow->closed = true;
		shutdown(flow->to->fd, SHUT_WR);
	}
	return moved;
}

/* When time alone makes this flow go on. */
static int64_t wake_time(const struct flow *flow, int64_t now)
{
	int64_t wake = NEVER;

	if (!flow->ended && flow->used < config.ring_bytes && !may_read(flow))
		wake = now - now % TICK_NS + TICK_NS;
	if (!flow->blocked && flow->count > 0 && flow->marks[flow->first].due_ns < wake)
		wake = flow->marks[flow->first].due_ns;
	return wake;
}

static int pump(struct flow *flow, int64_t now)
{
	flow->blocked = false;
	if (config.rate > 0)
		refill(flow, now);
	for (int round = 0; round < ROUNDS; round++) {
		int filled = fill(flow, now), drained = filled < 0 ? -1 : drain(flow, now);

		if (drained < 0)
			return -1;
		if (filled == 0 && drained == 0)
			break;
	}
	flow->wake_ns = wake_time(flow, now);
	if (flow->wake_ns < next_wake_ns)
		next_wake_ns = flow->wake_ns;
	return 0;
}

static void pump_both(struct connection *connection, int64_t now)
{
	if (pump(&connection->flows[0], now) < 0 || pump(&connection->flows[1], now) < 0) {
		bury(connection, true);
		return;
	}
	if (connection->flows[0].closed && connection->flows[1].closed) {
		bury(connection, false);
		return;
	}
	for (int i = 0; i < 2; i++)
		set_interest(&connection->ends[i],
			     (may_read(&connection->flows[i]) ? EPOLLIN : 0u) |
				     (connection->flows[!i].blocked ? EPOLLOUT : 0u));
}

static int open_target(void)
{
	int fd = socket(config.target.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&config.target, config.target_bytes) < 0 &&
	    errno != EINPROGRESS) {
		close(fd);
		return -1;
	}
	return fd;
}

static void open_connection(int client, int64_t now)
{
	struct connection *connection = must(calloc(1, sizeof(*connection)));
	int fds[2] = { client, open_target() }, on = 1;

	if (fds[1] < 0) {
		close(client);
		free(connection);
		return;
	}
	connection->opened_ns = now;
	connection->next = connections;
	if (connections)
		connections->previous = connection;
	connections = connection;
	for (int i = 0; i < 2; i++) {
		struct flow *flow = &connection->flows[i];

		setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		connection->ends[i] = (struct end){ .fd = fds[i], .connection = connection };
		flow->from = &connection->ends[i];
		flow->to = &connection->ends[!i];
		flow->ring = must(malloc(config.ring_bytes));
		flow->marks = must(calloc(config.marks_max, sizeof(*flow->marks)));
		flow->tokens = config.rate * (double)TICK_NS / 1e9;
		flow->refilled_ns = now;
		flow->idle = true;
	}
	pump_both(connection, now);
}

static void accept_all(int64_t now)
{
	int fd;

	while ((fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		open_connection(fd, now);
}

static void pump_awake(int64_t now)
{
	struct connection *next;

	next_wake_ns = NEVER;
	for (struct connection *at = connections; at; at = next) {
		next = at->next;
		if (at->flows[0].wake_ns <= now || at->flows[1].wake_ns <= now)
			pump_both(at, now);
		else
			for (int i = 0; i < 2; i++)
				if (at->flows[i].wake_ns < next_wake_ns)
					next_wake_ns = at->flows[i].wake_ns;
	}
}

static void set_timer(void)
{
	static int64_t set = NEVER;
	struct itimerspec time = { 0 };

	if (next_wake_ns == set)
		return;
	set = next_wake_ns;
	if (set != NEVER) {
		time.it_value.tv_sec = set / (1000 * MS);
		time.it_value.tv_nsec = set % (1000 * MS);
	}
	timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &time, NULL);
}

static void watch(int fd, void *what)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = what };

	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		die("epoll_ctl");
}

static void serve(void)
{
	struct epoll_event events[EVENTS];
	struct stat input;
	char bytes[64];

	watch(listen_fd, &listen_fd);
	watch(timer_fd, &timer_fd);
	if (fstat(STDIN_FILENO, &input) == 0 &&
	    (S_ISFIFO(input.st_mode) || S_ISSOCK(input.st_mode)))
		watch(STDIN_FILENO, &input);
	for (;;) {
		int count = epoll_wait(epoll_fd, events, EVENTS, -1);
		int64_t now = now_ns();

		for (int i = 0; i < count; i++) {
			void *what = events[i].data.ptr;

			if (what == &input) {
				if (read(STDIN_FILENO, bytes, sizeof(bytes)) <= 0)
					return;
			} else if (what == &listen_fd) {
				accept_all(now);
			} else if (what == &timer_fd) {
				(void)!read(timer_fd, bytes, 8);
			} else if (!((struct end *)what)->connection->dead) {
				pump_both(((struct end *)what)->connection, now);
			}
		}
		if (next_wake_ns <= now)
			pump_awake(now);
		set_timer();
		empty_graveyard();
	}
}

static void find_target(const char *text)
{
	const char *colon = strrchr(text, ':');
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
	char *host;

	if (!colon) {
		fputs("slowproxy: --to takes HOST:PORT\n", stderr);
		exit(2);
	}
	host = must(strndup(text, (size_t)(colon - text)));
	if (getaddrinfo(host, colon + 1, &hints, &found) != 0) {
		fprintf(stderr, "slowproxy: there is no %s\n", text);
		exit(1);
	}
	memcpy(&config.target, found->ai_addr, found->ai_addrlen);
	config.target_bytes = found->ai_addrlen;
	freeaddrinfo(found);
	free(host);
}

static void listen_at(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int on = 1;

	listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listen_fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(listen_fd, SOMAXCONN) < 0 ||
	    getsockname(listen_fd, (struct sockaddr *)&address, &length) < 0)
		die("slowproxy: listen");
	printf("port %d\n", ntohs(address.sin_port));
	fflush(stdout);
}

/* The ring holds what is on its way. */
static void size_rings(void)
{
	double rate = config.rate > 0 ? config.rate : UNLIMITED_BYTES_S;
	double on_way =
		config.delay_ns > 0 ? rate * (double)(config.delay_ns + 4 * TICK_NS) / 1e9 : 0;

	config.ring_bytes = RING_BYTES + min_bytes((size_t)on_way, RING_BYTES_MAX);
	config.marks_max = (size_t)(config.delay_ns / (MS / 2)) + 16;
}

static void usage(void)
{
	fputs("usage: slowproxy --to HOST:PORT [--rate BYTES_PER_S] [--delay MS] [--port N]\n",
	      stderr);
	exit(2);
}

static double number(const char *text, double most)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end != '\0' || !(value >= 0 && value <= most))
		usage();
	return value;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "to", required_argument, NULL, 't' },
		{ "rate", required_argument, NULL, 'r' },
		{ "delay", required_argument, NULL, 'd' },
		{ "port", required_argument, NULL, 'p' },
		{ 0 },
	};
	const char *target = NULL;
	struct rlimit files;
	int option, port = 0;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 't':
			target = optarg;
			break;
		case 'r':
			config.rate = number(optarg, 1e12);
			break;
		case 'd':
			config.delay_ns = (int64_t)(number(optarg, DELAY_MS_MAX) * MS);
			break;
		case 'p':
			port = (int)number(optarg, 65535);
			break;
		default:
			usage();
		}
	}
	if (!target || optind != argc)
		usage();
	find_target(target);
	size_rings();
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (epoll_fd < 0 || timer_fd < 0)
		die("slowproxy");
	listen_at(port);
	serve();
	return 0;
}
