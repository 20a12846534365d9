/* SPDX-License-Identifier: Apache-2.0 */
#include "http/net/resolve.h"

#include <ares.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "http/net/addresses.h"

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

struct host {
	struct xc_resolver *resolver;
	char *name;
	struct xc_addresses addresses;
	bool pending;
	uint64_t used_ms, answered_ms, expires_ms;
	struct xc_err err; /* why the last lookup failed; NONE if it did not */
};

struct xc_resolver {
	ares_channel channel;
	struct host *hosts[XC_RESOLVE_HOSTS_MAX];
	unsigned count;
	bool answered; /* since the last process */
};

int xc_resolver_new(struct xc_resolver **ret_resolver, struct xc_err *err)
{
	struct ares_options options = { .timeout = QUERY_MS, .tries = QUERY_TRIES };
	struct xc_resolver *resolver;
	int status = ares_library_init(ARES_LIB_INIT_ALL);

	if (status != ARES_SUCCESS)
		return xc_err_set(err, XC_ERR_IO, "cannot start to resolve names: %s",
				  ares_strerror(status));
	resolver = xc_calloc(1, sizeof(*resolver));
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

static void take_answer(struct host *host, int status, const struct ares_addrinfo *answer)
{
	uint64_t now_ms = xc_clock_ms();

	host->pending = false;
	host->resolver->answered = true;
	host->answered_ms = now_ms;
	if (status == ARES_SUCCESS && !xc_addresses_replace(&host->addresses, answer))
		status = ARES_ENODATA;
	if (status == ARES_SUCCESS) {
		host->err.kind = XC_ERR_NONE;
		host->expires_ms = now_ms + ANSWER_KEPT_MS;
	} else {
		/* What was known before is still better than nothing. */
		xc_err_set(&host->err, XC_ERR_TRANSIENT, "cannot resolve '%s': %s",
			   XC_QUOTE(host->name), ares_strerror(status));
		host->expires_ms = now_ms + FAILURE_KEPT_MS;
	}
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

enum xc_resolve_state xc_resolver_next(struct xc_resolver *resolver, const char *host,
				       char ret_address[XC_ADDRESS_TEXT_MAX], struct xc_err *err)
{
	uint64_t now_ms = xc_clock_ms();
	struct host *known;

	if (xc_addresses_literal(host, ret_address))
		return XC_RESOLVE_READY;
	if (*host == '\0' || strlen(host) > HOST_BYTES_MAX) {
		xc_err_set(err, XC_ERR_TRANSIENT, "cannot resolve '%s': not a host name",
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
	if (known->addresses.count > 0) {
		xc_addresses_next(&known->addresses, now_ms, ret_address);
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

	if (!known || !xc_addresses_set_aside(&known->addresses, address, xc_clock_ms() + ASIDE_MS))
		return;
	/* The name may lead elsewhere by now. */
	known->expires_ms = XC_MIN(known->expires_ms, known->answered_ms + FRESH_MS);
}

unsigned xc_resolver_poll(struct xc_resolver *resolver, struct pollfd *ret_fds, int *io_timeout_ms)
{
	ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
	/* Not by c-ares' macros, which shift into the sign. */
	unsigned bits = (unsigned)ares_getsock(resolver->channel, sockets, ARES_GETSOCK_MAXNUM);
	struct timeval most = { .tv_sec = 3600 }, left;
	unsigned count = 0;

	_Static_assert(XC_RESOLVE_POLL_MAX >= ARES_GETSOCK_MAXNUM, "all sockets must fit");
	for (unsigned i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
		short events = 0;

		if (bits >> i & 1)
			events |= POLLIN;
		if (bits >> (i + ARES_GETSOCK_MAXNUM) & 1)
			events |= POLLOUT;
		if (events)
			ret_fds[count++] = (struct pollfd){ .fd = sockets[i], .events = events };
	}
	if (count > 0) {
		const struct timeval *until = ares_timeout(resolver->channel, &most, &left);
		/* c-ares drops the last part of a millisecond, which would be spent in a spin. */
		int wait_ms = (int)(until->tv_sec * 1000 + until->tv_usec / 1000) + 1;

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
