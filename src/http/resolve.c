/* SPDX-License-Identifier: Apache-2.0 */
#include "http/resolve_internal.h"

#include <ares.h>
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

#define ANSWER_KEPT_MS  30000
#define FAILURE_KEPT_MS 1000
#define ASIDE_MS        30000
/* After a failed connection the names are asked for anew, but no more often than this. */
#define FRESH_MS 1000
/* A lost packet costs so long; c-ares' own 5 s is more than a whole restore may take. */
#define QUERY_MS    2000
#define QUERY_TRIES 3
/* RFC 1035, 2.3.4, and a dot at the end. */
#define HOST_BYTES_MAX 254

struct address {
	char text[XC_ADDRESS_TEXT_MAX];
	uint64_t aside_until_ms;
};

struct host {
	struct xc_resolver *resolver;
	char *name;
	struct address addresses[XC_RESOLVE_ADDRESSES_MAX];
	unsigned count, turn;
	bool pending;
	uint64_t used_ms, answered_ms, expires_ms;
	struct xc_err err; /* why the last lookup failed; NONE if it did not */
};

struct xc_resolver {
	ares_channel channel;
	struct host *hosts[XC_RESOLVE_HOSTS_MAX];
	unsigned count;
	bool answered; /* since the last process */
	uint64_t (*now_ms)(void);
};

static uint64_t monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int xc_resolver_new(struct xc_resolver **ret_resolver, struct xc_err *err)
{
	struct ares_options options = { .timeout = QUERY_MS, .tries = QUERY_TRIES };
	struct xc_resolver *resolver;
	int status = ares_library_init(ARES_LIB_INIT_ALL);

	if (status != ARES_SUCCESS)
		return xc_err_set(err, XC_ERR_IO, "cannot start to resolve names: %s",
				  ares_strerror(status));
	resolver = xc_calloc(1, sizeof(*resolver));
	resolver->now_ms = monotonic_ms;
	status = ares_init_options(&resolver->channel, &options,
				   ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
	if (status != ARES_SUCCESS) {
		free(resolver);
		ares_library_cleanup();
		return xc_err_set(err, XC_ERR_IO, "cannot start to resolve names: %s",
				  ares_strerror(status));
	}
	*ret_resolver = resolver;
	return 0;
}

static void free_host(struct host *host)
{
	free(host->name);
	free(host);
}

void xc_resolver_free(struct xc_resolver *resolver)
{
	if (!resolver)
		return;
	/* Calls back for each lookup that is pending, so the hosts must still be there. */
	ares_destroy(resolver->channel);
	ares_library_cleanup();
	for (unsigned i = 0; i < resolver->count; i++)
		free_host(resolver->hosts[i]);
	free(resolver);
}

int xc_resolver_set_servers(struct xc_resolver *resolver, const char *servers, struct xc_err *err)
{
	int status = ares_set_servers_ports_csv(resolver->channel, servers);

	if (status != ARES_SUCCESS)
		return xc_err_set(err, XC_ERR_USAGE, "cannot use the name servers '%s': %s",
				  XC_QUOTE(servers), ares_strerror(status));
	return 0;
}

void xc_resolver_set_clock(struct xc_resolver *resolver, uint64_t (*now_ms)(void))
{
	resolver->now_ms = now_ms;
}

/*
 * Whether the machine has a route to it at all: connecting a datagram socket
 * sends nothing. Without this a machine that has no IPv6 would lose an attempt
 * to each such address of an answer.
 */
static bool has_route(const struct sockaddr *address)
{
	struct sockaddr_storage target = { 0 };
	socklen_t length;
	cleanup_fd int fd = -1;

	if (address->sa_family == AF_INET) {
		length = sizeof(struct sockaddr_in);
		memcpy(&target, address, length);
		((struct sockaddr_in *)&target)->sin_port = htons(443);
	} else {
		length = sizeof(struct sockaddr_in6);
		memcpy(&target, address, length);
		((struct sockaddr_in6 *)&target)->sin6_port = htons(443);
	}
	fd = socket(address->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno != EAFNOSUPPORT;
	if (connect(fd, (struct sockaddr *)&target, length) == 0)
		return true;
	return errno != ENETUNREACH && errno != EHOSTUNREACH && errno != EADDRNOTAVAIL &&
	       errno != EAFNOSUPPORT;
}

static bool write_address(const struct sockaddr *address, char text[XC_ADDRESS_TEXT_MAX])
{
	char plain[INET6_ADDRSTRLEN];
	const void *bytes;

	if (address->sa_family == AF_INET)
		bytes = &((const struct sockaddr_in *)address)->sin_addr;
	else if (address->sa_family == AF_INET6)
		bytes = &((const struct sockaddr_in6 *)address)->sin6_addr;
	else
		return false;
	if (!inet_ntop(address->sa_family, bytes, plain, sizeof(plain)))
		return false;
	snprintf(text, XC_ADDRESS_TEXT_MAX, address->sa_family == AF_INET6 ? "[%s]" : "%s", plain);
	return true;
}

static struct address *find_address(struct address *addresses, unsigned count, const char *text)
{
	for (unsigned i = 0; i < count; i++) {
		if (strcmp(addresses[i].text, text) == 0)
			return &addresses[i];
	}
	return NULL;
}

/* The addresses of an answer in its order, each once; those set aside before stay so. */
static unsigned list_addresses(struct host *host, const struct ares_addrinfo *answer,
			       bool with_route, struct address out[XC_RESOLVE_ADDRESSES_MAX])
{
	unsigned count = 0;

	for (const struct ares_addrinfo_node *node = answer->nodes;
	     node && count < XC_RESOLVE_ADDRESSES_MAX; node = node->ai_next) {
		struct address address = { 0 };
		const struct address *known;

		if (!node->ai_addr || !write_address(node->ai_addr, address.text) ||
		    find_address(out, count, address.text) ||
		    (with_route && !has_route(node->ai_addr)))
			continue;
		known = find_address(host->addresses, host->count, address.text);
		if (known)
			address.aside_until_ms = known->aside_until_ms;
		out[count++] = address;
	}
	return count;
}

static void take_answer(struct host *host, int status, const struct ares_addrinfo *answer)
{
	struct address addresses[XC_RESOLVE_ADDRESSES_MAX];
	uint64_t now_ms = host->resolver->now_ms();
	unsigned count = 0;

	host->pending = false;
	host->resolver->answered = true;
	host->answered_ms = now_ms;
	if (status == ARES_SUCCESS) {
		count = list_addresses(host, answer, true, addresses);
		/* With none that can be reached the connection will say what is wrong. */
		if (count == 0)
			count = list_addresses(host, answer, false, addresses);
	}
	if (count == 0) {
		/* What was known before is still better than nothing. */
		xc_err_set(&host->err, XC_ERR_TRANSIENT, "cannot resolve '%s': %s",
			   XC_QUOTE(host->name),
			   ares_strerror(status == ARES_SUCCESS ? ARES_ENODATA : status));
		host->expires_ms = now_ms + FAILURE_KEPT_MS;
		return;
	}
	memcpy(host->addresses, addresses, count * sizeof(addresses[0]));
	host->count = count;
	host->turn = 0;
	host->err.kind = XC_ERR_NONE;
	host->expires_ms = now_ms + ANSWER_KEPT_MS;
}

static void on_answer(void *context, int status, int timeouts, struct ares_addrinfo *answer)
{
	(void)timeouts;
	if (status != ARES_EDESTRUCTION)
		take_answer(context, status, answer);
	if (answer)
		ares_freeaddrinfo(answer);
}

static struct host *find_host(struct xc_resolver *resolver, const char *name)
{
	for (unsigned i = 0; i < resolver->count; i++) {
		if (strcasecmp(resolver->hosts[i]->name, name) == 0)
			return resolver->hosts[i];
	}
	return NULL;
}

/* A place in the table, or NULL if lookups are pending in all. */
static struct host **make_room(struct xc_resolver *resolver)
{
	struct host **oldest = NULL;

	if (resolver->count < XC_RESOLVE_HOSTS_MAX)
		return &resolver->hosts[resolver->count++];
	for (unsigned i = 0; i < resolver->count; i++) {
		struct host **host = &resolver->hosts[i];

		if (!(*host)->pending && (!oldest || (*host)->used_ms < (*oldest)->used_ms))
			oldest = host;
	}
	if (oldest)
		free_host(*oldest);
	return oldest;
}

static struct host *add_host(struct xc_resolver *resolver, const char *name)
{
	struct host **place = make_room(resolver);

	if (!place)
		return NULL;
	*place = xc_calloc(1, sizeof(**place));
	(*place)->resolver = resolver;
	(*place)->name = xc_strdup(name);
	return *place;
}

static void look_up(struct host *host)
{
	const struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC,
						   .ai_socktype = SOCK_STREAM };

	/* May call back at once, as for what /etc/hosts knows. */
	host->pending = true;
	ares_getaddrinfo(host->resolver->channel, host->name, NULL, &hints, on_answer, host);
}

/* The next in turn that is not set aside; else the one that was set aside first. */
static const struct address *choose(struct host *host, uint64_t now_ms)
{
	struct address *best = &host->addresses[host->turn % host->count];

	for (unsigned i = 0; i < host->count; i++) {
		unsigned index = (host->turn + i) % host->count;
		struct address *address = &host->addresses[index];

		if (address->aside_until_ms <= now_ms) {
			host->turn = index + 1;
			return address;
		}
		if (address->aside_until_ms < best->aside_until_ms)
			best = address;
	}
	return best;
}

/* A literal with the zone of an IPv6 address, as in fe80::1%eth0, is one too. */
static bool copy_literal(const char *host, char ret_address[XC_ADDRESS_TEXT_MAX])
{
	char plain[INET6_ADDRSTRLEN];
	unsigned char bytes[sizeof(struct in6_addr)];
	size_t length = strcspn(host, "%");

	if (length >= sizeof(plain) || strlen(host) + 3 > XC_ADDRESS_TEXT_MAX)
		return false;
	memcpy(plain, host, length);
	plain[length] = '\0';
	if (inet_pton(AF_INET6, plain, bytes) == 1)
		snprintf(ret_address, XC_ADDRESS_TEXT_MAX, "[%s]", host);
	else if (inet_pton(AF_INET, host, bytes) == 1)
		snprintf(ret_address, XC_ADDRESS_TEXT_MAX, "%s", host);
	else
		return false;
	return true;
}

enum xc_resolve_state xc_resolver_next(struct xc_resolver *resolver, const char *host,
				       char ret_address[XC_ADDRESS_TEXT_MAX], struct xc_err *err)
{
	uint64_t now_ms = resolver->now_ms();
	struct host *known;

	if (copy_literal(host, ret_address))
		return XC_RESOLVE_READY;
	if (*host == '\0' || strlen(host) > HOST_BYTES_MAX) {
		xc_err_set(err, XC_ERR_TRANSIENT, "cannot resolve '%s': no name of a host",
			   XC_QUOTE(host));
		return XC_RESOLVE_FAILED;
	}
	known = find_host(resolver, host);
	if (!known)
		known = add_host(resolver, host);
	if (!known) {
		xc_err_set(err, XC_ERR_TRANSIENT, "cannot resolve '%s': too many names at once",
			   XC_QUOTE(host));
		return XC_RESOLVE_FAILED;
	}
	known->used_ms = now_ms;
	if (!known->pending && known->expires_ms <= now_ms)
		look_up(known);
	/* An old answer serves while it is asked for anew, and if that fails. */
	if (known->count > 0) {
		snprintf(ret_address, XC_ADDRESS_TEXT_MAX, "%s", choose(known, now_ms)->text);
		return XC_RESOLVE_READY;
	}
	if (known->pending)
		return XC_RESOLVE_PENDING;
	*err = known->err;
	return XC_RESOLVE_FAILED;
}

void xc_resolver_failed(struct xc_resolver *resolver, const char *host, const char *address)
{
	struct host *known = find_host(resolver, host);
	struct address *failed =
		known ? find_address(known->addresses, known->count, address) : NULL;

	if (!failed)
		return;
	if (known->count > 1)
		failed->aside_until_ms = resolver->now_ms() + ASIDE_MS;
	/* The name may lead elsewhere by now. */
	known->expires_ms = XC_MIN(known->expires_ms, known->answered_ms + FRESH_MS);
}

unsigned xc_resolver_poll(struct xc_resolver *resolver, struct pollfd *ret_fds, int *io_timeout_ms)
{
	ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
	int bits = ares_getsock(resolver->channel, sockets, ARES_GETSOCK_MAXNUM);
	struct timeval most = { .tv_sec = 3600 }, left;
	unsigned count = 0;

	_Static_assert(XC_RESOLVE_POLL_MAX >= ARES_GETSOCK_MAXNUM, "all sockets must fit");
	for (unsigned i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
		short events = (ARES_GETSOCK_READABLE(bits, i) ? POLLIN : 0) |
			       (ARES_GETSOCK_WRITABLE(bits, i) ? POLLOUT : 0);

		if (events)
			ret_fds[count++] = (struct pollfd){ .fd = sockets[i], .events = events };
	}
	if (count > 0) {
		const struct timeval *until = ares_timeout(resolver->channel, &most, &left);
		int wait_ms = (int)(until->tv_sec * 1000 + (until->tv_usec + 999) / 1000);

		if (*io_timeout_ms < 0 || *io_timeout_ms > wait_ms)
			*io_timeout_ms = wait_ms;
	}
	/* An answer that came while another name was asked for waits for process. */
	if (resolver->answered)
		*io_timeout_ms = 0;
	return count;
}

bool xc_resolver_process(struct xc_resolver *resolver, const struct pollfd *fds, unsigned count)
{
	bool answered;

	for (unsigned i = 0; i < count; i++) {
		bool broken = fds[i].revents & (POLLERR | POLLHUP);
		bool readable = (fds[i].revents & POLLIN) || broken;
		bool writable = (fds[i].revents & POLLOUT) || broken;

		if (readable || writable)
			ares_process_fd(resolver->channel, readable ? fds[i].fd : ARES_SOCKET_BAD,
					writable ? fds[i].fd : ARES_SOCKET_BAD);
	}
	/* What timed out. */
	ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	answered = resolver->answered;
	resolver->answered = false;
	return answered;
}
